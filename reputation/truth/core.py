"""The sparse core: one index of the votes, and sums over it in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reputation.votes import Votes

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Layout:
    """The votes sorted by item, and within an item by cell = worker * K + answer.

    Both sums go through that one index: the E-step reads a table of cells per item, the M-step adds an item's
    row to each of its cells. On a processor they are the two products of a sparse matrix of ones, added up in
    the order of the index; on CUDA they are `embedding_bag`s, one thread per bag. So a rerun on one device
    gives the same bits, and so does the same crowd with its votes in another order.

    Attributes:
        cell: [V] int32 or int64, by item.
        offsets: [I + 1], where each item's votes begin.
        items, workers, classes: as in the votes.
        device: where torch computes.
    """

    cell: NDArray[Any]
    offsets: NDArray[Any]
    items: int
    workers: int
    classes: int
    device: str
    bags: tuple[Tensor, Tensor, Tensor, Tensor] | None  # CUDA: cells by item, offsets; items by cell, offsets

    @classmethod
    def of(cls, votes: Votes, device: str = "cpu") -> Layout:
        """Sort the votes."""
        cell = votes.worker * votes.classes + votes.answer
        order = np.lexsort((cell, votes.item))
        small = max(votes.items, votes.workers * votes.classes, len(votes)) < 2**31
        kind = np.int32 if small else np.int64
        by_item = cell[order].astype(kind)
        counts = np.bincount(votes.item, minlength=votes.items)
        offsets = np.concatenate(([0], np.cumsum(counts))).astype(kind)
        bags = None if device == "cpu" else _bags(votes, by_item, offsets, device)
        return cls(by_item, offsets, votes.items, votes.workers, votes.classes, device, bags)

    def evidence(self, table: Tensor) -> Tensor:
        """[W * K, C] to [I, C]: over an item's votes, the sum of the table's rows (worker, answer)."""
        import torch

        if self.bags is not None:
            cell, offsets, _, _ = self.bags
            return torch.nn.functional.embedding_bag(cell, table, offsets, mode="sum")
        return torch.from_numpy(self._matrix(table) @ table.numpy())

    def tally(self, posterior: Tensor) -> Tensor:
        """[I, C] to [W * K, C]: over the items that got a worker's answer, the sum of the posterior."""
        import torch

        if self.bags is not None:
            _, _, item, offsets = self.bags
            return torch.nn.functional.embedding_bag(item, posterior, offsets, mode="sum")
        return torch.from_numpy(np.ascontiguousarray(self._matrix(posterior).T @ posterior.numpy()))

    def _matrix(self, like: Tensor) -> Any:
        from scipy.sparse import csr_matrix

        ones = np.ones(self.cell.size, dtype=like.numpy().dtype)
        return csr_matrix((ones, self.cell, self.offsets), shape=(self.items, self.workers * self.classes))


def _bags(votes: Votes, by_item: NDArray[Any], offsets: NDArray[Any], device: str) -> Any:
    import torch

    cell = votes.worker * votes.classes + votes.answer
    order = np.lexsort((votes.item, cell))
    starts = np.searchsorted(cell[order], np.arange(votes.workers * votes.classes))
    arrays = (by_item, offsets[:-1], votes.item[order].astype(by_item.dtype), starts.astype(by_item.dtype))
    return tuple(torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in arrays)
