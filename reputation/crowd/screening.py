"""Screening workers: who is likely to be banned, from profiles and from whom one works with.

The network of `graph`, several of them from different seeds. It is inductive: what it learns holds for other
workers and other graphs with the same profile columns. In training, half of the known labels (another half in
each step) are input features of their neighbours and the other half is what the loss is about; so no label is
ever both, and the network learns how far neighbours' labels are to be trusted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from reputation.crowd.graph import LABEL_COLUMNS, Graph, Sums, label_features, network
from reputation.truth.run import Floats
from reputation.votes import Ints

if TYPE_CHECKING:
    from torch import Tensor, nn

_QUANTILES = 200
_FOLDS = 5
_SHAPE_COLUMNS = 2  # degree and rarity, the last ones of the inputs
Kind = Literal["profiles", "colleagues", "neighbours' labels"]
EVIDENCE: tuple[Kind, ...] = ("profiles", "colleagues", "neighbours' labels")
_SAID: dict[Kind, str] = {
    "profiles": "The profiles of the worker and those it works with",
    "colleagues": "The number of colleagues and how busy they are",
    "neighbours' labels": "The known labels of those it works with",
}
Progress = Callable[[str, int, float], None]


@dataclass(frozen=True)
class Training:
    """How the networks are trained.

    Attributes:
        networks: how many; their log-odds are averaged.
        steps: gradient steps each, over the whole graph.
        hidden, layers, dropout: the network's size; `layers` is also how many steps away a worker is seen.
        rate, decay: AdamW's largest learning rate (one cycle) and weight decay.

    Raises:
        ValueError: a number is not positive.
    """

    networks: int = 4
    steps: int = 100
    hidden: int = 48
    layers: int = 2
    dropout: float = 0.2
    rate: float = 0.01
    decay: float = 0.001

    def __post_init__(self) -> None:
        if min(vars(self).values()) <= 0:
            raise ValueError("every number of a training is positive")


@dataclass(frozen=True, eq=False)
class Labelled:
    """Workers whose fate is known.

    Attributes:
        worker: [L] int64, distinct.
        banned: [L] bool.

    Raises:
        ValueError: the arrays are not aligned, or a worker appears twice.
    """

    worker: Ints
    banned: NDArray[np.bool_]

    def __post_init__(self) -> None:
        object.__setattr__(self, "worker", np.asarray(self.worker, dtype=np.int64))
        object.__setattr__(self, "banned", np.asarray(self.banned, dtype=bool))
        if self.worker.ndim != 1 or self.worker.shape != self.banned.shape:
            raise ValueError("labelled workers and their labels must have the same length")
        if np.unique(self.worker).size != self.worker.size:
            raise ValueError("a worker is labelled twice")

    def check(self, workers: int) -> None:
        """Refuse workers that are not there.

        Raises:
            ValueError: an index out of range.
        """
        if self.worker.size and not 0 <= self.worker.min() <= self.worker.max() < workers:
            raise ValueError(f"labelled workers must be in 0..{workers - 1}")

    def part(self, chosen: Ints) -> Labelled:
        """Some of them, by position."""
        return Labelled(self.worker[chosen], self.banned[chosen])


@dataclass(frozen=True, eq=False)
class Scaling:
    """How profile columns become inputs: fitted once, on the workers of the training.

    Attributes:
        quantiles: [Q, F] of each column, ascending.
        mean, deviation: [4 F + 2] of the raw inputs.
    """

    quantiles: Floats
    mean: Floats
    deviation: Floats

    @classmethod
    def fit(cls, profiles: Floats, graph: Graph) -> Scaling:
        """From all workers' profiles, labelled or not."""
        quantiles = np.quantile(profiles, np.linspace(0, 1, _QUANTILES + 1), axis=0)
        raw = _raw(profiles, graph, quantiles)
        return cls(quantiles, raw.mean(axis=0), raw.std(axis=0) + 1e-9)

    def inputs(self, profiles: Floats, graph: Graph) -> Floats:
        """[W, 4 F + 2]: value, rank, whether lowest, whether highest; log degree, log rarity."""
        scaled: Floats = (_raw(profiles, graph, self.quantiles) - self.mean) / self.deviation
        return np.clip(scaled, -8, 8)


@dataclass(frozen=True, eq=False)
class Screening:
    """[W]: each worker's log-odds of being banned, and the probability."""

    log_odds: Floats

    @property
    def probability(self) -> Floats:
        """[W] in 0..1."""
        chance: Floats = 1 / (1 + np.exp(-self.log_odds))
        return chance


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each kind of `EVIDENCE` adds to the log-odds of being banned.

    Attributes:
        start: [W] the log-odds without any evidence.
        parts: [W, 3] what the kinds add, in the order of `EVIDENCE`; with the start they sum to the log-odds.
    """

    start: Floats
    parts: Floats

    def reasons(self, worker: int) -> tuple[str, ...]:
        """Sentences for one worker, the weightiest evidence first."""
        order = np.argsort(-np.abs(self.parts[worker]), kind="stable")
        return tuple(
            f"{_SAID[EVIDENCE[kind]]} {'speak against' if self.parts[worker, kind] > 0 else 'speak for'} "
            f"this worker: {self.parts[worker, kind]:+.2f} log-odds of being banned."
            for kind in order.tolist()
        )


@dataclass(frozen=True, eq=False)
class Screener:
    """Trained networks."""

    networks: tuple[nn.Module, ...]
    scaling: Scaling

    def screen(self, profiles: Floats, graph: Graph, labelled: Labelled) -> Screening:
        """Screen all workers of a graph, which may be another one than that of the training.

        A labelled worker is screened with its fifth of the labelled ones taken for unlabelled, so its own
        label reaches it by no path of the graph. (The networks may have been trained on it.)

        Raises:
            ValueError: profiles of another shape, or labelled workers that are not there.
        """
        return Screening(self._whole(profiles, graph, labelled, EVIDENCE))

    def contributions(self, profiles: Floats, graph: Graph, labelled: Labelled) -> Contributions:
        """What moved each worker's log-odds: Shapley values of the kinds of evidence (Shapley 1953).

        A kind that is left out has its mean in place of every value, for all workers. Each kind's part is the
        mean of what it adds over all orders in which the kinds can be added, so with the start the parts sum
        to the log-odds exactly. Costs eight screenings.

        Raises:
            ValueError: as `screen`.
        """
        scores = {
            kept: self._whole(profiles, graph, labelled, kept)
            for count in range(len(EVIDENCE) + 1)
            for kept in combinations(EVIDENCE, count)
        }
        orders = list(permutations(EVIDENCE))
        parts = np.zeros((graph.workers, len(EVIDENCE)))
        for order in orders:
            for position, kind in enumerate(order):
                with_it, without = (
                    tuple(one for one in EVIDENCE if one in order[:end]) for end in (position + 1, position)
                )
                parts[:, EVIDENCE.index(kind)] += scores[with_it] - scores[without]
        return Contributions(scores[()], parts / len(orders))

    def _whole(self, profiles: Floats, graph: Graph, labelled: Labelled, kept: tuple[Kind, ...]) -> Floats:
        """[W] log-odds from the kept kinds of evidence, labelled workers without their own fold's labels."""
        import torch

        _check(profiles, graph, labelled, self.scaling.quantiles.shape[1])
        sums = Sums.of(graph)
        columns = self.scaling.inputs(profiles, graph).astype(np.float32)
        columns[:, :-_SHAPE_COLUMNS] *= "profiles" in kept
        columns[:, -_SHAPE_COLUMNS:] *= "colleagues" in kept
        inputs, heard = torch.from_numpy(columns), "neighbours' labels" in kept
        found = self._log_odds(inputs, sums, labelled, heard)
        fold = np.arange(labelled.worker.size) % _FOLDS
        order = np.argsort(labelled.worker, kind="stable")
        for hidden in range(min(_FOLDS, order.size) if heard else 0):
            own, others = np.sort(order[fold == hidden]), np.sort(order[fold != hidden])
            place = labelled.worker[own]
            found[place] = self._log_odds(inputs, sums, labelled.part(others), heard)[place]
        return found

    def _log_odds(self, inputs: Tensor, sums: Sums, labelled: Labelled, heard: bool) -> Floats:
        import torch

        with torch.inference_mode():
            labels = label_features(sums, labelled.worker, labelled.banned.astype(np.float64)) * heard
            whole = torch.cat([inputs, labels], dim=1)
            found = torch.stack([net(whole, sums) for net in self.networks]).double().mean(0)
        return np.array(found.numpy())


def train(
    profiles: Floats,
    graph: Graph,
    labelled: Labelled,
    *,
    training: Training | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Screener:
    """Train networks on the labelled workers of a graph.

    The same arguments give the same networks on one machine; torch's random state outside is left as it was.

    Args:
        profiles: [W, F] numbers, finite.
        graph: of the same W workers.
        labelled: at least two of them, of both kinds.
        seed: of the first network; the others take the following ones.
        progress: called with ("network N", step, loss) after each step.
    Raises:
        ValueError: profiles of another shape, not both kinds of labels, or workers that are not there.
    """
    import torch

    _check(profiles, graph, labelled, profiles.shape[-1])
    if not 0 < labelled.banned.sum() < labelled.banned.size:
        raise ValueError("training needs both banned and other workers among the labelled ones")
    training = training or Training()
    scaling, sums = Scaling.fit(profiles, graph), Sums.of(graph)
    inputs = torch.from_numpy(scaling.inputs(profiles, graph).astype(np.float32))
    networks = []
    for number in range(training.networks):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + number)
            random = np.random.default_rng(seed + number)
            tell = _teller(progress, f"network {number + 1}")
            networks.append(_train_one(inputs, sums, labelled, training, random, tell))
    return Screener(tuple(networks), scaling)


def banned_share(graph: Graph, labelled: Labelled) -> Floats:
    """[W]: the share of banned ones among each worker's labelled neighbours, with two average ones added.

    What screening has to do better than. The graph has no loops: a worker's own label is not in its share.

    Raises:
        ValueError: labelled workers that are not there.
    """
    import torch

    labelled.check(graph.workers)
    marks = np.zeros((graph.workers, 2))
    marks[labelled.worker, 0] = 1
    marks[labelled.worker, 1] = labelled.banned
    count = Sums.of(graph)(torch.from_numpy(marks.astype(np.float32))).numpy().astype(np.float64)
    overall = float(labelled.banned.mean()) if labelled.banned.size else 0.0
    share: Floats = (count[:, 1] + 2 * overall) / (count[:, 0] + 2)
    return share


def _train_one(
    inputs: Tensor,
    sums: Sums,
    labelled: Labelled,
    training: Training,
    random: np.random.Generator,
    tell: Callable[[int, float], None],
) -> nn.Module:
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits as loss_of

    net = network(inputs.shape[1] + LABEL_COLUMNS, training.hidden, training.layers, training.dropout)
    optimiser = torch.optim.AdamW(net.parameters(), lr=training.rate, weight_decay=training.decay)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, training.rate, total_steps=training.steps + 1, pct_start=0.1
    )
    net.train()
    for step in range(training.steps):
        order = random.permutation(labelled.worker.size)
        shown, asked = (labelled.part(half) for half in np.array_split(order, 2))
        labels = label_features(sums, shown.worker, shown.banned.astype(np.float64))
        log_odds = net(torch.cat([inputs, labels], dim=1), sums)[torch.from_numpy(asked.worker)]
        loss = loss_of(log_odds, torch.from_numpy(asked.banned.astype(np.float32)))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        cycle.step()
        tell(step + 1, float(loss.detach()))
    return net.eval()


def _teller(progress: Progress | None, name: str) -> Callable[[int, float], None]:
    def tell(step: int, loss: float) -> None:
        if progress is not None:
            progress(name, step, loss)

    return tell


def _raw(profiles: Floats, graph: Graph, quantiles: Floats) -> Floats:
    ranks = np.empty_like(profiles)
    levels = np.linspace(0, 1, quantiles.shape[0])
    for column in range(profiles.shape[1]):
        # Repeated quantiles stand for values that many share: the middle of their ranks.
        low = np.searchsorted(quantiles[:, column], profiles[:, column], side="left")
        high = np.searchsorted(quantiles[:, column], profiles[:, column], side="right")
        last = levels.size - 1
        ranks[:, column] = (levels[np.minimum(low, last)] + levels[np.clip(high - 1, 0, last)]) / 2
    ends = [profiles <= quantiles[0], profiles >= quantiles[-1]]
    sums = Sums.of(graph)
    shape = [np.log1p(graph.degree()), np.log(sums.rarity().numpy()[:, 0].astype(np.float64) + 1e-3)]
    return np.column_stack([profiles, ranks, *ends, *shape]).astype(np.float64)


def _check(profiles: Floats, graph: Graph, labelled: Labelled, columns: int) -> None:
    if profiles.shape != (graph.workers, columns):
        raise ValueError(f"profiles are {profiles.shape}, the graph needs {(graph.workers, columns)}")
    if not np.isfinite(profiles).all():
        raise ValueError("profiles must be finite numbers")
    labelled.check(graph.workers)
