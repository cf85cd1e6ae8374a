"""Many Markov chains of different lengths at once: forward and backward passes, and the best path."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reputation.votes import Ints

Floats = NDArray[np.float64]


class Chains:
    """Chains laid out one after the other; a pass takes one step in all chains that are still running.

    Args:
        length: [D] int64, the steps of each chain, at least 1.
    """

    def __init__(self, length: Ints) -> None:
        order = np.argsort(-length, kind="stable")
        begins = (np.cumsum(length) - length)[order]
        longest = int(length.max()) if length.size else 0
        running = np.searchsorted(-length[order], -np.arange(longest), side="left")
        #: the places of the t-th step of each chain that has one, longest chains first
        self.steps: list[Ints] = [begins[:count] + t for t, count in enumerate(running)]
        self.size = int(length.sum())

    def smooth(self, evidence: Floats, initial: Floats, transition: Floats) -> tuple[Floats, Floats, float]:
        """Forward and backward (Rabiner 1989), scaled.

        Args:
            evidence: [N, K] log P(what was seen at a place | state).
            initial, transition: [K] and [K, K] probabilities; zeros are forbidden.
        Returns:
            posterior [N, K]; expected steps [K + 1, K], from each state and (last row) the beginnings; and
            log P(all that was seen), nats.
        """
        top = evidence.max(axis=1, keepdims=True)
        weight = np.exp(evidence - top)
        forward, scale = np.empty_like(weight), np.empty(self.size)
        before = np.empty((0, 0))
        for t, place in enumerate(self.steps):
            prediction = before[: place.size] @ transition if t else initial
            joint = prediction * weight[place]
            scale[place] = joint.sum(axis=1)
            before = joint / scale[place, None]
            forward[place] = before
        posterior, counts = self._backward(forward, weight, scale, transition)
        counts[-1] = posterior[self.steps[0]].sum(axis=0)
        return posterior, counts, float(np.log(scale).sum() + top.sum())

    def _backward(
        self, forward: Floats, weight: Floats, scale: Floats, transition: Floats
    ) -> tuple[Floats, Floats]:
        classes = transition.shape[0]
        posterior, counts = forward.copy(), np.zeros((classes + 1, classes))
        after = np.ones((0, classes))
        for t in range(len(self.steps) - 2, -1, -1):
            place = self.steps[t + 1]
            # Chains that end at step t + 1 join here.
            after = np.concatenate([after, np.ones((place.size - after.shape[0], classes))])
            seen = after * weight[place] / scale[place, None]
            earlier = forward[self.steps[t][: place.size]]
            counts[:classes] += transition * (earlier.T @ seen)
            after = seen @ transition.T
            posterior[self.steps[t][: place.size]] = earlier * after
        return posterior, counts

    def best(self, evidence: Floats, initial: Floats, transition: Floats) -> Ints:
        """The most likely states, [N] int64 (Viterbi 1967); ties go to the lowest state."""
        with np.errstate(divide="ignore"):
            start, move = np.log(initial), np.log(transition)
        came = np.zeros(evidence.shape, dtype=np.int64)
        value = np.empty_like(evidence)
        before = np.empty((0, 0))
        for t, place in enumerate(self.steps):
            if t:
                reach = before[: place.size, :, None] + move
                came[place] = reach.argmax(axis=1)
                before = reach.max(axis=1) + evidence[place]
            else:
                before = start + evidence[place]
            value[place] = before
        state: Ints = value.argmax(axis=1).astype(np.int64)
        for t in range(len(self.steps) - 2, -1, -1):
            place = self.steps[t + 1]
            state[self.steps[t][: place.size]] = came[place, state[place]]
        return state
