"""Payments by agreement with peers: output agreement and two peer truth serums."""

from __future__ import annotations

import numpy as np

from reputation.peer.overlap import Floats, Payments, Peers, need
from reputation.votes import Votes

LEAST_PAIRED = 1
LEAST_LABELS = 30  # per class on average, for the shares of the answers


def output_agreement(votes: Votes) -> Payments:
    """The share of an item's other answers that equal one's own (von Ahn & Dabbish, CHI 2004).

    Expectation of the payment when the peer is drawn evenly. Truthful answers are an equilibrium only where
    one's own answer is the likeliest for a peer as well; all giving one answer pays most of all, so it must
    not be used alone. Works from one item with two answers on.

    Raises:
        TooFewLabels: no item has two answers.
    """
    peers = Peers.of(votes)
    need("votes with a peer on their item", int((peers.count > 0).sum()), LEAST_PAIRED)
    same = peers.given[np.arange(len(votes)), votes.answer]
    return Payments.of(votes, same / np.maximum(peers.count, 1), peers.count > 0)


def peer_truth_serum(votes: Votes) -> Payments:
    """Agreement worth more for a rarer answer: share of agreeing peers / R(answer) - 1.

    Faltings, Jurca & Tran, "Peer Truth Serum", arXiv:1704.05269 (2017), as in Faltings, Pu, Tran & Jurca
    (HCOMP 2014): R is the distribution of all answers of others to *other* items, so nobody's report moves
    its own price. Truthful where one's own answer makes the same answer of a peer more likely than R does,
    the most of all answers ("self-predicting"). With 30 labels a class the share of an average class is
    within a quarter of itself nine times in ten, so from there on; fewer are refused.

    Raises:
        TooFewLabels: fewer than 30 labels a class, or no item with two answers.
    """
    need("labels", len(votes), LEAST_LABELS * votes.classes)
    peers = Peers.of(votes)
    need("votes with a peer on their item", int((peers.count > 0).sum()), LEAST_PAIRED)
    elsewhere = _elsewhere(votes)
    place = np.arange(len(votes))
    total = elsewhere.sum(axis=1)
    # One pseudo-label spread over the classes: an answer that nobody gave elsewhere has a price too.
    share = (elsewhere[place, votes.answer] + 1 / votes.classes) / (total + 1)
    agreeing = peers.given[place, votes.answer] / np.maximum(peers.count, 1)
    return Payments.of(votes, agreeing / share - 1, (peers.count > 0) & (total > 0))


def robust_peer_truth_serum(votes: Votes, *, samples: int = 8) -> Payments:
    """Agreement divided by how often the answer is given in a sample of other items.

    Radanovic, Faltings & Jurca, "Incentives for effort in crowdsourcing using the peer truth serum", ACM TIST
    7(4), 2016: 1 / f(answer) - 1 where a peer agrees and -1 else, f from a sample of one peer answer for each
    of several other items; 0 where the answer is not in the sample. Here the share of agreeing peers takes
    the place of one drawn peer, and f is the answers' share over all other items, taken only where at least
    `samples` other items have answers of others: the mean over samples, not one of them. So it differs from
    `peer_truth_serum` in that each other item counts once, however many answers it has, and that an answer
    nobody else gives elsewhere is not scored at all.

    Raises:
        TooFewLabels: fewer items with answers than `samples` + 1, or no item with two answers.
    """
    need("items with answers", int(np.unique(votes.item).size), samples + 1)
    peers = Peers.of(votes)
    need("votes with a peer on their item", int((peers.count > 0).sum()), LEAST_PAIRED)
    shares, sampled = _item_shares(votes)
    place = np.arange(len(votes))
    share = shares[place, votes.answer] / np.maximum(sampled, 1)
    scored = (peers.count > 0) & (sampled >= samples) & (share > 0)
    agreeing = peers.given[place, votes.answer] / np.maximum(peers.count, 1)
    return Payments.of(votes, agreeing / np.where(scored, share, 1.0) - 1, scored)


def _elsewhere(votes: Votes) -> Floats:
    """[V, K] answers of other workers to other items than the vote's."""
    tally = votes.tally().astype(np.float64)
    cells = np.bincount(votes.worker * votes.classes + votes.answer, minlength=votes.workers * votes.classes)
    own = cells.reshape(votes.workers, votes.classes).astype(np.float64)
    left = tally.sum(axis=0) - tally[votes.item] - own[votes.worker]
    left[np.arange(len(votes)), votes.answer] += (
        1  # the vote itself was taken out with its item and its worker
    )
    return np.asarray(left)


def _item_shares(votes: Votes) -> tuple[Floats, Floats]:
    """[V, K] over the other items, each item's shares of the answers of others than the vote's worker; and
    [V] how many such items there are."""
    from scipy.sparse import csr_matrix

    tally = votes.tally().astype(np.float64)
    count = tally.sum(axis=1)
    shares = tally / np.maximum(count, 1)[:, None]
    # On the items that the worker answered itself, its own answer has to go from the item's shares.
    place = np.arange(len(votes))
    others = tally[votes.item]
    others[place, votes.answer] -= 1
    left = others.sum(axis=1)
    change = others / np.maximum(left, 1)[:, None] - shares[votes.item]
    gone = np.where(left > 0, 0.0, -1.0)
    owner = csr_matrix((np.ones(len(votes)), (votes.worker, place)), shape=(votes.workers, len(votes)))
    by_worker, gone_by_worker = np.asarray(owner @ change), np.asarray(owner @ gone)
    here = others / np.maximum(left, 1)[:, None]
    total = shares.sum(axis=0) + by_worker[votes.worker] - here
    items = (count > 0).sum() + gone_by_worker[votes.worker] - (left > 0)
    return total, np.asarray(items)
