"""How likely the others make an answer, against chance: the leave-one-out posterior of a label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reputation.peer.overlap import Floats, Payments, Peers, need
from reputation.truth.run import TruthRun
from reputation.votes import Ints, Votes

LEAST_LABELS = 10  # per worker on average: below, confusion matrices are the prior's
GROUPS = 10
_SHRINK = 2.0  # labels' worth of the community's matrix in the rows of a worker that was left out
_LEAST = 1e-300
Fit = Callable[[Votes], TruthRun]


def leave_one_out(votes: Votes, fit: Fit | None = None, *, groups: int = GROUPS) -> Payments:
    """P(the answer is right | everybody else's answers) - P(it is right | nothing but class shares).

    The posterior of an observer who was left out (Dawid & Skene 1979). To divide a vote's evidence out of a
    finished posterior is not enough: the matrices of all others were fitted with it, and agree with it. So
    the workers are cut into groups, as alike in labels as can be. The model is fitted without a group's
    votes; the members' own matrices are counted against that posterior; and each member's items are judged by
    all votes but its own. Nothing a worker answers moves the posterior by which it is paid.

    Chance is what the same answers would earn, shuffled over the worker's own items. So an answer given
    without looking earns 0 on average, whatever the worker's taste and however few its labels; a right one
    earns 1 minus its class's share, at most.

    Args:
        votes: with 10 labels a worker on average, or more.
        fit: the model, `hierarchical` if None; it is run once for each group.
        groups: how many, at most one for each worker; fewer cost less and leave more of the votes out of each
            fit.

    Raises:
        TooFewLabels: fewer labels than that, or no item with two answers.
        ValueError: fewer than two groups, or a fit of other shapes.
    """
    if groups < 2:
        raise ValueError("there have to be at least two groups of workers")
    need("labels", len(votes), LEAST_LABELS * int(np.unique(votes.worker).size))
    scored = Peers.of(votes).count > 0
    need("votes with a peer on their item", int(scored.sum()), 1)
    group = _groups(votes, groups)
    label = np.zeros(len(votes))
    for one in np.unique(group[votes.worker]):
        mine = group[votes.worker] == one
        others = _Others.of(votes, mine, fit or _hierarchical).posterior(votes, np.flatnonzero(mine))
        label[mine] = _above_chance(votes, np.flatnonzero(mine), others, scored)
    return Payments.of(votes, label, scored)


def _hierarchical(votes: Votes) -> TruthRun:
    from reputation.truth.hierarchical import hierarchical

    return hierarchical(votes)


def _groups(votes: Votes, groups: int) -> Ints:
    """[W] the group of each worker, dealt out in the order of how many labels they gave."""
    labels = votes.labels_per_worker()
    group = np.empty(votes.workers, dtype=np.int64)
    group[np.argsort(-labels, kind="stable")] = np.arange(votes.workers) % groups
    return group


@dataclass(frozen=True, eq=False)
class _Others:
    """The log joint [I, K] of each item's class and all its votes, and the log rows [W, K, K] in it."""

    joint: Floats
    rows: Floats

    @classmethod
    def of(cls, votes: Votes, mine: NDArray[np.bool_], fit: Fit) -> _Others:
        run = fit(_part(votes, ~mine))
        shape = (votes.workers, votes.classes, votes.classes)
        if run.posterior.shape != (votes.items, votes.classes) or run.confusion.shape != shape:
            raise ValueError(f"posterior and confusion must be {(votes.items, votes.classes)} and {shape}")
        confusion = run.confusion.copy()
        members = np.unique(votes.worker[mine])
        confusion[members] = _rows(votes, mine, run)[members]
        rows = np.log(np.maximum(confusion, _LEAST))
        joint = np.tile(np.log(np.maximum(run.prevalence, _LEAST)), (votes.items, 1))
        for true in range(votes.classes):
            said = rows[votes.worker, true, votes.answer]
            joint[:, true] += np.bincount(votes.item, said, minlength=votes.items)
        return cls(joint, rows)

    def posterior(self, votes: Votes, place: Ints) -> Floats:
        """[n, K] of the items of some votes, each without that vote."""
        logits = self.joint[votes.item[place]] - self.rows[votes.worker[place], :, votes.answer[place]]
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _part(votes: Votes, kept: NDArray[np.bool_]) -> Votes:
    item, worker, answer = (array[kept] for array in (votes.item, votes.worker, votes.answer))
    return Votes(item, worker, answer, votes.items, votes.workers, votes.classes)


def _rows(votes: Votes, mine: NDArray[np.bool_], run: TruthRun) -> Floats:
    """[W, K, K] matrices of those who were left out, counted against the posterior that the rest makes."""
    own, rest = _counts(votes, mine, run.posterior), _counts(votes, ~mine, run.posterior)
    community = rest.sum(axis=0) + 1.0
    raised = own + _SHRINK * community / community.sum(axis=1, keepdims=True)
    return np.asarray(raised / raised.sum(axis=2, keepdims=True))


def _counts(votes: Votes, kept: NDArray[np.bool_], posterior: Floats) -> Floats:
    """[W, K, K] expected labels, by worker, class and answer."""
    cell, item = (votes.worker * votes.classes + votes.answer)[kept], votes.item[kept]
    size = votes.workers * votes.classes
    columns = [np.bincount(cell, posterior[item, true], minlength=size) for true in range(votes.classes)]
    table = np.stack(columns, axis=1).astype(np.float64)
    return table.reshape(votes.workers, votes.classes, votes.classes).transpose(0, 2, 1)


def _above_chance(votes: Votes, place: Ints, others: Floats, scored: NDArray[np.bool_]) -> Floats:
    """[n] score of votes: the posterior of the answer less its mean over the worker's scored votes."""
    worker, counted = votes.worker[place], scored[place].astype(np.float64)
    sums = [
        np.bincount(worker, counted * others[:, true], minlength=votes.workers)
        for true in range(votes.classes)
    ]
    scored_labels = np.maximum(np.bincount(worker, counted, minlength=votes.workers), 1.0)
    share = np.stack(sums, axis=1) / scored_labels[:, None]
    answer = votes.answer[place]
    return np.asarray(others[np.arange(place.size), answer] - share[worker, answer])
