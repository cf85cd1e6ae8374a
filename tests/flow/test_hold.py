"""A crowd that a ring may have turned is not paid by its own answers, until gold or the operator decides."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.app import create_app
from ledger_service import judging
from ledger_service.errors import Conflict
from ledger_service.flow import hold
from ledger_service.judging import Crowd
from ledger_service.rounds import Rounds
from reputation import Votes
from tests.flow.world import LABELS, Ask, World
from tests.rounds_world import Running, running

ITEMS, HONEST, RING = 24, 6, 4


@pytest.fixture
def world(database: Engine) -> Iterator[World]:
    made = World(database)
    yield made
    made.store.close()


@pytest.fixture
def run(world: World, tmp_path: Path) -> Iterator[Running]:
    with running(world, tmp_path) as made:
        yield made


def answers(*, ring: bool, items: int = ITEMS) -> np.ndarray:
    """[workers, items] how far each answer is from the right one: six honest workers err in a fifth, each in
    its own way; the four of the ring always, and all in the same."""
    random = np.random.default_rng(1)
    made = random.choice(3, p=[0.8, 0.1, 0.1], size=(HONEST + RING, items))
    if ring:
        made[HONEST:] = 1
    return made


def crowd(*, ring: bool) -> tuple[Crowd, dict[bytes, int]]:
    """The same as an audit sees it, and the right answers."""
    off = answers(ring=ring, items=60)
    names = tuple(number.to_bytes(32, "big") for number in range(60))
    worker, item = np.divmod(np.arange(off.size), 60)
    votes = Votes(item, worker, (item + off.ravel()) % 3, 60, HONEST + RING, 3)
    workers = tuple(f"0x{number:040x}" for number in range(HONEST + RING))
    return Crowd(votes, names, workers), {name: number % 3 for number, name in enumerate(names)}


def answered(world: World, run: Running) -> Ask:
    """A campaign without gold that all of them have answered, with the ring among them."""
    ask = world.ask(items=ITEMS, labels_per_item=HONEST + RING, gold=0)
    world.open(ask)
    names = [f"worker {number}" for number in range(HONEST + RING)]
    for name in names:
        world.join(name, ask)
    run.run()
    position, off = {one.commitment: i for i, one in enumerate(ask.items)}, answers(ring=True)
    for number, name in enumerate(names):
        given = []
        for item in world.tasks(name):
            world.clock.time += 5
            answer = LABELS[(position[item] + off[number, position[item]]) % 3]
            given.append(world.submission(name, ask, item, answer))
        world.hand_in(name, given)
    return ask


def test_a_campaign_with_a_suspected_ring_and_no_gold_is_held_until_the_operator_decides(
    world: World, run: Running, caplog: pytest.LogCaptureFixture
) -> None:
    ask = answered(world, run)
    for _ in range(3):
        run.run(seconds=60)
    assert world.state(ask) == "inferred"
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(said) == 1
    assert "held and not settled: 4 workers with 40.0 % of the labels answer as one" in said[0]
    page = TestClient(create_app(run.service)).get(f"/v1/campaigns/0x{ask.campaign.hex()}").json()
    assert page["state"] == "inferred"
    assert "known items would" in page["hold"]

    # After a restart the same is found again.
    assert run.service.holds.reason(ask.campaign) is not None
    run.service.holds.note(ask.campaign, None)
    with world.store.begin() as uow:
        again = hold.why(hold.read(uow, ask.campaign))
    assert again == page["hold"]
    run.service.holds.note(ask.campaign, again)
    Rounds(run.service).step()
    assert world.state(ask) == "inferred"

    with world.store.begin() as uow:
        hold.release(uow, world.ledger, ask.campaign)
    assert world.state(ask) == "payable"
    with world.store.begin() as uow, pytest.raises(Conflict, match="payable"):
        hold.release(uow, world.ledger, ask.campaign)


def test_gold_that_sides_with_the_others_lets_a_campaign_be_settled() -> None:
    made, right = crowd(ring=True)
    assert judging.suspicion(made, {}) is not None
    some = dict(list(right.items())[:12])
    assert judging.suspicion(made, some) is None


def test_an_honest_crowd_needs_no_gold_and_an_empty_one_is_not_suspected() -> None:
    made, _ = crowd(ring=False)
    assert judging.suspicion(made, {}) is None
    nothing = np.zeros(0, dtype=np.int64)
    assert judging.suspicion(Crowd(Votes(nothing, nothing, nothing, 0, 0, 2), (), ()), {}) is None
