"""The bench of truth inference, on a small crowd that is planted here."""

from __future__ import annotations

import argparse
import csv
import importlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from scripts import benches
from scripts.benches import truth
from scripts.benches.report import Bar, Peer, Row
from scripts.benches.truth import accuracy, attacks, crowds, features, gold, peers, speed
from scripts.benches.truth.measures import Score, f1, score
from scripts.programs import Stop
from tests.reputation.conftest import simulate

ITEMS, WORKERS = 120, 12


def quiet(text: str) -> None:
    """Nobody listens."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one crowd of two classes, "planted", whose items have features."""
    folder = tmp_path_factory.mktemp("crowds") / "planted"
    folder.mkdir()
    skills = np.linspace(0.55, 0.95, WORKERS)
    crowd = simulate(items=ITEMS, workers=WORKERS, classes=2, per_item=4, skills=skills, seed=1)
    rows = zip(crowd.votes.item, crowd.votes.worker, crowd.votes.answer, strict=True)
    write(folder / "labels.csv", ("task", "worker", "label"), rows)
    write(folder / "truth.csv", ("task", "label"), zip(crowd.item, crowd.truth, strict=True))
    noise = np.random.default_rng(2).normal(size=(ITEMS, 2))
    np.savez(folder / "features.npz", x=(np.eye(2)[crowd.truth] + noise / 2).astype(np.float16))
    return folder.parent


def write(path: Path, header: tuple[str, ...], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def given(data: Path, **named: object) -> argparse.Namespace:
    return argparse.Namespace(
        **{"data": data, "sets": ("planted",), "draws": 2, "no_peers": True, "only": truth.PARTS} | named
    )


def test_the_bench_writes_one_report_about_a_planted_crowd(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--only", "gold,features", "--data", str(data), "--sets", "planted", "--draws", "1"]
    assert benches.main(["truth", *arguments, "--no-peers"]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert report["bench"] == "truth"
    assert report["conditions"]["parts"] == ["gold", "features"]
    assert "scikit-learn" in report["versions"]
    named = [row["what"] for row in report["rows"]]
    assert "planted, gained by gold" in named
    assert "planted, with features" in named
    assert "part gold" in err


def test_every_method_is_in_the_table_of_accuracies(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {name: accuracy.METHODS[name] for name in ("majority", "hierarchical")}
    monkeypatch.setattr(accuracy, "METHODS", chosen)
    found = {row.what: row for row in accuracy.rows(given(data), quiet)}
    for method in ("default", *chosen):
        figures = found[f"planted, {method}"].figures
        assert set(figures) == {"accuracy", "f1", "ece", "nll", "seconds"}
        assert 60 < figures["accuracy"] <= 100
    assert found["mean accuracy, default"].ours == pytest.approx(found["planted, default"].ours)
    assert found["mean accuracy, default"].bar is None  # the bar is about the sixteen real crowds


def test_crowd_kit_is_asked_in_an_environment_of_its_own(data: Path) -> None:
    if not peers.PYTHON.exists():
        pytest.skip("crowd-kit is not installed: scripts/bench truth installs it")
    crowd = crowds.read_crowd(data, "planted")
    said: list[str] = []
    found = accuracy.peer_score(crowd, "Wawa", said.append)
    assert found is not None, said
    assert found.accuracy > 60
    assert accuracy.peer_score(crowd, "NoSuchMethod", said.append) is None
    assert "NoSuchMethod did not finish" in said[-1]


def test_gold_is_measured_on_the_other_items(data: Path) -> None:
    crowd = crowds.read_crowd(data, "planted")
    found = gold.draw(crowd, gold.infer(crowd.votes), 0, size=30)
    others = found.after.accuracy - found.before.accuracy
    # What is gained on all items is that on the others, and what was wrong among the gold ones.
    assert found.whole >= others * (ITEMS - 30) / ITEMS - 1e-9
    assert found.after.ece < 0.25


def test_features_that_help_are_seen_to_help(data: Path) -> None:
    least, planted = features.rows(given(data), quiet)
    assert least.ours is not None
    assert least.ours > 0
    assert least.met
    assert planted.sizes["features"] == 2


def scores(value: float) -> dict[str, Score]:
    return {name: Score(value, value, 0.1, 0.5, 1.0) for name in crowds.CATEGORICAL}


def test_the_bars_of_accuracy_are_the_promised_ones() -> None:
    theirs = {"DawidSkene": scores(80.0), "Wawa": scores(79.0)}
    ours = scores(80.26)
    met = {row.what: row.met for row in accuracy.means({"default": ours}, theirs, whole=True)}
    assert list(met.values()) == [True, True, True]
    behind = ours | {"rte": Score(78.9, 90.0, 0.1, 0.5, 1.0)}
    mean, macro, worst = accuracy.means({"default": behind}, theirs, whole=True)
    assert (mean.met, macro.met, worst.met) == (False, True, False)
    assert "rte: 78.90 beside 80.00" in worst.note
    # A peer that did not finish everywhere has no mean to be held to.
    lame = theirs | {"GLAD": {"rte": Score(99.0, 99.0, 0.1, 0.5, 1.0)}}
    assert accuracy.means({"default": ours}, lame, whole=True)[0].peer == Peer(
        "crowd-kit", "DawidSkene, its best single method", pytest.approx(80.0)
    )


def test_the_bars_of_gold_are_the_promised_ones() -> None:
    before = Score(80.0, 80.0, 0.2, 1.0, 1.0)
    good = gold.Draw(before, Score(80.91, 81.0, 0.055, 0.45, 1.0), 2.0)
    bad = gold.Draw(before, Score(80.8, 81.0, 0.06, 0.46, 1.0), 2.0)
    assert [row.met for row in gold.means([[good]], whole=True)] == [True, None, True, True]
    assert [row.met for row in gold.means([[bad]], whole=True)] == [False, None, False, False]
    assert all(row.met is None for row in gold.means([[bad]], whole=False))


def test_f1_is_of_the_positive_class_or_the_mean_of_all() -> None:
    answer, right = np.array([1, 1, 0, 0]), np.array([1, 0, 1, 0])
    assert f1(answer, right, 2, positive=1) == 0.5
    assert f1(np.array([2, 2, 1]), np.array([2, 1, 1]), 3, positive=None) == pytest.approx(2 / 3)
    assert f1(np.array([0]), np.array([0]), 2, positive=1) == 0.0


def test_a_class_that_nobody_gave_cannot_be_right() -> None:
    found = score(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 0]), np.array([0, -1]), 1)
    assert found.accuracy == 50.0
    assert found.nll == pytest.approx(27.6 / 2, abs=0.1)


def test_more_is_better_where_right_answers_are_counted() -> None:
    peer = Peer("crowd-kit", "DawidSkene", 80.0)
    assert Row("mean", {}, 88.0, "% right", peer, Bar(81.0, "floor")).ratio == pytest.approx(1.1)
    assert Row("error", {}, 88.0, "ECE", peer).ratio == pytest.approx(80 / 88)


def test_a_part_is_offered_where_its_module_is() -> None:
    assert {"accuracy", "gold", "features"} <= set(truth.PARTS)
    for part in truth.PARTS:
        assert callable(importlib.import_module(f"scripts.benches.truth.{part}").rows)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--data", "/nowhere"], "there are no crowds at /nowhere"),
        (["--sets", "planted,nobody"], "there is no crowd nobody"),
    ],
)
def test_absent_crowds_are_said_to_be_absent(
    data: Path, arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert benches.main(["truth", "--only", "gold", "--data", str(data), *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert reason in err


@pytest.mark.parametrize("wrong", [["--only", "magic"], ["--only", ""], ["--draws", "0"], ["--labels", "5"]])
def test_arguments_that_mean_nothing_are_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit):
        truth.parser().parse_args(wrong)


def test_attacks_are_put_into_the_crowds_that_were_asked_for(data: Path) -> None:
    said: list[str] = []
    assert attacks.rows(given(data), said.append) == []
    assert said == ["attacks: none of " + ", ".join(attacks.CROWDS) + " was asked for"]
    with pytest.raises(Stop, match="rte"):
        attacks.rows(given(data, sets=("rte",)), said.append)


def test_a_gpu_is_measured_where_there_is_one_and_else_said_not_to_be() -> None:
    import torch

    row = speed._gpu(200_000, lambda _: None)
    assert (row.ours is not None) == torch.cuda.is_available()
    assert ("no GPU" in row.note) == (not torch.cuda.is_available())
