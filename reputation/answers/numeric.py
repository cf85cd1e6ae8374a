"""Numbers: the mean, the median, and a model of each worker's bias, scale and variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from reputation.answers.limits import check
from reputation.answers.variational import climb, gamma_divergence
from reputation.votes import Ints, indices, refuse_repeats

Floats = NDArray[np.float64]
Scale = Literal["ratio", "interval", "affine"]
_LEAST = 1e-9  # of the answers' variance: keeps a variance that is estimated away above zero


@dataclass(frozen=True, eq=False)
class Numbers:
    """The answers of a crowd to questions about a quantity.

    Attributes:
        item, worker: [V] int64, aligned; any order.
        value: [V] float64, finite, in any unit.
        items, workers: how many of each there are.

    Raises:
        ValueError: shapes differ, an index is out of range, a value is no finite number, or a worker answered
            an item twice.
    """

    item: Ints
    worker: Ints
    value: Floats
    items: int
    workers: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "item", indices("item", self.item, self.items))
        object.__setattr__(self, "worker", indices("worker", self.worker, self.workers))
        value = np.array(self.value, dtype=np.float64)
        if not self.item.shape == self.worker.shape == value.shape:
            raise ValueError("item, worker and value must have the same length")
        if not np.isfinite(value).all():
            raise ValueError(f"value {int(np.flatnonzero(~np.isfinite(value))[0])} is not a finite number")
        value.setflags(write=False)
        object.__setattr__(self, "value", value)
        refuse_repeats(self.item, self.worker, self.workers)

    def __len__(self) -> int:
        return int(self.item.size)


@dataclass(frozen=True, eq=False)
class NumericRun:
    """What the model found.

    Attributes:
        estimate: [I] float64, the posterior mean of each item's true value, in the answers' unit.
        standard_error: [I] float64, its posterior standard deviation under the mean-field approximation,
            which is too small: in planted crowds 1.645 of it on either side held 83 to 88 % of the true
            values, not 90. With two or three labels in all it means little.
        factor: [W] float64, by how much a worker stretches values (1: not at all).
        bias: [W] float64, what a worker adds, in the answers' unit.
        deviation: [W] float64, the standard deviation of a worker's noise, in the answers' unit.
        bound: the evidence lower bound after each iteration, nats; it never falls.
        converged: whether the last iteration moved it by less than the tolerance.
    """

    estimate: Floats
    standard_error: Floats
    factor: Floats
    bias: Floats
    deviation: Floats
    bound: tuple[float, ...]
    converged: bool


def numeric_mean(numbers: Numbers) -> Floats:
    """Each item's mean answer, [I]; NaN where an item has none."""
    numbers = _sorted(numbers)
    count = np.bincount(numbers.item, minlength=numbers.items)
    total = np.bincount(numbers.item, numbers.value, numbers.items)
    mean: Floats = np.divide(total, count, out=np.full(numbers.items, np.nan), where=count > 0)
    return mean


def numeric_median(numbers: Numbers) -> Floats:
    """Each item's median answer, [I]; between the two middle ones where they are even; NaN where none."""
    order = np.lexsort((numbers.value, numbers.item))
    value = numbers.value[order]
    count = np.bincount(numbers.item, minlength=numbers.items)
    start = np.cumsum(count) - count
    some = count > 0
    low, high = (start + (count - 1) // 2)[some], (start + count // 2)[some]
    median = np.full(numbers.items, np.nan)
    median[some] = value[low] + (value[high] - value[low]) / 2
    return median


def numeric_truth(
    numbers: Numbers,
    *,
    scale: Scale = "ratio",
    variance_labels: float = 5.0,
    tolerance: float = 1e-9,
    max_iterations: int = 2000,
) -> NumericRun:
    """Infer true values and how each worker distorts them.

    Worker w answers b_w + a_w x_i plus Gaussian noise of precision l_w. All is hierarchical: x_i around
    a common mean, a_w around 1, b_w around 0, l_w around a common precision; the variances of the first three
    and the last one's level are empirical-Bayes estimates. Mean-field variational inference: x_i given all
    else, then (a_w, b_w) jointly, then l_w. After Raykar et al., "Learning from crowds" (JMLR 2010), section
    4, for the workers' precisions, and Ok et al., "Iterative Bayesian learning for crowdsourced regression"
    (AISTATS 2019) for the prior on them; bias and scale as in Welinder et al. (NIPS 2010).

    Args:
        numbers: at least one answer; items without any get the common mean.
        scale: what a schema says about its unit (Stevens, Science 1946). "ratio": zero means none, and
            workers differ by a factor (intensities, counts, prices); "interval": the zero is arbitrary, and
            they differ by an offset (dates, temperatures); "affine": by both.
        variance_labels: how many labels the common noise level weighs in a worker's own.
        tolerance: stop when an iteration raises the bound by less than this share of a nat per answer.
        max_iterations: stop there in any case; `converged` then says False.
    Raises:
        ValueError: no answers, an unknown scale, or a limit that is not positive.
    """
    limits = {"variance_labels": variance_labels, "tolerance": tolerance, "max_iterations": max_iterations}
    check(len(numbers), "answers", **limits)
    if scale not in ("ratio", "interval", "affine"):
        raise ValueError(f"scale must be ratio, interval or affine, it is {scale!r}")
    numbers = _sorted(numbers)  # before anything is added up: the unit is a sum too
    # The model is scale free; working in units of the answers' size keeps its numbers near 1.
    most = float(np.abs(numbers.value).max()) or 1.0  # squares of the largest floats are none
    unit = most * float(np.sqrt(np.mean((numbers.value / most) ** 2))) or 1.0
    state = _State(numbers, scale, variance_labels, unit)
    bound, converged = climb(state, tolerance * len(numbers), max_iterations)
    return state.run(bound, converged, unit)


def _sorted(numbers: Numbers) -> Numbers:
    """In the order of items, then workers: sums then do not depend on the order in which answers came."""
    order = np.lexsort((numbers.worker, numbers.item))
    return Numbers(
        numbers.item[order], numbers.worker[order], numbers.value[order], numbers.items, numbers.workers
    )


class _State:
    """The factors of the variational posterior, and one round of updates."""

    def __init__(self, numbers: Numbers, scale: Scale, strength: float, unit: float) -> None:
        self.i, self.w, self.y = numbers.item, numbers.worker, numbers.value / unit
        self.items, self.workers = numbers.items, numbers.workers
        self.count = np.bincount(self.w, minlength=self.workers)
        self.factors, self.offsets = scale != "interval", scale != "ratio"
        self.strength = strength
        mean = numeric_mean(Numbers(self.i, self.w, self.y, self.items, self.workers))
        heard = np.isfinite(mean)
        self.centre = float(mean[heard].mean())
        self.spread = max(float(mean[heard].var()), _LEAST)
        self.x, self.vx = np.where(heard, mean, self.centre), np.zeros(self.items)
        self.ab = np.tile([1.0, 0.0], (self.workers, 1))
        self.cov = np.zeros((self.workers, 2, 2))
        self.prior_ab = np.array([0.1, 0.1])
        level = max(float(np.mean((self.y - self.x[self.i]) ** 2)), _LEAST)
        self.common = level
        self.shape = (strength + self.count) / 2
        self.rate = self.shape * level

    def step(self) -> None:
        """One round: items, workers' factor and bias, workers' precision; each raises the bound."""
        precision = (self.shape / self.rate)[self.w]
        self._items(precision)
        self._workers(precision)
        residual = np.bincount(self.w, self._squares(), self.workers)
        self.rate = (self.strength * self.common + residual) / 2
        self.common = 1 / float(np.mean(self.shape / self.rate))
        self.rate = (self.strength * self.common + residual) / 2

    def _items(self, precision: Floats) -> None:
        a, b = self.ab.T
        aa, ab = a**2 + self.cov[:, 0, 0], a * b + self.cov[:, 0, 1]
        weight = np.bincount(self.i, precision * aa[self.w], self.items) + 1 / self.spread
        pull = np.bincount(self.i, precision * (a[self.w] * self.y - ab[self.w]), self.items)
        self.x, self.vx = (pull + self.centre / self.spread) / weight, 1 / weight
        self.centre = float(self.x.mean())
        self.spread = max(float(np.mean((self.x - self.centre) ** 2 + self.vx)), _LEAST)

    def _workers(self, precision: Floats) -> None:
        """A ridge regression of each worker's answers on the true values, which are themselves uncertain."""
        x, xx = self.x[self.i], (self.x**2 + self.vx)[self.i]
        sums = [
            np.bincount(self.w, precision * each, self.workers) for each in (xx, x, 1, x * self.y, self.y)
        ]
        (va, vb), (pxx, px, p, pxy, py) = self.prior_ab, sums
        if self.factors and self.offsets:
            normal = np.stack([np.stack([pxx + 1 / va, px], -1), np.stack([px, p + 1 / vb], -1)], -2)
            self.cov = np.linalg.inv(normal)
            self.ab = np.einsum("wij,wj->wi", self.cov, np.stack([pxy + 1 / va, py], -1))
        elif self.factors:
            self.cov[:, 0, 0] = 1 / (pxx + 1 / va)
            self.ab[:, 0] = self.cov[:, 0, 0] * (pxy + 1 / va)
        else:
            self.cov[:, 1, 1] = 1 / (p + 1 / vb)
            self.ab[:, 1] = self.cov[:, 1, 1] * (py - px)
        if self.factors:
            self._rescale()
        self.prior_ab = np.maximum(self._off_prior().mean(axis=0), _LEAST)

    def _rescale(self) -> None:
        """Stretch all true values and shrink all factors by the one ratio that the factors' prior likes best.

        The likelihood does not see it, so single updates would creep along it (parameter expansion, Qi and
        Jaakkola, NIPS 2006).
        """
        first, second = self.ab[:, 0].sum(), (self.ab[:, 0] ** 2 + self.cov[:, 0, 0]).sum()
        root = np.sqrt(first**2 + 4 * second * self.workers * self.prior_ab[0])
        shrink = float((first + root) / (2 * second))
        if self.spread / shrink**2 < _LEAST:
            return
        self.ab[:, 0] *= shrink
        self.cov *= np.array([[shrink**2, shrink], [shrink, 1]])
        self.x, self.vx = self.x / shrink, self.vx / shrink**2
        self.centre, self.spread = self.centre / shrink, self.spread / shrink**2

    def _off_prior(self) -> Floats:
        """E[(a - 1)^2] and E[b^2] of each worker, [W, 2]."""
        off: Floats = (self.ab - [1.0, 0.0]) ** 2 + np.diagonal(self.cov, axis1=1, axis2=2)
        return off

    def _squares(self) -> Floats:
        """E[(y - b - a x)^2] of each answer, [V]."""
        a, b = self.ab.T
        x, v = self.x[self.i], self.vx[self.i]
        mean = (self.y - b[self.w] - a[self.w] * x) ** 2 + a[self.w] ** 2 * v
        caa, cab, cbb = (self.cov[self.w, m, n] for m, n in ((0, 0), (0, 1), (1, 1)))
        squares: Floats = mean + caa * (x**2 + v) + 2 * cab * x + cbb
        return squares

    def bound(self) -> float:
        """The evidence lower bound, nats, of the answers in the working unit, up to a constant."""
        from scipy.special import digamma

        log_l, mean_l = digamma(self.shape) - np.log(self.rate), self.shape / self.rate
        total = 0.5 * float(np.sum(log_l[self.w] - np.log(2 * np.pi) - mean_l[self.w] * self._squares()))
        total -= _gauss(self.vx, (self.x - self.centre) ** 2, self.spread)
        for used, column in ((self.factors, 0), (self.offsets, 1)):
            if used:
                centred = (self.ab[:, column] - (1 - column)) ** 2
                total -= _gauss(self.cov[:, column, column], centred, self.prior_ab[column])
        if self.factors and self.offsets:  # the two are joint: what their covariance adds to the divergence
            product = self.cov[:, 0, 0] * self.cov[:, 1, 1]
            total += 0.5 * float(np.sum(np.log(np.linalg.det(self.cov) / product)))
        a0, b0 = self.strength / 2, self.strength * self.common / 2
        return total - gamma_divergence(self.shape, self.rate, a0, b0)

    def run(self, bound: tuple[float, ...], converged: bool, unit: float) -> NumericRun:
        """The result, in the answers' own unit."""
        return NumericRun(
            self.x * unit,
            np.sqrt(self.vx) * unit,
            self.ab[:, 0].copy(),
            self.ab[:, 1] * unit,
            np.sqrt(self.rate / self.shape) * unit,
            bound,
            converged,
        )


def _gauss(variance: Floats, squared: Floats, prior: float) -> float:
    """The divergence of normal posteriors, at these squared distances from the prior's mean, from it."""
    return 0.5 * float(np.sum((variance + squared) / prior - 1 - np.log(variance / prior)))
