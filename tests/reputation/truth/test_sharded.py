"""Real processes, joined by torchrun's rendezvous over gloo, reading Parquet from the disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from reputation.truth.default import default
from reputation.truth.run import TruthRun
from reputation.truth.stream import Shard, read_parquet
from tests.reputation.conftest import simulate

ITEMS, WORKERS = 900, 25
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    skills = np.linspace(0.4, 0.95, WORKERS)
    crowd = simulate(items=ITEMS, workers=WORKERS, classes=3, per_item=4, skills=skills, seed=9).votes
    path = tmp_path_factory.mktemp("sharded") / "labels.parquet"
    columns = {"task": [f"item {i}" for i in crowd.item], "worker": crowd.worker, "label": crowd.answer}
    parquet.write_table(pyarrow.table(columns), path)
    return path


@pytest.fixture(scope="module")
def alone(labels: Path) -> tuple[Shard, tuple[TruthRun, TruthRun]]:
    shard = read_parquet(labels)
    return shard, default(shard.votes)


def infer(labels: Path, out: Path, processes: int) -> dict[str, Any]:
    """The entry point in so many processes; what the first one says."""
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        str(processes),
    ]
    command += ["-m", "reputation.truth.sharded", str(labels), "--out", str(out)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.mark.parametrize("processes", [2, 4])
def test_shards_find_what_one_process_finds_bit_for_bit(
    labels: Path, alone: tuple[Shard, tuple[TruthRun, TruthRun]], tmp_path: Path, processes: int
) -> None:
    shard, runs = alone
    said = infer(labels, tmp_path, processes)
    assert [member["iterations"] for member in said["members"]] == [run.iterations for run in runs]
    assert [member["objective"] for member in said["members"]] == [run.log_likelihood[-1] for run in runs]
    for run in runs:
        with np.load(tmp_path / f"{run.method}.npz") as arrays:
            assert arrays["confusion"].tobytes() == run.confusion.tobytes()
            assert arrays["prevalence"].tobytes() == run.prevalence.tobytes()
    posterior = (runs[0].posterior + runs[1].posterior) / 2
    expected = dict(zip(shard.items, posterior.tolist(), strict=True))
    files = sorted(tmp_path.glob("answers-*.parquet"))
    assert len(files) == processes
    tables = [parquet.read_table(name).to_pylist() for name in files]
    assert min(len(table) for table in tables) > ITEMS / processes / 2
    found = {row["task"]: row["posterior"] for table in tables for row in table}
    assert found == expected
    answers = {row["task"]: row["label"] for table in tables for row in table}
    assert all(answers[item] == int(np.argmax(expected[item])) for item in shard.items)


def test_the_entry_point_explains_itself() -> None:
    command = [sys.executable, "-m", "reputation.truth.sharded", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert "answers-RANK-of-SIZE.parquet" in " ".join(done.stdout.split())
