"""Truth inference by maximum a posteriori Dawid-Skene, in torch; loaded only when it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reputation.priors import ConfusionPrior
from reputation.truth.core import Layout
from reputation.truth.latent import refuse_dense
from reputation.truth.run import MAX_ITERATIONS, TOLERANCE_PPM, Known, TruthRun, check
from reputation.votes import PPM, Votes

if TYPE_CHECKING:
    from torch import Tensor


def dawid_skene(
    votes: Votes,
    *,
    prior: ConfusionPrior | None = None,
    known: Known | None = None,
    tolerance_ppm: int = TOLERANCE_PPM,
    max_iterations: int = MAX_ITERATIONS,
    device: str = "cpu",
) -> TruthRun:
    """Maximum a posteriori Dawid-Skene (Dawid & Skene 1979) under the two-level prior of `priors`.

    Starts from each item's shares of the votes, so nothing is random. float64 throughout.

    Args:
        votes: at least one vote; items without votes get the prevalence as their posterior.
        prior: pseudo-counts; the default ones when None.
        known: items whose answer is known.
        tolerance_ppm: stop when no parameter moves by more than this in one step.
        max_iterations: stop there in any case; `converged` then says False.
        device: where torch computes, "cpu" or "cuda".
    Raises:
        ValueError: no votes, a limit below 1, known items that do not fit, or more memory than there is.
    """
    import torch

    check(votes, tolerance_ppm, max_iterations, known)
    refuse_dense("dawid-skene", votes.workers, votes.classes, 1)
    with torch.inference_mode():
        return _expectation_maximisation(
            Layout.of(votes, device, known),
            votes,
            prior or ConfusionPrior(),
            tolerance_ppm / PPM,
            max_iterations,
        )


def _expectation_maximisation(
    layout: Layout, votes: Votes, prior: ConfusionPrior, tolerance: float, limit: int
) -> TruthRun:
    import torch

    tally = torch.from_numpy(votes.tally()).to(layout.device, torch.float64)
    posterior = _clamp(layout, (tally + 1e-9) / (tally + 1e-9).sum(1, keepdim=True))
    prevalence, confusion = _m_step(layout, posterior, votes, prior)
    trace: list[float] = []
    movement = float("inf")
    while len(trace) < limit and movement > tolerance:
        posterior, evidence = _e_step(layout, prevalence, confusion)
        before = prevalence, confusion
        prevalence, confusion = _m_step(layout, posterior, votes, prior)
        movement = max(
            float((prevalence - before[0]).abs().max()), float((confusion - before[1]).abs().max())
        )
        trace.append(evidence)
    posterior, _ = _e_step(layout, prevalence, confusion)
    return TruthRun(
        method="dawid-skene",
        posterior=posterior.cpu().numpy(),
        confusion=confusion.cpu().numpy(),
        prevalence=prevalence.cpu().numpy(),
        log_likelihood=tuple(trace),
        iterations=len(trace),
        movement_ppm=movement * PPM,
        converged=movement <= tolerance,
    )


def _e_step(layout: Layout, prevalence: Tensor, confusion: Tensor) -> tuple[Tensor, float]:
    """Posterior [I, K] over each item's answer and the log likelihood of all votes."""
    import torch

    workers, classes, _ = confusion.shape
    # Rows (worker, answer), columns true class: what one vote says about each true class.
    evidence = confusion.log().transpose(1, 2).reshape(workers * classes, classes).contiguous()
    joint = layout.evidence(evidence) + prevalence.log()
    total = torch.logsumexp(joint, dim=1, keepdim=True)
    return _clamp(layout, (joint - total).exp()), float(total.sum())


def _clamp(layout: Layout, posterior: Tensor) -> Tensor:
    """The posterior [I, K], certain where the class is known."""
    import torch

    if layout.known is None:
        return posterior
    known = torch.from_numpy(layout.known).to(posterior.device)
    at = torch.nonzero(known >= 0)[:, 0]
    certain = torch.nn.functional.one_hot(known[at], layout.classes).to(posterior.dtype)
    return posterior.index_copy(0, at, certain)


def _m_step(layout: Layout, posterior: Tensor, votes: Votes, prior: ConfusionPrior) -> tuple[Tensor, Tensor]:
    """Prevalence [K] and confusion [W, K, K] from expected counts and the two-level prior."""
    import torch

    shape = votes.workers, votes.classes, votes.classes
    counts = layout.tally(posterior).reshape(shape).transpose(1, 2)
    one_coin = torch.full(shape[1:], float(prior.community_wrong), dtype=torch.float64, device=counts.device)
    one_coin.fill_diagonal_(float(prior.community_correct))
    community = counts.sum(0) + votes.workers * one_coin
    community = community / community.sum(1, keepdim=True)
    confusion = counts + prior.worker_labels * community
    prevalence = posterior.sum(0) + prior.prevalence
    return prevalence / prevalence.sum(), confusion / confusion.sum(2, keepdim=True)
