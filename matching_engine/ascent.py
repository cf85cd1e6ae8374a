"""Dual ascent in torch: prices at which the workers' load is nearly their capacity. A start, not a proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matching_engine.problem import PPM, Flags, Ints, Problem

if TYPE_CHECKING:
    from torch import Tensor

ROUNDS = 300
FIRST_STEP = PPM / 100
LAST_STEP = 1e-3
GROW, SHRINK = 1.1, 0.6
# Below this share of slots left to move, moving them exactly is cheaper than another round.
GOOD_ENOUGH = 1e-3


@dataclass(frozen=True, eq=False)
class _Dual:
    worth: Tensor  # [I, W] float64, -inf where ineligible
    wanted: Tensor  # [I, depth] bool, whether the item has that many slots
    capacity: Tensor  # [W] float64

    def load(self, prices: Tensor) -> Tensor:
        """How many items want each worker at these prices, [W]."""
        import torch

        top, who = torch.topk(self.worth - prices, self.wanted.shape[1], dim=1)
        chosen = who[(top > 0) & self.wanted]
        return torch.bincount(chosen, minlength=self.capacity.numel()).to(torch.float64)

    def imbalance(self, prices: Tensor, load: Tensor) -> float:
        """Slots that must still move before load and prices agree."""
        excess = load - self.capacity
        return float(excess.abs().where((prices > 0) | (excess > 0), excess.new_zeros(())).sum())


def near_optimal_prices(problem: Problem, *, device: str = "cpu") -> NDArray[np.float64]:
    """Prices [W] from a projected subgradient method on D(p), whose subgradient is capacity − load.

    Each worker has a step of its own, which grows while its load stays on one side of its capacity and
    shrinks when it changes sides (resilient propagation, Riedmiller & Braun 1993). Of all prices seen, those
    that leave the fewest slots to move are returned.
    """
    import torch

    enough = float(problem.demand.sum()) * GOOD_ENOUGH
    with torch.inference_mode():
        dual = _dual(problem, device)
        prices = _uniform_start(dual, float(problem.bonus + PPM))
        step = torch.full_like(prices, FIRST_STEP)
        before = torch.zeros_like(prices)
        load = dual.load(prices)
        best, least = prices, dual.imbalance(prices, load)
        for _ in range(ROUNDS):
            if least <= enough:
                break
            pull = ((load - dual.capacity) / dual.capacity.clamp(min=1)).clamp(-1, 1)
            turned = pull * before
            step = torch.where(turned < 0, step * SHRINK, torch.where(turned > 0, step * GROW, step))
            step = step.clamp(LAST_STEP, float(problem.bonus))
            prices, before = (prices + step * pull).clamp(min=0), pull
            load = dual.load(prices)
            left = dual.imbalance(prices, load)
            if left < least:
                best, least = prices, left
        found: NDArray[np.float64] = best.cpu().numpy()
        return found


def _uniform_start(dual: _Dual, highest: float) -> Tensor:
    """One price for all at which no more is wanted than there is, by bisection: zero unless work is scarce.

    It settles the level of the prices, to which the rounds that follow are blind: they see each worker alone.
    """
    low, high, one = 0.0, highest, dual.capacity.new_ones(dual.capacity.numel())
    total = float(dual.capacity.sum())
    if float(dual.load(one * low).sum()) <= total:
        return one * low
    while high - low > 1:
        middle = (low + high) / 2
        if float(dual.load(one * middle).sum()) > total:
            low = middle
        else:
            high = middle
    return one * high


def _dual(problem: Problem, device: str) -> _Dual:
    import torch

    depth = min(int(problem.demand.max(initial=0)), problem.workers)
    worth = np.where(problem.eligible, problem.values + float(problem.bonus), -np.inf)
    wanted: Flags = np.arange(depth) < problem.demand[:, None]
    capacity: Ints = problem.capacity
    return _Dual(
        torch.from_numpy(worth).to(device),
        torch.from_numpy(wanted).to(device),
        torch.from_numpy(capacity).to(device, torch.float64),
    )
