"""Runs under a Python that has crowd-kit, with nothing of ours: its answers to a crowd, as JSON.

    python -I crowdkit_answers.py LABELS.csv ITERATIONS GLAD_ITERATIONS

"dawid-skene" has the probability of each label by task after so many iterations from the votes' shares,
"majority" and "glad" (left out for 0 iterations) the label by task.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any


def main(path: str, iterations: int, glad: int) -> dict[str, Any]:
    pandas = importlib.import_module("pandas")
    aggregation = importlib.import_module("crowdkit.aggregation")
    frame = pandas.read_csv(path, dtype=str)[["task", "worker", "label"]]
    made = aggregation.DawidSkene(n_iter=iterations, tol=-1.0).fit(frame)
    found = {
        "majority": aggregation.MajorityVote().fit_predict(frame).to_dict(),
        "dawid-skene": made.probas_.T.to_dict(),
    }
    if glad:
        found["glad"] = aggregation.GLAD(n_iter=glad, silent=True).fit_predict(frame).to_dict()
    return found


if __name__ == "__main__":
    json.dump(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])), sys.stdout)
