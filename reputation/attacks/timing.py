"""When labels were made: too fast, in bursts, or as regularly as a program.

Every figure is held against the same crowd's habits, not against a fixed number of seconds, so a task that
takes a second and one that takes an hour are judged alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reputation.attacks.tables import Floats
from reputation.votes import Ints

MIN_GAPS = 5  # fewer gaps between a worker's labels are not judged
_PAUSE = 20.0  # a gap of so many of the crowd's medians is a pause, not work


@dataclass(frozen=True, eq=False)
class TimingFigures:
    """Per worker [W]; a p-value of 1 where there are too few labels to judge.

    Attributes:
        gaps: how many times between one label and the next were looked at, pauses left out.
        seconds: median time per label; nan without any.
        fast_p: chance that somebody of this crowd is so fast, from the spread of workers' median log times.
        burst: most labels within `window` seconds.
        burst_p: chance of so many in any window of the worker's, if it worked at the pace of the crowd's
            fastest tenth (Poisson, times the number of labels).
        regular_p: chance that the times of a person of this crowd vary so little (chi-square on the variance
            of the log times).
    """

    gaps: Ints
    seconds: Floats
    fast_p: Floats
    burst: Ints
    burst_p: Floats
    regular_p: Floats


def timing_figures(
    worker: Ints,
    made_at: Floats,
    workers: int,
    *,
    duration: Floats | None = None,
    window: float = 60.0,
) -> TimingFigures:
    """Measure every worker's times.

    Args:
        worker: [V] worker of each label.
        made_at: [V] when it was made, seconds since anything.
        workers: how many workers there are.
        duration: [V] seconds spent on each label, where that is known; else the time since the worker's
            previous label counts.
        window: seconds of the burst.

    Raises:
        ValueError: lengths differ, a time is no finite number, a duration is negative, or the window is not
            positive.
    """
    _check(worker, made_at, duration, window)
    order = np.lexsort((made_at, worker))
    who, when = worker[order], made_at[order].astype(np.float64)
    spent = _gaps(who, when) if duration is None else duration[order].astype(np.float64)
    counted = _work(spent)
    logs, owner = np.log(np.maximum(spent[counted], 0.5)), who[counted]
    gaps = np.bincount(owner, minlength=workers).astype(np.int64)
    medians = _medians(logs, owner, workers)
    burst = _bursts(who, when, workers, window)
    return TimingFigures(
        gaps=gaps,
        seconds=np.exp(medians),
        fast_p=_fast(medians, gaps),
        burst=burst,
        burst_p=_burst_p(burst, medians, gaps, window),
        regular_p=_regular(logs, owner, gaps),
    )


def _check(worker: Ints, made_at: Floats, duration: Floats | None, window: float) -> None:
    if worker.shape != made_at.shape or (duration is not None and duration.shape != worker.shape):
        raise ValueError("worker, made_at and duration must have the same length")
    if not np.isfinite(made_at).all():
        raise ValueError("every time has to be a finite number of seconds")
    if duration is not None and not (np.isfinite(duration).all() and (duration >= 0).all()):
        raise ValueError("durations are finite and not negative")
    if not window > 0:
        raise ValueError("the window has to be longer than nothing")


def _work(spent: Floats) -> NDArray[np.bool_]:
    """Which of the times are known, and no pauses."""
    known = np.isfinite(spent)
    if not known.any():
        return known
    usual = np.median(np.maximum(spent[known], 0.5))
    return np.asarray(known & (np.nan_to_num(spent, nan=np.inf) <= _PAUSE * usual))


def _gaps(who: Ints, when: Floats) -> Floats:
    """Seconds since the same worker's previous label, nan for its first."""
    gaps = np.full(when.size, np.nan)
    gaps[1:] = np.where(who[1:] == who[:-1], when[1:] - when[:-1], np.nan)
    return gaps


def _medians(logs: Floats, owner: Ints, workers: int) -> Floats:
    order = np.lexsort((logs, owner))
    ends = np.searchsorted(owner[order], np.arange(workers + 1))
    count = np.diff(ends)
    found = np.full(workers, np.nan)
    some = count > 0
    low, high = ends[:-1] + (count - 1) // 2, ends[:-1] + count // 2
    ranked = logs[order]
    found[some] = (ranked[low[some]] + ranked[high[some]]) / 2
    return found


def _spread(values: Floats) -> tuple[float, float]:
    """Median, and a robust standard deviation (1.4826 MAD), at least 0.2 of a log unit."""
    middle = float(np.median(values))
    return middle, max(0.2, 1.4826 * float(np.median(np.abs(values - middle))))


def _judged(gaps: Ints) -> NDArray[np.bool_]:
    return gaps >= MIN_GAPS


def _fast(medians: Floats, gaps: Ints) -> Floats:
    from scipy.stats import norm

    p_value, judged = np.ones(gaps.size), _judged(gaps)
    if judged.sum() >= 3:
        middle, spread = _spread(medians[judged])
        p_value[judged] = norm.cdf((medians[judged] - middle) / spread)
    return p_value


def _regular(logs: Floats, owner: Ints, gaps: Ints) -> Floats:
    from scipy.stats import chi2

    p_value, judged = np.ones(gaps.size), _judged(gaps)
    if judged.sum() >= 3:
        count = np.maximum(gaps, 1)
        mean = np.bincount(owner, logs, minlength=gaps.size) / count
        squares = np.bincount(owner, (logs - mean[owner]) ** 2, minlength=gaps.size)
        usual = max(float(np.median((squares / np.maximum(gaps - 1, 1))[judged])), 1e-6)
        p_value[judged] = chi2.cdf(squares[judged] / usual, gaps[judged] - 1)
    return p_value


def _bursts(who: Ints, when: Floats, workers: int, window: float) -> Ints:
    """Most labels of one worker within a window: a window that begins at each label, at once."""
    most = np.zeros(workers, dtype=np.int64)
    if not who.size:
        return most
    # Workers are laid out one after the other, further apart than any window reaches.
    span = float(when.max() - when.min()) + 2 * window
    line = (when - when.min()) + who * span
    within = np.searchsorted(line, line + window, side="left") - np.arange(line.size)
    np.maximum.at(most, who, within)
    return most


def _burst_p(burst: Ints, medians: Floats, gaps: Ints, window: float) -> Floats:
    from scipy.stats import poisson

    p_value, judged = np.ones(gaps.size), _judged(gaps)
    if judged.sum() >= 3:
        fastest = float(np.exp(np.quantile(medians[judged], 0.1)))
        chance = poisson.sf(burst[judged] - 1, window / fastest)
        p_value[judged] = np.minimum(1.0, chance * (gaps[judged] + 1))
    return p_value
