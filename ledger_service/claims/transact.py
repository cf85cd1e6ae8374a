"""One transaction from an account of one's own: asked first, paid within limits, waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ledger_service.chain import abi
from ledger_service.chain.client import Call, ChainClient, Receipt
from ledger_service.chain.fees import FeeLimits, suggest
from ledger_service.chain.rpc import Reverted, RpcRefused, printable
from ledger_service.chain.signer import LocalSigner, Transaction
from ledger_service.claims.interface import interfaces
from ledger_service.errors import Conflict, Unavailable, VerificationError
from ledger_service.signing import Wallet, keccak256

MOST_GAS = 1 << 24  # what a transaction may use at most (EIP-7825)
PATIENCE = 300.0
ETHER = 10**18
_T = TypeVar("_T")
_NOTHING_DUE = keccak256(b"NothingDue(address,uint256)")[:4]


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction that was mined and succeeded, with the events that the contract gave in it."""

    receipt: Receipt
    events: tuple[abi.Event, ...]


class Refused(Conflict):
    """The contract, or the token behind it, refuses what was asked.

    Attributes:
        reason: in words. data: what it reverted with.
    """

    def __init__(self, reason: str, data: bytes) -> None:
        self.reason, self.data = reason, data
        super().__init__(f"the contract refuses: {reason}")

    @property
    def nothing_due(self) -> bool:
        """Whether the account can be paid nothing (`NothingDue`)."""
        return self.data[:4] == _NOTHING_DUE


class Sender:
    """Sends the calls of one account to one contract, one after another.

    Args:
        limits: the most that is offered for gas, whatever a node suggests.
        patience: seconds to wait for a transaction to be mined.
    """

    def __init__(
        self,
        client: ChainClient,
        wallet: Wallet,
        to: str,
        *,
        limits: FeeLimits | None = None,
        patience: float = PATIENCE,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.account = wallet.address
        self._client, self._signer, self._to = client, LocalSigner(wallet), to
        self._limits, self._patience, self._sleep = limits or FeeLimits(), patience, sleep

    def ask(self, data: bytes) -> bytes:
        """What the call would return now, without a transaction.

        Raises:
            Refused: it would revert.
        """
        message = Call(self.account, self._to, data)
        try:
            try:
                return self._client.call(message, "pending")
            except RpcRefused:  # not every node knows pending blocks
                return self._client.call(message)
        except Reverted as error:
            raise _refused(error) from error

    def send(self, data: bytes) -> Sent:
        """Make the call and wait until it is mined.

        Raises:
            Refused: it would revert, so nothing was sent.
            Conflict: the account cannot pay for it, or the chain is dearer than the limits.
            Unavailable: it was sent, and not mined within the patience; or the node does not answer.
            VerificationError: it was mined, and reverted.
        """
        transaction = self._make(data)
        raw = self._signer.sign(transaction)
        receipt = self._wait(self._client.send_raw(raw))
        name = f"transaction 0x{receipt.transaction.hex()}"
        if not receipt.succeeded:
            raise VerificationError(f"{name} was mined in block {receipt.block_number} and reverted")
        return Sent(receipt, tuple(self._events(receipt)))

    def _make(self, data: bytes) -> Transaction:
        message = Call(self.account, self._to, data)
        try:
            needed = self._client.estimate_gas(message)
        except Reverted as error:
            raise _refused(error) from error
        gas = min(needed + needed // 5, MOST_GAS)  # the state may be another one when it is mined
        if needed > MOST_GAS:
            raise Conflict(f"the node says that this takes {needed} gas: more than a transaction may use")
        fees = suggest(self._client, self._client.head(), self._limits)
        if fees is None:
            raise Conflict(
                f"the chain asks for more than {self._limits.max_fee / 10**9:g} gwei per gas: "
                "wait, or raise --max-fee"
            )
        self._check_money(gas * fees.max_fee)
        return Transaction(
            chain_id=self._client.chain_id,
            nonce=self._client.transaction_count(self.account, "pending"),
            to=self._to,
            data=data,
            value=0,
            gas=gas,
            max_fee=fees.max_fee,
            priority_fee=fees.priority_fee,
        )

    def _check_money(self, needed: int) -> None:
        there = self._client.balance(self.account)
        if there < needed:
            raise Conflict(
                f"{self.account} has {ether(there)} of the chain's own money to pay for gas and needs up to "
                f"{ether(needed)}: {ether(needed - there)} ({needed - there} wei) are missing"
            )

    def _wait(self, transaction: bytes) -> Receipt:
        give_up, pause = time.monotonic() + self._patience, 0.1
        while True:
            receipt = self._client.receipt(transaction)
            if receipt is not None:
                return receipt
            if time.monotonic() > give_up:
                raise Unavailable(
                    f"transaction 0x{transaction.hex()} was sent and is not mined after "
                    f"{self._patience:g} s. It may still be; to run this again is safe: nothing is paid twice"
                )
            self._sleep(pause)
            pause = min(2 * pause, 2.0)

    def _events(self, receipt: Receipt) -> list[abi.Event]:
        known, logs = interfaces()["CampaignEscrow"], self._client.events_of(receipt.transaction)
        found = (known.event(log) for log in logs if log.address == self._to)
        return [event for event in found if event is not None]


def patiently(ask: Callable[[], _T], sleep: Callable[[float], None] = time.sleep) -> _T:
    """Ask about a block that was mined just now: of several nodes behind one URL, some know it a bit later.

    Raises:
        Unavailable: the node does not answer that even after some seconds.
    """
    for seconds in (0.2, 0.5, 1.0, 2.0, 4.0):
        try:
            return ask()
        except RpcRefused:
            sleep(seconds)
    return ask()


def ether(wei: int) -> str:
    """An amount of the chain's own money, for people."""
    return f"{wei / ETHER:.9f}".rstrip("0").rstrip(".") + " ether"


def _refused(error: Reverted) -> Refused:
    words = abi.explain(error.data, interfaces()) if error.data else str(error)
    return Refused(printable(words), error.data)
