"""Who anchored, and when the log's key changed: shown by an audit, from the chain's own events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger_service.audit.auditor import Pins, audit
from ledger_service.audit.chain_reading import CHANGED, PROPOSED, ChainReader
from ledger_service.audit.log_history import read_history
from ledger_service.audit.report import AuditReport, Mismatch, Status, render
from ledger_service.audit.source import DirSource
from ledger_service.chain.client import ChainClient
from ledger_service.chain.contracts import ProvenanceLog
from ledger_service.entries import ZERO_ADDRESS
from ledger_service.signing import Wallet
from ledger_service.times import utc
from tests.audit.builder import Builder
from tests.audit.chain_world import DAY, ChainWorld
from tests.audit.proxy import Proxy

WEEK = 7 * DAY


def contract(world: ChainWorld) -> ProvenanceLog:
    return ProvenanceLog(world.artifacts, world.log)


def propose(world: ChainWorld, successor: str, sender: Wallet | None = None) -> int:
    """Name the next operator; when that was."""
    world.send(sender or world.operator, world.log, contract(world).propose_operator(successor))
    return world.client.head().timestamp


def rotate(world: ChainWorld) -> int:
    """The log is handed over to the stranger; when that was."""
    propose(world, world.stranger.address)
    world.later(WEEK)
    world.send(world.stranger, world.log, contract(world).accept_operator())
    return world.client.head().timestamp


def anchor(world: ChainWorld, made: Builder, sender: Wallet, before: int, size: int) -> None:
    proof = made.tree.consistency_proof(before, size) if before else []
    world.send(sender, world.log, contract(world).anchor(size, made.tree.root(size), proof))


def audited(world: ChainWorld, made: Builder, folder: Path) -> AuditReport:
    pins = Pins(str(made.log_key.verifier), world.log, world.escrow)
    return audit(DirSource(made.save(folder)), pins=pins, chain=world.reader())


def test_every_operator_is_shown_with_its_time_and_its_heads(world: ChainWorld, tmp_path: Path) -> None:
    made = Builder(place=world.place)
    world.fund(made)
    created = world.client.block(world.first + 2)
    assert created is not None
    anchor(world, made, world.operator, 0, 20)
    anchor(world, made, world.operator, 20, 50)
    first = propose(world, "0x" + "55" * 20)
    withdrawn = propose(world, ZERO_ADDRESS)
    named = propose(world, world.stranger.address)
    anchor(world, made, world.operator, 50, 60)  # until the other accepts, nothing changes
    world.later(WEEK)
    world.send(world.stranger, world.log, contract(world).accept_operator())
    changed = world.client.head().timestamp
    anchor(world, made, world.stranger, 60, len(made.entries))
    pending = propose(world, world.operator.address, world.stranger)

    report = audited(world, made, tmp_path)
    assert report.complete, report.steps
    assert report.anchors == 4
    assert [(one.operator, one.since, one.heads) for one in report.operators] == [
        (world.operator.address, created.timestamp, 3),
        (world.stranger.address, changed, 1),
    ]
    assert [(one.operator, one.made_at, one.since) for one in report.proposals] == [
        ("0x" + "55" * 20, first, first + WEEK),
        (ZERO_ADDRESS, withdrawn, 0),
        (world.stranger.address, named, named + WEEK),
        (world.operator.address, pending, pending + WEEK),
    ]
    shown = [line.removeprefix("log's operator   ") for line in render(report) if "log's operator" in line]
    assert shown == [
        f"{utc(created.timestamp)}: {world.operator.address} may anchor: 3 heads in its time",
        f"{utc(first)}: 0x{'55' * 20} is named to take over from {utc(first + WEEK)} on",
        f"{utc(withdrawn)}: nobody is named to take over",
        f"{utc(named)}: {world.stranger.address} is named to take over from {utc(named + WEEK)} on",
        f"{utc(changed)}: {world.stranger.address} may anchor: 1 heads in its time",
        f"{utc(pending)}: {world.operator.address} is named to take over from {utc(pending + WEEK)} on",
    ]
    value: Any = report.to_json()
    assert value["operators"][1] == {"operator": world.stranger.address, "since": changed, "heads": 1}
    assert value["proposals"][1] == {"operator": ZERO_ADDRESS, "made_at": withdrawn, "since": 0}


def test_of_very_many_namings_the_last_ones_are_shown(world: ChainWorld, tmp_path: Path) -> None:
    made = Builder(place=world.place)
    for number in range(25):
        propose(world, f"0x{number + 1:040x}")
    report = audited(world, made, tmp_path)
    assert not report.failed
    assert len(report.proposals) == 25
    shown = [line for line in render(report) if line.startswith("log's operator")]
    assert len(shown) == 21
    assert "6 earlier changes and namings (--json has them)" in shown[0]
    assert f"0x{25:040x} is named" in shown[-1]


def first_only(kind: bytes) -> Callable[[Any], bool]:
    """Keep the first event of a kind, and all of the others."""
    seen: list[Any] = []

    def keep(log: Any) -> bool:
        if log["topics"][0] != "0x" + kind.hex():
            return True
        seen.append(log)
        return len(seen) == 1

    return keep


@pytest.mark.parametrize(
    ("keep", "words"),
    [
        (lambda log: log["topics"][0] != "0x" + PROPOSED.hex(), "operator of the log that took over"),
        (lambda log: log["topics"][0] != "0x" + CHANGED.hex(), "first event of the ProvenanceLog"),
        (first_only(CHANGED), "operator of the log"),
        (lambda log: log["topics"][1:2] != ["0x" + "00" * 32], "first event of the ProvenanceLog"),
        (lambda log: log["topics"][0] in ("0x" + PROPOSED.hex(), "0x" + CHANGED.hex()), "number of anchored"),
    ],
    ids=["proposals", "changes", "the last change", "the creation", "the heads"],
)
def test_a_node_that_hides_a_change_is_found_out(
    world: ChainWorld, node_url: str, keep: Callable[[Any], bool], words: str
) -> None:
    made = Builder(place=world.place)
    anchor(world, made, world.operator, 0, 20)
    rotate(world)
    anchor(world, made, world.stranger, 20, 30)
    with Proxy(node_url, keep) as url:
        client = ChainClient.connect(url, finality_depth=0)
        with pytest.raises(Mismatch, match=words):
            read_history(ChainReader(client, world.first), world.log)
        client.close()


def later_by_an_hour(log: Any) -> bool:
    """A node that says that a head came later than it did."""
    if log["topics"][0] not in ("0x" + PROPOSED.hex(), "0x" + CHANGED.hex()):
        log["data"] = log["data"][:-64] + f"{int(log['data'][-64:], 16) + 3600:064x}"
    return True


def test_a_node_that_changes_a_head_is_found_out(world: ChainWorld, node_url: str) -> None:
    """Not only the latest one, which the contract holds as it is: all of them are under its peaks."""
    made = Builder(place=world.place)
    for before, size in ((0, 20), (20, 30), (30, 40)):
        anchor(world, made, world.operator, before, size)
    seen: list[Any] = []

    def change(log: Any) -> bool:
        if log["topics"][0] not in ("0x" + PROPOSED.hex(), "0x" + CHANGED.hex()):
            seen.append(log)
            if len(seen) == 1:
                later_by_an_hour(log)
        return True

    with Proxy(node_url, change) as url:
        client = ChainClient.connect(url, finality_depth=0)
        with pytest.raises(Mismatch, match="peak 1 of the anchored heads"):
            read_history(ChainReader(client, world.first), world.log)
        client.close()
    with Proxy(node_url, later_by_an_hour) as url:
        client = ChainClient.connect(url, finality_depth=0)
        with pytest.raises(Mismatch, match="latest head"):
            read_history(ChainReader(client, world.first), world.log)
        client.close()


def test_a_proposal_that_could_be_accepted_too_early_is_named(world: ChainWorld, node_url: str) -> None:
    propose(world, world.stranger.address)

    def early(log: Any) -> bool:
        if log["topics"][0] == "0x" + PROPOSED.hex():
            log["data"] = f"0x{int(log['data'], 16) - DAY:064x}"
        return True

    with Proxy(node_url, early) as url:
        client = ChainClient.connect(url, finality_depth=0)
        with pytest.raises(Mismatch, match="first moment of a proposed operator"):
            read_history(ChainReader(client, world.first), world.log)
        client.close()


def test_an_operator_that_is_gone_cannot_anchor(world: ChainWorld, tmp_path: Path) -> None:
    made = Builder(place=world.place)
    world.fund(made)
    rotate(world)
    from ledger_service.chain.rpc import Reverted

    with pytest.raises(Reverted):
        anchor(world, made, world.operator, 0, 20)
    anchor(world, made, world.stranger, 0, len(made.entries))
    world.post(made, made.owed, len(made.entries))  # the campaign's operator stays that of its terms
    report = audited(world, made, tmp_path)
    assert report.complete, report.steps
    assert all(step.status is Status.PASSED for step in report.steps)
