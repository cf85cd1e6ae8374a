"""A crowd in which some workers may be one ring: a latent class model of truth, ring and membership.

Each item has a true class and a class that the ring agreed on. An honest worker answers by a confusion matrix
of its own, drawn around the community's (as in hierarchical Dawid-Skene); a member gives the ring's class,
but for a slip. The ring's class is the true one with one probability, else any other class: near 1 for
experts who merely agree because they are right, near 0 for a ring that is always wrong, between for one that
hides. So that the two sides can be told apart without known answers, honest workers are right more often than
wrong a priori, and err each in their own way, while members err together.

Fitted by variational Bayes for the confusion matrices and coordinate ascent for the rest, from a given set of
members; the objective tells which start ended best. The honest part is Kim & Ghahramani (2012); the ring's is
ours, related to the copying of Dong, Berti-Equille & Srivastava, "Integrating conflicting data", VLDB 2009.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reputation.attacks.tables import Floats, Tables, log_marginal, log_sum, row_max, row_sum, softmax
from reputation.truth.run import Known

_STRENGTH = 2.0  # labels' worth that the community weighs in an honest worker's row
_BELIEF = 5.0  # the same when it is asked whether a worker is honest at all
_RIGHT, _WRONG = 4.0, 1.0  # per worker, pseudo-labels of the community's diagonal and of the other cells
_SLIP_LABELS, _SLIPS, _MOST_SLIP = 30.0, 0.9, 0.1
_RING_SHARE, _RING_WORKERS = 0.05, 20.0  # a priori, so many of so many workers are in the ring
ROUNDS, _FIRST_STEPS, _STEPS = 25, 12, 3
_PLAIN_ROUNDS = 8
_STILL = 1e-3
_IMPOSSIBLE = -1e6  # nats: what a known answer says of another class


@dataclass(frozen=True, eq=False)
class RingFit:
    """Where one start ended.

    Attributes:
        membership: [W] probability that a worker is in the ring.
        log_odds: [W] of the same, nats, clipped to +-50; -50 throughout where no ring was allowed.
        posterior: [I, K] of the true classes.
        ring_answer: [I, K] of the classes that the ring agreed on.
        log_rows: [W, K, K] expected log P(answer | class) of each worker as an honest one.
        truth_rate: how often the ring's class is the true one.
        slip: how often a member departs from it.
        objective: lower bound of the log probability of the votes, nats; differences compare starts.
    """

    membership: Floats
    log_odds: Floats
    posterior: Floats
    ring_answer: Floats
    log_rows: Floats
    truth_rate: float
    slip: float
    objective: float


def fit(tables: Tables, known: Known | None = None) -> RingFit:
    """Fit the model without any ring."""
    model = RingModel(tables, np.zeros(tables.votes.workers), known)
    for _ in range(_FIRST_STEPS + _PLAIN_ROUNDS * _STEPS):
        model.truth_step()
    return model.result()


class RingModel:
    """The parameters, while they move; begins at [W] memberships."""

    def __init__(self, tables: Tables, members: Floats, known: Known | None) -> None:
        votes = tables.votes
        self.tables, self.known = tables, known
        self.member = members.astype(np.float64)
        self.log_odds = np.full(votes.workers, -50.0)
        self.classes = votes.classes
        self.truth_rate, self.slip = 1.0 / votes.classes, 0.03
        self.ring_share = _RING_SHARE
        coin = np.full((votes.classes, votes.classes), _WRONG)
        np.fill_diagonal(coin, _RIGHT)
        self.coin = coin * votes.workers
        honest = np.broadcast_to(
            np.eye(self.classes) * (1 - self.member)[:, None, None],
            (votes.workers, self.classes, self.classes),
        )
        start = self._clamp(np.log(tables.evidence(honest) + 1e-2))
        self.posterior = softmax(start)
        self._moved, self._rounds = np.inf, 0

    def run(self, rounds: int) -> RingModel:
        """Go on for so many rounds, or until no membership moves; one round is a few steps of each kind."""
        for _ in range(rounds):
            if self._moved < _STILL:
                break
            for _ in range(_STEPS if self._rounds else _FIRST_STEPS):
                self.truth_step()
            self._moved, self._rounds = self.member_step(), self._rounds + 1
        return self

    def _clamp(self, logits: Floats) -> Floats:
        if self.known is not None and self.known.item.size:
            other = np.ones((self.known.item.size, self.classes), dtype=bool)
            other[np.arange(other.shape[0]), self.known.answer] = False
            logits[self.known.item] += np.where(other, _IMPOSSIBLE, 0.0)
        return logits

    def _ring_rows(self) -> Floats:
        """[K, K] log P(a member's answer | the ring's class)."""
        rows = np.full((self.classes, self.classes), np.log(self.slip / (self.classes - 1)))
        np.fill_diagonal(rows, np.log(1 - self.slip))
        return rows

    def _given_truth(self, weight: Floats) -> Floats:
        """[I, K] weights of the ring's class to weights of the true class, or the other way round."""
        apart = (1 - self.truth_rate) / (self.classes - 1)
        return np.asarray((self.truth_rate - apart) * weight + apart * row_sum(weight)[:, None])

    def truth_step(self) -> None:
        """Honest workers' matrices from the posterior, then the posterior from them and from the ring."""
        from scipy.special import digamma

        honest = (1 - self.member)[:, None, None]
        counts = self.tables.counts(self.posterior) * honest
        community = counts.sum(axis=0) + self.coin
        self.community = community / community.sum(axis=1, keepdims=True)
        self.prior = _STRENGTH * self.community
        self.rows = counts + self.prior
        self.log_rows = digamma(self.rows) - digamma(self.rows.sum(axis=2, keepdims=True))
        self.prevalence = self.posterior.sum(axis=0) + 1.0
        log_prevalence = digamma(self.prevalence) - digamma(self.prevalence.sum())
        self.by_honest = self._clamp(self.tables.evidence(self.log_rows * honest) + log_prevalence)
        self.by_ring = self.tables.evidence(self.member[:, None, None] * self._ring_rows()[None])
        top = row_max(self.by_ring)[:, None]
        weight = np.exp(self.by_ring - top)
        of_ring = np.log(np.maximum(self._given_truth(weight), 1e-300)) + top
        joint = self.by_honest + of_ring
        self.item_evidence = log_sum(joint)
        self.posterior = softmax(joint)
        self._update_truth_rate(weight, np.exp(of_ring - top))

    def _update_truth_rate(self, weight: Floats, given: Floats) -> None:
        touched = row_sum(np.abs(self.by_ring)) > 0.5  # items on which a likely member has voted
        if touched.any():
            same = (self.posterior * self.truth_rate * weight / given)[touched].sum()
            self.truth_rate = float(np.clip((same + 1) / (touched.sum() + 2), 1e-4, 1 - 1e-4))

    def ring_answer(self) -> Floats:
        """[I, K] posterior of the ring's class."""
        return softmax(self.by_ring + self._before_ring())

    def _before_ring(self) -> Floats:
        """[I, K] log P(the ring's class) as far as the honest workers tell the true one."""
        return np.asarray(np.log(np.maximum(self._given_truth(softmax(self.by_honest)), 1e-300)))

    def member_step(self) -> float:
        """Memberships anew; the row_max change. Each worker is judged by what the others say."""
        counts = self.tables.without_self(self.posterior, self.log_rows, 1 - self.member)
        honest = log_marginal(counts, np.broadcast_to(_BELIEF * self.community, counts.shape)).sum(axis=1)
        prior = np.log(self.ring_share / (1 - self.ring_share))
        self.log_odds = np.clip(self._as_member() - honest + prior, -50, 50)
        before, self.member = self.member, 1 / (1 + np.exp(-self.log_odds))
        workers = self.member.size
        self.ring_share = float((self.member.sum() + _RING_SHARE * _RING_WORKERS) / (workers + _RING_WORKERS))
        answered = self.tables.counts(self.ring_answer())
        alike = (self.member * answered[:, range(self.classes), range(self.classes)].sum(axis=1)).sum()
        total = (self.member * self.tables.votes.labels_per_worker()).sum()
        slip = (total - alike + _SLIPS) / (total + _SLIP_LABELS)
        self.slip = float(np.clip(slip, 1e-3, _MOST_SLIP))
        return float(np.abs(self.member - before).max())

    def _as_member(self) -> Floats:
        """[W] log P(a worker's answers | it is a member), the ring's classes as the others show them."""
        votes, rows = self.tables.votes, self._ring_rows()
        before = self.by_ring + self._before_ring()
        said = np.zeros(votes.workers)
        for block in self.tables.blocks():
            worker, own = votes.worker[block], rows[:, votes.answer[block]].T
            others = softmax(before[votes.item[block]] - self.member[worker][:, None] * own)
            chance = np.log(row_sum(others * np.exp(own)))
            said += np.bincount(worker, chance, minlength=votes.workers)
        return said

    def result(self) -> RingFit:
        """The fit, with the bound's value."""
        return RingFit(
            self.member,
            self.log_odds,
            self.posterior,
            self.ring_answer(),
            self.log_rows,
            self.truth_rate,
            self.slip,
            self.objective(),
        )

    def objective(self) -> float:
        """The bound's value, nats."""
        member, share = np.clip(self.member, 1e-12, 1 - 1e-12), self.ring_share
        odds = member * np.log(member / share) + (1 - member) * np.log((1 - member) / (1 - share))
        moved = _divergence(self.rows, np.broadcast_to(self.prior, self.rows.shape)).sum()
        moved += _divergence(self.prevalence, np.ones(self.classes))
        hyper = (self.coin * np.log(self.community)).sum()
        hyper += _SLIPS * np.log(self.slip) + (_SLIP_LABELS - _SLIPS) * np.log(1 - self.slip)
        return float(self.item_evidence.sum() - moved - odds.sum() + hyper)


def _divergence(posterior: Floats, prior: Floats) -> Floats:
    """Kullback-Leibler divergence of Dirichlets over the last axis, nats."""
    from scipy.special import digamma, gammaln

    scale = (
        gammaln(posterior.sum(-1)) - gammaln(prior.sum(-1)) - (gammaln(posterior) - gammaln(prior)).sum(-1)
    )
    means = digamma(posterior) - digamma(posterior.sum(-1, keepdims=True))
    return np.asarray(scale + ((posterior - prior) * means).sum(-1))
