"""Truth inference by maximum a posteriori Dawid-Skene, in torch; loaded only when it is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reputation.priors import ConfusionPrior
from reputation.votes import PPM, Votes

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float64]
TOLERANCE_PPM = 10
MAX_ITERATIONS = 2000


@dataclass(frozen=True, eq=False)
class TruthRun:
    """What an inference run found.

    Attributes:
        posterior: [I, K] float64, rows sum to 1.
        confusion: [W, K, K] float64, P(answer | true class), rows sum to 1.
        prevalence: [K] float64, sums to 1.
        log_likelihood: log P(votes | parameters) in nats after each iteration.
        iterations: how many M-steps were made.
        movement_ppm: the largest movement of a parameter in the last step, in parts per million.
        converged: whether that is within the tolerance.
    """

    posterior: Floats
    confusion: Floats
    prevalence: Floats
    log_likelihood: tuple[float, ...]
    iterations: int
    movement_ppm: float
    converged: bool


def dawid_skene(
    votes: Votes,
    *,
    prior: ConfusionPrior | None = None,
    tolerance_ppm: int = TOLERANCE_PPM,
    max_iterations: int = MAX_ITERATIONS,
    device: str = "cpu",
) -> TruthRun:
    """Maximum a posteriori Dawid-Skene (Dawid & Skene 1979) under the two-level prior of `priors`.

    Starts from each item's shares of the votes, so nothing is random. Both steps are one sum over bags of
    rows (`embedding_bag`), each bag added up in order by one thread: no atomics, so a rerun on the same
    device gives the same bits. float64 throughout.

    Args:
        votes: at least one vote; items without votes get the prevalence as their posterior.
        prior: pseudo-counts; the default ones when None.
        tolerance_ppm: stop when no parameter moves by more than this in one step.
        max_iterations: stop there in any case; `converged` then says False.
        device: where torch computes, "cpu" or "cuda".
    Raises:
        ValueError: no votes, or a limit below 1.
    """
    import torch

    if not len(votes):
        raise ValueError("there is nothing to infer from: no votes")
    if tolerance_ppm < 1 or max_iterations < 1:
        raise ValueError("tolerance_ppm and max_iterations must be at least 1")
    with torch.inference_mode():
        return _expectation_maximisation(
            _Bags.of(votes, torch.device(device)),
            votes,
            prior or ConfusionPrior(),
            tolerance_ppm / PPM,
            max_iterations,
        )


@dataclass(frozen=True, eq=False)
class _Bags:
    """The votes twice: grouped by item for the E-step, by (worker, answer) for the M-step."""

    cell_by_item: Tensor  # [V] worker * K + answer
    item_offsets: Tensor  # [I]
    item_by_cell: Tensor  # [V]
    cell_offsets: Tensor  # [W * K]

    @classmethod
    def of(cls, votes: Votes, device: object) -> _Bags:
        cell = votes.worker * votes.classes + votes.answer
        # A complete order, so that the same votes in another order give the same bits.
        by_item = np.lexsort((cell, votes.item))
        by_cell = np.lexsort((votes.item, cell))
        cells = votes.workers * votes.classes
        return cls(
            _tensor(cell[by_item], device),
            _tensor(np.searchsorted(votes.item[by_item], np.arange(votes.items)), device),
            _tensor(votes.item[by_cell], device),
            _tensor(np.searchsorted(cell[by_cell], np.arange(cells)), device),
        )


def _tensor(array: NDArray[np.int64], device: object) -> Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(array)).to(device)  # type: ignore[call-overload, no-any-return]


def _expectation_maximisation(
    bags: _Bags, votes: Votes, prior: ConfusionPrior, tolerance: float, limit: int
) -> TruthRun:
    import torch

    device = bags.cell_by_item.device
    tally = torch.from_numpy(votes.tally()).to(device, torch.float64)
    posterior = (tally + 1e-9) / (tally + 1e-9).sum(1, keepdim=True)
    prevalence, confusion = _m_step(bags, posterior, votes, prior)
    trace: list[float] = []
    movement = float("inf")
    while len(trace) < limit and movement > tolerance:
        posterior, evidence = _e_step(bags, prevalence, confusion)
        before = prevalence, confusion
        prevalence, confusion = _m_step(bags, posterior, votes, prior)
        movement = max(
            float((prevalence - before[0]).abs().max()), float((confusion - before[1]).abs().max())
        )
        trace.append(evidence)
    posterior, _ = _e_step(bags, prevalence, confusion)
    return TruthRun(
        posterior=posterior.cpu().numpy(),
        confusion=confusion.cpu().numpy(),
        prevalence=prevalence.cpu().numpy(),
        log_likelihood=tuple(trace),
        iterations=len(trace),
        movement_ppm=movement * PPM,
        converged=movement <= tolerance,
    )


def _e_step(bags: _Bags, prevalence: Tensor, confusion: Tensor) -> tuple[Tensor, float]:
    """Posterior [I, K] over each item's answer and the log likelihood of all votes."""
    import torch

    workers, classes, _ = confusion.shape
    # Rows (worker, answer), columns true class: what one vote says about each true class.
    evidence = confusion.log().transpose(1, 2).reshape(workers * classes, classes).contiguous()
    summed = torch.nn.functional.embedding_bag(bags.cell_by_item, evidence, bags.item_offsets, mode="sum")
    joint = summed + prevalence.log()
    total = torch.logsumexp(joint, dim=1, keepdim=True)
    return (joint - total).exp(), float(total.sum())


def _m_step(bags: _Bags, posterior: Tensor, votes: Votes, prior: ConfusionPrior) -> tuple[Tensor, Tensor]:
    """Prevalence [K] and confusion [W, K, K] from expected counts and the two-level prior."""
    import torch

    shape = votes.workers, votes.classes, votes.classes
    bagged = torch.nn.functional.embedding_bag(bags.item_by_cell, posterior, bags.cell_offsets, mode="sum")
    counts = bagged.reshape(shape).transpose(1, 2)
    one_coin = torch.full(shape[1:], float(prior.community_wrong), dtype=torch.float64, device=counts.device)
    one_coin.fill_diagonal_(float(prior.community_correct))
    community = counts.sum(0) + votes.workers * one_coin
    community = community / community.sum(1, keepdim=True)
    confusion = counts + prior.worker_labels * community
    prevalence = posterior.sum(0) + prior.prevalence
    return prevalence / prevalence.sum(), confusion / confusion.sum(2, keepdim=True)
