"""Rings: groups that agree with each other beyond what their skills and the items' difficulty explain.

Pairs give the suspicion (who agrees with whom more than any two people would on these items), a sparse graph
of them gives candidates, and a model of the whole crowd (`ring_model`) says for each candidate whether a
truth with a ring in it explains the votes better than one without. Measured on 16 real crowds without any
injected attack, the gain is used only where it is clear and the ring does harm.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reputation.attacks.pairs import Pairs, agreement
from reputation.attacks.ring_model import ROUNDS, RingFit, RingModel, fit
from reputation.attacks.tables import Flags, Floats, Tables
from reputation.truth.run import Known
from reputation.votes import Ints, Votes

MIN_GAIN = 10.0  # nats: less is what the best of several starts finds in an honest crowd
HARM = 0.08  # a ring is harmful when it is right less often than an honest worker by so much
# People who agree depart from each other more often than ONE_HAND; experts are right by EXPERT more often.
ONE_HAND, EXPERT = 0.02, 0.05
_MOST_RINGS, _SEEDS, _JOIN = 3, 5, 3.0
_TRIAL, _FINALISTS = 4, 3


@dataclass(frozen=True, eq=False)
class Ring:
    """Workers who answer as one.

    Attributes:
        workers: indices of those who are more likely members than not.
        membership: [W] probability of being a member.
        log_odds: [W] of the same in nats, within +-50.
        gain: how much better a crowd with this ring explains the votes than one without, nats.
        truth_rate: how often the ring's common answer is the true one.
        honest_rate: how often the others' answers are, by the same model.
        slip: how often a member departs from the common answer.
        margin: nats by which this reading of the crowd beats the best one in which others are the ring and
            the answers differ on at least one item in ten; infinite where there is no such reading.
    """

    workers: Ints
    membership: Floats
    log_odds: Floats
    gain: float
    truth_rate: float
    honest_rate: float
    slip: float
    margin: float

    @property
    def harmful(self) -> bool:
        """Whether it answers clearly worse than the others, or as from one hand and hardly better than one.

        Experts also agree with each other, but not to the letter, and they are right more often than others.
        """
        if self.slip < ONE_HAND:
            return self.truth_rate < self.honest_rate + EXPERT
        return self.truth_rate < self.honest_rate - HARM


@dataclass(frozen=True, eq=False)
class RingSearch:
    """What was found.

    Attributes:
        rings: harmful rings, the clearest first; each found with the members of those before it left out.
        posterior: [I, K] of the true classes with those rings seen for what they are.
        log_rows: [W, K, K] expected log P(answer | class) that go with it.
        pairs: agreement of every two workers who share an item.
    """

    rings: tuple[Ring, ...]
    posterior: Floats
    log_rows: Floats
    pairs: Pairs

    def log_odds(self, workers: int) -> Floats:
        """[W] of being in any of the rings, nats, -50 where there is none."""
        found = [ring.log_odds for ring in self.rings]
        return np.asarray(np.max(found, axis=0) if found else np.full(workers, -50.0))


def find_rings(votes: Votes, known: Known | None = None) -> RingSearch:
    """Search a crowd for rings, without known answers or with some.

    Args:
        votes: at least one.
        known: gold; it decides between two camps, of which without it the more coherent one is the ring.

    Raises:
        ValueError: no votes, or known items out of range.
    """
    if not len(votes):
        raise ValueError("there is nothing to search: no votes")
    if known is not None:
        known.check(votes)
    tables = Tables.of(votes)
    plain = fit(tables, known)
    pairs = agreement(tables, plain.posterior, _rows(plain))
    rings: list[Ring] = []
    best, left = plain, np.ones(votes.workers, dtype=bool)
    while len(rings) < _MOST_RINGS:
        found = _search(votes, left, pairs, known)
        if found is None:
            break
        rings.append(found[0])
        best = found[1]
        left = left & (found[0].membership < 0.5)
    return RingSearch(tuple(rings), best.posterior, best.log_rows, pairs)


def _search(votes: Votes, left: Flags, pairs: Pairs, known: Known | None) -> tuple[Ring, RingFit] | None:
    """The clearest harmful ring among the workers who are left, and the fit that has it."""
    tables = Tables.of(_without(votes, left))
    if len(tables.votes) == 0:
        return None
    plain = fit(tables, known)
    fits = _fits(tables, pairs, left, known)
    clear = [
        one for one in fits if one.objective - plain.objective > MIN_GAIN and (one.membership > 0.5).sum() > 1
    ]
    if known is None or not known.item.size:
        # Without gold the honest are taken to be the more; a larger ring is not found, but read as the crowd.
        clear = [one for one in clear if one.membership.sum() < 0.5 * left.sum()]
    if not clear:
        return None
    best = max(clear, key=lambda one: one.objective)
    ring = _ring(tables, best, plain, fits)
    return (ring, best) if ring.harmful else None


def _fits(tables: Tables, pairs: Pairs, left: Flags, known: Known | None) -> list[RingFit]:
    """Every start for a few rounds, and the most promising to the end."""
    begun = [RingModel(tables, start, known).run(_TRIAL) for start in _starts(pairs, left)]
    begun.sort(key=lambda model: -model.objective())
    return [model.run(ROUNDS if place < _FINALISTS else 0).result() for place, model in enumerate(begun)]


def _without(votes: Votes, left: Flags) -> Votes:
    kept = left[votes.worker]
    if kept.all():
        return votes
    return replace(votes, item=votes.item[kept], worker=votes.worker[kept], answer=votes.answer[kept])


def _ring(tables: Tables, best: RingFit, plain: RingFit, fits: list[RingFit]) -> Ring:
    votes = tables.votes
    honest = (1 - best.membership)[votes.worker]
    right = best.posterior[votes.item, votes.answer]
    answers = best.posterior.argmax(axis=1)
    rivals = [plain, *fits]
    behind = [
        best.objective - one.objective
        for one in rivals
        if (one.posterior.argmax(axis=1) != answers).mean() >= 0.1 and _others(one, best)
    ]
    return Ring(
        workers=np.flatnonzero(best.membership > 0.5),
        membership=best.membership,
        log_odds=best.log_odds,
        gain=best.objective - plain.objective,
        truth_rate=best.truth_rate,
        honest_rate=float((honest * right).sum() / max(honest.sum(), 1e-9)),
        slip=best.slip,
        margin=min(behind, default=float("inf")),
    )


def _others(one: RingFit, best: RingFit) -> bool:
    """Whether a fit has mostly other members."""
    both = np.minimum(one.membership, best.membership).sum()
    return bool(both < 0.5 * best.membership.sum())


def _rows(fitted: RingFit) -> Floats:
    """[W, K, K] P(answer | class), rows that sum to 1."""
    rows = np.maximum(np.exp(fitted.log_rows), 1e-12)
    return np.asarray(rows / rows.sum(axis=2, keepdims=True))


def _starts(pairs: Pairs, left: Flags) -> Iterator[Floats]:
    """[W] first guesses of the members: cliques grown in the graph of copying, and its leading directions."""
    graph = _graph(pairs, left)
    free = left.copy()
    for _ in range(_SEEDS):
        members = _grow(graph, free)
        if len(members) < 2:
            break
        free[members] = False
        yield _indicator(members, left.size)
    for direction in _directions(graph):
        for sign in (1, -1):
            side = np.flatnonzero(sign * direction > 0.5 / np.sqrt(left.size))
            if side.size > 1:
                yield _indicator(side, left.size)


def _indicator(members: Any, workers: int) -> Floats:
    start = np.zeros(workers)
    start[members] = 1.0
    return start


def _graph(pairs: Pairs, left: Flags) -> Any:
    """[W, W] symmetric sparse matrix of the evidence of copying, nats."""
    from scipy.sparse import coo_matrix

    kept = left[pairs.first] & left[pairs.second]
    first, second, value = pairs.first[kept], pairs.second[kept], pairs.evidence[kept]
    upper = coo_matrix((value, (first, second)), shape=(left.size, left.size)).tocsr()
    return (upper + upper.T).tocsr()


def _grow(graph: Any, free: Flags) -> list[int]:
    """From the pair with the most evidence on, add whoever has most evidence with the members so far."""
    edges = graph.tocoo()
    usable = free[edges.row] & free[edges.col] & (edges.data > 0)
    if not usable.any():
        return []
    top = int(np.argmax(np.where(usable, edges.data, -np.inf)))
    members = [int(edges.row[top]), int(edges.col[top])]
    gain = graph[members[0]].toarray()[0] + graph[members[1]].toarray()[0]
    open_ = free.copy()
    open_[members] = False
    while True:
        best = int(np.argmax(np.where(open_, gain, -np.inf)))
        if not open_[best] or gain[best] < _JOIN:
            return members
        members.append(best)
        open_[best] = False
        gain = gain + graph[best].toarray()[0]


def _directions(graph: Any) -> list[Floats]:
    """The two leading eigenvectors of the graph, entries clipped so that no pair rules it alone."""
    from scipy.sparse.linalg import eigsh

    clipped = graph.copy()
    clipped.data = np.clip(clipped.data, -20, 20)
    workers = clipped.shape[0]
    if workers < 8 or not clipped.nnz:
        return []
    start = np.ones(workers) / np.sqrt(workers)  # fixed, so that a rerun finds the same
    _, vectors = eigsh(clipped, k=2, which="LA", v0=start, maxiter=1000, tol=1e-6)
    return [vectors[:, column] for column in range(vectors.shape[1])]
