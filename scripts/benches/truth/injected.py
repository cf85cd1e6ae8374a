"""Attacks put into real crowds, stated exactly.

Some workers of a real crowd are made attackers: which items they answered stays, what they answered changes.
They are drawn evenly from those with at least `MIN_LABELS` labels, a fifth of them (or two fifths); whoever
has fewer is neither drawn nor judged, because ten answers cannot show much and one shows nothing. What is
right is the known truth, else the majority's answer (ties to the lowest class).

    random      every answer drawn evenly from the classes
    constant    each attacker has one class, drawn evenly, and always gives it
    ring        for each item one wrong class is drawn; all attackers give it
    coin ring   for each item one class is drawn, right or wrong; all attackers give it
    camouflage  each attacker has a rate drawn evenly from 50 to 70 %; right at that rate, else a wrong class
    sly ring    one rate drawn likewise for all: on that share of the items the right class, else one drawn
                wrong class; all attackers give it
    loose ring  as `ring`, but each attacker gives a class of its own, drawn evenly, to 15 % of its items

With `added` the crowd keeps all its workers, and as many attackers join as make up the share; each answers
the items of some worker of the crowd (drawn evenly from those who are eligible, with replacement).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reputation.votes import Ints, Votes

MIN_LABELS = 10
KINDS = ("random", "constant", "ring", "coin ring", "camouflage", "sly ring", "loose ring")
LOOSE = 0.15
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Attacked:
    """A crowd with attackers in it.

    Attributes:
        votes: what was answered.
        bad: [W] who attacks.
        judged: [W] who has enough labels to be judged.
    """

    votes: Votes
    bad: Flags
    judged: Flags


def right_answers(votes: Votes, item: Ints, truth: Ints) -> Ints:
    """[I] the known truth where there is one among the classes, else the most frequent answer."""
    right = np.array(votes.tally().argmax(axis=1), dtype=np.int64)
    usable = truth >= 0
    right[item[usable]] = truth[usable]
    return np.asarray(right)


def inject(
    votes: Votes,
    right: Ints,
    kind: str,
    share: float,
    seed: int,
    *,
    added: bool = False,
    least: int = MIN_LABELS,
) -> Attacked:
    """Make a share of the eligible workers attackers, or add so many.

    Raises:
        ValueError: a kind of attack that is none of `KINDS`.
    """
    random = np.random.default_rng(seed)
    eligible = np.flatnonzero(votes.labels_per_worker() >= least)
    if added:
        joined, bad = _joined(votes, eligible, share, random)
    else:
        joined, bad = votes, np.zeros(votes.workers, dtype=bool)
        bad[random.choice(eligible, max(1, round(share * eligible.size)), replace=False)] = True
    at = bad[joined.worker]
    answer = joined.answer.copy()
    answer[at] = _answers(kind, joined.item[at], joined.worker[at], joined, right, random)
    made = Votes(joined.item, joined.worker, answer, joined.items, joined.workers, joined.classes)
    return Attacked(made, bad, made.labels_per_worker() >= least)


def _joined(votes: Votes, eligible: Ints, share: float, random: np.random.Generator) -> tuple[Votes, Flags]:
    count = max(1, round(share / (1 - share) * eligible.size))
    models = random.choice(eligible, count)
    items = [votes.item[votes.worker == model] for model in models]
    workers = [np.full(some.size, votes.workers + place) for place, some in enumerate(items)]
    item, worker = np.concatenate([votes.item, *items]), np.concatenate([votes.worker, *workers])
    answer = np.concatenate([votes.answer, np.zeros(item.size - len(votes), dtype=np.int64)])
    bad = np.arange(votes.workers + count) >= votes.workers
    return Votes(item, worker, answer, votes.items, bad.size, votes.classes), bad


def _answers(
    kind: str, item: Ints, worker: Ints, votes: Votes, right: Ints, random: np.random.Generator
) -> Ints:
    """What the attackers answer, aligned with their items."""
    classes, labels = votes.classes, item.size
    wrong = (right + random.integers(1, classes, right.size)) % classes
    if kind == "random":
        return random.integers(0, classes, labels)
    if kind == "constant":
        return np.asarray(random.integers(0, classes, votes.workers)[worker])
    if kind == "ring":
        return np.asarray(wrong[item])
    if kind == "coin ring":
        return np.asarray(random.integers(0, classes, right.size)[item])
    if kind == "camouflage":
        rate = random.uniform(0.5, 0.7, votes.workers)[worker]
        own = (right[item] + random.integers(1, classes, labels)) % classes
        return np.where(random.random(labels) < rate, right[item], own)
    if kind == "sly ring":
        said = np.where(random.random(right.size) < random.uniform(0.5, 0.7), right, wrong)
        return np.asarray(said[item])
    if kind == "loose ring":
        return np.where(random.random(labels) < LOOSE, random.integers(0, classes, labels), wrong[item])
    raise ValueError(f"there is no attack {kind!r}; there are {', '.join(KINDS)}")


def area_under_curve(score: NDArray[np.float64], bad: Flags) -> float:
    """Chance that an attacker scores above an honest worker; equal scores count half."""
    from scipy.stats import rankdata

    ranks, attackers = rankdata(score), int(bad.sum())
    above = ranks[bad].sum() - attackers * (attackers + 1) / 2
    return float(above / (attackers * (bad.size - attackers)))
