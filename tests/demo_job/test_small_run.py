"""A small run of the whole job, as a user runs it: every figure of the summary against every other."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scripts.demo_job.requester import AGREEMENT_BONUS, PER_LABEL
from scripts.demo_job.service import FEE_BPS
from tests.demo_job.conftest import Start, processes_of

PATIENCE = 300


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert out.count("\n") == 1
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    """12 tasks, 5 workers, 4 of whom answer each task; one of them always says no; one truth is not known."""
    folder = tmp_path / "crowd"
    folder.mkdir()
    truth = {f"t{n}": "yes" if n % 3 else "no" for n in range(12)}
    with (folder / "labels.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("task", "worker", "label"))
        for number, (task, answer) in enumerate(truth.items()):
            for worker in ("ann", "bob", "cy", "dee", "no-sayer"):
                if worker != ("ann", "bob", "cy", "dee")[number % 4]:
                    rows.writerow((task, worker, "no" if worker == "no-sayer" else answer))
    with (folder / "truth.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("task", "label"))
        rows.writerows((task, "-1" if task == "t7" else answer) for task, answer in truth.items())
    return folder


def check_figures(found: dict[str, Any], parts: int = 1) -> None:
    """What has to hold between the figures of any run."""
    assert found["ok"] is True
    assert found["parts"] == parts
    assert found["failed"] == {}
    assert all(found["checks"].values())
    labels = found["labels"]
    assert found["labels_verified"] == labels
    assert found["labels_failed"] == 0
    assert found["labels_accepted"] + found["labels_rejected"] == labels
    paid = found["payouts_onchain"]
    assert found["payouts_expected"] == paid
    assert found["labels_accepted"] * PER_LABEL <= paid <= labels * (PER_LABEL + AGREEMENT_BONUS)
    assert paid % AGREEMENT_BONUS == 0
    assert found["fee"] == paid * FEE_BPS // 10_000
    most = found["items"] * found["labels_per_item"] * (PER_LABEL + AGREEMENT_BONUS)
    assert found["deposited"] == most + most * FEE_BPS // 10_000
    assert found["refund"] == found["deposited"] - paid - found["fee"]
    assert found["anchors"] >= 1
    # campaign, grants, assignment and label and review of each label, one truth an item, run, settlement
    assert found["log_size"] > 1 + found["workers"] + 3 * labels + found["items"] + 2
    assert found["gas_per_label"] == round(found["gas_total"] / labels, 1)
    assert found["gas_deployment"] > 1_000_000
    assert 0 < found["workers_paid"] <= found["payments_verified"] <= parts * found["workers"]
    assert sum(found["rejected_by"].values()) == found["labels_rejected"]
    before = ["start", "publish", "join", "match", "label", "judge"]
    after = ["claim", "refund", "download", "verify", "audit", "conclude"]
    assert list(found["seconds"]) == before + after


def test_a_small_run_on_digits_in_parts_adds_up_over_all_of_them(start_demo: Start) -> None:
    found = finish(start_demo("--items", "14", "--labels-per-item", "3", "--parts", "3", "--json"))
    check_figures(found, parts=3)
    assert (found["items"], found["workers"], found["labels"]) == (14, 24, 42)
    assert 0 <= found["accuracy_majority"] <= 1
    assert 0 <= found["accuracy_inferred"] <= 1


def test_more_parts_than_items_are_refused_before_anything_starts(start_demo: Start, place: Path) -> None:
    process = start_demo("--items", "3", "--parts", "4")
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert "--parts is 1 to 3" in err
    assert not (place / "state").exists()


def test_a_replayed_crowd_gives_its_own_answers_and_nothing_else(
    start_demo: Start, place: Path, crowd: Path
) -> None:
    found = finish(start_demo("--data", str(crowd), "--json"))
    check_figures(found)
    assert (found["items"], found["workers"], found["labels"]) == (12, 5, 48)
    assert found["checks"]["every label is the answer that its worker gave"] is True
    assert found["accuracy_majority"] == 1.0
    assert found["accuracy_inferred"] == 1.0
    assert processes_of(place) == []
    assert not list((place / "state").iterdir())


def test_bad_data_is_refused_before_anything_starts(start_demo: Start, place: Path, crowd: Path) -> None:
    (crowd / "truth.csv").unlink()
    process = start_demo("--data", str(crowd))
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert out == ""
    assert "truth.csv is missing" in err
    assert not (place / "state").exists()
