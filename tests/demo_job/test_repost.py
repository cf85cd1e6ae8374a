"""A payroll that the arbiter declares void, on a real chain: posted anew, settled, paid and audited."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from ledger_service.local.keys import local_arbiter
from ledger_service.signing import Wallet, keccak256
from ledger_service.terms import TUPLE
from scripts.demo_job import escrow
from scripts.demo_job.commissioned import Commissioned
from scripts.demo_job.job import Demo, Options
from scripts.demo_job.rpc import Order
from tests.demo_job.conftest import ROOT

REASON = keccak256(b"spam was paid")
PATIENCE = 60.0


class Disputed(Demo):
    """The demo, in which somebody disputes the payroll and the arbiter upholds it, once."""

    reposted: dict[str, Any]

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
        dispute = escrow.calldata("dispute", [TUPLE, "bytes32"], [terms, REASON])
        self._chain.send([Order(disputer, at, dispute)])
        found = self.status("disputed", lambda it: it["payroll"]["state"] == "disputed")
        expected = {"disputer": disputer.address, "reason": "0x" + REASON.hex(), "upheld": None}
        assert found["payroll"]["dispute"] == expected
        found = self.status("known times", lambda it: it["payroll"]["settles_at"] is not None)
        assert abs(found["payroll"]["settles_at"] - self._chain.now() - 2 * one.terms.window) < 60
        rule = escrow.calldata("rule", [TUPLE, "bool"], [terms, True])
        self._chain.send([Order(arbiter, at, rule)])
        bonds = escrow.calldata("collectBond", [TUPLE, "address"], [terms, disputer.address])
        self._chain.send([Order(disputer, at, bonds)])
        assert escrow.balances(self._chain, token, [disputer.address]) == [bond]

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
    assert said.count("alarm: ") == 1
    assert "payroll 1 of campaign" in said
    assert "0x" + REASON.hex() in said
