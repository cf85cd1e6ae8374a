"""Runs in the clients' environment: pymerkle (PyPI), a Merkle tree with RFC 9162's hashing, publicly.

It reads no notes, so roots and sizes are given to it. Its trees are built from the entries that the log
serves; and our inclusion paths are put in the place of its own and verified.

Standard input: a JSON list of cases (scripts/interop/cases.py). Standard output: {name: null, or why it
refuses}.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from pymerkle import InmemoryTree, MerkleProof, verify_inclusion

Case = dict[str, Any]


@cache
def tree_of(size: int) -> InmemoryTree:
    """Any tree of this size: only the shape of its proofs is used."""
    made = InmemoryTree(algorithm="sha256")
    for number in range(size):
        made.append_entry(number.to_bytes(4, "big"))
    return made


def check_inclusion(case: Case) -> None:
    tree = tree_of(case["size"])
    proof = tree.prove_inclusion(case["index"] + 1).serialize()
    leaf = tree.hash_buff(base64.b64decode(case["entry"]))
    proof["path"] = [leaf.hex(), *(base64.b64decode(value).hex() for value in case["hashes"])]
    made = MerkleProof.deserialize(proof)
    verify_inclusion(leaf, base64.b64decode(case["root"]), made, index=case["index"] + 1, size=case["size"])


def check_entries(case: Case) -> None:
    """The roots of the log's heads are those of its entries."""
    tree = InmemoryTree(algorithm="sha256")
    for entry in case["entries"]:
        tree.append_entry(base64.b64decode(entry))
    for size, root in case["heads"]:
        if tree.get_state(size) != base64.b64decode(root):
            raise ValueError(f"another root at size {size}")


CHECKS: dict[str, Callable[[Case], None]] = {"inclusion": check_inclusion, "entries": check_entries}


def answer(case: Case) -> str | None:
    """Null where the client accepts; why it refuses, else."""
    try:
        CHECKS[case["kind"]](case)
    except Exception as error:  # whatever it raises is its refusal
        return f"{type(error).__name__}: {error}"
    return None


if __name__ == "__main__":
    print(json.dumps({case["name"]: answer(case) for case in json.load(sys.stdin)}))
