"""Answers that are not one class of a fixed list: numbers, comparisons, sets of labels, spans, free text."""

from reputation.answers.files import NumberFile, read_known_numbers, read_numbers
from reputation.answers.multilabel import LabelSetPrior, LabelSetRun, LabelSets, label_set_truth, label_shares
from reputation.answers.numeric import Numbers, NumericRun, numeric_mean, numeric_median, numeric_truth
from reputation.answers.pairwise import (
    Comparisons,
    PairwisePrior,
    PairwiseRun,
    bradley_terry,
    crowd_bradley_terry,
)
from reputation.answers.spans import SpanPrior, SpanRun, Spans, Tags, span_truth, spans_of, tag_shares
from reputation.answers.texts import TextRun, Texts, text_average, text_truth

__all__ = [
    "Comparisons",
    "LabelSetPrior",
    "LabelSetRun",
    "LabelSets",
    "NumberFile",
    "Numbers",
    "NumericRun",
    "PairwisePrior",
    "PairwiseRun",
    "SpanPrior",
    "SpanRun",
    "Spans",
    "Tags",
    "TextRun",
    "Texts",
    "bradley_terry",
    "crowd_bradley_terry",
    "label_set_truth",
    "label_shares",
    "numeric_mean",
    "numeric_median",
    "numeric_truth",
    "read_known_numbers",
    "read_numbers",
    "span_truth",
    "spans_of",
    "tag_shares",
    "text_average",
    "text_truth",
]
