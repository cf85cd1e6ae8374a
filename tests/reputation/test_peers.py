"""crowd-kit's answers and ours, on every real crowd. It runs where `scripts/bench truth` has installed it."""

from __future__ import annotations

import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from reputation import majority_vote
from reputation.files import LabelFile, read_labels
from reputation.truth.methods import METHODS
from scripts.benches.truth import peers
from tests.reputation.conftest import SHARED

PROGRAM = Path(__file__).parent / "crowdkit_answers.py"
PYTHON = Path(os.environ.get("CROWDLEDGER_PEERS", peers.PYTHON))
ITERATIONS = 4
SETS = [
    "bluebirds",
    "rte",
    "temp",
    "sp",
    "sp_amt",
    "d_product",
    "mozafari",
    "trec",
    "trec2011",
    "med_treat",
    "dog",
    "face",
    "labelme",
    "s_adult",
    "s_rel",
    "fact_eval",
]
FOR_GLAD = {"bluebirds", "temp", "labelme"}  # on the larger ones it takes minutes


@cache
def answers(name: str) -> tuple[LabelFile, dict[str, Any]]:
    """The set, and what crowd-kit says of it."""
    path = SHARED / "data" / name / "labels.csv"
    if not path.is_file():
        pytest.skip(f"the real crowd {name} is not at {path.parent} (set CROWDLEDGER_SHARED)")
    if not PYTHON.is_file():
        pytest.skip(
            f"crowd-kit is not installed at {PYTHON}: run scripts/bench truth once (or set CROWDLEDGER_PEERS)"
        )
    glad = "30" if name in FOR_GLAD else "0"
    command = [str(PYTHON), "-I", "-W", "ignore", str(PROGRAM), str(path), str(ITERATIONS), glad]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    return read_labels(path), json.loads(done.stdout)


def indices(file: LabelFile, labels: dict[str, str]) -> NDArray[np.int64]:
    place = {label: position for position, label in enumerate(file.labels)}
    return np.array([place[labels[task]] for task in file.tasks])


@pytest.mark.parametrize("name", SETS)
def test_the_majority_is_the_same_but_for_ties(name: str) -> None:
    file, theirs = answers(name)
    run = majority_vote(file.votes)
    assert (run.answer == indices(file, theirs["majority"]))[~run.tied].all()


@pytest.mark.parametrize("name", SETS)
def test_maximum_likelihood_takes_the_same_steps(name: str) -> None:
    """Both start from the shares of the votes. They differ in what stands for a probability of nought (1e-10
    there, 1e-12 here), which decides items whose answers contradict every class, and those the rest a little.
    """
    file, theirs = answers(name)
    posterior = METHODS["dawid-skene-ml"](
        file.votes, tolerance_ppm=1, max_iterations=ITERATIONS - 1
    ).posterior
    rows = theirs["dawid-skene"]
    found = np.array([[rows[task].get(label, 0.0) for label in file.labels] for task in file.tasks])
    apart = np.abs(posterior - found).max(axis=1)
    assert np.median(apart) < 1e-3
    assert (apart < 1e-2).mean() > 0.999


@pytest.mark.parametrize("name", sorted(FOR_GLAD))
def test_glad_gives_nearly_the_same_answers(name: str) -> None:
    """The model is the same; theirs climbs by a fixed number of conjugate gradient steps."""
    file, theirs = answers(name)
    ours = METHODS["glad"](file.votes).posterior.argmax(axis=1)
    assert (ours == indices(file, theirs["glad"])).mean() > 0.97
