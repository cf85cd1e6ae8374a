"""One local chain for the length of a bench: transactions whose gas is read from their receipts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger_service.chain import abi, rpc
from ledger_service.chain.abi import Artifact
from ledger_service.chain.client import Call, ChainClient, Receipt
from ledger_service.errors import Conflict, Corrupt
from ledger_service.local.chain import LocalChain
from ledger_service.local.state import prepare

BASE_GAS = 21_000
"""What every transaction costs before anything is done."""
GAS_LIMIT = 1 << 24
"""EIP-7825's limit on one transaction; what a transaction uses does not depend on it."""
SECONDS = 120.0


@dataclass(frozen=True)
class Evm:
    """A fresh chain under Prague rules. `accounts` are unlocked, funded, and have not been used."""

    client: ChainClient
    node: rpc.Rpc
    accounts: tuple[str, ...]

    def send(self, sender: str, to: str | None, data: bytes, artifact: Artifact | None = None) -> Receipt:
        """Send a transaction and read its receipt.

        Args:
            artifact: of the contract, to say in words why it refuses.

        Raises:
            Conflict: it is reverted.
        """
        call = Call(sender, to, data)
        message = call.as_json() | {"gas": hex(GAS_LIMIT)}
        sent = rpc.data(self.node.ask("eth_sendTransaction", message), "transaction hash", 32)
        receipt = self.client.receipt(sent)
        if receipt is None:
            raise Corrupt("a transaction is not mined although the chain mines each at once")
        if not receipt.succeeded:
            raise Conflict(f"a transaction to {to} was reverted: {self._reason(call, artifact)}")
        return receipt

    def create(self, sender: str, artifact: Artifact, *args: object) -> str:
        """Create a contract; its address."""
        receipt = self.send(sender, None, artifact.creation(*args), artifact)
        if receipt.contract is None:
            raise Corrupt(f"{artifact.name} was not created")
        return receipt.contract

    def executed(self, receipt: Receipt) -> int:
        """Gas of a transaction's code alone, without its base and its calldata: what a call from another
        contract's code uses."""
        quiet = {"disableStorage": True, "disableMemory": True, "disableStack": True}
        steps = self.node.ask("debug_traceTransaction", "0x" + receipt.transaction.hex(), quiet)["structLogs"]
        return int(steps[0]["gas"] - steps[-1]["gas"] + steps[-1]["gasCost"])

    def read(self, artifact: Artifact, at: str, function: str, *args: object) -> Any:
        """The first value that a view returns."""
        raw = self.client.call(Call(self.accounts[0], at, artifact.call(function, *args)))
        return artifact.result(function, raw)[0]

    def time(self, receipt: Receipt | None = None) -> int:
        """The time of a receipt's block, or of the newest: seconds since 1970."""
        block = self.client.head() if receipt is None else self.client.block(receipt.block_number)
        if block is None:
            raise Corrupt("the chain has lost a block")
        return block.timestamp

    def wait(self, seconds: int) -> None:
        """Let the chain's clock go on."""
        self.node.ask("evm_increaseTime", seconds)
        self.node.ask("evm_mine")

    def _reason(self, call: Call, artifact: Artifact | None) -> str:
        known: Mapping[str, Artifact] = {} if artifact is None else {artifact.name: artifact}
        try:
            self.client.call(call)
        except rpc.Reverted as refusal:
            return abi.explain(refusal.data, known)
        return "for a reason that is gone now"


@contextmanager
def local_evm() -> Iterator[Evm]:
    """Start the project's own local chain on an empty folder; it ends with the block.

    Raises:
        Unavailable: it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="crowdledger-bench-") as folder:
        chain = LocalChain(prepare(Path(folder)))
        try:
            started = chain.start()
            client = ChainClient.connect(started.url, timeout=SECONDS)
            node = rpc.Rpc(started.url, SECONDS)
            try:
                accounts = tuple(rpc.address(one, "account") for one in node.ask("eth_accounts"))
                yield Evm(client, node, accounts)
            finally:
                node.close()
                client.close()
        finally:
            chain.stop()
