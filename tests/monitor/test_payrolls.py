"""Payrolls on a real chain that are not what the log owes, or come too late."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger_service.audit.escrow_events import POSTED
from ledger_service.chain.escrow import CampaignEscrow
from ledger_service.monitor.look import Limits, Me
from tests.audit.builder import Builder
from tests.audit.chain_world import DAY, ChainWorld, terms
from tests.audit.proxy import Proxy
from tests.monitor.world import Watched

NOBODY = "0x" + "66" * 20


@pytest.fixture
def worker(watched: Watched, made: Builder) -> str:
    watched.me = Me(frozenset({made.wallets[1].address}))
    return made.wallets[1].address


def payrolls(watched: Watched) -> list[str]:
    assert set(watched.kinds()) <= {"payroll"}
    return [str(alarm["words"]) for alarm in watched.alarms()]


def test_a_payroll_that_gives_me_less(
    watched: Watched, world: ChainWorld, made: Builder, worker: str
) -> None:
    world.post(made, made.owed | {worker: made.owed[worker] - 1}, len(made.entries))
    watched.look()
    (words,) = payrolls(watched)
    assert f"{worker} is owed {made.owed[worker]} and given {made.owed[worker] - 1}" in words


def test_a_payroll_that_lacks_me(watched: Watched, world: ChainWorld, made: Builder, worker: str) -> None:
    owed = {(NOBODY if one == worker else one): amount for one, amount in made.owed.items()}
    world.post(made, owed, len(made.entries))
    watched.look()
    (words,) = payrolls(watched)
    assert f"{worker} is owed {made.owed[worker]} and given 0" in words
    assert f"{NOBODY} is owed 0 and given {made.owed[worker]}" in words


def test_a_payroll_that_gives_somebody_else_more_is_the_requester_s_alarm(
    watched: Watched, world: ChainWorld, made: Builder
) -> None:
    watched.me = Me(frozenset({made.requester.address}))
    first = next(iter(made.owed))
    world.post(made, made.owed | {first: made.owed[first] + 5}, len(made.entries))
    watched.look()
    (words,) = payrolls(watched)
    assert f"{first} is owed {made.owed[first]} and given {made.owed[first] + 5}" in words


def test_a_campaign_that_was_asked_for_is_watched_as_a_whole(
    watched: Watched, world: ChainWorld, made: Builder
) -> None:
    watched.me = Me(campaigns=frozenset({made.campaign}))
    first = next(iter(made.owed))
    world.post(made, made.owed | {first: made.owed[first] + 5}, len(made.entries))
    watched.look()
    assert len(payrolls(watched)) == 1


def test_a_payroll_of_a_campaign_that_does_not_concern_me_is_not_looked_at(
    watched: Watched, world: ChainWorld, made: Builder
) -> None:
    watched.me = Me(frozenset({NOBODY}))
    world.post(made, {NOBODY: 1}, len(made.entries))
    watched.look()
    assert watched.alarms() == []


def test_a_payout_that_no_payroll_has_in_time(
    watched: Watched, world: ChainWorld, made: Builder, worker: str
) -> None:
    watched.limits = Limits(payroll=1000)
    watched.look()
    watched.look(1000)
    assert watched.alarms() == []
    watched.look(1)
    (words,) = payrolls(watched)
    assert f"{worker} is owed {made.owed[worker]} by the log, and no payroll in force" in words
    world.post(made, made.owed, len(made.entries))
    watched.look(60)
    assert watched.alarms() == []


def test_a_payroll_from_before_my_payout_does_not_count(
    watched: Watched, world: ChainWorld, made: Builder, worker: str
) -> None:
    watched.limits = Limits(payroll=1000)
    world.post(made, made.owed, 100)  # what these 100 entries owe is nothing
    watched.look()
    assert len(payrolls(watched)) == 1  # it is not the log's at that size
    watched.look(1001)
    assert len(payrolls(watched)) == 2  # and what I am owed since is in none


def test_after_the_deadline_a_missing_payroll_is_an_alarm_at_once(
    watched: Watched, world: ChainWorld, made: Builder, worker: str
) -> None:
    world.later(31 * DAY)
    watched.look()
    (words,) = payrolls(watched)
    assert "crowdledger redeem" in words
    assert made.terms.deadline < world.client.head().timestamp


def test_a_payroll_that_was_declared_void_no_longer_covers_me(
    watched: Watched, world: ChainWorld, made: Builder, worker: str
) -> None:
    watched.limits = Limits(payroll=1000)
    world.post(made, made.owed, len(made.entries))
    watched.look()
    watched.look(2000)
    assert watched.alarms() == []
    world.node.ask("hardhat_setBalance", made.arbiter.address, hex(10**18))
    void(world, made)
    watched.look(60)
    (words,) = payrolls(watched)
    assert "declared void" in words


def void(world: ChainWorld, made: Builder) -> None:
    """The requester disputes the pending payroll, and the arbiter is of its opinion."""
    state = CampaignEscrow(world.artifacts, world.escrow).campaign(world.client, made.campaign)
    pending = (terms(made), state.epoch, state.pending_root)
    world.on_escrow(world.requester, "dispute", *pending, bytes(32))
    world.on_escrow(made.arbiter, "rule", *pending, True)


@pytest.mark.parametrize("pinned", [True, False], ids=["escrow pinned", "escrow found by the id"])
def test_terms_that_the_service_hides_are_read_from_the_chain(
    watched: Watched, world: ChainWorld, made: Builder, worker: str, pinned: bool
) -> None:
    watched.escrow = world.escrow if pinned else None
    (watched.folder / "campaigns.json").write_bytes(b'{"campaigns": [], "next": null}')
    world.post(made, made.owed | {worker: made.owed[worker] - 1}, len(made.entries))
    for _ in range(2):
        look = watched.look(60)
        assert look.unseen == look.lacking == []
        (words,) = payrolls(watched)
        assert f"{worker} is owed {made.owed[worker]} and given {made.owed[worker] - 1}" in words


def test_settled_and_claimed_is_no_alarm(
    watched: Watched, world: ChainWorld, made: Builder, worker: str
) -> None:
    watched.limits = Limits(payroll=0)
    world.post(made, made.owed, len(made.entries))
    watched.look()
    world.settle(made)
    world.claim(made, worker)
    watched.look(60)
    world.later(31 * DAY)
    watched.look(60)
    assert watched.alarms() == []


def test_a_node_that_hides_payrolls_is_said_so(
    watched: Watched, world: ChainWorld, made: Builder, worker: str, node_url: str
) -> None:
    world.post(made, made.owed, len(made.entries))
    with Proxy(node_url, lambda log: log["topics"][0] != "0x" + POSTED.hex()) as url:
        watched.node_url = url
        look = watched.look()
    assert "hides events" in " ".join(look.unseen)


def test_another_escrow_than_the_one_named_is_an_alarm(
    watched: Watched, world: ChainWorld, made: Builder, worker: str
) -> None:
    other = replace(made.place, escrow=world.deploy("CampaignEscrow", world.log))
    watched.publish(Builder(place=other))
    watched.look()
    found = [alarm for alarm in watched.alarms() if alarm["kind"] == "payout"]
    assert len(found) == 1
    assert "escrow" in found[0]["words"]
