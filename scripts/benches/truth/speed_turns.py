"""What is measured about speed, each in a process of its own so that its peak of memory is its own.

    python -m scripts.benches.truth.speed_turns TURN LABELS [FOLDER]

Prints one JSON object. The crowd is simulated: five answers an item by different workers, 1,000 labels a
worker, four classes, one-coin workers between a third and nearly always right, in the order of arrival.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reputation.votes import Votes

CLASSES, PER_ITEM, PER_WORKER = 4, 5, 1_000
CHUNK = 1 << 13  # items at a time while the crowd is made: what that takes is no part of the peak
ITERATIONS = 3
SINGLE, TOGETHER = 20_000, 1_024  # labels one by one, and how many at once after that

Columns = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]


def crowd(labels: int, order: str = "arrival") -> tuple[Columns, int, int]:
    """Item, worker and answer as read-only int32 arrays; the numbers of items and workers.

    In the order of "arrival" an item's labels are far apart, as a crowd gives them; "grouped" is by item.
    """
    items, workers = labels // PER_ITEM, max(50, labels // PER_WORKER)
    random = np.random.default_rng(0)
    skills = random.uniform(1 / 3, 0.98, workers)
    columns = [np.empty(items * PER_ITEM, dtype=np.int32) for _ in range(3)]
    for start in range(0, items, CHUNK):
        item = np.repeat(np.arange(start, min(items, start + CHUNK), dtype=np.int32), PER_ITEM)
        # Five workers on a circle of all of them, as far from one another as chance will have it: distinct.
        first, apart = random.integers(workers, size=(2, item.size // PER_ITEM))
        steps = (1 + apart % (workers // PER_ITEM - 1))[:, None] * np.arange(PER_ITEM)
        worker = ((first[:, None] + steps) % workers).reshape(-1)
        true = item % CLASSES
        wrong = (true + random.integers(1, CLASSES, size=item.size)) % CLASSES
        answer = np.where(random.random(item.size) < skills[worker], true, wrong)
        at = slice(start * PER_ITEM, start * PER_ITEM + item.size)
        for column, part in zip(columns, (item, worker, answer), strict=True):
            column[at] = part
    if order == "arrival":
        turn = np.arange(items * PER_ITEM, dtype=np.int32)
        random.shuffle(turn)
        for column in columns:
            column[:] = column[turn]
    for column in columns:
        column.setflags(write=False)
    return (columns[0], columns[1], columns[2]), items, workers


def fit(labels: int, model_name: str, order: str = "arrival") -> dict[str, float]:
    """Seconds of processor time of each part; bytes a label above the input at the peak."""
    from reputation.truth.core import Layout
    from reputation.truth.hierarchical import hierarchical
    from reputation.truth.latent import climb
    from reputation.truth.sharded import MODELS

    hierarchical(Votes(np.arange(2), np.arange(2), np.arange(2), 2, 2, CLASSES))  # loads what is loaded once
    columns, items, workers = crowd(labels, order)
    model = MODELS[model_name]()[0]
    before = _resident()
    began = time.process_time()
    votes = Votes(*columns, items, workers, CLASSES)  # type: ignore[arg-type]
    checked = time.process_time()
    layout = Layout.of(votes)
    indexed = time.process_time()
    climb(model, layout, -1.0, 1)
    one = time.process_time()
    course = climb(model, layout, -1.0, 1 + ITERATIONS)
    many = time.process_time()
    posterior = layout.posterior(course.fit.table(), course.fit.log_prevalence)
    ended = time.process_time()
    right = float((posterior.argmax(axis=1) == np.arange(items) % CLASSES).mean())
    return {
        "check": checked - began,
        "index": indexed - checked,
        "one": one - indexed,
        "more": many - one,
        "posterior": ended - many,
        "bytes a label": (_peak() - before) / labels,
        "peak": _peak(),
        "accuracy": right,
    }


def gpu(labels: int) -> dict[str, Any]:
    """Seconds of an iteration of maximum-likelihood Dawid-Skene on the GPU; its peak of memory in bytes."""
    from reputation.truth.core import Layout
    from reputation.truth.device import gpu_peak, wait_for_gpu
    from reputation.truth.latent import climb
    from reputation.truth.sharded import MODELS

    columns, items, workers = crowd(labels)
    votes = Votes(*columns, items, workers, CLASSES)  # type: ignore[arg-type]
    layout = Layout.of(votes, "cuda")
    model = MODELS["dawid-skene-ml"]()[0]
    climb(model, layout, -1.0, 1)  # loads what is loaded once
    seconds = []
    for iterations in (1, 1 + ITERATIONS):
        wait_for_gpu()
        began = time.perf_counter()
        climb(model, layout, -1.0, iterations)
        wait_for_gpu()
        seconds.append(time.perf_counter() - began)
    return {
        "iteration": (seconds[1] - seconds[0]) / ITERATIONS,
        "memory": gpu_peak(),
    }


def online(labels: int) -> dict[str, float]:
    """Seconds a label, singly and many at once, and bytes a label."""
    from reputation.truth.online import OnlineTruth

    columns, items, _ = crowd(labels)
    before = _resident()
    truth = OnlineTruth(CLASSES)
    began = time.perf_counter()
    for start in range(0, labels - SINGLE, TOGETHER):
        part = slice(start, min(start + TOGETHER, labels - SINGLE))
        truth.add(*(column[part] for column in columns))
    batched = time.perf_counter()
    each = []
    for at in range(labels - SINGLE, labels):
        begun = time.perf_counter()
        truth.add(*(column[at : at + 1] for column in columns))
        each.append(time.perf_counter() - begun)
    right = truth.posterior(np.arange(items)).argmax(axis=1) == np.arange(items) % CLASSES
    return {
        "together": (batched - began) / (labels - SINGLE),
        "campaign": batched - began,
        "median": float(np.median(each)),
        "worst of 100": float(np.quantile(each, 0.99)),
        "bytes a label": (_peak() - before) / labels,
        "accuracy": float(right.mean()),
    }


def parquet(labels: int, folder: Path) -> dict[str, float]:
    """Write the crowd as Parquet, then read it whole and one of four shards: seconds and bytes a label."""
    import pyarrow
    from pyarrow import parquet as files

    from reputation.truth.stream import read_parquet

    columns, _, _ = crowd(labels)
    table = pyarrow.table(dict(zip(("task", "worker", "label"), columns, strict=True)))
    files.write_table(table, folder / "labels.parquet")
    del table, columns
    before = _resident()
    began = time.perf_counter()
    shard = read_parquet(folder / "labels.parquet", shard=1, shards=4)
    ended = time.perf_counter()
    return {
        "shard": ended - began,
        "labels": float(len(shard.votes)),
        "bytes a label": (_peak() - before) / len(shard.votes),
    }


def save(labels: int, folder: Path, order: str = "arrival") -> dict[str, float]:
    """The crowd as three files for the peer."""
    columns, _, _ = crowd(labels, order)
    for name, column in zip(("item", "worker", "answer"), columns, strict=True):
        np.save(folder / f"{name}.npy", column)
    return {}


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _resident() -> int:
    """What is resident now: a peak before this moment does not hide what comes after it."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize()


TURNS: dict[str, Callable[[int, Path], dict[str, Any]]] = {
    "dawid-skene-ml": lambda labels, _: fit(labels, "dawid-skene-ml"),
    "hierarchical": lambda labels, _: fit(labels, "hierarchical"),
    "difficulty": lambda labels, _: fit(labels, "difficulty"),
    "gpu": lambda labels, _: gpu(labels),
    "online": lambda labels, _: online(labels),
    "parquet": parquet,
    "save": save,
    "dawid-skene-ml grouped": lambda labels, _: fit(labels, "dawid-skene-ml", "grouped"),
    "save grouped": lambda labels, folder: save(labels, folder, "grouped"),
}


if __name__ == "__main__":
    where = Path(sys.argv[3]) if len(sys.argv) > 3 else Path()
    print(json.dumps(TURNS[sys.argv[1]](int(sys.argv[2]), where)))
