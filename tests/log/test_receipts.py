"""Receipts and statements: what the operator signs for a worker."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ledger_service.entries import Domain, Receipt, Statement
from ledger_service.errors import BadInput, BadSignature
from ledger_service.log.receipts import (
    SignedReceipt,
    check_receipt,
    check_statement,
    promise,
    sign_statement,
)
from ledger_service.signing import Wallet

DOMAIN = Domain(31337, "0x" + "5f" * 20)
OPERATOR, OTHER = Wallet(b"\x01" * 32), Wallet(b"\x02" * 32)
RECEIPT = promise(b"\xaa" * 32, 7, 1_770_000_000, DOMAIN, OPERATOR)
STATEMENT = Statement(b"\xcc" * 32, OTHER.address, 110_000, 1, b"\xdd" * 32)


def test_a_receipt_is_checked_against_the_operator() -> None:
    check_receipt(RECEIPT, DOMAIN, OPERATOR.address)
    with pytest.raises(BadSignature):
        check_receipt(RECEIPT, DOMAIN, OTHER.address)


@pytest.mark.parametrize(
    "other",
    [
        replace(RECEIPT, receipt=Receipt(b"\xab" * 32, 7, 1_770_000_000)),
        replace(RECEIPT, receipt=Receipt(b"\xaa" * 32, 8, 1_770_000_000)),
        replace(RECEIPT, receipt=Receipt(b"\xaa" * 32, 7, 1_770_000_001)),
        replace(RECEIPT, operator=OTHER.address),
        replace(RECEIPT, signature=RECEIPT.signature[:-1] + b"\x00"),
        replace(RECEIPT, signature=b""),
    ],
)
def test_a_changed_receipt_is_refused(other: SignedReceipt) -> None:
    with pytest.raises(BadSignature):
        check_receipt(other, DOMAIN, OPERATOR.address)


def test_a_receipt_is_of_one_log() -> None:
    with pytest.raises(BadSignature):
        check_receipt(RECEIPT, replace(DOMAIN, chain_id=1), OPERATOR.address)


def test_receipts_round_trip_through_json() -> None:
    value = RECEIPT.to_json()
    assert set(value) == {"leaf", "index", "deadline", "operator", "signature"}
    assert SignedReceipt.from_json(value) == RECEIPT


@pytest.mark.parametrize(
    "change",
    [
        {"leaf": "0xAA"},
        {"leaf": "aa" * 32},
        {"leaf": "0x" + "AA" * 32},
        {"index": -1},
        {"index": "7"},
        {"deadline": "1770000000"},
        {"deadline": True},
        {"deadline": -1},
        {"deadline": 1.5},
        {"operator": "0x" + "AA" * 20},
        {"signature": "0x"},
        {"more": 1},
    ],
)
def test_other_json_is_no_receipt(change: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        SignedReceipt.from_json(RECEIPT.to_json() | change)


def test_what_is_missing_is_noticed() -> None:
    value = RECEIPT.to_json()
    del value["deadline"]
    for other in (value, [], None, "receipt"):
        with pytest.raises(BadInput):
            SignedReceipt.from_json(other)


def test_a_statement_is_checked_against_the_operator() -> None:
    signature = sign_statement(STATEMENT, DOMAIN, OPERATOR)
    check_statement(STATEMENT, signature, DOMAIN, OPERATOR.address)
    with pytest.raises(BadSignature):
        check_statement(replace(STATEMENT, amount=110_001), signature, DOMAIN, OPERATOR.address)
    with pytest.raises(BadSignature):
        check_statement(STATEMENT, signature, DOMAIN, OTHER.address)
