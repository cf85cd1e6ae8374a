"""A chain through JSON-RPC, as a wallet uses it: read, sign, send, wait for the receipt.

Also the few calls that only a local chain has: balances out of nothing, and a clock that can be moved.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from eth_account import Account

from ledger_service.errors import LedgerError, Unavailable
from ledger_service.signing import Wallet

PATIENCE = 120.0
BATCH = 100
ETHER = 10**18
Json = Any
Call = tuple[str, list[Json]]


class ChainRefused(LedgerError):
    """The node answered with an error, or a transaction was reverted."""


@dataclass(frozen=True, slots=True)
class Order:
    """A transaction to be made: who signs and pays for it, which contract, which calldata."""

    sender: Wallet
    to: str
    data: bytes


class Chain:
    """One chain. `locate` gives the node's address, asked again whenever the node does not answer."""

    def __init__(self, locate: Callable[[], str], stop: threading.Event, patience: float = PATIENCE) -> None:
        self._locate, self._stop, self._patience = locate, stop, patience
        self._http = httpx.Client(timeout=httpx.Timeout(60.0, connect=5.0))
        self._url = locate()
        self._numbers = itertools.count(1)
        self.chain_id = int(self.call("eth_chainId"), 16)

    @property
    def url(self) -> str:
        """Where the node was last found."""
        return self._url

    def close(self) -> None:
        """Close the connection pool."""
        self._http.close()

    def call(self, method: str, *params: Json) -> Json:
        """One call's result.

        Raises:
            ChainRefused: the node answers with an error.
            Unavailable: no answer within the patience.
        """
        return self.batch([(method, list(params))])[0]

    def batch(self, calls: Sequence[Call]) -> list[Json]:
        """The results of several calls, in their order. Raises as `call` does."""
        results: list[Json] = []
        for start in range(0, len(calls), BATCH):
            results += self._batch(calls[start : start + BATCH])
        return results

    def view(self, to: str, data: bytes) -> bytes:
        """What a contract's view answers."""
        return self.views([(to, data)])[0]

    def views(self, calls: Sequence[tuple[str, bytes]]) -> list[bytes]:
        """What several views answer."""
        found = self.batch(
            [("eth_call", [{"to": to, "data": "0x" + data.hex()}, "latest"]) for to, data in calls]
        )
        return [bytes.fromhex(value[2:]) for value in found]

    def send(self, orders: Sequence[Order]) -> list[Json]:
        """Make transactions, each of another sender; their receipts.

        Raises:
            ChainRefused: one would revert, or did.
        """
        senders = [order.sender.address for order in orders]
        if len(set(senders)) != len(senders):
            raise ValueError("one transaction a sender, else their nonces race")
        nonces = self.batch([("eth_getTransactionCount", [address, "pending"]) for address in senders])
        gas = self.batch([("eth_estimateGas", [_request(order)]) for order in orders])
        price = 2 * int(self.call("eth_gasPrice"), 16)
        raw = [
            self._sign(order, int(nonce, 16), int(estimate, 16) * 5 // 4, price)
            for order, nonce, estimate in zip(orders, nonces, gas, strict=True)
        ]
        hashes = self.batch([("eth_sendRawTransaction", [signed]) for signed in raw])
        return [self._receipt(tx) for tx in hashes]

    def endow(self, addresses: Sequence[str], wei: int = 10 * ETHER) -> None:
        """Give accounts ETH for gas, out of nothing (local chains only)."""
        self.batch([("hardhat_setBalance", [address, hex(wei)]) for address in addresses])

    def now(self) -> int:
        """The latest block's time."""
        return int(self.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def advance_to(self, moment: int) -> None:
        """Move the chain's clock to `moment` or a little later (local chains only); never back."""
        ahead = moment - self.now()
        if ahead > 0:
            self.call("evm_increaseTime", ahead)
            self.call("evm_mine")

    def _sign(self, order: Order, nonce: int, gas: int, price: int) -> str:
        transaction = {
            "type": 2,
            "chainId": self.chain_id,
            "nonce": nonce,
            "to": bytes.fromhex(order.to[2:]),
            "value": 0,
            "data": order.data,
            "gas": gas,
            "maxFeePerGas": price,
            "maxPriorityFeePerGas": min(price, 10**9),
        }
        signed = Account.sign_transaction(transaction, order.sender.secret())
        return "0x" + bytes(signed.raw_transaction).hex()

    def _receipt(self, tx: str) -> Json:
        give_up = time.monotonic() + self._patience
        while True:
            receipt = self.call("eth_getTransactionReceipt", tx)
            if receipt is not None:
                break
            if time.monotonic() > give_up:
                raise Unavailable(f"transaction {tx} is not mined")
            self._stop.wait(0.2)
        if int(receipt["status"], 16) != 1:
            raise ChainRefused(f"transaction {tx} was reverted")
        return receipt

    def _batch(self, calls: Sequence[Call]) -> list[Json]:
        numbered = [
            {"jsonrpc": "2.0", "id": next(self._numbers), "method": method, "params": params}
            for method, params in calls
        ]
        replies = {reply["id"]: reply for reply in self._post(numbered)}
        results = []
        for request in numbered:
            reply = replies[request["id"]]
            if "error" in reply:
                raise ChainRefused(f"{request['method']}: {reply['error'].get('message', reply['error'])}")
            results.append(reply["result"])
        return results

    def _post(self, numbered: list[dict[str, Json]]) -> list[Json]:
        # One call goes alone: a batch of one is legal, yet not every node likes it.
        body: Json = numbered[0] if len(numbered) == 1 else numbered
        give_up = time.monotonic() + self._patience
        while True:
            try:
                reply = self._http.post(self._url, json=body).raise_for_status().json()
                return reply if isinstance(reply, list) else [reply]
            except (httpx.TransportError, httpx.HTTPStatusError) as error:
                if time.monotonic() > give_up or self._stop.is_set():
                    raise Unavailable(f"the node at {self._url} does not answer: {error}") from error
            self._stop.wait(0.5)
            self._url = self._locate()


def _request(order: Order) -> dict[str, str]:
    return {"from": order.sender.address, "to": order.to, "data": "0x" + order.data.hex()}
