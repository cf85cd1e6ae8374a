"""The full table: every method, ours and crowd-kit's, on every crowd. Part of `scripts/bench truth`."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from reputation import Votes
from reputation.gold.infer import DEFAULT, infer
from reputation.truth.methods import METHODS
from scripts.benches.report import Bar, Peer, Row
from scripts.benches.truth import peers
from scripts.benches.truth.crowds import Crowd, complete, read_crowd, wanted
from scripts.benches.truth.measures import Score, score
from scripts.programs import Stop

PEERS = (
    "MajorityVote", "Wawa", "ZeroBasedSkill", "DawidSkene", "OneCoinDawidSkene", "GLAD", "MACE", "MMSR", "KOS"
)  # fmt: skip
PEER = "crowd-kit"
REFERENCE = "DawidSkene"  # its best single method, on the mean
PEER_GIBIBYTES, PEER_PATIENCE = 8, 300
BINARY_ONLY = ("KOS",)
LEAD, MOST_BEHIND = 0.25, -1.0  # points
PROGRAM = Path(__file__).parent / "crowdkit_methods.py"

Say = Callable[[str], None]
Scores = dict[str, dict[str, Score]]  # by method, then by crowd


def rows(arguments: argparse.Namespace, say: Say) -> list[Row]:
    """Means with their bars first, then a row for each crowd and method.

    Raises:
        Stop: a crowd cannot be read, or the peers cannot be installed.
    """
    with_peers = not getattr(arguments, "no_peers", False)
    if with_peers:
        peers.install()
    ours: Scores = {}
    theirs: Scores = {}
    crowds = {}
    for name in wanted(arguments):
        crowd = crowds[name] = read_crowd(arguments.data, name)
        for method in (DEFAULT, *METHODS):
            say(f"{name}: {method}")
            ours.setdefault(method, {})[name] = our_score(crowd, method)
        for method in PEERS if with_peers else ():
            say(f"{name}: crowd-kit's {method}")
            found = peer_score(crowd, method, say)
            if found is not None:
                theirs.setdefault(method, {})[name] = found
    sizes = {name: crowd.sizes for name, crowd in crowds.items()}
    return [*means(ours, theirs, complete(arguments)), *table(ours, theirs, sizes)]


def our_score(crowd: Crowd, method: str) -> Score:
    """One method of ours on one crowd."""
    begun = time.perf_counter()
    found = infer(crowd.votes, method=method)
    seconds = time.perf_counter() - begun
    return score(found.posterior[crowd.item], found.answer[crowd.item], crowd.truth, crowd.positive, seconds)


def peer_score(crowd: Crowd, method: str, say: Say) -> Score | None:
    """One of crowd-kit's, in a process of its own; None where it cannot, which is said."""
    if method in BINARY_ONLY and crowd.votes.classes > 2:
        return None
    with tempfile.TemporaryDirectory(prefix="crowdledger-truth-") as folder:
        room = Path(folder)
        _save(crowd.votes, room)
        numbers = (PEER_GIBIBYTES, crowd.votes.items, crowd.votes.classes)
        try:
            told = peers.ask(PROGRAM, [method, folder, *map(str, numbers)], patience=PEER_PATIENCE)
        except Stop as error:
            lines = str(error).strip().splitlines()
            say(f"{crowd.name}: crowd-kit's {method} did not finish: {lines[-1]}")
            return None
        posterior, answer = np.load(room / "posterior.npy"), np.load(room / "labels.npy")
    return score(
        posterior[crowd.item], answer[crowd.item], crowd.truth, crowd.positive, float(told["seconds"])
    )


def _save(votes: Votes, folder: Path) -> None:
    for name in ("item", "worker", "answer"):
        np.save(folder / f"{name}.npy", np.asarray(getattr(votes, name), dtype=np.int64))


def means(ours: Scores, theirs: Scores, whole: bool) -> list[Row]:
    """The default over all crowds, beside crowd-kit's best single method; bars where all crowds are there."""
    default = ours[DEFAULT]
    sizes = {"crowds": len(default)}
    full = {method: found for method, found in theirs.items() if found.keys() == default.keys()}
    if not full:
        return [
            Row("mean accuracy, default", sizes, mean(default, "accuracy"), "% right"),
            Row("mean F1, default", sizes, mean(default, "f1"), "% F1"),
        ]
    best = max(full, key=lambda method: mean(full[method], "accuracy"))
    accuracy = mean(full[best], "accuracy")
    made = [
        Row(
            "mean accuracy, default",
            sizes,
            mean(default, "accuracy"),
            "% right",
            Peer(PEER, f"{best}, its best single method", accuracy),
            Bar(accuracy + LEAD, "floor") if whole else None,
            f"the bar is the peer's mean and {LEAD} points; twice that is the aim",
        )
    ]
    return [*made, *_beside(default, full[REFERENCE], whole)] if REFERENCE in full else made


def _beside(default: Mapping[str, Score], reference: Mapping[str, Score], whole: bool) -> list[Row]:
    """The default beside the peer's method that the bars name."""
    sizes = {"crowds": len(default)}
    floor = mean(reference, "f1")
    worst = min(default, key=lambda name: default[name].accuracy - reference[name].accuracy)
    behind = default[worst].accuracy - reference[worst].accuracy
    return [
        Row(
            "mean F1, default",
            sizes,
            mean(default, "f1"),
            "% F1",
            Peer(PEER, REFERENCE, floor),
            Bar(floor, "floor") if whole else None,
        ),
        Row(
            f"the crowd where the default is worst beside {PEER}'s {REFERENCE}",
            sizes,
            behind,
            "points",
            None,
            Bar(MOST_BEHIND, "floor"),
            f"{worst}: {default[worst].accuracy:.2f} beside {reference[worst].accuracy:.2f}",
        ),
    ]


def mean(found: Mapping[str, Score], figure: str) -> float:
    """Over the crowds."""
    return float(np.mean([getattr(one, figure) for one in found.values()]))


def table(ours: Scores, theirs: Scores, sizes: Mapping[str, Mapping[str, int]]) -> list[Row]:
    """A row for each crowd and method; the default's beside crowd-kit's Dawid-Skene."""
    made = []
    for name, size in sizes.items():
        reference = theirs.get(REFERENCE, {}).get(name)
        for method, found in ours.items():
            one = found[name]
            peer = Peer(PEER, REFERENCE, reference.accuracy) if reference and method == DEFAULT else None
            made.append(Row(f"{name}, {method}", size, one.accuracy, "% right", peer, figures=one.figures()))
        for method, found in theirs.items():
            if name in found:
                peer = Peer(PEER, method, found[name].accuracy)
                what = f"{name}, {PEER}'s {method}"
                made.append(Row(what, size, None, "% right", peer, figures=found[name].figures()))
    return made
