"""Runs in the clients' environment: aics-tlog (PyPI) by its public functions, and its command line over HTTP.

Standard input: a JSON list of cases (scripts/interop/cases.py). Standard output: {name: null, or why it
refuses}.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aics_tlog
from aics_tlog.cli import main as command

Case = dict[str, Any]


def opened(note: str, case: Case) -> aics_tlog.Checkpoint:
    """The checkpoint, once the log and as many witnesses as the case asks for have signed it."""
    result = aics_tlog.verify_checkpoint(
        aics_tlog.parse_note(note),
        aics_tlog.parse_vkey(case["log_key"]),
        [aics_tlog.parse_vkey(key) for key in case.get("witness_keys", [])],
        case.get("quorum", 0),
        expected_origin=case["origin"],
    )
    if not result.ok:
        raise ValueError(result.error)
    return aics_tlog.parse_checkpoint(aics_tlog.parse_note(note).text)


def check_inclusion(case: Case) -> None:
    head = opened(case["checkpoint"], case)
    hashes = [base64.b64decode(value) for value in case["hashes"]]
    entry = base64.b64decode(case["entry"])
    if not aics_tlog.verify_leaf_inclusion(entry, case["index"], head.size, hashes, head.root):
        raise ValueError("verify_leaf_inclusion: False")


def check_consistency(case: Case) -> None:
    old, new = opened(case["old_checkpoint"], case), opened(case["checkpoint"], case)
    hashes = [base64.b64decode(value) for value in case["hashes"]]
    if not aics_tlog.verify_consistency(old.size, new.size, old.root, new.root, hashes):
        raise ValueError("verify_consistency: False")


def run(*arguments: str) -> None:
    """One of its commands, which answers with one JSON object."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = command(list(arguments))
    if status:
        raise ValueError(json.loads(out.getvalue())["error"])


def read(case: Case) -> None:
    """Everything over HTTP, as its user does: the head, leaves, growth since an old head, all tiles."""
    with tempfile.TemporaryDirectory() as folder:
        old = Path(folder) / "old"
        old.write_text(case["old_checkpoint"], encoding="utf-8", newline="")
        key = ("--log-key", case["log_key"], "--tiles", case["url"])
        witnesses = [part for name in case["witness_keys"] for part in ("--witness-key", name)]
        run("verify-checkpoint", *key, *witnesses, "--quorum", str(case["quorum"]))
        run("verify-consistency", *key, "--old-checkpoint", str(old))
        for at, (index, entry) in enumerate(case["leaves"]):
            leaf = Path(folder) / f"leaf{at}"
            leaf.write_bytes(base64.b64decode(entry))
            run("verify-inclusion", *key, "--leaf", str(leaf), "--index", str(index))
        reader = aics_tlog.HttpTileReader(case["url"])
        head = opened(reader.read_checkpoint().decode(), case)
        aics_tlog.audit_tiles(reader, head.size, head.root)


CHECKS: dict[str, Callable[[Case], object]] = {
    "checkpoint": lambda case: opened(case["checkpoint"], case),
    "inclusion": check_inclusion,
    "consistency": check_consistency,
    "reading": read,
}


def answer(case: Case) -> str | None:
    """Null where the client accepts; why it refuses, else."""
    try:
        CHECKS[case["kind"]](case)
    except Exception as error:  # whatever it raises is its refusal
        return f"{type(error).__name__}: {error}"
    return None


if __name__ == "__main__":
    print(json.dumps({case["name"]: answer(case) for case in json.load(sys.stdin)}))
