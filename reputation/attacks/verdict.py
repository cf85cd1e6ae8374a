"""Whether a crowd may be paid by its own answers: not when a ring could have made the majority.

Without known answers nothing tells a coordinated majority from an honest one for certain. So where two camps
are found and one could turn the result, the answer is no, until gold tells which side is right, and what is
to be paid by follows that side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reputation.attacks.excerpt import Excerpt, excerpt
from reputation.attacks.rings import RingSearch, find_rings
from reputation.attacks.spam import SpamFigures, spam_figures
from reputation.attacks.tables import Flags
from reputation.truth.run import Known
from reputation.votes import PPM, Ints, Votes

CLEAR_GAIN = 20.0  # nats; honest crowds of the benches stay below 10
TURNS_PPM = 50_000  # items that the ring could decide
LEAST_GOLD = 10
AGAINST = 1e-3  # chance that anybody of the crowd is so far below guessing
_SURE = float(np.log(99))  # nats, 99 to 1
_CLEAR_LEAD = 5  # known items by which one side leads: 3^5 to 1 where each speaks 3 to 1, more than 99 to 1
_MOST_REFUTED = 10  # the answers follow the refuted side on at most one in so many of the items in dispute


@dataclass(frozen=True, eq=False)
class SettleVerdict:
    """Whether inference may be trusted with the money.

    Attributes:
        allowed: no ring that could turn the majority is suspected, or gold has decided between the sides and
            the answers to be settled follow the side that it chose; and gold does not refute those answers.
        reason: one sentence for requester and operator.
        workers: indices of the suspected members, ascending.
        label_share_ppm: their share of all labels.
        items_ppm: the share of items that they could decide: where their answer, with whoever else gave it,
            has at least as many votes as any other.
        gold_needed: how many items, drawn at random, have to be known so that one side is 99 times as likely
            as the other; 0 where the verdict is clear.
        gold_right_ppm: where gold was given, how often it agrees with (the suspected, everybody else) on the
            items where they differ; None where no such item has gold.
    """

    allowed: bool
    reason: str
    workers: Ints
    label_share_ppm: int
    items_ppm: int
    gold_needed: int
    gold_right_ppm: tuple[int, int] | None


def settle_allowed(
    votes: Votes,
    known: Known | None = None,
    *,
    answers: Ints | None = None,
    search: RingSearch | None = None,
) -> SettleVerdict:
    """Judge whether a campaign may be settled by inference from these votes.

    Gold alone opens nothing: inference that has not seen it may still say what the refuted side says. With
    gold, all of these have to hold, counted in whole items:

    1. Answers right on R of the G known items: (R + 5) x votes on them >= G x right votes among those; so
       they are not clearly worse than one voter taken at random.
    2. Where a ring could turn the majority, gold agrees with one side on at least 5 items more than with the
       other, among those where the two sides differ.
    3. There the answers are right at least half as often as both sides together: nearer to the better one.
    4. Of all items where the sides differ, the answers give the worse side's on at most one in ten.

    Large crowds are searched by an excerpt, which bounds the work (`excerpt`); everything is then counted on
    all votes.

    Args:
        votes: at least one.
        known: gold answers of some of the items.
        answers: [I] what is to be settled; each item's most frequent answer when None, the lowest of equals.
        search: what `find_rings` found with the same votes and gold, where that was done before.

    Raises:
        ValueError: no votes, known items out of range, or not one answer per item.
    """
    looked_at = excerpt(votes, known) if search is None else Excerpt(votes, known, whole=True)
    found = search or find_rings(looked_at.votes, looked_at.known)
    settled = votes.tally().argmax(axis=1) if answers is None else answers
    if settled.shape != (votes.items,):
        raise ValueError(f"{settled.shape} answers to {votes.items} items")
    return _judge(votes, known, settled, looked_at, found)


def _judge(
    votes: Votes, known: Known | None, settled: Ints, looked_at: Excerpt, search: RingSearch
) -> SettleVerdict:
    spam = spam_figures(looked_at.votes, search.posterior)
    member = _members(search, spam, looked_at.votes.classes)
    workers, items = np.flatnonzero(member), _decided_ppm(votes, member)
    share = _ppm(int(member[votes.worker].sum()), len(votes))
    refuted = _refuted(votes, settled, known)
    if workers.size < 2 or items < TURNS_PPM:
        reason = refuted or _fine(workers)
        return SettleVerdict(refuted is None, reason, workers, share, items, 0, None)
    honest = float(spam.accuracy[~member].mean()) if not member.all() else 0.5
    needed, apart = _gold_needed(votes, member, honest)
    sides = _by_gold(votes, member, settled, known)
    right = None if sides is None else sides.right_ppm
    if sides is not None and sides.decided:
        against = refuted or sides.against
        reason = against or (
            f"gold decides: on items where {_side(workers)} and the others differ, it agrees with one side, "
            "and the answers follow that side"
        )
        return SettleVerdict(against is None, reason, workers, share, items, 0, right)
    reason = (
        f"{_side(workers)} with {share / 10_000:.1f} % of the labels answer as one, differ from the others "
        f"on {apart:.0%} of their items and could decide {items / 10_000:.1f} % of all: without gold "
        f"nothing tells which side is right; about {needed} known items would"
    )
    return SettleVerdict(False, reason, workers, share, items, needed, right)


def _members(search: RingSearch, spam: SpamFigures, classes: int) -> Flags:
    """[W] who belongs to a clear ring, or is in the other camp by being wrong so often."""
    member = _contrary(spam, classes)
    for ring in search.rings:
        if ring.gain >= CLEAR_GAIN:
            member[ring.workers] = True
    return member


def _refuted(votes: Votes, settled: Ints, known: Known | None) -> str | None:
    """Why gold refutes the answers themselves, whoever gave them; None where it does not."""
    if known is None or not known.item.size:
        return None
    right = int((settled[known.item] == known.answer).sum())
    tally = votes.tally()[known.item]
    agreeing = int(tally[np.arange(known.item.size), known.answer].sum())
    if (right + _CLEAR_LEAD) * int(tally.sum()) >= known.item.size * agreeing:
        return None
    return (
        f"gold refutes the answers: they are right on {right} of {known.item.size} known items, and of the "
        f"{int(tally.sum())} labels given to those {agreeing} are right"
    )


def _contrary(spam: SpamFigures, classes: int) -> Flags:
    """[W] who is right so rarely that guessing would not explain it: the other camp, whichever is right.

    A ring whose common answer follows from the true one, always the next class say, looks to any model of
    confusion matrices like workers who know the truth and rename it; so it is told by this, not by its gain.
    """
    from scipy.stats import binom

    raw = (
        spam.accuracy * (spam.labels + 5.0) - 5.0 * spam.crowd_accuracy
    )  # without the drawing to the crowd's
    chance = binom.cdf(np.round(np.maximum(raw, 0.0)), spam.labels, 1 / classes)
    return np.asarray((spam.labels > 0) & (chance * spam.labels.size < AGAINST))


def _ppm(part: int, whole: int) -> int:
    return part * PPM // max(whole, 1)


def _side(workers: Ints) -> str:
    return f"{workers.size} worker{'s' * (workers.size != 1)}"


def _fine(workers: Ints) -> str:
    if not workers.size:
        return "no ring is suspected"
    return f"{_side(workers)} answer as one or against all others, too few to decide the result"


def _tally(votes: Votes, kept: Flags) -> Ints:
    cells = votes.item[kept] * votes.classes + votes.answer[kept]
    counted = np.bincount(cells, minlength=votes.items * votes.classes)
    return counted.reshape(votes.items, votes.classes).astype(np.int64)


def _decided_ppm(votes: Votes, member: Flags) -> int:
    """Items where the members' most frequent answer has as many votes as any other answer of the others."""
    ours, theirs = _tally(votes, member[votes.worker]), _tally(votes, ~member[votes.worker])
    top = ours.argmax(axis=1)
    strength = ours.max(axis=1) + theirs[np.arange(votes.items), top]
    theirs[np.arange(votes.items), top] = 0
    decided = (ours.max(axis=1) > 0) & (strength >= theirs.max(axis=1)) & (theirs.max(axis=1) > 0)
    answered = np.unique(votes.item).size
    return _ppm(int(decided.sum()), answered)


def _sides(votes: Votes, member: Flags) -> tuple[Ints, Ints, Flags]:
    """[I] each side's most frequent answer, and where both have answered and differ."""
    ours, theirs = _tally(votes, member[votes.worker]), _tally(votes, ~member[votes.worker])
    both = (ours.sum(axis=1) > 0) & (theirs.sum(axis=1) > 0)
    return ours.argmax(axis=1), theirs.argmax(axis=1), both & (ours.argmax(axis=1) != theirs.argmax(axis=1))


def _gold_needed(votes: Votes, member: Flags, honest: float) -> tuple[int, float]:
    """How many random items have to be known (Wald's test at 99 to 1), and how often the sides differ."""
    _, _, apart = _sides(votes, member)
    touched = np.unique(votes.item[member[votes.worker]]).size
    share = float(apart.sum()) / max(np.unique(votes.item).size, 1)
    right = float(np.clip(honest, 0.6, 0.98))
    each = (2 * right - 1) * np.log(right / (1 - right))
    needed = int(np.ceil(_SURE / each / max(share, 1e-3)))
    return max(LEAST_GOLD, needed), float(apart.sum()) / max(touched, 1)


@dataclass(frozen=True)
class _Sides:
    """What gold says of the two sides where they differ; `against` is why the answers must not be settled."""

    right_ppm: tuple[int, int]
    decided: bool
    against: str | None


def _by_gold(votes: Votes, member: Flags, settled: Ints, known: Known | None) -> _Sides | None:
    """How often gold agrees with either side where they differ, and whether the answers follow the better."""
    if known is None or not known.item.size:
        return None
    ours, theirs, apart = _sides(votes, member)
    use = apart[known.item]
    if not use.any():
        return None
    item, answer = known.item[use], known.answer[use]
    for_us, for_them = int((ours[item] == answer).sum()), int((theirs[item] == answer).sum())
    shares = _ppm(for_us, item.size), _ppm(for_them, item.size)
    if abs(for_us - for_them) < _CLEAR_LEAD:
        return _Sides(shares, False, None)
    worse = ours if for_us < for_them else theirs
    right, wrongly = int((settled[item] == answer).sum()), int((settled == worse)[apart].sum())
    if 2 * right >= for_us + for_them and _MOST_REFUTED * wrongly <= int(apart.sum()):
        return _Sides(shares, True, None)
    against = (
        f"gold refutes the side that the answers follow: where {int(member.sum())} workers and the others "
        f"differ, the better side is right on {max(for_us, for_them)} of {item.size} known items and the "
        f"answers on {right}; they are the worse side's on {wrongly} of {int(apart.sum())} items in dispute"
    )
    return _Sides(shares, True, against)
