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
        by_worker: [V] int64, the votes' places by worker, then item.
        item_starts, worker_starts: [I] and [W] int64, where each one's votes begin in its order.
        clamp: items whose answer is known and those answers.
    """

    item: Tensor
    worker: Tensor
    answer: Tensor
    by_worker: Tensor
    item_starts: Tensor
    worker_starts: Tensor
    clamp: tuple[Tensor, Tensor]
    classes: int

    @classmethod
    def of(cls, votes: Votes, device: str, known: Known | None) -> Votewise:
        """Sort the votes."""
        order = np.lexsort((votes.answer, votes.worker, votes.item))
        item, worker, answer = votes.item[order], votes.worker[order], votes.answer[order]
        by_worker = np.argsort(worker, kind="stable")
        none = np.empty(0, dtype=np.int64)
        arrays = (
            item,
            worker,
            answer,
            by_worker,
            np.searchsorted(item, np.arange(votes.items)),
            np.searchsorted(worker[by_worker], np.arange(votes.workers)),
            none if known is None else known.item,
            none if known is None else known.answer,
        )
        a, b, c, d, e, f, items, answers = (_tensor(array, device) for array in arrays)
        return cls(a, b, c, d, e, f, (items, answers), votes.classes)

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

    def posterior(self, joint: Tensor) -> tuple[Tensor, float]:
        """From log P(votes, class) [I, K]: the posterior, certain where one is known; and the evidence."""
        import torch

        item, answer = self.clamp
        clamped = joint.clone()
        clamped[item] = -torch.inf
        clamped[item, answer] = joint[item, answer]
        total = torch.logsumexp(clamped, dim=1, keepdim=True)
        return (clamped - total).exp(), float(total.sum())

    def shares(self, items: int) -> Tensor:
        """The share of an item's votes with each answer [I, K], even without votes; certain where known."""
        import torch

        one = torch.nn.functional.one_hot(self.answer, self.classes).to(torch.float64)
        tally = self.per_item(one) + 1e-9
        shares = tally / tally.sum(1, keepdim=True)
        item, answer = self.clamp
        shares[item] = 0.0
        shares[item, answer] = 1.0
        return shares


def _tensor(array: NDArray[np.int64], device: str) -> Tensor:
    import torch

    return torch.from_numpy(np.array(array, dtype=np.int64)).to(device)
