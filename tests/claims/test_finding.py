"""`crowdledger claim` without --escrow: the campaign's id proves which contract is meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ledger_service.claims.record import OPENED
from ledger_service.signing import Wallet
from tests.audit.chain_world import ChainWorld
from tests.audit.proxy import Proxy
from tests.claims.liar import Json, liar
from tests.claims.test_lies import check, of_event, word
from tests.claims.world import Campaign, Said, campaign, crowdledger, key_file, unnamed, worker


@dataclass
class Mimic:
    """A contract that gives look-alikes of a campaign's Opened event."""

    world: ChainWorld
    address: str

    def imitate(self, made: Campaign, data: bytes, times: int = 1) -> None:
        call = self.world.artifacts["Mimic"].call("imitate", OPENED, made.id, data, times)
        self.world.send(self.world.stranger, self.address, call)


@pytest.fixture
def ada(world: ChainWorld) -> Wallet:
    return worker("ada", world)


@pytest.fixture
def made(world: ChainWorld, ada: Wallet) -> Campaign:
    """A campaign that was imitated before it was opened and after, truly and without sense."""
    mimic = Mimic(world, world.deploy("Mimic"))
    made = Campaign(world, replace(campaign(world).terms, part=1), world.escrow)
    for data in (made.terms.encode(), b"", bytes(10_000)):
        mimic.imitate(made, data, 3)
    made.fund(1_000_000)
    mimic.imitate(made, made.terms.encode(), 50)
    made.settle([(ada.address, 100)])
    return made


def test_the_escrow_is_found_among_look_alikes(
    made: Campaign, node_url: str, ada: Wallet, tmp_path: Path
) -> None:
    own = unnamed(made, node_url, key_file(tmp_path, ada))
    dry = crowdledger("claim", *own, "--dry-run")
    assert (dry.status, dry.err) == (0, "")
    assert f"the campaign is in the escrow {made.escrow}: its id proves that" in dry.out
    assert made.balance(ada.address) == 0
    said = crowdledger("claim", *own, "--json")
    assert (said.status, said.err) == (0, "")
    assert said.json()["escrow"] == made.escrow
    assert made.balance(ada.address) == 100


def test_look_alikes_that_fill_an_answer_do_not_hide_it(
    made: Campaign, world: ChainWorld, node_url: str, ada: Wallet, tmp_path: Path
) -> None:
    """The node lists 20 events at once; behind the campaign's there are 50 in one block: no need to look."""
    proxy = Proxy(node_url, most_events=20)
    with proxy as url:
        arguments = unnamed(made, url, key_file(tmp_path, ada))
        said = crowdledger("claim", *arguments, "--from-block", world.first)
    assert (said.status, said.err) == (0, "")
    assert len([query for query in proxy.asked if "address" not in query]) > 1
    assert made.balance(ada.address) == 100


def from_another(event: Json) -> Json:
    return event | {"address": "0x" + "66" * 20}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda event: None, "shows no Opened event"),
        (from_another, "that other contracts imitate are ignored"),
        (lambda event: word(event, 9, 7) if len(event["data"]) > 2 else event, "name --escrow"),
    ],
)
def test_a_node_cannot_name_another_escrow(
    change: Callable[[Json], Json], words: str, made: Campaign, node_url: str, ada: Wallet, tmp_path: Path
) -> None:
    with liar(node_url, of_event(OPENED, change)) as (url, asked):
        said = crowdledger("claim", *unnamed(made, url, key_file(tmp_path, ada)))
    check(said, asked, 2, words, made, ada)
    assert "name --escrow" in said.err


def test_a_node_that_hides_all_contracts_needs_a_name(
    made: Campaign, node_url: str, ada: Wallet, tmp_path: Path
) -> None:
    def lie(method: str, params: list[Json], honest: Json) -> Json:
        if method != "eth_getLogs" or "address" in params[0]:
            return honest
        return {"jsonrpc": "2.0", "id": honest["id"], "error": {"code": -32602, "message": "name contracts"}}

    def claim(*more: str) -> Said:
        with liar(node_url, lie) as (url, _):
            return crowdledger("claim", *unnamed(made, url, key_file(tmp_path, ada)), *more)

    refused = claim()
    assert (refused.status, refused.out) == (2, "")
    assert "does not list the events of all contracts: name --escrow" in refused.err
    assert "name contracts (-32602)" in refused.err
    assert claim("--escrow", made.escrow).status == 0
    assert made.balance(ada.address) == 100


def test_a_block_after_the_opening_is_said(
    made: Campaign, world: ChainWorld, node_url: str, ada: Wallet, tmp_path: Path
) -> None:
    own = unnamed(made, node_url, key_file(tmp_path, ada))
    late = world.client.head().number
    said = crowdledger("claim", *own, "--from-block", late)
    assert said.status == 2
    assert f"from block {late} on: is it the right chain and campaign" in said.err
