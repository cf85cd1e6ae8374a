"""A crowd that a ring may have turned is paid by its answers only if gold agrees, or the operator decides."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

import reputation
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


FEW, MANY = 0.2, 0.3  # honest workers' errors: with few the run follows them, with many it follows the ring


def answers(*, ring: bool, items: int = ITEMS, errors: float = FEW) -> np.ndarray:
    """[workers, items] how far each answer is from the right one: six honest workers err that often, each in
    its own way; the four of the ring always, and all in the same."""
    random = np.random.default_rng(1)
    made = random.choice(3, p=[1 - errors, errors / 2, errors / 2], size=(HONEST + RING, items))
    if ring:
        made[HONEST:] = 1
    return made


def crowd(*, ring: bool, errors: float = FEW) -> tuple[Crowd, dict[bytes, int]]:
    """The same as an audit sees it, and the right answers."""
    off = answers(ring=ring, items=60, errors=errors)
    names = tuple(number.to_bytes(32, "big") for number in range(60))
    worker, item = np.divmod(np.arange(off.size), 60)
    votes = Votes(item, worker, (item + off.ravel()) % 3, 60, HONEST + RING, 3)
    workers = tuple(f"0x{number:040x}" for number in range(HONEST + RING))
    return Crowd(votes, names, workers), {name: number % 3 for number, name in enumerate(names)}


def inferred(made: Crowd) -> dict[bytes, int]:
    """What the campaign would be settled by."""
    return judging.answers(made, reputation.commit(made.votes).parameters)


def answered(world: World, run: Running, *, gold: int = 0, errors: float = FEW) -> Ask:
    """A campaign that all of them have answered, with the ring among them."""
    ask = world.ask(items=ITEMS, labels_per_item=HONEST + RING, gold=gold)
    world.open(ask)
    names = [f"worker {number}" for number in range(HONEST + RING)]
    for name in names:
        world.join(name, ask)
    run.run()
    position, off = {one.commitment: i for i, one in enumerate(ask.items)}, answers(ring=True, errors=errors)
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


def test_gold_that_refutes_what_the_run_says_keeps_a_campaign_held(world: World, run: Running) -> None:
    ask = answered(world, run, gold=12, errors=MANY)
    for _ in range(3):
        run.run(seconds=60)
    assert world.state(ask) == "inferred"
    reason = run.service.holds.reason(ask.campaign)
    assert reason is not None
    assert "gold refutes" in reason
    page = TestClient(create_app(run.service)).get(f"/v1/campaigns/0x{ask.campaign.hex()}").json()
    assert page["hold"] == reason


def test_gold_that_agrees_with_what_the_run_says_lets_a_campaign_be_settled(
    world: World, run: Running
) -> None:
    ask = answered(world, run, gold=12)
    for _ in range(3):
        run.run(seconds=60)
    assert run.service.holds.known(ask.campaign)
    assert run.service.holds.reason(ask.campaign) is None
    assert world.state(ask) not in ("inferred", "void")


@pytest.mark.parametrize("errors", [FEW, MANY])
def test_gold_lets_nothing_be_settled_but_what_it_agrees_with(errors: float) -> None:
    made, right = crowd(ring=True, errors=errors)
    truth, some = inferred(made), dict(list(right.items())[:12])
    assert judging.suspicion(made, {}, truth) is not None
    wrong = {item: (answer + 1) % 3 for item, answer in right.items()}
    follows = truth == right
    assert follows or truth == wrong  # nothing between: either side is followed throughout
    assert (judging.suspicion(made, some, truth) is None) is follows
    assert judging.suspicion(made, some, right) is None
    assert "gold refutes" in (judging.suspicion(made, some, wrong) or "")


def test_gold_refutes_answers_that_are_worse_than_the_labels_though_nobody_is_suspected() -> None:
    made, right = crowd(ring=False)
    wrong = {item: (answer + 1) % 3 for item, answer in right.items()}
    some = dict(list(right.items())[:12])
    assert "gold refutes the answers" in (judging.suspicion(made, some, wrong) or "")


def test_an_honest_crowd_needs_no_gold_and_an_empty_one_is_not_suspected() -> None:
    made, _ = crowd(ring=False)
    assert judging.suspicion(made, {}, inferred(made)) is None
    nothing = np.zeros(0, dtype=np.int64)
    assert judging.suspicion(Crowd(Votes(nothing, nothing, nothing, 0, 0, 2), (), ()), {}, {}) is None
