"""Who does what: dual ascent for prices, then an exact repair; the same input gives the same answer."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from matching_engine.ascent import near_optimal_prices
from matching_engine.flow import LARGEST, NEVER, Flow
from matching_engine.problem import Assignment, Ints, Problem, dual_bound

_LOTTERY = b"crowdledger-lottery@v1"
_TICKET_BITS = 16


def assign(problem: Problem, *, device: str = "cpu") -> Assignment:
    """Fill as many slots as possible, and among the ways to do so take one of the highest value.

    Exact: the integer prices that come with it prove that no better assignment exists. Among the best ones a
    lottery drawn from the seed decides: every pair gets a ticket, and the sum of the tickets is maximised
    after everything else, which for all practical purposes leaves a single winner, whatever prices torch
    starts from and on whatever device.

    Args:
        problem: who could do what, and how well.
        device: where the dual ascent runs, "cpu" or "cuda".
    Raises:
        ValueError: too many slots and workers for exact 64-bit arithmetic.
    """
    worth, scale = _with_lottery(problem)
    free = np.zeros(problem.workers, dtype=np.int64)
    flow = Flow.at_prices(worth, problem.demand, problem.capacity, free)
    if (flow.held[:-1].sum(axis=1) > problem.capacity).any():
        start = np.rint(near_optimal_prices(problem, device=device) * scale).astype(np.int64)
        flow = Flow.at_prices(worth, problem.demand, problem.capacity, np.minimum(start, worth.max()))
        flow.settle()
    pairs = np.argwhere(flow.held[:-1].T).astype(np.int64)
    prices = _prices_in_ppm(problem, flow)
    primal = int(problem.values[pairs[:, 0], pairs[:, 1]].sum())
    return Assignment(pairs, prices, primal, dual_bound(problem, prices) - problem.bonus * len(pairs))


def _with_lottery(problem: Problem) -> tuple[Ints, int]:
    """Worth [I, W] = (value + bonus) · scale + ticket, where all tickets together are less than the scale.

    Tickets are the high bits of SHAKE-256("crowdledger-lottery@v1" ‖ seed), 2 bytes per pair, row by row,
    big-endian; as many bits, up to 16, as leave the arithmetic exact.
    """
    slots = max(1, min(int(problem.demand.sum()), int(problem.capacity.sum())))
    top = problem.bonus + int(problem.values.max(initial=0)) + 1
    bits = _TICKET_BITS
    while bits and top * (slots << bits) > LARGEST:
        bits -= 1
    if not bits:
        raise ValueError(f"{slots} slots among {problem.workers} workers are too many for 64-bit arithmetic")
    scale = slots << bits
    stream = hashlib.shake_256(_LOTTERY + problem.seed).digest(2 * problem.values.size)
    tickets = np.frombuffer(stream, dtype=">u2").astype(np.int64) >> (_TICKET_BITS - bits)
    worth = (problem.values + problem.bonus) * scale + tickets.reshape(problem.values.shape)
    return np.where(problem.eligible, worth, -NEVER), scale


def _prices_in_ppm(problem: Problem, flow: Flow) -> Ints:
    """Prices without the lottery: integers again, because the costs are and the network is unimodular."""
    plain = np.where(problem.eligible, problem.values + problem.bonus, -NEVER)
    worth = np.hstack([plain, np.zeros((problem.items, 1), dtype=np.int64)])
    vacant = np.where(flow.vacant == -NEVER, -NEVER, worth)
    unscaled = replace(flow, worth=worth, vacant=vacant, cost=flow.cost.copy(), mover=flow.mover.copy())
    unscaled.rebuild()
    return unscaled.prices()
