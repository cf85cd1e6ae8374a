"""The co-annotation graph, and a small graph network over it in plain torch.

Workers are nodes; an edge says that two worked on the same task. A layer adds to each worker's state a linear
map of itself and of two means over its neighbours: the plain one (GraphSAGE, Hamilton et al., NeurIPS 2017)
and one in which a neighbour counts by 1 / degree (resource allocation, Zhou, Lü and Zhang, 2009), because who
works with everybody says little. A worker's own state stays apart from its neighbours', which suits graphs
where unlike workers meet (Platonov et al., ICLR 2023).

Neighbours' known labels are input features (Shi et al., "Masked label prediction", IJCAI 2021). The graph has
no loops, so a worker's own label is not among them. That it does not come back over two steps either is up to
the caller, who leaves it out of `known`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from reputation.truth.run import Floats
from reputation.votes import Ints

if TYPE_CHECKING:
    from torch import Tensor, nn

LABEL_COLUMNS = 6
_PSEUDO_NEIGHBOURS = 2.0  # how many average neighbours are added to a share


@dataclass(frozen=True, eq=False)
class Graph:
    """An undirected graph of workers: for each one its neighbours, in ascending order.

    Attributes:
        neighbour: [2 E] int32 or int64, all neighbours, by worker.
        offsets: [W + 1], where each worker's neighbours begin.
        workers: W.
    """

    neighbour: Any
    offsets: Any
    workers: int

    @classmethod
    def of(cls, edges: Ints, workers: int) -> Graph:
        """From pairs of workers, [E, 2]; a pair that is given twice, or both ways round, is one edge.

        Raises:
            ValueError: another shape, an index out of range, or a worker paired with itself.
        """
        pairs = np.asarray(edges, dtype=np.int64)
        if pairs.ndim != 2 or pairs.shape[1] != 2:
            raise ValueError(f"edges are pairs, [E, 2]; they are {pairs.shape}")
        if pairs.size and (pairs.min() < 0 or pairs.max() >= workers):
            raise ValueError(f"workers in edges must be in 0..{workers - 1}")
        if (pairs[:, 0] == pairs[:, 1]).any():
            raise ValueError("a worker is no neighbour of itself")
        both = np.concatenate([pairs, pairs[:, ::-1]])
        key = np.unique(both[:, 0] * workers + both[:, 1])
        owner, neighbour = np.divmod(key, max(workers, 1))
        kind = np.int32 if key.size < 2**31 else np.int64
        offsets = np.searchsorted(owner, np.arange(workers + 1))
        return cls(neighbour.astype(kind), offsets.astype(kind), workers)

    def degree(self) -> Ints:
        """[W]: how many neighbours each worker has."""
        found: Ints = np.diff(self.offsets).astype(np.int64)
        return found


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over neighbours of a graph, differentiable; in a fixed order, so a rerun gives the same bits."""

    neighbour: Tensor
    offsets: Tensor
    degree: Tensor  # [W, 1] float32, at least 1

    @classmethod
    def of(cls, graph: Graph) -> Sums:
        """The graph as tensors."""
        import torch

        degree = torch.from_numpy(np.maximum(graph.degree(), 1).astype(np.float32))[:, None]
        return cls(torch.from_numpy(graph.neighbour), torch.from_numpy(graph.offsets[:-1]), degree)

    def __call__(self, state: Tensor) -> Tensor:
        """[W, C] to [W, C]: each worker's sum over its neighbours."""
        found: Tensor = _segment_sum().apply(state, self.neighbour, self.offsets)
        return found

    def mean(self, state: Tensor) -> Tensor:
        """The mean over neighbours; zero for a worker without any."""
        return self(state) / self.degree

    def rarity(self) -> Tensor:
        """[W, 1]: the sum of 1 / degree over neighbours."""
        return self(1 / self.degree)

    def rare_mean(self, state: Tensor) -> Tensor:
        """The mean over neighbours, each by 1 / degree; zero for a worker without any."""
        return self(state / self.degree) / self.rarity().clamp(min=1e-12)


def neighbour_means(graph: Graph, values: Floats) -> Floats:
    """[W, C]: the mean of each column over a worker's neighbours; zero for a worker without any."""
    import torch

    means = Sums.of(graph).mean(torch.from_numpy(values.astype(np.float32)))
    return means.numpy().astype(np.float64)


@cache
def _segment_sum() -> Any:
    """The autograd function of a neighbour sum. The graph is symmetric, so its gradient is the same sum."""
    import torch
    from torch.nn.functional import embedding_bag

    class SegmentSum(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, state: Tensor, neighbour: Tensor, offsets: Tensor) -> Tensor:
            context.save_for_backward(neighbour, offsets)
            if not len(neighbour):
                return torch.zeros_like(state)
            return embedding_bag(neighbour, state.contiguous(), offsets, mode="sum")

        @staticmethod
        def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
            neighbour, offsets = context.saved_tensors
            if not len(neighbour):
                return torch.zeros_like(gradient), None, None
            return embedding_bag(neighbour, gradient.contiguous(), offsets, mode="sum"), None, None

    return SegmentSum


def label_features(sums: Sums, known: Ints, banned: Floats) -> Tensor:
    """What the known workers among each worker's neighbours say, [W, LABEL_COLUMNS] float32, standardised.

    For plain counts, and for counts by 1 / degree: the share of banned ones less the overall share (shrunk by
    pseudo-neighbours), how many are known, and the excess of banned ones in standard errors.
    """
    import torch

    place = torch.from_numpy(np.asarray(known))
    marks = torch.zeros(len(sums.degree), 2)
    marks[place, 0] = 1.0
    marks[place, 1] = torch.from_numpy(np.asarray(banned, dtype=np.float32))
    overall = float(marks[:, 1].sum() / marks[:, 0].sum().clamp(min=1))
    columns = []
    for weight in (torch.ones_like(sums.degree), 1 / sums.degree):
        count = sums(marks * weight)
        labelled, bad = count[:, :1], count[:, 1:]
        pseudo = _PSEUDO_NEIGHBOURS * float(weight.mean())
        columns += [
            (bad + overall * pseudo) / (labelled + pseudo) - overall,
            torch.log1p(labelled),
            (bad - overall * labelled) / (labelled + pseudo).sqrt(),
        ]
    found = torch.cat(columns, dim=1)
    return (found - found.mean(0)) / (found.std(0, correction=0) + 1e-6)


def network(columns: int, hidden: int, layers: int, dropout: float) -> nn.Module:
    """Residual layers over [W, columns] inputs; its output is a log-odds per worker, [W].

    Called with the inputs and the graph's `Sums`. Initialised from torch's random state.
    """
    import torch
    from torch import nn
    from torch.nn.functional import dropout as drop
    from torch.nn.functional import gelu

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.into = nn.Linear(columns, hidden)
            self.mixes = nn.ModuleList(nn.Linear(3 * hidden, hidden) for _ in range(layers))
            self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(layers + 1))
            self.out = nn.Linear(hidden, 1)

        def forward(self, inputs: Tensor, sums: Sums) -> Tensor:
            state = self.into(inputs)
            for mix, norm in zip(self.mixes, self.norms, strict=False):
                seen = drop(gelu(norm(state)), dropout, self.training)
                state = state + mix(torch.cat([seen, sums.mean(seen), sums.rare_mean(seen)], dim=1))
            last: Tensor = self.out(drop(gelu(self.norms[-1](state)), dropout, self.training))
            return last[:, 0]

    return Network()
