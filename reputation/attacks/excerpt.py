"""As much of a crowd as the search for rings can look at in a few seconds, whatever is handed to it.

A ring is a property of workers, so it shows on part of their items as well. Which items are looked at is not
known before the last label is in: it follows from all of them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from reputation.truth.run import Known
from reputation.votes import Ints, Votes

MOST_CLASSES = 10  # of more, several count as one
MOST_CELLS = 500_000  # labels x classes
MOST_PAIRS = 2_000_000  # of labels on the same item


@dataclass(frozen=True, eq=False)
class Excerpt:
    """Votes and known answers on some of the items, classes merged; workers keep their indices.

    Attributes:
        votes: the items renumbered.
        known: those of the known items that are among them; None where none was given.
        whole: whether these are all the votes, as they were.
    """

    votes: Votes
    known: Known | None
    whole: bool


def excerpt(votes: Votes, known: Known | None = None) -> Excerpt:
    """Merge classes, then draw items, known ones first, as many as the bounds allow; at least one.

    Classes are dealt out by how often they were given, the most frequent first, each to the group that has
    fewest labels: frequent classes stay apart from each other, and a group's members rarely meet on an item.
    The same votes give the same excerpt, in whatever order they come.
    """
    merged = _merged(votes, known)
    items = _drawn(*merged)
    if items is None:
        return Excerpt(*merged, whole=votes.classes <= MOST_CLASSES)
    place = np.full(votes.items, -1, dtype=np.int64)
    place[items] = np.arange(items.size)
    return Excerpt(*_of_items(*merged, place, items.size), whole=False)


def _merged(votes: Votes, known: Known | None) -> tuple[Votes, Known | None]:
    if votes.classes <= MOST_CLASSES:
        return votes, known
    given = np.bincount(votes.answer, minlength=votes.classes)
    group, filled = np.zeros(votes.classes, dtype=np.int64), np.zeros(MOST_CLASSES, dtype=np.int64)
    for one in np.argsort(-given, kind="stable"):
        group[one] = filled.argmin()
        filled[group[one]] += given[one]
    fewer = replace(votes, answer=group[votes.answer], classes=MOST_CLASSES)
    return fewer, None if known is None else Known(known.item, group[known.answer])


def _drawn(votes: Votes, known: Known | None) -> Ints | None:
    """The items to look at, ascending; None for all of them."""
    labels = np.bincount(votes.item, minlength=votes.items)
    pairs = labels * (labels - 1) // 2
    if labels.sum() * votes.classes <= MOST_CELLS and pairs.sum() <= MOST_PAIRS:
        return None
    triples = np.sort((votes.item * votes.workers + votes.worker) * votes.classes + votes.answer)
    seed = int.from_bytes(hashlib.sha256(triples.astype("<i8").tobytes()).digest())
    order = np.random.default_rng(seed).permutation(votes.items)
    if known is not None:
        order = np.concatenate([order[np.isin(order, known.item)], order[~np.isin(order, known.item)]])
    within = (np.cumsum(labels[order]) * votes.classes <= MOST_CELLS) & (
        np.cumsum(pairs[order]) <= MOST_PAIRS
    )
    return np.sort(order[: max(1, int(within.sum()))]).astype(np.int64)


def _of_items(votes: Votes, known: Known | None, place: Ints, items: int) -> tuple[Votes, Known | None]:
    kept = place[votes.item] >= 0
    fewer = replace(
        votes,
        item=place[votes.item[kept]],
        worker=votes.worker[kept],
        answer=votes.answer[kept],
        items=items,
    )
    if known is None:
        return fewer, None
    seen = place[known.item] >= 0
    return fewer, Known(place[known.item[seen]], known.answer[seen])
