"""Payrolls that are disputed or void: what is said of them, and how the operator posts anew."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from ledger_service import entries
from ledger_service.chain.contracts import Stage
from ledger_service.errors import Conflict, Corrupt, NotYours
from ledger_service.flow import repost
from ledger_service.rounds import LOOK_SECONDS, Rounds
from tests.flow.world import Ask, World, wallet
from tests.rounds_world import WINDOW, Running, answered, running

DISPUTER, REASON = wallet("disputer").address, "0x" + "5e" * 32


@pytest.fixture
def world(database: Engine) -> Iterator[World]:
    made = World(database)
    yield made
    made.store.close()


@pytest.fixture
def run(world: World, tmp_path: Path) -> Iterator[Running]:
    with running(world, tmp_path) as made:
        yield made


@pytest.fixture
def ask(world: World, run: Running) -> Ask:
    """A campaign whose payroll is on the chain."""
    made = answered(world)
    run.posted(made)
    return made


def alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said as an alarm, since the last time."""
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    caplog.clear()
    return said


def dispute(run: Running, ask: Ask, epoch: int = 1) -> None:
    run.happens("Disputed", ask, epoch=str(epoch), disputer=DISPUTER, reason=REASON)
    run.chain.stage, run.chain.disputed_at = Stage.DISPUTED, run.world.clock.now()
    run.run()


def void(run: Running, ask: Ask, epoch: int = 1) -> None:
    """The arbiter upholds the dispute."""
    dispute(run, ask, epoch)
    run.happens("Ruled", ask, epoch=str(epoch), upheld=True)
    run.happens("Voided", ask, epoch=str(epoch))
    run.chain.stage = Stage.EMPTY
    run.run()


def enforce(run: Running, ask: Ask, worker: str, stated: int) -> None:
    """Somebody shows a statement that the payroll does not keep."""
    run.happens("Enforced", ask, epoch="1", account=worker, amount=str(stated))
    run.happens("Voided", ask, epoch="1")
    run.chain.stage = Stage.EMPTY
    run.run()


def anew(world: World, ask: Ask) -> None:
    with world.store.begin() as uow:
        repost.repost(uow, world.ledger, ask.campaign)


def test_a_void_payroll_is_said_once_with_who_why_and_until_when(
    world: World, run: Running, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    void(run, ask)
    run.asked()
    assert world.state(ask) == "void"
    for _ in range(10):
        run.later(60)
        run.run(seconds=60)
    (alarm,) = alarms(caplog)
    name = "0x" + ask.campaign.hex()
    for said in (name, "void", DISPUTER, REASON, str(ask.terms.deadline), f"repost --campaign {name}"):
        assert said in alarm
    run.later(2 * WINDOW)
    run.run()
    (alarm,) = alarms(caplog)
    assert "deadline" in alarm
    assert "redeem" in alarm
    assert run.asked() == 0
    run.happens("Refunded", ask)
    run.run()
    assert world.state(ask) == "finished"


def test_a_void_payroll_is_said_again_after_a_restart(
    run: Running, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    void(run, ask)
    assert len(alarms(caplog)) == 1
    run.rounds = Rounds(run.service, monotonic=lambda: run.seconds)
    run.run()
    assert len(alarms(caplog)) == 1


def test_a_void_payroll_is_posted_anew_under_the_next_number(world: World, run: Running, ask: Ask) -> None:
    first = run.payroll(ask)
    with world.store.begin() as uow:
        stated = uow.payouts.of_campaign(ask.campaign)
    void(run, ask)
    anew(world, ask)
    run.run()
    assert world.state(ask) == "payable"
    second = run.payroll(ask)
    assert (first.epoch, second.epoch) == (1, 2)
    same = ("root", "count", "total", "entries")
    assert [getattr(second, name) for name in same] == [getattr(first, name) for name in same]
    assert second.evidence >= first.evidence
    with world.store.begin() as uow:
        assert uow.payouts.of_campaign(ask.campaign) == stated
    (intent,) = run.intents(f"post:{ask.campaign.hex()}:2")
    assert intent.data == world.ledger.escrow.post(ask.terms, second.entries, second.evidence)

    run.taken(ask, epoch=2)
    run.later(WINDOW - 1)
    run.run()
    assert not run.intents("settle:")
    run.later(LOOK_SECONDS)
    run.run()
    assert [intent.key.split(":")[2] for intent in run.intents("settle:")] == ["2"]
    run.happens("Settled", ask, epoch="2")
    run.run()
    assert world.state(ask) == "settled"
    assert [intent.key.split(":")[2] for intent in run.intents("fee:")] == ["2"]


def test_a_payroll_may_be_void_more_than_once(world: World, run: Running, ask: Ask) -> None:
    void(run, ask)
    for epoch in (2, 3):
        anew(world, ask)
        run.taken(ask, epoch)
        void(run, ask, epoch)
        assert world.state(ask) == "void"
    anew(world, ask)
    assert run.payroll(ask).epoch == 4


def test_nothing_is_posted_anew_that_is_not_void(world: World, ask: Ask) -> None:
    with pytest.raises(Conflict, match="the campaign is posted"):
        anew(world, ask)
    with pytest.raises(NotYours), world.store.begin() as uow:
        repost.repost(uow, world.ledger, bytes(32))


def test_nothing_is_posted_anew_twice(world: World, run: Running, ask: Ask) -> None:
    void(run, ask)
    anew(world, ask)
    with pytest.raises(Conflict, match="the campaign is payable"):
        anew(world, ask)
    run.run()
    assert len(run.intents("post:")) == 2


def test_nothing_is_posted_anew_from_the_deadline_on(world: World, run: Running, ask: Ask) -> None:
    void(run, ask)
    world.clock.time = ask.terms.deadline
    with pytest.raises(Conflict, match=str(ask.terms.deadline)):
        anew(world, ask)
    world.clock.time -= 1
    anew(world, ask)


def test_a_payroll_that_broke_a_statement_is_posted_anew_if_the_log_keeps_it(
    world: World, run: Running, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    ada = wallet("ada").address
    with world.store.begin() as uow:
        row = uow.payouts.of_worker(ask.campaign, ada)
    assert row is not None
    enforce(run, ask, ada, row.amount)
    (alarm,) = alarms(caplog)
    assert f"{ada} less than the {row.amount}" in alarm
    anew(world, ask)
    assert world.state(ask) == "payable"


@pytest.mark.parametrize("who", ["ada", "somebody who never worked here"])
def test_a_payroll_that_would_break_the_statement_again_is_not_posted(
    world: World, run: Running, ask: Ask, who: str
) -> None:
    enforce(run, ask, wallet(who).address, 10**12)
    with pytest.raises(Conflict, match="void again"):
        anew(world, ask)
    assert world.state(ask) == "void"


def test_a_payroll_that_the_labels_do_not_give_is_not_posted(world: World, run: Running, ask: Ask) -> None:
    void(run, ask)
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE payouts SET amount = amount + 1 WHERE position = 0"))
    with pytest.raises(Corrupt, match="different amounts"):
        anew(world, ask)
    assert world.state(ask) == "void"


def test_a_payroll_that_we_did_not_send_is_an_alarm_and_once_void_ours_is_posted(
    world: World, run: Running, caplog: pytest.LogCaptureFixture
) -> None:
    ask = answered(world)
    run.run()
    run.anchored()
    run.happens("Posted", ask, epoch="1", root="0x" + "66" * 32)
    run.run()
    assert "somebody else has the operator's key" in caplog.text
    assert len(alarms(caplog)) == 1
    assert world.state(ask) == "payable"
    enforce(run, ask, wallet("ada").address, 1)
    run.run(seconds=600)
    assert world.state(ask) == "void"
    anew(world, ask)
    run.taken(ask, epoch=2)


def test_a_dispute_is_asked_about_at_once_and_its_time_is_known(world: World, run: Running, ask: Ask) -> None:
    assert run.payroll(ask).posted_at == run.chain.posted_at
    run.later(1_000)
    run.asked()
    run.run()
    assert run.asked() == 0
    dispute(run, ask)
    assert run.asked() == 1
    assert run.payroll(ask).disputed_at == run.chain.disputed_at == run.chain.posted_at + 1_000

    run.chain.stage = Stage.CONFIRMED
    run.happens("Ruled", ask, epoch="1", upheld=False)
    run.later(LOOK_SECONDS)
    run.run()
    assert run.payroll(ask).disputed_at is None
    assert world.state(ask) == "posted"


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said to be looked at, since the last time."""
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    caplog.clear()
    return said


def test_a_dispute_is_said_once_and_so_is_its_ruling(
    world: World, run: Running, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    warnings(caplog)
    dispute(run, ask)
    for _ in range(3):
        run.later(60)
        run.run()
    (said,) = warnings(caplog)
    until = run.chain.disputed_at + 2 * WINDOW
    for word in (DISPUTER, REASON, ask.terms.arbiter, f"until {until}", ask.campaign.hex()):
        assert word in said
    run.happens("Ruled", ask, epoch="1", upheld=False)
    run.chain.stage = Stage.CONFIRMED
    run.run()
    run.run()
    (said,) = warnings(caplog)
    assert "let it stand" in said


def test_what_is_redeemed_after_the_deadline_is_said_whenever_it_changes(
    world: World, run: Running, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    void(run, ask)
    world.clock.time = ask.terms.deadline
    ada = wallet("ada").address
    warnings(caplog)
    run.run()
    assert warnings(caplog) == []
    for args in ({"statement": "360000", "labels": "0"}, {"statement": "360000", "labels": "50000"}):
        run.happens("Redeemed", ask, account=ada, **args)
        run.run()
        run.run()
        (said,) = warnings(caplog)
        assert f"{ada} redeems {args['statement']} by a statement and {args['labels']} by labels" in said
    run.happens("RedemptionDisputed", ask, account=ada, disputer=DISPUTER, reason=REASON)
    run.run()
    (said,) = warnings(caplog)
    assert f"disputed by {DISPUTER}" in said
    run.happens("RedemptionRuled", ask, account=ada, upheld=True)
    run.run()
    (said,) = warnings(caplog)
    assert "is void" in said


def test_statements_hold_for_every_later_payroll(world: World, run: Running, ask: Ask) -> None:
    """The contract takes a statement whose number is not above the pending payroll's."""
    void(run, ask)
    anew(world, ask)
    with world.store.begin() as uow:
        rows, payroll = uow.payouts.of_campaign(ask.campaign), uow.payouts.payroll(ask.campaign)
    assert payroll is not None
    for row in rows:
        assert row.epoch == 1 <= payroll.epoch
        said = entries.Statement(ask.campaign, row.worker, row.amount, row.epoch, row.run)
        entries.check_signer(said, row.signature, world.ledger.domain, ask.terms.operator)
