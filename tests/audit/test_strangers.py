"""The escrow is open to all: what strangers do there must not make the audit of a log fail, stop or last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ledger_service import payroll
from ledger_service.audit import chain_reading
from ledger_service.audit.auditor import Pins, audit
from ledger_service.audit.chain_reading import ChainReader
from ledger_service.audit.report import AuditReport, Status
from ledger_service.audit.source import DirSource
from ledger_service.chain.client import ChainClient
from tests.audit.builder import Builder
from tests.audit.chain_world import DAY, ChainWorld, terms
from tests.audit.proxy import Proxy

# What a token may turn into, as EVM code.
REVERTS = "0x5f5ffd"
ANSWERS_ZERO = "0x60205ff3"
ANSWERS_NOTHING = "0x5f5ff3"
ANSWERS_MUCH = "0x6103e85ff3"
RUNS_ON = "0x5b5f56"


def audited(world: ChainWorld, made: Builder, folder: Path, chain: ChainReader | None = None) -> AuditReport:
    pins = Pins(str(made.log_key.verifier), world.log, world.escrow)
    return audit(DirSource(made.save(folder)), pins=pins, chain=chain or world.reader())


def strange(world: ChainWorld, token: str, seconds: int = 1) -> Builder:
    """A funded campaign of the same escrow that is not in the log."""
    other = Builder(place=replace(world.place, token=token, now=world.place.now + seconds))
    world.fund(other)
    return other


@pytest.mark.parametrize("code", [REVERTS, ANSWERS_ZERO, ANSWERS_NOTHING, ANSWERS_MUCH, RUNS_ON])
def test_a_strangers_token_is_not_asked_for_anything(
    code: str, world: ChainWorld, made: Builder, tmp_path: Path
) -> None:
    token = world.deploy("LocalToken")
    strange(world, token)
    world.node.ask("hardhat_setCode", token, code)
    report = audited(world, made, tmp_path)
    assert report.complete, report.steps
    assert report.notes == ()


def test_a_strangers_campaign_in_our_token_is_at_most_a_note(
    world: ChainWorld, made: Builder, tmp_path: Path
) -> None:
    other = strange(world, world.token)
    report = audited(world, made, tmp_path)
    assert report.complete, report.steps
    (note,) = report.notes
    assert f"holds {other.spec.budget(500)} of {world.token} beyond" in note


def test_an_escrow_that_lost_our_money_is_named_though_strangers_have_more_there(
    world: ChainWorld, made: Builder, tmp_path: Path
) -> None:
    token = world.artifacts["LocalToken"]
    budget = made.spec.budget(500)
    world.node.ask("hardhat_setBalance", world.escrow, hex(10**18))
    world.node.ask("hardhat_impersonateAccount", world.escrow)
    call = {"from": world.escrow, "to": world.token}
    data = token.call("transfer", world.stranger.address, 1)
    world.node.ask("eth_sendTransaction", call | {"data": "0x" + data.hex()})
    strange(world, world.deploy("LocalToken"))
    (step,) = [step for step in audited(world, made, tmp_path).steps if step.status is Status.FAILED]
    assert f"balance of the escrow in {world.token}" in step.detail
    assert (step.expected, step.found) == (f"at least {budget}", str(budget - 1))


@pytest.mark.parametrize("code", [REVERTS, ANSWERS_NOTHING, ANSWERS_MUCH])
def test_a_token_of_ours_that_does_not_answer_is_not_checked_and_stops_nothing(
    code: str, world: ChainWorld, made: Builder, tmp_path: Path
) -> None:
    world.node.ask("hardhat_setCode", world.token, code)
    report = audited(world, made, tmp_path)
    assert report.steps[-1].status is Status.NOT_CHECKED
    assert f"the token {world.token} does not say" in report.steps[-1].detail


def test_what_anybody_may_do_with_our_campaign_passes(world: ChainWorld, tmp_path: Path) -> None:
    made = Builder(place=replace(world.place, bond=7))
    world.fund(made)
    world.anchor(made, len(made.entries))
    world.give(world.stranger, 1_000, world.token)
    world.on_escrow(world.stranger, "deposit", terms(made), 1)
    world.post(made, made.owed, len(made.entries))
    root = payroll.root(made.campaign, list(made.owed.items()))
    world.on_escrow(world.stranger, "dispute", terms(made), 1, root, b"\x01" * 32)
    disputed = audited(world, made, tmp_path / "disputed")
    world.later(2 * DAY)
    world.on_escrow(world.stranger, "settle", terms(made))
    world.claim_all(made)
    lapsed = audited(world, made, tmp_path / "lapsed")
    world.on_escrow(world.stranger, "collectBond", terms(made), world.stranger.address)
    world.on_escrow(world.stranger, "collectFee", terms(made))
    world.later(31 * DAY)
    world.on_escrow(world.stranger, "refund", terms(made))
    closed = audited(world, made, tmp_path / "closed")
    for report in (disputed, lapsed, closed):
        assert report.complete, report.steps
        assert report.notes == ()
    assert closed.campaigns[0].deposited == made.spec.budget(500) + 1


def test_a_block_full_of_strangers_events_is_not_asked_for(
    world: ChainWorld, made: Builder, node_url: str, tmp_path: Path
) -> None:
    other = strange(world, world.token)
    world.post(other, other.owed, len(made.entries))
    world.settle(other)
    world.claim_all(other)
    with Proxy(node_url, most_events=2) as url:
        client = ChainClient.connect(url, finality_depth=0)
        report = audited(world, made, tmp_path, ChainReader(client, world.first))
        client.close()
    assert report.complete, report.steps


def test_events_that_a_node_gives_unasked_are_dropped(
    world: ChainWorld, made: Builder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    strange(world, world.deploy("LocalToken"))
    asked = ChainClient.logs_with
    monkeypatch.setattr(
        ChainClient,
        "logs_with",
        lambda client, address, _, first, last: asked(client, address, [], first, last),
    )
    report = audited(world, made, tmp_path)
    assert report.complete, report.steps


def test_one_busy_span_does_not_make_all_later_ones_small(
    world: ChainWorld, made: Builder, node_url: str, tmp_path: Path
) -> None:
    world.post(made, made.owed, len(made.entries))
    world.settle(made)
    world.claim_all(made)
    world.node.ask("hardhat_mine", hex(4_000))
    with (proxy := Proxy(node_url, most_events=len(made.owed))) as url:
        client = ChainClient.connect(url, finality_depth=0)
        report = audited(world, made, tmp_path, ChainReader(client, world.first))
        client.close()
    assert report.complete, report.steps
    assert len(proxy.asked) < 100


def test_many_campaigns_are_asked_for_in_several_questions(
    world: ChainWorld, made: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [strange(world, world.token, seconds) for seconds in (1, 2)]
    campaigns = [made.campaign, *(other.campaign for other in others)]
    monkeypatch.setattr(chain_reading, "_MOST_TOPICS", 2)
    found = world.reader().money(world.escrow, campaigns)
    assert {campaign: money.deposited for campaign, money in found.items()} == dict.fromkeys(
        campaigns, made.spec.budget(500)
    )
