"""Spans in text: what a crowd marked, token by token, and the spans that follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reputation.answers.chains import Chains
from reputation.answers.limits import check
from reputation.votes import Ints, indices

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tags:
    """The tags that a crowd gave to the tokens of documents: 0 is O, 1 + 2t is B, 2 + 2t is I of type t.

    Attributes:
        length: [D] int64, the tokens of each document, at least 1; tokens are numbered through all documents.
        document, worker: [A] int64, one of each per annotation (a worker's reading of a whole document).
        tag: [T] int64, the tags of all annotations, one after the other, each as long as its document.
        workers, types: how many of each there are.

    Raises:
        ValueError: shapes differ, an index is out of range, or a worker annotated a document twice.
    """

    length: Ints
    document: Ints
    worker: Ints
    tag: Ints
    workers: int
    types: int = 1

    def __post_init__(self) -> None:
        length = np.array(self.length, dtype=np.int64)
        if length.ndim != 1 or (length < 1).any() or self.types < 1:
            raise ValueError("length must hold at least 1 token per document, and types be at least 1")
        length.setflags(write=False)
        object.__setattr__(self, "length", length)
        object.__setattr__(self, "document", indices("document", self.document, length.size))
        object.__setattr__(self, "worker", indices("worker", self.worker, self.workers))
        object.__setattr__(self, "tag", indices("tag", self.tag, self.classes))
        if self.document.shape != self.worker.shape:
            raise ValueError("document and worker must have the same length")
        if self.tag.size != int(length[self.document].sum()):
            raise ValueError(f"{self.tag.size} tags for annotations of {length[self.document].sum()} tokens")
        pairs = np.sort(self.document * self.workers + self.worker)
        if (pairs[1:] == pairs[:-1]).any():
            document, worker = divmod(int(pairs[1:][pairs[1:] == pairs[:-1]][0]), self.workers)
            raise ValueError(f"worker {worker} annotated document {document} more than once")

    def __len__(self) -> int:
        return int(self.document.size)

    @property
    def classes(self) -> int:
        """How many tags there are: O, and B and I of each type."""
        return 1 + 2 * self.types


@dataclass(frozen=True, eq=False)
class Spans:
    """Marked stretches of tokens, in the order of the text, all [S] int64.

    Attributes:
        document: which document; start, end: its first token and the one after its last, counted in the
            document; kind: its type.
    """

    document: Ints
    start: Ints
    end: Ints
    kind: Ints


@dataclass(frozen=True)
class SpanPrior:
    """Pseudo-counts, all positive.

    Attributes:
        right, wrong: pseudo-tags per worker in the crowd's confusion matrix, on its diagonal and in each cell
            beside it.
        worker_weight: how many tags' worth the crowd's matrix weighs in a row of a worker's.
        sequence_weight: how many the matrix that ignores the previous tag weighs in a row of the one that
            does not.
        transition: pseudo-steps in each transition that BIO allows.

    Raises:
        ValueError: a count is not positive.
    """

    right: float = 8.0
    wrong: float = 1.0
    worker_weight: float = 10.0
    sequence_weight: float = 10.0
    transition: float = 1.0

    def __post_init__(self) -> None:
        for name, count in vars(self).items():
            if not count > 0:
                raise ValueError(f"{name} must be positive, it is {count!r}")


@dataclass(frozen=True, eq=False)
class SpanRun:
    """What the model found.

    Attributes:
        posterior: [N, K] float64, P(tag) of each of the N tokens of all documents.
        tag: [N] int64, the most likely sequence of each document; it is always well formed.
        spans: what that sequence marks.
        confusion: [W, K + 1, K, K] float64, P(answer | worker, its previous answer (K: none), true tag).
        initial, transition: [K] and [K, K] float64, P(first tag) and P(next | tag); what BIO forbids is 0.
        log_likelihood: log P(answers | parameters), nats, before each step.
        converged: whether the last step moved no parameter by more than the tolerance.
    """

    posterior: Floats
    tag: Ints
    spans: Spans
    confusion: Floats
    initial: Floats
    transition: Floats
    log_likelihood: tuple[float, ...]
    converged: bool


def allowed_transitions(types: int) -> NDArray[np.bool_]:
    """Whether a tag may follow another, [K + 1, K], in row K: begin a document. I follows only its B or I."""
    classes = 1 + 2 * types
    allowed = np.ones((classes + 1, classes), dtype=bool)
    allowed[:, 2::2] = False
    for kind in range(types):
        allowed[[1 + 2 * kind, 2 + 2 * kind], 2 + 2 * kind] = True
    return allowed


def spans_of(tag: Ints, length: Ints) -> Spans:
    """The spans of tags [N] of documents of these lengths; an I that continues nothing begins a span."""
    begins = np.cumsum(length) - length
    document = np.repeat(np.arange(length.size), length)
    previous = np.concatenate(([0], tag[:-1]))
    previous[begins] = 0
    kind = (tag - 1) // 2
    continues = (tag > 0) & (tag % 2 == 0) & (previous > 0) & ((previous - 1) // 2 == kind)
    start = np.flatnonzero((tag > 0) & ~continues)
    # A span ends before the first token after its start that does not continue it.
    stops = np.append(np.flatnonzero(~continues), tag.size)
    end = stops[np.searchsorted(stops, start, side="right")]
    where = document[start]
    return Spans(where, start - begins[where], end - begins[where], kind[start])


def tag_shares(tags: Tags) -> Floats:
    """The share of a token's annotations with each tag, [N, K]; NaN where its document has none."""
    token, _, _, answer = _flat(tags)
    tokens = int(tags.length.sum())
    cells = np.bincount(token * tags.classes + answer, minlength=tokens * tags.classes)
    tally = cells.reshape(tokens, tags.classes)
    count = tally.sum(axis=1, keepdims=True)
    shares: Floats = np.divide(tally, count, out=np.full(tally.shape, np.nan), where=count > 0)
    return shares


def span_truth(
    tags: Tags,
    *,
    prior: SpanPrior | None = None,
    tolerance: float = 1e-5,
    max_iterations: int = 300,
) -> SpanRun:
    """Infer the spans of each document with a hidden Markov model and sequential worker confusion.

    The true tags are a Markov chain in which BIO's rules hold (Nguyen et al., "Aggregating and predicting
    sequence labels from crowd annotations", ACL 2017); a worker's answer depends on the true tag and on the
    worker's own previous answer (BSC-seq: Simpson & Gurevych, "A Bayesian approach for sequence tagging with
    crowds", EMNLP 2019), since nobody writes I after O. Rows of few tags fall back on the worker's matrix
    without previous answers, and that on the crowd's. Expectation maximisation from the tokens' shares, the
    E-step by forward and backward passes over all documents at once; the answer by Viterbi's algorithm.

    Args:
        tags: at least one annotation; documents without any get the chain's own distribution.
        prior: the default one when None.
        tolerance: stop when no parameter moves by more than this.
        max_iterations: stop there in any case; `converged` then says False.
    Raises:
        ValueError: no annotations, or a limit that is not positive.
    """
    check(len(tags), "annotations", tolerance=tolerance, max_iterations=max_iterations)
    model = _Model(tags, prior or SpanPrior())
    confusion, steps, trace, movement = _fit(model, tags, tolerance, max_iterations)
    evidence = model.evidence(confusion)
    posterior, _, _ = model.chains.smooth(evidence, steps[-1], steps[:-1])
    best = model.chains.best(evidence, steps[-1], steps[:-1])
    found = spans_of(best, tags.length)
    return SpanRun(
        posterior, best, found, confusion, steps[-1], steps[:-1], tuple(trace), movement <= tolerance
    )


def _fit(
    model: _Model, tags: Tags, tolerance: float, limit: int
) -> tuple[Floats, Floats, list[float], float]:
    """Confusion, transitions (last row: the first tag), the likelihoods on the way, and the last movement."""
    confusion = model.confusion(np.nan_to_num(tag_shares(tags), nan=1 / tags.classes))
    steps = np.where(allowed_transitions(tags.types), 1.0, 0.0)
    steps /= steps.sum(axis=1, keepdims=True)
    trace: list[float] = []
    movement = np.inf
    while len(trace) < limit and movement > tolerance:
        evidence = model.evidence(confusion)
        posterior, counts, likelihood = model.chains.smooth(evidence, steps[-1], steps[:-1])
        before = confusion, steps
        confusion, steps = model.confusion(posterior), model.transitions(counts)
        movement = max(float(np.abs(confusion - before[0]).max()), float(np.abs(steps - before[1]).max()))
        trace.append(likelihood)
    return confusion, steps, trace, movement


def _flat(tags: Tags) -> tuple[Ints, Ints, Ints, Ints]:
    """Token, worker, previous answer (K: none) and answer of every tag, ordered by token, then worker."""
    length = tags.length[tags.document]
    first = np.cumsum(length) - length
    begins = (np.cumsum(tags.length) - tags.length)[tags.document]
    token = np.arange(tags.tag.size) + np.repeat(begins - first, length)
    worker = np.repeat(tags.worker, length)
    previous = np.concatenate(([0], tags.tag[:-1])) if tags.tag.size else tags.tag.copy()
    previous[first] = tags.classes
    order = np.lexsort((worker, token))
    return token[order], worker[order], previous[order], tags.tag[order]


class _Model:
    """The answers as one sparse matrix: tokens by (worker, previous answer, answer)."""

    def __init__(self, tags: Tags, prior: SpanPrior) -> None:
        from scipy.sparse import csr_array

        self.prior, self.allowed = prior, allowed_transitions(tags.types)
        self.workers, self.classes = tags.workers, tags.classes
        token, worker, previous, answer = _flat(tags)
        cell = (worker * (self.classes + 1) + previous) * self.classes + answer
        shape = int(tags.length.sum()), self.workers * (self.classes + 1) * self.classes
        self.said = csr_array((np.ones(cell.size), (token, cell)), shape=shape)
        self.chains = Chains(tags.length)

    def evidence(self, confusion: Floats) -> Floats:
        """log P(a token's answers | each true tag), [N, K]."""
        table = np.log(confusion).swapaxes(2, 3).reshape(-1, self.classes)
        total: Floats = self.said @ table
        return total

    def confusion(self, posterior: Floats) -> Floats:
        """[W, K + 1, K, K] from expected counts, each level drawn to the one above."""
        k, prior = self.classes, self.prior
        counts = (self.said.T @ posterior).reshape(self.workers, k + 1, k, k).swapaxes(2, 3)
        coin = np.full((k, k), prior.wrong) + np.eye(k) * (prior.right - prior.wrong)
        flat = counts.sum(axis=1)
        crowd = _rows(flat.sum(axis=0) + self.workers * coin)
        worker = _rows(flat + prior.worker_weight * crowd)
        after = _rows(counts.sum(axis=0) + prior.sequence_weight * crowd)
        # What the previous answer does to an answer is learned from the whole crowd.
        expected = _rows(worker[:, None] * (after / crowd))
        return _rows(counts + prior.sequence_weight * expected)

    def transitions(self, counts: Floats) -> Floats:
        """[K + 1, K] from the expected numbers of steps."""
        return _rows(np.where(self.allowed, counts + self.prior.transition, 0.0))


def _rows(weights: Floats) -> Floats:
    shares: Floats = weights / weights.sum(axis=-1, keepdims=True)
    return shares
