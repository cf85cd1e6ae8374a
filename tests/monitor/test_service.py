"""The real service watched over its API: database, signatures, routes, bundles and openings are real."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from ledger_service.chain.client import ChainClient
from ledger_service.errors import Unavailable
from ledger_service.monitor.anchors import Node
from ledger_service.monitor.look import Identity, Look, Me
from ledger_service.monitor.monitor import Monitor, Watch
from ledger_service.monitor.papers import HttpPapers
from ledger_service.monitor.state import State
from ledger_service.signing import Wallet
from tests.api.test_routes import DOMAIN
from tests.api.test_routes import client as client
from tests.api.test_routes import judged as judged
from tests.api.test_routes import world as world
from tests.flow.world import CHAIN, ESCROW, LOG, Ask, World, wallet


def nobody() -> ChainClient:
    raise Unavailable("there is no node here")


def look(world: World, client: TestClient, folder: Path, who: Wallet | None) -> Look:
    """Look once, as the owner of a key."""
    source = HttpPapers(f"https://{DOMAIN}", who, client)
    identity = Identity(world.store.log_key.verifier, CHAIN, LOG, ESCROW)
    own = who.address if who else None
    me = Me(frozenset({own} if own else ()))
    with State(folder) as state:
        found = Monitor(state, Watch(source, Node(nobody), identity, me, own)).look()
        assert state.open() == []
    assert found.unseen == ["the chain cannot be read: there is no node here"]
    return found


def words(found: Look) -> str:
    return "\n".join(change.words for change in found.changes)


@pytest.mark.parametrize("name", ["ada", "bob"])
def test_a_worker_compares_its_payout_to_the_unit(
    world: World, client: TestClient, judged: Ask, tmp_path: Path, name: str
) -> None:
    found = look(world, client, tmp_path, wallet(name))
    assert f"the payout of {wallet(name).address} to the unit" in words(found)


def test_a_requester_judges_everything_again(
    world: World, client: TestClient, judged: Ask, tmp_path: Path
) -> None:
    found = look(world, client, tmp_path, world.requester)
    assert "everything judged again: 12 labels, all payouts of the run" in words(found)


def test_a_log_that_grows_in_one_s_absence_is_read_on(
    world: World, client: TestClient, judged: Ask, tmp_path: Path
) -> None:
    before = world.size()
    look(world, client, tmp_path, None)
    ask = world.ask(name="another animal", labels_per_item=1)
    world.open(ask)
    world.join("ada", ask)
    found = look(world, client, tmp_path, None)
    assert f"the log grew from {before} to {world.size()} entries" in words(found)
