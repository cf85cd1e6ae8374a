"""Workers: whether intervals of skill cover, and screening from profiles and neighbours; part of
`scripts/bench truth`.

A crowd's truth is inferred without gold, the gold answers weigh and calibrate the members' posteriors, and
skills are made from these and the gold answers. Two questions are asked of the intervals.

New items: half of the items with a truth, with all their labels, are kept from inference. The number of
right answers among a worker's n labels there is compared with the distribution that the belief predicts
for n labels (beta-binomial): it is covered when it lies in the middle 90 % of it, and a count that
straddles an end is covered in part, as it has to be for discrete counts. So the check's own sample is
accounted for exactly.

Seen items: inference has all labels, and a worker's accuracy on the items with a truth that are not gold
shall lie in the interval. This accuracy is a sample too, so only workers are asked of whom there is enough
to see.

Screening learns from the part "train" of the graph and is measured on the part "val", which nothing is
chosen on.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reputation.crowd.graph import Graph, neighbour_means
from reputation.crowd.screening import Labelled, banned_share, train
from reputation.crowd.skill import LEVEL, Skills, skills
from reputation.gold.choice import fit_mixture
from reputation.truth.default import default
from reputation.truth.run import Floats, Known
from reputation.votes import Ints, Votes
from scripts.benches.report import Bar, Peer, Row
from scripts.benches.truth.crowds import Crowd, complete, read_crowd, wanted
from scripts.benches.truth.injected import area_under_curve
from scripts.programs import Stop

GOLD = 50
DRAWS = 5  # unless --draws asks for others
FEWEST, PLENTY = (
    10,
    30,
)  # labels with a truth from which a worker is looked at, on new and on seen items
FURTHEST = 5.0  # percent that coverage may be off its nominal 90
SCREENING_BAR = 0.84
TOLERANCE_PPM = 100
RATES = ("approved_rate", "skipped_rate", "expired_rate", "rejected_rate")

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Coverage:
    """Of one draw of gold.

    Attributes:
        new: how far each worker with `FEWEST` labels on new items or more is covered, 0..1.
        seen: whether each worker with `PLENTY` labels on seen items or more is, 0 or 1.
        width: of the intervals of the workers in `new`.
    """

    new: Floats
    seen: Floats
    width: Floats


def rows(arguments: argparse.Namespace, say: Say) -> list[Row]:
    """Coverage in all and by crowd, then screening.

    Raises:
        Stop: a crowd or the graph cannot be read.
    """
    found: dict[str, list[Coverage]] = {}
    for name in wanted(arguments):
        say(f"{name}: intervals of skills, {arguments.draws or DRAWS} draws of {GOLD} gold answers")
        found[name] = list(_coverages(read_crowd(arguments.data, name), arguments.draws or DRAWS))
    made = [*_in_all(found, complete(arguments)), *(_of(name, draws) for name, draws in found.items())]
    return made + (list(_screening(arguments.data / "tolokers", say)) if not arguments.sets else [])


def _coverages(crowd: Crowd, draws: int) -> Iterator[Coverage]:
    possible = np.flatnonzero(crowd.truth >= 0)
    random = np.random.default_rng([possible.size, 0x776F726B])
    kept = random.permutation(possible)[: possible.size // 2]
    away = np.isin(crowd.votes.item, crowd.item[kept])
    rest = _without(crowd.votes, away)
    of_all, of_rest = _members(crowd.votes), _members(rest)
    for _ in range(draws):
        there = np.setdiff1d(possible, kept)
        drawn = np.sort(random.choice(there, min(GOLD, there.size // 2), replace=False))
        gold = Known(crowd.item[drawn], crowd.truth[drawn])
        labels, right = _counts(crowd, away)
        belief = _skills(rest, of_rest, gold)
        low, high = belief.interval()
        some = labels >= FEWEST
        new = _predicted(belief, labels, right)
        labels, right = _counts(crowd, ~np.isin(crowd.votes.item, gold.item))
        seen = _inside(_skills(crowd.votes, of_all, gold), labels, right)
        yield Coverage(new[some], seen[labels >= PLENTY], (high - low)[some])


def _without(votes: Votes, away: NDArray[np.bool_]) -> Votes:
    """The votes that are not kept away, with the same items and workers."""
    left = ~away
    kept = votes.item[left], votes.worker[left], votes.answer[left]
    return Votes(*kept, votes.items, votes.workers, votes.classes)


def _members(votes: Votes) -> list[Floats]:
    return [run.posterior for run in default(votes, tolerance_ppm=TOLERANCE_PPM)]


def _skills(votes: Votes, members: list[Floats], gold: Known) -> Skills:
    mixture = fit_mixture([posterior[gold.item] for posterior in members], gold.answer)
    return skills(votes, mixture.apply(members), gold=gold)


def _counts(crowd: Crowd, chosen: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """[W] each: the labels among the chosen ones on items with a truth, and how many are right."""
    votes = crowd.votes
    truth = np.full(votes.items, -2)  # no truth
    truth[crowd.item] = crowd.truth
    with_truth = chosen & (truth[votes.item] > -2)
    right = with_truth & (truth[votes.item] == votes.answer)
    labels, good = (np.bincount(votes.worker[of], minlength=votes.workers) for of in (with_truth, right))
    return labels.astype(np.int64), good.astype(np.int64)


def _predicted(belief: Skills, labels: Ints, right: Ints) -> Floats:
    """[W]: which part of the count lies in the middle `LEVEL` of its predicted distribution."""
    below, upto = belief.predicted(labels, right)
    tail = (1 - LEVEL) / 2
    inside = np.minimum(upto, 1 - tail) - np.maximum(below, tail)
    return np.clip(inside / np.maximum(upto - below, 1e-12), 0, 1)


def _inside(belief: Skills, labels: Ints, right: Ints) -> Floats:
    """[W]: 1 where the accuracy is in the interval, else 0."""
    low, high = belief.interval()
    accuracy = right / np.maximum(labels, 1)
    return ((low <= accuracy) & (accuracy <= high)).astype(np.float64)


def _in_all(found: dict[str, list[Coverage]], whole: bool) -> Iterator[Row]:
    each = [one for draws in found.values() for one in draws]
    sizes = {"crowds": len(found), "draws": len(each) // len(found), "gold": GOLD}
    for what, values, fewest in (
        ("new items", [one.new for one in each if one.new.size], FEWEST),
        ("seen items", [one.seen for one in each if one.seen.size], PLENTY),
    ):
        all_of_them = np.concatenate(values)
        share = 100 * float(all_of_them.mean())
        yield Row(
            f"90 % interval of skill: coverage off 90 % on {what}",
            sizes | {"workers": all_of_them.size},
            abs(share - 100 * LEVEL),
            "%",
            bar=Bar(FURTHEST) if whole else None,
            note=f"covers {share:.1f} %, mean of crowds {100 * np.mean([v.mean() for v in values]):.1f} %; "
            f"workers with at least {fewest} labels on items with a truth",
        )


def _of(name: str, draws: list[Coverage]) -> Row:
    def mean(values: list[Floats]) -> float:
        seen = np.concatenate(values)
        return float(seen.mean()) if seen.size else float("nan")

    new, seen = mean([one.new for one in draws]), mean([one.seen for one in draws])
    said = (
        f"seen items {100 * seen:.1f} %" if seen == seen else f"no worker with {PLENTY} labels on seen items"
    )
    return Row(
        f"{name}: coverage on new items",
        {"workers": draws[0].new.size, "draws": len(draws)},
        100 * new,
        "% of workers",
        note=f"{said}; intervals {mean([one.width for one in draws]):.3f} wide",
    )


@dataclass(frozen=True, eq=False)
class _Tolokers:
    profiles: Floats
    graph: Graph
    labelled: Labelled
    held_out: Labelled


def _screening(folder: Path, say: Say) -> Iterator[Row]:
    data = _read_tolokers(folder)
    place, banned = data.held_out.worker, data.held_out.banned

    def row(
        what: str, score: Floats, peer: Peer | None = None, bar: Bar | None = None, note: str = ""
    ) -> Row:
        area = area_under_curve(score[place], banned)
        say(f"tolokers: {what}: AUC {area:.4f}")
        sizes = {"workers": data.graph.workers, "labelled": data.labelled.worker.size, "judged": place.size}
        return Row(f"screening: {what}", sizes, area, "AUC", peer, bar, note)

    boosted = _boosted(data, data.profiles)
    peer = Peer("scikit-learn", "gradient boosting on profiles", area_under_curve(boosted[place], banned))
    say(f"tolokers: {peer.what}: AUC {peer.figure:.4f}; training the network")
    screener = train(data.profiles, data.graph, data.labelled)
    network = screener.screen(data.profiles, data.graph, data.labelled).log_odds
    yield row("graph network", network, peer, Bar(SCREENING_BAR, "floor"))
    yield row("graph network: times the area of profiles alone", network, peer, Bar(1.0, "ratio"))
    share = banned_share(data.graph, data.labelled)
    yield row("share of banned among labelled neighbours", share, note="baseline")
    around = _neighbourhood(data, share)
    yield row("gradient boosting with neighbours' means", _boosted(data, around), note="baseline")


def _neighbourhood(data: _Tolokers, share: Floats) -> Floats:
    """Profiles, degree, means of neighbours' profiles, and the share of banned neighbours."""
    means = neighbour_means(data.graph, data.profiles)
    return np.column_stack([data.profiles, data.graph.degree(), means, share])


def _boosted(data: _Tolokers, columns: Floats) -> Floats:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(learning_rate=0.03, max_iter=200, max_leaf_nodes=8, random_state=0)
    place = data.labelled.worker
    found: Floats = model.fit(columns[place], data.labelled.banned).predict_proba(columns)[:, 1]
    return found


def _read_tolokers(folder: Path) -> _Tolokers:
    try:
        with (folder / "nodes.csv").open(encoding="utf-8", newline="") as file:
            nodes = list(csv.DictReader(file))
        with np.load(folder / "edges.npz") as edges:
            graph = Graph.of(edges["edges"].astype(np.int64), len(nodes))
    except OSError as error:
        raise Stop(f"the graph of workers is not at {folder}: {error}") from error
    rates = np.array([[float(node[name]) for name in RATES] for node in nodes])
    kinds = [
        _columns([node[name] for node in nodes])
        for name in ("education", "english_profile", "english_tested")
    ]
    split = np.array([node["split"] for node in nodes])
    banned = np.array([node["banned"] == "1" for node in nodes])

    def part(name: str) -> Labelled:
        place = np.flatnonzero(split == name)
        return Labelled(place, banned[place])

    return _Tolokers(np.column_stack([rates, *kinds]), graph, part("train"), part("val"))


def _columns(values: list[str]) -> NDArray[np.float64]:
    """A column for each value, the first one left out where there are only two."""
    levels = sorted(set(values))
    return np.array([[float(value == level) for level in levels[len(levels) == 2 :]] for value in values])
