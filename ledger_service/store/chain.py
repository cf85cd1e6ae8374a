"""Repository of what the service has to do on a chain: lanes, intents, attempts. (What it has read there is
in `chain_events`.)"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection as Connection
from sqlalchemy import Row, Select, func, select, update
from sqlalchemy.dialects.postgresql import insert

from ledger_service.errors import BadInput, Conflict, NotYours
from ledger_service.store.chain_events import ChainEvents as ChainEvents
from ledger_service.store.chain_tables import attempts, intents, lanes

Transactions = Callable[[], AbstractContextManager[Connection]]
"""Opens a database transaction: commits at the end of the block, rolls back on an exception."""


MAX_DATA_BYTES = 126 * 1024  # nodes refuse transactions above 128 KiB
MOST_TRIES = 5
"""Transactions of one intent and its repetitions that may be mined and reverted: each costs gas."""
CANCELLED = "cancelled"


class State(StrEnum):
    """Where an intent stands; `ledger_service.chain.writer` has the diagram.

    QUEUED     to be done, without a nonce
    SIGNED     has its nonce and a signed transaction that has to be sent (again)
    BROADCAST  a node has taken the transaction
    MINED      in a block that may still be abandoned
    FINAL      in a block that is final: done
    REJECTED   the contract refuses: before a nonce was taken, or mined but reverted
    FOREIGN    another transaction than ours has our nonce: the lane stops
    """

    QUEUED = "QUEUED"
    SIGNED = "SIGNED"
    BROADCAST = "BROADCAST"
    MINED = "MINED"
    FINAL = "FINAL"
    REJECTED = "REJECTED"
    FOREIGN = "FOREIGN"


@dataclass(frozen=True, slots=True)
class Lane:
    """One account on one chain. Its intents are done in the order of their queueing, but for those that the
    node does not even estimate: they wait until it does."""

    chain_id: int
    account: str


@dataclass(frozen=True, slots=True)
class Mined:
    """Where a transaction of an intent is in the chain. `contract` is the address that it created."""

    transaction: bytes
    block_number: int
    block_hash: bytes
    gas_used: int
    gas_price: int
    contract: str | None


@dataclass(frozen=True, slots=True)
class Intent:
    """One thing to do on a chain. `to` is None for the creation of a contract; `value` in wei.

    `final` says that the state will not move by itself any more; `acknowledged`, for FOREIGN, that a person
    has looked.
    """

    id: int
    lane: Lane
    key: str
    to: str | None
    data: bytes
    value: int
    state: State
    nonce: int | None
    mined: Mined | None
    error: str | None
    final: bool
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """One signed transaction for an intent. Fees in wei per gas, times in seconds."""

    hash: bytes
    number: int
    raw: bytes
    gas: int
    max_fee: int
    priority_fee: int
    signed_at: int
    sent_at: int | None = None
    error: str | None = None


class ChainIntents:
    """Intents and attempts, inside the caller's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def enqueue(self, lane: Lane, key: str, to: str | None, data: bytes, value: int, now: int) -> Intent:
        """Record that something is to be done. The same key again is the same intent.

        Raises:
            Conflict: the key is taken by something else. BadInput: more data than nodes take.
        """
        if len(data) > MAX_DATA_BYTES:
            raise BadInput(f"{len(data)} bytes of calldata, a transaction takes {MAX_DATA_BYTES}")
        values = {"to_address": to, "data": data, "value": value}
        self._db.execute(
            insert(intents)
            .values(
                chain_id=lane.chain_id,
                account=lane.account,
                key=key,
                created_at=now,
                updated_at=now,
                **values,
            )
            .on_conflict_do_nothing(index_elements=["chain_id", "account", "key"])
        )
        intent = self.get(lane, key)
        if (intent.to, intent.data, intent.value) != (to, data, value):
            raise Conflict(f"the chain intent {key!r} is already there and does something else")
        return intent

    def find(self, lane: Lane, key: str) -> Intent | None:
        """The intent of this key, if there is one."""
        row = self._db.execute(_in_lane(lane).where(intents.c.key == key)).one_or_none()
        return None if row is None else _intent(row)

    def get(self, lane: Lane, key: str) -> Intent:
        """The intent of this key.

        Raises:
            NotYours: there is none.
        """
        intent = self.find(lane, key)
        if intent is None:
            raise NotYours(f"no chain intent {key!r}")
        return intent

    def newest_try(self, lane: Lane, key: str) -> Intent | None:
        """The intent of this key, or the newest of those that `try_again` made of it."""
        again = intents.c.key.startswith(key + "/", autoescape=True)
        query = _in_lane(lane).where((intents.c.key == key) | again).order_by(intents.c.id.desc()).limit(1)
        row = self._db.execute(query).one_or_none()
        return None if row is None else _intent(row)

    def queued(self, lane: Lane, limit: int, after: int = 0) -> list[Intent]:
        """The oldest intents without a nonce, of those with an id above `after`."""
        waiting = (intents.c.state == State.QUEUED, intents.c.id > after)
        query = _in_lane(lane).where(*waiting).order_by(intents.c.id).limit(limit)
        return [_intent(row) for row in self._db.execute(query)]

    def open(self, lane: Lane) -> list[Intent]:
        """Intents with a nonce whose state may still move, by nonce."""
        query = _in_lane(lane).where(~intents.c.final, intents.c.nonce.is_not(None)).order_by(intents.c.nonce)
        return [_intent(row) for row in self._db.execute(query)]

    def stopped_by(self, lane: Lane) -> Intent | None:
        """The oldest intent whose nonce went to a foreign transaction that nobody has looked at."""
        foreign = (intents.c.state == State.FOREIGN, ~intents.c.acknowledged)
        row = self._db.execute(
            _in_lane(lane).where(*foreign).order_by(intents.c.nonce).limit(1)
        ).one_or_none()
        return None if row is None else _intent(row)

    def open_lane(self, lane: Lane, genesis: bytes, first_nonce: int) -> None:
        """Begin the lane at `first_nonce`, on the chain with this block 0; nothing where it has begun."""
        row = {"chain_id": lane.chain_id, "account": lane.account, "genesis": genesis}
        new = insert(lanes).values(row | {"first_nonce": first_nonce})
        self._db.execute(new.on_conflict_do_nothing())

    def genesis(self, lane: Lane) -> bytes | None:
        """The hash of block 0 of the lane's chain; None where the lane has not begun."""
        found = self._db.execute(select(lanes.c.genesis).where(*_lane_row(lane))).scalar_one_or_none()
        return None if found is None else bytes(found)

    def next_nonce(self, lane: Lane) -> int | None:
        """The nonce that the lane's next transaction takes; None where the lane has not begun."""
        first = self._db.execute(select(lanes.c.first_nonce).where(*_lane_row(lane))).scalar_one_or_none()
        if first is None:
            return None
        highest = select(func.max(intents.c.nonce)).where(*_of(lane))
        used: int | None = self._db.execute(highest).scalar_one()
        return int(first) if used is None else used + 1

    def take(self, intent: Intent, nonce: int, attempt: Attempt) -> bool:
        """Give a queued intent its nonce and its first attempt; false where somebody else was faster."""
        lane = intent.lane
        self._db.execute(select(lanes).where(*_lane_row(lane)).with_for_update())
        if self.next_nonce(lane) != nonce or not self._move(
            intent, {"state": State.SIGNED, "nonce": nonce, "error": None}, attempt.signed_at
        ):
            return False
        self._add_attempt(intent, attempt)
        return True

    def replace(self, intent: Intent, attempt: Attempt) -> bool:
        """Add another attempt with the same nonce; false where the intent has moved on."""
        if not self._move(intent, {"state": State.SIGNED}, attempt.signed_at):
            return False
        if (
            len(self.attempts_of(intent)) >= attempt.number
        ):  # another writer was faster; its row is locked now
            return False
        self._add_attempt(intent, attempt)
        return True

    def _add_attempt(self, intent: Intent, attempt: Attempt) -> None:
        fields = ("hash", "number", "raw", "gas", "max_fee", "priority_fee", "signed_at")
        row = {name: getattr(attempt, name) for name in fields}
        self._db.execute(insert(attempts).values(intent=intent.id, **row))

    def attempts_of(self, intent: Intent) -> list[Attempt]:
        """All attempts, oldest first."""
        query = select(attempts).where(attempts.c.intent == intent.id).order_by(attempts.c.number)
        return [_attempt(row) for row in self._db.execute(query)]

    def sent(self, intent: Intent, attempt: Attempt, now: int) -> bool:
        """A node has taken the attempt."""
        self._note(attempt, sent_at=now, error=None)
        return self._move(intent, {"state": State.BROADCAST}, now)

    def not_sent(self, attempt: Attempt, error: str) -> None:
        """The node refused the attempt; it will be tried again."""
        self._note(attempt, error=error)

    def _note(self, attempt: Attempt, **values: object) -> None:
        self._db.execute(update(attempts).where(attempts.c.hash == attempt.hash).values(**values))

    def mined(self, intent: Intent, mined: Mined, *, final: bool, now: int) -> bool:
        """The intent is done, in this block."""
        state = State.FINAL if final else State.MINED
        return self._move(intent, {"state": state, "final": final, "error": None, **_place(mined)}, now)

    def reverted(self, intent: Intent, mined: Mined, error: str, *, final: bool, now: int) -> bool:
        """The intent's transaction is in this block and was reverted."""
        values = {"state": State.REJECTED, "final": final, "error": error, **_place(mined)}
        return self._move(intent, values, now)

    def refused(self, intent: Intent, error: str, now: int) -> bool:
        """The contract refuses the intent; no nonce was taken."""
        return self._move(intent, {"state": State.REJECTED, "final": True, "error": error}, now)

    def foreign(self, intent: Intent, *, final: bool, now: int) -> bool:
        """Somebody else's transaction has the intent's nonce."""
        error = f"nonce {intent.nonce} went to a transaction that this service did not make"
        values = {"state": State.FOREIGN, "final": final, "error": error, **_place(None)}
        return self._move(intent, values, now)

    def send_again(self, intent: Intent, now: int) -> bool:
        """The chain has abandoned what was observed: the intent's transaction has to be sent again."""
        return self._move(intent, {"state": State.SIGNED, "error": None, **_place(None)}, now)

    def waiting(self, intent: Intent, error: str, now: int) -> bool:
        """Note why a queued intent is not signed yet."""
        return self._move(intent, {"error": error}, now)

    def requeue(self, lane: Lane, key: str, now: int) -> Intent:
        """Try a refused intent anew, when what it was refused for has changed.

        Raises:
            NotYours: no such intent. Conflict: it was not refused, or it has spent its nonce.
        """
        intent = self.get(lane, key)
        values = {"state": State.QUEUED, "final": False, "error": None}
        if (
            intent.state is not State.REJECTED
            or intent.nonce is not None
            or not self._move(intent, values, now)
        ):
            raise Conflict(
                f"the chain intent {key!r} is {intent.state}: only a refused one without nonce returns"
            )
        return self.get(lane, key)

    def try_again(self, lane: Lane, key: str, now: int) -> bool:
        """Queue what was refused once more: the same intent where it has spent no nonce, else another one.

        Returns whether it was queued; not where it was not refused for good, nor where its transactions were
        mined and reverted MOST_TRIES times.
        """
        refused = self.newest_try(lane, key)
        if refused is None or refused.state is not State.REJECTED or not refused.final:
            return False
        if refused.nonce is None:
            self.requeue(lane, refused.key, now)
            return True
        tries = int(refused.key.removeprefix(key).removeprefix("/") or 1)
        if tries >= MOST_TRIES:
            return False
        self.enqueue(lane, f"{key}/{tries + 1}", refused.to, refused.data, refused.value, now)
        return True

    def cancel(self, lane: Lane, key: str, now: int) -> Intent:
        """Give up an intent that has no nonce yet, because a node refuses it for ever, say.

        Raises:
            NotYours: no such intent. Conflict: it is not waiting.
        """
        intent = self.get(lane, key)
        values = {"state": State.REJECTED, "final": True, "error": CANCELLED}
        if intent.state is not State.QUEUED or not self._move(intent, values, now):
            raise Conflict(f"the chain intent {key!r} is {intent.state}: only a queued one can be cancelled")
        return self.get(lane, key)

    def acknowledge(self, lane: Lane, key: str, now: int) -> Intent:
        """A person has looked at a foreign transaction: the lane may go on behind it.

        Raises:
            NotYours: no such intent. Conflict: it is not FOREIGN, or not final.
        """
        intent = self.get(lane, key)
        if intent.state is not State.FOREIGN or not intent.final:
            raise Conflict(f"the chain intent {key!r} is {intent.state}, final: {intent.final}")
        self._move(intent, {"acknowledged": True}, now)
        return replace(intent, acknowledged=True)

    def _move(self, intent: Intent, values: dict[str, Any], now: int) -> bool:
        """Guarded by the state that was read: of two writers, one moves."""
        was = (intents.c.id == intent.id, intents.c.state == intent.state)
        return self._db.execute(update(intents).where(*was).values(updated_at=now, **values)).rowcount == 1


def _lane_row(lane: Lane) -> Sequence[Any]:
    return (lanes.c.chain_id == lane.chain_id, lanes.c.account == lane.account)


def _of(lane: Lane) -> Sequence[Any]:
    return (intents.c.chain_id == lane.chain_id, intents.c.account == lane.account)


def _in_lane(lane: Lane) -> Select[Any]:
    return select(intents).where(*_of(lane))


def _place(mined: Mined | None) -> dict[str, Any]:
    return {
        "transaction_hash": mined and mined.transaction,
        "block_number": mined and mined.block_number,
        "block_hash": mined and mined.block_hash,
        "gas_used": mined and mined.gas_used,
        "gas_price": mined and mined.gas_price,
        "contract": mined and mined.contract,
    }


def _intent(row: Row[Any]) -> Intent:
    mined = None
    if row.transaction_hash is not None:
        place = (row.block_number, bytes(row.block_hash), row.gas_used, row.gas_price, row.contract)
        mined = Mined(bytes(row.transaction_hash), *place)
    return Intent(
        id=row.id,
        lane=Lane(row.chain_id, row.account),
        key=row.key,
        to=row.to_address,
        data=bytes(row.data),
        value=row.value,
        state=State(row.state),
        nonce=row.nonce,
        mined=mined,
        error=row.error,
        final=row.final,
        acknowledged=row.acknowledged,
    )


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        hash=bytes(row.hash),
        number=row.number,
        raw=bytes(row.raw),
        gas=row.gas,
        max_fee=row.max_fee,
        priority_fee=row.priority_fee,
        signed_at=row.signed_at,
        sent_at=row.sent_at,
        error=row.error,
    )
