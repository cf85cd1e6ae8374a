"""Who signs the service's transactions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from eth_account import Account

from ledger_service.signing import Wallet


@dataclass(frozen=True, slots=True)
class Transaction:
    """An EIP-1559 (type 2) transaction. Fees in wei per gas; `to` None creates a contract."""

    chain_id: int
    nonce: int
    to: str | None
    data: bytes
    value: int
    gas: int
    max_fee: int
    priority_fee: int


class Signer(Protocol):
    """Holds the key of one account: in this process, in a key store or in a signing service."""

    @property
    def address(self) -> str:
        """The account, lower-case hex."""
        ...

    def sign(self, transaction: Transaction) -> bytes:
        """The signed transaction as it goes to the network."""
        ...


class LocalSigner:
    """Signs with a key in this process's memory."""

    def __init__(self, wallet: Wallet) -> None:
        self._wallet = wallet

    def __repr__(self) -> str:
        return f"LocalSigner({self.address})"

    @property
    def address(self) -> str:
        """The account, lower-case hex."""
        return self._wallet.address

    def sign(self, transaction: Transaction) -> bytes:
        """The signed transaction as it goes to the network."""
        fields: dict[str, object] = {
            "type": 2,
            "chainId": transaction.chain_id,
            "nonce": transaction.nonce,
            "data": transaction.data,
            "value": transaction.value,
            "gas": transaction.gas,
            "maxFeePerGas": transaction.max_fee,
            "maxPriorityFeePerGas": transaction.priority_fee,
        }
        if transaction.to is not None:
            fields["to"] = bytes.fromhex(transaction.to[2:])
        return bytes(Account.sign_transaction(fields, self._wallet.secret()).raw_transaction)
