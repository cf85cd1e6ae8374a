"""Truth as labels come in: each label corrects its item's posterior, and its item's workers, at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reputation.truth.hierarchical import Hierarchical, hierarchical
from reputation.truth.run import MAX_ITERATIONS, TOLERANCE_PPM, Floats, TruthRun
from reputation.votes import PPM, Ints, Votes

Indices = Sequence[int] | NDArray[np.signedinteger[Any]]
_END = -1  # of an item's chain of labels


@dataclass(frozen=True, eq=False)
class Reconciled:
    """What the batch run changed.

    Attributes:
        run: the batch run.
        moved_ppm: the most that a probability of a worker's row or of the prevalence moved.
        answers_changed: how many items with labels have another most probable class.
    """

    run: TruthRun
    moved_ppm: float
    answers_changed: int


class OnlineTruth:
    """The hierarchical model, kept up to date label by label.

    Incremental variational inference (Neal & Hinton 1998, "A view of the EM algorithm that justifies
    incremental variants"; the online form for sufficient statistics is Cappe & Moulines 2009): a worker's
    Dirichlet counts are sums over items, and a new label replaces its item's share of those sums. The fixed
    points are those of the batch fit. With a half-life, counts decay as a worker gives more labels, which is
    Cappe and Moulines' constant step: a worker who changes is known by recent work.

    A label costs time in its item's labels, never in the size of the campaign, and 40 bytes. Items and
    workers are indices from 0 on; arrays grow to the largest that is met, K numbers an item, K x K a worker.

    Args:
        classes: K, at least 2.
        model: pseudo-counts; the default ones when None.
        half_life: labels of a worker after which what it did counts half; None keeps everything.
    """

    def __init__(
        self, classes: int, *, model: Hierarchical | None = None, half_life: float | None = None
    ) -> None:
        if classes < 2:
            raise ValueError(f"an answer needs at least 2 classes, there are {classes}")
        if half_life is not None and not half_life > 0:
            raise ValueError("half_life must be above 0")
        self.classes, self.model, self.half_life = classes, model or Hierarchical(), half_life
        self.labels = self.items = self.workers = 0
        self._item, self._worker, self._answer, self._before, self._turn = _empty(5, np.int64)
        self._last = np.full(0, _END)  # [items], an item's latest label; _before leads to the earlier ones
        self._posterior = np.zeros((0, classes))
        self._counts = np.zeros((0, classes, classes))  # [workers, true, answer]
        self._given = np.zeros(0, dtype=np.int64)  # [workers], labels so far
        self._pooled = np.zeros((classes, classes))  # the workers' counts added up
        self._totals = np.zeros(classes)

    def add(self, item: Indices, worker: Indices, answer: Indices) -> Ints:
        """Take in labels; the items they are about, distinct and ascending.

        Raises:
            ValueError: not aligned, out of range, or a worker has answered the item before. Nothing changes
                then.
        """
        given = [np.atleast_1d(np.asarray(part)) for part in (item, worker, answer)]
        _check(given, self.classes)
        items = np.unique(given[0])
        label, row = self._history(items)
        self._refuse_repeats(given, label)
        was = self._of(items)
        self._append(*given)
        new = np.arange(self.labels - given[0].size, self.labels)
        row_new = np.searchsorted(items, given[0])
        every, rows = np.concatenate([label, new]), np.concatenate([row, row_new])
        now = self._expect(items, every, rows)
        change = now[rows]
        change[: label.size] -= was[row]
        self._add_counts(every, change)
        first = np.bincount(row, minlength=items.size) == 0
        self._totals += now.sum(axis=0) - was[~first].sum(axis=0)
        self._posterior[items] = now
        return items

    def posterior(self, item: Indices) -> Floats:
        """[n, K] for some items; the prevalence where an item has no label yet."""
        wanted = np.atleast_1d(np.asarray(item))
        found = np.tile(self.prevalence(), (wanted.size, 1))
        known = wanted < self.items
        at = wanted[known]
        labelled = self._last[at] != _END
        found[np.flatnonzero(known)[labelled]] = self._posterior[at[labelled]]
        return found

    def confusion(self) -> Floats:
        """[W, K, K], P(answer | true class) of each worker met so far."""
        rows = self._counts[: self.workers] + self._prior()
        shares: Floats = rows / rows.sum(axis=2, keepdims=True)
        return shares

    def prevalence(self) -> Floats:
        """[K], sums to 1."""
        weight = self._totals + self.model.prevalence
        share: Floats = weight / weight.sum()
        return share

    def votes(self) -> Votes:
        """All labels so far."""
        parts = (self._item, self._worker, self._answer)
        item, worker, answer = (part[: self.labels] for part in parts)
        return Votes(item, worker, answer, max(self.items, 1), max(self.workers, 1), self.classes)

    def reconcile(
        self, *, tolerance_ppm: int = TOLERANCE_PPM, max_iterations: int = MAX_ITERATIONS
    ) -> Reconciled:
        """Run the batch over all labels so far and go on from its result.

        The batch is the authority: it does not depend on the order in which labels came. It knows no decay;
        with a half-life, older labels count less again from here on.

        Raises:
            ValueError: no labels yet.
        """
        crowd = self.votes()
        run = hierarchical(
            crowd, model=self.model, tolerance_ppm=tolerance_ppm, max_iterations=max_iterations
        )
        labelled = np.flatnonzero(self._last[: self.items] != _END)
        old = self._posterior[labelled].argmax(axis=1)
        moved = max(
            float(np.abs(run.confusion - self.confusion()).max()),
            float(np.abs(run.prevalence - self.prevalence()).max()),
        )
        self._posterior[: self.items] = run.posterior
        self._turn[: self.labels] = self._given[self._worker[: self.labels]]
        self._counts[:], self._pooled[:] = 0, 0
        every = np.arange(self.labels)
        self._add_counts(every, self._posterior[self._item[every]])
        self._totals = self._posterior[labelled].sum(axis=0)
        changed = int((self._posterior[labelled].argmax(axis=1) != old).sum())
        return Reconciled(run, moved * PPM, changed)

    def _history(self, items: Ints) -> tuple[Ints, Ints]:
        """The items' labels so far, and for each which of the items it is about."""
        row = np.flatnonzero(items < self.items)
        label = self._last[items[row]]
        labels, rows = [label[:0]], [row[:0]]
        while True:  # once per label of the item that has most
            row, label = row[label != _END], label[label != _END]
            if not label.size:
                return np.concatenate(labels), np.concatenate(rows)
            labels.append(label)
            rows.append(row)
            label = self._before[label]

    def _refuse_repeats(self, given: list[Ints], label: Ints) -> None:
        item = np.concatenate([self._item[label], given[0]])
        worker = np.concatenate([self._worker[label], given[1]])
        order = np.lexsort((worker, item))
        twice = np.flatnonzero((np.diff(item[order]) == 0) & (np.diff(worker[order]) == 0))
        if twice.size:
            at = order[twice[0]]
            raise ValueError(f"worker {worker[at]} answered item {item[at]} more than once")

    def _of(self, items: Ints) -> Floats:
        found = np.zeros((items.size, self.classes))
        known = items < self.items
        found[known] = self._posterior[items[known]]
        return found

    def _append(self, item: Ints, worker: Ints, answer: Ints) -> None:
        start, self.labels = self.labels, self.labels + item.size
        self.items = max(self.items, int(item.max()) + 1)
        self.workers = max(self.workers, int(worker.max()) + 1)
        self._item, self._worker, self._answer, self._before, self._turn = (
            _grown(array, self.labels)
            for array in (self._item, self._worker, self._answer, self._before, self._turn)
        )
        self._last = _grown(self._last, self.items, _END)
        self._posterior = _grown(self._posterior, self.items)
        self._counts = _grown(self._counts, self.workers)
        self._given = _grown(self._given, self.workers)
        at = slice(start, self.labels)
        self._item[at], self._worker[at], self._answer[at] = item, worker, answer
        self._chain(item, start)
        self._take_turns(worker, start)

    def _chain(self, item: Ints, start: int) -> None:
        """Link each new label to the one before it about the same item."""
        order = np.argsort(item, kind="stable")
        before = self._last[item]
        same = item[order][1:] == item[order][:-1]
        before[order[1:][same]] = start + order[:-1][same]
        self._before[start : self.labels] = before
        np.maximum.at(self._last, item, start + np.arange(item.size))

    def _take_turns(self, worker: Ints, start: int) -> None:
        """Number each worker's labels, and let what they did before decay."""
        names, place, count = np.unique(worker, return_inverse=True, return_counts=True)
        self._given[names] += count
        self._turn[start : self.labels] = self._given[names][place]
        if self.half_life is not None:
            kept = self._counts[names] * 0.5 ** (count / self.half_life)[:, None, None]
            self._pooled += (kept - self._counts[names]).sum(axis=0)
            self._counts[names] = kept

    def _prior(self) -> Floats:
        model, workers = self.model, max(self.workers, 1)
        coin = np.full((self.classes, self.classes), float(model.community_wrong))
        np.fill_diagonal(coin, model.community_correct)
        pooled = self._pooled + workers * coin
        prior: Floats = model.strength * pooled / pooled.sum(axis=1, keepdims=True)
        return prior

    def _expect(self, items: Ints, label: Ints, row: Ints) -> Floats:
        """The items' posteriors [n, K] from their labels and what is known of the workers."""
        from scipy.special import digamma

        names, place = np.unique(self._worker[label], return_inverse=True)
        emission = np.maximum(self._counts[names], 0) + self._prior()
        logs = digamma(emission) - digamma(emission.sum(axis=2, keepdims=True))
        weight = np.maximum(self._totals, 0) + self.model.prevalence
        joint = np.tile(digamma(weight), (items.size, 1))
        np.add.at(joint, row, logs[place, :, self._answer[label]])
        joint = np.exp(joint - joint.max(axis=1, keepdims=True))
        posterior: Floats = joint / joint.sum(axis=1, keepdims=True)
        return posterior

    def _add_counts(self, label: Ints, change: Floats) -> None:
        worker, answer = self._worker[label], self._answer[label]
        if self.half_life is not None:
            age = self._given[worker] - self._turn[label]
            change = change * 0.5 ** (age / self.half_life)[:, None]
        np.add.at(self._counts.transpose(0, 2, 1), (worker, answer), change)
        np.add.at(self._pooled.T, answer, change)


def _empty(count: int, kind: Any) -> list[NDArray[Any]]:
    return [np.empty(0, dtype=kind) for _ in range(count)]


def _grown(array: NDArray[Any], size: int, fill: int = 0) -> NDArray[Any]:
    """Room for so many rows: half as many again as there were, so that growing costs a constant per row."""
    if size <= array.shape[0]:
        return array
    room = np.full((max(size, array.shape[0] * 3 // 2, 64), *array.shape[1:]), fill, dtype=array.dtype)
    room[: array.shape[0]] = array
    return room


def _check(given: list[Ints], classes: int) -> None:
    for name, part in zip(("item", "worker", "answer"), given, strict=True):
        if part.ndim != 1 or not part.size or not np.issubdtype(part.dtype, np.integer):
            raise ValueError(f"{name} must be integers, at least one")
        if part.min() < 0:
            raise ValueError(f"{name} indices start at 0, found {part.min()}")
    if len({part.size for part in given}) > 1:
        raise ValueError("item, worker and answer must have the same length")
    if given[2].max() >= classes:
        raise ValueError(f"answer indices must be in 0..{classes - 1}, found {given[2].max()}")
