"""Skill by domain: skill with birds says something, but not everything, about skill with dogs.

Partial pooling in two directions. For worker w and domain d, with the labels of d left out of the first
line:

    a_wd = the share of right labels in the other domains, shrunk to the crowd's mean
    q_wd ~ Beta(m κ, (1 − m) κ),  logit m = logit a_wd + offset_d

offset_d says how much easier a domain is for everybody. κ, how much a worker's skills in two domains have
to do with each other, comes from the crowd by moments, and is never more than the other domains' labels
are worth. The domain's own labels then update the belief (Gelman and Hill, "Data Analysis Using Regression
and Multilevel/Hierarchical Models", 2007, chapter 12, on partial pooling).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reputation.crowd.skill import (
    LEVEL,
    SkillPrior,
    beta_interval,
    check_posterior,
    crowd_mean,
    effective,
    gold_answers,
)
from reputation.truth.run import Floats, Known
from reputation.votes import Ints, Votes, indices

_OFFSET = 1.0  # prior standard deviation of a domain's offset, in log-odds
_NEWTON_STEPS = 25


@dataclass(frozen=True, eq=False)
class DomainSkills:
    """Each worker's skill in each domain.

    Attributes:
        mean, strength: [W, D] the belief Beta(mean · strength, (1 − mean) · strength).
        labels: [W, D] how many labels of a worker are in a domain.
        offset: [D] how much easier a domain is for the crowd, in log-odds.
        pooling: κ, how many labels in a domain the other domains are worth at most.
    """

    mean: Floats
    strength: Floats
    labels: Ints
    offset: Floats
    pooling: float

    def interval(self, level: float = LEVEL) -> tuple[Floats, Floats]:
        """Lower and upper end, [W, D] each.

        Raises:
            ValueError: a level outside 0..1.
        """
        return beta_interval(self.mean, self.strength, level)


def domain_skills(
    votes: Votes,
    posterior: Floats,
    domain: Ints,
    domains: int,
    *,
    gold: Known | None = None,
    prior: SkillPrior | None = None,
) -> DomainSkills:
    """Each worker's skill in each domain; where it has not worked, what is to be expected.

    Args:
        votes, posterior, gold: as for `skill.skills`.
        domain: [I] each item's domain.
        domains: how many there are.
    Raises:
        ValueError: as `skill.skills`, or domains that do not fit the items.
    """
    prior = prior or SkillPrior()
    check_posterior(votes, posterior)
    place = indices("domain", domain, domains)
    if place.shape != (votes.items,):
        raise ValueError(f"there are {votes.items} items and {place.size} domains of items")
    labels, right, gold_labels, gold_right = _tables(votes, posterior, place, domains, gold)
    # A domain's evidence in independent labels: inferred ones cut to their worth, gold ones in full.
    worth = effective(labels, prior.systematic) + gold_labels
    share = np.divide(right, labels, out=np.zeros_like(right), where=labels > 0)
    good = effective(labels, prior.systematic) * share + gold_right
    mean, between = crowd_mean(worth.sum(axis=1), good.sum(axis=1))
    others = worth.sum(axis=1, keepdims=True) - worth + between
    from_others = (good.sum(axis=1, keepdims=True) - good + between * mean) / others
    logit = np.log(from_others) - np.log1p(-from_others)
    offset = _offsets(worth, good, logit)
    expected = 1 / (1 + np.exp(-(logit + offset)))
    pooling = _pooling(worth, good, expected)
    strength = 1 / (1 / pooling + 1 / others)
    total = strength + worth
    belief = (expected * strength + good) / total
    return DomainSkills(belief, total, (labels + gold_labels).astype(np.int64), offset, pooling)


def _tables(
    votes: Votes, posterior: Floats, domain: Ints, domains: int, gold: Known | None
) -> tuple[Floats, Floats, Floats, Floats]:
    """[W, D] each: labels on items that are not gold, those expected right; labels on gold, those right."""
    truth = gold_answers(votes, gold)[votes.item]
    is_gold = truth >= 0
    chance = posterior[votes.item, votes.answer]
    cell = votes.worker * domains + domain[votes.item]
    columns = (~is_gold, np.where(is_gold, 0.0, chance), is_gold, is_gold & (truth == votes.answer))

    def table(weight: Floats) -> Floats:
        counts = np.bincount(cell, weight, minlength=votes.workers * domains)
        return counts.astype(np.float64).reshape(votes.workers, domains)

    labels, right, gold_labels, gold_right = (table(column.astype(np.float64)) for column in columns)
    return labels, np.minimum(right, labels), gold_labels, gold_right


def _offsets(worth: Floats, good: Floats, logit: Floats) -> Floats:
    """[D]: each domain's offset at the top of its penalised likelihood, by Newton's method."""
    offset = np.zeros(worth.shape[1])
    for _ in range(_NEWTON_STEPS):
        chance = 1 / (1 + np.exp(-(logit + offset)))
        slope = (worth * chance * (1 - chance)).sum(axis=0) + _OFFSET**-2
        step = ((good - worth * chance).sum(axis=0) - offset * _OFFSET**-2) / slope
        offset = offset + np.clip(step, -1.0, 1.0)
    return offset


def _pooling(worth: Floats, good: Floats, expected: Floats) -> float:
    """κ by moments: what the cells' shares vary around the expected ones beyond sampling, over m (1 − m)."""
    seen = worth > 0
    if not seen.any():
        return 1.0
    count, centre = worth[seen], expected[seen]
    spread = centre * (1 - centre)
    weight = count / (count + 10)
    beyond = (weight * ((good[seen] / count - centre) ** 2 - spread / count)).sum()
    share = np.clip(beyond / (weight * spread).sum(), 0.005, 0.5)
    return float(1 / share - 1)
