"""What 50 gold answers add: accuracy on the other items, and calibration. Part of `scripts/bench truth`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reputation.gold.infer import Gold, Inference, infer
from reputation.votes import Ints
from scripts.benches.report import Bar, Row
from scripts.benches.truth.crowds import Crowd, complete, read_crowd, wanted
from scripts.benches.truth.measures import Score, score

GOLD = 50
DRAWS = 5  # unless --draws asks for others
GAIN, ECE, NLL = 0.9, 0.055, 0.45

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Draw:
    """One draw of gold, measured on the items that are not gold; `whole` is the accuracy gained on all items
    with a truth, the gold ones (which are right by definition) included."""

    before: Score
    after: Score
    whole: float


def rows(arguments: argparse.Namespace, say: Say) -> list[Row]:
    """Means with their bars first, then each crowd's."""
    found: dict[str, list[Draw]] = {}
    sizes = {}
    for name in wanted(arguments):
        crowd = read_crowd(arguments.data, name)
        sizes[name] = crowd.sizes
        say(f"{name}: {arguments.draws or DRAWS} draws of {GOLD} gold answers")
        plain = infer(crowd.votes)
        found[name] = [draw(crowd, plain, number) for number in range(arguments.draws or DRAWS)]
    each = [_row(name, sizes[name], draws) for name, draws in found.items()]
    return [*means(list(found.values()), complete(arguments)), *each]


def draw(crowd: Crowd, plain: Inference, seed: int, size: int = GOLD) -> Draw:
    """Gold drawn at random from the items with a truth, half of them at most."""
    possible = np.flatnonzero(crowd.truth >= 0)
    random = np.random.default_rng([seed, 0x626E6368])
    drawn = np.sort(random.choice(possible, min(size, possible.size // 2), replace=False))
    gold = Gold(crowd.item[drawn], crowd.truth[drawn])
    found = infer(crowd.votes, gold=gold, seed=seed)
    others = np.setdiff1d(np.arange(crowd.item.size), drawn)
    right = (found.answer == _truth(crowd)).astype(float) - (plain.answer == _truth(crowd))
    return Draw(
        _score(crowd, plain, others), _score(crowd, found, others), 100 * float(right[crowd.item].mean())
    )


def _truth(crowd: Crowd) -> Ints:
    truth = np.full(crowd.votes.items, -1)
    truth[crowd.item] = crowd.truth
    return truth


def _score(crowd: Crowd, found: Inference, places: Ints) -> Score:
    item = crowd.item[places]
    return score(found.posterior[item], found.answer[item], crowd.truth[places], crowd.positive)


def means(found: list[list[Draw]], whole: bool) -> list[Row]:
    """Over crowds and draws; bars where all crowds are there."""
    sizes = {"crowds": len(found), "draws": len(found[0]), "gold": GOLD}

    def mean(of: Callable[[Draw], float]) -> float:
        return float(np.mean([[of(one) for one in draws] for draws in found]))

    def row(what: str, of: Callable[[Draw], float], unit: str, bar: Bar | None, note: str = "") -> Row:
        return Row(what, sizes, mean(of), unit, None, bar if whole else None, note)

    before = mean(lambda one: one.before.nll), mean(lambda one: one.before.ece)
    without = f"without gold {before[0]:.2f} nats, calibration error {before[1]:.3f}"
    return [
        row("accuracy gained by gold, other items", _gain, "points", Bar(GAIN, "floor")),
        row("accuracy gained by gold, all items", lambda one: one.whole, "points", None),
        row("calibration error with gold", lambda one: one.after.ece, "ECE", Bar(ECE)),
        row("negative log likelihood with gold", lambda one: one.after.nll, "nats", Bar(NLL), without),
    ]


def _gain(one: Draw) -> float:
    return one.after.accuracy - one.before.accuracy


def _row(name: str, sizes: dict[str, int], draws: list[Draw]) -> Row:
    figures = {
        "accuracy without gold": float(np.mean([one.before.accuracy for one in draws])),
        "accuracy": float(np.mean([one.after.accuracy for one in draws])),
        "ece": float(np.mean([one.after.ece for one in draws])),
        "nll": float(np.mean([one.after.nll for one in draws])),
        "gained on all items": float(np.mean([one.whole for one in draws])),
    }
    gain = float(np.mean([_gain(one) for one in draws]))
    rounded = {key: round(value, 4) for key, value in figures.items()}
    return Row(f"{name}, gained by gold", sizes, gain, "points", figures=rounded)
