"""What Python sends to the contracts is what their ABI takes: every function, argument by argument."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from typing import Any

import pytest

from ledger_service.chain import abi
from ledger_service.chain.contracts import (
    AnchoredLabel,
    CampaignEscrow,
    CampaignState,
    Claim,
    DatasetRights,
    HeadProof,
    ProvenanceLog,
    ReceiptedLabel,
    Stage,
)
from ledger_service.entries import Dataset, Label, Statement
from ledger_service.errors import BadInput, Corrupt
from ledger_service.heads import Head
from ledger_service.terms import Terms

Artifacts = dict[str, abi.Artifact]


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def account(number: int) -> str:
    return f"0x{number:040x}"


TERMS = Terms(account(1), account(2), account(3), account(4), 5, 6, 7, 8, 9, 10, word(11))
CLAIM = Claim(3, account(5), 700, (word(1), word(2)))
STATEMENT = Statement(word(12), account(5), 900, 2, word(13))
HEAD = HeadProof(Head(40, word(14), 1_770_000_000), 6, (word(15), word(16)))
LABEL = Label(word(12), word(17), account(5), word(18), word(19), 1_770_000_001)
ANCHORED = AnchoredLabel(LABEL, b"\x01" * 64, 21, (word(20),))
RECEIPTED = ReceiptedLabel(LABEL, b"\x02" * 64, 21, 1_770_000_002, b"\x03" * 64)
DATASET = Dataset(word(21), word(12), 1, word(22), word(23), account(1), 1_770_000_003)
CLAIM_TYPE = "(uint256,address,uint256,bytes32[])"

ESCROW: dict[str, tuple[Callable[[CampaignEscrow], bytes], tuple[Any, ...]]] = {
    "deposit": (lambda e: e.deposit(TERMS, 50), (TERMS, 50)),
    "depositWithPermit": (
        lambda e: e.deposit_with_permit(TERMS, 50, 60, 27, word(1), word(2)),
        (TERMS, 50, 60, 27, word(1), word(2)),
    ),
    "depositWithAuthorization": (
        lambda e: e.deposit_with_authorization(TERMS, 50, account(9), 60, 70, 28, word(1), word(2)),
        (TERMS, 50, account(9), 60, 70, 28, word(1), word(2)),
    ),
    "post": (lambda e: e.post(TERMS, b"\x05" * 36, 44), (TERMS, b"\x05" * 36, 44)),
    "settle": (lambda e: e.settle(TERMS), (TERMS,)),
    "dispute": (lambda e: e.dispute(TERMS, 3, word(30), word(31)), (TERMS, 3, word(30), word(31))),
    "rule": (lambda e: e.rule(TERMS, 3, word(30), uphold=True), (TERMS, 3, word(30), True)),
    "enforce": (
        lambda e: e.enforce(TERMS, STATEMENT, b"\x04" * 64, 3, 800, [word(1)]),
        (TERMS, STATEMENT, b"\x04" * 64, 3, 800, (word(1),)),
    ),
    "enforceAbsent": (
        lambda e: e.enforce_absent(TERMS, STATEMENT, b"\x04" * 64, b"\x05" * 36),
        (TERMS, STATEMENT, b"\x04" * 64, b"\x05" * 36),
    ),
    "redeem": (lambda e: e.redeem(TERMS, STATEMENT, b"\x04" * 64), (TERMS, STATEMENT, b"\x04" * 64)),
    "redeemLabels": (
        lambda e: e.redeem_labels(TERMS, HEAD, [ANCHORED, ANCHORED]), (TERMS, HEAD, (ANCHORED, ANCHORED))
    ),
    "redeemReceipts": (lambda e: e.redeem_receipts(TERMS, [RECEIPTED]), (TERMS, (RECEIPTED,))),
    "disputeRedemption": (
        lambda e: e.dispute_redemption(TERMS, account(5), word(31)), (TERMS, account(5), word(31))
    ),
    "ruleRedemption": (
        lambda e: e.rule_redemption(TERMS, account(5), uphold=False), (TERMS, account(5), False)
    ),
    "lapseRedemption": (lambda e: e.lapse_redemption(TERMS, account(5)), (TERMS, account(5))),
    "claim": (lambda e: e.claim(TERMS, CLAIM), (TERMS, 3, account(5), 700, (word(1), word(2)))),
    "claimMany": (lambda e: e.claim_many(TERMS, [CLAIM, CLAIM]), (TERMS, (CLAIM, CLAIM))),
    "claimTo": (lambda e: e.claim_to(TERMS, CLAIM, account(6)), (TERMS, CLAIM, account(6))),
    "claimToBySignature": (
        lambda e: e.claim_to_by_signature(TERMS, CLAIM, account(6), 80, b"\x06" * 65),
        (TERMS, CLAIM, account(6), 80, b"\x06" * 65),
    ),
    "collectFee": (lambda e: e.collect_fee(TERMS), (TERMS,)),
    "collectBond": (lambda e: e.collect_bond(TERMS, account(5)), (TERMS, account(5))),
    "refund": (lambda e: e.refund(TERMS), (TERMS,)),
}  # fmt: skip


def plain(value: Any) -> Any:
    """Structs as the tuples that an ABI knows."""
    if isinstance(value, tuple):
        return tuple(plain(inner) for inner in value)
    return astuple(value) if hasattr(value, "__dataclass_fields__") else value


def writing(artifact: abi.Artifact) -> set[str]:
    """The functions that change something."""
    return {
        item["name"]
        for item in artifact.abi
        if item["type"] == "function" and item["stateMutability"] not in ("view", "pure")
    }


@pytest.mark.parametrize("function", ESCROW)
def test_calldata_of_the_escrow_reads_back(artifacts: Artifacts, function: str) -> None:
    escrow = CampaignEscrow(artifacts, account(99))
    make, expected = ESCROW[function]
    calldata = make(escrow)
    assert escrow.artifact.arguments(function, calldata) == plain(expected)
    others = set(ESCROW) - {function}
    assert all(escrow.artifact.arguments(other, calldata) is None for other in others)
    with pytest.raises(Corrupt):
        escrow.artifact.arguments(function, calldata[:-1])


def test_no_function_of_the_contracts_is_left_out(artifacts: Artifacts) -> None:
    assert writing(artifacts["CampaignEscrow"]) == set(ESCROW)
    assert writing(artifacts["ProvenanceLog"]) == {"anchor", "proposeOperator", "acceptOperator"}
    rights = writing(artifacts["DatasetRights"])
    assert rights - {"approve", "setApprovalForAll", "safeTransferFrom", "transferFrom"} == {
        "register",
        "grant",
    }


def test_calldata_of_the_log_and_of_the_rights_reads_back(artifacts: Artifacts) -> None:
    log, rights = ProvenanceLog(artifacts, account(98)), DatasetRights(artifacts, account(97))
    anchored = log.artifact.arguments("anchor", log.anchor(5, word(1), [word(2)]))
    assert anchored == (5, word(1), (word(2),))
    assert log.artifact.arguments("proposeOperator", log.propose_operator(account(4))) == (account(4),)
    assert log.artifact.arguments("acceptOperator", log.accept_operator()) == ()
    call = rights.register(TERMS, DATASET, b"\x07" * 64, 30, HEAD, [word(3)])
    assert rights.artifact.arguments("register", call) == plain(
        (TERMS, DATASET, b"\x07" * 64, 30, HEAD, (word(3),))
    )
    granted = rights.artifact.arguments("grant", rights.grant(8, account(6), word(9), 90))
    assert granted == (8, account(6), word(9), 90)


def test_values_that_no_type_holds_are_refused(artifacts: Artifacts) -> None:
    escrow = CampaignEscrow(artifacts, account(99))
    for wrong in (
        lambda: escrow.redeem(TERMS, Statement(word(12), account(5), 1, 1 << 32, word(13)), b""),
        lambda: escrow.claim_to(TERMS, CLAIM, "0x12"),
        lambda: escrow.post(TERMS, b"", 1 << 64),
    ):
        with pytest.raises(BadInput):
            wrong()


@pytest.mark.parametrize(
    ("stage", "posted", "disputed", "expected"),
    [
        (Stage.EMPTY, 0, 0, None),
        (Stage.PENDING, 1_000, 0, 1_100),
        (Stage.DISPUTED, 1_000, 1_090, 1_290),
        (Stage.CONFIRMED, 1_000, 1_050, 1_100),
        (Stage.CONFIRMED, 1_000, 1_200, 1_200),
    ],
)
def test_when_a_payroll_settles(stage: Stage, posted: int, disputed: int, expected: int | None) -> None:
    zero = bytes(32)
    state = CampaignState(
        zero, 0, 0, 1, stage, False, 0, 0, zero, 0, 0, posted, 0, disputed, 0, 0, 0, 0, 0, account(0)
    )
    assert state.settles_at(100) == expected
