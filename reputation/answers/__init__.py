"""Answers that are not one class of a fixed list: numbers, comparisons, sets of labels, spans, free text."""
