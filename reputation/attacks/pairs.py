"""Pairs of workers on the same items: how often they agree, and how often they should.

Every pair of answers to the same item is looked at once, items with equally many answers together, so the
work is the number of such pairs and not workers² x items.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from reputation.attacks.tables import Flags, Floats, Tables, softmax
from reputation.votes import Ints, Votes

_BLOCK = 1 << 19  # pairs of answers at the same time


@dataclass(frozen=True, eq=False)
class Pairs:
    """Every two workers who answered an item in common, [P] each.

    Attributes:
        first, second: worker indices, first < second, in that order.
        items: how many items both answered.
        agreements: on how many of them with the same answer.
        expected: on how many they would agree if each answered by its own confusion matrix and nothing else.
        variance: of the number of agreements, under the same.
        evidence: log P(agreements | one copies the other) - log P(... | as any two on these items), nats.
    """

    first: Ints
    second: Ints
    items: Ints
    agreements: Ints
    expected: Floats
    variance: Floats
    evidence: Floats

    @property
    def excess(self) -> Floats:
        """Agreements above expectation in standard deviations, continuity corrected; 0 where certain."""
        above = self.agreements - self.expected - 0.5
        spread = np.sqrt(np.maximum(self.variance, 1e-12))
        return np.asarray(np.where(self.variance > 1e-9, above / spread, 0.0))

    @property
    def p_value(self) -> Floats:
        """Of so many agreements or more, by the normal approximation to the Poisson-binomial count."""
        from scipy.stats import norm

        return np.asarray(norm.sf(self.excess))


@dataclass(frozen=True, eq=False)
class _Block:
    """Pairs of votes: positions of both in the votes."""

    one: Ints
    other: Ints


def pair_votes(votes: Votes) -> Iterator[_Block]:
    """All pairs of votes on the same item, some at a time; of each pair, the lower worker comes first."""
    order = np.lexsort((votes.worker, votes.item))
    starts = np.searchsorted(votes.item[order], np.arange(votes.items + 1))
    sizes = np.diff(starts)
    for size in np.unique(sizes[sizes > 1]):
        left, right = np.triu_indices(int(size), 1)
        begin = starts[:-1][sizes == size]
        step = max(1, _BLOCK // left.size)
        for low in range(0, begin.size, step):
            base = begin[low : low + step, None]
            yield _Block(order[(base + left).ravel()], order[(base + right).ravel()])


def agreement(tables: Tables, posterior: Floats, confusion: Floats, *, slip: float = 0.03) -> Pairs:
    """Count agreements of all pairs, beside what skill and the items' difficulty explain.

    Expected: with the pair's two votes divided out of the item's posterior (leave-the-pair-out), the chance
    that both give the same answer by their confusion matrices. Evidence of copying looks at the item alone,
    without any model of the truth: the share of other pairs who agree there, so that agreeing on an easy item
    says little, and a mistake that everyone makes is nobody's secret.

    Args:
        posterior: [I, K], made with `confusion`.
        confusion: [W, K, K] P(answer | class), all positive.
        slip: how often one who copies departs from what it copies.
    """
    votes = tables.votes
    tally = votes.tally()
    overall = _agreeing(tally).sum() / max(_all(tally).sum(), 1)
    parts = []
    for block in pair_votes(votes):
        alike = votes.answer[block.one] == votes.answer[block.other]
        expected = _expected(votes, block, posterior, confusion)
        others = _others_agree(votes, block, tally, alike, float(overall))
        said = np.where(alike, np.log((1 - slip) / others), np.log(slip / (1 - others)))
        figures = np.stack(
            [np.ones(alike.size), alike, expected, expected * (1 - expected), np.maximum(said, -3.0)]
        )
        key = votes.worker[block.one] * votes.workers + votes.worker[block.other]
        parts.append(_gather(key, figures))
    key, figures = _merge(parts)
    first, second = np.divmod(key, votes.workers)
    together, alike_count = figures[0].astype(np.int64), figures[1].astype(np.int64)
    return Pairs(first, second, together, alike_count, figures[2], figures[3], figures[4])


def _expected(votes: Votes, block: _Block, posterior: Floats, confusion: Floats) -> Floats:
    """P(both give the same answer) per pair of votes, their own evidence divided out."""
    one, other = votes.worker[block.one], votes.worker[block.other]
    own = np.log(confusion[one, :, votes.answer[block.one]]) + np.log(
        confusion[other, :, votes.answer[block.other]]
    )
    others = softmax(np.log(np.maximum(posterior[votes.item[block.one]], 1e-300)) - own)
    chance = np.zeros(one.size)
    for answer in range(votes.classes):
        chance += (others * confusion[one, :, answer] * confusion[other, :, answer]).sum(axis=1)
    return np.clip(chance, 0.0, 1.0)


def _agreeing(tally: Ints) -> Ints:
    return np.asarray((tally * (tally - 1)).sum(axis=1) // 2)


def _all(tally: Ints) -> Ints:
    total = tally.sum(axis=1)
    return np.asarray(total * (total - 1) // 2)


def _others_agree(votes: Votes, block: _Block, tally: Ints, alike: Flags, overall: float) -> Floats:
    """Share of the item's pairs without either worker that agree, drawn to the overall share by 4 pairs."""
    item = votes.item[block.one]
    row = tally[item]
    place = np.arange(item.size)
    touching = row[place, votes.answer[block.one]] + row[place, votes.answer[block.other]] - 2 - alike
    total = row.sum(axis=1)
    agreeing = _agreeing(row) - touching
    pairs = total * (total - 1) // 2 - 2 * (total - 1) + 1
    return np.asarray(np.clip((agreeing + 4 * overall) / (pairs + 4), 0.01, 0.99))


def _gather(key: Ints, figures: Floats) -> tuple[Ints, Floats]:
    """Sum the figures [F, N] of equal keys."""
    distinct, place = np.unique(key, return_inverse=True)
    summed = [np.bincount(place, row, minlength=distinct.size) for row in figures]
    return distinct, np.stack(summed)


def _merge(parts: list[tuple[Ints, Floats]]) -> tuple[Ints, Floats]:
    if not parts:
        return np.zeros(0, dtype=np.int64), np.zeros((5, 0))
    return _gather(np.concatenate([key for key, _ in parts]), np.concatenate([f for _, f in parts], axis=1))
