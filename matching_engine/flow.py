"""From any prices to an exact optimum: successive shortest paths over the workers.

The problem is a transport network: items send their slots to workers, workers to a sink; a slot that nobody
takes goes to the sink as well, so the sink is also "nobody". Given prices, each item's best choice is optimal
for these prices whatever they are; what is wrong is only that some workers get too much and some (with a
price) too little. Moving one slot at a time along a cheapest path keeps the flow optimal (Ahuja, Magnanti &
Orlin, "Network Flows", 9.7), so when nothing is left to move the assignment is exactly optimal. The graph has
one node per worker, and the arc j → k costs what the cheapest move of an item from j to k loses, so a path is
found in a matrix of W by W, however many items there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from matching_engine.problem import Flags, Ints

NEVER = np.int64(2**60)  # costs from here on mean that there is no such move
LARGEST = 2**56  # of any worth, so that sums along paths stay below NEVER
SINK_ARC = -1


@dataclass(eq=False)
class Flow:
    """Slots on workers, changed in place. The last node, W, is nobody.

    Attributes:
        worth: [I, W + 1] int64, what a slot of the item is worth there; -NEVER where ineligible, 0 at nobody.
        vacant: [I, W + 1] int64, the same where the item could put another slot; -NEVER where it has one.
        held: [W + 1, I] bool, whether the item has a slot there.
        spare: [I] int64, slots that nobody takes.
        through: [W] int64, flow from the worker into the sink, at most its capacity.
        capacity: [W] int64.
        cost: [W + 1, W + 1] int64, least loss of moving a slot from row to column.
        mover: [W + 1, W + 1] int64, the item that loses it.
    """

    worth: Ints
    vacant: Ints
    held: Flags
    spare: Ints
    through: Ints
    capacity: Ints
    cost: Ints
    mover: Ints

    @property
    def nobody(self) -> int:
        """The index of the sink."""
        return self.capacity.size

    @classmethod
    def at_prices(cls, worth: Ints, demand: Ints, capacity: Ints, prices: Ints) -> Flow:
        """Every item takes its best workers at these prices; priced workers are used to capacity."""
        items, workers = worth.shape
        held = _best_choice(worth, demand, prices)
        load = held.sum(axis=0)
        worth = np.hstack([worth, np.zeros((items, 1), dtype=np.int64)])
        flow = cls(
            worth=worth,
            vacant=worth.copy(),
            held=np.vstack([held.T, np.zeros((1, items), dtype=np.bool_)]),
            spare=demand - held.sum(axis=1),
            through=np.where(prices > 0, capacity, np.minimum(load, capacity)),
            capacity=capacity,
            cost=np.full((workers + 1, workers + 1), NEVER),
            mover=np.full((workers + 1, workers + 1), SINK_ARC, dtype=np.int64),
        )
        flow.vacant[:, :-1][held] = -NEVER
        flow.held[-1] = flow.spare > 0
        flow.rebuild()
        return flow

    def rebuild(self) -> None:
        """Recompute all moves from what is held."""
        for node in range(self.nobody + 1):
            self._recompute(node, np.arange(self.nobody + 1))

    def settle(self) -> None:
        """Move slots until no worker has too much or, at a price, too little."""
        excess = np.empty(self.nobody + 1, dtype=np.int64)
        excess[:-1] = self.held[:-1].sum(axis=1) - self.through
        excess[-1] = -excess[:-1].sum()
        while (excess > 0).any():
            path = self._cheapest_path(excess)
            excess[path[0]] -= 1
            excess[path[-1]] += 1
            self._push(path)

    def arcs(self, sources: Ints) -> Ints:
        """Cost of moving one slot from some nodes to any, [S, W + 1]; workers and sink trade for nothing."""
        cost = self.cost[sources]
        room = np.append(self.through < self.capacity, False)[sources]
        cost[room, -1] = np.minimum(cost[room, -1], 0)
        if sources.size and sources[-1] == self.nobody:
            cost[-1, :-1] = np.where(self.through > 0, np.minimum(cost[-1, :-1], 0), cost[-1, :-1])
        return cost

    def _cheapest_path(self, excess: Ints) -> list[int]:
        """Nodes from one with too much to one with too little (Bellman and Ford, whole rows at a time)."""
        distance = np.where(excess > 0, 0, NEVER // 2)
        before = np.full(distance.size, -1)
        front = np.flatnonzero(excess > 0)
        while front.size:
            through = distance[front, None] + self.arcs(front)
            nearest = through.argmin(axis=0)
            reached = through[nearest, np.arange(distance.size)]
            better = np.flatnonzero(reached < distance)
            distance[better] = reached[better]
            before[better] = front[nearest[better]]
            front = better
        path = [int(np.where(excess < 0, distance, NEVER).argmin())]
        while before[path[-1]] >= 0:
            path.append(int(before[path[-1]]))
        return path[::-1]

    def _push(self, path: list[int]) -> None:
        """Move one slot along each arc of the path, then mend the moves that this changes."""
        arcs = list(pairwise(path))
        moves = [(int(self.mover[arc]), arc) for arc in arcs if not self._by_sink(arc)]
        holders = {item: set(np.flatnonzero(self.held[:, item]).tolist()) for item, _ in moves}
        for source, target in filter(self._by_sink, arcs):
            self.through[source if target == self.nobody else target] += 1 if target == self.nobody else -1
        for item, (source, target) in moves:
            self._move(item, source, target)
            holders[item].add(target)
        for item, nodes in holders.items():
            for node in sorted(nodes):
                self._recompute(node, np.flatnonzero(self.mover[node] == item))
                self._offer(node, item)

    def _by_sink(self, arc: tuple[int, int]) -> bool:
        """Whether the arc is cheapest as a change of what a worker passes on to the sink, at no cost."""
        source, target = arc
        if target == self.nobody:
            return bool(self.through[source] < self.capacity[source] and self.cost[arc] >= 0)
        return bool(source == self.nobody and self.through[target] > 0 and self.cost[arc] >= 0)

    def _move(self, item: int, source: int, target: int) -> None:
        self.held[source, item] = False
        self.held[target, item] = True
        if source == self.nobody:
            self.spare[item] -= 1
        else:
            self.vacant[item, source] = self.worth[item, source]
        if target == self.nobody:
            self.spare[item] += 1
        else:
            self.vacant[item, target] = -NEVER
        self.held[-1, item] = self.spare[item] > 0

    def _recompute(self, node: int, columns: Ints) -> None:
        """The cheapest moves from a node to some others, from scratch."""
        if not columns.size:
            return
        members = np.flatnonzero(self.held[node])
        if not members.size:
            self.cost[node, columns] = NEVER
            self.mover[node, columns] = SINK_ARC
            return
        loss = self.worth[members, node][:, None] - self.vacant[members[:, None], columns]
        best = loss.argmin(axis=0)
        self.cost[node, columns] = np.minimum(loss[best, np.arange(columns.size)], NEVER)
        self.mover[node, columns] = members[best]

    def _offer(self, node: int, item: int) -> None:
        """Let one item of a node compete for its cheapest moves."""
        if self.held[node, item]:
            loss = self.worth[item, node] - self.vacant[item]
            better = loss < self.cost[node]
            self.cost[node][better] = loss[better]
            self.mover[node][better] = item

    def prices(self) -> Ints:
        """Integer prices [W] at which this flow is optimal: shortest distances in what is left to move."""
        arcs = self.arcs(np.arange(self.nobody + 1))
        distance = np.zeros(self.nobody + 1, dtype=np.int64)
        while True:
            nearer = np.minimum(distance, (distance[:, None] + arcs).min(axis=0))
            if (nearer == distance).all():
                prices: Ints = np.maximum(distance[-1] - distance[:-1], 0)
                return prices
            distance = nearer


def _best_choice(worth: Ints, demand: Ints, prices: Ints) -> Flags:
    """Each item's best workers with a gain at these prices, [I, W] bool; ties to the lower index."""
    items, workers = worth.shape
    depth = min(int(demand.max(initial=0)), workers)
    gain = np.where(worth == -NEVER, -NEVER, worth - prices)
    order = np.argsort(-gain, axis=1, kind="stable")[:, :depth]
    rows = np.arange(items)[:, None]
    held = np.zeros((items, workers), dtype=np.bool_)
    held[rows, order] = (gain[rows, order] > 0) & (np.arange(depth) < demand[:, None])
    return held
