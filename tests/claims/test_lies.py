"""A node that lies costs its user nothing, or at most the gas of a transaction that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger_service import payroll
from ledger_service.claims.claiming import CLAIMED
from ledger_service.claims.record import OPENED, POSTED
from ledger_service.claims.tables import POST
from ledger_service.payroll import PayrollEntry
from ledger_service.signing import Wallet, keccak256
from tests.audit.chain_world import ChainWorld
from tests.claims.liar import Json, Lie, liar
from tests.claims.world import Campaign, Said, campaign, crowdledger, key_file, of, worker

CAMPAIGN_VIEW = "0x" + keccak256(b"campaign(bytes32)")[:4].hex()
CLAIM = "0x" + keccak256(b"claim((address,address,address,address,uint16,uint32,uint40,uint128,uint64,uint32,"
                         b"bytes32),uint256,address,uint256,bytes32[])")[:4].hex()  # fmt: skip


@pytest.fixture
def ada(world: ChainWorld) -> Wallet:
    return worker("ada", world)


@pytest.fixture
def made(world: ChainWorld, ada: Wallet) -> Campaign:
    made = campaign(world)
    made.settle([(ada.address, 100), ("0x" + "77" * 20, 50)])
    return made


def claimed(made: Campaign, url: str, ada: Wallet, folder: Path, lie: Lie) -> tuple[Said, list[str]]:
    """Ada claims through a liar, which does not trace transactions either."""

    def untraced(method: str, params: list[Json], honest: Json) -> Json:
        if method == "debug_traceTransaction":
            error = {"code": -32601, "message": "the method does not exist"}
            return {"jsonrpc": "2.0", "id": honest["id"], "error": error}
        return lie(method, params, honest)

    with liar(url, untraced) as (false_url, asked):
        return crowdledger("claim", *of(made, false_url, key_file(folder, ada))), asked


def of_event(topic: bytes, change: Any) -> Lie:
    """Changes each event of a kind, or leaves it out."""

    def lie(method: str, params: list[Json], honest: Json) -> Json:
        if method == "eth_getLogs":
            honest["result"] = changed(honest["result"])
        if method == "eth_getTransactionReceipt" and honest["result"]:
            honest["result"]["logs"] = changed(honest["result"]["logs"])
        return honest

    def changed(events: list[Json]) -> list[Json]:
        ours = "0x" + topic.hex()
        made = [change(event) if event["topics"][0] == ours else event for event in events]
        return [event for event in made if event is not None]

    return lie


def word(event: Json, at: int, value: int) -> Json:
    """The event with another word in its data."""
    data = event["data"][2:]
    return event | {"data": "0x" + data[: 64 * at] + f"{value:064x}" + data[64 * (at + 1) :]}


def check(said: Said, asked: list[str], status: int, words: str, made: Campaign, ada: Wallet) -> None:
    """It ended so, said why, and nothing was sent."""
    assert (said.status, said.out) == (status, ""), said
    assert words in said.err
    assert "eth_sendRawTransaction" not in asked
    assert made.balance(ada.address) == 0


LIES_ABOUT_EVENTS = {
    "no Opened": (OPENED, lambda event: None, 2, "shows no Opened event"),
    "other terms": (OPENED, lambda event: word(event, 9, 1), 1, "campaign of the terms in the Opened event"),
    "no Posted": (POSTED, lambda event: None, 2, "shows no Posted event"),
    "other root": (POSTED, lambda event: word(event, 0, 5), 2, "shows no Posted event"),
    "other total": (POSTED, lambda event: word(event, 1, 5), 1, "payroll 1: total and positions"),
    "other count": (POSTED, lambda event: word(event, 2, 3), 1, "payroll 1: total and positions"),
    "no such transaction": (
        POSTED,
        lambda event: event | {"transactionHash": "0x" + "12" * 32},
        2,
        "does not have transaction",
    ),
}


@pytest.mark.parametrize("name", LIES_ABOUT_EVENTS)
def test_events_that_are_hidden_or_changed(
    name: str, made: Campaign, node_url: str, ada: Wallet, tmp_path: Path
) -> None:
    topic, change, status, words = LIES_ABOUT_EVENTS[name]
    said, asked = claimed(made, node_url, ada, tmp_path, of_event(topic, change))
    check(said, asked, status, words, made, ada)


def test_calldata_with_another_table(made: Campaign, node_url: str, ada: Wallet, tmp_path: Path) -> None:
    more = payroll.encode_entries([PayrollEntry(ada.address, 0, 101)])

    def lie(method: str, params: list[Json], honest: Json) -> Json:
        if method == "eth_getTransactionByHash":
            honest["result"]["input"] = honest["result"]["input"].replace(
                payroll.encode_entries([PayrollEntry(ada.address, 0, 100)]).hex(), more.hex()
            )
        return honest

    said, asked = claimed(made, node_url, ada, tmp_path, lie)
    check(said, asked, 1, "the table in its calldata has another root", made, ada)


@pytest.mark.parametrize("raw", ["", "00" * 40, POST.hex(), POST.hex() + "00" * 500])
def test_calldata_without_a_table(
    raw: str, made: Campaign, node_url: str, ada: Wallet, tmp_path: Path
) -> None:
    def lie(method: str, params: list[Json], honest: Json) -> Json:
        if method == "eth_getTransactionByHash":
            honest["result"]["input"] = "0x" + raw
        return honest

    said, asked = claimed(made, node_url, ada, tmp_path, lie)
    check(said, asked, 1, "its calldata holds no table of this payroll", made, ada)


def test_an_answer_without_end(made: Campaign, node_url: str, ada: Wallet, tmp_path: Path) -> None:
    def lie(method: str, params: list[Json], honest: Json) -> Json:
        if method == "eth_getTransactionByHash":
            honest["result"]["input"] = "0x" + "00" * (17 << 20)
        return honest

    said, asked = claimed(made, node_url, ada, tmp_path, lie)
    check(said, asked, 2, "the answer is larger than", made, ada)


def test_another_chains_id(made: Campaign, node_url: str, ada: Wallet, tmp_path: Path) -> None:
    def lie(method: str, params: list[Json], honest: Json) -> Json:
        return honest | {"result": "0x1"} if method == "eth_chainId" else honest

    said, asked = claimed(made, node_url, ada, tmp_path, lie)
    check(said, asked, 1, "campaign of the terms in the Opened event, on chain 1 ", made, ada)


def test_a_stage_without_a_name(made: Campaign, node_url: str, ada: Wallet, tmp_path: Path) -> None:
    def lie(method: str, params: list[Json], honest: Json) -> Json:
        if method == "eth_call" and params[0]["data"].startswith(CAMPAIGN_VIEW):
            raw = honest["result"][2:]
            honest["result"] = "0x" + raw[: 64 * 4] + f"{9:064x}" + raw[64 * 5 :]
        return honest

    said, asked = claimed(made, node_url, ada, tmp_path, lie)
    check(said, asked, 2, "in a stage of no name", made, ada)


class World:
    """Lies that agree with each other: a payroll that pays ada a million, in event, calldata and state."""

    def __init__(self, made: Campaign, ada: Wallet, *, also: tuple[str, ...] = ()) -> None:
        self.owed = [(ada.address, 1_000_000), ("0x" + "77" * 20, 50)]
        self.root = payroll.root(made.id, self.owed)
        self.table = payroll.encode_entries(PayrollEntry(account, 0, owed) for account, owed in self.owed)
        self.honest = payroll.encode_entries([PayrollEntry(ada.address, 0, 100)])
        self.also = also

    def __call__(self, method: str, params: list[Json], honest: Json) -> Json:
        total = sum(amount for _, amount in self.owed)
        root = int.from_bytes(self.root, "big")
        if method == "eth_getTransactionByHash":
            text = honest["result"]["input"]
            honest["result"]["input"] = text.replace(self.honest.hex(), self.table[:36].hex())
        elif method == "eth_call" and params[0]["data"].startswith(CAMPAIGN_VIEW):
            honest["result"] = f"0x{root:064x}{total:064x}" + honest["result"][2 + 128 :]
        elif method in self.also and "error" in honest and params[0]["data"].startswith(CLAIM):
            honest = {"jsonrpc": "2.0", "id": honest["id"]}
            honest["result"] = f"0x{1_000_000:064x}" if method == "eth_call" else hex(200_000)
        return of_event(POSTED, lambda event: word(word(event, 0, root), 1, total))(method, params, honest)


def test_lies_that_agree_end_at_the_contract(
    made: Campaign, node_url: str, ada: Wallet, tmp_path: Path
) -> None:
    said, asked = claimed(made, node_url, ada, tmp_path, World(made, ada))
    check(said, asked, 2, "the contract refuses: PathMismatch(", made, ada)
    said, asked = claimed(made, node_url, ada, tmp_path, World(made, ada, also=("eth_call",)))
    check(said, asked, 2, "the contract refuses: PathMismatch(", made, ada)


def test_a_transaction_that_fails_is_said_to_fail(
    made: Campaign, node_url: str, ada: Wallet, tmp_path: Path
) -> None:
    lies = World(made, ada, also=("eth_call", "eth_estimateGas"))
    said, asked = claimed(made, node_url, ada, tmp_path, lies)
    assert said.status == 1
    assert "and reverted" in said.err
    assert asked.count("eth_sendRawTransaction") == 1
    assert made.balance(ada.address) == 0


def test_a_payment_that_no_event_shows(made: Campaign, node_url: str, ada: Wallet, tmp_path: Path) -> None:
    said, _ = claimed(made, node_url, ada, tmp_path, of_event(CLAIMED, lambda event: None))
    assert said.status == 1
    assert "succeeded, and the node shows no payment in it" in said.err


def test_a_payment_to_somebody_else(made: Campaign, node_url: str, ada: Wallet, tmp_path: Path) -> None:
    said, _ = claimed(made, node_url, ada, tmp_path, of_event(CLAIMED, lambda event: word(event, 0, 5)))
    assert said.status == 1
    assert "paid somebody else" in said.err


def test_a_transaction_of_another_name(made: Campaign, node_url: str, ada: Wallet, tmp_path: Path) -> None:
    def lie(method: str, params: list[Json], honest: Json) -> Json:
        return honest | {"result": "0x" + "34" * 32} if method == "eth_sendRawTransaction" else honest

    said, _ = claimed(made, node_url, ada, tmp_path, lie)
    assert said.status == 2
    assert "the node calls it" in said.err


def test_a_nodes_words_do_not_reach_the_terminal_as_commands(
    made: Campaign, node_url: str, ada: Wallet, tmp_path: Path
) -> None:
    def lie(method: str, params: list[Json], honest: Json) -> Json:
        if method != "eth_getCode":
            return honest
        return {"jsonrpc": "2.0", "id": honest["id"], "error": {"code": -1, "message": "\x1b[2Jgone"}}

    said, _ = claimed(made, node_url, ada, tmp_path, lie)
    assert said.status == 2
    assert "?[2Jgone" in said.err


def test_what_was_paid_before_a_failure_is_said(
    world: ChainWorld, node_url: str, ada: Wallet, tmp_path: Path
) -> None:
    """The node goes away after the first of two batches."""
    made = campaign(world)
    made.settle([("0x" + keccak256(bytes([n]))[:20].hex(), 1 + n) for n in range(120)])
    sent: list[str] = []

    def lie(method: str, params: list[Json], honest: Json) -> Json:
        if method == "eth_sendRawTransaction":
            sent.append(params[0])
        if len(sent) == 2:
            error = {"code": -32000, "message": "out of order"}
            return {"jsonrpc": "2.0", "id": honest["id"], "error": error}
        return honest

    with liar(node_url, lie) as (url, _):
        said = crowdledger("claim", *of(made, url, key_file(tmp_path, ada)), "--everybody")
    assert said.status == 2
    assert "100 accounts were paid before that, and stay paid" in said.err
