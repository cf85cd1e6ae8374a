"""From a campaign's publication to its settled payroll, with what the chain says on the way."""

from __future__ import annotations

from ledger_service.flow import anchor, settle
from ledger_service.signing import keccak256
from ledger_service.store.chain import Attempt, Mined
from tests.flow.world import ESCROW, LOG, RIGHTS, TOKEN, Ask, World


def deployed(world: World) -> None:
    """The rows that the deployment of the contracts leaves."""
    lane = world.ledger.lane
    contracts = {"provenance-log": LOG, "escrow": ESCROW, "dataset-rights": RIGHTS, "token": TOKEN}
    with world.store.begin() as uow:
        uow.intents.open_lane(lane, bytes(32), 0)
        for nonce, (name, address) in enumerate(contracts.items()):
            intent = uow.intents.enqueue(lane, f"deploy/{name}", None, name.encode(), 0, 0)
            raw = f"creation of {name}".encode()
            attempt = Attempt(keccak256(raw), 1, raw, 21_000, 1, 1, 0)
            assert uow.intents.take(intent, nonce, attempt)
            taken = uow.intents.get(lane, f"deploy/{name}")
            mined = Mined(attempt.hash, 0, bytes(32), 21_000, 1, address)
            assert uow.intents.mined(taken, mined, final=True, now=0)


def anchored(world: World) -> int:
    """Anchor the head and let the chain confirm it."""
    with world.store.begin() as uow:
        size = anchor.anchor(uow, world.ledger)
        assert size is not None
        row = uow.anchors.newest()
    assert row is not None
    world.event("Anchored", size=str(size), root="0x" + row.root.hex(), time=str(world.clock.now()))
    with world.store.begin() as uow:
        assert anchor.anchored(uow, world.ledger) == size
    return size


def posted(world: World, ask: Ask) -> None:
    """Post the payroll of a judged campaign, and let the chain settle it."""
    name = "0x" + ask.campaign.hex()
    with world.store.begin() as uow:
        assert settle.post(uow, world.ledger, ask.campaign)
        row = uow.payouts.payroll(ask.campaign)
    assert row is not None
    world.event("Posted", id=name, epoch="1", root="0x" + row.root.hex(), evidence=str(row.evidence))
    with world.store.begin() as uow:
        assert settle.posted(uow, world.ledger, ask.campaign)
        assert settle.close_window(uow, world.ledger, ask.campaign)
    world.event("Settled", id=name, epoch="1")
    with world.store.begin() as uow:
        assert settle.settled(uow, world.ledger, ask.campaign)


def paid_campaign(world: World) -> Ask:
    """A campaign of nine items by three workers, one of whom is rejected; settled."""
    ask = world.ask(items=9, labels_per_item=3)
    world.open(ask)
    for name in ("ada", "bob", "eve"):
        world.join(name, ask)
    assert world.match(ask) == 27
    world.answer_all("ada", ask)
    world.answer_all("bob", ask)
    anchored(world)
    world.answer_all("eve", ask, wrong=True, pace=0)
    world.judge(ask)
    anchored(world)
    posted(world, ask)
    return ask
