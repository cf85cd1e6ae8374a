"""A witness is asked for cosignatures of a growing log; faults befall its own process."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ledger_service.errors import LedgerError
from ledger_service.log.checkpoint import LogKey, read_unverified, sign_checkpoint
from ledger_service.log.cosignature import CosignerKey, open_cosignatures, with_lines
from ledger_service.log.note import parse_note
from ledger_service.log.tree import Tree
from ledger_service.witness.evidence import EvidenceFiles
from ledger_service.witness.records import Records
from ledger_service.witness.refusals import WrongOldSize
from ledger_service.witness.request import AddCheckpoint
from ledger_service.witness.state import opened
from ledger_service.witness.witness import Witness
from tests.faults.machine import Begin, Say
from tests.log.naive import some_leaves

LOGS = [LogKey(f"log{number}.example", bytes([number]) * 32) for number in (1, 2)]
SIZES = (1, 5, 5, 9)
TREE = Tree(some_leaves(max(SIZES)))
OTHER = Tree(some_leaves(max(SIZES))[::-1])


class Witnessing:
    """Two logs grow in turns; one of them shows another history in between."""

    name = "witness"

    def __init__(self, server_url: str) -> None:
        """No database is needed."""

    def prepare(self, folder: Path) -> None:
        """Nothing is."""

    def fresh(self, folder: Path) -> None:
        """A witness that has its key and has seen nothing."""
        folder.mkdir()
        with opened(folder / "state", "witness.example"):
            pass

    def act(self, folder: Path, begin: Begin, say: Say) -> None:
        """Have every head cosigned; where that fails, ask again."""
        begin()
        with witness_of(folder) as witness:
            ask_for_all(witness, say, tries=3)

    def resume(self, folder: Path, say: Say) -> None:
        """Once more, all of it."""
        with witness_of(folder) as witness:
            for key in LOGS:
                latest = witness.records.latest(key.name)
                if latest is not None:
                    say({"note": latest.note})
            ask_for_all(witness, say, tries=1)

    def check(self, folder: Path, said: list[dict[str, Any]]) -> list[str]:
        """Sizes and times never go back, all cosigned heads are of one history, and the files say so."""
        with witness_of(folder) as witness:
            problems = off_order([word["note"] for word in said], witness.key)
            for key in LOGS:
                latest = witness.records.latest(key.name)
                if latest is None or latest.head.size != max(SIZES):
                    problems.append(f"the witness does not know the newest head of {key.name}")
        left = [path.name for path in (folder / "state").rglob(".*")]
        return problems + [f"left behind: {name}" for name in left]

    def remove(self, folder: Path) -> None:
        """All files."""
        shutil.rmtree(folder)


@contextmanager
def witness_of(folder: Path) -> Iterator[Witness]:
    """The witness of a case, as its program starts it."""
    with opened(folder / "state", None) as (root, key):
        logs = {log.name: [log.verifier] for log in LOGS}
        records = Records(root, key.verifier)
        # A clock that goes back at each reading: what the witness says may not.
        times = iter(range(2_000_000_000, 0, -7))
        yield Witness(key, logs, records, EvidenceFiles(root), lambda: next(times), lambda alarm: None)


def ask_for_all(witness: Witness, say: Say, tries: int) -> None:
    """Ask for a cosignature of every head, from the size that the witness knows; then for a forged one."""
    for size in SIZES:
        for log in LOGS:
            for attempt in range(tries):
                try:
                    ask(witness, log, size, say)
                    break
                except (LedgerError, OSError):
                    if attempt + 1 == tries:
                        raise
        refuse_forged(witness, size)


def ask(witness: Witness, log: LogKey, size: int, say: Say) -> None:
    """Ask once; a witness that has gone on further answers so."""
    note = sign_checkpoint(log.name, size, TREE.root(size), log)
    try:
        line = witness.add(AddCheckpoint(size, (), parse_note(note))).line
    except WrongOldSize as told:
        if told.size > size:
            return
        proof = TREE.consistency_proof(told.size, size) if 0 < told.size < size else []
        line = witness.add(AddCheckpoint(told.size, tuple(proof), parse_note(note))).line
    say({"note": with_lines(note, [line])})


def refuse_forged(witness: Witness, size: int) -> None:
    """The first log has signed another history of the same size: no fault makes the witness take it."""
    log = LOGS[0]
    note = sign_checkpoint(log.name, size, OTHER.root(size), log)
    latest = witness.records.latest(log.name)
    if latest is None or latest.head.size != size or size < 2:
        return
    try:
        witness.add(AddCheckpoint(size, (), parse_note(note)))
    except (LedgerError, OSError):
        return
    raise AssertionError("the witness has cosigned two histories")


def off_order(notes: list[str], key: CosignerKey) -> list[str]:
    """What is wrong with cosigned notes, in the order in which they were given."""
    problems, sizes, newest = [], dict[str, int](), 0
    for note in notes:
        head, time = read_unverified(note), open_cosignatures(note, [key])[key]
        if head.root != TREE.root(head.size):
            problems.append(f"a cosigned head of {head.size} entries is of another history")
        if head.size < sizes.get(head.origin, 0):
            problems.append(f"{head.origin}: {head.size} entries cosigned after {sizes[head.origin]}")
        if time < newest:
            problems.append(f"a cosignature of {time} was given after one of {newest}")
        sizes[head.origin], newest = head.size, max(newest, time)
    return problems
