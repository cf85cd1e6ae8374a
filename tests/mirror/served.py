"""What a service serves of a built log: the log, openings, and real bundles."""

from __future__ import annotations

from pathlib import Path

from ledger_service.audit import steps_log
from ledger_service.audit.progress import silent
from ledger_service.audit.source import DirSource
from ledger_service.entries import Label, Payout
from ledger_service.log.checkpoint import VerifierKey
from ledger_service.mirror.proving import make_bundle
from tests.audit.builder import Builder, show

KINDS = {"label": Label, "payment": Payout}
MOST = 9  # more than a page of the server


def save_served(made: Builder, folder: Path) -> Path:
    """The folder behind a `LogServer`: log, openings, and bundles of its first labels and payouts."""
    made.save(folder)
    for kind, lines in bundles_of(folder, str(made.log_key.verifier)).items():
        path = folder / "bundles" / f"{show(made.campaign)}.{kind}.ndjson"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"".join(line + b"\n" for line in lines))
    return folder


def bundles_of(folder: Path, log_key: str) -> dict[str, list[bytes]]:
    """Real bundles, by kind, made from a saved log."""
    key, source = VerifierKey.parse(log_key), DirSource(folder)
    head, raws = steps_log.read_log(source, key, silent)
    rows = steps_log.decode_all(steps_log.rebuild_tree(head, raws), raws).rows
    made = {}
    for kind, struct in KINDS.items():
        indices = [row.index for row in rows if isinstance(row.entry, struct)][:MOST]
        made[kind] = [make_bundle(source, key, index) for index in indices]
    return made
