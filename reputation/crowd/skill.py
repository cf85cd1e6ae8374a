"""Each worker's confusion matrix and skill, with intervals that cover.

An inferred truth is no truth: a posterior that thousands of labels agree on can be wrong for all of them. So
a worker's labels on inferred items never count as so many independent trials. What n of them say is worth

    1 / (ρ + (1 − ρ) / n)  labels, never more than 1 / ρ,

where ρ is the share of a skill's variance that inference leaves open whatever n is (the intra-class
correlation of a beta-binomial; this is n divided by the usual design effect 1 + (n − 1) ρ, Kish, "Survey
Sampling", 1965). Answers to gold items are trials and count in full. For a worker with g of them, r right:

    u  = the share of its other labels that the posterior expects to be right, shrunk to the crowd's mean
    q  ~ Beta(m κ, (1 − m) κ),  logit m = shift + logit u,  κ = what its other labels are worth
    r  ~ Binomial(g, q)

Shift (how much the crowd as a whole is overrated) and ρ are integrated over on a grid under their priors, so
their uncertainty is in every interval. The gold answers of one item stand or fall together: their likelihood
is divided by the design effect that the items' residuals show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reputation.truth.run import Floats, Known
from reputation.votes import Ints, Votes

LEVEL = 0.9
_SHIFTS = np.linspace(-3.0, 3.0, 49)  # in standard deviations of the prior
_SPREADS = np.linspace(-2.5, 2.5, 11)
_NEGLIGIBLE = 1e-5  # weight of a grid point that is left out


@dataclass(frozen=True)
class SkillPrior:
    """What is believed before any gold.

    Attributes:
        systematic: median of ρ, the share of a skill's variance that inferred truth leaves open: labels on
            inferred items count for at most 1 / systematic.
        systematic_spread: standard deviation of ln ρ.
        shift: standard deviation of the crowd-wide shift, in log-odds.
        community_labels: how many labels' worth, per true class, the crowd's matrix weighs in a worker's row.

    Raises:
        ValueError: a value is not positive, or `systematic` is 1 or more.
    """

    systematic: float = 0.05
    systematic_spread: float = 0.7
    shift: float = 0.4
    community_labels: float = 2.0

    def __post_init__(self) -> None:
        if min(vars(self).values()) <= 0 or self.systematic >= 1:
            raise ValueError("a prior's values are positive, and systematic is below 1")


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a worker's labels say, each [W].

    Attributes:
        labels, expected: labels on items that are not gold, and how many of them the posterior expects right.
        gold, right: answers to gold items, and how many of them are right.
    """

    labels: Ints
    expected: Floats
    gold: Ints
    right: Ints


@dataclass(frozen=True, eq=False)
class Skills:
    """Each worker's probability of a right answer on a typical item: an item such as it has been given.

    Attributes:
        mean: [W] the expected skill.
        strength: [W] how many labels the belief is worth: it is Beta(mean · strength, (1 − mean) · strength).
        evidence: what the workers' labels say.
        prior_mean: [W] the belief's mean before gold, after the crowd-wide shift.
        crowd_mean: the workers' mean share of right labels as the posterior has it.
        crowd_labels: how many labels' worth it counts for each worker.
        shift: the expected crowd-wide shift, in log-odds; below zero where inference overrates the crowd.
        systematic: the expected ρ.
    """

    mean: Floats
    strength: Floats
    evidence: Evidence
    prior_mean: Floats
    crowd_mean: float
    crowd_labels: float
    shift: float
    systematic: float

    def interval(self, level: float = LEVEL) -> tuple[Floats, Floats]:
        """Lower and upper end, [W] each: `level` between them, the rest split evenly.

        Raises:
            ValueError: a level outside 0..1.
        """
        return beta_interval(self.mean, self.strength, level)

    def predicted(self, labels: Ints, right: Ints) -> tuple[Floats, Floats]:
        """P(fewer than `right`) and P(at most `right`) right answers among `labels` to new items, [W] each.

        The beta-binomial distribution: what a check of skill on that few answers can show.
        """
        from scipy.stats import betabinom

        found = betabinom(labels, self.mean * self.strength, (1 - self.mean) * self.strength)
        return found.cdf(right - 1), found.cdf(right)


@dataclass(frozen=True, eq=False)
class ConfusionBelief:
    """Beliefs about confusion matrices: independent Dirichlet rows.

    Attributes:
        alpha: [W, K, K] Dirichlet parameters of P(answer | true class), in labels.
    """

    alpha: Floats

    @property
    def mean(self) -> Floats:
        """[W, K, K], rows sum to 1."""
        shares: Floats = self.alpha / self.alpha.sum(axis=2, keepdims=True)
        return shares

    def interval(self, level: float = LEVEL) -> tuple[Floats, Floats]:
        """Lower and upper end of each cell, [W, K, K]; each cell's marginal is a beta distribution."""
        total = np.broadcast_to(self.alpha.sum(axis=2, keepdims=True), self.alpha.shape)
        return beta_interval(self.mean, total, level)


def skills(
    votes: Votes, posterior: Floats, *, gold: Known | None = None, prior: SkillPrior | None = None
) -> Skills:
    """Each worker's skill, from inferred truth and gold.

    Args:
        votes: the crowd's answers.
        posterior: [I, K] of the items, best calibrated; what it says about gold items is not looked at.
        gold: items whose right answer is known.
        prior: the default one when None.
    Raises:
        ValueError: the posterior is of another shape or no distribution, or gold does not fit the votes.
    """
    prior = prior or SkillPrior()
    evidence = gather(votes, posterior, gold)
    mean, labels = crowd_mean(evidence.labels, evidence.expected)
    inferred = (evidence.expected + labels * mean) / (evidence.labels + labels)
    logit = np.log(inferred) - np.log1p(-inferred)
    shifts = prior.shift * _SHIFTS
    systematic = np.minimum(prior.systematic * np.exp(prior.systematic_spread * _SPREADS), 0.9)
    log_weight = -0.5 * (_SHIFTS[:, None] ** 2 + _SPREADS[None, :] ** 2)
    if gold is not None and evidence.gold.any():
        effect = _design_effect(votes, gold, logit, prior.shift)
        log_weight += _gold_likelihood(evidence, logit, labels, shifts, systematic) / effect
    weight = np.exp(log_weight - log_weight.max())
    weight = np.where(weight < _NEGLIGIBLE * weight.max(), 0.0, weight)
    weight /= weight.sum()
    first, second, before = _moments(evidence, logit, labels, (shifts, systematic, weight))
    variance = np.maximum(second - first**2, 1e-12)
    strength = np.maximum(first * (1 - first) / variance - 1, 1.0)
    found = float(weight.sum(1) @ shifts), float(weight.sum(0) @ systematic)
    return Skills(first, strength, evidence, before, mean, labels, *found)


def gather(votes: Votes, posterior: Floats, gold: Known | None = None) -> Evidence:
    """Count each worker's labels and how many of them are, or are expected to be, right.

    Raises:
        ValueError: as `skills`.
    """
    check_posterior(votes, posterior)
    truth = gold_answers(votes, gold)[votes.item]
    is_gold = truth >= 0
    expected = np.where(is_gold, 0.0, posterior[votes.item, votes.answer])
    right = is_gold & (truth == votes.answer)

    def count(weights: Floats) -> Floats:
        return np.bincount(votes.worker, weights, minlength=votes.workers).astype(np.float64)

    golden = count(is_gold.astype(np.float64)).astype(np.int64)
    return Evidence(
        votes.labels_per_worker() - golden,
        np.minimum(count(expected), votes.labels_per_worker() - golden),
        golden,
        count(right.astype(np.float64)).astype(np.int64),
    )


def confusions(
    votes: Votes, posterior: Floats, *, gold: Known | None = None, prior: SkillPrior | None = None
) -> ConfusionBelief:
    """Each worker's confusion matrix with its uncertainty.

    A row's expected counts from inferred items are cut to their effective number (see the module), gold
    answers count in full, and the crowd's own matrix is the prior with `community_labels` a row.

    Raises:
        ValueError: as `skills`.
    """
    prior = prior or SkillPrior()
    check_posterior(votes, posterior)
    truth = gold_answers(votes, gold)
    known = truth >= 0
    inferred = _counts(votes, np.where(known[:, None], 0.0, posterior))
    certain = _counts(votes, np.eye(votes.classes)[np.maximum(truth, 0)] * known[:, None])
    rows = inferred.sum(axis=2, keepdims=True)
    counts = certain + inferred / (1 + prior.systematic * np.maximum(rows - 1, 0))
    crowd = counts.sum(axis=0) + 1 / votes.classes
    crowd /= crowd.sum(axis=1, keepdims=True)
    return ConfusionBelief(counts + prior.community_labels * crowd)


def effective(labels: NDArray[Any], systematic: float | Floats) -> Floats:
    """How many independent trials `labels` labels on inferred items are worth; 0 for none."""
    count = np.asarray(labels, dtype=np.float64)
    worth: Floats = count / (1 + np.maximum(count - 1, 0) * systematic)
    return worth


def beta_interval(mean: Floats, strength: Floats, level: float) -> tuple[Floats, Floats]:
    """The equal-tailed interval of Beta(mean · strength, (1 − mean) · strength).

    Raises:
        ValueError: a level outside 0..1.
    """
    from scipy.special import betaincinv

    if not 0 < level < 1:
        raise ValueError(f"a level lies between 0 and 1, it is {level!r}")
    tail = (1 - level) / 2
    a, b = mean * strength, (1 - mean) * strength
    return betaincinv(a, b, tail), betaincinv(a, b, 1 - tail)


def check_posterior(votes: Votes, posterior: Floats) -> None:
    """Refuse what is no posterior of these votes' items.

    Raises:
        ValueError: another shape, values that are no probabilities, or rows that do not sum to 1.
    """
    if posterior.shape != (votes.items, votes.classes):
        raise ValueError(f"the posterior is {posterior.shape}, the votes need {(votes.items, votes.classes)}")
    if posterior.size and not (posterior.min() >= 0 and np.allclose(posterior.sum(axis=1), 1, atol=1e-4)):
        raise ValueError("a posterior's rows are probabilities that sum to 1")


def gold_answers(votes: Votes, gold: Known | None) -> Ints:
    """[I]: the right answer of each gold item, −1 for the others.

    Raises:
        ValueError: gold does not fit the votes.
    """
    truth = np.full(votes.items, -1, dtype=np.int64)
    if gold is not None:
        gold.check(votes)
        truth[gold.item] = gold.answer
    return truth


def _counts(votes: Votes, weight: Floats) -> Floats:
    """[W, K, K]: over a worker's labels, the weight of each true class, by the answer."""
    cell = votes.worker * votes.classes + votes.answer
    cells = votes.workers * votes.classes
    columns = [np.bincount(cell, weight[votes.item, true], minlength=cells) for true in range(votes.classes)]
    shape = votes.workers, votes.classes, votes.classes
    return np.stack(columns, axis=1).astype(np.float64).reshape(shape).transpose(0, 2, 1)


def crowd_mean(labels: NDArray[Any], right: Floats) -> tuple[float, float]:
    """The workers' mean share of right labels, and how many labels' worth it says about one of them.

    By moments: the variance between workers is what their shares show beyond sampling.

    Args:
        labels, right: [W], how many labels each worker gave and how many of them are expected right.
    """
    seen = labels > 0
    if not seen.any():
        return 0.5, 2.0
    count = labels[seen].astype(np.float64)
    share = right[seen] / count
    weight = count / (count + 10)
    weight /= weight.sum()
    mean = float(np.clip(weight @ share, 0.01, 0.99))
    variance = float(weight @ ((share - mean) ** 2 - share * (1 - share) / count))
    return mean, float(np.clip(mean * (1 - mean) / max(variance, 1e-4) - 1, 1.0, 200.0))


def _strength(evidence: Evidence, labels: float, systematic: float) -> Floats:
    """[W]: κ, the belief's worth before gold."""
    return effective(evidence.labels + labels, systematic)


def _design_effect(votes: Votes, gold: Known, logit: Floats, spread: float) -> float:
    """How much more the gold items' sums of residuals vary than those of independent answers; at least 1."""
    truth = gold_answers(votes, gold)[votes.item]
    on = truth >= 0
    right = (truth == votes.answer)[on].astype(np.float64)
    at = logit[votes.worker[on]]
    shift = 0.0
    for _ in range(25):  # Newton's method; the penalty keeps it in bounds
        chance = 1 / (1 + np.exp(-(shift + at)))
        slope = (chance * (1 - chance)).sum() + spread**-2
        shift += ((right - chance).sum() - shift * spread**-2) / slope
    chance = 1 / (1 + np.exp(-(shift + at)))
    by_item = np.bincount(votes.item[on], right - chance)
    return max(float((by_item**2).sum() / (chance * (1 - chance)).sum()), 1.0)


def _gold_likelihood(
    evidence: Evidence, logit: Floats, labels: float, shifts: Floats, systematic: Floats
) -> Floats:
    """[shifts, systematic]: log probability of all workers' gold answers, beta-binomial."""
    from scipy.special import betaln, expit

    tested = evidence.gold > 0
    right, wrong = evidence.right[tested], (evidence.gold - evidence.right)[tested]
    found = np.empty((shifts.size, systematic.size))
    for column, share in enumerate(systematic):
        worth = _strength(evidence, labels, share)[tested]
        for row, shift in enumerate(shifts):
            mean = expit(logit[tested] + shift)
            a, b = mean * worth, (1 - mean) * worth
            found[row, column] = (betaln(a + right, b + wrong) - betaln(a, b)).sum()
    return found


def _moments(
    evidence: Evidence, logit: Floats, labels: float, grid: tuple[Floats, Floats, Floats]
) -> tuple[Floats, Floats, Floats]:
    """[W] each: E q, E q², and the mean before gold, over the weighted grid."""
    from scipy.special import expit

    shifts, systematic, weight = grid
    first, second, before = np.zeros((3, logit.size))
    for row, column in np.argwhere(weight):
        mean = expit(logit + shifts[row])
        worth = _strength(evidence, labels, systematic[column])
        total = worth + evidence.gold
        now = (mean * worth + evidence.right) / total
        first += weight[row, column] * now
        second += weight[row, column] * (now**2 + now * (1 - now) / (total + 1))
        before += weight[row, column] * mean
    return first, second, before
