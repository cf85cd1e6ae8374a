"""Drift: how good a worker is now, and whether its skill has changed.

Now: expected right labels with exponential forgetting: a label's weight halves with every `half_life`
further labels of the worker. The weights' effective number, (Σw)² / Σw² (Kish 1965), says how sure that
is.

Changed: the largest deviation of the cumulative sums of a worker's outcomes from a straight line, in
standard errors (Ploberger and Krämer, "The CUSUM Test with OLS Residuals", Econometrica 1992). Without a
change the outcomes are exchangeable and the statistic tends to the largest absolute value of a Brownian
bridge, whose distribution is Kolmogorov's; for few labels it stays below. So no more than a share
`false_alarms` of the workers who did not change is reported. That is so for outcomes that are taken as
they are.

Where items get harder, everybody's outcomes fall, and nobody has changed. So by default the mean outcome
of colleagues, on the same item and at about the same time, is first taken away, and what is left divided
by the spread that this mean implies. Items of one difficulty keep the stated rate; when a crowd of 400 was
given much harder items half-way, 5 to 8 % were reported for a stated 5 %, and 66 to 94 % without the
comparison.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reputation.crowd.skill import LEVEL, beta_interval, check_posterior, crowd_mean
from reputation.truth.run import Floats
from reputation.votes import Ints, Votes

HALF_LIFE = 50.0
FEWEST = 10  # labels from which a change is looked for
_CONTEMPORARIES = 5  # how many labels of about the same time count as colleagues' on the same item
_WINDOW = 200


@dataclass(frozen=True, eq=False)
class Recent:
    """Each worker's skill of late.

    Attributes:
        mean, strength: [W] the belief Beta(mean · strength, (1 − mean) · strength).
        labels: [W] the effective number of labels it rests on, without the crowd's.
    """

    mean: Floats
    strength: Floats
    labels: Floats

    def interval(self, level: float = LEVEL) -> tuple[Floats, Floats]:
        """Lower and upper end, [W] each.

        Raises:
            ValueError: a level outside 0..1.
        """
        return beta_interval(self.mean, self.strength, level)


@dataclass(frozen=True, eq=False)
class Changes:
    """Whether and when each worker changed.

    Attributes:
        p_value: [W] how often a worker who did not change would deviate as much; 1 with few labels.
        after: [W] how many of its labels came before the likeliest change; −1 where none was looked for.
        before_mean, after_mean: [W] its mean outcome before and after, less its colleagues' on the same items
            where these are compared with; NaN where none was looked for.
        changed: [W] bool, p_value at most `false_alarms`.
        false_alarms: the share of unchanged workers that is reported, at most.
    """

    p_value: Floats
    after: Ints
    before_mean: Floats
    after_mean: Floats
    changed: NDArray[np.bool_]
    false_alarms: float


def recent_skill(votes: Votes, posterior: Floats, made_at: Ints, *, half_life: float = HALF_LIFE) -> Recent:
    """Each worker's skill with exponential forgetting, shrunk to the crowd's mean.

    Args:
        votes, posterior: as for `skill.skills`; a gold item's row has its answer.
        made_at: [V] when each label was made, in any unit; equal times count in the order of the items.
        half_life: after how many of its own further labels one counts half.
    Raises:
        ValueError: as `skill.skills`, times of another shape, or a half-life that is not positive.
    """
    if not half_life > 0:
        raise ValueError(f"a half-life is positive, it is {half_life!r}")
    check_posterior(votes, posterior)
    order, starts, counts = _by_time(votes, made_at)
    worker = votes.worker[order]
    age = (starts + counts - 1)[worker] - np.arange(order.size)
    weight = 0.5 ** (age / half_life)
    right = posterior[votes.item, votes.answer][order]
    total, square, good = (
        np.bincount(worker, values, minlength=votes.workers).astype(np.float64)
        for values in (weight, weight**2, weight * right)
    )
    labels = np.divide(total**2, square, out=np.zeros_like(total), where=square > 0)
    share = np.divide(good, total, out=np.zeros_like(total), where=total > 0)
    mean, between = crowd_mean(labels, labels * share)
    strength = labels + between
    return Recent((labels * share + between * mean) / strength, strength, labels)


def changes(
    votes: Votes,
    posterior: Floats,
    made_at: Ints,
    *,
    false_alarms: float = 0.01,
    against_colleagues: bool = True,
) -> Changes:
    """Find the workers whose skill changed at some time, and when.

    Args:
        votes, posterior, made_at: as for `recent_skill`.
        false_alarms: the share of unchanged workers that may be reported; of W workers, W times that.
        against_colleagues: whether an outcome is taken relative to the other labels of its item.
    Raises:
        ValueError: as `recent_skill`, or a share outside 0..1.
    """
    if not 0 < false_alarms < 1:
        raise ValueError(f"a share of false alarms lies between 0 and 1, it is {false_alarms!r}")
    check_posterior(votes, posterior)
    order, starts, counts = _by_time(votes, made_at)
    outcome = posterior[votes.item, votes.answer]
    spread = np.ones_like(outcome)
    if against_colleagues:
        expected = _colleagues(votes, outcome, np.asarray(made_at))
        outcome, spread = outcome - expected, np.sqrt(expected * (1 - expected))
    outcome, scaled = outcome[order], (outcome / spread)[order]
    ends = zip(starts, starts + counts, strict=True)
    found = [_change(outcome[start:end], scaled[start:end]) for start, end in ends]
    p_value, after, before_mean, after_mean = (np.array(column) for column in zip(*found, strict=True))
    return Changes(p_value, after, before_mean, after_mean, p_value <= false_alarms, false_alarms)


def _change(outcome: Floats, scaled: Floats) -> tuple[float, int, float, float]:
    """p-value, labels before the change, means before and after, of one worker's outcomes in time."""
    from scipy.special import kolmogorov

    deviation = float(scaled.std()) if scaled.size >= FEWEST else 0.0
    if deviation < 1e-9:
        return 1.0, -1, np.nan, np.nan
    sums = np.cumsum(scaled - scaled.mean())[:-1]
    split = int(np.abs(sums).argmax()) + 1
    statistic = abs(sums[split - 1]) / (deviation * np.sqrt(scaled.size))
    before, after = float(outcome[:split].mean()), float(outcome[split:].mean())
    return float(kolmogorov(statistic)), split, before, after


def _colleagues(votes: Votes, outcome: Floats, made_at: Ints) -> Floats:
    """[V]: the mean outcome of the item's other labels, drawn to that of all labels of about that time."""
    sums = np.bincount(votes.item, outcome, minlength=votes.items)[votes.item] - outcome
    others = np.bincount(votes.item, minlength=votes.items)[votes.item] - 1
    mean = (sums + _CONTEMPORARIES * _moving_mean(votes, outcome, made_at)) / (others + _CONTEMPORARIES)
    return np.clip(mean, 0.02, 0.98).astype(np.float64)


def _moving_mean(votes: Votes, outcome: Floats, made_at: Ints) -> Floats:
    """[V]: the mean outcome of the labels up to `_WINDOW` places earlier and later in time."""
    order = np.lexsort((votes.worker, votes.item, made_at))
    sums = np.concatenate([[0.0], np.cumsum(outcome[order])])
    place = np.arange(order.size)
    low, high = np.maximum(place - _WINDOW, 0), np.minimum(place + _WINDOW + 1, order.size)
    mean = np.empty_like(outcome)
    mean[order] = (sums[high] - sums[low]) / (high - low)
    return mean


def _by_time(votes: Votes, made_at: Ints) -> tuple[Ints, Ints, Ints]:
    """The labels' order by worker and time, where each worker's begin in it, and how many there are."""
    times = np.asarray(made_at)
    if times.shape != votes.item.shape:
        raise ValueError(f"there are {len(votes)} labels and {times.size} times")
    order = np.lexsort((votes.item, times, votes.worker))
    counts = votes.labels_per_worker()
    return order, np.cumsum(counts) - counts, counts
