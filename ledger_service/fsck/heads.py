"""Everything that says which root the log has at some size: signed heads, anchors, the chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ledger_service.errors import BadInput, VerificationError
from ledger_service.fsck.known import Known
from ledger_service.fsck.report import Difference, Report, same
from ledger_service.heads import Head
from ledger_service.log.checkpoint import Checkpoint, VerifierKey, read_unverified
from ledger_service.log.cosignature import CosignerKey, open_exactly
from ledger_service.store.integrity import Snapshot
from ledger_service.store.metadata import metadata


@dataclass(slots=True)
class Claims:
    """What is claimed of the log's roots, to be compared as the tree grows: {size: [(table, key, root)]}."""

    at: dict[int, list[tuple[str, str, bytes]]] = field(default_factory=dict)

    def add(self, table: str, key: str, size: int, root: bytes) -> None:
        """Somebody says that the first `size` entries have this root."""
        self.at.setdefault(size, []).append((table, key, root))

    def check(self, size: int, root: Callable[[], bytes]) -> None:
        """Compare what is claimed of this size. Raises Difference."""
        claimed = self.at.pop(size, ())
        if claimed:
            derived = root()
            for table, key, found in claimed:
                same(table, key, "root", derived, found)

    def check_rest(self, size: int) -> None:
        """Nothing may be claimed of a longer log than there is. Raises Difference."""
        for beyond in sorted(self.at):
            table, key, _ = self.at[beyond][0]
            raise Difference(table, key, "size", f"at most {size}, the log's", beyond)


def read_heads(snapshot: Snapshot, known: Known, report: Report) -> tuple[int, Claims]:
    """The size of the log as its head says, and all that is claimed of its roots.

    Every signed note is of the head that its row says, and signed: by the log, and by the witnesses that the
    row names, in their order.

    Raises:
        Difference: there is no head, or a note is another one.
    """
    claims, size = Claims(), None
    for name in ("log_head", "log_published", "anchors"):
        table = metadata.tables.get(name)
        for row in snapshot.heads(table) if table is not None else ():
            key = f"size {row['size']}" if name == "anchors" else f"id {row['id']}"
            claims.add(name, key, row["size"], row["root"])
            _check_note(name, key, row, known.log_key)
            report.add(name)
            size = row["size"] if name == "log_head" else size
    if size is None:
        raise Difference("log_head", "id 1", "row", "a head", None)
    return size, claims


def _check_note(table: str, key: str, row: Mapping[str, Any], log_key: VerifierKey | None) -> None:
    """The note is of the row's head. Where the log's key is known, it has the log's line, one of each witness
    in their order, and no other; and no witness's time in it is later than the latest that the row knows."""
    text, witnesses = row["checkpoint"], row.get("witnesses") or []
    times: tuple[int, ...] = ()
    try:
        keys = [CosignerKey.parse(vkey) for vkey in witnesses]
        if log_key is None:
            found = read_unverified(text)
        else:
            found, times = open_exactly(text, log_key, keys)
    except (VerificationError, BadInput) as error:
        raise Difference(table, key, "checkpoint", "a signed head", error) from error
    expected = Checkpoint(found.origin if log_key is None else log_key.name, row["size"], row["root"])
    same(table, key, "checkpoint", expected, found)
    for vkey, time in zip(witnesses, times, strict=False):
        latest = (row.get("times") or {}).get(vkey, time)
        if latest < time:
            raise Difference(table, key, f"times, {vkey}", f"{time} or later", latest)


def claim_events(snapshot: Snapshot, claims: Claims, report: Report) -> None:
    """Compare the anchors with the heads that the chain has announced, as far as they were read.

    Raises:
        Difference: an anchor that is said to be final and is not among them, or one of them without a row.
    """
    announced = snapshot.anchored()
    for size, root, _ in announced:
        claims.add("chain_events", f"Anchored {size}", size, root)
    _compare(snapshot, {size for size, _, _ in announced}, "the chain's events that were read", frozenset())
    report.add("chain_events", len(announced))


@dataclass(frozen=True, slots=True)
class ChainHeads:
    """Every head that the contract announced up to a block, in their order."""

    heads: tuple[Head, ...]
    block: int


def claim_chain(snapshot: Snapshot, chain: ChainHeads, claims: Claims, report: Report) -> None:
    """The same with the heads that the chain itself has, read before the snapshot was made.

    Raises:
        Difference: as `claim_events`.
    """
    for head in chain.heads:
        claims.add("the chain", f"head of {head.size} entries", head.size, head.root)
    # The service went on meanwhile, or its node is ahead of ours: what came later is not compared.
    later = frozenset(size for size, _, block in snapshot.anchored() if block > chain.block)
    _compare(snapshot, {head.size for head in chain.heads}, "the chain", later)
    report.add("chain", len(chain.heads))


def _compare(snapshot: Snapshot, announced: set[int], where: str, later: frozenset[int]) -> None:
    rows = snapshot.heads(metadata.tables["anchors"])
    known = {row["size"] for row in rows}
    for row in rows:
        key = f"size {row['size']}"
        if row["final"] and row["size"] not in announced | later:
            raise Difference("anchors", key, "final", f"false: {where} has no such head", "true")
        if not row["final"] and row["size"] < max(known):
            raise Difference("anchors", key, "final", "true: a later head was anchored", "false")
    missing = announced - known
    if missing:
        expected = f"a row: {where} has this head"
        raise Difference("anchors", f"size {min(missing)}", "row", expected, None)
