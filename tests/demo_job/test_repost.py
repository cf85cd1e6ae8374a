"""Payrolls that are void on a real chain, by arbiter or by a statement: posted anew, settled and paid."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from ledger_service import payroll
from ledger_service.local.keys import local_arbiter
from ledger_service.signing import Wallet, keccak256
from ledger_service.terms import TUPLE
from scripts.demo_job import escrow
from scripts.demo_job.commissioned import Commissioned
from scripts.demo_job.job import Demo, Options
from scripts.demo_job.rpc import Order
from scripts.demo_job.worker import Worker
from tests.demo_job.conftest import ROOT

REASON = keccak256(b"spam was paid")
PATIENCE = 60.0


class Voided(Demo):
    """The demo, in which the payroll becomes void once, and the operator posts it anew."""

    reposted: dict[str, Any]

    def status(self, what: str, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The campaign, once it is as far as this."""
        give_up = time.monotonic() + PATIENCE
        while True:
            found: dict[str, Any] = self._requester.status()[0]
            if found["payroll"] and reached(found):
                return found
            assert time.monotonic() < give_up, f"{what}: {found['state']}, {found['payroll']}"
            time.sleep(0.2)

    def _repost(self, one: Commissioned) -> dict[str, Any]:
        """`crowdledger repost`, as the operator types it."""
        where = ["--service", self.service.base, "--state", str(self.service.state)]
        command = ["repost", "--campaign", "0x" + one.campaign.hex(), *where, "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "scripts.cli", *command],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=True,
        )
        again = subprocess.run(
            [sys.executable, "-m", "scripts.cli", *command],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        assert again.returncode == 2
        assert "no void payroll" in again.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


class Disputed(Voided):
    """Somebody disputes the payroll and the arbiter upholds it."""

    def _judge(self) -> None:
        super()._judge()
        (one,) = self._requester.campaigns
        self._void(one)
        self.status("void", lambda found: found["state"] == "void")
        self.reposted = self._repost(one)
        self.status("posted again", lambda found: found["payroll"]["state"] == "posted")

    def _void(self, one: Commissioned) -> None:
        disputer, arbiter = Wallet(keccak256(b"disputer")), local_arbiter(self.service.state)
        self._chain.endow([disputer.address, arbiter.address])
        bond, token, at = one.terms.bond, one.terms.token, self._info.escrow
        approve = escrow.calldata("approve", ["address", "uint256"], [at, bond])
        for data in (escrow.mint(disputer.address, bond), approve):
            self._chain.send([Order(disputer, token, data)])
        terms = tuple(getattr(one.terms, name) for name in one.terms.__slots__)
        meant = [terms, 1, self._root(one)]
        dispute = escrow.calldata("dispute", [TUPLE, "uint32", "bytes32", "bytes32"], [*meant, REASON])
        self._chain.send([Order(disputer, at, dispute)])
        found = self.status("disputed", lambda it: it["payroll"]["state"] == "disputed")
        expected = {"disputer": disputer.address, "reason": "0x" + REASON.hex(), "upheld": None}
        assert found["payroll"]["dispute"] == expected
        found = self.status("known times", lambda it: it["payroll"]["settles_at"] is not None)
        assert abs(found["payroll"]["settles_at"] - self._chain.now() - 2 * one.terms.window) < 60
        rule = escrow.calldata("rule", [TUPLE, "uint32", "bytes32", "bool"], [*meant, True])
        self._chain.send([Order(arbiter, at, rule)])
        bonds = escrow.calldata("collectBond", [TUPLE, "address"], [terms, disputer.address])
        self._chain.send([Order(disputer, at, bonds)])
        assert escrow.balances(self._chain, token, [disputer.address]) == [bond]

    def _root(self, one: Commissioned) -> bytes:
        """The root that is disputed, from the payroll's entries."""
        posted = self._requester.status()[0]["payroll"]["entries"]
        table = payroll.parse_entries(bytes.fromhex(posted[2:]))
        return payroll.root(one.campaign, [(entry.account, entry.cumulative) for entry in table])


class Enforced(Voided):
    """The operator posts a payroll that pays the best worker less than it signed; then it mends its ways."""

    def _judge(self) -> None:
        self.status("a payroll on the chain", lambda found: found["payroll"]["state"] == "posted")
        (one,) = self._requester.campaigns
        self._enforce(one)
        self.status("void", lambda found: found["state"] == "void")
        self.service.kill()
        self.service.program = [sys.executable, "-m", "scripts.cli"]
        self.service.start()
        self.reposted = self._repost(one)
        self.status("posted again", lambda found: found["state"] == "posted")

    def _enforce(self, one: Commissioned) -> None:
        """The worker shows what it was told, with its place in the payroll from the chain's own calldata."""
        posted = self._requester.status()[0]["payroll"]["entries"]
        table = payroll.parse_entries(bytes.fromhex(posted[2:]))
        owed = [(entry.account, entry.cumulative) for entry in table]
        told = [(worker, self._told(worker, one)) for worker in self.workers if worker.receipts]
        paid = dict(owed)
        [(worker, told_it)] = [(who, it) for who, it in told if int(it["amount"]) > paid[who.address]]
        index = [account for account, _ in owed].index(worker.address)
        run = bytes.fromhex(told_it["statement"]["run"][2:])
        statement = (one.campaign, worker.address, int(told_it["amount"]), told_it["epoch"], run)
        types = [
            TUPLE,
            "(bytes32,address,uint256,uint32,bytes32)",
            "bytes",
            "uint256",
            "uint256",
            "bytes32[]",
        ]
        values = [
            tuple(getattr(one.terms, name) for name in one.terms.__slots__),
            statement,
            bytes.fromhex(told_it["signature"][2:]),
            index,
            paid[worker.address],
            payroll.path(one.campaign, owed, index),
        ]
        order = Order(worker.wallet, self._info.escrow, escrow.calldata("enforce", types, values))
        self._chain.send([order])
        found = self.status("why", lambda it: it["payroll"]["enforced"] is not None)
        assert found["payroll"]["enforced"] == {"worker": worker.address, "stated": told_it["amount"]}

    def _told(self, worker: Worker, one: Commissioned) -> dict[str, Any]:
        found: dict[str, Any] = worker._session.get(f"{one.path}/payouts/me")
        return found


def test_a_payroll_that_was_void_is_posted_anew_settled_paid_and_audited(place: Path) -> None:
    options = Options(None, 8, 3, keep=False, json=True, state=place / "state", seed="repost test")
    demo = Disputed(options, Console(stderr=True, quiet=True))
    try:
        summary = demo.run()
        said = (demo.service.state / "serve.log").read_text()
    finally:
        demo.end()
    assert summary.failed == []
    assert summary.payouts_onchain > 0
    assert demo.reposted["payroll"]["epoch"] == 2
    assert said.count("alarm: payroll 1 of campaign") == 1
    assert "0x" + REASON.hex() in said


def test_a_payroll_that_breaks_a_statement_is_void_and_all_are_paid_what_they_were_told(place: Path) -> None:
    options = Options(None, 8, 3, keep=False, json=True, state=place / "state", seed="enforce test")
    demo = Enforced(options, Console(stderr=True, quiet=True))
    demo.service.program = [sys.executable, "-m", "tests.demo_job.dishonest"]
    try:
        summary = demo.run()
        said = (demo.service.state / "serve.log").read_text()
    finally:
        demo.end()
    assert "less than the" in said
    assert demo.reposted["payroll"]["epoch"] == 2
    names = {check.name: check.holds for check in summary.checks}
    assert names["every worker holds exactly what its payment bundle proves"]
    assert names["pay, fee and refund add up to the deposit"]
    # The audit finds the payroll that was not the log's, though it was void before it paid anybody.
    assert [check.name for check in summary.failed] == ["audit: chain"]
