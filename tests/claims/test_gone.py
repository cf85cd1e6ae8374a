"""The real service is stopped and its database deleted; its workers get their money all the same."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ledger_service import commitments
from ledger_service.chain.client import ChainClient
from ledger_service.chain.provenance_log import ProvenanceLog
from ledger_service.claims.anchors import read_heads
from ledger_service.claims.interface import interfaces
from ledger_service.local.postgres import EmbeddedPostgres
from ledger_service.signing import Wallet
from scripts.demo_job import escrow
from scripts.demo_job.commissioned import Commissioned
from scripts.demo_job.job import Demo, Options
from scripts.demo_job.labelling import Labelling
from scripts.demo_job.requester import DAY, PER_LABEL
from scripts.demo_job.worker import Worker
from tests.claims.papers import save
from tests.claims.world import Said, crowdledger, crowdledger_alone, key_file
from tests.demo_job.conftest import place, processes_of

__all__ = ["place"]
PATIENCE = 120.0


class Enough(Exception):
    """The run has come as far as the test needs it."""


@dataclass
class Left:
    """What is there once the service is not: the chain, and what users know and keep."""

    demo: Demo
    folder: Path

    @property
    def url(self) -> str:
        return self.demo._chain.url

    @property
    def campaign(self) -> Commissioned:
        return self.demo._requester.campaigns[0]

    def arguments(self, wallet: Wallet) -> list[object]:
        campaign = "0x" + self.campaign.campaign.hex()
        where = ["--rpc", self.url, "--campaign", campaign, "--escrow", self.demo._info.escrow]
        return [*where, "--key", key_file(self.folder, wallet)]

    def balances(self, workers: list[Worker]) -> list[int]:
        token = self.campaign.terms.token
        return escrow.balances(self.demo._chain, token, [worker.address for worker in workers])

    def advance_to(self, moment: int) -> None:
        self.demo._chain.advance_to(moment)

    def end_service(self) -> None:
        """As a power cut does; then the database is deleted, and all that the service kept of its own."""
        self.demo.service.kill()
        state = self.demo.service.state
        EmbeddedPostgres(state).stop()
        for kept in ("postgres", "keys"):
            shutil.rmtree(state / kept)


@pytest.fixture
def start(place: Path, tmp_path: Path) -> Iterator[Callable[..., Left]]:
    """Runs the demo until it raises `Enough`; what it left is removed at the end."""
    made: list[Demo] = []

    def run(kind: type[Demo], enough: str) -> Left:
        def on_stage(stage: str) -> None:
            if stage == enough:
                raise Enough

        options = Options(
            data=None, items=12, labels_per_item=3, keep=False, json=True, state=place / "state", seed="gone"
        )
        demo = kind(options, Console(stderr=True, quiet=True), on_stage)
        made.append(demo)
        with pytest.raises(Enough):
            demo.run()
        return Left(demo, tmp_path)

    yield run
    for demo in made:
        demo.end()
    give_up = time.monotonic() + PATIENCE  # what a killed service started ends by itself, a little later
    while processes_of(place) and time.monotonic() < give_up:
        time.sleep(0.2)
    assert processes_of(place) == []


def ok(said: Said) -> dict[str, Any]:
    assert (said.status, said.err) == (0, ""), said
    return said.json()


def test_workers_claim_with_the_service_stopped_and_its_database_gone(
    start: Callable[..., Left],
) -> None:
    left = start(Demo, "claim")
    demo, terms = left.demo, left.campaign.terms
    due = {worker.address: worker.payout(left.campaign) for worker in demo.workers}
    owed = {address: position.cumulative for address, position in due.items() if position}
    assert len(owed) > 3
    left.advance_to(demo._chain.now() + terms.window + 1)
    left.end_service()
    assert not list(demo.service.state.glob("postgres/*"))

    first = next(worker for worker in demo.workers if worker.address in owed)
    found = ok(crowdledger_alone("claim", *left.arguments(first.wallet), "--json"))
    assert [one["amount"] for one in found["paid"]] == [str(owed[first.address])]
    assert left.balances([first]) == [owed[first.address]]
    ok(crowdledger("claim", *left.arguments(first.wallet), "--everybody", "--json"))
    assert left.balances(demo.workers) == [owed.get(worker.address, 0) for worker in demo.workers]


class Silenced(Demo):
    """Half of the workers answer, and that is anchored. Then the operator has no money to write to the
    chain, and what it still judges and signs reaches nobody but those who ask and save it."""

    def _label(self) -> None:
        self.working = self.workers[: len(self.workers) // 2]
        expected = self.crowd.expected_labels()
        Labelling(self.working, self._chain, self._connection).run(1, lambda _: None, lambda: False)
        self.working = [worker for worker in self.working if worker.receipts]
        assert sum(len(worker.receipts) for worker in self.working) < expected
        self._await_anchor(1 + max(kept.index for worker in self.working for kept in worker.receipts))
        self._chain.endow([self._info.operator], 0)
        self._requester.close()
        self._chain.advance_to(self._chain.now() + 3 * DAY + 60)  # what the others were given lapses
        self._await_state("payable")
        self.bundles = {worker.address: self._bundles(worker) for worker in self.working}
        self.receipts = {
            worker.address: [
                worker._session.get(f"/v1/labels/0x{kept.leaf.hex()}/receipt") for kept in worker.receipts
            ]
            for worker in self.working
        }
        path = f"{self._requester.campaigns[0].path}/payouts/me"
        self.payouts = {worker.address: worker._session.get(path) for worker in self.working}

    def _await_anchor(self, size: int) -> None:
        """Wait until the chain has a head over so many entries."""
        log = ProvenanceLog(interfaces(), self._info.domain.verifying_contract)
        client = ChainClient.connect(self._chain.url)
        give_up = time.monotonic() + PATIENCE
        while (known := read_heads(client, log.address, client.head())[-1].size) < size:
            assert time.monotonic() < give_up, f"{known} of {size} entries are anchored"
            time.sleep(0.5)
        client.close()

    def _bundles(self, worker: Worker) -> list[bytes]:
        paths = [f"/v1/labels/0x{kept.leaf.hex()}/bundle" for kept in worker.receipts]
        return [commitments.canonical(worker._session.get(path, anchored="true")) for path in paths]


def test_workers_redeem_after_the_operator_fell_silent(start: Callable[..., Left], tmp_path: Path) -> None:
    left = start(Silenced, "judge")
    demo = left.demo
    assert isinstance(demo, Silenced)
    left.end_service()
    by_labels, by_statement, by_receipts, *_ = demo.working
    terms = left.campaign.terms
    left.advance_to(terms.deadline + 60)
    bundles = save(tmp_path / "bundles.json", *demo.bundles[by_labels.address])
    own = left.arguments(by_labels.wallet)
    found = ok(crowdledger_alone("redeem", *own, "--labels", bundles, "--json"))
    earned = len(by_labels.receipts) * PER_LABEL
    assert found["redeemed"] == {"statement": "0", "labels": str(earned)}
    stated = int(demo.payouts[by_statement.address]["amount"])
    paper = save(tmp_path / "payout.json", demo.payouts[by_statement.address])
    other = left.arguments(by_statement.wallet)
    assert ok(crowdledger("redeem", *other, "--statement", paper, "--json"))["due"] == str(stated)
    third = left.arguments(by_receipts.wallet)
    receipts = save(tmp_path / "receipts.json", {"receipts": demo.receipts[by_receipts.address]})
    promised = len(by_receipts.receipts) * PER_LABEL
    assert ok(crowdledger("redeem", *third, "--receipts", receipts, "--json"))["due"] == str(promised)
    waits = crowdledger("claim", *own)
    assert (waits.status, "paid from" in waits.err) == (2, True)

    left.advance_to(terms.deadline + 2 * terms.window + 60)
    ok(crowdledger_alone("claim", *own, "--json"))
    ok(crowdledger("claim", *other, "--json"))
    ok(crowdledger("claim", *third, "--json"))
    assert left.balances([by_labels, by_statement, by_receipts]) == [earned, stated, promised]
    assert json.dumps(found).count(by_labels.wallet.secret().hex()) == 0
