"""The chain writer when the chain takes back what it said, or somebody else uses the key."""

from __future__ import annotations

import secrets

import pytest

from ledger_service.chain.client import ChainClient
from ledger_service.chain.fees import GWEI
from ledger_service.chain.observe import created_address
from ledger_service.chain.signer import Transaction
from ledger_service.chain.writer import WriterPolicy
from ledger_service.errors import Conflict, Corrupt
from ledger_service.store.chain import ChainIntents, State
from tests.chain.conftest import DEPTH
from tests.chain.world import Crash, World


def _account() -> str:
    return "0x" + secrets.token_hex(20)


def test_an_account_with_a_history_begins_where_it_stands(world: World) -> None:
    _send_by_hand(world, nonce=0)
    token = world.deploy_token()
    assert world.intent("token").nonce == 1
    assert token == created_address(world.signer.address, 1)


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
