"""Answers that say little: mutual information with the truth, Raykar's spammer score, constant answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reputation.attacks.tables import Floats, Tables, log_marginal
from reputation.votes import Ints, Votes

_SHRINK = 5.0  # labels' worth of the crowd's accuracy in a worker's
_COMMUNITY = 2.0  # labels' worth of the community's matrix in a worker's


@dataclass(frozen=True, eq=False)
class SpamFigures:
    """How much each worker's answers say, [W] each; the truth is always the one that the others show.

    Attributes:
        labels: how many answers.
        accuracy: expected share of right answers, drawn to the crowd's by 5 labels.
        crowd_accuracy: of all labels.
        information: mutual information of answer and true class, nats, by the worker's smoothed matrix.
        crowd_information: the same of the community's matrix.
        spammer_score: Raykar & Yu (JMLR 2012, eq. 11): 0 for one who answers alike whatever is true, 1 for a
            perfect worker, or one who confuses classes consistently.
        random_p: of a G-test that answer and truth have nothing to do with each other; a large one says that
            the worker cannot be told from somebody who guesses.
        constant_p: chance that an honest worker with these items gives some one answer as often as this one
            gave its favourite; a binomial tail at the average rate, times the number of classes.
        concentration: log P(answers | a favourite answer) - log P(answers | none), nats, truth disregarded.
    """

    labels: Ints
    accuracy: Floats
    crowd_accuracy: float
    information: Floats
    crowd_information: float
    spammer_score: Floats
    random_p: Floats
    constant_p: Floats
    concentration: Floats


def spam_figures(votes: Votes, posterior: Floats) -> SpamFigures:
    """Measure every worker against a posterior of the true classes, made by any method.

    Args:
        votes: at least one.
        posterior: [I, K], rows sum to 1.

    Raises:
        ValueError: no votes, or a posterior of another shape.
    """
    if not len(votes):
        raise ValueError("there is nothing to measure: no votes")
    if posterior.shape != (votes.items, votes.classes):
        raise ValueError(f"the posterior is {posterior.shape}, not {(votes.items, votes.classes)}")
    tables = Tables.of(votes)
    rows, community = smoothed(tables.counts(posterior))
    counts = tables.without_self(posterior, np.log(rows))
    rows, _ = smoothed(counts, community)
    prevalence = posterior.mean(axis=0)
    given = counts.sum(axis=1)
    right = np.trace(counts, axis1=1, axis2=2)
    labels = votes.labels_per_worker()
    crowd = float(right.sum() / len(votes))
    return SpamFigures(
        labels=labels,
        accuracy=(right + _SHRINK * crowd) / (labels + _SHRINK),
        crowd_accuracy=crowd,
        information=_information(rows, prevalence),
        crowd_information=float(_information(community[None], prevalence)[0]),
        spammer_score=_spammer_score(rows),
        random_p=_independence(counts),
        constant_p=_constant(tables, posterior @ community, given),
        concentration=log_marginal(given, np.full_like(given, 0.1))
        - log_marginal(given, np.ones_like(given)),
    )


def smoothed(counts: Floats, community: Floats | None = None) -> tuple[Floats, Floats]:
    """Confusion matrices [W, K, K] from counts [W, K, K], and the community's [K, K] they are drawn to."""
    if community is None:
        pooled = counts.sum(axis=0) + 1.0
        community = pooled / pooled.sum(axis=1, keepdims=True)
    raised = counts + _COMMUNITY * community
    return raised / raised.sum(axis=2, keepdims=True), community


def _information(rows: Floats, prevalence: Floats) -> Floats:
    """[N] mutual information of N confusion matrices at these class shares, nats."""
    joint = prevalence[None, :, None] * rows
    answer = joint.sum(axis=1, keepdims=True)
    ratio = np.log(np.maximum(rows, 1e-300)) - np.log(np.maximum(answer, 1e-300))
    return np.asarray((joint * ratio).sum(axis=(1, 2)))


def _spammer_score(rows: Floats) -> Floats:
    """Σ over pairs of classes of the squared distance of their rows, over K (K - 1): within 0..1."""
    classes = rows.shape[1]
    pairs = classes * (rows**2).sum(axis=(1, 2)) - (rows.sum(axis=1) ** 2).sum(axis=1)
    return np.asarray(np.maximum(pairs, 0.0) / (classes * (classes - 1)))


def _independence(counts: Floats) -> Floats:
    """[W] p-values of the likelihood ratio test of independence in each worker's table."""
    from scipy.stats import chi2

    total = counts.sum(axis=(1, 2))
    expected = counts.sum(axis=2)[:, :, None] * counts.sum(axis=1)[:, None, :]
    expected = expected / np.maximum(total, 1e-300)[:, None, None]
    ratio = np.log(np.maximum(counts, 1e-300)) - np.log(np.maximum(expected, 1e-300))
    statistic = 2 * np.where(counts > 0, counts * ratio, 0.0).sum(axis=(1, 2))
    return np.asarray(chi2.sf(np.maximum(statistic, 0.0), (counts.shape[1] - 1) ** 2))


def _constant(tables: Tables, honest: Floats, given: Floats) -> Floats:
    """[W] p-values; `honest` [I, K] is how an honest worker would answer each item."""
    from scipy.stats import binom

    votes = tables.votes
    expected = tables.counts(honest).sum(axis=2)  # [W, K]: over all items of a worker, whatever it answered
    labels = np.maximum(votes.labels_per_worker(), 1)[:, None]
    chance = binom.sf(np.round(given) - 1, labels, np.clip(expected / labels, 0.0, 1.0))
    return np.asarray(np.minimum(1.0, chance.min(axis=1) * votes.classes))
