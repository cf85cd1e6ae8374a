"""A transaction that waits, a token that boasts, a node that forgets."""

from __future__ import annotations

from pathlib import Path

import pytest
from eth_abi.abi import encode

from ledger_service.chain import spans
from ledger_service.chain.client import ChainClient
from ledger_service.claims.papers import read_labels, read_receipts, read_statements
from ledger_service.claims.token import Token, read_token
from ledger_service.claims.transact import Sender
from ledger_service.errors import LedgerError, Unavailable
from tests.audit.chain_world import ChainWorld
from tests.claims.liar import Json, liar
from tests.claims.world import campaign, worker
from tests.verify.rpc import endpoint


def test_a_transaction_is_waited_for_and_given_up_in_words(world: ChainWorld) -> None:
    made, ada = campaign(world), worker("ada", world)
    made.settle([(ada.address, 100)])
    data = made.call("claim", 0, ada.address, 100, [])
    world.node.ask("evm_setAutomine", False)
    try:
        with pytest.raises(Unavailable, match="was sent and is not mined after"):
            Sender(world.client, ada, made.escrow, patience=-1.0).send(data)
        world.node.ask("evm_mine")
    finally:
        world.node.ask("evm_setAutomine", True)
    assert made.balance(ada.address) == 100


def test_a_transaction_that_is_mined_later_is_found(world: ChainWorld) -> None:
    made, ada = campaign(world), worker("ada", world)
    made.settle([(ada.address, 100)])
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            world.node.ask("evm_mine")

    world.node.ask("evm_setAutomine", False)
    try:
        sent = Sender(world.client, ada, made.escrow, sleep=sleep).send(
            made.call("claim", 0, ada.address, 100, [])
        )
    finally:
        world.node.ask("evm_setAutomine", True)
    assert pauses == [0.1, 0.2, 0.4]
    assert [event.name for event in sent.events] == ["Claimed"]
    assert made.balance(ada.address) == 100


def test_tokens_say_of_themselves_what_they_like(world: ChainWorld) -> None:
    assert read_token(world.client, world.token) == Token(world.token, "LUSD", 6)
    boastful = world.deploy("BoastfulToken")
    assert read_token(world.client, boastful) == Token(boastful, "OLD", None)
    assert read_token(world.client, "0x" + "99" * 20) == Token("0x" + "99" * 20, None, None)
    assert Token("0x1", "LUSD", 6).show(1_500_000) == "1.5 LUSD"
    assert Token("0x1", "LUSD", 6).show(1) == "0.000001 LUSD"
    assert Token("0x1", "LUSD", 0).show(7) == "7 LUSD"
    assert Token("0x1", None, None).show(7) == "7 minor units of 0x1"


def test_the_block_of_a_creation_is_found_or_all_are_read(world: ChainWorld, node_url: str) -> None:
    head = world.client.head().number
    created = spans.first_block(world.client, world.escrow, head)
    assert world.client.code(world.escrow, created)
    assert not world.client.code(world.escrow, created - 1)

    def forget(method: str, params: list[Json], honest: Json) -> Json:
        if method == "eth_getCode" and int(params[1], 16) < head:
            error = {"code": -32000, "message": "missing trie node"}
            return {"jsonrpc": "2.0", "id": honest["id"], "error": error}
        return honest

    with liar(node_url, forget) as (url, _):
        client = ChainClient.connect(url)
        assert spans.first_block(client, world.escrow, head) == 0
        client.close()


@pytest.mark.parametrize("read", [read_statements, read_labels, read_receipts])
@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"[]", b"null", b"{}", b"\xff\xfe", b'{"receipts": 5}', b'{"receipts": [5]}', b"[" * 100,
        b'{"campaign": 1, "worker": 2, "amount": 3, "epoch": 4, "signature": 5}',
        b'{"leaf": 1, "index": 0, "deadline": 2, "operator": 3, "signature": 4, "entry": 5}',
        b'{"leaf": {}, "index": {}, "deadline": [], "operator": 3, "signature": 4, "entry": "0x00"}',
        b'{"format":"crowdledger-bundle@v1"}', b'{"domain":{"chainId":1}}',
    ],
)  # fmt: skip
def test_files_of_another_kind_are_refused_in_words(read: object, raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(raw)
    assert callable(read)
    with pytest.raises(LedgerError):
        read(path)


@pytest.mark.parametrize(
    ("raw", "symbol"),
    [
        (b"USDC.e".ljust(32, b"\0"), "USDC.e"),
        (encode(["string"], ["USD-1"]), "USD-1"),
        (encode(["string"], ["\x1b[31mUSDC"]), None),
        (encode(["string"], ["USDC and a long tail of words"]), None),
        (encode(["string"], [""]), None),
        (encode(["string"], ["USDC"])[:-32], None),
        ((32).to_bytes(32, "big") + (2**255).to_bytes(32, "big") + b"USDC".ljust(32, b"\0"), None),
        (b"", None),
    ],
)
def test_a_symbol_is_plain_or_none(raw: bytes, symbol: str | None) -> None:
    def answer(method: str, params: list[Json]) -> Json:
        if method == "eth_call":
            return "0x" + raw.hex()
        return {"hash": "0x" + "00" * 32} if method == "eth_getBlockByNumber" else "0x1"

    with endpoint(answer) as (url, _):
        client = ChainClient.connect(url)
        assert read_token(client, "0x" + "11" * 20).symbol == symbol
        client.close()
