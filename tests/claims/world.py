"""Campaigns on a real local chain, as a worker meets them, and the commands."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ledger_service import payroll
from ledger_service.chain.client import Call
from ledger_service.chain.escrow import CampaignEscrow
from ledger_service.payroll import PayrollEntry
from ledger_service.signing import Wallet
from ledger_service.terms import Terms, campaign_id
from scripts.cli import main
from tests.audit.builder import seeded
from tests.audit.chain_world import DAY, ETHER, ChainWorld

ROOT = Path(__file__).resolve().parents[2]
Owed = Sequence[tuple[str, int]]


@dataclass(frozen=True)
class Said:
    """What a command said and how it ended."""

    status: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass
class Campaign:
    """A campaign of a world, and the payrolls that were posted in it."""

    world: ChainWorld
    terms: Terms
    escrow: str
    settled: Owed = ()

    @property
    def id(self) -> bytes:
        return campaign_id(self.terms, self.world.client.chain_id, self.escrow)

    @property
    def values(self) -> tuple[object, ...]:
        """The terms as the contract's calls take them."""
        return tuple(getattr(self.terms, name) for name in self.terms.__slots__)

    def call(self, function: str, *arguments: object) -> bytes:
        return self.world.artifacts["CampaignEscrow"].call(function, self.values, *arguments)

    def do(self, sender: Wallet, function: str, *arguments: object) -> None:
        self.world.send(sender, self.escrow, self.call(function, *arguments))

    def fund(self, amount: int) -> None:
        token = self.world.artifacts["LocalToken"]
        requester = self.world.requester
        self.world.send(requester, self.terms.token, token.call("mint", requester.address, amount))
        self.world.send(requester, self.terms.token, token.call("approve", self.escrow, amount))
        self.do(requester, "deposit", amount)

    def posting(self, owed: Owed) -> bytes:
        """The call that posts a payroll of these amounts on top of the settled one."""
        before = [amount for _, amount in self.settled] + [0] * len(owed)
        entries = [
            PayrollEntry(account, so_far, amount - so_far)
            for (account, amount), so_far in zip(owed, before, strict=False)
        ]
        return self.call("post", payroll.encode_entries(entries), 1)

    def post(self, owed: Owed) -> None:
        self.world.send(self.world.operator, self.escrow, self.posting(owed))

    def settle(self, owed: Owed) -> None:
        """Post a payroll and wait until it is settled."""
        self.post(owed)
        self.world.later(DAY + 1)
        self.do(self.world.operator, "settle")
        self.settled = owed

    def void(self, owed: Owed) -> None:
        """Post a payroll that is disputed and declared void."""
        self.post(owed)
        self.dispute()
        self.do(ARBITER, "rule", *self._pending("rule", uphold=True))

    def dispute(self) -> None:
        """Somebody disputes the pending payroll."""
        self.do(self.world.stranger, "dispute", *self._pending("dispute", reason=bytes(32)))

    def _pending(self, function: str, **values: object) -> list[object]:
        """The arguments of a call about the pending payroll, which it may have to name."""
        escrow = CampaignEscrow(self.world.artifacts, self.escrow)
        state = escrow.campaign(self.world.client, self.id)
        known = {"epoch": state.epoch, "root": state.pending_root} | values
        (item,) = [one for one in escrow.artifact.abi if one.get("name") == function]
        return [known[field["name"]] for field in item["inputs"][1:]]

    def balance(self, account: str) -> int:
        return balance(self.world, self.terms.token, account)


ARBITER = Wallet(seeded("the arbiter of claims"))


def campaign(world: ChainWorld, *, funds: int = 1_000_000_000, **changes: Any) -> Campaign:
    """A new campaign in the world's escrow, with money in it; every one has another brief."""
    world.node.ask("hardhat_setBalance", ARBITER.address, hex(100 * ETHER))
    terms = Terms(
        requester=world.requester.address,
        operator=world.operator.address,
        arbiter=ARBITER.address,
        token=world.token,
        fee_bps=500,
        window=DAY,
        deadline=world.client.head().timestamp + 60 * DAY,
        bond=0,
        label_price=50_000,
        part=0,
        brief=seeded(f"brief {world.client.head().number}"),
    )
    made = Campaign(world, replace(terms, **changes), world.escrow)
    if not _anchored(world):
        root = seeded("a log of one entry")
        world.send(world.operator, world.log, world.artifacts["ProvenanceLog"].call("anchor", 1, root, []))
    made.fund(funds)
    return made


def worker(name: str, world: ChainWorld | None = None) -> Wallet:
    """A worker's wallet; with money for gas, where a world is given."""
    wallet = Wallet(seeded(f"claimant {name}"))
    if world is not None:
        world.node.ask("hardhat_setBalance", wallet.address, hex(ETHER))
    return wallet


def key_file(folder: Path, wallet: Wallet) -> Path:
    path = folder / f"{wallet.address}.key"
    path.write_text(wallet.secret().hex() + "\n")
    path.chmod(0o600)
    return path


def balance(world: ChainWorld, token: str, account: str) -> int:
    data = world.artifacts["LocalToken"].call("balanceOf", account)
    return int.from_bytes(world.client.call(Call(account, token, data)), "big")


def crowdledger(*arguments: object) -> Said:
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as end:  # what the parser of arguments does
            status = int(end.code or 0)
    return Said(status, out.getvalue(), err.getvalue())


def crowdledger_alone(*arguments: object, patience: float = 120) -> Said:
    """Run a command as a user does, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "scripts.cli", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def of(made: Campaign, url: str, key: Path) -> list[object]:
    """The arguments that say which campaign, where, and whose key."""
    return [*unnamed(made, url, key), "--escrow", made.escrow]


def unnamed(made: Campaign, url: str, key: Path) -> list[object]:
    """The same, without the escrow."""
    return ["--rpc", url, "--campaign", "0x" + made.id.hex(), "--key", key]


def _anchored(world: ChainWorld) -> bool:
    data = world.artifacts["ProvenanceLog"].call("size")
    return int.from_bytes(world.client.call(Call(world.operator.address, world.log, data)), "big") > 0
