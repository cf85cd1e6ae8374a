"""Weighing models by what gold says about them: a log-linear mixture, its penalties chosen on gold too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from reputation.gold.calibration import log_softmax
from reputation.truth.run import Floats
from reputation.votes import Ints

FIRST = 0.1  # exponent of every member before any gold is seen
FLOOR = 1e-6  # models are surer than they may be: no class is ruled out further than this
EXPONENT_PENALTIES = (10.0, 30.0, 100.0)
BIAS_PENALTIES = (3.0, 10.0, 30.0, 100.0, 1000.0)
_FOLDS = 10


@dataclass(frozen=True, eq=False)
class Mixture:
    """log posterior = sum over members of exponent x log posterior of the member, + bias; then normalised.

    Attributes:
        exponents: [M] at least 0. Their sum is the inverse of the temperature that the members need together.
        bias: [K], what gold says about the classes' prevalence that the crowd's answers do not.
    """

    exponents: Floats
    bias: Floats

    @property
    def weights(self) -> tuple[float, ...]:
        """The exponents, scaled to 1 in all; equal where all are 0."""
        total = float(self.exponents.sum())
        parts = self.exponents / total if total > 0 else np.full(self.exponents.size, 1 / self.exponents.size)
        return tuple(map(float, parts))

    @property
    def temperature(self) -> float:
        """Above 1 where the members are too sure (Guo et al. 2017); infinite where they say nothing."""
        total = float(self.exponents.sum())
        return 1 / total if total > 0 else float("inf")

    def apply(self, members: Sequence[Floats]) -> Floats:
        """Posterior [N, K] from the members' posteriors, [N, K] each.

        Raises:
            ValueError: there are not as many members as exponents.
        """
        if len(members) != self.exponents.size:
            raise ValueError(f"the mixture has {self.exponents.size} members, {len(members)} were given")
        return np.exp(self._logs(logs(members)))

    def _logs(self, members: Floats) -> Floats:
        return log_softmax(np.einsum("m,mnk->nk", self.exponents, members) + self.bias)


def logs(members: Sequence[Floats]) -> Floats:
    """[M, N, K] logarithms of posteriors, none below that of `FLOOR`."""
    return np.log(np.maximum(np.stack(list(members)), FLOOR))


def fit_mixture(members: Sequence[Floats], answer: Ints) -> Mixture:
    """Weigh members by the likelihood of gold answers (stacking, Wolpert 1992, with a logarithmic pool).

    A few gold items cannot carry many free numbers, so the exponents are drawn to `FIRST` and the biases to
    0 by quadratic penalties. How strongly is again asked of the gold: every pair of penalties is scored by
    the likelihood of gold items left out of the fit, and the fits are averaged, weighted by that likelihood.
    Nothing is random.

    Args:
        members: the models' posteriors of the gold items, [G, K] each, made without those items' gold.
        answer: [G] the right answers.
    Raises:
        ValueError: no member, or no gold item.
    """
    if not len(members) or not answer.size:
        raise ValueError("a mixture needs at least one member and one gold item")
    inputs = logs(members)
    pairs = list(product(EXPONENT_PENALTIES, BIAS_PENALTIES))
    scores = np.array([_held_out(inputs, answer, *pair) for pair in pairs])
    share = np.exp(scores - scores.max())
    share /= share.sum()
    exponents, bias = np.zeros(inputs.shape[0]), np.zeros(inputs.shape[2])
    for part, pair in zip(share, pairs, strict=True):
        fitted = _fit(inputs, answer, *pair)
        exponents += part * fitted.exponents
        bias += part * fitted.bias
    return Mixture(exponents, bias)


def _held_out(inputs: Floats, answer: Ints, exponent_penalty: float, bias_penalty: float) -> float:
    """Log likelihood of each gold item under a mixture fitted without it and its fold."""
    score = 0.0
    for train, test in _folds(answer.size):
        mixture = _fit(inputs[:, train], answer[train], exponent_penalty, bias_penalty)
        score += float(mixture._logs(inputs[:, test])[np.arange(test.size), answer[test]].sum())
    return score


def _folds(size: int) -> Iterator[tuple[Ints, Ints]]:
    fold = np.arange(size) % min(_FOLDS, size)
    for one in range(int(fold.max()) + 1):
        yield np.flatnonzero(fold != one), np.flatnonzero(fold == one)


def _fit(inputs: Floats, answer: Ints, exponent_penalty: float, bias_penalty: float) -> Mixture:
    """Penalised maximum likelihood; convex, so the start does not matter."""
    from scipy.optimize import minimize

    models, size, classes = inputs.shape
    right = np.eye(classes)[answer]

    def loss(at: Floats) -> tuple[float, Floats]:
        away, bias = at[:models] - FIRST, at[models:]
        logits = log_softmax(np.einsum("m,mnk->nk", at[:models], inputs) + bias)
        value = -(logits * right).sum() + (exponent_penalty * away @ away + bias_penalty * bias @ bias) / 2
        miss = np.exp(logits) - right
        slope = np.einsum("nk,mnk->m", miss, inputs) + exponent_penalty * away
        return float(value), np.concatenate([slope, miss.sum(0) + bias_penalty * bias])

    start = np.concatenate([np.full(models, FIRST), np.zeros(classes)])
    if not size:
        return Mixture(start[:models], start[models:])
    bounds = [(0.0, None)] * models + [(None, None)] * classes
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return Mixture(found[:models], found[models:])
