"""Votes as tensors, for models in which every vote has a value of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reputation.truth.run import Known
from reputation.votes import Votes

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Votewise:
    """The votes by item, then worker, then answer; sums over them in that order, one thread a sum.

    Attributes:
        item, worker, answer: [V] int64.
        by_worker, by_cell: [V] int64, the votes' places by worker, and by (item, answer).
        item_starts, worker_starts, cell_starts: [I], [W] and [I * K] int64, where each one's votes begin.
        clamp: items whose answer is known and those answers.
    """

    item: Tensor
    worker: Tensor
    answer: Tensor
    by_worker: Tensor
    by_cell: Tensor
    item_starts: Tensor
    worker_starts: Tensor
    cell_starts: Tensor
    clamp: tuple[Tensor, Tensor]
    classes: int

    @classmethod
    def of(cls, votes: Votes, device: str, known: Known | None) -> Votewise:
        """Sort the votes."""
        order = np.lexsort((votes.answer, votes.worker, votes.item))
        item, worker, answer = votes.item[order], votes.worker[order], votes.answer[order]
        by_worker = np.argsort(worker, kind="stable")
        cell = item * votes.classes + answer
        by_cell = np.argsort(cell, kind="stable")
        none = np.empty(0, dtype=np.int64)
        arrays = (
            item,
            worker,
            answer,
            by_worker,
            by_cell,
            np.searchsorted(item, np.arange(votes.items)),
            np.searchsorted(worker[by_worker], np.arange(votes.workers)),
            np.searchsorted(cell[by_cell], np.arange(votes.items * votes.classes)),
            none if known is None else known.item,
            none if known is None else known.answer,
        )
        a, b, c, d, e, f, g, h, items, answers = (_tensor(array, device) for array in arrays)
        return cls(a, b, c, d, e, f, g, h, (items, answers), votes.classes)

    def per_item(self, rows: Tensor) -> Tensor:
        """[V, C] to [I, C]: the sum over each item's votes."""
        import torch

        return torch.nn.functional.embedding_bag(
            torch.arange(rows.shape[0], device=rows.device), rows, self.item_starts, mode="sum"
        )

    def per_worker(self, rows: Tensor) -> Tensor:
        """[V, C] to [W, C]: the sum over each worker's votes."""
        import torch

        return torch.nn.functional.embedding_bag(self.by_worker, rows, self.worker_starts, mode="sum")

    def per_cell(self, values: Tensor) -> Tensor:
        """[V] to [I, K]: the sum over each item's votes for each class."""
        import torch

        rows = values.unsqueeze(1)
        cells = torch.nn.functional.embedding_bag(self.by_cell, rows, self.cell_starts, mode="sum")
        return cells.reshape(-1, self.classes)

    def posterior(self, joint: Tensor) -> tuple[Tensor, float]:
        """From log P(votes, class) [I, K]: the posterior, certain where one is known; and the evidence."""
        import torch

        item, answer = self.clamp
        clamped = joint.clone()
        clamped[item] = -torch.inf
        clamped[item, answer] = joint[item, answer]
        total = torch.logsumexp(clamped, dim=1, keepdim=True)
        return (clamped - total).exp(), float(total.sum())

    def shares(self) -> Tensor:
        """The share of an item's votes with each answer [I, K], even without votes; certain where known."""
        import torch

        tally = self.per_cell(torch.ones_like(self.answer, dtype=torch.float64)) + 1e-9
        shares = tally / tally.sum(1, keepdim=True)
        item, answer = self.clamp
        shares[item] = 0.0
        shares[item, answer] = 1.0
        return shares


def _tensor(array: NDArray[np.int64], device: str) -> Tensor:
    import torch

    return torch.from_numpy(np.array(array, dtype=np.int64)).to(device)
