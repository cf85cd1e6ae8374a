"""The chain writer on a real chain and a real database: whatever fails, what was decided is done once."""

from __future__ import annotations

import secrets

import pytest
from eth_typing import HexAddress, HexStr
from web3.types import Nonce
from web3.utils.address import get_create_address

from ledger_service.chain.observe import created_address
from ledger_service.chain.writer import WriterPolicy
from ledger_service.errors import BadInput, Conflict, NotYours
from ledger_service.store.chain import MAX_DATA_BYTES, ChainIntents, State
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


def test_what_the_node_does_not_estimate_is_passed_over(world: World) -> None:
    token, worker = world.deploy_token(), _account()
    world.enqueue("too long", None, bytes(60_000))  # no contract's creation is as long: EIP-3860
    world.mint("mint", token, worker, 7)
    reports = [world.writer().step() for _ in range(3)]
    assert world.intent("mint").state is State.MINED
    assert world.balance(token, worker) == 7
    left = world.intent("too long")
    assert (left.state, left.nonce) == (State.QUEUED, None)
    assert left.error is not None
    assert any(left.error in alarm for alarm in reports[0].alarms)


def test_what_may_build_on_a_passed_over_intent_is_not_given_up(world: World) -> None:
    token = world.deploy_token()
    world.enqueue("too long", None, bytes(60_000))
    world.enqueue("transfer", token, world.artifacts["LocalToken"].call("transfer", _account(), 5))
    world.writer().step()
    assert world.intent("transfer").state is State.QUEUED
    lane = world.writer().lane
    with world.database.begin() as connection:
        ChainIntents(connection).cancel(lane, "too long", world.clock.now())
    world.writer().step()
    assert world.intent("transfer").state is State.REJECTED


def test_intents_keep_their_order_while_the_node_estimates_nothing(world: World) -> None:
    token = world.deploy_token()
    world.control.fund(world.signer.address, 0)
    for number in range(20):  # more than are read at a time
        world.mint(f"mint/{number}", token, _account(), 1)
    world.writer().step()
    world.control.fund(world.signer.address, ETHER)
    for _ in range(25):
        world.writer().step()
    assert [world.intent(f"mint/{number}").nonce for number in range(20)] == list(range(1, 21))
