"""Replacements, and two chain writers at once: of all attempts one is mined."""

from __future__ import annotations

import secrets

import pytest

from ledger_service.chain.fees import GWEI, FeeLimits
from ledger_service.chain.writer import WriterPolicy
from ledger_service.store.chain import ChainIntents, State
from tests.chain.world import Crash, World


def _account() -> str:
    return "0x" + secrets.token_hex(20)


def test_two_writers_of_one_lane_do_it_once(world: World) -> None:
    token, worker = world.deploy_token(), _account()
    world.mint("mint", token, worker, 9)
    other = world.writer()

    def meanwhile(point: str) -> None:
        if point == "signed":
            other.step()

    writer = world.writer()
    writer._boundary = meanwhile
    writer.step()
    world.writer().step()
    assert len(world.attempts("mint")) == 1
    assert world.balance(token, worker) == 9
    assert world.spent() == 2


def test_a_nonce_that_another_writer_took_meanwhile_is_not_given_again(world: World) -> None:
    token, worker = world.deploy_token(), _account()
    mint = world.artifacts["LocalToken"].call
    slow = world.database.connect()  # queued first, committed after a later one is being signed
    world.writer().enqueue(slow, "slow", token, mint("mint", worker, 1))
    world.mint("fast", token, worker, 2)
    other = world.writer()

    def meanwhile(point: str) -> None:
        if point == "signed" and not slow.closed:
            slow.commit()
            slow.close()
            other.step()

    writer = world.writer()
    writer._boundary = meanwhile
    for _ in range(4):
        writer.step()
    assert (world.intent("slow").nonce, world.intent("fast").nonce) == (1, 2)
    assert world.balance(token, worker) == 3


def test_what_was_read_before_another_writer_moved_it_changes_nothing(world: World) -> None:
    token, worker = world.deploy_token(), _account()
    stale = world.mint("mint", token, worker, 9)
    world.writer().step()
    now = world.intent("mint")
    with world.database.begin() as connection:
        rows = ChainIntents(connection)
        assert not rows.refused(stale, "stale", world.clock.now())
        assert not rows.send_again(stale, world.clock.now())
        assert not rows.foreign(stale, final=True, now=world.clock.now())
    assert world.intent("mint") == now


def test_two_writers_replace_a_transaction_once(world: World) -> None:
    token = world.deploy_token()
    world.control.automine(False)
    world.mint("mint", token, _account(), 9)
    world.writer().step()
    world.clock.seconds += WriterPolicy().raise_after
    with pytest.raises(Crash):
        world.writer(crash_at="committed").step()
    with world.database.begin() as connection:
        ChainIntents(connection).not_sent(world.attempts("mint")[-1], "refused")
    world.clock.seconds += WriterPolicy().raise_after
    other = world.writer()

    def meanwhile(point: str) -> None:
        if point == "signed":
            other.step()

    writer = world.writer()
    writer._boundary = meanwhile
    writer.step()
    assert [attempt.number for attempt in world.attempts("mint")] == [1, 2, 3]
    world.control.mine()
    world.writer().step()
    assert world.intent("mint").state is State.MINED
    assert world.spent() == 2


def test_a_transaction_that_is_too_cheap_is_replaced_under_its_nonce(world: World) -> None:
    token, worker = world.deploy_token(), _account()
    world.control.automine(False)
    world.mint("mint", token, worker, 4)
    world.writer().step()
    cheap = world.attempts("mint")[0]
    world.control.base_fee(cheap.max_fee + GWEI)
    world.control.mine()
    world.writer().step()
    assert world.intent("mint").state is State.BROADCAST
    assert len(world.attempts("mint")) == 1

    world.clock.seconds += WriterPolicy().raise_after
    assert world.writer().step().sent == 1
    cheap, dear = world.attempts("mint")
    assert dear.max_fee >= cheap.max_fee * 11 // 10
    assert dear.priority_fee >= cheap.priority_fee * 11 // 10
    world.control.mine()
    world.writer().step()
    done = world.intent("mint")
    assert done.state is State.MINED
    assert done.mined is not None
    assert done.mined.transaction == dear.hash
    assert world.spent() == 2
    assert world.balance(token, worker) == 4


def test_what_was_never_sent_is_not_replaced(world: World) -> None:
    token = world.deploy_token()
    world.mint("mint", token, _account(), 4)
    with pytest.raises(Crash):
        world.writer(crash_at="committed").step()
    world.clock.seconds += 10 * WriterPolicy().raise_after
    world.writer().step()
    world.writer().step()
    assert world.intent("mint").state is State.MINED
    assert len(world.attempts("mint")) == 1


def test_an_older_attempt_that_is_mined_after_all_counts(world: World) -> None:
    token, worker = world.deploy_token(), _account()
    world.control.automine(False)
    world.mint("mint", token, worker, 4)
    world.writer().step()
    world.clock.seconds += WriterPolicy().raise_after
    with pytest.raises(Crash):
        world.writer(crash_at="committed").step()  # the replacement is never sent
    assert world.intent("mint").state is State.SIGNED
    world.control.mine()
    world.writer().step()
    older, _newer = world.attempts("mint")
    done = world.intent("mint")
    assert done.state is State.MINED
    assert done.mined is not None
    assert done.mined.transaction == older.hash
    assert world.balance(token, worker) == 4


def test_fees_stop_at_the_limit_and_say_so(world: World) -> None:
    token = world.deploy_token()
    world.control.automine(False)
    world.mint("mint", token, _account(), 4)
    world.writer().step()
    paid = world.attempts("mint")[0]
    world.clock.seconds += WriterPolicy().raise_after
    policy = WriterPolicy(fees=FeeLimits(max_fee=paid.max_fee, priority_fee=paid.priority_fee))
    report = world.writer(policy=policy).step()
    assert any("limit" in alarm for alarm in report.alarms)
    assert len(world.attempts("mint")) == 1
    world.mint("next", token, _account(), 4)
    world.control.mine()
    report = world.writer(policy=WriterPolicy(fees=FeeLimits(max_fee=1, priority_fee=1))).step()
    assert any("above the limit" in alarm for alarm in report.alarms)
    assert world.intent("next").nonce is None


def test_what_builds_on_a_transaction_that_is_not_mined_yet_waits_for_it(world: World) -> None:
    token, worker = world.deploy_token(), _account()
    policy = WriterPolicy(in_flight=2)
    world.control.automine(False)
    world.mint("mint", token, world.signer.address, 5)
    world.writer(policy=policy).step()
    world.control.base_fee(world.attempts("mint")[0].max_fee + GWEI)
    world.control.mine()  # without it: it offers too little now
    world.enqueue("transfer", token, world.artifacts["LocalToken"].call("transfer", worker, 5))
    world.writer(policy=policy).step()
    assert world.intent("transfer").state is State.QUEUED

    world.clock.seconds += policy.raise_after
    for _ in range(3):
        world.writer(policy=policy).step()
        world.control.mine()
    world.writer(policy=policy).step()
    assert world.intent("transfer").state is State.MINED
    assert world.balance(token, worker) == 5
