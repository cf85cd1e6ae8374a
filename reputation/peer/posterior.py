"""How likely the others make an answer, against chance: the leave-one-out posterior of a label."""

from __future__ import annotations

import numpy as np

from reputation.peer.overlap import Floats, Payments, Peers, need
from reputation.votes import Votes

LEAST_LABELS = 10  # per worker on average: below, confusion matrices are the prior's
_LEAST = 1e-300


def leave_one_out(votes: Votes, posterior: Floats, confusion: Floats) -> Payments:
    """P(the answer is right | everybody else's answers to the item) - P(it is right | nothing but class
    shares).

    The vote's own evidence is divided out of the posterior by Bayes' rule, as in the posterior of a held-out
    label (Dawid & Skene 1979, with one observer left out); what the worker did elsewhere remains in its
    confusion matrix only, which is divided out with it. An answer given without looking earns 0 on average,
    whatever its taste; a right one earns 1 minus its class's share, at most.

    Args:
        votes: with 10 labels a worker on average, or more.
        posterior: [I, K] of the true classes from all votes.
        confusion: [W, K, K] P(answer | class) with which the posterior was made, all positive.

    Raises:
        TooFewLabels: fewer labels than that, or no item with two answers.
        ValueError: arrays of other shapes, or a probability that is not positive.
    """
    shape = (votes.workers, votes.classes, votes.classes)
    if posterior.shape != (votes.items, votes.classes) or confusion.shape != shape:
        raise ValueError(f"posterior and confusion must be {(votes.items, votes.classes)} and {shape}")
    if not (confusion > 0).all():
        raise ValueError("every probability of an answer has to be above 0")
    need("labels", len(votes), LEAST_LABELS * int(np.unique(votes.worker).size))
    peers = Peers.of(votes)
    need("votes with a peer on their item", int((peers.count > 0).sum()), 1)
    logits = np.log(np.maximum(posterior, _LEAST))[votes.item]
    logits -= np.log(confusion[votes.worker, :, votes.answer])
    others = np.exp(logits - logits.max(axis=1, keepdims=True))
    others /= others.sum(axis=1, keepdims=True)
    place = np.arange(len(votes))
    chance = _class_shares(votes, posterior)[place, votes.answer]
    return Payments.of(votes, others[place, votes.answer] - chance, peers.count > 0)


def _class_shares(votes: Votes, posterior: Floats) -> Floats:
    """[V, K] shares of the classes over the items that the vote's worker answered.

    Chance is what the same answers would earn, shuffled over the worker's own items.
    """
    from scipy.sparse import csr_matrix

    cells = csr_matrix((np.ones(len(votes)), (votes.worker, votes.item)), shape=(votes.workers, votes.items))
    share = np.asarray(cells @ posterior)
    share /= np.maximum(share.sum(axis=1, keepdims=True), _LEAST)
    return np.asarray(share[votes.worker])
