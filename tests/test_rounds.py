"""Campaigns go forward by themselves, each for itself, whatever the others, the chain or the node do."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from api.serve import background
from ledger_service.chain.contracts import Stage
from ledger_service.errors import BadInput
from ledger_service.rounds import LOOK_SECONDS, STILL_CHAIN_SECONDS
from ledger_service.store.chain import MAX_DATA_BYTES, MOST_TRIES, Attempt, Mined, State
from tests.flow.world import World
from tests.rounds_world import WINDOW, Running, answered, running, until


@pytest.fixture
def world(database: Engine) -> Iterator[World]:
    made = World(database)
    yield made
    made.store.close()


@pytest.fixture
def run(world: World, tmp_path: Path) -> Iterator[Running]:
    with running(world, tmp_path) as made:
        yield made


def alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said as an alarm, since the last time."""
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    caplog.clear()
    return said


def test_a_campaign_goes_from_published_to_finished_by_rounds_alone(world: World, run: Running) -> None:
    ask = world.ask()
    world.publish(ask)
    run.run()
    assert world.state(ask) == "published"
    run.happens("Deposited", ask, amount="1000000000000")
    run.run()
    assert world.state(ask) == "open"

    for name in ("ada", "bob"):
        world.join(name, ask)
    run.run()
    assert len(world.tasks("ada")) == len(world.tasks("bob")) == 6
    for name in ("ada", "bob"):
        world.answer_all(name, ask)
    run.run()
    assert world.state(ask) == "payable"
    assert not run.intents("post:")
    run.anchored()
    assert len(run.intents("post:")) == 1
    run.taken(ask)

    run.later(WINDOW - 1)
    run.run()
    assert not run.intents("settle:")
    run.later(1)
    run.run()
    assert len(run.intents("settle:")) == 1
    run.happens("Settled", ask, epoch="1")
    run.run()
    assert world.state(ask) == "settled"
    assert len(run.intents("fee:")) == 1
    run.happens("Refunded", ask)
    run.run()
    assert world.state(ask) == "finished"


def test_a_deposit_that_comes_late_opens_the_campaign_while_there_is_time(world: World, run: Running) -> None:
    in_time, too_late = world.ask(), world.ask(items=3)
    for ask in (in_time, too_late):
        world.publish(ask)
    run.later(86_399)
    run.happens("Deposited", in_time, amount="1000000000000")
    run.run()
    assert world.state(in_time) == "open"
    run.later(1)
    run.happens("Deposited", too_late, amount="1000000000000")
    run.run()
    assert world.state(too_late) == "expired"


def test_a_campaign_that_is_closed_early_pays_what_was_done(world: World, run: Running) -> None:
    ask = world.ask()
    world.open(ask)
    world.join("ada", ask)
    run.run()
    assert world.answer_all("ada", ask) == 6
    world.join("bob", ask)
    with world.store.begin() as uow:
        uow.campaigns.change(ask.campaign, closing=True)
    run.run()
    assert world.tasks("bob") == []
    assert world.state(ask) == "payable"
    with world.store.begin() as uow:
        (paid,) = uow.payouts.of_campaign(ask.campaign)
    assert paid.amount > 0


def test_a_payroll_that_missed_its_deadline_is_an_alarm_until_the_requester_has_the_rest(
    world: World, run: Running, caplog: pytest.LogCaptureFixture
) -> None:
    ask = answered(world)
    run.run()
    run.anchored()
    run.refuse("post:", "DeadlinePassed(deadline=1800172800)")
    for _ in range(5):
        run.run(seconds=700)
    (alarm,) = alarms(caplog)
    assert ask.campaign.hex() in alarm
    assert not run.intents("post:")
    run.happens("Refunded", ask)
    run.run(seconds=700)
    assert world.state(ask) == "finished"


def test_a_payroll_that_was_refused_for_what_may_pass_is_posted_again_ever_more_rarely(
    world: World, run: Running, caplog: pytest.LogCaptureFixture
) -> None:
    answered(world)
    run.run()
    run.anchored()
    tries, begun = [], run.seconds
    for _ in range(40):
        if run.intents("post:"):
            tries.append(run.seconds - begun)
            run.refuse("post:", "NotAnchored(size=9)")
        run.run(seconds=1)
    assert tries == [0, 1, 2, 4, 8, 16, 32]
    assert len(alarms(caplog)) == 1


@pytest.mark.parametrize(
    ("stage", "due"),
    [(Stage.PENDING, WINDOW), (Stage.CONFIRMED, WINDOW), (Stage.DISPUTED, 1_000 + 2 * WINDOW)],
)
def test_a_payroll_is_settled_when_the_contract_would(
    world: World, run: Running, stage: Stage, due: int
) -> None:
    ask = answered(world)
    run.posted(ask)
    run.chain.stage, run.chain.disputed_at = stage, run.chain.posted_at + 1_000
    run.later(due - 1)
    run.run()
    assert not run.intents("settle:")
    run.later(LOOK_SECONDS)
    run.run()
    assert len(run.intents("settle:")) == 1


def test_a_chain_that_stands_still_between_transactions_is_settled_on_all_the_same(
    world: World, run: Running
) -> None:
    ask = answered(world)
    run.posted(ask)
    run.chain.time = run.chain.posted_at
    world.clock.time += WINDOW + STILL_CHAIN_SECONDS - 1
    run.run()
    assert not run.intents("settle:")
    world.clock.time += LOOK_SECONDS
    run.run()
    assert len(run.intents("settle:")) == 1


def test_the_contract_is_not_asked_while_it_can_have_nothing_new_to_say(world: World, run: Running) -> None:
    ask = answered(world)
    run.posted(ask)
    run.asked()
    for _ in range(50):
        run.later(60)
        run.run()
    assert run.asked() <= 1
    run.later(WINDOW)
    run.run()
    assert run.asked() == 1
    for _ in range(50):
        run.run()
    assert run.asked() == 0


@pytest.mark.parametrize("until_state", ["payable", "posted", "settled"])
def test_the_refund_ends_a_campaign_wherever_its_pay_stands(
    world: World, run: Running, until_state: str
) -> None:
    ask = answered(world)
    run.run()
    if until_state != "payable":
        run.posted(ask)
    if until_state == "settled":
        run.happens("Settled", ask, epoch="1")
        run.run()
    assert world.state(ask) == until_state
    run.happens("Refunded", ask)
    run.run()
    assert world.state(ask) == "finished"


def test_a_call_to_settle_that_a_slow_node_refused_is_made_again(
    world: World, run: Running, caplog: pytest.LogCaptureFixture
) -> None:
    ask = answered(world)
    run.posted(ask)
    run.later(WINDOW)
    run.run()
    run.refuse("settle:", "TooEarly(until=1800086400)")
    run.run(seconds=1)
    (again,) = run.intents("settle:")
    assert again.state is State.QUEUED
    assert len(alarms(caplog)) == 1

    run.refuse("settle:", "NothingPending()")
    run.chain.stage = Stage.EMPTY  # somebody else's claim has settled it
    for _ in range(5):
        run.run(seconds=700)
    assert not run.intents("settle:")


def test_what_a_person_cancelled_is_not_made_again(world: World, run: Running) -> None:
    ask = answered(world)
    run.posted(ask)
    run.later(WINDOW)
    run.run()
    (intent,) = run.intents("settle:")
    with world.store.begin() as uow:
        uow.intents.cancel(world.ledger.lane, intent.key, world.clock.now())
    for _ in range(5):
        run.run(seconds=700)
    assert not run.intents("settle:")


def test_a_fee_that_a_slow_node_refused_is_collected_again_unless_it_was(world: World, run: Running) -> None:
    ask = answered(world)
    run.posted(ask)
    run.happens("Settled", ask, epoch="1")
    run.run()
    run.refuse("fee:", "NothingDue(account=0x00, amount=0)")
    run.run(seconds=1)
    assert len(run.intents("fee:")) == 1

    run.refuse("fee:", "NothingDue(account=0x00, amount=0)")
    with world.store.begin() as uow:
        settlement = uow.payouts.settlement(ask.campaign)
    assert settlement is not None
    run.chain.fee_collected = settlement.total * 250 // 10_000
    run.asked()
    for _ in range(5):
        run.run(seconds=700)
    assert not run.intents("fee:")
    assert run.asked() == 1


def test_a_contradicted_anchor_is_one_alarm_and_campaigns_go_on(
    world: World, run: Running, caplog: pytest.LogCaptureFixture
) -> None:
    first = answered(world)
    run.run()
    run.anchored(root=b"\x11" * 32)
    second = world.ask(items=3)
    world.publish(second)
    run.happens("Deposited", second, amount="1000000000000")
    for _ in range(5):
        run.run(seconds=700)
    (alarm,) = alarms(caplog)
    assert "anchoring" in alarm
    assert world.state(second) == "open"
    assert world.state(first) == "payable"


def test_a_refused_anchor_is_sent_again_and_campaigns_go_on(
    world: World, run: Running, caplog: pytest.LogCaptureFixture
) -> None:
    ask = answered(world)
    run.run()
    run.refuse("anchor:", "InvalidProof()")
    second = world.ask(items=3)
    world.publish(second)
    run.happens("Deposited", second, amount="1000000000000")
    run.run()
    assert world.state(second) == "open"
    assert len(run.intents("anchor:")) == 1
    assert len(alarms(caplog)) == 1
    run.anchored()
    run.run(seconds=700)
    assert len(run.intents(f"post:{ask.campaign.hex()}")) == 1


def test_what_nobody_foresaw_in_one_campaign_holds_up_no_other(
    world: World, run: Running, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = world.ask(), world.ask(items=3)
    for ask in (bad, good):
        world.publish(ask)
    run.happens("Deposited", bad)  # without an amount: a KeyError, which is no error of ours
    run.happens("Deposited", good, amount="1000000000000")
    run.run()
    assert world.state(good) == "open"
    assert run.intents("anchor:")
    for _ in range(20):
        run.run(seconds=700)
    (record,) = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert bad.campaign.hex() in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], KeyError)

    with world.store.begin() as uow:
        uow.connection.execute(text("DELETE FROM chain_events WHERE args->>'amount' IS NULL"))
    run.happens("Deposited", bad, amount="1000000000000")
    run.run(seconds=599)
    assert world.state(bad) == "published"
    run.run(seconds=1)
    assert world.state(bad) == "open"


def test_a_payroll_beyond_what_nodes_take_never_enters_the_lane(world: World, run: Running) -> None:
    lane, escrow = world.ledger.lane, world.ledger.escrow.address
    with pytest.raises(BadInput, match="calldata"), world.store.begin() as uow:
        uow.intents.enqueue(lane, "post:large", escrow, bytes(MAX_DATA_BYTES + 1), 0, 0)
    assert not run.intents("post:")


def test_a_call_that_was_mined_and_reverted_is_made_again_with_a_nonce_of_its_own_and_not_for_ever(
    world: World,
) -> None:
    lane = world.ledger.lane
    with world.store.begin() as uow:
        rows = uow.intents
        rows.open_lane(lane, bytes(32), 0)
        rows.enqueue(lane, "settle:x:1", world.ledger.escrow.address, b"call", 0, 0)
        for nonce in range(MOST_TRIES):
            intent = rows.newest_try(lane, "settle:x:1")
            assert intent is not None
            attempt = Attempt(bytes([nonce]) * 32, 1, b"raw", 1, 1, 1, signed_at=0)
            assert rows.take(intent, nonce, attempt)
            mined = Mined(attempt.hash, 1, bytes(32), 1, 1, None)
            taken = rows.get(lane, intent.key)
            assert rows.reverted(taken, mined, "out of gas", final=False, now=0)
            assert not rows.try_again(lane, "settle:x:1", 0)  # the chain may still abandon that block
            assert rows.reverted(rows.get(lane, intent.key), mined, "out of gas", final=True, now=0)
            assert rows.try_again(lane, "settle:x:1", 0) is (nonce < MOST_TRIES - 1)
        newest = rows.newest_try(lane, "settle:x:1")
        assert newest is not None
        assert (newest.key, newest.data) == (f"settle:x:1/{MOST_TRIES}", b"call")


def test_the_chain_does_not_wait_for_a_matching_and_both_stop_at_once(world: World, run: Running) -> None:
    ask = world.ask(items=1_000, instructions="Name it.", title="Which animal is it? " * 20)
    world.open(ask)
    world.join("ada", ask)
    before = threading.active_count()
    with background(run.service):
        until(lambda: len(run.calls) > 20, "the chain is not asked while a campaign is matched")
        assert world.tasks("ada") == []
        leaving = time.monotonic()
    assert time.monotonic() - leaving < 10
    assert threading.active_count() <= before + 1  # a connection that the node still holds open
    assert world.tasks("ada") == []
