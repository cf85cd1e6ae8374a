"""What a monitor remembers of the log and the chain, as far as it concerns those it watches for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, overload

from ledger_service.audit.ledger import CampaignRows, Ledger, Row, place
from ledger_service.claims.tables import Posted
from ledger_service.commitments import Json
from ledger_service.entries import Entry, Payout, SessionGrant, decode
from ledger_service.errors import BadInput
from ledger_service.heads import Head
from ledger_service.log.tree import Tree
from ledger_service.monitor.state import State


class Role(StrEnum):
    """Why a campaign concerns us: as its worker we keep what is ours, else all of it."""

    WORKER = "worker"
    REQUESTER = "requester"
    ASKED = "asked"


@dataclass(frozen=True, slots=True)
class Payroll:
    """A payroll that the escrow announced, and whether it was compared with the log."""

    posted: Posted
    compared: bool


_HEADS_AT_ONCE = 4096
_MOST_SEEN = 1000


class Memory:
    """Entries, grants, campaigns, anchored heads and payrolls in the monitor's folder.

    Nothing here is committed: whoever writes holds a transaction of the state.
    """

    def __init__(self, state: State) -> None:
        self._sql = state.sql

    def forget_entries(self) -> None:
        """Before the log is read again from its first entry, for other addresses; alarms stay."""
        for table in ("grants", "kept", "due", "campaigns", "payrolls"):
            self._sql.execute(f"DELETE FROM {table}")  # noqa: S608 (the names are ours)

    def grant(self, index: int, grant: SessionGrant) -> None:
        """A grant that its wallet signed."""
        values = (index, grant.worker, grant.session_key, grant.scope)
        times = (str(grant.valid_from), str(grant.valid_until))
        self._sql.execute("INSERT OR REPLACE INTO grants VALUES (?, ?, ?, ?, ?, ?)", values + times)

    def grants(self, worker: str, session_key: str) -> list[SessionGrant]:
        """What a worker granted to a key, so far."""
        query = (
            "SELECT scope, valid_from, valid_until FROM grants WHERE worker = ? AND session_key = ? "
            "ORDER BY idx"
        )
        rows = self._sql.execute(query, (worker, session_key))
        return [
            SessionGrant(worker, session_key, bytes(scope), int(begins), int(ends))
            for scope, begins, ends in rows
        ]

    def concern(self, campaign: bytes, role: Role) -> bool:
        """A campaign concerns us; whether that is news. Who sees all of it does not become its worker."""
        before = self.role(campaign)
        if before is not None and (role is Role.WORKER or before is not Role.WORKER):
            return False
        query = (
            "INSERT INTO campaigns (campaign, role) VALUES (?, ?) "
            "ON CONFLICT (campaign) DO UPDATE SET role = excluded.role"
        )
        self._sql.execute(query, (campaign, str(role)))
        return before is None

    def role(self, campaign: bytes) -> Role | None:
        """Why a campaign concerns us, if it does."""
        row = self._sql.execute("SELECT role FROM campaigns WHERE campaign = ?", (campaign,)).fetchone()
        return Role(row[0]) if row else None

    def campaigns(self) -> list[bytes]:
        """Those that concern us."""
        rows = self._sql.execute("SELECT campaign FROM campaigns ORDER BY campaign")
        return [bytes(row[0]) for row in rows]

    def charter(self, campaign: bytes) -> Json | None:
        """Specification, terms and escrow, which were compared with the log when they were kept."""
        query = "SELECT charter FROM campaigns WHERE campaign = ?"
        row = self._sql.execute(query, (campaign,)).fetchone()
        return json.loads(row[0]) if row and row[0] else None

    def keep_charter(self, campaign: bytes, charter: Json) -> None:
        """Keep a campaign's founding documents."""
        query = "UPDATE campaigns SET charter = ? WHERE campaign = ?"
        self._sql.execute(query, (json.dumps(charter), campaign))

    def keep(self, index: int, campaign: bytes, entry: Entry, now: int) -> None:
        """Keep an entry."""
        kind = type(entry.struct).__name__
        values = (index, campaign, kind, entry.leaf, now, entry.raw)
        self._sql.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?, ?)", values)

    def campaign_of(self, leaf: bytes) -> bytes | None:
        """The campaign of a kept entry."""
        row = self._sql.execute("SELECT campaign FROM kept WHERE leaf = ?", (leaf,)).fetchone()
        return bytes(row[0]) if row else None

    def payouts(self, campaign: bytes) -> list[tuple[int, Payout]]:
        """The payouts of a campaign with their indices, in log order."""
        query = "SELECT idx, raw FROM kept WHERE campaign = ? AND kind = 'Payout' ORDER BY idx"
        structs = ((idx, decode(bytes(raw)).struct) for idx, raw in self._sql.execute(query, (campaign,)))
        return [(index, struct) for index, struct in structs if isinstance(struct, Payout)]

    def read_at(self, index: int) -> int:
        """When a kept entry was read, seconds since 1970."""
        row = self._sql.execute("SELECT time FROM kept WHERE idx = ?", (index,)).fetchone()
        return int(row[0])

    def ledger(self, campaign: bytes, size: int) -> tuple[Ledger, CampaignRows]:
        """The kept entries of a campaign in a log of this size, as an audit has them."""
        rows = KeptRows(size)
        ledger = Ledger(Tree(), rows, {campaign: CampaignRows(campaign)})
        query = "SELECT idx, leaf, raw FROM kept WHERE campaign = ? ORDER BY idx"
        for index, leaf, raw in self._sql.execute(query, (campaign,)):
            entry = decode(bytes(raw))
            row: Row[Any] = Row(index, bytes(leaf), entry.struct, entry.signature, entry.raw)
            rows.add(row)
            place(ledger, row)
        return ledger, ledger.campaigns[campaign]

    def owe(self, campaign: bytes, run: bytes) -> None:
        """A run's payouts have to be compared."""
        self._sql.execute("INSERT OR IGNORE INTO due VALUES (?, ?)", (campaign, run))

    def due(self) -> list[tuple[bytes, bytes]]:
        """(campaign, leaf of its run) whose payouts have to be compared."""
        rows = self._sql.execute("SELECT campaign, run FROM due ORDER BY campaign, run")
        return [(bytes(campaign), bytes(run)) for campaign, run in rows]

    def done(self, campaign: bytes, run: bytes) -> None:
        """They have been compared, as far as that can be."""
        self._sql.execute("DELETE FROM due WHERE campaign = ? AND run = ?", (campaign, run))

    def anchor(self, position: int, head: Head) -> None:
        """A head that the chain holds for good."""
        query = "INSERT OR IGNORE INTO anchored (position, size, root, time) VALUES (?, ?, ?, ?)"
        self._sql.execute(query, (position, head.size, head.root, head.time))

    def anchors(self) -> int:
        """How many heads are known to be anchored."""
        return int(self._sql.execute("SELECT count(*) FROM anchored").fetchone()[0])

    def heads(self) -> Iterator[Head]:
        """Every head that is known to be anchored, in order."""
        for size, root, time in self._sql.execute("SELECT size, root, time FROM anchored ORDER BY position"):
            yield Head(size, bytes(root), time)

    def forget_anchors(self) -> None:
        """Before the anchored heads are read again from the first one."""
        self._sql.execute("DELETE FROM anchored")

    def last_anchor(self) -> Head | None:
        """The latest anchored head."""
        query = "SELECT size, root, time FROM anchored ORDER BY position DESC LIMIT 1"
        row = self._sql.execute(query).fetchone()
        return Head(row[0], bytes(row[1]), row[2]) if row else None

    def uncompared(self, size: int) -> list[Head]:
        """Anchored heads up to a size whose roots were not compared with the log's."""
        query = "SELECT size, root, time FROM anchored WHERE NOT compared AND size <= ? ORDER BY size LIMIT ?"
        rows = self._sql.execute(query, (size, _HEADS_AT_ONCE))
        return [Head(found, bytes(root), time) for found, root, time in rows]

    def compared(self, size: int) -> None:
        """The anchored head of this size was compared."""
        self._sql.execute("UPDATE anchored SET compared = 1 WHERE size = ?", (size,))

    def saw(self, size: int, now: int) -> None:
        """The log showed a head of this size.

        Of those that no anchor covers the oldest count; the later ones of very many are not needed.
        """
        count = self._sql.execute("SELECT count(*) FROM seen").fetchone()[0]
        if count < _MOST_SEEN:
            self._sql.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (size, now))

    def covered(self, size: int) -> None:
        """An anchor of this size covers all heads up to it."""
        self._sql.execute("DELETE FROM seen WHERE size <= ?", (size,))

    def oldest_uncovered(self) -> tuple[int, int] | None:
        """(size, when it was first seen) of the oldest head that no anchor covers."""
        row = self._sql.execute("SELECT size, time FROM seen ORDER BY size LIMIT 1").fetchone()
        return (row[0], row[1]) if row else None

    def elsewhere(self, place: str) -> str | None:
        """The signed note that another place showed and that the log has not reached yet."""
        row = self._sql.execute("SELECT note FROM elsewhere WHERE place = ?", (place,)).fetchone()
        return str(row[0]) if row else None

    def keep_elsewhere(self, place: str, note: str | None) -> None:
        """Keep such a note; None once the log has reached it."""
        self._sql.execute("DELETE FROM elsewhere WHERE place = ?", (place,))
        if note is not None:
            self._sql.execute("INSERT INTO elsewhere VALUES (?, ?)", (place, note))

    def read_to(self, campaign: bytes) -> int | None:
        """The block up to which the payrolls of a campaign were read."""
        query = "SELECT read_to FROM campaigns WHERE campaign = ?"
        row = self._sql.execute(query, (campaign,)).fetchone()
        return None if row is None or row[0] is None else int(row[0])

    def keep_payrolls(self, campaign: bytes, found: list[Posted], read_to: int) -> None:
        """Keep payrolls that were announced up to a block."""
        for one in found:
            texts = (str(one.total), str(one.count), str(one.evidence))
            values = (campaign, one.epoch, one.root, *texts, one.transaction)
            self._sql.execute("INSERT OR IGNORE INTO payrolls VALUES (?, ?, ?, ?, ?, ?, ?, 0)", values)
        self._sql.execute("UPDATE campaigns SET read_to = ? WHERE campaign = ?", (read_to, campaign))

    def payrolls(self, campaign: bytes) -> Iterator[Payroll]:
        """The payrolls of a campaign, in order."""
        query = (
            "SELECT epoch, root, total, count, evidence, tx, compared FROM payrolls WHERE campaign = ? "
            "ORDER BY epoch"
        )
        for epoch, root, total, count, evidence, tx, compared in self._sql.execute(query, (campaign,)):
            posted = Posted(epoch, bytes(root), int(total), int(count), int(evidence), bytes(tx))
            yield Payroll(posted, bool(compared))

    def payroll_compared(self, campaign: bytes, epoch: int) -> None:
        """A payroll was compared with the log."""
        query = "UPDATE payrolls SET compared = 1 WHERE campaign = ? AND epoch = ?"
        self._sql.execute(query, (campaign, epoch))


class KeptRows(Sequence[Row[Any]]):
    """The rows of a log of which only some are at hand, found by their index in the log."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._by_index: dict[int, Row[Any]] = {}

    def add(self, row: Row[Any]) -> None:
        """Take in a row."""
        self._by_index[row.index] = row

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, index: int) -> Row[Any]: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Row[Any]]: ...

    def __getitem__(self, index: int | slice) -> Row[Any] | Sequence[Row[Any]]:
        if isinstance(index, slice) or index not in self._by_index:
            raise BadInput(f"entry {index} is not of the campaign")
        return self._by_index[index]
