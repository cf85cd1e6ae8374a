"""The JSON forms whose digests an inference run commits to, of the default method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reputation.committed.counts import MOST, Counts
from reputation.committed.mean import MEMBERS, MeanParameters
from reputation.priors import LOG_FLOOR
from reputation.truth.run import MAX_ITERATIONS, TOLERANCE_PPM
from reputation.votes import Ints

FORMAT = "crowdledger-parameters@v2"
METHOD = "latent-class-mean"


def method_document() -> dict[str, Any]:
    """Everything that determines a run besides its votes, as integers and names."""
    return {
        "method": METHOD,
        "version": 2,
        "tolerance_ppm": TOLERANCE_PPM,
        "max_iterations": MAX_ITERATIONS,
        "log_floor": int(LOG_FLOOR),
        "members": [prior.document() for prior in MEMBERS],
    }


def parameters_document(parameters: MeanParameters | None, workers: Sequence[str]) -> dict[str, Any]:
    """The counts of each model; of a worker, those of the answers it gave. None where there are no votes.

    Raises:
        ValueError: not one distinct name per worker.
    """
    members = parameters.members if parameters else ()
    if any(counts.workers != len(workers) for counts in members) or len(set(workers)) != len(workers):
        raise ValueError("there must be exactly one distinct name per worker")
    return {"format": FORMAT, "members": [_counts_document(counts, workers) for counts in members]}


def _counts_document(counts: Counts, workers: Sequence[str]) -> dict[str, Any]:
    by_answer = counts.labels.transpose(0, 2, 1)  # [W, K, S]
    rows = {
        name: {str(answer): row.tolist() for answer, row in enumerate(by_answer[worker]) if row.any()}
        for worker, name in enumerate(workers)
    }
    return {"items": counts.items.tolist(), "workers": rows}


def parameters_from_document(
    document: Mapping[str, Any], workers: Sequence[str], classes: int
) -> MeanParameters:
    """The parameters of a document about so many classes, in the given order of its workers.

    Raises:
        ValueError: another format, unknown members, other workers, or numbers that are no parameters.
    """
    if set(document) != {"format", "members"} or document["format"] != FORMAT:
        raise ValueError(f"not a {FORMAT} document")
    if len(document["members"]) != len(MEMBERS):
        raise ValueError(f"there are {len(MEMBERS)} models, not {len(document['members'])}")
    return MeanParameters(
        tuple(
            _counts(member, workers, classes, len(prior.levels))
            for member, prior in zip(document["members"], MEMBERS, strict=True)
        )
    )


def _counts(member: Mapping[str, Any], workers: Sequence[str], classes: int, levels: int) -> Counts:
    if set(member) != {"items", "workers"}:
        raise ValueError("a model has items and workers")
    rows = member["workers"]
    if len(set(workers)) != len(workers) or set(rows) != set(workers):
        raise ValueError("the document names other workers")
    items = _integers(member["items"])
    if items.size != levels * classes:
        raise ValueError(f"there are {levels * classes} states, not {items.size}")
    labels = np.zeros((len(workers), items.size, classes), dtype=np.int64)
    for worker, name in enumerate(workers):
        for key, listed in rows[name].items():
            row = _integers(listed)
            if row.size != items.size or not row.any():
                raise ValueError(f"the labels of {name} for answer {key} are {row.size} numbers")
            labels[worker, :, _answer(key, classes)] = row
    return Counts(items, labels)


def _answer(key: str, classes: int) -> int:
    for answer in (int(key),) if key.isascii() and key.isdecimal() else ():
        if str(answer) == key and answer < classes:
            return answer
    raise ValueError(f"there is no answer {key!r}")


def _integers(listed: Any) -> Ints:
    if not isinstance(listed, list) or not all(type(n) is int and 0 <= n <= MOST for n in listed):
        raise ValueError(f"counts are a list of integers from 0 to {MOST}")
    return np.array(listed, dtype=np.int64)
