"""What the operator gives a worker in writing: receipts at once, statements after judging (EIP-712)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ledger_service.commitments import Json
from ledger_service.entries import Domain, Receipt, Statement, check_signer, digest
from ledger_service.errors import BadInput
from ledger_service.signing import SIGNATURE_BYTES, Wallet

MEMBERS = frozenset({"leaf", "index", "deadline", "operator", "signature"})
_HEX = re.compile(r"0x(?:[0-9a-f]{2})*\Z")


@dataclass(frozen=True, slots=True)
class SignedReceipt:
    """A promise that a leaf is at an index of the log, under a checkpoint by a deadline, and who gave it."""

    receipt: Receipt
    operator: str
    signature: bytes

    def to_json(self) -> Json:
        """`{"leaf", "index", "deadline", "operator", "signature"}`; deadline in seconds since 1970."""
        return {
            "leaf": "0x" + self.receipt.leaf.hex(),
            "index": self.receipt.index,
            "deadline": self.receipt.deadline,
            "operator": self.operator,
            "signature": "0x" + self.signature.hex(),
        }

    @staticmethod
    def from_json(value: Json) -> SignedReceipt:
        """Read a receipt. The signature is not checked.

        Raises:
            BadInput: a field missing, unknown or of another form.
        """
        if not isinstance(value, dict) or set(value) != MEMBERS:
            raise BadInput("a receipt has leaf, index, deadline, operator and signature")
        for name in ("index", "deadline"):
            number = value[name]
            if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 1 << 53:
                raise BadInput(f"a receipt's {name} is a number")
        leaf = _unhex(value["leaf"], 32)
        receipt = Receipt(leaf=leaf, index=value["index"], deadline=value["deadline"])
        operator = "0x" + _unhex(value["operator"], 20).hex()
        return SignedReceipt(receipt, operator, _unhex(value["signature"], SIGNATURE_BYTES))


def promise(leaf: bytes, index: int, deadline: int, domain: Domain, operator: Wallet) -> SignedReceipt:
    """Sign the promise that `leaf` (32 bytes) is at `index`, under a checkpoint by `deadline` (seconds)."""
    receipt = Receipt(leaf=leaf, index=index, deadline=deadline)
    return SignedReceipt(receipt, operator.address, operator.sign(digest(receipt, domain)))


def check_receipt(signed: SignedReceipt, domain: Domain, operator: str) -> None:
    """Check that `operator` (an address known from elsewhere) signed this receipt.

    Raises:
        BadSignature: somebody else did, or the receipt names somebody else.
    """
    check_signer(signed.receipt, signed.signature, domain, operator)
    check_signer(signed.receipt, signed.signature, domain, signed.operator)


def sign_statement(statement: Statement, domain: Domain, operator: Wallet) -> bytes:
    """The operator's signature on what a worker has earned in all; 64 bytes (EIP-2098)."""
    return operator.sign(digest(statement, domain))


def check_statement(statement: Statement, signature: bytes, domain: Domain, operator: str) -> None:
    """Check that `operator` signed this statement.

    Raises:
        BadSignature: somebody else did.
    """
    check_signer(statement, signature, domain, operator)


def _unhex(value: object, length: int) -> bytes:
    if not isinstance(value, str) or not _HEX.match(value) or len(value) != 2 + 2 * length:
        raise BadInput(f"a receipt's values are {length} bytes in lower-case hex")
    return bytes.fromhex(value[2:])
