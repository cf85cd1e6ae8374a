"""Labels are handed in one after another and several at once; faults befall the append."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, make_url, text

from ledger_service.flow.label import Submission
from ledger_service.log.receipts import SignedReceipt
from ledger_service.store.store import connect
from tests.faults.machine import Begin, Say
from tests.faults.promises import Promises
from tests.flow.world import LABELS, Ask, World

PEOPLE = ("ada", "bob")


class Appending:
    """Two workers answer six items each, in requests of two."""

    name = "append"

    def __init__(self, server_url: str) -> None:
        self._server, self._template = server_url, f"faults_{self.name}"

    def prepare(self, folder: Path) -> None:
        """Once: a campaign that is open, with everything assigned."""
        with self._connected("postgres") as engine:
            execute(engine, f"CREATE DATABASE {self._template} TEMPLATE crowdledger_template")
        with self._connected(self._template) as engine:
            world = World(engine)
            ask = world.ask()
            world.open(ask)
            for name in PEOPLE:
                world.join(name, ask)
            assert world.match(ask) == len(ask.items) * len(PEOPLE)

    def fresh(self, folder: Path) -> None:
        """A copy of that database."""
        folder.mkdir()
        with self._connected("postgres") as engine:
            execute(engine, f"CREATE DATABASE {self._named(folder)} TEMPLATE {self._template}")

    def act(self, folder: Path, begin: Begin, say: Say) -> None:
        """Hand in every request; one that fails is handed in again, as a client does."""
        begin()
        with self._world(folder) as world:
            self._hand_in(world, say, tries=2)

    def resume(self, folder: Path, say: Say) -> None:
        """Hand in everything again: what was accepted before is answered as before."""
        with self._world(folder) as world:
            self._hand_in(world, say, tries=1)

    def check(self, folder: Path, said: list[dict[str, Any]]) -> list[str]:
        """Every promise is kept."""
        with self._world(folder) as world:
            return Promises(world.store, world.ledger.domain).broken(said)

    def remove(self, folder: Path) -> None:
        """Drop the copy."""
        with self._connected("postgres") as engine:
            execute(engine, f"DROP DATABASE IF EXISTS {self._named(folder)} WITH (FORCE)")
        folder.rmdir()

    def _hand_in(self, world: World, say: Say, tries: int) -> None:
        for name, given in self._requests(world):
            for attempt in range(tries):
                try:
                    receipts = world.hand_in(name, given)
                except Exception:
                    if attempt + 1 == tries:
                        raise
                    continue
                say(told(receipts, published(world)))
                break

    def _requests(self, world: World) -> Iterator[tuple[str, list[Submission]]]:
        ask = world.ask()
        for start in range(0, len(ask.items), 2):
            for name in PEOPLE:
                yield name, [answer(world, name, ask, i) for i in range(start, start + 2)]

    def _named(self, folder: Path) -> str:
        """The database of a case."""
        return f"{self._template}_{folder.name.replace('-', '_')}"

    @contextmanager
    def _world(self, folder: Path) -> Iterator[World]:
        with self._connected(self._named(folder)) as engine:
            yield World(engine)

    @contextmanager
    def _connected(self, database: str) -> Iterator[Engine]:
        engine = connect(make_url(self._server).set(database=database).render_as_string(hide_password=False))
        try:
            yield engine
        finally:
            engine.dispose()


def answer(world: World, name: str, ask: Ask, position: int) -> Submission:
    """The right answer of somebody to an item."""
    item = ask.items[position].commitment
    return world.submission(name, ask, item, LABELS[position % len(LABELS)])


def told(receipts: list[SignedReceipt], checkpoint: str) -> dict[str, Any]:
    """What a client holds after an answer."""
    return {"receipts": [one.to_json() for one in receipts], "checkpoint": checkpoint}


def published(world: World) -> str:
    """The checkpoint that readers are given now."""
    with world.store.begin() as uow:
        return uow.log.head().checkpoint


def execute(engine: Engine, statement: str) -> None:
    """One statement outside of a transaction."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))
