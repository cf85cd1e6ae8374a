"""Labels are handed in by several workers at once; faults befall the append."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, make_url, text

from ledger_service.flow.label import Submission
from ledger_service.flow.sequencer import Answers, Sequencer
from ledger_service.log.receipts import SignedReceipt
from ledger_service.store.store import connect
from tests.faults.machine import Begin, Say
from tests.faults.promises import Promises
from tests.flow.world import LABELS, Ask, World

PEOPLE = ("ada", "bob")
PATIENCE = 30.0


class Appending:
    """Two workers answer six items each, in requests of two that the sequencer may pool."""

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
            tokens = {}
            for name in PEOPLE:
                worker = world.join(name, ask)
                with world.store.begin() as uow:
                    tokens[name] = uow.sessions.open(worker.address).token
            (folder / "tokens").write_text(json.dumps(tokens))
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
            self._hand_in(world, folder, say, tries=3)

    def resume(self, folder: Path, say: Say) -> None:
        """Hand in everything again: what was accepted before is answered as before."""
        with self._world(folder) as world:
            self._hand_in(world, folder, say, tries=1)

    def check(self, folder: Path, said: list[dict[str, Any]]) -> list[str]:
        """Every promise is kept."""
        with self._world(folder) as world:
            return Promises(world.store, world.ledger.domain).broken(said)

    def remove(self, folder: Path) -> None:
        """Drop the copy."""
        with self._connected("postgres") as engine:
            execute(engine, f"DROP DATABASE IF EXISTS {self._named(folder)} WITH (FORCE)")
        folder.rmdir()

    def _hand_in(self, world: World, folder: Path, say: Say, tries: int) -> None:
        tokens = json.loads((folder.parent.parent / "tokens").read_text())
        sequencer = Sequencer(world.store, world.ledger)
        try:
            for start in range(0, len(world.ask().items), 2):
                given = [Answers(tokens[name], self._answers(world, name, start)) for name in PEOPLE]
                hand_in(sequencer, given, say, tries)
        finally:
            sequencer.close()

    def _answers(self, world: World, name: str, start: int) -> list[Submission]:
        return [answer(world, name, world.ask(), at) for at in (start, start + 1)]

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


def hand_in(sequencer: Sequencer, given: list[Answers], say: Say, tries: int) -> None:
    """Hand in at once what several people give; who is not answered hands in again."""
    waiting = given
    for attempt in range(tries):
        futures = [(one, sequencer.hand_in(one)) for one in waiting]
        waiting = []
        for one, future in futures:
            try:
                handed = future.result(PATIENCE)
            except Exception:
                if attempt + 1 == tries:
                    raise
                waiting.append(one)
            else:
                say(told([accepted.receipt for accepted in handed.accepted], handed.checkpoint))
        if not waiting:
            return


def answer(world: World, name: str, ask: Ask, position: int) -> Submission:
    """The right answer of somebody to an item."""
    item = ask.items[position].commitment
    return world.submission(name, ask, item, LABELS[position % len(LABELS)])


def told(receipts: list[SignedReceipt], checkpoint: str) -> dict[str, Any]:
    """What a client holds after an answer."""
    return {"receipts": [one.to_json() for one in receipts], "checkpoint": checkpoint}


def execute(engine: Engine, statement: str) -> None:
    """One statement outside of a transaction."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))
