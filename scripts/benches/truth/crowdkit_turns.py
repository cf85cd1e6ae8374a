"""Runs under the peers' own Python, with nothing of ours: iterations of crowd-kit's Dawid-Skene, prints JSON.

    python -I crowdkit_turns.py ITEM.npy WORKER.npy ANSWER.npy ITERATIONS GIBIBYTES

A fit of one iteration and a fit of 1 + ITERATIONS, in seconds of processor time. The address space is
limited, so that a machine is not brought down.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import resource
import sys
import time
from typing import Any


def main(item: str, worker: str, answer: str, iterations: int, gibibytes: int) -> dict[str, Any]:
    """Seconds of the shorter and the longer fit, and the package's version."""
    resource.setrlimit(resource.RLIMIT_AS, (gibibytes << 30, gibibytes << 30))
    numpy, pandas = importlib.import_module("numpy"), importlib.import_module("pandas")
    aggregation = importlib.import_module("crowdkit.aggregation")
    columns = {"task": item, "worker": worker, "label": answer}
    frame = pandas.DataFrame({name: numpy.load(path) for name, path in columns.items()})
    seconds = []
    for count in (1, 1 + iterations):
        begun = time.process_time()
        aggregation.DawidSkene(n_iter=count, tol=-1.0).fit(frame)
        seconds.append(time.process_time() - begun)
    return {
        "version": importlib.metadata.version("crowd-kit"),
        "one": seconds[0],
        "more": seconds[1],
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], sys.argv[3], *map(int, sys.argv[4:]))))
