"""Runs under the peers' own Python, with nothing of ours: one method of crowd-kit on one crowd, prints JSON.

    python -I crowdkit_methods.py METHOD FOLDER GIBIBYTES ITEMS CLASSES

FOLDER has item.npy, worker.npy and answer.npy; posterior.npy [I, K] and labels.npy [I] are written there.
The address space is limited, so that a machine is not brought down: MMSR's matrices are dense.
Some methods give answers only when asked to predict, and ask scikit-learn first whether they were fitted;
from 1.6 on that function refuses what is no estimator of its own, so here it is not asked.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

APART = {"Wawa": "wawa", "ZeroBasedSkill": "zero_based_skill", "MMSR": "m_msr"}  # and their modules


def main(method: str, folder: Path, gibibytes: int, items: int, classes: int) -> dict[str, Any]:
    """Seconds of the fit, and the package's version."""
    resource.setrlimit(resource.RLIMIT_AS, (gibibytes << 30, gibibytes << 30))
    numpy, pandas = importlib.import_module("numpy"), importlib.import_module("pandas")
    made = getattr(importlib.import_module("crowdkit.aggregation"), method)()
    columns = {"task": "item", "worker": "worker", "label": "answer"}
    frame = pandas.DataFrame({name: numpy.load(folder / f"{file}.npy") for name, file in columns.items()})
    if method in APART:
        module: Any = importlib.import_module(f"crowdkit.aggregation.classification.{APART[method]}")
        module.check_is_fitted = lambda *arguments, **named: None
    begun = time.perf_counter()
    made.fit(frame)
    labels = made.predict(frame) if method in APART else made.labels_
    shares = getattr(made, "probas_", None)
    seconds = time.perf_counter() - begun
    answer = numpy.zeros(items, dtype=numpy.int64)
    answer[labels.index.to_numpy()] = labels.to_numpy()
    if shares is None:  # it gives answers alone
        posterior = numpy.eye(classes)[answer]
    else:
        posterior = numpy.zeros((items, classes))
        posterior[numpy.ix_(shares.index.to_numpy(), shares.columns.to_numpy())] = shares.fillna(0).to_numpy()
    numpy.save(folder / "posterior.npy", posterior)
    numpy.save(folder / "labels.npy", answer)
    return {"version": importlib.metadata.version("crowd-kit"), "seconds": seconds}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))))
