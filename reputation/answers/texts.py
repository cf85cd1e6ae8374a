"""Free text: which of several answers the crowd's answers agree on, by their embeddings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reputation.answers.limits import check
from reputation.answers.sums import row_sums
from reputation.answers.variational import climb, gamma_divergence
from reputation.votes import Ints, indices, refuse_repeats

Floats = NDArray[np.float64]
_LEAST_LOCAL = 0.05  # an answer unlike all others of its item keeps this much of its worker's weight
_LEAST = 1e-9


@dataclass(frozen=True, eq=False)
class Texts:
    """The embeddings of what a crowd wrote; any encoder's, all of one length.

    Attributes:
        item, worker: [V] int64, aligned; any order.
        embedding: [V, D] float64, finite, no row all zeros.
        items, workers: how many of each there are.

    Raises:
        ValueError: shapes differ, an index is out of range, an embedding is zero or not finite, or a worker
            answered an item twice.
    """

    item: Ints
    worker: Ints
    embedding: Floats
    items: int
    workers: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "item", indices("item", self.item, self.items))
        object.__setattr__(self, "worker", indices("worker", self.worker, self.workers))
        embedding = np.array(self.embedding, dtype=np.float64)
        if embedding.ndim != 2 or not self.item.shape == self.worker.shape == embedding.shape[:1]:
            raise ValueError("item, worker and embedding must have the same length, embedding two dimensions")
        wrong = ~np.isfinite(embedding).all(axis=1) | ~embedding.any(axis=1)
        if wrong.any():
            raise ValueError(f"embedding {int(np.flatnonzero(wrong)[0])} is zero or not finite")
        embedding.setflags(write=False)
        object.__setattr__(self, "embedding", embedding)
        refuse_repeats(self.item, self.worker, self.workers)

    def __len__(self) -> int:
        return int(self.item.size)


@dataclass(frozen=True, eq=False)
class TextRun:
    """What was found.

    Attributes:
        centre: [I, D] float64, each item's agreed embedding; the mean of all items where one has no answers.
        score: [V] float64, the cosine similarity of each answer, as given, to its item's centre.
        best: [I] int64, the index of each item's answer of highest score, -1 where it has none; ties go to
            the lowest worker.
        reliability: [W] float64, the common variance over the worker's own: 1 is average, more is better.
        local: [V] float64, how much each answer is like the others of its item, 0.05 to 1.
        bound: the evidence lower bound after each iteration, nats, up to a constant; it never falls.
        converged: whether the last iteration moved it by less than the tolerance.
    """

    centre: Floats
    score: Floats
    best: Ints
    reliability: Floats
    local: Floats
    bound: tuple[float, ...]
    converged: bool


def text_average(texts: Texts) -> TextRun:
    """Every answer weighs the same; the best one is the closest to their mean (Li, ACL 2020, "SMV")."""
    order = np.lexsort((texts.worker, texts.item))
    total = row_sums(texts.item[order], texts.embedding[order], texts.items)
    count = np.bincount(texts.item, minlength=texts.items)[:, None]
    mean = total.sum(axis=0) / max(len(texts), 1)
    centre = np.where(count > 0, total / np.maximum(count, 1), mean)
    score = _scores(texts, centre)
    ones = np.ones(texts.workers), np.ones(len(texts))
    return TextRun(centre, score, _best(texts, score), *ones, (), True)


def text_truth(
    texts: Texts,
    *,
    worker_labels: float = 4.0,
    local: bool = True,
    tolerance: float = 1e-7,
    max_iterations: int = 500,
) -> TextRun:
    """Infer each item's agreed embedding and how reliable every worker is; rank the answers by it.

    An answer is the item's true embedding plus noise whose precision is the worker's reliability, times how
    much the answer is like the others of its item: the global and the local reliability of HRRASA (Li,
    "Crowdsourced text sequence aggregation based on hybrid reliability and representation", SIGIR 2020; RASA:
    Li & Fukumoto, 2019). Where they put the chi-squared bound of Li et al. (VLDB 2014) on a worker's
    reliability, here it has a gamma prior around the common one and the centres their own uncertainty, by
    mean-field variational inference: so an item of one answer makes nobody perfect.

    Args:
        texts: at least one answer.
        worker_labels: how many answers the common noise level weighs in a worker's own.
        local: whether to use the local reliability.
        tolerance: stop when an iteration raises the bound by less than this many nats per number.
        max_iterations: stop there in any case; `converged` then says False.
    Raises:
        ValueError: no answers, or a limit that is not positive.
    """
    limits = {"worker_labels": worker_labels, "tolerance": tolerance, "max_iterations": max_iterations}
    check(len(texts), "answers", **limits)
    order = np.lexsort((texts.worker, texts.item))
    ordered = Texts(
        texts.item[order], texts.worker[order], texts.embedding[order], texts.items, texts.workers
    )
    alike = _local(ordered) if local else np.ones(len(texts))
    state = _State(ordered, alike, worker_labels)
    bound, converged = climb(state, tolerance * texts.embedding.size, max_iterations)
    score = _scores(texts, state.x)
    given = np.empty(len(texts))
    given[order] = alike
    reliability = state.common * state.shape / state.rate
    return TextRun(state.x, score, _best(texts, score), reliability, given, bound, converged)


def _unit(rows: Floats) -> Floats:
    units: Floats = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-300)
    return units


def _local(texts: Texts) -> Floats:
    """The mean cosine similarity of each answer to the others of its item; 1 where there are none."""
    unit = _unit(texts.embedding)
    others = row_sums(texts.item, unit, texts.items)[texts.item] - unit
    count = np.bincount(texts.item, minlength=texts.items)[texts.item] - 1
    mean = np.divide((unit * others).sum(axis=1), count, out=np.ones(len(texts)), where=count > 0)
    alike: Floats = np.clip(mean, _LEAST_LOCAL, 1.0)
    return alike


def _scores(texts: Texts, centre: Floats) -> Floats:
    scores: Floats = (_unit(texts.embedding) * _unit(centre)[texts.item]).sum(axis=1)
    return scores


def _best(texts: Texts, score: Floats) -> Ints:
    order = np.lexsort((texts.worker, -score, texts.item))
    best = np.full(texts.items, -1, dtype=np.int64)
    best[texts.item[order][::-1]] = order[::-1]
    return best


class _State:
    """The factors of the variational posterior, and one round of updates."""

    def __init__(self, texts: Texts, alike: Floats, strength: float) -> None:
        self.i, self.w, self.alike = texts.item, texts.worker, alike
        self.items, self.workers = texts.items, texts.workers
        self.dimensions = int(texts.embedding.shape[1])
        #: what is common to all answers says nothing; the model is about what is left
        self.origin = texts.embedding.mean(axis=0)
        self.y = texts.embedding - self.origin
        self.x, self.vx = text_average(texts).centre, np.zeros(texts.items)
        total = max(float((self.y**2).mean()), _LEAST)
        self.least = _LEAST * total
        self.spread, self.common = total, total
        count = np.bincount(self.w, minlength=self.workers)
        self.strength = strength * self.dimensions
        self.shape = (self.strength + self.dimensions * count) / 2
        self.rate = self.shape * total

    def step(self) -> None:
        """One round: the items' centres, then the workers' precisions; each raises the bound."""
        precision = (self.shape / self.rate)[self.w] * self.alike
        weight = np.bincount(self.i, precision, self.items) + 1 / self.spread
        mean = row_sums(self.i, self.y * precision[:, None], self.items) / weight[:, None]
        self.vx = 1 / weight
        self.spread = max(float(np.mean((mean**2).mean(axis=1) + self.vx)), self.least)
        self.x = mean + self.origin
        residual = np.bincount(self.w, self._squares(), self.workers)
        self.rate = (self.strength * self.common + residual) / 2
        self.common = 1 / float(np.mean(self.shape / self.rate))
        self.rate = (self.strength * self.common + residual) / 2

    def _squares(self) -> Floats:
        """The expected squared distance of each answer from its item's centre, weighted by its likeness."""
        off = ((self.y + self.origin - self.x[self.i]) ** 2).sum(axis=1)
        squares: Floats = self.alike * (off + self.dimensions * self.vx[self.i])
        return squares

    def bound(self) -> float:
        """The evidence lower bound, nats."""
        from scipy.special import digamma

        log_l, mean_l = digamma(self.shape) - np.log(self.rate), self.shape / self.rate
        scaled = self.dimensions * (log_l[self.w] + np.log(self.alike / 2 / np.pi))
        total = 0.5 * float(np.sum(scaled - mean_l[self.w] * self._squares()))
        off = ((self.x - self.origin) ** 2).mean(axis=1) + self.vx
        gap = off / self.spread - 1 - np.log(self.vx / self.spread)
        total -= 0.5 * self.dimensions * float(np.sum(gap))
        a0, b0 = self.strength / 2, self.strength * self.common / 2
        return total - gamma_divergence(self.shape, self.rate, a0, b0)
