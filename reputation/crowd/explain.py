"""Why a worker's score is what it is: contributions that add up to it, and the weightiest as sentences.

A score starts at the crowd's mean. What moves it, in this order, in points of probability:

1. each label on an inferred item: (P(right) − crowd's mean) / (labels + what the crowd's mean is worth);
2. what gold says about the crowd as a whole: by how much inference overrates or underrates it;
3. each answer to a gold item: (1 or 0 − the score so far) / (what the labels are worth + gold answers);
4. the rest: the belief is averaged over how much inferred truth is worth, which moves its mean a little.

The sum is exact: the start and all contributions make the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from reputation.crowd.skill import Skills, check_posterior, effective, gold_answers
from reputation.truth.run import Floats, Known
from reputation.votes import Ints, Votes

Kind = Literal["label", "crowd", "gold", "averaging"]


@dataclass(frozen=True)
class Contribution:
    """One piece of evidence and what it does to the score.

    Attributes:
        kind: a label on an inferred item, what gold says about the crowd, a gold answer, or the rest.
        points: how much it adds, of 1.
        item, answer: of a label or a gold answer; −1 otherwise.
        right: the probability that the answer is right, 0 or 1 for gold; NaN otherwise.
    """

    kind: Kind
    points: float
    item: int = -1
    answer: int = -1
    right: float = float("nan")


@dataclass(frozen=True)
class Explanation:
    """One worker's score.

    Attributes:
        worker: the worker.
        start: the crowd's mean.
        score: the worker's expected skill: start plus all contributions.
        contributions: in the order of the module's list, within it by item.
    """

    worker: int
    start: float
    score: float
    contributions: tuple[Contribution, ...]

    def total(self, kind: Kind) -> float:
        """What all contributions of a kind add."""
        return sum(part.points for part in self.contributions if part.kind == kind)

    def strongest(self, count: int) -> tuple[Contribution, ...]:
        """The contributions that move the score most, up or down; equal ones in their order."""
        return tuple(sorted(self.contributions, key=lambda part: -abs(part.points))[:count])

    def reasons(
        self, count: int = 5, *, items: Sequence[str] | None = None, answers: Sequence[str] | None = None
    ) -> tuple[str, ...]:
        """Sentences: where the score starts, what each kind of evidence adds, the `count` strongest pieces.

        Args:
            count: how many single labels and gold answers are named.
            items, answers: their names; their indices when None.
        """
        lines = [
            f"The score is {self.score:.1%}; it starts at the crowd's mean, {self.start:.1%}.",
            *self._by_kind(),
        ]
        single = [part for part in self.strongest(len(self.contributions)) if part.item >= 0]
        return (*lines, *(_sentence(part, items, answers) for part in single[:count]))

    def _by_kind(self) -> list[str]:
        labels = [part for part in self.contributions if part.kind == "label"]
        gold = [part for part in self.contributions if part.kind == "gold"]
        lines = []
        if labels:
            share = sum(part.right for part in labels) / len(labels)
            what = f"{_count(len(labels), 'label')} on inferred items, {share:.1%} of them expected right"
            lines.append(f"{what}: {_points(self.total('label'))}.")
        if crowd := self.total("crowd"):
            how = "better" if crowd > 0 else "worse"
            lines.append(
                f"The crowd as a whole is expected to be {how} than inference says: {_points(crowd)}."
            )
        if gold:
            right = sum(part.right for part in gold)
            what = f"{_count(len(gold), 'gold answer')}, {right:.0f} right"
            lines.append(f"{what}: {_points(self.total('gold'))}.")
        return lines


def explain(
    votes: Votes, posterior: Floats, skills: Skills, worker: int, *, gold: Known | None = None
) -> Explanation:
    """Take one worker's expected skill apart.

    Args:
        votes, posterior, gold: what the skills were made from.
        skills: of the whole crowd.
        worker: which worker.
    Raises:
        ValueError: no such worker, or arguments that do not fit each other.
    """
    if not 0 <= worker < votes.workers or skills.mean.shape != (votes.workers,):
        raise ValueError(f"worker {worker} is none of {votes.workers}, or the skills are of another crowd")
    check_posterior(votes, posterior)
    own = np.flatnonzero(votes.worker == worker)
    own = own[np.argsort(votes.item[own], kind="stable")]
    truth = gold_answers(votes, gold)[votes.item[own]]
    parts = [
        *_labels(votes, posterior, skills, own[truth < 0]),
        Contribution("crowd", float(skills.prior_mean[worker]) - _inferred(skills, worker)),
        *_gold(votes, skills, worker, own[truth >= 0], truth[truth >= 0]),
    ]
    score = float(skills.mean[worker])
    rest = score - skills.crowd_mean - sum(part.points for part in parts)
    return Explanation(worker, skills.crowd_mean, score, (*parts, Contribution("averaging", rest)))


def _inferred(skills: Skills, worker: int) -> float:
    """The score after the labels on inferred items, before gold."""
    expected = skills.evidence.expected[worker] + skills.crowd_labels * skills.crowd_mean
    return float(expected / (skills.evidence.labels[worker] + skills.crowd_labels))


def _labels(votes: Votes, posterior: Floats, skills: Skills, own: Ints) -> list[Contribution]:
    total = own.size + skills.crowd_labels
    return [
        Contribution("label", (right - skills.crowd_mean) / total, item, answer, right)
        for item, answer, right in _rows(votes, own, posterior[votes.item[own], votes.answer[own]])
    ]


def _gold(votes: Votes, skills: Skills, worker: int, own: Ints, truth: Ints) -> list[Contribution]:
    labels = np.array(skills.evidence.labels[worker] + skills.crowd_labels)
    total = float(effective(labels, skills.systematic)) + own.size
    before = float(skills.prior_mean[worker])
    return [
        Contribution("gold", (right - before) / total, item, answer, right)
        for item, answer, right in _rows(votes, own, (truth == votes.answer[own]).astype(np.float64))
    ]


def _rows(votes: Votes, own: Ints, right: Floats) -> list[tuple[int, int, float]]:
    return list(zip(votes.item[own].tolist(), votes.answer[own].tolist(), right.tolist(), strict=True))


def _sentence(part: Contribution, items: Sequence[str] | None, answers: Sequence[str] | None) -> str:
    item = f"item {part.item}" if items is None else f"item {items[part.item]!r}"
    answer = f"answer {part.answer}" if answers is None else f"answer {answers[part.answer]!r}"
    if part.kind == "gold":
        found = f"Gold {item}: {answer} is {'right' if part.right else 'wrong'}"
    else:
        found = f"I{item[1:]}: {answer} is right with probability {part.right:.2f}"
    return f"{found}: {_points(part.points)}."


def _points(value: float) -> str:
    return f"{100 * value:+.2f} points"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
