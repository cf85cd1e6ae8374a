"""Fit the weights of `reputation.attacks.suspicion` on simulated crowds.

    python -m scripts.benches.truth.simulated

The crowds vary in size, classes, skills, item difficulty and biases; in each, 8 to 30 % of the workers attack
in one of six ways. No real crowd has a part in it. Takes minutes; prints the weights.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from numpy.typing import NDArray

from reputation.attacks.rings import find_rings
from reputation.attacks.spam import spam_figures
from reputation.attacks.suspicion import FIGURES, figures
from reputation.votes import Ints, Votes
from scripts.benches.truth.injected import KINDS, inject

_LEAST = 5
Floats = NDArray[np.float64]


def crowd(random: np.random.Generator) -> tuple[Votes, Ints]:
    """A crowd without attackers, and its true classes."""
    classes = int(random.choice([2, 2, 3, 4, 5]))
    items, workers, per_item = (int(random.integers(*ends)) for ends in ((100, 800), (25, 150), (4, 15)))
    truth = random.choice(classes, items, p=random.dirichlet(np.full(classes, 3.0)))
    keys = random.random((items, workers)) ** (1 / random.lognormal(0, random.uniform(0.3, 1.5), workers))
    worker = np.argpartition(-keys, per_item, axis=1)[:, :per_item].ravel()
    item = np.repeat(np.arange(items), per_item)
    answer = _answers(random, item, worker, truth, workers, classes)
    return Votes(item, worker, answer, items, workers, classes), truth


def _answers(
    random: np.random.Generator, item: Ints, worker: Ints, truth: Ints, workers: int, classes: int
) -> Ints:
    """Right by skill and the item's ease; else by the worker's own taste among the wrong classes."""
    mean, spread = (
        random.uniform(0.55, 0.92) if classes == 2 else random.uniform(0.45, 0.9),
        random.uniform(5, 30),
    )
    skill = np.clip(random.beta(mean * spread, (1 - mean) * spread, workers), 0.02, 0.98)
    ease = random.normal(0, random.uniform(0, 1.5), truth.size)
    odds = np.log(skill / (1 - skill))[worker] + ease[item]
    right = random.random(item.size) < 1 / (1 + np.exp(-odds))
    taste = np.array([random.dirichlet(np.ones(classes) * random.uniform(0.5, 5)) for _ in range(workers)])
    wrong = np.log(taste + 1e-9)[worker] + random.gumbel(size=(item.size, classes))
    wrong[np.arange(item.size), truth[item]] = -np.inf
    return np.where(right, truth[item], wrong.argmax(axis=1))


def examples(seed: int, crowds: int) -> tuple[Floats, NDArray[np.bool_]]:
    """The figures of the workers of so many attacked crowds, and who of them attacks."""
    random = np.random.default_rng(seed)
    read, bad = [], []
    for number in range(crowds):
        votes, truth = crowd(random)
        share, inner = random.uniform(0.08, 0.3), int(random.integers(1 << 31))
        attacked = inject(votes, truth, KINDS[number % 6], share, inner, least=_LEAST)
        search = find_rings(attacked.votes)
        found = figures(spam_figures(attacked.votes, search.posterior), search)
        read.append(found[attacked.judged])
        bad.append(attacked.bad[attacked.judged])
        sys.stderr.write(f"\r{number + 1} of {crowds} crowds")
    return np.concatenate(read), np.concatenate(bad)


def main() -> int:
    """Fit and print."""
    from sklearn.linear_model import LogisticRegression

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1, help="of the crowds (default: 1)")
    parser.add_argument("--crowds", type=int, default=180, help="how many (default: 180)")
    given = parser.parse_args()
    read, bad = examples(given.seed, given.crowds)
    model = LogisticRegression(max_iter=3000).fit(read, bad)
    print(f"{bad.size} workers, {bad.mean():.1%} of them attack")
    for name, weight in zip(FIGURES, model.coef_[0], strict=True):
        print(f"{name:<12}{weight:+.2f}")
    print(f"{'constant':<12}{model.intercept_[0]:+.2f} (intercept)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
