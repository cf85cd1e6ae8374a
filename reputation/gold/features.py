"""Item features as one more annotator: a logistic head that learns from the crowd and then votes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reputation.gold.models import join_worker
from reputation.truth.default import WEIGHTS, default
from reputation.truth.run import Floats
from reputation.votes import Ints, Votes

ROUNDS = 3
FOLDS = 5
INVERSE_PENALTIES = (1.0, 10.0, 100.0)  # scikit-learn's C
TOLERANCE_PPM = 500  # what the head learns from need not be exact
MAX_ITERATIONS = 100
_NEGLIGIBLE = 0.02  # a class with less of an item's posterior is not taught
_STEPS, _MOVEMENT = 200, 1e-3  # of the head's optimiser


@dataclass(frozen=True, eq=False)
class Head:
    """What the features say about each item.

    Attributes:
        probability: [I, K], each row from a head that was fitted without that item.
        inverse_penalty: the one of `INVERSE_PENALTIES` that predicts items left out best.
        loss: nats an item, the cross entropy of that prediction against what the head was taught.
    """

    probability: Floats
    inverse_penalty: float
    loss: float


def join_features(
    votes: Votes,
    features: Floats,
    *,
    seed: int = 0,
    device: str = "cpu",
    tick: Callable[[], None] = lambda: None,
) -> Votes:
    """The votes, and after the last worker one more: what a head makes of the features.

    The head is logistic regression, taught with the posterior of the default models (each class of an item
    weighs as much as its posterior), and answers only items of folds that it was not taught with, so it
    cannot repeat what it was told (cross-fitting; Raykar et al., JMLR 2010, learn such a head jointly).
    Then it is a worker like any other: the models estimate its confusion matrix, and with it how much its
    vote counts. What it knows makes the next posterior better, and that the next head: three rounds.

    Args:
        votes: the crowd's, and models' that joined it.
        features: [I, D], one row per item, finite; scaled here.
        seed: of the folds.
        device: where the models compute; the head is on the CPU.
        tick: called after each round.
    Raises:
        ValueError: features of another shape, or not finite.
    """
    inputs = _standardised(votes, features)
    random = np.random.default_rng([seed, 0x66656174])
    joined = votes
    for _ in range(ROUNDS):
        posterior = _posterior(joined, device)
        fold = random.permutation(np.arange(votes.items) % min(FOLDS, votes.items))
        head = fit_head(inputs, posterior, fold)
        joined = join_worker(votes, np.arange(votes.items), head.probability.argmax(axis=1))
        tick()
    return joined


def fit_head(inputs: Floats, posterior: Floats, fold: Ints) -> Head:
    """A cross-fitted head for each strength of the penalty; the best of them.

    Args:
        inputs: [I, D] scaled features.
        posterior: [I, K] what to learn.
        fold: [I], which fold an item is predicted in.
    """
    heads = []
    for inverse_penalty in INVERSE_PENALTIES:
        probability = _cross_fitted(inputs, posterior, fold, inverse_penalty)
        loss = float(-(posterior * np.log(probability)).sum(axis=1).mean())
        heads.append(Head(probability, inverse_penalty, loss))
    return min(heads, key=lambda head: head.loss)


def _standardised(votes: Votes, features: Floats) -> Floats:
    """Columns of mean 0 and equal spread, rows of length 1 on average, so that one penalty means the same
    whatever the features' number and unit."""
    given = np.asarray(features, dtype=np.float64)
    if given.ndim != 2 or given.shape[0] != votes.items or not given.shape[1]:
        raise ValueError(
            f"features need one row for each of {votes.items} items, their shape is {given.shape}"
        )
    if not np.isfinite(given).all():
        raise ValueError("features must be finite numbers")
    spread = given.std(axis=0)
    scaled = (given - given.mean(axis=0)) / np.where(spread > 0, spread, 1)
    length = float(np.linalg.norm(scaled, axis=1).mean())
    out: Floats = scaled / (length or 1)
    return out


def _posterior(votes: Votes, device: str) -> Floats:
    runs = default(votes, tolerance_ppm=TOLERANCE_PPM, max_iterations=MAX_ITERATIONS, device=device)
    out: Floats = WEIGHTS[0] * runs[0].posterior + WEIGHTS[1] * runs[1].posterior
    return out


def _cross_fitted(inputs: Floats, posterior: Floats, fold: Ints, inverse_penalty: float) -> Floats:
    out = np.empty_like(posterior)
    for one in range(int(fold.max()) + 1):
        test = np.flatnonzero(fold == one)
        taught = np.flatnonzero(fold != one)
        out[test] = _predict(inputs[taught], posterior[taught], inputs[test], inverse_penalty)
    return out


def _predict(inputs: Floats, posterior: Floats, asked: Floats, inverse_penalty: float) -> Floats:
    """[N, K] probabilities of the asked items, none 0."""
    from sklearn.linear_model import LogisticRegression

    classes = posterior.shape[1]
    row, label = np.nonzero(posterior > _NEGLIGIBLE)
    probability = np.full((asked.shape[0], classes), 1e-6)
    present = np.unique(label)
    if present.size < 2:
        probability[:, present] = 1.0
    else:
        model = LogisticRegression(C=inverse_penalty, max_iter=_STEPS, tol=_MOVEMENT)
        model.fit(inputs[row], label, sample_weight=posterior[row, label])
        probability[:, present] += model.predict_proba(asked)
    out: Floats = probability / probability.sum(axis=1, keepdims=True)
    return out
