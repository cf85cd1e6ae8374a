"""Item features as one more annotator: a logistic head that learns from the crowd and then votes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reputation.gold.calibration import LEAST
from reputation.gold.models import join_worker
from reputation.truth.default import WEIGHTS, default
from reputation.truth.run import Floats, TruthRun
from reputation.votes import Ints, Votes

ROUNDS = 3
FOLDS = 5
INVERSE_PENALTIES = (1.0, 10.0, 100.0)  # scikit-learn's C
TOLERANCE_PPM = 500  # what the head learns from need not be exact
MAX_ITERATIONS = 100
CERTAINTY = 2.0  # standard errors by which the head's help must differ from none
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


@dataclass(frozen=True, eq=False)
class Joined:
    """Votes that features may have joined.

    Attributes:
        votes: with one more worker, the head, if it helps; else as they were.
        helps: whether it does.
        gain: nats an item, how much more probable the head makes answers that no model was fitted to (but the
            head was taught with) than the same head shuffled.
        error: its standard error.
    """

    votes: Votes
    helps: bool
    gain: float
    error: float


def join_features(
    votes: Votes,
    features: Floats,
    *,
    seed: int = 0,
    device: str = "cpu",
    tick: Callable[[], None] = lambda: None,
) -> Joined:
    """The votes, and after the last worker one more: what a head makes of the features.

    The head is logistic regression, taught with the posterior of the default models (each class of an item
    weighs as much as its posterior), and answers only items of folds that it was not taught with
    (cross-fitting; Raykar et al., JMLR 2010, learn such a head jointly): three rounds (`_taught`). Then it is
    a worker like any other, whose confusion matrix the models estimate. Only its most probable class is used;
    its probabilities are calibrated by nothing.

    A worker who answers everything can pull a model to another optimum. So a fifth of the crowd's votes at a
    time is held out, and the head stays only if the models then give these votes more probability with it
    than with its own answers shuffled, by `CERTAINTY` standard errors. It was taught with all votes, and its
    shuffled answers have lost that: of features that are noise somewhat more than 2 % may be taken.

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
    joined = _taught(votes, inputs, random, device, tick)
    shuffled = random.permutation(joined.answer[len(votes) :])
    placebo = join_worker(votes, np.arange(votes.items), shuffled)
    fold = random.permutation(np.arange(len(votes)) % FOLDS)
    gain, error = held_out_gain(votes, joined, placebo, fold, device)
    helps = gain > CERTAINTY * error
    return Joined(joined if helps else votes, helps, gain, error)


def _taught(
    votes: Votes, inputs: Floats, random: np.random.Generator, device: str, tick: Callable[[], None]
) -> Votes:
    """The votes and those of the last round's head.

    What a head knows makes the next posterior better, and that the next head. From the second round on, the
    posteriors that teach it contain its earlier votes, for which every item was used; so an item may have a
    share in its own answer, at two removes. Gold is no part of what it is taught.
    """
    joined = votes
    for _ in range(ROUNDS):
        posterior = _posterior(joined, device)
        fold = random.permutation(np.arange(votes.items) % min(FOLDS, votes.items))
        head = fit_head(inputs, posterior, fold)
        joined = join_worker(votes, np.arange(votes.items), head.probability.argmax(axis=1))
        tick()
    return joined


def held_out_gain(
    votes: Votes, joined: Votes, placebo: Votes, fold: Ints, device: str = "cpu"
) -> tuple[float, float]:
    """How much more probable held-out votes are with one addition than with another: nats an item, and the
    standard error of that.

    Args:
        votes: the crowd's.
        joined, placebo: the same votes first, then those that joined.
        fold: [V], with which others each of the crowd's votes is held out.
    """
    difference = np.zeros(votes.items)
    for one in range(int(fold.max()) + 1):
        out = fold == one
        held = votes.item[out], votes.worker[out], votes.answer[out]
        for sign, added in ((1, joined), (-1, placebo)):
            stays = np.concatenate([~out, np.ones(len(added) - len(votes), dtype=bool)])
            logs = _log_probability(_part(added, stays), *held, device)
            difference += sign * np.bincount(held[0], logs, votes.items)
    answered = difference[np.unique(votes.item)]
    return float(answered.mean()), float(answered.std()) / math.sqrt(answered.size)


def _part(votes: Votes, kept: NDArray[np.bool_]) -> Votes:
    columns = votes.item[kept], votes.worker[kept], votes.answer[kept]
    return Votes(*columns, votes.items, votes.workers, votes.classes, votes.repeats)


def _log_probability(votes: Votes, item: Ints, worker: Ints, answer: Ints, device: str) -> Floats:
    """Log probability of further votes [N] under the default models of these votes."""
    given = np.zeros(item.size)
    for weight, run in zip(WEIGHTS, _models(votes, device), strict=True):
        given += weight * (run.posterior[item] * run.confusion[worker, :, answer]).sum(axis=1)
    return np.log(np.maximum(given, LEAST))


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


def _models(votes: Votes, device: str) -> tuple[TruthRun, TruthRun]:
    return default(votes, tolerance_ppm=TOLERANCE_PPM, max_iterations=MAX_ITERATIONS, device=device)


def _posterior(votes: Votes, device: str) -> Floats:
    runs = _models(votes, device)
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
