"""Answers that are no class: numbers of a real crowd, and planted comparisons, label sets, spans and texts,
beside the naive answer and crowd-kit's methods; part of `scripts/bench truth`.

Figures are errors, so less is better throughout; those of planted crowds are means over `SEEDS`.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from reputation.answers.files import read_known_numbers, read_numbers
from reputation.answers.multilabel import label_set_truth, label_shares
from reputation.answers.numeric import numeric_mean, numeric_median, numeric_truth
from reputation.answers.pairwise import bradley_terry, crowd_bradley_terry
from reputation.answers.spans import Spans, span_truth, spans_of, tag_shares
from reputation.answers.texts import TextRun, text_average, text_truth
from scripts.benches.report import Bar, Peer, Row
from scripts.benches.truth import peers, planted
from scripts.programs import ROOT, say

SEEDS = (11, 12, 13)
MOST_ABSOLUTE, MOST_SQUARED = 12.02, 17.84  # n_emotion: mean absolute error, root mean squared error
PROGRAM = Path(__file__).parent / "answers_turns.py"
PATIENCE = 900
NAIVE, PEER = "naive", "crowd-kit"

Say = Callable[[str], None]
Errors = dict[tuple[str, str], float]  # (who, which method) to error in percent


def rows(arguments: argparse.Namespace, say: Say) -> list[Row]:
    """The rows; unless `arguments.no_peers`, with crowd-kit's.

    Raises:
        Stop: the peers cannot be installed or do not run.
    """
    with_peers = not getattr(arguments, "no_peers", False)
    if with_peers:
        peers.install()
    found = numbers(say)
    kinds: dict[str, list[tuple[float, Errors]]] = {}
    for seed in SEEDS:
        say(f"other kinds of answers: planted crowd {seed}")
        theirs = _ask(seed) if with_peers else {"comparisons": {}, "label_sets": {}, "texts": {}}
        for name, part in PARTS.items():
            kinds.setdefault(name, []).append(part(seed, theirs))
    for name, runs in kinds.items():
        found += _compare(name, runs)
    return found


def numbers(say: Say) -> list[Row]:
    """n_emotion beside its mean and median, held to the bars."""
    shared = Path(os.environ.get("CROWDLEDGER_SHARED", ROOT.parent / "shared"))
    folder = shared / "data" / "n_emotion"
    if not (folder / "labels.csv").is_file():
        say(f"n_emotion is not at {folder} (set CROWDLEDGER_SHARED): left out")
        return []
    file = read_numbers(folder / "labels.csv")
    truth = file.place(read_known_numbers(folder / "truth.csv"))
    known = np.isfinite(truth)
    sizes = {"items": int(known.sum()), "workers": file.numbers.workers, "labels": len(file.numbers)}
    ways = {"mean": numeric_mean(file.numbers), "median": numeric_median(file.numbers)}
    off = {name: (estimate - truth)[known] for name, estimate in ways.items()}
    ours = (numeric_truth(file.numbers).estimate - truth)[known]
    made = []
    for what, error, limit in (("absolute", _absolute, MOST_ABSOLUTE), ("squared", _squared, MOST_SQUARED)):
        root = "root of the mean squared error" if what == "squared" else "mean absolute error"
        for name, theirs in off.items():
            peer, bar = Peer(NAIVE, name, error(theirs)), Bar(limit) if name == "mean" else None
            made.append(Row(f"numbers, n_emotion: {root}", sizes, error(ours), "points", peer, bar))
    return made


def _absolute(off: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    return float(np.abs(off).mean())


def _squared(off: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    return float(np.sqrt((off**2).mean()))


def _ask(seed: int) -> dict[str, Any]:
    """crowd-kit's results on the planted crowds of one seed."""
    made, sets, texts = (
        planted.comparisons(seed)[0],
        planted.label_sets(seed)[0],
        planted.texts(seed)[0],
    )
    labels = [np.flatnonzero(row).tolist() for row in sets.chosen]
    given = {
        "comparisons": np.stack([made.worker, made.winner, made.loser], 1).tolist(),
        "label_sets": list(zip(sets.item.tolist(), sets.worker.tolist(), labels, strict=True)),
        "texts": list(zip(texts.item.tolist(), texts.worker.tolist(), texts.embedding.tolist(), strict=True)),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers.json"
        path.write_text(json.dumps(given), "utf-8")
        return peers.ask(PROGRAM, [str(path)], patience=PATIENCE)


def _compare(what: str, runs: list[tuple[float, Errors]]) -> list[Row]:
    """One row for each that ours is compared with; ours must not be worse than the naive answer."""
    ours = mean(error for error, _ in runs)
    made = []
    for who, method in runs[0][1]:
        figure = mean(errors[who, method] for _, errors in runs)
        bar = Bar(1.0, of="ratio") if who == NAIVE else None
        made.append(Row(what, {"crowds": len(runs)}, ours, "%", Peer(who, method, figure), bar))
    return made


def _comparisons(seed: int, theirs: Mapping[str, Any]) -> tuple[float, Errors]:
    made, score, _ = planted.comparisons(seed)

    def wrong(found: Any) -> float:
        """How many of all pairs of items are the wrong way round; half of them where scores are equal."""
        found = np.asarray(found, dtype=np.float64)
        one, other = np.triu_indices(score.size, 1)
        agree = np.sign(found[one] - found[other]) * np.sign(score[one] - score[other])
        return float(50 * (1 - agree).mean())

    won = np.bincount(made.winner, minlength=made.items)
    lost = np.bincount(made.loser, minlength=made.items)
    errors: Errors = {
        (NAIVE, "share of wins"): wrong(won / np.maximum(won + lost, 1)),
        (NAIVE, "our Bradley-Terry"): wrong(bradley_terry(made).score),
    }
    for name, scores in theirs["comparisons"].items():
        errors[PEER, name] = wrong([scores.get(str(item), 0.0) for item in range(made.items)])
    return wrong(crowd_bradley_terry(made).score), errors


def _label_sets(seed: int, theirs: Mapping[str, Any]) -> tuple[float, Errors]:
    sets, truth = planted.label_sets(seed)

    def wrong(found: Any) -> float:
        return float(100 * (1 - 2 * (found & truth).sum() / (found.sum() + truth.sum())))

    errors: Errors = {(NAIVE, "majority of each label"): wrong(label_shares(sets) > 0.5)}
    for name, labels in theirs["label_sets"].items():
        found = np.zeros_like(truth)
        for item, given in labels.items():
            found[int(item), given] = True
        errors[PEER, name] = wrong(found)
    return wrong(label_set_truth(sets).posterior > 0.5), errors


def _spans(seed: int, theirs: Mapping[str, Any]) -> tuple[float, Errors]:
    tags, truth = planted.spans(seed)
    true = _rows(spans_of(truth, tags.length))

    def wrong(found: Spans) -> float:
        return 100 * (1 - 2 * len(_rows(found) & true) / (len(_rows(found)) + len(true)))

    majority = spans_of(tag_shares(tags).argmax(axis=1), tags.length)
    return wrong(span_truth(tags).spans), {(NAIVE, "majority of each token"): wrong(majority)}


def _rows(spans: Spans) -> set[tuple[int, ...]]:
    columns = (spans.document, spans.start, spans.end, spans.kind)
    return set(zip(*(column.tolist() for column in columns), strict=True))


def _texts(seed: int, theirs: Mapping[str, Any]) -> tuple[float, Errors]:
    texts, truth, _ = planted.texts(seed)

    def wrong(places: Any) -> float:
        """How far the chosen answers are from the truth, as cosine distance."""
        written = texts.embedding[places]
        norms = np.linalg.norm(written, axis=1) * np.linalg.norm(truth, axis=1)
        return float(100 * (1 - (written * truth).sum(axis=1) / norms).mean())

    average: TextRun = text_average(texts)
    errors: Errors = {(NAIVE, "closest to the average"): wrong(average.best)}
    for name, places in theirs["texts"].items():
        errors[PEER, name] = wrong([places[str(item)] for item in range(texts.items)])
    return wrong(text_truth(texts).best), errors


PARTS: dict[str, Callable[[int, Mapping[str, Any]], tuple[float, Errors]]] = {
    "comparisons, planted: pairs the wrong way round": _comparisons,
    "label sets, planted: 1 - F1": _label_sets,
    "spans, planted: 1 - F1 of whole spans": _spans,
    "free texts, planted: cosine distance of the chosen": _texts,
}


def main() -> None:
    """These rows alone: `python -m scripts.benches.truth.answers [--no-peers]`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-peers", action="store_true", help="leave crowd-kit out")
    for row in rows(parser.parse_args(), say):
        print(json.dumps(row.to_json()))


if __name__ == "__main__":
    main()
