"""The log of `builder` on a real local chain: deployed, funded, anchored, posted, settled and claimed."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger_service import payroll
from ledger_service.audit.chain_reading import ChainReader
from ledger_service.chain.abi import Artifact
from ledger_service.chain.client import Call, ChainClient
from ledger_service.chain.rpc import Rpc
from ledger_service.chain.signer import LocalSigner, Transaction
from ledger_service.payroll import PayrollEntry
from ledger_service.signing import Wallet
from tests.audit.builder import Builder, Place, seeded

ETHER = 10**18
GWEI = 10**9
DAY = 86_400


@dataclass
class ChainWorld:
    """New contracts on a running chain, and the people who use them."""

    node: Rpc
    client: ChainClient
    artifacts: dict[str, Artifact]
    operator: Wallet = field(default_factory=lambda: Wallet(seeded("operator")))
    requester: Wallet = field(default_factory=lambda: Wallet(seeded("requester")))
    stranger: Wallet = field(default_factory=lambda: Wallet(seeded("a stranger on the chain")))

    def __post_init__(self) -> None:
        for wallet in (self.operator, self.requester, self.stranger):
            self.node.ask("hardhat_setBalance", wallet.address, hex(100 * ETHER))
        self.first = self.client.head().number
        self.token = self.deploy("LocalToken")
        self.log = self.deploy("ProvenanceLog", self.operator.address)
        self.escrow = self.deploy("CampaignEscrow", self.log)

    @property
    def place(self) -> Place:
        """Where a log of these contracts lives, now."""
        now = self.client.head().timestamp
        return Place(self.client.chain_id, self.log, self.escrow, self.token, now)

    def reader(self) -> ChainReader:
        return ChainReader(self.client)

    def deploy(self, name: str, *arguments: object) -> str:
        contract = self.send(self.operator, None, self.artifacts[name].creation(*arguments))
        assert contract is not None
        return contract

    def send(self, sender: Wallet, to: str | None, data: bytes) -> str | None:
        """Sign, send and mine a transaction that has to succeed; the contract that it made, if any."""
        transaction = Transaction(
            chain_id=self.client.chain_id,
            nonce=self.client.transaction_count(sender.address),
            to=to,
            data=data,
            value=0,
            gas=self.client.estimate_gas(Call(sender.address, to, data)) * 2,
            max_fee=100 * GWEI,
            priority_fee=GWEI,
        )
        receipt = self.client.receipt(self.client.send_raw(LocalSigner(sender).sign(transaction)))
        assert receipt is not None
        assert receipt.succeeded
        return receipt.contract

    def fund(self, made: Builder) -> int:
        """The requester deposits the budget."""
        budget = made.spec.budget(made.terms.fee_bps)
        self.give(self.requester, budget, made.terms.token)
        self.on_escrow(self.requester, "deposit", terms(made), budget)
        return budget

    def give(self, wallet: Wallet, amount: int, token: str) -> None:
        """Let a wallet have tokens, and the escrow take them."""
        local = self.artifacts["LocalToken"]
        self.send(wallet, token, local.call("mint", wallet.address, amount))
        self.send(wallet, token, local.call("approve", self.escrow, amount))

    def anchor(self, made: Builder, *sizes: int) -> None:
        """Anchor the heads of these sizes."""
        before = 0
        for size in sizes:
            proof = made.tree.consistency_proof(before, size) if before else []
            data = self.artifacts["ProvenanceLog"].call("anchor", size, made.tree.root(size), proof)
            self.send(self.operator, self.log, data)
            before = size

    def post(self, made: Builder, owed: dict[str, int], evidence: int) -> None:
        """Post a payroll of these amounts."""
        packed = payroll.encode_entries(PayrollEntry(worker, 0, amount) for worker, amount in owed.items())
        self.on_escrow(self.operator, "post", terms(made), packed, evidence)

    def claim(self, made: Builder, worker: str) -> None:
        """Send a worker what it is owed."""
        owed = list(made.owed.items())
        index = [account for account, _ in owed].index(worker)
        path = payroll.path(made.campaign, owed, index)
        self.on_escrow(self.operator, "claim", terms(made), index, worker, made.owed[worker], path)

    def claim_all(self, made: Builder) -> None:
        """Send all workers what they are owed, in one transaction."""
        owed = list(made.owed.items())
        claims = [
            (index, worker, amount, payroll.path(made.campaign, owed, index))
            for index, (worker, amount) in enumerate(owed)
        ]
        self.on_escrow(self.operator, "claimMany", terms(made), claims)

    def settle(self, made: Builder) -> None:
        self.later(DAY + 1)
        self.on_escrow(self.operator, "settle", terms(made))

    def on_escrow(self, sender: Wallet, function: str, *arguments: object) -> None:
        self.send(sender, self.escrow, self.artifacts["CampaignEscrow"].call(function, *arguments))

    def later(self, seconds: int) -> None:
        self.node.ask("evm_increaseTime", seconds)
        self.node.ask("evm_mine")


def terms(made: Builder) -> tuple[object, ...]:
    """The terms as the contract's calls take them."""
    return tuple(getattr(made.terms, name) for name in made.terms.__slots__)
