"""GLAD: how good a worker is times how easy an item is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reputation.truth.memory import refuse_beyond
from reputation.truth.run import MAX_ITERATIONS, TOLERANCE_PPM, Known, TruthRun, check
from reputation.truth.votewise import Votewise
from reputation.votes import PPM, Votes

if TYPE_CHECKING:
    from torch import Tensor

_HALVINGS = 12


def glad(
    votes: Votes,
    *,
    known: Known | None = None,
    tolerance_ppm: int = TOLERANCE_PPM,
    max_iterations: int = MAX_ITERATIONS,
    device: str = "cpu",
) -> TruthRun:
    """Generative model of Labels, Abilities and Difficulties (Whitehill et al., NIPS 2009), for K classes.

    A vote is right with probability s(a_w b_i), s the logistic function, a_w the worker's ability (below 0: a
    contrarian) and b_i = exp(g_i) the item's easiness, and otherwise any wrong class with the same
    probability. Normal priors of variance 1 around 1 on a_w and g_i, as in the paper. All classes are taken
    for equally likely: the paper takes the prevalence as given, and nothing here estimates it, so crowds with
    rare classes are better served by others. Maximum a posteriori by expectation maximisation; each M-step is
    one Newton step per worker, then one per item, halved until it helps. Starts from the votes' shares, so
    nothing is random.

    Args:
        votes: at least one vote; items without votes get every class alike.
        known: items whose answer is known.
        tolerance_ppm: stop when no vote's probability of being right moves by more.
        max_iterations: stop there in any case; `converged` then says False.
        device: where torch computes, "cpu" or "cuda".
    Returns:
        a TruthRun: `confusion` is each worker's on an item of mean easiness, `prevalence` the mean
        posterior (a result, not what the model assumed), `log_likelihood` the log of the joint density of
        votes, abilities and easiness, up to a constant.
    Raises:
        ValueError: no votes, a limit below 1, known items that do not fit, or more memory than there is.
    """
    import torch

    check(votes, tolerance_ppm, max_iterations, known)
    k = votes.classes
    needed = 8 * (6 * votes.items * k + 3 * votes.workers * k * k)
    refuse_beyond(needed, f"glad keeps {votes.items} x {k} shares", "one_coin_sparse works with any number")
    with torch.inference_mode():
        return _run(votes, Votewise.of(votes, device, known), tolerance_ppm / PPM, max_iterations)


@dataclass(frozen=True, eq=False)
class _Parameters:
    ability: Tensor  # [W]
    ease: Tensor  # [I], its logarithm

    def log_odds(self, data: Votewise) -> Tensor:
        """Of each vote being right, [V]."""
        return self.ability[data.worker] * self.ease.exp()[data.item]


def _run(votes: Votes, data: Votewise, tolerance: float, limit: int) -> TruthRun:
    import torch

    posterior = data.shares()
    now = _Parameters(posterior.new_ones(votes.workers), posterior.new_ones(votes.items))
    now = _m_step(data, now, posterior)
    trace: list[float] = []
    movement = float("inf")
    while len(trace) < limit and movement > tolerance:
        posterior, evidence = _e_step(data, now)
        trace.append(evidence)
        before, now = now, _m_step(data, now, posterior)
        chance, was = (torch.sigmoid(each.log_odds(data)) for each in (now, before))
        movement = float((chance - was).abs().max())
    posterior, _ = _e_step(data, now)
    right = torch.sigmoid(now.ability * now.ease.mean().exp())
    return TruthRun(
        method="glad",
        posterior=posterior.cpu().numpy(),
        confusion=_confusion(right, votes.classes).cpu().numpy(),
        prevalence=posterior.mean(0).cpu().numpy(),
        log_likelihood=tuple(trace),
        iterations=len(trace),
        movement_ppm=movement * PPM,
        converged=movement <= tolerance,
    )


def _confusion(right: Tensor, classes: int) -> Tensor:
    import torch

    wrong = ((1 - right) / (classes - 1))[:, None, None].expand(-1, classes, classes)
    eye = torch.eye(classes, dtype=right.dtype, device=right.device)
    return wrong * (1 - eye) + right[:, None, None] * eye


def _e_step(data: Votewise, now: _Parameters) -> tuple[Tensor, float]:
    """Posterior [I, K], and the log joint density."""
    import torch

    odds = now.log_odds(data)
    # A vote for k multiplies every class by P(this wrong answer), and k by the odds on top.
    wrong = torch.nn.functional.logsigmoid(-odds) - math.log(data.classes - 1)
    lift = data.per_cell(odds + math.log(data.classes - 1))
    joint = data.per_item(wrong[:, None]) + lift - math.log(data.classes)
    posterior, evidence = data.posterior(joint)
    prior = float(((now.ability - 1) ** 2).sum() + ((now.ease - 1) ** 2).sum()) / 2
    return posterior, evidence - prior


def _m_step(data: Votewise, now: _Parameters, posterior: Tensor) -> _Parameters:
    import torch

    right = posterior[data.item, data.answer]

    def fit(odds: Tensor) -> Tensor:
        """The expected log likelihood of each vote, [V, 1], but for what no parameter changes."""
        return (right * odds - torch.nn.functional.softplus(odds)).unsqueeze(1)

    def pull(odds: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
        chance = torch.sigmoid(odds)
        return ((right - chance) * slope).unsqueeze(1), (chance * (1 - chance) * slope**2).unsqueeze(1)

    ease = now.ease.exp()[data.item]
    gradient, curve = (data.per_worker(each)[:, 0] for each in pull(now.log_odds(data), ease))
    ability = _climb(
        now.ability,
        (gradient - (now.ability - 1)) / (curve + 1),
        lambda a: data.per_worker(fit(a[data.worker] * ease))[:, 0] - (a - 1) ** 2 / 2,
    )
    able = ability[data.worker]
    odds = able * ease
    gradient, curve = (data.per_item(each)[:, 0] for each in pull(odds, odds))
    easier = _climb(
        now.ease,
        (gradient - (now.ease - 1)) / (curve + 1),
        lambda g: data.per_item(fit(able * g.exp()[data.item]))[:, 0] - (g - 1) ** 2 / 2,
    )
    return _Parameters(ability, easier)


def _climb(start: Tensor, step: Tensor, value: Callable[[Tensor], Tensor]) -> Tensor:
    """Take each element's step, halved until its own value does not fall; none where no halving helps."""
    import torch

    before, share = value(start), torch.ones_like(start)
    for _ in range(_HALVINGS):
        worse = value(start + share * step) < before
        if not bool(worse.any()):
            return start + share * step
        share = torch.where(worse, share / 2, share)
    return torch.where(value(start + share * step) < before, start, start + share * step)
