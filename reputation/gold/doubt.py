"""Whether a result may be doubted: a ring that could have made the majority, or gold that it contradicts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from reputation.truth.run import Floats, Known
from reputation.votes import Votes

MOST_LABELS = 20_000_000
MOST_CELLS = 5_000_000  # parameters of all confusion matrices in the search
SIGMAS = 3.0  # standard errors between confidence and gold from which it is not calibrated
UNSEARCHED = "Nobody was searched for a ring: there are too many votes, workers or classes for that."


@dataclass(frozen=True, eq=False)
class Doubt:
    """The votes that are to be believed, and what has to be said about that.

    Attributes:
        votes: without those of the side that gold refutes; all of them where gold does not tell.
        notes: sentences; none where no ring that could turn the result is suspected.
    """

    votes: Votes
    notes: tuple[str, ...]


def doubt(votes: Votes, known: Known | None) -> Doubt:
    """Look for two camps of which one could have made the result, and let gold choose between them.

    Which camp the gold items refute is asked of all gold at once: one choice of two, and the only thing that
    a gold item's own answer decides about the models that later judge it.
    """
    from reputation.attacks.verdict import settle_allowed

    if len(votes) > MOST_LABELS or votes.workers * min(votes.classes, 10) ** 2 > MOST_CELLS:
        return Doubt(votes, (UNSEARCHED,))
    verdict = settle_allowed(votes, known)
    right = verdict.gold_right_ppm
    if right is None or right[0] == right[1]:
        held = not verdict.allowed and verdict.workers.size > 1
        return Doubt(votes, (f"A ring is suspected: {verdict.reason}.",) if held else ())
    suspected = np.isin(votes.worker, verdict.workers)
    kept = ~suspected if right[0] < right[1] else suspected
    out = np.unique(votes.worker[~kept]).size
    note = (
        f"A ring is suspected: {verdict.workers.size} workers answer as one and differ from the others. Gold "
        f"agrees with them on {right[0] / 10_000:.0f} % of the known items in dispute and with the others on "
        f"{right[1] / 10_000:.0f} %, so the answers of {out} workers were left out."
    )
    return Doubt(_only(votes, kept), (note,))


def _only(votes: Votes, kept: np.ndarray) -> Votes:
    return replace(votes, item=votes.item[kept], worker=votes.worker[kept], answer=votes.answer[kept])


def contradicted(confidence: Floats, seen: Floats, known: Known) -> str | None:
    """Why gold says that the confidence is wrong; None where both agree.

    Args:
        confidence: [N] of the items without gold.
        seen: [G, K] what was said of the gold items without their gold.
        known: the gold items.
    """
    if not confidence.size:
        return None
    said, size = float(confidence.mean()), known.item.size
    right = float((seen.argmax(axis=1) == known.answer).mean())
    spread = np.sqrt(max(said * (1 - said), 1 / (4 * size)) / size)
    if abs(said - right) <= SIGMAS * spread:
        return None
    return (
        f"The confidence is not calibrated: it says that {said:.0%} of the answers are right, and of the "
        f"{size} known items {right:.0%} were, judged without their gold."
    )
