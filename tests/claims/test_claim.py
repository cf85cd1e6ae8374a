"""`crowdledger claim` on a real chain: several payrolls and campaigns, and every reason not to be paid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ledger_service.signing import Wallet
from tests.audit.builder import seeded
from tests.audit.chain_world import DAY, ChainWorld
from tests.audit.proxy import Proxy
from tests.claims.liar import Json, liar
from tests.claims.world import (
    Campaign,
    balance,
    campaign,
    crowdledger,
    key_file,
    of,
    worker,
)

ELSEWHERE = "0x" + "e1" * 20


@pytest.fixture
def ada(world: ChainWorld) -> Wallet:
    return worker("ada", world)


@pytest.fixture
def bob(world: ChainWorld) -> Wallet:
    return worker("bob", world)


def test_a_worker_is_paid_from_chain_data_alone(
    world: ChainWorld, node_url: str, ada: Wallet, bob: Wallet, tmp_path: Path
) -> None:
    made, other = campaign(world), campaign(world)
    made.settle([(ada.address, 1_500_000), (bob.address, 700)])
    other.settle([(bob.address, 9), (ada.address, 8)])
    key = key_file(tmp_path, ada)

    dry = crowdledger("claim", *of(made, node_url, key), "--dry-run")
    assert (dry.status, dry.err) == (0, "")
    assert f"would be paid: 1.5 LUSD to {ada.address}" in dry.out
    assert made.balance(ada.address) == 0

    said = crowdledger("claim", *of(made, node_url, key), "--json")
    assert (said.status, said.err) == (0, "")
    found = said.json()
    assert found["ok"] is True
    assert found["token"] == {"address": world.token, "symbol": "LUSD", "decimals": 6}
    assert found["payroll"]["epoch"] == 1
    assert found["payroll"]["positions"] == 2
    (paid,) = found["paid"]
    assert (paid["account"], paid["to"], paid["amount"]) == (ada.address, ada.address, "1500000")
    assert made.balance(ada.address) == 1_500_000

    again = crowdledger("claim", *of(made, node_url, key))
    assert (again.status, again.err) == (0, "")
    assert "nothing is due: all of it has been received before" in again.out
    assert ada.secret().hex() not in dry.out + said.out + again.out

    assert crowdledger("claim", *of(other, node_url, key)).status == 0
    assert made.balance(ada.address) == 1_500_008


def test_several_payrolls_void_and_due_ones(
    world: ChainWorld, node_url: str, ada: Wallet, bob: Wallet, tmp_path: Path
) -> None:
    made, key = campaign(world), key_file(tmp_path, ada)
    made.settle([(bob.address, 5), (ada.address, 100)])
    made.void([(bob.address, 5), (ada.address, 100_000)])
    made.settle([(bob.address, 5), (ada.address, 250)])
    assert crowdledger("claim", *of(made, node_url, key)).status == 0
    assert made.balance(ada.address) == 250

    made.post([(bob.address, 6), (ada.address, 1_250), ("0x" + "77" * 20, 1)])
    early = crowdledger("claim", *of(made, node_url, key))
    assert early.status == 2
    assert "payroll 4 can be disputed until" in early.err
    assert "owes it 1000 more" in early.err
    settled_part = crowdledger("claim", *of(made, node_url, key_file(tmp_path, bob)), "--json")
    assert settled_part.json()["paid"][0]["amount"] == "5"  # what is settled is paid whatever is pending

    world.later(DAY + 1)
    said = crowdledger("claim", *of(made, node_url, key))
    assert (said.status, said.err) == (0, "")
    assert "payroll 4 (due, and settled with the first payment) has 3 positions" in said.out
    assert made.balance(ada.address) == 1_250


def test_a_disputed_payroll_says_when_it_settles(
    world: ChainWorld, node_url: str, ada: Wallet, tmp_path: Path
) -> None:
    made = campaign(world)
    made.post([(ada.address, 100)])
    made.dispute()
    said = crowdledger("claim", *of(made, node_url, key_file(tmp_path, ada)), "--json")
    assert said.status == 2
    assert said.json()["ok"] is None
    assert "payroll 1 is disputed; unless the arbiter rules, it settles at" in said.err
    world.later(2 * DAY + 1)
    assert crowdledger("claim", *of(made, node_url, key_file(tmp_path, ada))).status == 0
    assert made.balance(ada.address) == 100


def test_money_goes_elsewhere_only_by_its_owners_word(
    world: ChainWorld, node_url: str, ada: Wallet, bob: Wallet, tmp_path: Path
) -> None:
    made = campaign(world)
    made.settle([(ada.address, 100), (bob.address, 200)])
    said = crowdledger("claim", *of(made, node_url, key_file(tmp_path, ada)), "--to", ELSEWHERE)
    assert (said.status, said.err) == (0, "")
    assert (made.balance(ada.address), made.balance(ELSEWHERE)) == (0, 100)
    said = crowdledger("claim", *of(made, node_url, key_file(tmp_path, ada)), "--account", bob.address)
    assert (said.status, said.err) == (0, "")
    assert made.balance(bob.address) == 200
    lost = crowdledger("claim", *of(made, node_url, key_file(tmp_path, ada)), "--to", world.token)
    assert (lost.status, "could never send it on" in lost.err) == (2, True)
    typo = "0x" + "eE" * 20
    assert "wrong checksum" in crowdledger("claim", *of(made, node_url, tmp_path), "--to", typo).err


def test_everybody_but_those_whom_the_token_refuses(
    world: ChainWorld, node_url: str, ada: Wallet, tmp_path: Path
) -> None:
    world.token = world.deploy("RefusingToken")
    made = campaign(world)
    owed = [("0x" + seeded(f"one of many {n}")[:20].hex(), n) for n in range(1, 131)]
    frozen, waiting = owed[40][0], owed[99][0]
    made.settle(owed)
    refuse = world.artifacts["RefusingToken"].call("refuse", frozen)
    world.send(world.operator, world.token, refuse)
    own = of(made, node_url, key_file(tmp_path, ada))
    alone = crowdledger("claim", *own, "--account", frozen)
    assert alone.status == 2
    assert "frozen?[31m account" in alone.err  # a token's words are shown without its control signs
    assert crowdledger("claim", *own, "--account", waiting).status == 0

    said = crowdledger("claim", *own, "--everybody", "--json")
    assert (said.status, said.err) == (0, "")
    found = said.json()
    assert found["token"] == {"address": world.token, "symbol": "OLD", "decimals": None}
    assert [one["account"] for one in found["left_out"]] == [frozen]
    assert {one["account"] for one in found["paid"]} == {account for account, _ in owed} - {frozen, waiting}
    assert len({one["transaction"] for one in found["paid"]}) == 2
    for account, amount in owed:
        assert balance(world, world.token, account) == (0 if account == frozen else amount)
    rest = crowdledger("claim", *own, "--everybody")
    assert (rest.status, rest.err) == (0, "")
    assert f"left out: {frozen}" in rest.out


def test_a_payroll_that_other_contracts_passed_on(
    world: ChainWorld, node_url: str, ada: Wallet, bob: Wallet, tmp_path: Path
) -> None:
    relay = world.deploy("Relay")
    call = world.artifacts["Relay"].call
    made, other = campaign(world, operator=relay), campaign(world, operator=relay)
    first, second = made.posting([(ada.address, 7)]), other.posting([(ada.address, 8), (bob.address, 9)])
    world.send(world.stranger, relay, call("runAll", world.escrow, [first, second]))
    world.later(DAY + 1)
    key = key_file(tmp_path, ada)
    for one in (made, other):
        said = crowdledger("claim", *of(one, node_url, key))
        assert (said.status, said.err) == (0, "")
    assert made.balance(ada.address) == 15


def test_a_payroll_that_a_contract_made_by_itself_needs_a_node_that_traces(
    world: ChainWorld, node_url: str, ada: Wallet, tmp_path: Path
) -> None:
    relay = world.deploy("Relay")
    call = world.artifacts["Relay"].call
    made = campaign(world, operator=relay)
    world.send(world.stranger, relay, call("keep", made.posting([(ada.address, 7)])))
    world.send(world.stranger, relay, call("runKept", world.escrow))
    world.later(DAY + 1)

    def untraced(method: str, params: list[Json], honest: Json) -> Json:
        if method != "debug_traceTransaction":
            return honest
        return {"jsonrpc": "2.0", "id": honest["id"], "error": {"code": -32601, "message": "no method"}}

    key = key_file(tmp_path, ada)
    with liar(node_url, untraced) as (url, _):
        said = crowdledger("claim", *of(made, url, key))
    assert said.status == 1
    assert "its calldata holds no table of this payroll" in said.err
    assert "ask another node, one that traces transactions" in said.err
    said = crowdledger("claim", *of(made, node_url, key))
    assert (said.status, said.err) == (0, "")
    assert made.balance(ada.address) == 7


def test_what_is_not_there_is_said(world: ChainWorld, node_url: str, ada: Wallet, tmp_path: Path) -> None:
    made, key = campaign(world), key_file(tmp_path, ada)
    arguments = of(made, node_url, key)
    none = crowdledger("claim", *arguments)
    assert none.status == 2
    assert "no payroll has settled in this campaign; the operator can post one until" in none.err

    made.settle([("0x" + "77" * 20, 5)])
    stranger = crowdledger("claim", *arguments)
    assert stranger.status == 2
    assert f"{ada.address} is in no settled payroll of this campaign" in stranger.err

    unknown = Campaign(world, replace(made.terms, part=7), made.escrow)
    said = crowdledger("claim", *of(unknown, node_url, key))
    assert said.status == 2
    assert "knows no campaign" in said.err
    nowhere = Campaign(world, made.terms, "0x" + "12" * 20)
    said = crowdledger("claim", *of(nowhere, node_url, key))
    assert said.status == 2
    assert "has no contract at" in said.err
    missing = crowdledger("claim", *of(made, "http://127.0.0.1:9", key))
    assert missing.status == 2
    assert "does not answer" in missing.err


def test_gas_that_cannot_be_paid_for_is_named(world: ChainWorld, node_url: str, tmp_path: Path) -> None:
    poor = worker("poor")
    made = campaign(world)
    made.settle([(poor.address, 100)])
    key = key_file(tmp_path, poor)
    said = crowdledger("claim", *of(made, node_url, key))
    assert said.status == 2
    assert "has 0 ether of the chain's own money" in said.err
    assert "wei) are missing" in said.err
    missing = int(said.err.split("(")[1].split(" wei")[0])
    world.node.ask("hardhat_setBalance", poor.address, hex(missing + missing // 10))
    assert crowdledger("claim", *of(made, node_url, key)).status == 0
    assert made.balance(poor.address) == 100


def test_a_chain_that_is_too_dear_is_not_paid(
    world: ChainWorld, node_url: str, ada: Wallet, tmp_path: Path
) -> None:
    made = campaign(world)
    made.settle([(ada.address, 100)])
    world.node.ask("hardhat_setNextBlockBaseFeePerGas", hex(3 * 10**9))
    world.node.ask("evm_mine")
    arguments = of(made, node_url, key_file(tmp_path, ada))
    dear = crowdledger("claim", *arguments, "--max-fee", "2")
    assert dear.status == 2
    assert "asks for more than 2 gwei per gas: wait, or raise --max-fee" in dear.err
    assert crowdledger("claim", *arguments, "--max-fee", "20").status == 0
    assert made.balance(ada.address) == 100


def test_a_node_that_takes_few_blocks_at_once_is_asked_in_spans(
    world: ChainWorld, node_url: str, ada: Wallet, tmp_path: Path
) -> None:
    made = campaign(world)
    made.settle([(ada.address, 100)])
    proxy = Proxy(node_url, most_blocks=2)
    with proxy as url:
        arguments = of(made, url, key_file(tmp_path, ada))
        said = crowdledger("claim", *arguments, "--from-block", world.first)
    assert (said.status, said.err) == (0, "")
    assert len(proxy.asked) > 6
    assert made.balance(ada.address) == 100
