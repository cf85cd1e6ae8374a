"""Correlated agreement, and the determinant of the joint answers: payments over several items at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import comb, factorial

import numpy as np

from reputation.peer.overlap import Floats, Payments, Peers, TooFewLabels, need
from reputation.truth.memory import refuse_beyond
from reputation.votes import Ints, Votes

LEAST_PAIRS = 10  # pairs of answers per cell of the joint table, for its signs


def correlated_agreement(votes: Votes) -> Payments:
    """Agreement on the same item minus agreement on different items, by the signs of the answers'
    correlation.

    Shnayder, Agarwal, Frongillo & Parkes, "Informed truthfulness in multi-task peer prediction", EC 2016.
    With Δ(a, b) = P(a, b on one item) - P(a) P(b) over pairs of peers, S = [Δ > 0]: a vote earns the mean of
    S over its peers' answers on the item, less the mean of S over peers' answers on other items (answers of
    others than the worker). Informed truthful: no strategy earns more than truth, uninformed ones strictly
    less. Each vote's Δ is made without its own worker, so nobody chooses the signs by which it is paid. From
    about 10 pairs of answers a cell of Δ on (K² cells); fewer are refused. The paper asks for as many as make
    the signs right; measured on simulated crowds of moderate skill, at 10 a cell 9 in 10 of the signs are.

    Raises:
        TooFewLabels: fewer than 10 K² pairs, or fewer than 2 items.
        ValueError: repeated answers, or more memory than there is.
    """
    peers = Peers.of(votes)
    needed = 8 * votes.classes**2 * (3 + 4 * votes.workers)
    refuse_beyond(needed, f"tables of {votes.workers} workers, {votes.classes} classes", "merge rare classes")
    joint = _joint(votes)
    need("pairs of answers to one item", int(joint.sum()) // 2, LEAST_PAIRS * votes.classes**2)
    need("items with answers", int(np.unique(votes.item).size), 2)
    without = joint[None] - _worker_joint(votes, peers)
    total = np.maximum(without.sum(axis=(1, 2)), 1e-300)[:, None, None]
    share = without / total
    apart = share.sum(axis=2)[:, :, None] * share.sum(axis=1)[:, None, :]
    signs = (share - apart > 1e-12).astype(np.float64)[votes.worker, votes.answer]  # [V, K]
    tally = votes.tally().astype(np.float64)
    elsewhere = tally.sum(axis=0) - tally[votes.item] - _own(votes)[votes.worker]
    elsewhere[np.arange(len(votes)), votes.answer] += 1
    other = elsewhere.sum(axis=1)
    bonus = (signs * peers.given).sum(axis=1) / np.maximum(peers.count, 1)
    penalty = (signs * elsewhere).sum(axis=1) / np.maximum(other, 1)
    return Payments.of(votes, bonus - penalty, (peers.count > 0) & (other > 0))


def _joint(votes: Votes) -> Floats:
    """[K, K] over all ordered pairs of votes of different workers on one item."""
    tally = votes.tally().astype(np.float64)
    return np.asarray(tally.T @ tally - np.diag(tally.sum(axis=0)))


def _worker_joint(votes: Votes, peers: Peers) -> Floats:
    """[W, K, K] the part of `_joint` in which a worker has a vote."""
    made = np.zeros((votes.workers, votes.classes, votes.classes))
    np.add.at(made, (votes.worker, votes.answer), peers.given)
    return made + made.transpose(0, 2, 1)


def _own(votes: Votes) -> Floats:
    cells = np.bincount(votes.worker * votes.classes + votes.answer, minlength=votes.workers * votes.classes)
    return cells.reshape(votes.workers, votes.classes).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Determinants:
    """What determinant mutual information pays, by worker.

    Attributes:
        worker: [W] mean over the partners of the payment, at most 1 in size; below 0 where the halves'
            determinants differ in sign, as by chance they may; 0 where none was possible.
        partners: [W] with how many others a worker shares enough items.
    """

    worker: Floats
    partners: Ints


def determinant_payments(votes: Votes) -> Determinants:
    """Determinant mutual information: det of one half of the joint answers times det of the other half.

    Kong, "Dominantly truthful multi-task peer prediction with a constant number of tasks", SODA 2020. The
    items that two workers share are split into two halves (every other one, by item index); each half's joint
    counts M [K, K] have a determinant, and the payment is det M1 · det M2, an unbiased estimate of the
    squared determinant of the joint distribution times a known factor. It is divided by that factor for
    halves of these sizes, (n)_K for n items each, so payments with different partners compare. In
    expectation, over items that are alike beforehand, truth is dominant from 2 K items in common on; what one
    worker gets is an estimate with much noise. Pairs with fewer are not counted, and where there is no such
    pair it is refused.

    Raises:
        TooFewLabels: no two workers share 2 K items.
    """
    total, partners = np.zeros(votes.workers), np.zeros(votes.workers, dtype=np.int64)
    for one, other, left, right in _shared(votes):
        value = _half(left, votes.classes) * _half(right, votes.classes)
        for worker in (one, other):
            total[worker] += value
            partners[worker] += 1
    if not partners.any():
        raise TooFewLabels(f"items in common: two workers have to share at least {2 * votes.classes}")
    return Determinants(total / np.maximum(partners, 1), partners)


def _half(joint: Ints, classes: int) -> float:
    """det of a half's counts over n (n - 1) … (n - K + 1): its expectation is det of the joint
    distribution."""
    count = int(joint.sum())
    scale = comb(count, classes) * factorial(classes)
    return float(np.linalg.det(joint.astype(np.float64)) / scale)


def _shared(votes: Votes) -> Iterator[tuple[int, int, Ints, Ints]]:
    """Every two workers with 2 K items in common, and the joint counts [K, K] of either half."""
    order = np.lexsort((votes.item, votes.worker))
    item, answer = votes.item[order], votes.answer[order]
    starts = np.searchsorted(votes.worker[order], np.arange(votes.workers + 1))
    spans = [slice(low, high) for low, high in pairwise(starts)]
    position = np.full(votes.items, -1, dtype=np.int64)
    for one in range(votes.workers):
        mine = spans[one]
        if mine.stop - mine.start < 2 * votes.classes:
            continue
        position[item[mine]] = answer[mine]
        yield from _with_later(votes, one, position, item, answer, starts)
        position[item[mine]] = -1


def _with_later(
    votes: Votes, one: int, position: Ints, item: Ints, answer: Ints, starts: Ints
) -> Iterator[tuple[int, int, Ints, Ints]]:
    """The partners of one worker with a higher index, all of them in one pass over their votes."""
    classes, begin = votes.classes, starts[one + 1]
    mine = position[item[begin:]]
    common = np.flatnonzero(mine >= 0)
    owner = np.repeat(np.arange(one + 1, votes.workers), np.diff(starts[one + 1 :]))[common]
    rank = np.arange(common.size) - np.searchsorted(owner, owner)  # how many common items came before
    cell = ((owner - one - 1) * 2 + rank % 2) * classes**2 + mine[common] * classes + answer[begin:][common]
    size = (votes.workers - one - 1) * 2 * classes**2
    joint = np.bincount(cell, minlength=size).reshape(-1, 2, classes, classes)
    for place in np.flatnonzero(joint.sum(axis=(1, 2, 3)) >= 2 * classes):
        yield one, one + 1 + int(place), joint[place, 0], joint[place, 1]
