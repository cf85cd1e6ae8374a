"""The committed form of maximum a posteriori Dawid-Skene: probabilities rounded to parts per million."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reputation.committed.judgement import LOG_SCALE, Judgement, Skill
from reputation.priors import ConfusionPrior
from reputation.truth.run import MAX_ITERATIONS, TOLERANCE_PPM, TruthRun
from reputation.votes import PPM, Ints, Votes

FORMAT = "crowdledger-parameters@v1"


@dataclass(frozen=True, eq=False)
class Parameters:
    """Committed model parameters.

    Attributes:
        prevalence: [K] int64 ppm, sums to 1,000,000, each at least 1.
        confusion: [W, K, K] int64 ppm, P(answer | true class); each row likewise.

    Raises:
        ValueError: a shape, a sum or a bound is wrong.
    """

    prevalence: Ints
    confusion: Ints

    def __post_init__(self) -> None:
        for name in ("prevalence", "confusion"):
            array = np.asarray(getattr(self, name))
            if not np.issubdtype(array.dtype, np.integer):
                raise ValueError(f"{name} must be integers")
            object.__setattr__(self, name, array.astype(np.int64))
        classes = self.prevalence.size
        if self.prevalence.ndim != 1 or self.confusion.shape[1:] != (classes, classes):
            raise ValueError(
                f"prevalence {self.prevalence.shape} and confusion {self.confusion.shape} differ"
            )
        for rows in (self.prevalence[None], self.confusion.reshape(-1, classes)):
            if rows.size and (rows.min() < 1 or (rows.sum(axis=1) != PPM).any()):
                raise ValueError("every row must be positive and sum to 1,000,000")


def quantise(run: TruthRun) -> Parameters:
    """Round a run to ppm: 1 for each class, the rest by largest remainder, ties to the lowest class."""
    return Parameters(_ppm_rows(run.prevalence[None])[0], _ppm_rows(run.confusion))


def _ppm_rows(shares: NDArray[np.float64]) -> Ints:
    classes = shares.shape[-1]
    exact = shares * (PPM - classes)
    floor = np.floor(exact).astype(np.int64)
    missing = (PPM - classes) - floor.sum(axis=-1, keepdims=True)
    order = np.argsort(floor - exact, axis=-1, kind="stable")
    rank = np.argsort(order, axis=-1, kind="stable")
    rows: Ints = floor + 1 + (rank < missing)
    return rows


def _log_units(ppm: Ints) -> Ints:
    """ln(ppm / 10^6) in units of 2^-36: integer sums are exact, so they do not depend on the votes' order."""
    return np.rint(np.log(ppm / PPM) * LOG_SCALE).astype(np.int64)


def _log_joint(votes: Votes, parameters: Parameters) -> Ints:
    """log P(class, votes of the item) per item and class, [I, K], in units of 2^-36 nats."""
    if parameters.confusion.shape != (votes.workers, votes.classes, votes.classes):
        raise ValueError(f"parameters for {parameters.confusion.shape}, votes of {votes.workers} workers")
    evidence = _log_units(parameters.confusion)
    joint = np.tile(_log_units(parameters.prevalence), (votes.items, 1))
    for true in range(votes.classes):
        np.add.at(joint[:, true], votes.item, evidence[votes.worker, true, votes.answer])
    return joint


def _posterior(joint: Ints) -> NDArray[np.float64]:
    weights = np.exp((joint - joint.max(axis=1, keepdims=True)) / LOG_SCALE)
    posterior: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return posterior


def judge(votes: Votes, parameters: Parameters) -> Judgement:
    """One E-step from committed parameters: what the truth entries of a run are made from.

    Log probabilities are rounded to 2^-36 and added up as integers: equal evidence is exactly equal whatever
    the order of the votes, and the lowest class wins it. The confidence is rounded to the nearest ppm.

    Raises:
        ValueError: votes and parameters are of different shapes.
    """
    joint = _log_joint(votes, parameters)
    answer = joint.argmax(axis=1).astype(np.int64)
    confidence = _posterior(joint)[np.arange(votes.items), answer]
    return Judgement(answer, np.rint(confidence * PPM).astype(np.int64))


def residual(votes: Votes, parameters: Parameters, prior: ConfusionPrior) -> int:
    """How far one more EM step from the committed parameters moves any of them, in ppm, rounded up.

    Costs a single pass over the votes in numpy, whatever the run cost. A run is accepted when this is at
    most the tolerance that the campaign states.
    """
    posterior = _posterior(_log_joint(votes, parameters))
    classes = votes.classes
    counts = np.empty((votes.workers, classes, classes))
    cell = votes.worker * classes + votes.answer
    for true in range(classes):
        seen = np.bincount(cell, weights=posterior[votes.item, true], minlength=votes.workers * classes)
        counts[:, true, :] = seen.reshape(votes.workers, classes)
    one_coin = np.full((classes, classes), float(prior.community_wrong))
    np.fill_diagonal(one_coin, prior.community_correct)
    community = counts.sum(axis=0) + votes.workers * one_coin
    confusion = counts + prior.worker_labels * community / community.sum(axis=1, keepdims=True)
    prevalence = posterior.sum(axis=0) + prior.prevalence
    moved = max(
        float(np.abs(confusion / confusion.sum(axis=2, keepdims=True) * PPM - parameters.confusion).max()),
        float(np.abs(prevalence / prevalence.sum() * PPM - parameters.prevalence).max()),
    )
    return math.ceil(moved)


def skill(votes: Votes, parameters: Parameters) -> Skill:
    """How often each worker is right on a typical item, in integers.

    score = Σ_k prevalence_k · confusion_kk / 10^6, rounded down;
    standard error = isqrt(score · (10^6 − score) / (labels + 1)), the binomial one, rounded down.
    """
    if parameters.confusion.shape[0] != votes.workers:
        raise ValueError(f"parameters of {parameters.confusion.shape[0]} workers, votes of {votes.workers}")
    diagonal = np.diagonal(parameters.confusion, axis1=1, axis2=2)
    score = (diagonal * parameters.prevalence).sum(axis=1) // PPM
    variance = score * (PPM - score) // (votes.labels_per_worker() + 1)
    error = np.array([math.isqrt(int(v)) for v in variance], dtype=np.int64)
    return Skill(score, error)


def parameters_document(parameters: Parameters | None, workers: Sequence[str]) -> dict[str, Any]:
    """The JSON form whose digest an inference run commits to; of no parameters where there were no votes.

    Raises:
        ValueError: not one distinct name per worker.
    """
    if parameters is None:
        return {"format": FORMAT, "prevalence": [], "workers": {}}
    if len(workers) != parameters.confusion.shape[0] or len(set(workers)) != len(workers):
        raise ValueError("there must be exactly one distinct name per worker")
    rows = parameters.confusion.tolist()
    return {
        "format": FORMAT,
        "prevalence": parameters.prevalence.tolist(),
        "workers": dict(zip(workers, rows, strict=True)),
    }


def parameters_from_document(document: Mapping[str, Any], workers: Sequence[str], classes: int) -> Parameters:
    """The parameters of a document about so many classes, in the given order of its workers.

    Raises:
        ValueError: another format, unknown keys, other workers, or numbers that are no parameters.
    """
    if set(document) != {"format", "prevalence", "workers"} or document["format"] != FORMAT:
        raise ValueError(f"not a {FORMAT} document")
    matrices = document["workers"]
    if len(set(workers)) != len(workers) or set(matrices) != set(workers):
        raise ValueError("the document names other workers")
    if len(document["prevalence"]) != classes:
        raise ValueError(f"there are {classes} classes, not {len(document['prevalence'])}")
    confusion = np.array([matrices[name] for name in workers]).reshape(len(workers), classes, classes)
    return Parameters(np.array(document["prevalence"]), confusion if workers else confusion.astype(np.int64))


def method_document(
    *,
    prior: ConfusionPrior | None = None,
    tolerance_ppm: int = TOLERANCE_PPM,
    max_iterations: int = MAX_ITERATIONS,
) -> dict[str, Any]:
    """Everything that determines a run besides its votes, as integers and names."""
    return {
        "method": "dawid-skene",
        "version": 1,
        "prior": (prior or ConfusionPrior()).document(),
        "tolerance_ppm": tolerance_ppm,
        "max_iterations": max_iterations,
    }
