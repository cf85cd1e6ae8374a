"""The chain is compared with the log: on a real local chain, with the real contracts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ledger_service.audit.auditor import Pins, audit
from ledger_service.audit.chain_reading import ChainReader
from ledger_service.audit.escrow_events import CLAIMED
from ledger_service.audit.log_history import read_history
from ledger_service.audit.report import AuditReport, Status, Step
from ledger_service.audit.source import DirSource
from ledger_service.chain.client import ChainClient
from ledger_service.errors import Corrupt
from ledger_service.heads import ANCHORED
from scripts.cli import main
from tests.audit.builder import Builder, Place
from tests.audit.chain_world import DAY, ChainWorld, terms
from tests.audit.proxy import Proxy


def audited(world: ChainWorld, made: Builder, folder: Path, chain: ChainReader | None = None) -> AuditReport:
    pins = Pins(str(made.log_key.verifier), world.log, world.escrow)
    return audit(DirSource(made.save(folder)), pins=pins, chain=chain or world.reader())


def failure(report: AuditReport) -> Step:
    """The one step that failed: the chain's."""
    (step,) = [step for step in report.steps if step.status is Status.FAILED]
    assert step.name == "chain"
    return step


def test_a_whole_campaign_passes_every_step(world: ChainWorld, made: Builder, tmp_path: Path) -> None:
    world.post(made, made.owed, len(made.entries))
    world.settle(made)
    for worker in made.owed:
        if made.owed[worker]:
            world.claim(made, worker)
    world.on_escrow(world.operator, "collectFee", terms(made))
    world.later(31 * DAY)
    world.on_escrow(world.requester, "refund", terms(made))
    report = audited(world, made, tmp_path)
    assert report.complete, report.steps
    assert report.anchors == 3
    total = sum(made.owed.values())
    assert report.payouts_expected == report.payouts_onchain == total
    (campaign,) = report.campaigns
    budget = made.spec.budget(500)
    assert (campaign.deposited, campaign.claimed, campaign.fee) == (budget, total, total * 500 // 10_000)
    assert campaign.refunded == budget - total - total * 500 // 10_000
    assert campaign.claims == {worker: amount for worker, amount in made.owed.items() if amount}
    assert report.notes == ()


def test_what_is_complete_is_so_strictly(
    world: ChainWorld, made: Builder, node_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made.save(tmp_path)
    arguments = ["--log", str(folder), "--rpc", node_url, "--depth", "0", "--strict"]
    assert main(["audit", *arguments]) == 0
    assert capsys.readouterr().out.endswith("\nAll 10 steps were checked, and everything holds.\n")
    assert world.first < world.client.head().number


def test_a_campaign_on_its_way_passes(world: ChainWorld, made: Builder, tmp_path: Path) -> None:
    before = audited(world, made, tmp_path / "funded")
    world.post(made, made.owed, len(made.entries))
    posted = audited(world, made, tmp_path / "posted")
    world.settle(made)
    world.claim(made, max(made.owed, key=lambda worker: made.owed[worker]))
    claimed = audited(world, made, tmp_path / "claimed")
    for report in (before, posted, claimed):
        assert report.complete, report.steps
    assert [report.payouts_onchain for report in (before, posted)] == [0, 0]
    assert claimed.payouts_onchain == max(made.owed.values())


def test_another_history_on_the_chain_is_named(world: ChainWorld, tmp_path: Path) -> None:
    made = Builder(place=world.place)
    other = Builder(place=made.place, changes={"matching": lambda struct, _: replace(struct, primal=1)})
    world.fund(made)
    world.anchor(other, len(other.entries))
    step = failure(audited(world, made, tmp_path))
    assert f"root anchored for {len(made.entries)} entries" in step.detail
    assert step.expected == "0x" + other.tree.root().hex()
    assert step.found == "0x" + made.tree.root().hex()


def test_a_payroll_that_pays_too_much_is_named(world: ChainWorld, made: Builder, tmp_path: Path) -> None:
    first = next(iter(made.owed))
    world.post(made, made.owed | {first: made.owed[first] + 1}, len(made.entries))
    step = failure(audited(world, made, tmp_path))
    total = sum(made.owed.values())
    assert "payroll 1, total" in step.detail
    assert (step.expected, step.found) == (str(total), str(total + 1))


def test_a_payroll_that_pays_somebody_else_is_named(world: ChainWorld, made: Builder, tmp_path: Path) -> None:
    owed = dict(made.owed)
    owed = {("0x" + "66" * 20 if n == 1 else worker): owed[worker] for n, worker in enumerate(owed)}
    world.post(made, owed, len(made.entries))
    assert "payroll 1, root" in failure(audited(world, made, tmp_path)).detail


def test_a_payroll_from_before_the_payouts_is_named(world: ChainWorld, made: Builder, tmp_path: Path) -> None:
    world.post(made, made.owed, 100)
    step = failure(audited(world, made, tmp_path))
    assert (step.expected, step.found) == ("0", str(sum(made.owed.values())))


def test_a_copy_that_is_older_than_the_chain_is_not_called_complete(
    world: ChainWorld, made: Builder, tmp_path: Path
) -> None:
    world.post(made, made.owed, len(made.entries))
    older = Builder(place=made.place, changes={"settlement": lambda *_: None})
    report = audited(world, older, tmp_path)
    assert not report.failed
    assert report.steps[-1].status is Status.NOT_CHECKED
    assert f"computed from {len(made.entries)} entries" in report.steps[-1].detail
    assert report.anchors == 2
    assert report.notes == ("1 anchored heads are larger than this copy of the log",)


def test_another_chain_is_named(world: ChainWorld, tmp_path: Path) -> None:
    made = Builder(place=replace(world.place, chain_id=5))
    step = failure(audited(world, made, tmp_path))
    assert ("chain id" in step.detail, step.expected, step.found) == (True, "5", str(world.client.chain_id))


def test_an_escrow_of_another_log_is_named(world: ChainWorld, tmp_path: Path) -> None:
    stranger = world.deploy("ProvenanceLog", world.operator.address)
    made = Builder(place=replace(world.place, log=stranger))
    pins = Pins(str(made.log_key.verifier), stranger, world.escrow)
    report = audit(DirSource(made.save(tmp_path)), pins=pins, chain=world.reader())
    assert "ProvenanceLog of the escrow" in failure(report).detail


def test_what_is_no_contract_of_ours_is_no_answer(world: ChainWorld, tmp_path: Path) -> None:
    made = Builder(place=replace(world.place, log="0x" + "11" * 20))
    pins = Pins(str(made.log_key.verifier), made.place.log, world.escrow)
    with pytest.raises(Corrupt, match="another contract"):
        audit(DirSource(made.save(tmp_path)), pins=pins, chain=world.reader())


@pytest.mark.parametrize(
    ("hidden", "words"),
    [(ANCHORED, "number of anchored heads"), (CLAIMED, "claimed")],
    ids=["anchors", "claims"],
)
def test_a_node_that_hides_events_is_found_out(
    hidden: bytes, words: str, world: ChainWorld, made: Builder, node_url: str, tmp_path: Path
) -> None:
    world.post(made, made.owed, len(made.entries))
    world.settle(made)
    world.claim(made, max(made.owed, key=lambda worker: made.owed[worker]))
    with_hidden = Proxy(node_url, lambda log: log["topics"][0] != "0x" + hidden.hex())
    with with_hidden as url:
        client = ChainClient.connect(url, finality_depth=0)
        report = audited(world, made, tmp_path, ChainReader(client))
        client.close()
    assert words in failure(report).detail


def test_a_node_that_answers_small_questions_only_is_asked_them(
    world: ChainWorld, made: Builder, node_url: str
) -> None:
    with Proxy(node_url, most_blocks=3) as url:
        client = ChainClient.connect(url, finality_depth=0)
        few, many = (read_history(chain, world.log) for chain in (ChainReader(client), world.reader()))
        assert list(few.heads) == list(many.heads)
        assert len(few.heads) == 3
        client.close()
    assert isinstance(made.place, Place)
