"""The models written as plain loops and sums over every possible truth, to hold the fast ones against."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from reputation import Votes

Array = NDArray[np.float64]


def log_joint(crowd: Votes, truth: tuple[int, ...], prior: Array, table: Array) -> float:
    """log weight of one truth for all items: prior [S], table [W, S, K]."""
    found = sum(float(prior[k]) for k in truth)
    for i, w, a in zip(crowd.item, crowd.worker, crowd.answer, strict=True):
        found += float(table[w, truth[i], a])
    return found


def by_enumeration(crowd: Votes, prior: Array, table: Array) -> tuple[Array, float]:
    """Each item's posterior [I, S], and the log of the sum over all truths."""
    states = prior.size
    weights = {
        truth: math.exp(log_joint(crowd, truth, prior, table))
        for truth in itertools.product(range(states), repeat=crowd.items)
    }
    total = math.fsum(weights.values())
    posterior = np.zeros((crowd.items, states))
    for truth, weight in weights.items():
        for item, state in enumerate(truth):
            posterior[item, state] += weight / total
    return posterior, math.log(total)


def expected_counts(crowd: Votes, posterior: Array) -> Array:
    """[W, S, K]: how often a worker is expected to have given an answer in a state."""
    counts = np.zeros((crowd.workers, posterior.shape[1], crowd.classes))
    for i, w, a in zip(crowd.item, crowd.worker, crowd.answer, strict=True):
        for s in range(posterior.shape[1]):
            counts[w, s, a] += posterior[i, s]
    return counts


def answered(crowd: Votes) -> NDArray[np.bool_]:
    """Which items have votes."""
    return np.bincount(crowd.item, minlength=crowd.items) > 0


def shares(crowd: Votes) -> Array:
    """Each item's shares of the votes, [I, K]."""
    tally = crowd.tally() + 1e-9
    return np.asarray(tally / tally.sum(axis=1, keepdims=True))


def hierarchical_rows(counts: Array, strength: float, correct: float, wrong: float) -> Array:
    """Dirichlet parameters [W, K, K] around the community."""
    workers, classes, _ = counts.shape
    rows = np.zeros_like(counts)
    for k in range(classes):
        pooled = [
            sum(counts[w, k, a] for w in range(workers)) + workers * (correct if a == k else wrong)
            for a in range(classes)
        ]
        for w in range(workers):
            for a in range(classes):
                rows[w, k, a] = counts[w, k, a] + strength * pooled[a] / sum(pooled)
    return rows


def logs(rows: Array) -> Array:
    """E[log p] under Dirichlet rows."""
    return np.asarray(digamma(rows) - digamma(rows.sum(axis=-1, keepdims=True)))
