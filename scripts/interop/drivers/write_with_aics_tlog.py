"""Runs in the clients' environment: aics-tlog (PyPI) writes a log of its own, and its own witness cosigns it.

Public: `TileWriter`, `MerkleTree`, `sign_checkpoint`, `sign_cosignature`.

Standard input: {"folder", "heads": {name: [entries]}}; each head's tiles and checkpoint go to folder/name.
Standard output: {"log_key", "witness_key"}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from aics_tlog import (
    Checkpoint,
    MerkleTree,
    Note,
    TileWriter,
    cosignature_vkey,
    format_vkey,
    sign_checkpoint,
    sign_cosignature,
    vkey_from_ed25519,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ORIGIN, WITNESS = "theirs.example/log", "theirs.example/witness"
LOG_KEY = Ed25519PrivateKey.from_private_bytes(bytes([11]) * 32)
WITNESS_KEY = Ed25519PrivateKey.from_private_bytes(bytes([12]) * 32)


def write(folder: Path, entries: list[bytes]) -> None:
    """The log with these entries, as any web server would serve it."""
    TileWriter(entries).write_to(folder)
    head = Checkpoint(ORIGIN, len(entries), MerkleTree(entries).root())
    signed = sign_checkpoint(head, LOG_KEY, ORIGIN)
    _, line = sign_cosignature(WITNESS_KEY, WITNESS, 1_770_000_000, head.origin, head.size, head.root)
    (folder / "checkpoint").write_bytes(Note(signed.text, (*signed.signatures, line)).to_bytes())


if __name__ == "__main__":
    given = json.load(sys.stdin)
    for name, entries in given["heads"].items():
        write(Path(given["folder"]) / name, [entry.encode() for entry in entries])
    keys = {
        "log_key": format_vkey(vkey_from_ed25519(ORIGIN, LOG_KEY.public_key())),
        "witness_key": format_vkey(cosignature_vkey(WITNESS, WITNESS_KEY.public_key())),
    }
    print(json.dumps(keys))
