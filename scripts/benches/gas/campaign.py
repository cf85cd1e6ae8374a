"""CampaignEscrow: opening a campaign, payrolls of a crowd, and claims."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from ledger_service import payroll
from ledger_service.chain.contracts import (
    Artifacts,
    CampaignEscrow,
    Claim,
    LocalToken,
    ProvenanceLog,
    artifact,
)
from ledger_service.errors import Corrupt
from ledger_service.payroll import PayrollEntry
from ledger_service.signing import keccak256
from ledger_service.terms import Terms
from scripts.benches.evm import Evm
from scripts.benches.gas.crowd import crowd
from scripts.programs import say

WINDOW, LIFE = 2 * 86_400, 60 * 86_400  # seconds
FEE_BPS = 500
EVIDENCE = 10_000  # entries of the log that the payrolls are computed from
SEED = 7_623
MANY = 100  # claims of one claimMany
EARNED = (1_000_000, 9_999_999)  # between two payrolls: one to ten units of a token with six decimals
SAMPLE = 5  # single claims, of which the dearest is told


@dataclass(frozen=True, slots=True)
class PayrollGas:
    """One payroll of all workers: gas of the transactions that post and settle it."""

    workers: int
    post: int
    settle: int

    @property
    def gas(self) -> int:
        """Both."""
        return self.post + self.settle


@dataclass(slots=True)
class CampaignGas:
    """Gas of whole transactions.

    Attributes:
        approve, deposits: the requester's; the first deposit ever made to the escrow, then other campaigns'.
        payrolls: by workers, the first payroll and the later ones; everybody has an increase in each.
        claims: the dearest of a few after each payroll, the same workers each time.
        claims_many: a claimMany after each payroll, per worker; `many` others, the same each time.
    """

    approve: int = 0
    deposits: list[int] = field(default_factory=list)
    payrolls: dict[int, list[PayrollGas]] = field(default_factory=dict)
    claims: list[int] = field(default_factory=list)
    many: int = 0
    claims_many: list[float] = field(default_factory=list)


def measure(
    evm: Evm, artifacts: Artifacts, token: LocalToken, claiming: int, others: Sequence[int]
) -> CampaignGas:
    """Run campaigns of these numbers of workers: two payrolls each; three, and claims, for `claiming`."""
    world = _World(evm, artifacts, token)
    found = CampaignGas(approve=world.approve(), many=_many(claiming))
    for workers in [*others, claiming]:
        say(f"a campaign, workers: {workers:,}")
        campaign = _Campaign(world, workers)
        found.deposits.append(campaign.open())
        found.payrolls[workers] = []
        for _ in range(3 if workers == claiming else 2):
            found.payrolls[workers].append(campaign.pay())
            if workers == claiming:
                found.claims.append(campaign.claim())
                found.claims_many.append(campaign.claim_many())
    return found


class _World:
    """The escrow, its log with one head, and those who act."""

    def __init__(self, evm: Evm, artifacts: Artifacts, token: LocalToken) -> None:
        self.evm, self.token = evm, token
        self.requester, self.operator, self.arbiter, self.stranger = evm.accounts[5:9]
        log = evm.create(self.operator, artifact(artifacts, ProvenanceLog.name), self.operator)
        self.log = ProvenanceLog(artifacts, log)
        created = evm.create(self.operator, artifact(artifacts, CampaignEscrow.name), log)
        self.escrow = CampaignEscrow(artifacts, created)
        evm.send(self.operator, log, self.log.anchor(EVIDENCE, keccak256(b"root"), []), self.log.artifact)
        evm.send(self.requester, token.address, token.mint(self.requester, 10**15))

    def approve(self) -> int:
        """Of more than any deposit here takes."""
        data = self.token.artifact.call("approve", self.escrow.address, 10**15)
        return self.evm.send(self.requester, self.token.address, data).gas_used

    def send(self, sender: str, data: bytes) -> int:
        """Gas of a transaction to the escrow."""
        return self.evm.send(sender, self.escrow.address, data, self.escrow.artifact).gas_used

    def held(self, account: str) -> int:
        """Its tokens."""
        return self.token.balance_of(self.evm.client, account)


class _Campaign:
    """One campaign of a crowd that earns something between any two payrolls."""

    def __init__(self, world: _World, workers: int) -> None:
        self.world = world
        self.accounts = crowd(workers, f"campaign of {workers}")
        self.owed = [0] * workers
        self.chance = random.Random(SEED)  # noqa: S311 (the same in every run)
        self.terms = Terms(
            requester=world.requester,
            operator=world.operator,
            arbiter=world.arbiter,
            token=world.token.address,
            fee_bps=FEE_BPS,
            window=WINDOW,
            deadline=world.evm.time() + LIFE,
            bond=50_000_000,
            label_price=50_000,
            part=0,
            brief=keccak256(f"brief {workers}".encode()),
        )
        self.id = world.escrow.id_of(world.evm.client, self.terms)

    def open(self) -> int:
        """Deposit enough for three payrolls."""
        return self.world.send(
            self.world.requester, self.world.escrow.deposit(self.terms, 40_000_000 * len(self.owed))
        )

    def pay(self) -> PayrollGas:
        """Post and settle a payroll that gives everybody something."""
        increases = [self.chance.randint(*EARNED) for _ in self.owed]
        rows = zip(self.accounts, self.owed, increases, strict=True)
        table = payroll.encode_entries(PayrollEntry(*row) for row in rows)
        world, escrow = self.world, self.world.escrow
        post = world.send(world.operator, escrow.post(self.terms, table, EVIDENCE))
        world.evm.wait(WINDOW)
        settle = world.send(world.stranger, escrow.settle(self.terms))
        self.owed = [before + more for before, more in zip(self.owed, increases, strict=True)]
        settled = escrow.campaign(world.evm.client, self.id).settled_root
        if settled != payroll.root(self.id, self._positions()):
            raise Corrupt("the escrow settled another root than the payroll's")
        return PayrollGas(len(self.owed), post, settle)

    def claim(self) -> int:
        """The dearest of some workers' claims, sent by somebody else."""
        claims = self._claims()[-SAMPLE:]
        escrow, stranger = self.world.escrow, self.world.stranger
        gas = [self.world.send(stranger, escrow.claim(self.terms, one)) for one in claims]
        self._check_paid(claims)
        return max(gas)

    def claim_many(self) -> float:
        """One transaction for the first workers; per worker."""
        claims = self._claims()[: _many(len(self.owed))]
        gas = self.world.send(self.world.stranger, self.world.escrow.claim_many(self.terms, claims))
        self._check_paid(claims)
        return gas / len(claims)

    def _claims(self) -> list[Claim]:
        paths = payroll.paths(self.id, self._positions())
        return [
            Claim(index, account, amount, tuple(paths[index]))
            for index, (account, amount) in enumerate(self._positions())
        ]

    def _positions(self) -> list[tuple[str, int]]:
        return list(zip(self.accounts, self.owed, strict=True))

    def _check_paid(self, claims: list[Claim]) -> None:
        for one in claims:
            held = self.world.held(one.account)
            if held != one.amount:
                raise Corrupt(f"a claim should have left {one.amount}, it left {held}")


def _many(workers: int) -> int:
    """How many workers claim together: as many as a hundred, but not those who claim alone."""
    return min(MANY, workers - SAMPLE)
