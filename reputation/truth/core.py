"""The sparse core: one index of the votes, and the sums over it that every method is made of.

The votes are sorted once, by item. An E-step reads a table of the cells (worker, answer) per item; an M-step
adds each item's posterior to the item's cells. Both are products with the same sparse matrix of ones, so one
index of four bytes a label serves both, and a sweep does E and M block by block while a block is in the
processor's cache: no posterior is kept between iterations, and nothing is ever labels x classes.

Posteriors are rounded to a power of two, small enough that every sum of them in float64 is exact. An exact
sum does not depend on its order: votes in another order, blocks of another size, other shards and a rerun
give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reputation.truth.run import Floats, Known
from reputation.votes import Ints, Votes

if TYPE_CHECKING:
    from torch import Tensor

BLOCK_VOTES = 1 << 16  # with its rows of the table, a block of this size stays in a processor's cache
BLOCK_CELLS = 1 << 18  # the most numbers of a block's posterior
_EVIDENCE_UNIT = 2.0**-20  # nats: an item's evidence is rounded to this, and summed exactly
_NONE = 1e-9  # votes that an item without votes is taken to have for each class


@dataclass(frozen=True, eq=False)
class Expected:
    """What one E-step over all items adds up to, all of it exact sums.

    Attributes:
        counts: [W * K, C] float64, per worker and answer, how often the items were in each state.
        totals: [C] float64, how many items are in each state; items without votes do not count.
        evidence: sum over those items of the log normaliser, nats.
    """

    counts: Tensor
    totals: Tensor
    evidence: float


Start = Callable[
    [Floats, Ints], Floats
]  # an item's shares [n, K] and index [n] to its first posterior [n, C]


@dataclass(frozen=True, eq=False)
class Layout:
    """The votes sorted by item, and within an item by cell = worker * K + answer.

    Attributes:
        cell: [V] int32, or int64 where there are too many cells.
        offsets: [I + 1] int64, where each item's votes begin.
        items, workers, classes: as in the votes.
        device: where torch computes.
        unit: what posteriors are rounded to.
        known: [I] int64, an item's known class or -1; None where nothing is known.
        bags: on CUDA, cells by item, offsets, items by cell, offsets.
    """

    cell: NDArray[Any]
    offsets: Ints
    items: int
    workers: int
    classes: int
    device: str
    unit: float
    known: Ints | None = None
    bags: tuple[Tensor, Tensor, Tensor, Tensor] | None = None

    @classmethod
    def of(cls, votes: Votes, device: str = "cpu", known: Known | None = None) -> Layout:
        """Sort the votes."""
        cell, offsets = _by_item(votes)
        sizes = votes.items, votes.workers, votes.classes
        made = cls(cell, offsets, *sizes, device, unit_of(len(votes)), _clamps(votes, known))
        return made if device == "cpu" else replace(made, bags=_bags(made))

    def evidence(self, table: Tensor) -> Tensor:
        """[W * K, C] to [I, C]: over an item's votes, the sum of the table's rows (worker, answer)."""
        import torch

        if self.bags is not None:
            cell, offsets, _, _ = self.bags
            return torch.nn.functional.embedding_bag(cell, table, offsets, mode="sum")
        rows = np.zeros((self.items, table.shape[1]), dtype=table.numpy().dtype)
        for block in self.blocks(table.shape[1]):
            block.gather(table.numpy(), rows[block.start : block.stop])
        return torch.from_numpy(rows)

    def tally(self, posterior: Tensor) -> Tensor:
        """[I, C] to [W * K, C]: over the items that got a worker's answer, the sum of the posterior."""
        import torch

        if self.bags is not None:
            _, _, item, offsets = self.bags
            return torch.nn.functional.embedding_bag(item, posterior, offsets, mode="sum")
        given = np.ascontiguousarray(posterior.numpy())
        cells = np.zeros((self.workers * self.classes, given.shape[1]), dtype=given.dtype)
        for block in self.blocks(given.shape[1]):
            block.scatter(given[block.start : block.stop], cells)
        return torch.from_numpy(cells)

    def begin(self, start: Start, states: int) -> Expected:
        """The sums over the posteriors that `start` gives the items from their shares of the votes."""
        import torch

        counts = np.zeros((self.workers * self.classes, states))
        totals = np.zeros(states)
        for block in self.blocks(max(states, self.classes)):
            first = start(block.shares(self.classes), np.arange(block.start, block.stop))
            rows = np.ascontiguousarray(first.T)
            if self.known is not None:
                _clamp(rows, self.known[block.start : block.stop], self.classes, 0.0)
                rows /= rows.sum(axis=0)
            self._add(block, _rounded(np.ascontiguousarray(rows.T), self.unit), counts, totals)
        return Expected(
            torch.from_numpy(counts).to(self.device), torch.from_numpy(totals).to(self.device), 0.0
        )

    def sweep(self, table: Tensor, prior: Tensor) -> Expected:
        """One E-step and its sums.

        Args:
            table: [W * K, C] float64, log weight of each answer in each state.
            prior: [C] float64, log weight of each state.
        """
        import torch

        if self.bags is not None:
            return self._sweep_on_device(table, prior)
        counts, totals, evidence = np.zeros(table.shape), np.zeros(prior.shape[0]), 0.0
        for block in self.blocks(prior.shape[0]):
            rows, logs = self._posterior(block, table.numpy(), prior.numpy())
            self._add(block, rows, counts, totals)
            evidence += float(np.rint(logs[block.voted] / _EVIDENCE_UNIT).sum())
        return Expected(torch.from_numpy(counts), torch.from_numpy(totals), evidence * _EVIDENCE_UNIT)

    def posterior(self, table: Tensor, prior: Tensor) -> Floats:
        """Each item's classes, [I, K]: the states of a class (s % K) added up; arguments as `sweep`."""
        found = np.empty((self.items, self.classes))
        weights, logs = table.cpu().numpy(), prior.cpu().numpy()
        for block in self.blocks(logs.size):
            rows, _ = self._posterior(block, weights, logs)
            by_class = rows.reshape(rows.shape[0], -1, self.classes).sum(axis=1)
            found[block.start : block.stop] = by_class / by_class.sum(axis=1, keepdims=True)
        return found

    def blocks(self, columns: int) -> Iterator[Block]:
        """Consecutive items, as many at a time as stay in the cache with so many columns."""
        most, at = max(1, BLOCK_CELLS // columns), 0
        ones = np.ones(min(BLOCK_VOTES, self.cell.size))
        while at < self.items:
            by_votes = int(np.searchsorted(self.offsets, self.offsets[at] + BLOCK_VOTES, "right")) - 1
            stop = min(self.items, at + most, max(at + 1, by_votes))
            first, last = int(self.offsets[at]), int(self.offsets[stop])
            pointers = (self.offsets[at : stop + 1] - first).astype(self.cell.dtype)
            if last - first > ones.size:
                ones = np.ones(last - first)
            yield Block(at, stop, self.cell[first:last], pointers, ones[: last - first])
            at = stop

    def _posterior(self, block: Block, table: Floats, prior: Floats) -> tuple[Floats, Floats]:
        """[n, C] rounded, and the log normalisers [n]."""
        joint = np.zeros((block.stop - block.start, prior.size))
        block.gather(table, joint)
        rows = np.ascontiguousarray(joint.T)
        rows += prior[:, None]
        if self.known is not None:
            _clamp(rows, self.known[block.start : block.stop], self.classes, -np.inf)
        # By hand: a library's softmax is ten times slower for a few classes. A row per class is contiguous.
        top = rows.max(axis=0)
        rows -= top
        np.exp(rows, out=rows)
        total = rows.sum(axis=0)
        np.multiply(rows, 1 / total, out=joint.T)  # back to a row per item in the same pass
        return _rounded(joint, self.unit), top + np.log(total)

    def _add(self, block: Block, rows: Floats, counts: Floats, totals: Floats) -> None:
        block.scatter(rows, counts)
        totals += block.voted.astype(np.float64) @ rows

    def _sweep_on_device(self, table: Tensor, prior: Tensor) -> Expected:
        import torch

        joint = self.evidence(table) + prior
        voted = torch.from_numpy(np.diff(self.offsets) > 0).to(joint.device)
        if self.known is not None:
            known = torch.from_numpy(self.known).to(joint.device)[:, None]
            other = (torch.arange(prior.shape[0], device=joint.device) % self.classes)[None] != known
            joint = joint.masked_fill((known >= 0) & other, -torch.inf)
        logs = torch.logsumexp(joint, dim=1, keepdim=True)
        big = 1.5 * 2.0**52 * self.unit
        rows = ((joint - logs).exp() + big) - big
        evidence = (logs[voted, 0] / _EVIDENCE_UNIT).round().sum()
        return Expected(self.tally(rows), rows[voted].sum(0), float(evidence) * _EVIDENCE_UNIT)


@dataclass(frozen=True, eq=False)
class Block:
    """Consecutive items' votes: cells [v], where each item's begin [n + 1], and as many ones [v]."""

    start: int
    stop: int
    cell: NDArray[Any]
    pointers: NDArray[Any]
    ones: Floats

    @property
    def voted(self) -> NDArray[np.bool_]:
        """Which items have votes, [n]."""
        return np.diff(self.pointers) > 0

    def gather(self, table: NDArray[Any], rows: NDArray[Any]) -> None:
        """Add to each item's row [n, C] the table's rows [cells, C] of its votes."""
        # SciPy's public product makes a new result each time; the kernels under it add to what is there.
        from scipy.sparse import _sparsetools

        n, columns = rows.shape
        ones = self.ones.astype(table.dtype, copy=False)
        _sparsetools.csr_matvecs(
            n, table.shape[0], columns, self.pointers, self.cell, ones, table.ravel(), rows.reshape(-1)
        )

    def scatter(self, rows: NDArray[Any], table: NDArray[Any]) -> None:
        """Add each item's row [n, C] to the table's rows [cells, C] of its votes."""
        from scipy.sparse import _sparsetools

        n, columns = rows.shape
        ones = self.ones.astype(rows.dtype, copy=False)
        _sparsetools.csc_matvecs(
            table.shape[0], n, columns, self.pointers, self.cell, ones, rows.reshape(-1), table.reshape(-1)
        )

    def shares(self, classes: int) -> Floats:
        """Each item's shares of its votes, [n, K]; equal ones where it has none."""
        n = self.stop - self.start
        item = np.repeat(np.arange(n), np.diff(self.pointers))
        cells = np.bincount(item * classes + self.cell % classes, minlength=n * classes)
        tally = cells.reshape(n, classes) + _NONE
        shares: Floats = tally / tally.sum(axis=1, keepdims=True)
        return shares


def unit_of(votes: int) -> float:
    """The power of two to which posteriors are rounded: sums of one for each vote are exact."""
    return 2.0 ** -min(40, 51 - votes.bit_length())


def _rounded(rows: Floats, unit: float) -> Floats:
    """To the nearest multiple of the unit, in place: float64 drops the rest when a large number is added."""
    big = 1.5 * 2.0**52 * unit
    rows += big
    rows -= big
    return rows


def _clamp(rows: Floats, known: Ints, classes: int, nothing: float) -> None:
    """Leave known items' columns of [C, n] only the states of their class."""
    at = np.flatnonzero(known >= 0)
    other = np.arange(rows.shape[0])[:, None] % classes != known[at]
    rows[:, at] = np.where(other, nothing, rows[:, at])


def _clamps(votes: Votes, known: Known | None) -> Ints | None:
    if known is None or not known.item.size:
        return None
    clamps = np.full(votes.items, -1, dtype=np.int64)
    clamps[known.item] = known.answer
    return clamps


def _by_item(votes: Votes) -> tuple[NDArray[Any], Ints]:
    """Cells in order of (item, cell), and where each item's begin: twelve bytes a label while it is made."""
    cells = votes.workers * votes.classes
    if votes.items * cells >= 2**63:
        raise ValueError(f"{votes.items} items x {cells} cells cannot be indexed in 64 bits")
    key = votes.item.astype(np.int64)
    for size, part in ((votes.workers, votes.worker), (votes.classes, votes.answer)):
        key *= size
        key += part
    key.sort()
    cell = np.empty(key.size, dtype=np.int32 if cells < 2**31 else np.int64)
    for at in range(0, key.size, BLOCK_VOTES):
        cell[at : at + BLOCK_VOTES] = key[at : at + BLOCK_VOTES] % cells
    starts = np.arange(votes.items + 1, dtype=np.int64) * cells
    return cell, np.searchsorted(key, starts).astype(np.int64)


def _bags(layout: Layout) -> Any:
    import torch

    item = np.repeat(np.arange(layout.items), np.diff(layout.offsets))
    order = np.argsort(layout.cell, kind="stable")
    counts = np.bincount(layout.cell, minlength=layout.workers * layout.classes)
    starts = np.cumsum(counts) - counts
    arrays = (layout.cell, layout.offsets[:-1], item[order], starts)
    return tuple(torch.from_numpy(array.astype(np.int64)).to(layout.device) for array in arrays)
