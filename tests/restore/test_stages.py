"""Whatever a service was doing when it was copied: restored, it has the same rows, and proves the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from ledger_service.flow import assign, infer, publish, repost, review, settle
from ledger_service.log.cosignature import WitnessKey, with_lines
from ledger_service.store.chain import Attempt
from ledger_service.store.log import Head
from tests.conftest import new_database
from tests.flow.world import Ask, World, seeded, wallet
from tests.fsck.conftest import lived
from tests.fsck.paid import anchored, deployed, paid_campaign, posted
from tests.restore.world import dump, mirror_world, restored

Stage = Callable[[World], object]


def witnessed(world: World) -> None:
    """Two witnesses cosign what is shown, and what is anchored."""
    published(world)
    keys = [WitnessKey(name, seeded(name)) for name in ("w1", "w2")]
    vkeys = tuple(str(key.verifier) for key in keys)
    with world.store.begin() as uow:
        head = uow.log.head()
        note = with_lines(head.checkpoint, [key.cosign(head.checkpoint, 1_800_000_000) for key in keys])
        assert uow.log.publish(Head(head.size, head.root, note, vkeys))
    anchored(world)


def drafted(world: World) -> Ask:
    ask = world.ask()
    world.draft(ask)
    world.fill(ask)
    return ask


def published(world: World) -> Ask:
    ask = world.ask()
    world.publish(ask)
    return ask


def opened(world: World) -> Ask:
    ask = world.ask(labels_per_item=3)
    world.open(ask)
    with world.store.begin() as uow:
        uow.campaigns.add_auditor(ask.campaign, wallet("auditor").address)
    return ask


def matched(world: World) -> Ask:
    ask = opened(world)
    for name in ("ada", "bob", "eve"):
        world.join(name, ask)
    assert world.match(ask)
    return ask


def half_labelled(world: World) -> Ask:
    ask = matched(world)
    world.answer_all("ada", ask)
    anchored(world)
    given = [world.submission("bob", ask, item, "dog") for item in world.tasks("bob")[:2]]
    world.hand_in("bob", given)
    return ask


def labelled(world: World) -> Ask:
    ask = matched(world)
    world.answer_all("ada", ask)
    world.answer_all("bob", ask)
    world.answer_all("eve", ask, wrong=True, pace=0)
    return ask


def reviewed(world: World) -> Ask:
    ask = labelled(world)
    with world.store.begin() as uow:
        assert assign.close(uow, world.ledger, ask.campaign)
    with world.store.begin() as uow:
        review.review(uow, world.ledger, ask.campaign)
    return ask


def inferred(world: World) -> Ask:
    ask = reviewed(world)
    with world.store.begin() as uow:
        reading = infer.read(uow, ask.campaign)
        infer.infer(uow, reading, infer.conclude(reading))
    return ask


def payable(world: World) -> Ask:
    ask = inferred(world)
    with world.store.begin() as uow:
        settle.settle(uow, world.ledger, ask.campaign)
    return ask


def queued(world: World) -> Ask:
    """Its payroll is queued, and nothing of it on the chain."""
    ask = payable(world)
    anchored(world)
    with world.store.begin() as uow:
        assert settle.post(uow, world.ledger, ask.campaign)
    return ask


def pending(world: World) -> Ask:
    ask = queued(world)
    with world.store.begin() as uow:
        row = uow.payouts.payroll(ask.campaign)
    assert row is not None
    evidence = {"root": "0x" + row.root.hex(), "evidence": str(row.evidence)}
    world.event("Posted", id="0x" + ask.campaign.hex(), epoch="1", **evidence)
    with world.store.begin() as uow:
        assert settle.posted(uow, world.ledger, ask.campaign)
    return ask


def void(world: World) -> Ask:
    ask = pending(world)
    world.event("Voided", id="0x" + ask.campaign.hex(), epoch="1")
    with world.store.begin() as uow:
        uow.campaigns.change(ask.campaign, state="void")
    return ask


def reposted(world: World) -> Ask:
    """Void, and queued anew by its operator."""
    ask = void(world)
    with world.store.begin() as uow:
        repost.repost(uow, world.ledger, ask.campaign)
    return ask


def settled(world: World) -> Ask:
    ask = payable(world)
    anchored(world)
    posted(world, ask)
    return ask


def finished(world: World) -> Ask:
    ask = settled(world)
    world.event("FeeCollected", id="0x" + ask.campaign.hex(), amount=str(1 << 60))
    world.event("Refunded", id="0x" + ask.campaign.hex(), amount="1")
    with world.store.begin() as uow:
        assert settle.finish(uow, ask.campaign)
    return ask


def parts(world: World) -> None:
    for ask in world.ask_in_parts(3, items=4):
        world.open(ask)


def without_work(world: World) -> None:
    """Nobody labelled: nothing is owed."""
    ask = opened(world)
    with world.store.begin() as uow:
        uow.campaigns.change(ask.campaign, closing=True)
        assert assign.close(uow, world.ledger, ask.campaign)
        review.review(uow, world.ledger, ask.campaign)
        reading = infer.read(uow, ask.campaign)
        infer.infer(uow, reading, infer.conclude(reading))
        settle.settle(uow, world.ledger, ask.campaign)


STAGES: list[Stage] = [
    lambda world: None, witnessed, drafted,
    published, opened, matched, half_labelled, labelled, reviewed, inferred,
    payable, queued, pending, void, reposted, settled, finished, parts, without_work, paid_campaign, lived,
]  # fmt: skip


@pytest.fixture
def world(database: Engine) -> Iterator[World]:
    made = World(database)
    yield made
    made.store.close()


def state_of(folder: Path) -> list[dict[str, Any]]:
    """The lines of service.ndjson, but for what was on its way to the chain and never arrived."""
    lines = [json.loads(line) for line in (folder / "service.ndjson").read_text().splitlines()]
    return [line for line in lines if line["kind"] != "intent" or line["state"] in ("FINAL", "REJECTED")]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
def test_every_row_is_there_again(world: World, stage: Stage, empty: Engine, tmp_path: Path) -> None:
    if stage is not lived:
        deployed(world)
    stage(world)
    mirror_world(world, tmp_path / "before")
    with restored(world, tmp_path / "before", empty) as again:
        rows, rows_again = dump(world.engine), dump(empty)
        for name, found in rows.items():
            assert rows_again[name] == found, name
        mirror_world(again.world, tmp_path / "after")
    assert state_of(tmp_path / "after") == state_of(tmp_path / "before")
    for path in sorted((tmp_path / "before").rglob("*")):
        if path.is_file() and path.name != "service.ndjson":
            twin = tmp_path / "after" / path.relative_to(tmp_path / "before")
            assert twin.read_bytes() == path.read_bytes(), path


def test_a_restored_service_can_be_restored(
    world: World, empty: Engine, server_url: str, tmp_path: Path
) -> None:
    lived(world)
    mirror_world(world, tmp_path / "first")
    with restored(world, tmp_path / "first", empty) as again:
        mirror_world(again.world, tmp_path / "second")
    with new_database(server_url) as other, restored(world, tmp_path / "second", other) as once_more:
        assert dump(other) == dump(empty)
        assert state_of(tmp_path / "second") == state_of(tmp_path / "first")
        assert once_more.world.size() == world.size()


def test_a_new_storage_key_encrypts_all_anew(world: World, empty: Engine, tmp_path: Path) -> None:
    ask = half_labelled(world)
    mirror_world(world, tmp_path / "before")
    with restored(world, tmp_path / "before", empty, storage=seeded("another key")) as again:
        given = [again.world.submission("bob", ask, item, "cat") for item in again.world.tasks("bob")]
        (first, *_) = again.world.hand_in("bob", given)
        assert first.receipt.index == world.size()


def test_what_was_erased_stays_erased(world: World, empty: Engine, tmp_path: Path) -> None:
    paid_campaign(world)
    with world.engine.begin() as connection:
        gone = "DELETE FROM subject_keys WHERE subject = :who"
        connection.execute(text(gone), {"who": wallet("ada").address})
    mirror_world(world, tmp_path / "before")
    with restored(world, tmp_path / "before", empty) as again:
        assert again.result.report.erased == 18
        rows, rows_again = dump(world.engine), dump(empty)
        assert rows_again["labels"] == rows["labels"]


def test_what_never_arrived_is_queued_again(world: World, empty: Engine, tmp_path: Path) -> None:
    deployed(world)
    ask = queued(world)
    mirror_world(world, tmp_path / "copy")
    with restored(world, tmp_path / "copy", empty) as again:
        assert again.result.queued == (f"post:{ask.campaign.hex()}:1",)
        with world.store.begin() as uow, again.world.store.begin() as uow_again:
            before = uow.intents.get(world.ledger.lane, again.result.queued[0])
            after = uow_again.intents.get(world.ledger.lane, again.result.queued[0])
        assert (after.to, after.data, after.state) == (before.to, before.data, "QUEUED")


def test_a_fee_that_was_not_collected_is_asked_for_again(world: World, empty: Engine, tmp_path: Path) -> None:
    deployed(world)
    ask = settled(world)
    mirror_world(world, tmp_path / "copy")
    with restored(world, tmp_path / "copy", empty) as again:
        assert again.result.queued == (f"fee:{ask.campaign.hex()}:1",)


def test_what_was_sent_after_the_copy_is_not_sent_again(world: World, empty: Engine, tmp_path: Path) -> None:
    """The payroll was queued when the copy was made; then it was posted, and settled by somebody."""
    deployed(world)
    ask = queued(world)
    mirror_world(world, tmp_path / "copy")
    lane, key = world.ledger.lane, f"post:{ask.campaign.hex()}:1"
    with world.store.begin() as uow:
        row, nonce = uow.payouts.payroll(ask.campaign), uow.intents.next_nonce(lane)
        assert row is not None
        assert nonce is not None
        sent = Attempt(seeded("posted"), 1, b"", 1, 1, 1, 0)
        assert uow.intents.take(uow.intents.get(lane, key), nonce, sent)
    name = "0x" + ask.campaign.hex()
    world.event("Posted", id=name, epoch="1", root="0x" + row.root.hex(), evidence=str(row.evidence))
    world.event("Settled", id=name, epoch="1")
    with restored(world, tmp_path / "copy", empty) as again, again.world.store.begin() as uow:
        assert again.world.state(ask) == "settled"
        assert again.result.queued == (f"fee:{ask.campaign.hex()}:1",)
        assert uow.intents.next_nonce(lane) == nonce + 1
        assert uow.intents.newest_try(lane, key) is None
        assert uow.payouts.payroll(ask.campaign) == row


def test_a_copy_made_while_the_log_grew_is_that_of_its_checkpoint(
    world: World, empty: Engine, tmp_path: Path
) -> None:
    """The checkpoint was copied first; all else came when much more had happened."""
    deployed(world)
    ask = half_labelled(world)
    size = world.size()
    mirror_world(world, tmp_path / "copy")
    world.answer_all("bob", ask)
    world.answer_all("eve", ask)
    another = world.ask(items=3, title="Another", labels_per_item=1)
    world.open(another)
    world.join("zoe", another)
    assert world.match(another)
    world.answer_all("zoe", another)
    world.judge(ask)
    mirror_world(world, tmp_path / "later")
    for name in ("openings", "service.ndjson", "campaigns.json"):
        (tmp_path / "later" / name).rename(tmp_path / "later" / f"{name}.moved")
        old, new = tmp_path / "copy" / name, tmp_path / "later" / f"{name}.moved"
        shutil.rmtree(old) if old.is_dir() else old.unlink()
        new.rename(old)
    with restored(world, tmp_path / "copy", empty) as again:
        assert again.world.size() == size
        assert (again.world.state(ask), again.world.state(another)) == ("open", "draft")
        given = [again.world.submission("bob", ask, item, "cat") for item in again.world.tasks("bob")]
        (first, *_) = again.world.hand_in("bob", given)
        assert first.receipt.index == size
        with again.world.store.begin() as uow:
            publish.publish(uow, again.world.ledger, world.requester.address, another.campaign)
        again.world.answer_all("eve", ask)
        again.world.judge(ask)
        assert again.world.state(ask) == "payable"
