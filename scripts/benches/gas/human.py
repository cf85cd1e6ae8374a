"""HUMAN protocol's escrow: one contract per job, and a transfer per worker (npm `@human-protocol/core`)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ledger_service.chain.abi import Artifact
from ledger_service.chain.contracts import LocalToken
from ledger_service.errors import Corrupt
from scripts.benches.evm import Evm
from scripts.benches.gas.crowd import crowd
from scripts.benches.peers import HUMAN, artifact

BULK = (1, 10, 50, 100)  # recipients of one payout; 100 is the contract's maximum
STAKE = 10**9
AMOUNT = 5_000_000
LOCK_BLOCKS = 1_000
PAYOUT = "bulkPayOut(address[],uint256[],string,string,string,bool)"
STORE = "storeResults(string,string,uint256)"
# As short as addresses of files are: longer ones cost more slots.
URL = "https://s3.example.org/a.json"
HASH = hashlib.sha256(b"a.json").hexdigest()[:40]


@dataclass(frozen=True, slots=True)
class HumanGas:
    """Gas of whole transactions. `open` is of a second job, the cheaper; payouts by recipients."""

    approve: int
    open: int
    store: int
    fresh: dict[int, int]
    returning: dict[int, int]


def measure(evm: Evm, token: LocalToken) -> HumanGas:
    """Deploy the factory as its own scripts do, open two jobs and pay; no oracle fees, which is cheapest."""
    return _Human(evm, token).measure()


class _Human:
    def __init__(self, evm: Evm, token: LocalToken) -> None:
        self.evm, self.token = evm, token
        self.owner, self.requester, *self.oracles = evm.accounts[:5]
        self.factory = artifact(HUMAN, "contracts/EscrowFactory.sol/EscrowFactory.json")
        self.escrow = artifact(HUMAN, "contracts/Escrow.sol/Escrow.json")

    def measure(self) -> HumanGas:
        """All figures, in the order in which a job lives."""
        factory = self._deploy()
        self.send(self.owner, self.token.address, self.token.mint(self.requester, 10**12))
        approve = self._approve(factory)
        self._open(factory)
        opened = self._open(factory)
        escrow = self.evm.read(self.factory, factory, "lastEscrow")
        store = self._call(self.oracles[1], escrow, self.escrow, STORE, URL, HASH, 10**10)
        self._pay(escrow, 2, "fresh")  # the first payout of all fills slots that later ones find filled
        fresh = {count: self._pay(escrow, count, "fresh") for count in BULK}
        returning = {count: self._pay(escrow, count, "returning") for count in BULK}
        return HumanGas(approve, opened, store, fresh, returning)

    def send(self, sender: str, to: str, data: bytes, known: Artifact | None = None) -> int:
        """Gas of one transaction."""
        return self.evm.send(sender, to, data, known).gas_used

    def _call(self, sender: str, to: str, known: Artifact, function: str, *args: object) -> int:
        return self.send(sender, to, known.call(function, *args), known)

    def _deploy(self) -> str:
        """Staking, KVStore and the factory behind its proxy; the requester stakes, the oracles ask no fee."""
        staking, store = (
            artifact(HUMAN, f"contracts/{name}.sol/{name}.json") for name in ("Staking", "KVStore")
        )
        proxy = artifact(HUMAN, "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol/ERC1967Proxy.json")
        token = self.token.address
        stakes = self.evm.create(self.owner, staking, token, 1, LOCK_BLOCKS, 1)
        values = self.evm.create(self.owner, store)
        code = self.evm.create(self.owner, self.factory)
        begin = self.factory.call("initialize", stakes, 1, values)
        factory = self.evm.create(self.owner, proxy, code, begin)
        self.send(self.owner, token, self.token.mint(self.requester, STAKE))
        self._call(self.requester, token, self.token.artifact, "approve", stakes, STAKE)
        self._call(self.requester, stakes, staking, "stake", STAKE)
        for oracle in self.oracles:
            self._call(oracle, values, store, "set", "fee", "0")
        return factory

    def _approve(self, spender: str) -> int:
        return self._call(self.requester, self.token.address, self.token.artifact, "approve", spender, 10**12)

    def _open(self, factory: str) -> int:
        job = (self.token.address, 10**11, "job", *self.oracles, URL, HASH)
        return self._call(self.requester, factory, self.factory, "createFundAndSetupEscrow", *job)

    def _pay(self, escrow: str, count: int, kind: str) -> int:
        """One payout, to accounts that hold none of the token yet or to the same again."""
        accounts = crowd(count, f"human {count}")
        before = self.evm.read(self.token.artifact, self.token.address, "balanceOf", accounts[-1])
        if (before == 0) != (kind == "fresh"):
            raise Corrupt(f"the recipients of a payout to {kind} accounts hold {before}")
        payout = (accounts, [AMOUNT] * count, URL, HASH, f"{kind} {count}", False)
        gas = self._call(self.oracles[0], escrow, self.escrow, PAYOUT, *payout)
        after = self.evm.read(self.token.artifact, self.token.address, "balanceOf", accounts[-1])
        if after != before + AMOUNT:
            raise Corrupt(f"the peer's payout should have left {before + AMOUNT}, it left {after}")
        return gas
