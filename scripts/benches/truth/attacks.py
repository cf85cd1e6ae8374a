"""`--only attacks`: attacks injected into eight real crowds, and who finds the attackers.

`injected` says exactly how. One score is used for every attack (`reputation.attacks.suspicion`), without
known answers unless a row says so. Its weights come from simulated crowds, into which the same program put
the same kinds of attack: the crowds are new to it, the attacks are not, but for the loose ring. Figures are
means over the crowds of means over the seeds; ranked are workers with ten labels or more, and in the note all
who have any.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from reputation import commit, judge
from reputation.attacks.suspicion import suspicions
from reputation.attacks.verdict import settle_allowed
from reputation.gold.infer import Gold, infer
from reputation.truth.hierarchical import hierarchical
from reputation.truth.run import Floats, Known
from reputation.votes import Ints, Votes
from scripts.benches.report import Bar, Row
from scripts.benches.truth.crowds import read_crowd
from scripts.benches.truth.injected import Attacked, area_under_curve, inject, right_answers

CROWDS = ("bluebirds", "rte", "temp", "sp", "sp_amt", "mozafari", "dog", "face")
BARS = {"random": 0.955, "constant": 0.985, "ring": 0.956, "coin ring": 0.956, "camouflage": 0.745}
UNBARRED = ("sly ring", "loose ring")
SHARE, MAJORITY_SHARE, GOLD = 0.2, 0.4, 20
SEEDS = 2  # unless --draws asks for others
UNSEEN = "loose ring"  # the one attack that the weights were not fitted on
Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Crowd:
    """A real crowd: its votes, the items with known truth, and what counts as right on every item."""

    name: str
    votes: Votes
    item: Ints
    truth: Ints
    right: Ints

    @classmethod
    def read(cls, data: Path, name: str) -> Crowd:
        """A crowd of ../shared/data.

        Raises:
            Stop: it is not there.
        """
        read = read_crowd(data, name)
        right = right_answers(read.votes, read.item, read.truth)
        return cls(name, read.votes, read.item, read.truth, right)


def rows(arguments: argparse.Namespace, say: Say) -> list[Row]:
    """Every attack at 20 %, rings at 40 % with and without gold, and the verdict on untouched crowds."""
    names = [name for name in CROWDS if name in (arguments.sets or CROWDS)]
    if not names:
        say(f"attacks: none of {', '.join(CROWDS)} was asked for")
        return []
    crowds = [Crowd.read(arguments.data, name) for name in names]
    seeds = int(arguments.draws or SEEDS)
    made = [row for kind in (*BARS, *UNBARRED) for row in _detection(kind, crowds, seeds, say)]
    for kind in ("ring", "coin ring", "loose ring"):
        made += _majority(kind, crowds, seeds, say)
    made += [*_verdicts(crowds, say), *_calibration(crowds, say)]
    return made if len(names) == len(CROWDS) else [replace(row, bar=None) for row in made]


def _detection(kind: str, crowds: list[Crowd], seeds: int, say: Say) -> Iterator[Row]:
    """AUC of the one score, and of each figure alone; attackers in workers' place, and beside them."""
    bar = BARS.get(kind)
    for added in (False, True) if bar else (False,):
        scores: dict[str, list[float]] = {}
        for crowd, seed in _runs(crowds, seeds):
            say(f"attacks: {kind}, {SHARE:.0%}, {crowd.name}, seed {seed}")
            attacked = inject(crowd.votes, crowd.right, kind, SHARE, _seed(crowd, seed), added=added)
            for name, value in _figures(attacked).items():
                scores.setdefault(name, []).append(value)
        note = f"{'added' if added else 'converted'}; worst crowd {_worst(scores['score'], seeds):.3f}"
        alone = ", ".join(
            f"{name} {np.mean(values):.3f}"
            for name, values in scores.items()
            if name not in ("score", "all workers")
        )
        note += f"; all workers {np.mean(scores['all workers']):.3f}"
        note += "; the weights have not seen this attack" if kind == UNSEEN else ""
        yield Row(
            f"AUC, {kind}, {SHARE:.0%} {'added' if added else 'of the workers'}",
            {"crowds": len(crowds), "seeds": seeds},
            float(np.mean(scores["score"])),
            "AUC",
            bar=Bar(bar, "floor") if bar else None,
            note=f"{note}; by one figure alone: {alone}",
        )


def _figures(attacked: Attacked) -> dict[str, float]:
    found = suspicions(attacked.votes)
    judged, spam = attacked.judged, found.spam
    told = {
        "score": found.score,
        "accuracy": -spam.accuracy,
        "information": -spam.information,
        "spammer score": -spam.spammer_score,
        "constant": spam.concentration,
        "ring": found.search.log_odds(attacked.votes.workers),
    }
    areas = {name: area_under_curve(value[judged], attacked.bad[judged]) for name, value in told.items()}
    working = attacked.votes.labels_per_worker() > 0
    return areas | {"all workers": area_under_curve(found.score[working], attacked.bad[working])}


def _majority(kind: str, crowds: list[Crowd], seeds: int, say: Say) -> Iterator[Row]:
    """A ring of 40 %: what unsupervised inference makes of it, and what 20 known answers make of it."""
    found: dict[str, list[float]] = {}
    for crowd, seed in _runs(crowds, seeds):
        say(f"attacks: {kind}, {MAJORITY_SHARE:.0%}, {crowd.name}, seed {seed}")
        attacked = inject(crowd.votes, crowd.right, kind, MAJORITY_SHARE, _seed(crowd, seed))
        for name, value in _majority_figures(crowd, attacked, seed).items():
            found.setdefault(name, []).append(value)
    sizes = {"crowds": len(crowds), "seeds": seeds, "gold": GOLD}
    barred = kind != "loose ring"
    for name, bar in (("AUC", 0.88), ("accuracy", 0.814)):
        said = f"worst crowd {_worst(found[name], seeds):.3f}; blind {np.mean(found[name + ' blind']):.3f}"
        em = f"; hierarchical Dawid-Skene, blind {np.mean(found['em']):.3f}" if name == "accuracy" else ""
        yield Row(
            f"{name}, {kind} of {MAJORITY_SHARE:.0%}, {GOLD} gold",
            sizes,
            float(np.mean(found[name])),
            name,
            bar=Bar(bar, "floor") if barred else None,
            note=said + em,
        )
    yield Row(
        f"refused without gold, {kind} of {MAJORITY_SHARE:.0%}",
        {"crowds": len(crowds), "seeds": seeds},
        float(np.mean(found["refused"])),
        "share",
        bar=Bar(0.99, "floor") if barred else None,
        note=f"let through by gold {np.mean(found['gold allows']):.3f}; gold asked for, median "
        f"{np.median(found['gold needed']):.0f} items",
    )


def _majority_figures(crowd: Crowd, attacked: Attacked, seed: int) -> dict[str, float]:
    votes, judged = attacked.votes, attacked.judged
    usable = np.flatnonzero(crowd.truth >= 0)
    drawn = np.random.default_rng(_seed(crowd, seed) + 1).choice(usable, GOLD, replace=False)
    known = Known(crowd.item[drawn], crowd.truth[drawn])
    rest = np.setdiff1d(np.arange(crowd.item.size), drawn)
    with_gold, blind = suspicions(votes, known), suspicions(votes)
    verdict = settle_allowed(votes, search=blind.search)
    settled = judge(votes, commit(votes).parameters).answer  # what a campaign would be paid by
    checked = settle_allowed(votes, known, answers=settled, search=with_gold.search)

    def accuracy(posterior: Floats) -> float:
        return float((posterior.argmax(axis=1)[crowd.item[rest]] == crowd.truth[rest]).mean())

    return {
        "AUC": area_under_curve(with_gold.score[judged], attacked.bad[judged]),
        "AUC blind": area_under_curve(blind.score[judged], attacked.bad[judged]),
        "accuracy": accuracy(infer(votes, gold=Gold(known.item, known.answer)).posterior),
        "accuracy blind": accuracy(blind.search.posterior),
        "em": accuracy(hierarchical(votes).posterior),
        "refused": float(not verdict.allowed),
        "gold allows": float(checked.allowed),
        "gold needed": float(verdict.gold_needed),
    }


def _verdicts(crowds: list[Crowd], say: Say) -> Iterator[Row]:
    """Crowds as they are must be paid: every refusal is a false alarm."""
    refused = []
    for crowd in crowds:
        say(f"attacks: none, {crowd.name}")
        if not settle_allowed(crowd.votes).allowed:
            refused.append(crowd.name)
    yield Row(
        "crowds without an attack that are refused",
        {"crowds": len(crowds)},
        len(refused),
        "crowds",
        bar=Bar(0),
        note=", ".join(refused),
    )


def _calibration(crowds: list[Crowd], say: Say) -> Iterator[Row]:
    """How far the score is from a probability: expected calibration error, ten bins, all attacks."""
    scores, bad = [], []
    for kind in BARS:
        for crowd in crowds:
            say(f"attacks: calibration, {kind}, {crowd.name}")
            attacked = inject(crowd.votes, crowd.right, kind, SHARE, _seed(crowd, 99))
            scores.append(suspicions(attacked.votes).score[attacked.judged])
            bad.append(attacked.bad[attacked.judged])
    score, attacks = np.concatenate(scores), np.concatenate(bad)
    place = np.minimum((score * 10).astype(int), 9)
    count = np.maximum(np.bincount(place, minlength=10), 1)
    gap = np.bincount(place, score, minlength=10) / count - np.bincount(place, attacks, minlength=10) / count
    error = float((np.abs(gap) * count).sum() / count.sum())
    yield Row(
        "calibration error of the suspicion", {"workers": score.size}, error, "ECE", note="all attacks mixed"
    )


def _runs(crowds: list[Crowd], seeds: int) -> Iterator[tuple[Crowd, int]]:
    """Every crowd with every seed, a crowd's seeds together."""
    return ((crowd, seed) for crowd in crowds for seed in range(seeds))


def _seed(crowd: Crowd, seed: int) -> int:
    """Another stream for every crowd and seed, the same on every machine."""
    return zlib.crc32(f"{crowd.name} {seed}".encode())


def _worst(values: list[float], seeds: int) -> float:
    return float(np.array(values).reshape(-1, seeds).mean(axis=1).min())
