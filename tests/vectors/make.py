"""Writes docs/vectors: the same files from every run.

    python -m tests.vectors.make [--check]

With --check nothing is written; the exit status is 1 when a file is missing, differs or is left over.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.vectors import entry_vectors, log_vectors, parts
from tests.vectors.bundle_vectors import bundle_vectors

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "vectors"


def files() -> dict[str, str]:
    """Every file, by its name."""
    made = {
        "keys.json": parts.keys(),
        "entries.json": entry_vectors.entry_vectors(),
        "promises.json": entry_vectors.promise_vectors(),
        "commitments.json": entry_vectors.commitment_vectors(),
        "payrolls.json": entry_vectors.payroll_vectors(),
        "checkpoints.json": log_vectors.checkpoint_vectors(),
        "cosignatures.json": log_vectors.cosignature_vectors(),
        "policies.json": log_vectors.policy_vectors(),
        "proofs.json": log_vectors.proof_vectors(),
        "tiles.json": log_vectors.tile_vectors(),
    }
    texts = {name: json.dumps(value, indent=1, ensure_ascii=False) + "\n" for name, value in made.items()}
    lines = [json.dumps(vector, ensure_ascii=False) + "\n" for vector in bundle_vectors()]
    return texts | {"bundles.ndjson": "".join(lines)}


def differing(made: Mapping[str, str]) -> list[str]:
    """Names of files that are not as they would be written."""
    there = {path.name for path in FOLDER.glob("*") if path.name != "README.md"}
    missing = [name for name in made if name not in there]
    stale = [name for name in made if name in there and (FOLDER / name).read_text("utf-8") != made[name]]
    return sorted([*missing, *stale, *(there - set(made))])


def main() -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(
        prog="scripts/vectors", description="Writes the test vectors of docs/vectors."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a file differs")
    given, made = parser.parse_args(), files()
    if given.check:
        found = differing(made)
        sys.stderr.write(
            "".join(f"docs/vectors/{name} is not what scripts/vectors writes\n" for name in found)
        )
        return 1 if found else 0
    for name, text in made.items():
        (FOLDER / name).write_text(text, "utf-8")
    total = sum(len(text.encode()) for text in made.values())
    sys.stderr.write(f"docs/vectors: {len(made)} files, {total:,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
