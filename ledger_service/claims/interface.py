"""The contracts' interfaces, as far as workers need them: written down here, so that nothing is compiled.

A test compares every line with what the compiler says of the sources.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from ledger_service.chain.abi import Artifact
from ledger_service.chain.contract import Artifacts

_STRUCTS = """
struct Terms(address requester, address operator, address arbiter, address token, uint16 feeBps,
    uint32 window, uint40 deadline, uint128 bond, uint64 labelPrice, uint32 part, bytes32 brief)
struct Campaign(bytes32 settledRoot, uint96 settledTotal, uint32 settledCount, uint32 epoch, uint8 stage,
    bool closed, uint40 idleSince, uint40 settledEvidence, bytes32 pendingRoot, uint96 pendingTotal,
    uint32 pendingCount, uint40 postedAt, uint40 evidence, uint40 disputedAt, uint128 deposited,
    uint128 claimed, uint128 feeCollected, uint128 refunded, uint96 reserved, address disputer)
struct Account(uint64 paid, uint64 proven, uint64 statement, uint64 labels)
struct Claim(uint256 index, address account, uint256 amount, bytes32[] path)
struct Statement(bytes32 campaign, address worker, uint256 amount, uint32 epoch, bytes32 run)
struct Label(bytes32 campaign, bytes32 item, address worker, bytes32 answer, bytes32 suggestion,
    uint64 madeAt)
struct AnchoredLabel(Label entry, bytes signature, uint64 index, bytes32[] proof)
struct ReceiptedLabel(Label entry, bytes signature, uint64 index, uint64 deadline, bytes receipt)
struct Head(uint64 size, bytes32 root, uint64 time)
struct HeadProof(Head head, uint256 position, bytes32[] path)
"""
_ESCROW = """
function provenance() returns (address)
function campaign(bytes32 id) returns (Campaign)
function accountOf(bytes32 id, address account) returns (Account)
function contestOf(bytes32 id, address account) returns (uint8 contest, address disputer)
function claim(Terms terms, uint256 index, address account, uint256 amount, bytes32[] path)
    returns (uint256 paid)
function claimMany(Terms terms, Claim[] claims) returns (uint256 paid)
function claimTo(Terms terms, Claim one, address to) returns (uint256 paid)
function redeem(Terms terms, Statement statement, bytes signature)
function redeemLabels(Terms terms, HeadProof head, AnchoredLabel[] labels)
function redeemReceipts(Terms terms, ReceiptedLabel[] labels)
event Opened(bytes32 indexed id, Terms terms)
event Posted(bytes32 indexed id, uint32 indexed epoch, bytes32 root, uint256 total, uint256 count,
    uint64 evidence)
event Claimed(bytes32 indexed id, address indexed account, address to, uint256 amount)
event Redeemed(bytes32 indexed id, address indexed account, uint256 statement, uint256 labels)
error AlreadyJudged(uint64 index, uint64 judged)
error AlreadyRedeemed(bytes32 leaf)
error AmountTooLarge(uint256 amount)
error ClaimsExceedTotal(uint256 claimed, uint256 total)
error EmptyTree()
error HeadTooLate(uint64 time, uint256 since)
error IndexOutOfRange(uint256 index, uint256 size)
error NotIncreasing(uint256 amount, uint256 known)
error NotWorker(address caller, address worker)
error NothingDue(address account, uint256 amount)
error NothingSettled()
error OtherCampaign(bytes32 named, bytes32 id)
error PathMismatch(bytes32 computed, bytes32 root)
error PayrollPending(bytes32 root)
error PositionOutOfRange(uint256 index, uint256 count)
error ReceiptNotDue(uint64 deadline)
error RootMismatch(bytes32 computed, bytes32 expected)
error SafeERC20FailedOperation(address token)
error SignatureMissing()
error TooEarly(uint256 until)
error UnknownCampaign(bytes32 id)
error UnpayableReceiver(address to)
error WindowClosed(uint256 since)
error WrongPathLength(uint256 length, uint256 count)
error WrongProofLength(uint256 length)
error WrongSignature(address signer)
"""
_LOG = """
function heads() returns (uint256)
function peak(uint256 level) returns (bytes32)
function domainSeparator() returns (bytes32)
event Anchored(uint64 indexed size, bytes32 root, uint64 time)
error NotAnchored(uint64 size)
"""
_LINE = re.compile(r"(struct|function|event|error) (\w+)\((.*?)\)(?: returns \((.*)\))?")


@lru_cache(maxsize=1)
def interfaces() -> Artifacts:
    """`CampaignEscrow` and `ProvenanceLog`, without bytecode."""
    structs: dict[str, list[dict[str, Any]]] = {}
    for _, name, members, _ in _lines(_STRUCTS):
        structs[name] = _fields(members, structs)
    return {
        name: Artifact(name, tuple(_item(*line, structs) for line in _lines(text)), b"")
        for name, text in (("CampaignEscrow", _ESCROW), ("ProvenanceLog", _LOG))
    }


def _lines(text: str) -> list[tuple[str, str, str, str]]:
    joined = text.replace("\n    ", " ")
    found = [_LINE.fullmatch(line) for line in joined.split("\n") if line]
    return [(one[1], one[2], one[3], one[4] or "") for one in found if one]


def _item(
    kind: str, name: str, inputs: str, outputs: str, structs: dict[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    item: dict[str, Any] = {"type": kind, "name": name, "inputs": _fields(inputs, structs)}
    if kind == "function":
        item["outputs"] = _fields(outputs, structs)
    if kind == "event":
        for written, field in zip(inputs.split(", "), item["inputs"], strict=True):
            field["indexed"] = " indexed " in written
    return item


def _fields(text: str, structs: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [_field(written.split(" "), structs) for written in text.split(", ") if written]


def _field(words: list[str], structs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """A parameter: type, perhaps `indexed`, perhaps a name."""
    kind, name = words[0], words[-1] if len(words) > 1 else ""
    base = kind.removesuffix("[]")
    if base not in structs:
        return {"name": name, "type": kind}
    return {"name": name, "type": "tuple" + kind[len(base) :], "components": structs[base]}
