"""`crowdledger infer`, as it is typed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import reputation
from scripts.cli import infer, main

TRUTH = [n % 2 for n in range(40)]


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    """40 tasks, four workers who are mostly right and one who always turns the answer round."""
    random = np.random.default_rng(5)
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        write = csv.writer(file)
        write.writerow(["task", "worker", "label"])
        for task, right in enumerate(TRUTH):
            for worker, chance in (("ann", 0.9), ("bob", 0.85), ("cid", 0.8), ("dot", 0.8), ("eve", 0.0)):
                write.writerow(
                    [f"t{task}", worker, ("no", "yes")[right if random.random() < chance else 1 - right]]
                )
    for name, some in (("truth", range(40)), ("gold", range(0, 40, 2)), ("gold2", range(4))):
        rows = "".join(f"t{n},{('no', 'yes')[TRUTH[n]]}\n" for n in some)
        (tmp_path / f"{name}.csv").write_text(f"task,label\n{rows}")
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, object]:
    assert main(["infer", *map(str, arguments), "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_answers_and_workers_come_out_with_how_sure_they_are(
    crowd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(capsys, crowd / "labels.csv", "--truth", crowd / "truth.csv")
    assert found["method"] == "default"
    assert found["calibrated"] is False
    right = [found["answers"][f"t{n}"]["label"] == ("no", "yes")[TRUTH[n]] for n in range(40)]  # type: ignore[index]
    assert found["truth"]["accuracy"] == sum(right) / 40 >= 0.9  # type: ignore[index]
    crowd_skill = {name: row["skill"] for name, row in found["crowd"].items()}  # type: ignore[attr-defined]
    assert min(crowd_skill, key=lambda name: crowd_skill[name]) == "eve"
    assert all(row["low"] <= row["skill"] <= row["high"] for row in found["crowd"].values())  # type: ignore[attr-defined]


def test_the_order_of_the_rows_changes_nothing(crowd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = told(capsys, crowd / "labels.csv")
    head, *rows = (crowd / "labels.csv").read_text().splitlines()
    (crowd / "turned.csv").write_text("\n".join([head, *reversed(rows)]))
    assert told(capsys, crowd / "turned.csv") == first


def test_gold_calibrates_and_is_left_out_of_the_measure(
    crowd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ("--gold", crowd / "gold.csv", "--truth", crowd / "truth.csv")
    found = told(capsys, crowd / "labels.csv", *files)
    assert found["calibrated"] is True
    assert found["gold"] == 20
    assert found["truth"]["tasks"] == 20  # type: ignore[index]
    assert all(found["answers"][f"t{n}"] == {"label": "no", "confidence": 1.0} for n in range(0, 40, 2))  # type: ignore[index]


def test_too_little_gold_is_said(crowd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, crowd / "labels.csv", "--gold", crowd / "gold2.csv", "--method", "one-coin")
    assert found["calibrated"] is False
    assert "4 gold answers" in found["notes"][0]  # type: ignore[index]


def test_a_run_is_written_drawn_and_logged(crowd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, plot, runs = crowd / "answers.csv", crowd / "run.svg", crowd / "runs"
    files = ("--truth", crowd / "truth.csv", "--out", out, "--plot", plot, "--log-dir", runs)
    assert main(["infer", *map(str, (crowd / "labels.csv", *files))]) == 0
    said = capsys.readouterr().out
    assert "200 labels by 5 workers on 40 tasks" in said
    assert "measured on 40 tasks: accuracy" in said
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["task"] for row in rows} == {f"t{n}" for n in range(40)}
    assert all(0.5 <= float(row["confidence"]) <= 1 for row in rows)
    assert b"<svg" in plot.read_bytes()
    assert len(list(runs.glob("events.out.tfevents.*"))) == 1


def test_a_parquet_file_gives_what_the_csv_file_gives(
    crowd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import pyarrow
    from pyarrow import parquet

    with (crowd / "labels.csv").open(newline="") as file:
        parquet.write_table(pyarrow.Table.from_pylist(list(csv.DictReader(file))), crowd / "labels.parquet")
    assert told(capsys, crowd / "labels.parquet") == told(capsys, crowd / "labels.csv")


def test_numbers_are_inferred_as_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(2)
    true = random.normal(50, 10, 60)
    rows = [
        f"t{task},w{worker},{value + 8 * worker + random.normal(0, 1 + worker)}"
        for task, value in enumerate(true)
        for worker in range(4)
    ]
    (tmp_path / "labels.csv").write_text("\n".join(["task,worker,label", *rows]))
    found = told(capsys, tmp_path / "labels.csv", "--method", "numeric")
    value = [found["answers"][f"t{n}"]["value"] for n in range(60)]  # type: ignore[index]
    assert np.corrcoef(value, true)[0, 1] > 0.99
    mean = told(capsys, tmp_path / "labels.csv", "--method", "mean")
    assert np.corrcoef([mean["answers"][f"t{n}"]["value"] for n in range(60)], true)[0, 1] < 0.99  # type: ignore[index]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.csv"], "no file nowhere.csv"),
        (["{}/labels.csv", "--gold", "{}/labels2.csv"], "no file"),
        (["{}/labels.csv", "--method", "numeric"], "no finite number"),
        (["{}/labels.csv", "--method", "mean", "--gold", "{}/gold.csv"], "takes no --gold"),
        (["{}/labels.csv", "--plot", "{}/run.bmp"], r".svg"),
        (["{}/labels.csv", "--out", "{}/no/answers.csv"], "there is no folder"),
    ],
)
def test_input_that_does_not_fit_is_refused_in_words(
    crowd: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(["infer", *(one.format(crowd) for one in arguments)]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.out == ""


def test_every_method_of_the_library_can_be_named() -> None:
    assert ("default", *reputation.METHODS) == infer.METHODS
