"""Runs under the peers' own Python, with nothing of ours: crowd-kit on other kinds of answers, prints JSON.

    python -I answers_turns.py ANSWERS.json

The file has "comparisons" (rows worker, winner, loser), "label_sets" (rows item, worker, [labels]) and
"texts" (rows item, worker, [embedding]). The result has, by method, a score per item, the labels of each
item, or the place of the row that was chosen for each item; and the package's version.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import sys
from typing import Any


def main(path: str) -> dict[str, Any]:
    """Every method's result on what the file has of its kind."""
    with open(path, encoding="utf-8") as file:
        given = json.load(file)
    return {
        "version": importlib.metadata.version("crowd-kit"),
        "comparisons": compared(given["comparisons"]),
        "label_sets": labelled(given["label_sets"]),
        "texts": chosen(given["texts"]),
    }


def compared(rows: list[list[int]]) -> dict[str, dict[int, float]]:
    """A score per item."""
    pandas = importlib.import_module("pandas")
    aggregation = importlib.import_module("crowdkit.aggregation")
    frame = pandas.DataFrame(rows, columns=["worker", "left", "right"])
    frame["label"] = frame.left
    # The side of the winner must say nothing.
    turned = frame.index % 2 == 1
    frame.loc[turned, ["left", "right"]] = frame.loc[turned, ["right", "left"]].to_numpy()
    methods = {
        "BradleyTerry": aggregation.BradleyTerry(n_iter=100),
        "NoisyBradleyTerry": aggregation.NoisyBradleyTerry(n_iter=100),
    }
    return {name: method.fit_predict(frame).to_dict() for name, method in methods.items()}


def labelled(rows: list[list[Any]]) -> dict[str, dict[int, list[int]]]:
    """The labels of each item."""
    pandas = importlib.import_module("pandas")
    aggregation = importlib.import_module("crowdkit.aggregation")
    frame = pandas.DataFrame(rows, columns=["task", "worker", "label"])
    found = {}
    for name in ("MajorityVote", "DawidSkene"):
        method = aggregation.BinaryRelevance(getattr(aggregation, name)())
        found[f"BinaryRelevance of {name}"] = {
            task: [int(label) for label in labels] for task, labels in method.fit_predict(frame).items()
        }
    return found


def chosen(rows: list[list[Any]]) -> dict[str, dict[int, int]]:
    """The place of the row that is chosen for each item."""
    numpy, pandas = importlib.import_module("numpy"), importlib.import_module("pandas")
    aggregation = importlib.import_module("crowdkit.aggregation")
    frame = pandas.DataFrame(rows, columns=["task", "worker", "embedding"])
    frame["embedding"] = [numpy.array(row) for row in frame.embedding]
    frame["output"] = [str(place) for place in range(len(frame))]

    def alike(one: str, other: str) -> float:
        """What HRRASA takes for the likeness of two texts; here there is no text but its embedding."""
        return 1 - _cosine(frame.embedding[int(one)], frame.embedding[int(other)])

    def aggregate(data: Any, weights: Any, _: Any = None) -> Any:
        """HRRASA's own step without the cast to float64 that pandas 3 refuses for a column of arrays."""
        data = data.join(weights, on=["task", "worker"])
        data["weighted"] = data.weight * data.embedding
        groups = data.groupby("task", group_keys=False)
        return groups.weighted.apply(numpy.sum) / groups.weight.sum()

    aggregation.HRRASA._aggregate_embeddings = staticmethod(aggregate)
    methods = {
        "ClosestToAverage": aggregation.ClosestToAverage(distance=_cosine),
        "RASA": aggregation.RASA(),
        "HRRASA": aggregation.HRRASA(output_similarity=alike),
    }
    found = {}
    for name, method in methods.items():
        outputs = method.fit_predict(frame)["output"]
        found[name] = {task: int(place) for task, place in outputs.items()}
    return found


def _cosine(one: Any, other: Any) -> float:
    return float(1 - one @ other / (one @ one) ** 0.5 / (other @ other) ** 0.5)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
