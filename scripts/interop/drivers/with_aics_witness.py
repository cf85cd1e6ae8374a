"""Runs in the clients' environment: aics-witness (PyPI) on a log's side, which asks our witness to cosign.

Public: `WitnessClient.submit`, which finds the size that the witness knows, sends the proof from there, and
verifies what it is answered; `merge_cosignatures`.

Standard input: a JSON list of cases (scripts/interop/cases.py), sent in their order. Standard output: {name:
null, or why it refuses}.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Sequence
from typing import Any

from aics_tlog import parse_note, parse_vkey, verify_checkpoint
from aics_witness import WitnessClient, merge_cosignatures

Case = dict[str, Any]


def feed(case: Case) -> None:
    def prove(old: int, new: int) -> Sequence[bytes]:
        return [base64.b64decode(value) for value in case["proofs"].get(str(old), [])]

    with WitnessClient(case["url"], case["witness_key"], max_attempts=1) as client:
        lines = client.submit(case["checkpoint"], prove)
    cosigned = parse_note(merge_cosignatures(case["checkpoint"], lines))
    keys = parse_vkey(case["log_key"]), [parse_vkey(case["witness_key"])]
    found = verify_checkpoint(cosigned, *keys, 1)
    if not found.ok:
        raise ValueError(found.error)


def answer(case: Case) -> str | None:
    """Null where a cosignature was given and holds; why not, else."""
    try:
        feed(case)
    except Exception as error:  # whatever it raises is its refusal
        return f"{type(error).__name__}: {error}"
    return None


if __name__ == "__main__":
    print(json.dumps({case["name"]: answer(case) for case in json.load(sys.stdin)}))
