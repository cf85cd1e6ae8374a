"""A world, mirrored as its operator mirrors it, and restored into a database of its own.

What the chain would say is what the world's events and transactions say: the rows that its watcher and its
writer have, and nothing of them that is not final.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from fastapi.testclient import TestClient
from sqlalchemy import Engine, select

from api.app import create_app
from ledger_service.audit.http import HttpSource
from ledger_service.chain.client import Block, Receipt
from ledger_service.heads import Head
from ledger_service.mirror.mirroring import mirror
from ledger_service.restore.chain import Chain
from ledger_service.restore.copy import Copy
from ledger_service.restore.service import Restored, restore
from ledger_service.service import Service
from ledger_service.store.chain_events import ChainEvents, NewEvent
from ledger_service.store.chain_tables import intents
from ledger_service.store.metadata import metadata
from ledger_service.store.store import Store, UnitOfWork
from tests.flow.world import CHAIN, World, seeded
from tests.rounds_world import _settings as settings

# Encrypted anew, or about this database alone.
SEALED = frozenset({"opening", "wrapped", "created_at", "updated_at", "id", "times"})
ELSEWHERE = frozenset({"sessions", "login_nonces", "chain_attempts", "chain_streams", "chain_blocks"})
URL = "http://127.0.0.1:1"


class _Client:
    """The node, as far as the intents ask it."""

    genesis = bytes(32)
    chain_id = CHAIN

    def __init__(self, world: World) -> None:
        self._world = world

    def calldata(self, transaction: bytes) -> bytes:
        return bytes(self._row(transaction)["data"])

    def transaction_count(self, account: str, at: object = "latest") -> int:
        with self._world.store.begin() as uow:
            following = uow.intents.next_nonce(self._world.ledger.lane)
        return following or 0

    def finalized(self) -> Block:
        return Block(1 << 20, bytes(32), bytes(32), 0, 0)

    def receipt(self, transaction: bytes) -> Receipt | None:
        row = self._row(transaction)
        if row is None or row["transaction_hash"] is None:
            return None
        return Receipt(
            transaction=transaction,
            block_number=row["block_number"],
            block_hash=row["block_hash"],
            succeeded=row["state"] == "FINAL",
            contract=row["contract"],
            gas_used=row["gas_used"],
            gas_price=row["gas_price"],
        )

    def _row(self, transaction: bytes) -> Any:
        with self._world.engine.connect() as connection:
            query = select(intents).where(intents.c.transaction_hash == transaction)
            found = connection.execute(query).one_or_none()
        return None if found is None else found._mapping


class RecordedChain:
    """Says of a world's chain what the world's rows say (`ledger_service.restore.chain.Chain`)."""

    def __init__(self, world: World) -> None:
        self._world, self.escrow = world, world.ledger.escrow
        self.client = _Client(world)

    def heads(self, copy: Copy) -> list[Head]:
        found = [(one.args["size"], one.args["root"], one.args["time"]) for one in self._events("Anchored")]
        return [Head(int(size), bytes.fromhex(root[2:]), int(time)) for size, root, time in found]

    def mined(self, line: dict[str, Any]) -> Receipt | None:
        return Chain.mined(cast(Chain, self), line)

    def read_events(self, uow: UnitOfWork, progress: Callable[[int, int], None]) -> None:
        rows = ChainEvents(uow.connection)
        rows.begin(CHAIN, bytes(32), 0)
        for one in self._events():
            rows.append(one.block_number, [one], {}, 256)
            rows.finalise(one.block_number)

    def _events(self, *names: str) -> list[NewEvent]:
        with self._world.store.begin() as uow:
            return [one.event for one in ChainEvents(uow.connection).after(0, 10_000, names=names)]


def mirror_world(world: World, folder: Path) -> None:
    """Copy a world with its operator's key, through the real application."""
    service = Service(
        settings=replace(settings(world, URL, folder), domains=(URL.removeprefix("http://"),)),
        store=world.store,
        ledger=world.ledger,
        client=cast(Any, None),
        writer=cast(Any, None),
        watcher=cast(Any, None),
    )
    with TestClient(create_app(service), base_url=URL) as client:
        mirror(HttpSource(URL, world.operator, cast(Any, client)), folder)


@dataclass
class Again:
    """A world's service, built again."""

    world: World
    result: Restored


@contextmanager
def restored(
    world: World, folder: Path, database: Engine, *, storage: bytes | None = None, partial: bool = False
) -> Iterator[Again]:
    """Restore a mirror of `world` into a database; for the length of the block."""
    copy = Copy(folder, seeded("log key"))
    store = Store(database, copy.key, storage or seeded("storage key"))
    result = restore(copy, store, cast(Chain, RecordedChain(world)), partial=partial)
    again = object.__new__(World)
    again.__dict__ |= world.__dict__ | {"engine": database, "store": store}
    yield Again(again, result)


def dump(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, but for what is encrypted anew and what a restored service does without."""
    found: dict[str, list[dict[str, Any]]] = {}
    with engine.connect() as connection:
        for name, table in metadata.tables.items():
            if name in ELSEWHERE:
                continue
            order = list(table.primary_key)
            rows = connection.execute(select(table).order_by(*order)).mappings()
            found[name] = [{n: v for n, v in row.items() if n not in SEALED} for row in rows]
    found["chain_intents"] = [row for row in found["chain_intents"] if row["state"] != "QUEUED"]
    return found
