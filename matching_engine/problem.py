"""A matching problem, an assignment, and the certificate that bounds how far it is from the best.

Maximise Σ v_ij x_ij over x in {0, 1}, where item i gets at most demand_i distinct workers and worker j at
most capacity_j items, after filling as many slots as can be filled. Both aims are one: every pair is worth
its value plus a bonus, v'_ij = v_ij + bonus, with bonus = (workers + 1) · 10^6. An augmenting path that fills
one more slot gives up a slot at each worker at most once, so it costs at most workers · 10^6 in value and
brings at least 10^6 in all.

For any prices p ≥ 0, D(p) = Σ_j capacity_j p_j + Σ_i (sum of the demand_i largest (v'_ij − p_j)+) bounds the
worth of every assignment (weak duality). Subtracting the bonuses of the slots that an assignment fills leaves
`dual`, a bound on the value of all assignments that fill as many. dual = primal proves an optimum; dual −
primal < 10^6 proves that no assignment fills more slots. Nothing here needs more than numpy.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
PPM = 1_000_000


@dataclass(frozen=True, eq=False)
class Problem:
    """Who could do what, and how well.

    Attributes:
        values: [I, W] int64, ppm of one perfect match, 0 to 1,000,000.
        eligible: [I, W] bool, which pairs may be matched at all.
        demand: [I] int64, how many distinct workers each item should get.
        capacity: [W] int64, how many items each worker can take.
        seed: what the lottery among equals is drawn from.

    Raises:
        ValueError: shapes do not fit, or a number is out of range.
    """

    values: Ints
    eligible: Flags
    demand: Ints
    capacity: Ints
    seed: bytes

    def __post_init__(self) -> None:
        for name in ("values", "demand", "capacity"):
            array = np.asarray(getattr(self, name))
            if array.size and not np.issubdtype(array.dtype, np.integer):
                raise ValueError(f"{name} must be integers")
            object.__setattr__(self, name, np.ascontiguousarray(array, dtype=np.int64))
        object.__setattr__(self, "eligible", np.ascontiguousarray(self.eligible, dtype=np.bool_))
        shape = (self.demand.size, self.capacity.size)
        if self.values.shape != shape or self.eligible.shape != shape:
            raise ValueError(f"values {self.values.shape} and eligible {self.eligible.shape} must be {shape}")
        if self.values.size and (self.values.min() < 0 or self.values.max() > PPM):
            raise ValueError("values are ppm: 0 to 1,000,000")
        if (self.demand < 0).any() or (self.capacity < 0).any():
            raise ValueError("demand and capacity are not negative")

    @property
    def items(self) -> int:
        """How many items there are."""
        return self.demand.size

    @property
    def workers(self) -> int:
        """How many workers there are."""
        return self.capacity.size

    @property
    def bonus(self) -> int:
        """What filling a slot is worth on top of the pair's value."""
        return (self.workers + 1) * PPM


@dataclass(frozen=True, eq=False)
class Assignment:
    """Who does what, and the prices that prove how good it is.

    Attributes:
        pairs: [P, 2] int64, (item, worker), sorted.
        prices: [W] int64, not negative: what a unit of each worker's capacity is worth, bonus included.
        primal: sum of the pairs' values, in ppm of one perfect match.
        dual: upper bound on the value of any assignment that fills as many slots, by the prices.
    """

    pairs: Ints
    prices: Ints
    primal: int
    dual: int


@dataclass(frozen=True)
class Certificate:
    """What a check of an assignment found.

    Attributes:
        feasible: no pair twice or ineligible, demand and capacity kept, prices not negative.
        filled: slots filled.
        most: whether the prices prove that no assignment fills more slots.
        primal, dual: recomputed, as in `Assignment`.
        gap_ppm: (dual - primal) / dual, rounded up; 0 proves that the assignment is optimal.
    """

    feasible: bool
    filled: int
    most: bool
    primal: int
    dual: int
    gap_ppm: int


def certify(problem: Problem, assignment: Assignment) -> Certificate:
    """Check an assignment against its problem in one pass; what the assignment claims is not believed.

    Raises:
        ValueError: pairs or prices are of the wrong shape, or name an item or worker that is not there.
    """
    pairs = np.asarray(assignment.pairs, dtype=np.int64)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or assignment.prices.shape != (problem.workers,):
        raise ValueError("pairs must be [P, 2] and prices [W]")
    if pairs.size and (pairs.min() < 0 or (pairs >= (problem.items, problem.workers)).any()):
        raise ValueError("a pair names an item or worker that is not there")
    item, worker = pairs[:, 0], pairs[:, 1]
    primal = int(problem.values[item, worker].sum())
    dual = dual_bound(problem, assignment.prices) - problem.bonus * len(pairs)
    feasible = (
        bool(problem.eligible[item, worker].all())
        and np.unique(item * problem.workers + worker).size == len(pairs)
        and bool((np.bincount(item, minlength=problem.items) <= problem.demand).all())
        and bool((np.bincount(worker, minlength=problem.workers) <= problem.capacity).all())
        and bool((assignment.prices >= 0).all())
    )
    gap = math.ceil((dual - primal) * PPM / dual) if dual > 0 else 0
    return Certificate(feasible, len(pairs), dual - primal < PPM, primal, dual, gap)


def dual_bound(problem: Problem, prices: Ints) -> int:
    """D(p) of the module's description, bonuses included."""
    surplus = np.where(problem.eligible, problem.values + problem.bonus - prices, 0)
    depth = min(int(problem.demand.max(initial=0)), problem.workers)
    total = int((problem.capacity * prices).sum())
    if depth == 0:
        return total
    top = -np.sort(np.partition(-surplus, depth - 1, axis=1)[:, :depth], axis=1)
    wanted = np.arange(depth) < problem.demand[:, None]
    return total + int(np.where(wanted, np.maximum(top, 0), 0).sum())


def problem_digest(problem: Problem) -> bytes:
    """SHA-256, 32 bytes, over this layout; integers are big-endian.

    "crowdledger-problem@v1\\n" ‖ uint64 items ‖ uint64 workers ‖ int64 values, row by row ‖ one byte (0 or 1)
    per pair for eligibility, row by row ‖ int64 demand per item ‖ int64 capacity per worker ‖ seed.
    """
    digest = hashlib.sha256(b"crowdledger-problem@v1\n")
    digest.update(problem.items.to_bytes(8, "big") + problem.workers.to_bytes(8, "big"))
    digest.update(problem.values.astype(">i8").tobytes())
    digest.update(problem.eligible.astype(np.uint8).tobytes())
    digest.update(problem.demand.astype(">i8").tobytes())
    digest.update(problem.capacity.astype(">i8").tobytes())
    digest.update(problem.seed)
    return digest.digest()


def prices_digest(prices: Ints) -> bytes:
    """SHA-256, 32 bytes, over "crowdledger-prices@v1\\n" ‖ uint64 workers ‖ int64 prices, big-endian."""
    head = b"crowdledger-prices@v1\n" + int(prices.size).to_bytes(8, "big")
    return hashlib.sha256(head + prices.astype(">i8").tobytes()).digest()
