"""The chain writer on a real chain and a real database: whatever fails, what was decided is done once."""

from __future__ import annotations

import secrets

import pytest
from eth_typing import HexAddress, HexStr
from web3.types import Nonce
from web3.utils.address import get_create_address

from ledger_service.chain.client import ChainClient
from ledger_service.chain.fees import GWEI, FeeLimits
from ledger_service.chain.observe import created_address
from ledger_service.chain.signer import Transaction
from ledger_service.chain.writer import MAX_DATA_BYTES, WriterPolicy
from ledger_service.errors import BadInput, Conflict, Corrupt, NotYours
from ledger_service.store.chain import ChainIntents, State
from tests.chain.conftest import DEPTH
from tests.chain.world import ETHER, Crash, World


def _account() -> str:
    return "0x" + secrets.token_hex(20)


def test_an_intent_is_sent_mined_and_final_only_at_the_depth(world: World) -> None:
    token, worker = world.deploy_token(), _account()
    world.mint("mint", token, worker, 7)
    assert world.intent("mint").state is State.QUEUED

    report = world.writer().step()
    assert (report.signed, report.sent, report.alarms) == (1, 1, ())
    assert world.intent("mint").state is State.BROADCAST

    assert world.writer().step().moved == 1
    mined = world.intent("mint")
    assert mined.state is State.MINED
    assert mined.mined is not None
    assert mined.mined.gas_used > 21_000
    assert world.balance(token, worker) == 7

    world.control.mine(DEPTH - 1)
    world.writer().step()
    assert world.intent("mint").state is State.MINED
    world.control.mine()
    world.writer().step()
    assert world.intent("mint").state is State.FINAL
    assert not world.writer().step().busy


def test_the_same_key_is_one_intent(world: World) -> None:
    token, worker = world.deploy_token(), _account()
    first = world.mint("mint", token, worker, 5)
    assert world.mint("mint", token, worker, 5).id == first.id
    with pytest.raises(Conflict, match="something else"):
        world.mint("mint", token, worker, 6)
    for _ in range(4):
        world.writer().step()
    assert world.mint("mint", token, worker, 5).state is State.MINED
    assert world.balance(token, worker) == 5


def test_an_intent_of_a_rolled_back_transaction_never_was(world: World) -> None:
    with world.database.connect() as connection:
        world.writer().enqueue(connection, "lost", None, b"\x00")
        connection.rollback()
    assert not world.writer().step().busy
    with world.database.begin() as connection:
        assert world.writer().find(connection, "lost") is None
        with pytest.raises(NotYours):
            ChainIntents(connection).get(world.writer().lane, "lost")


def test_more_calldata_than_nodes_take_is_refused_at_once(world: World) -> None:
    with pytest.raises(BadInput, match="calldata"):
        world.enqueue("large", None, bytes(MAX_DATA_BYTES + 1))


def test_a_contract_is_created_where_its_nonce_says(world: World) -> None:
    token = world.deploy_token()
    assert token == created_address(world.signer.address, 0)
    assert world.client.code(token)


@pytest.mark.parametrize("nonce", [0, 1, 0x7F, 0x80, 0xFF, 0x100, 1 << 40])
def test_created_addresses_are_those_of_the_reference_encoder(nonce: int) -> None:
    creator = HexAddress(HexStr("0x" + secrets.token_hex(20)))
    assert created_address(creator, nonce) == get_create_address(creator, Nonce(nonce)).lower()


@pytest.mark.parametrize("point", ["signed", "committed", "sent"])
def test_a_crash_at_any_point_does_it_once(world: World, point: str) -> None:
    token, worker = world.deploy_token(), _account()
    before = world.spent()
    world.mint("mint", token, worker, 3)
    with pytest.raises(Crash):
        world.writer(crash_at=point).step()

    state, sent = world.intent("mint").state, world.spent() - before
    assert (state, sent) == {
        "signed": (State.QUEUED, 0),
        "committed": (State.SIGNED, 0),
        "sent": (State.SIGNED, 1),
    }[point]
    hashes = [attempt.hash for attempt in world.attempts("mint")]

    for _ in range(3):
        world.writer().step()
    assert world.intent("mint").state is State.MINED
    assert [attempt.hash for attempt in world.attempts("mint")][: len(hashes)] == hashes
    assert len(world.attempts("mint")) == 1
    assert world.spent() - before == 1
    assert world.balance(token, worker) == 3


def test_a_crash_after_sending_to_a_waiting_pool_sends_the_same_bytes_again(world: World) -> None:
    token, worker = world.deploy_token(), _account()
    world.control.automine(False)
    world.mint("mint", token, worker, 3)
    with pytest.raises(Crash):
        world.writer(crash_at="sent").step()
    assert world.intent("mint").state is State.SIGNED
    report = world.writer().step()  # the node knows it already, and says so in an error
    assert (report.sent, report.alarms) == (1, ())
    assert world.intent("mint").state is State.BROADCAST
    world.control.mine()
    world.writer().step()
    assert world.intent("mint").state is State.MINED
    assert world.balance(token, worker) == 3


def test_nonces_are_dense_and_never_given_twice(world: World) -> None:
    token, worker = world.deploy_token(), _account()
    policy = WriterPolicy(in_flight=4)
    for number in range(6):
        world.mint(f"mint/{number}", token, worker, 1 << number)
    for point in ("signed", "committed", "sent", "committed", "sent", ""):
        try:
            world.writer(crash_at=point, policy=policy).step()
        except Crash:
            assert point
    for _ in range(4):
        world.writer(policy=policy).step()
    intents = [world.intent(f"mint/{number}") for number in range(6)]
    assert [intent.nonce for intent in intents] == [1, 2, 3, 4, 5, 6]
    assert {intent.state for intent in intents} <= {State.MINED, State.FINAL}
    assert world.balance(token, worker) == 63
    assert world.spent() == 7


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


def test_an_account_with_a_history_begins_where_it_stands(world: World) -> None:
    _send_by_hand(world, nonce=0)
    token = world.deploy_token()
    assert world.intent("token").nonce == 1
    assert token == created_address(world.signer.address, 1)


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


def test_what_the_contract_refuses_takes_no_nonce(world: World) -> None:
    token = world.deploy_token()
    data = world.artifacts["LocalToken"].call("transfer", _account(), 5)
    world.enqueue("transfer", token, data)
    world.mint("after", token, _account(), 1)
    for _ in range(3):
        world.writer().step()
    refused = world.intent("transfer")
    assert refused.state is State.REJECTED
    assert refused.nonce is None
    assert refused.error is not None
    assert "ERC20InsufficientBalance(" in refused.error
    assert "needed=5" in refused.error
    assert world.intent("after").nonce == 1
    assert world.spent() == 2


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


def test_a_refused_intent_can_be_tried_anew(world: World) -> None:
    token, worker = world.deploy_token(), _account()
    world.enqueue("transfer", token, world.artifacts["LocalToken"].call("transfer", worker, 5))
    world.writer().step()
    world.mint("mint", token, world.signer.address, 5)
    world.writer().step()
    world.writer().step()
    with world.database.begin() as connection:
        rows = ChainIntents(connection)
        assert rows.requeue(world.writer().lane, "transfer", world.clock.now()).state is State.QUEUED
        with pytest.raises(Conflict):
            rows.requeue(world.writer().lane, "mint", world.clock.now())
    world.writer().step()
    world.writer().step()
    assert world.intent("transfer").state is State.MINED
    assert world.balance(token, worker) == 5


def test_a_queued_intent_can_be_cancelled(world: World) -> None:
    token = world.deploy_token()
    world.mint("mint", token, _account(), 1)
    lane = world.writer().lane
    with world.database.begin() as connection:
        assert ChainIntents(connection).cancel(lane, "mint", world.clock.now()).error == "cancelled"
        with pytest.raises(Conflict):
            ChainIntents(connection).cancel(lane, "token", world.clock.now())
    assert world.writer().step().signed == 0
    assert world.spent() == 1


def test_a_lane_belongs_to_one_chain(world: World) -> None:
    world.deploy_token()

    class Begun(ChainClient):
        """A chain of the same id that was begun anew."""

        def check_chain(self) -> None:
            return None

    world.client = Begun(world.client._rpc, world.client.chain_id, bytes(32), DEPTH)
    with pytest.raises(Corrupt, match="began with 0000"):
        world.writer().step()


def _pending_revert(world: World, token: str) -> None:
    """A transfer that can be paid when its gas is estimated, and no longer when it is mined."""
    local = world.artifacts["LocalToken"]
    world.mint("mint", token, world.signer.address, 5)
    world.writer().step()
    world.writer().step()
    world.control.automine(False)
    policy = WriterPolicy(in_flight=2)
    world.enqueue("one", token, local.call("transfer", _account(), 5))
    world.enqueue("two", token, local.call("transfer", _account(), 4))
    assert world.writer(policy=policy).step().sent == 2


def test_a_reverted_transaction_stays_visible_with_its_reason(world: World) -> None:
    token = world.deploy_token()
    _pending_revert(world, token)
    world.control.mine()
    world.writer().step()
    assert world.intent("one").state is State.MINED
    rejected = world.intent("two")
    assert rejected.state is State.REJECTED
    assert not rejected.final
    assert rejected.nonce == 3
    assert rejected.mined is not None
    assert rejected.mined.gas_used > 21_000
    assert rejected.error is not None
    assert "revert" in rejected.error
    world.control.mine(DEPTH)
    world.writer().step()
    assert world.intent("two").final
    assert world.intent("two").state is State.REJECTED


def test_an_account_without_money_waits_and_alarms(world: World) -> None:
    token = world.deploy_token()
    world.control.fund(world.signer.address, 0)
    world.mint("mint", token, _account(), 1)
    report = world.writer().step()
    assert report.alarms
    assert world.intent("mint").state in (State.QUEUED, State.SIGNED)
    world.control.fund(world.signer.address, ETHER)
    for _ in range(3):
        world.writer().step()
    assert world.intent("mint").state is State.MINED


def test_a_reorganised_transaction_is_sent_again(world: World) -> None:
    token, worker = world.deploy_token(), _account()
    fork = world.control.snapshot()
    world.mint("mint", token, worker, 8)
    world.writer().step()
    world.writer().step()
    mined = world.intent("mint")
    assert mined.state is State.MINED

    world.control.revert(fork)
    world.control.automine(False)
    world.control.mine(2)
    assert world.balance(token, worker) == 0
    world.writer().step()
    assert world.intent("mint").state is State.BROADCAST
    assert world.intent("mint").mined is None
    world.control.mine()
    world.writer().step()
    again = world.intent("mint")
    assert again.state is State.MINED
    assert again.nonce == mined.nonce
    assert again.mined is not None
    assert mined.mined is not None
    assert again.mined.transaction == mined.mined.transaction
    assert again.mined.block_hash != mined.mined.block_hash
    assert world.balance(token, worker) == 8


def test_a_reverted_transaction_moves_back_on_a_reorg(world: World) -> None:
    token = world.deploy_token()
    _pending_revert(world, token)
    fork = world.control.snapshot()
    world.control.mine()
    world.writer().step()
    assert world.intent("two").state is State.REJECTED
    world.control.revert(fork)
    world.control.mine(0)
    world.writer().step()
    assert world.intent("two").state in (State.SIGNED, State.BROADCAST)
    assert world.intent("two").error is None
    assert world.intent("one").state in (State.SIGNED, State.BROADCAST)


def _send_by_hand(world: World, nonce: int) -> None:
    """Somebody else uses the lane's key."""
    gas_price = world.client.head().base_fee * 2 + 5 * GWEI
    transaction = Transaction(
        world.client.chain_id, nonce, world.signer.address, b"", 0, 21_000, gas_price, 5 * GWEI
    )
    world.client.send_raw(world.signer.sign(transaction))


def test_a_foreign_transaction_stops_the_lane(world: World) -> None:
    token, worker = world.deploy_token(), _account()
    world.mint("mint", token, worker, 2)
    with pytest.raises(Crash):
        world.writer(crash_at="committed").step()
    _send_by_hand(world, nonce=1)
    world.mint("next", token, worker, 1)

    report = world.writer().step()
    assert any("has stopped" in alarm for alarm in report.alarms)
    assert world.intent("mint").state is State.FOREIGN
    assert world.writer().step().signed == 0
    assert world.intent("next").state is State.QUEUED
    lane = world.writer().lane
    with pytest.raises(Conflict), world.database.begin() as connection:
        ChainIntents(connection).acknowledge(lane, "mint", world.clock.now())  # not final yet

    world.control.mine(DEPTH)
    world.writer().step()
    assert world.intent("mint").final
    with world.database.begin() as connection:
        ChainIntents(connection).acknowledge(lane, "mint", world.clock.now())
    world.writer().step()
    world.writer().step()
    assert world.intent("next").state is State.MINED
    assert world.intent("next").nonce == 2
    assert world.balance(token, worker) == 1


def test_a_foreign_transaction_that_is_abandoned_starts_the_lane_again(world: World) -> None:
    token, worker = world.deploy_token(), _account()
    world.mint("mint", token, worker, 2)
    with pytest.raises(Crash):
        world.writer(crash_at="committed").step()
    fork = world.control.snapshot()
    _send_by_hand(world, nonce=1)
    world.writer().step()
    assert world.intent("mint").state is State.FOREIGN
    world.control.revert(fork)
    world.control.mine()
    world.writer().step()
    world.writer().step()
    assert world.intent("mint").state is State.MINED
    assert world.balance(token, worker) == 2
