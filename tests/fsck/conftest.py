"""A campaign that has gone all its way, which every test of a check begins with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, text

from ledger_service.fsck.database import check_database
from ledger_service.fsck.heads import ChainHeads
from ledger_service.fsck.known import Known
from ledger_service.fsck.report import Report
from ledger_service.heads import Head
from ledger_service.store.integrity import Snapshot
from tests.conftest import new_database
from tests.flow.world import ESCROW, Ask, World, seeded
from tests.fsck.paid import deployed, paid_campaign


@dataclass
class Life:
    """A world in which a campaign was paid, another is being labelled, and a third is a draft."""

    world: World
    paid: Ask
    running: Ask
    draft: Ask

    @property
    def known(self) -> Known:
        """All that there is to know."""
        ledger = self.world.ledger
        return Known(self.world.store.log_key.verifier, ledger.domain, ESCROW, seeded("storage key"))

    def check(
        self,
        *changes: str,
        known: Known | None = None,
        chain: Sequence[Head] | None = None,
        block: int = 1 << 40,
    ) -> Report:
        """The whole check, of a database that somebody changes behind the service's back; undone after it."""
        with self.world.engine.connect() as connection, connection.begin() as transaction:
            connection.execute(text("SET CONSTRAINTS ALL DEFERRED"))
            for statement in changes:
                assert connection.execute(text(statement)).rowcount != 0, statement
            heads = None if chain is None else ChainHeads(tuple(chain), block)
            try:
                with Snapshot(connection) as now:
                    report = check_database(now, known or self.known, heads)
            finally:
                transaction.rollback()
        return report


@pytest.fixture(scope="session")
def life(server_url: str) -> Iterator[Life]:
    with new_database(server_url) as database:
        made = World(database)
        yield lived(made)
        made.store.close()


def lived(world: World) -> Life:
    """Let all of it happen."""
    deployed(world)
    paid = paid_campaign(world)
    running = world.ask(items=4, title="Still running")
    world.open(running)
    for name in ("ada", "bob"):
        world.join(name, running)
    assert world.match(running)
    world.answer_all("ada", running)
    draft = world.ask(items=3, title="A draft")
    world.draft(draft)
    world.fill(draft)
    return Life(world, paid, running, draft)


@pytest.fixture
def world(database: Engine) -> Iterator[World]:
    made = World(database)
    yield made
    made.store.close()
