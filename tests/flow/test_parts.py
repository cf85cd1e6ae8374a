"""Campaigns that share a specification: each is one of its own, and a full one names those that are not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from ledger_service import commitments, entries
from ledger_service.errors import BadInput, Conflict
from ledger_service.flow import publish
from ledger_service.flow.parts import parts_of
from ledger_service.flow.prove import Prover
from ledger_service.specification import Specification
from ledger_service.verify.verifier import verify_bundle
from tests.flow.world import START, Ask, World, wallet

BOUND = 2


@pytest.fixture
def world(database: Engine) -> Iterator[World]:
    made = World(database)
    yield made
    made.store.close()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A payroll holds two workers."""
    monkeypatch.setattr("ledger_service.specification.MAX_WORKERS", BOUND)


def bundles(world: World, ask: Ask) -> list[bytes]:
    """The proof of every label and every payment."""
    with world.store.begin() as uow:
        prover = Prover(uow, world.ledger, uow.campaigns.get(ask.campaign))
        labels = prover.labels(uow.labels.page(ask.campaign))
        return labels + prover.payments(uow.payouts.of_campaign(ask.campaign))


def takers(world: World, ask: Ask) -> list[bytes]:
    with world.store.begin() as uow:
        row = uow.campaigns.get(ask.campaign)
        return [part.campaign for part in parts_of(uow, world.ledger, row) if part.takes_workers]


def test_each_part_has_its_own_id_entry_budget_items_and_gold(world: World) -> None:
    first, second = world.ask_in_parts(2, items=4, gold=1)
    for ask in (first, second):
        world.publish(ask)
    assert first.campaign != second.campaign
    with world.store.begin() as uow:
        rows = [uow.campaigns.get(ask.campaign) for ask in (first, second)]
        logged = [entries.decode(raw).struct for raw in uow.log.entries(0, 2)]
        ids = [set(uow.items.ids(ask.campaign)) for ask in (first, second)]
    assert not ids[0] & ids[1]
    for ask, row, struct in zip((first, second), rows, logged, strict=True):
        assert isinstance(struct, entries.Campaign)
        assert struct.specification == ask.terms.brief == commitments.digest(ask.document)
        spec = Specification.from_json(ask.document, ask.terms.part)
        assert (struct.items, struct.gold) == (spec.items.root, spec.gold.root)
        assert row.budget == 4 * 2 * 60_000 * 1_025 // 1_000


def test_the_items_of_one_part_are_not_those_of_another(world: World) -> None:
    first, second = world.ask_in_parts(2)
    world.draft(second)
    items = [publish.Item(position, one) for position, one in enumerate(first.items)]
    with world.store.begin() as uow:
        publish.put_items(uow, world.requester.address, second.campaign, items)
        with pytest.raises(Conflict):
            publish.publish(uow, world.ledger, world.requester.address, second.campaign)


def test_the_terms_name_a_part_that_there_is(world: World) -> None:
    first, _ = world.ask_in_parts(2)
    with pytest.raises(BadInput, match="parts 0 to 1"):
        world.draft(first, terms=replace(first.terms, part=2))
    whole = world.ask()
    with pytest.raises(BadInput, match="parts 0 to 0"):
        world.draft(whole, terms=replace(whole.terms, part=1))


@pytest.mark.usefixtures("small")
def test_who_comes_to_a_full_part_is_told_which_ones_take_workers(world: World) -> None:
    asks = world.ask_in_parts(4, items=4)
    for ask in asks[:3]:
        world.open(ask)
    for name in ("ada", "bob"):
        world.join(name, asks[0])
    assert world.match(asks[0]) == 8
    assert takers(world, asks[0]) == [asks[1].campaign, asks[2].campaign]
    with world.store.begin() as uow:
        uow.campaigns.change(asks[2].campaign, closing=True)
    with pytest.raises(Conflict, match="2 workers take part") as refused:
        world.join("cyd", asks[0])
    named = [ask for ask in asks if "0x" + ask.campaign.hex() in str(refused.value)]
    assert named == [asks[1]]
    world.join("ada", asks[0])  # who takes part can change its offer
    world.join("cyd", asks[1])
    world.join("ada", asks[1])
    assert world.match(asks[1]) == 8
    with pytest.raises(Conflict, match="no other takes workers"):
        world.join("dan", asks[1])


@pytest.mark.usefixtures("small")
def test_more_workers_than_a_payroll_holds_are_paid_by_several(world: World) -> None:
    """Six workers, two a part: every part goes its own way to a payroll that holds its workers."""
    asks = world.ask_in_parts(3, items=4)
    names = ["ada", "bob", "cyd", "dan", "eve", "fay"]
    paid: dict[str, int] = {}
    for ask, pair in zip(asks, zip(names[::2], names[1::2], strict=True), strict=True):
        world.open(ask)
        for name in pair:
            world.join(name, ask)
        assert world.match(ask) == 8
        for name in pair:
            world.answer_all(name, ask)
        world.judge(ask)
        with world.store.begin() as uow:
            rows = uow.payouts.of_campaign(ask.campaign)
        assert len(rows) == BOUND
        paid |= {row.worker: row.amount for row in rows}
        for made in bundles(world, ask):
            verify_bundle(made)
    assert paid.keys() == {wallet(name).address for name in names}
    assert set(paid.values()) == {4 * 60_000}


@pytest.mark.usefixtures("small")
def test_no_matching_gives_work_to_more_than_a_payroll_holds(world: World) -> None:
    """Also when those who began have let their work lapse and others have the better standing."""
    ask = world.ask(items=4)
    world.open(ask)
    for name in ("ada", "bob", "cyd"):  # before as many have begun, anybody may apply
        world.join(name, ask, capacity=2)
    assert world.match(ask) == 4
    begun = {name for name in ("ada", "bob", "cyd") if world.tasks(name)}
    assert len(begun) == BOUND
    world.clock.time = START + 3_601
    for _ in range(3):
        world.match(ask)
        world.clock.time += 3_601
    with world.store.begin() as uow:
        rows = uow.assignments.of_campaign(ask.campaign)
        counted = uow.campaigns.get(ask.campaign).workers
    assert len(rows) > 4
    assert len({row.worker for row in rows}) == counted == BOUND
