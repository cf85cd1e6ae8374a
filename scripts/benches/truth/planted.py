"""Crowds whose truth is known because it was made first: comparisons, sets of labels, spans, free texts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reputation.answers.multilabel import LabelSets
from reputation.answers.pairwise import Comparisons
from reputation.answers.spans import Tags
from reputation.answers.texts import Texts

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Triples = list[tuple[int, int, int]]


def comparisons(seed: int) -> tuple[Comparisons, Floats, Floats]:
    """60 items, 40 workers of 30 comparisons: half reliable, a third guess, the rest say the opposite.

    Returns:
        the comparisons, the items' scores and the workers' reliabilities.
    """
    random = np.random.default_rng(seed)
    score = random.normal(0, 1.5, 60)
    reliability = np.repeat([0.97, 0.5, 0.1], [20, 13, 7])
    worker = np.repeat(np.arange(40), 30)
    left = random.integers(60, size=worker.size)
    right = (left + random.integers(1, 60, size=worker.size)) % 60
    better = random.random(worker.size) < 1 / (1 + np.exp(score[right] - score[left]))
    better ^= random.random(worker.size) >= reliability[worker]
    winner, loser = np.where(better, left, right), np.where(better, right, left)
    return Comparisons(worker, winner, loser, 60, 40), score, reliability


def label_sets(seed: int) -> tuple[LabelSets, Bools]:
    """400 items, 12 labels of 3 to 40 %, 30 workers, 5 an item: a third find half and add a sixth.

    Returns:
        the sets, and which labels each item has, [400, 12].
    """
    random = np.random.default_rng(seed)
    truth = random.random((400, 12)) < np.linspace(0.03, 0.4, 12)
    poor = np.arange(30) % 3 == 0
    sensitivity, specificity = np.where(poor, 0.5, 0.9), np.where(poor, 0.84, 0.97)
    item, worker = _assigned(random, 400, 30, 5)
    draw = random.random((item.size, 12))
    chosen = np.where(truth[item], draw < sensitivity[worker, None], draw >= specificity[worker, None])
    return LabelSets(item, worker, chosen, 400, 30), truth


def texts(seed: int) -> tuple[Texts, Floats, Floats]:
    """300 items, 25 workers, 4 answers an item in 24 dimensions; ten workers are poor, a tenth is off the
    point.

    Returns:
        the answers, the items' true embeddings [300, 24] and the workers' noise [25].
    """
    random = np.random.default_rng(seed)
    truth = random.normal(size=(300, 24))
    noise = np.where(np.arange(25) < 10, 2.0, 0.5)
    item, worker = _assigned(random, 300, 25, 4)
    written = truth[item] + random.normal(size=(item.size, 24)) * noise[worker, None]
    astray = random.random(item.size) < 0.1
    written[astray] = random.normal(size=(int(astray.sum()), 24))
    return Texts(item, worker, written, 300, 25), truth, noise


def spans(seed: int) -> tuple[Tags, Ints]:
    """200 documents of 12 to 30 tokens, two types of spans, 20 workers, 4 a document; the even ones are poor.

    A poor worker misses half of the spans, and moves ends, mistakes types and invents spans far more often.

    Returns:
        the annotations, and the true tags of all tokens.
    """
    random = np.random.default_rng(seed)
    length = random.integers(12, 31, size=200)
    truth, document, worker, tag = [], [], [], []
    for place, size in enumerate(length.tolist()):
        starts = np.flatnonzero(random.random(size // 5) < 0.6) * 5
        there = [(s, s + int(random.integers(1, 5)), int(random.integers(2))) for s in starts.tolist()]
        truth.append(written(there, size))
        for reader in random.permutation(20)[:4].tolist():
            document.append(place)
            worker.append(reader)
            tag.append(written(_seen(random, there, size, poor=reader % 2 == 0), size))
    made = Tags(length, np.array(document), np.array(worker), np.concatenate(tag), 20, 2)
    return made, np.concatenate(truth)


def written(marked: Triples, length: int) -> Ints:
    """The tags of one document with these spans (start, end, type); where two meet, the later one counts."""
    tag = np.zeros(length, dtype=np.int64)
    for start, end, kind in sorted(marked):
        tag[start], tag[start + 1 : end] = 1 + 2 * kind, 2 + 2 * kind
    return tag


def _seen(random: np.random.Generator, there: Triples, size: int, *, poor: bool) -> Triples:
    miss, move, mistake, invent = (0.5, 0.4, 0.25, 0.3) if poor else (0.08, 0.08, 0.04, 0.05)
    seen = []
    for start, end, kind in there:
        if random.random() < miss:
            continue
        longer = end == start + 1 or random.random() < 0.5
        moved = (min(end + 1, size) if longer else end - 1) if random.random() < move else end
        seen.append((start, moved, 1 - kind if random.random() < mistake else kind))
    if random.random() < invent:
        start = int(random.integers(size - 2))
        seen.append((start, start + 2, int(random.integers(2))))
    return seen


def _assigned(random: np.random.Generator, items: int, workers: int, each: int) -> tuple[Ints, Ints]:
    """So many workers for each item, drawn without repeats."""
    worker = np.concatenate([random.permutation(workers)[:each] for _ in range(items)])
    return np.repeat(np.arange(items), each), worker
