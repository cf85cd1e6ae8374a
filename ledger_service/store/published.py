"""The head that readers are shown while witnesses cosign: one row, which only ever moves forward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from ledger_service.errors import Corrupt
from ledger_service.log.checkpoint import VerifierKey
from ledger_service.log.cosignature import CosignerKey, open_exactly
from ledger_service.store.tables import log_head, log_published


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """A head as it is shown: its signed note with the lines of `witnesses` (vkeys), in that order.

    Attributes:
        times: the latest time that each witness ever had in a published checkpoint, seconds since 1970.
    """

    size: int
    root: bytes
    checkpoint: str
    witnesses: tuple[str, ...]
    times: dict[str, int]


def cosigned(log: VerifierKey, size: int, root: bytes, note: str, witnesses: Sequence[str]) -> PublishedRow:
    """The row of a head, once every line of its note is verified.

    Raises:
        VerificationError: the note is not the log's with one line of each witness in their order.
        Corrupt: the note is of another head.
    """
    head, times = open_exactly(note, log, [CosignerKey.parse(vkey) for vkey in witnesses])
    if (head.size, head.root) != (size, root):
        raise Corrupt(f"the checkpoint of a head of {size} entries is one of {head.size}")
    return PublishedRow(size, root, note, tuple(witnesses), dict(zip(witnesses, times, strict=True)))


def write(connection: Connection, row: PublishedRow) -> bool:
    """Show a head, unless that would take anything back; whether it is shown.

    Never a smaller one; of the same size only with the same root, no witness less, and one more or a later
    time of one; and no witness's time ever goes back. Where there is no row yet, readers are shown the newest
    head: then nothing smaller than that. The row stays locked until the transaction ends.

    Raises:
        Corrupt: two roots of one size.
    """
    before = _locked(connection)
    if before is None:
        newest = connection.scalar(select(log_head.c.size).with_for_update())
        if newest is None or row.size < newest:
            return False
    elif row.size == before.size and row.root != before.root:
        raise Corrupt(f"two heads of {row.size} entries: {before.root.hex()} was shown, now {row.root.hex()}")
    elif not _moves_forward(before, row):
        return False
    values = {
        "size": row.size,
        "root": row.root,
        "checkpoint": row.checkpoint,
        "witnesses": list(row.witnesses),
        "times": (before.times if before else {}) | row.times,
    }
    statement = upsert(log_published).values(id=1, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=[log_published.c.id], set_=values))
    return True


def remove(connection: Connection) -> None:
    """Show the newest head from now on: it is never smaller than the one that was shown."""
    connection.execute(delete(log_published))


def _moves_forward(before: PublishedRow, row: PublishedRow) -> bool:
    kept, more = set(row.witnesses) >= set(before.witnesses), len(row.witnesses) > len(before.witnesses)
    later = any(time > before.times.get(vkey, 0) for vkey, time in row.times.items())
    forward = row.size > before.size or (row.size == before.size and kept and (more or later))
    return forward and all(time >= before.times.get(vkey, 0) for vkey, time in row.times.items())


def _locked(connection: Connection) -> PublishedRow | None:
    found = connection.execute(select(log_published).with_for_update()).one_or_none()
    if found is None:
        return None
    return PublishedRow(found.size, found.root, found.checkpoint, tuple(found.witnesses), dict(found.times))
