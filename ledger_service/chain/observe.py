"""What became of an intent: one look at the chain, for one pass of the chain writer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger_service.chain.client import Call, ChainClient, Receipt
from ledger_service.chain.rpc import Reverted, RpcRefused
from ledger_service.errors import Corrupt, Unavailable
from ledger_service.signing import keccak256
from ledger_service.store.chain import Attempt, Intent, Mined, State


@dataclass(frozen=True, slots=True)
class Found:
    """One of the intent's attempts is in the chain."""

    mined: Mined
    succeeded: bool
    final: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """The nonce is spent, and by none of the intent's attempts."""

    final: bool


@dataclass(frozen=True, slots=True)
class Absent:
    """The nonce is unspent: the intent's transaction is not in the chain."""


Outcome = Found | Taken | Absent | None
"""None: the chain was changing while we looked; the next pass will tell."""


class Sight:
    """The chain as one pass sees it: its finality, and headers that are asked for once."""

    def __init__(self, client: ChainClient, account: str) -> None:
        self._client, self._account = client, account
        # The order matters: a nonce that was spent before the receipts are read must have a receipt by then.
        self._spent = client.transaction_count(account)
        self.final_to = client.finalized().number
        self._hashes: dict[int, bytes | None] = {}

    def outcome(self, intent: Intent, attempts: Sequence[Attempt]) -> Outcome:
        """Where the intent stands. Every attempt's hash is looked up: any of them may have been mined."""
        if intent.mined is not None and self._hash_at(intent.mined.block_number) == intent.mined.block_hash:
            succeeded = intent.state is not State.REJECTED
            return Found(intent.mined, succeeded, intent.mined.block_number <= self.final_to)
        receipt = self._receipt(attempts)
        if receipt is not None:
            return self._found(intent, receipt)
        nonce = _nonce(intent)
        if self._spent <= nonce:
            return Absent()
        return self._taken(nonce, attempts)

    def _taken(self, nonce: int, attempts: Sequence[Attempt]) -> Outcome:
        """Asked twice before it is said: the chain may have been reorganised between the two questions."""
        spent = self._client.transaction_count(self._account)
        if spent <= nonce or self._receipt(attempts) is not None:
            return None
        try:
            return Taken(final=self._client.transaction_count(self._account, self.final_to) > nonce)
        except RpcRefused:  # the node no longer has that state
            return Taken(final=False)

    def _receipt(self, attempts: Sequence[Attempt]) -> Receipt | None:
        receipts = (self._client.receipt(attempt.hash) for attempt in reversed(attempts))
        return next((receipt for receipt in receipts if receipt is not None), None)

    def _found(self, intent: Intent, receipt: Receipt) -> Outcome:
        if self._hash_at(receipt.block_number) != receipt.block_hash:
            return None
        if intent.to is None and receipt.succeeded:
            expected = created_address(self._account, _nonce(intent))
            if receipt.contract != expected:
                raise Corrupt(f"a contract should be at {expected}, the node says {receipt.contract}")
        mined = Mined(
            receipt.transaction,
            receipt.block_number,
            receipt.block_hash,
            receipt.gas_used,
            receipt.gas_price,
            receipt.contract if receipt.succeeded else None,
        )
        return Found(mined, receipt.succeeded, receipt.block_number <= self.final_to)

    def _hash_at(self, number: int) -> bytes | None:
        if number not in self._hashes:
            block = self._client.block(number)
            self._hashes[number] = None if block is None else block.hash
        return self._hashes[number]

    def revert_data(self, intent: Intent, mined: Mined) -> bytes | None:
        """What a mined transaction reverted with: the same call again, on the state before its block.

        None where that call succeeds (the block's earlier transactions, or its gas, made the difference) or
        where the node no longer has that state.
        """
        call = Call(self._account, intent.to, intent.data, intent.value)
        try:
            self._client.call(call, max(0, mined.block_number - 1))
        except Reverted as refusal:
            return refusal.data
        except Unavailable:
            return None
        return None


def created_address(creator: str, nonce: int) -> str:
    """The address of the contract that `creator`'s transaction of this nonce creates (yellow paper, 7)."""
    number = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    rlp_number = number if 0 < nonce < 0x80 else bytes([0x80 + len(number)]) + number
    payload = b"\x94" + bytes.fromhex(creator[2:]) + rlp_number
    return "0x" + keccak256(bytes([0xC0 + len(payload)]) + payload)[12:].hex()


def _nonce(intent: Intent) -> int:
    if intent.nonce is None:
        raise Corrupt(f"the chain intent {intent.key!r} is {intent.state} without a nonce")
    return intent.nonce
