"""The wallet's side of JSON-RPC against a real local chain."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from ledger_service.local.chain import LocalChain
from ledger_service.local.state import prepare
from scripts.demo_job.gas import gas_of
from scripts.demo_job.keys import Secrets
from scripts.demo_job.rpc import ETHER, Chain, ChainRefused, Order

ANN, BOB = (Secrets("rpc test", name).wallet() for name in ("ann", "bob"))


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalChain]:
    node = LocalChain(prepare(tmp_path_factory.mktemp("chain")))
    node.start()
    yield node
    node.stop()


@pytest.fixture
def chain(local: LocalChain) -> Iterator[Chain]:
    made = Chain(lambda: local.start().url, threading.Event(), patience=60)
    yield made
    made.close()


def test_transactions_of_several_senders_are_made_and_paid_by_each(chain: Chain) -> None:
    chain.endow([ANN.address, BOB.address])
    receipts = chain.send([Order(ANN, BOB.address, b"\x01"), Order(BOB, ANN.address, b"")])
    assert [receipt["from"] for receipt in receipts] == [ANN.address, BOB.address]
    assert all(receipt["status"] == "0x1" for receipt in receipts)
    held = chain.batch([("eth_getBalance", [wallet.address, "latest"]) for wallet in (ANN, BOB)])
    assert all(9 * ETHER < int(balance, 16) < 10 * ETHER for balance in held)
    assert gas_of(chain).running == sum(int(receipt["gasUsed"], 16) for receipt in receipts)


def test_one_sender_makes_one_transaction_at_a_time(chain: Chain) -> None:
    with pytest.raises(ValueError, match="one transaction a sender"):
        chain.send([Order(ANN, BOB.address, b""), Order(ANN, BOB.address, b"")])


def test_what_the_node_refuses_is_told(chain: Chain) -> None:
    poor = Secrets("rpc test", "poor").wallet()
    with pytest.raises(ChainRefused, match="eth_"):
        chain.send([Order(poor, BOB.address, b"")])
    with pytest.raises(ChainRefused, match="eth_nonsense"):
        chain.call("eth_nonsense")


def test_the_clock_is_moved_ahead_and_never_back(chain: Chain) -> None:
    before = chain.now()
    chain.advance_to(before + 86_400)
    after = chain.now()
    assert before + 86_400 <= after < before + 86_400 + 60
    chain.advance_to(before)
    assert chain.now() == after


def test_a_node_that_is_started_again_is_found_again(chain: Chain, local: LocalChain) -> None:
    chain.endow([ANN.address], 5 * ETHER)
    local.stop()
    assert int(chain.call("eth_getBalance", ANN.address, "latest"), 16) == 5 * ETHER
