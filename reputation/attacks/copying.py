"""One worker copying another: the same answers, the same mistakes, and always later."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from reputation.attacks.pairs import agreement
from reputation.attacks.spam import smoothed
from reputation.attacks.tables import Flags, Floats, Tables
from reputation.votes import Ints, Votes

MIN_ITEMS = 5  # pairs with fewer items in common are not judged


@dataclass(frozen=True, slots=True)
class Copying:
    """Evidence that one worker copies another.

    Attributes:
        copier, source: worker indices; the copier is the one who is later on most items.
        items: answered by both; `alike`: with the same answer; `mistakes`: with the same wrong one.
        later: on how many the copier came later.
        run: the longest run of like answers in the order in which the copier gave them.
        excess_p: chance of so many like answers, given skills and truth (leave-the-pair-out).
        run_p: chance of such a run, at the rate at which the two should agree.
        order_p: chance that one of two independent workers is later so often.
        p_value: of all three (Fisher's method), times the number of pairs judged, at most 1.
    """

    copier: int
    source: int
    items: int
    alike: int
    mistakes: int
    later: int
    run: int
    excess_p: float
    run_p: float
    order_p: float
    p_value: float


def find_copying(
    votes: Votes, made_at: Floats, posterior: Floats, *, level: float = 0.01
) -> tuple[Copying, ...]:
    """Pairs of which one copies the other, the surest first.

    Args:
        votes: who answered what.
        made_at: [V] when, in seconds, aligned with the votes.
        posterior: [I, K] of the true classes.
        level: pairs with a corrected p-value above this are left out.

    Raises:
        ValueError: times that are not one finite number per vote, or a posterior of another shape.
    """
    if made_at.shape != votes.item.shape or not np.isfinite(made_at).all():
        raise ValueError("there has to be one finite time for each vote")
    if posterior.shape != (votes.items, votes.classes):
        raise ValueError(f"the posterior is {posterior.shape}, not {(votes.items, votes.classes)}")
    tables = Tables.of(votes)
    rows, _ = smoothed(tables.counts(posterior))
    pairs = agreement(tables, posterior, rows)
    judged = pairs.items >= MIN_ITEMS
    suspects = np.flatnonzero(judged & (pairs.excess > 3.0))
    by_worker = np.argsort(votes.worker, kind="stable")
    starts = np.searchsorted(votes.worker[by_worker], np.arange(votes.workers + 1))
    mine = [by_worker[low:high] for low, high in pairwise(starts)]
    wrong = votes.answer != posterior.argmax(axis=1)[votes.item]
    chance, tests = pairs.p_value, int(judged.sum())
    found = []
    for pair in suspects:
        one, other = int(pairs.first[pair]), int(pairs.second[pair])
        rate = float(pairs.expected[pair] / pairs.items[pair])
        common = _Common.of(votes, made_at, wrong, mine[one], mine[other])
        found.append(_judge(one, other, common, rate, float(chance[pair]), tests))
    return tuple(
        sorted((c for c in found if c.p_value <= level), key=lambda c: (c.p_value, c.copier, c.source))
    )


@dataclass(frozen=True, eq=False)
class _Common:
    """Two workers' answers to the items that both answered, in the first one's and the second one's order."""

    alike: Flags
    mistakes: int
    first_later: int
    second_later: int
    order: tuple[Ints, Ints]

    @classmethod
    def of(cls, votes: Votes, made_at: Floats, wrong: Flags, first: Ints, second: Ints) -> _Common:
        _, one, other = np.intersect1d(votes.item[first], votes.item[second], return_indices=True)
        one, other = first[one], second[other]
        alike = votes.answer[one] == votes.answer[other]
        return cls(
            alike,
            int((alike & wrong[one]).sum()),
            int((made_at[one] > made_at[other]).sum()),
            int((made_at[other] > made_at[one]).sum()),
            (np.argsort(made_at[one], kind="stable"), np.argsort(made_at[other], kind="stable")),
        )


def _judge(one: int, other: int, common: _Common, rate: float, excess_p: float, tests: int) -> Copying:
    from scipy.stats import binom, chi2

    swapped = common.second_later > common.first_later
    later = max(common.first_later, common.second_later)
    timed = common.first_later + common.second_later
    run = _longest(common.alike[common.order[1 if swapped else 0]])
    order_p = min(1.0, 2 * float(binom.sf(later - 1, timed, 0.5))) if timed else 1.0
    run_p = _run_p(run, common.alike.size, rate)
    statistic = -2 * float(np.sum(np.log(np.maximum([excess_p, run_p, order_p], 1e-300))))
    return Copying(
        copier=other if swapped else one,
        source=one if swapped else other,
        items=common.alike.size,
        alike=int(common.alike.sum()),
        mistakes=common.mistakes,
        later=later,
        run=run,
        excess_p=excess_p,
        run_p=run_p,
        order_p=order_p,
        p_value=min(1.0, float(chi2.sf(statistic, 6)) * max(tests, 1)),
    )


def _longest(alike: Flags) -> int:
    """Length of the longest run of True."""
    breaks = np.flatnonzero(np.concatenate(([True], ~alike, [True])))
    return int(np.diff(breaks).max() - 1)


def _run_p(run: int, items: int, rate: float) -> float:
    """P(a run of at least so many among so many), an upper bound (union over where it begins)."""
    if not run:
        return 1.0
    rate = min(max(rate, 1e-9), 1 - 1e-9)
    return float(min(1.0, rate**run * (1 + (items - run) * (1 - rate))))
