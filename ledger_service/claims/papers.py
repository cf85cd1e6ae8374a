"""What a worker has in writing: statements, labels under a head of the log, receipts; read from saved files.

    statement   a payment bundle, or the answer of GET /v1/campaigns/{id}/payouts/me
    label       a label bundle
    receipt     the answer of POST /v1/labels, or of GET /v1/labels/{leaf}/receipt

A file holds one of them, or one a line (docs/formats.md, sections 7 and 11).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger_service import commitments, entries
from ledger_service.commitments import Json
from ledger_service.entries import Domain, Label, Payout, Statement
from ledger_service.errors import BadInput, BadSignature, VerificationError
from ledger_service.log.checkpoint import VerifierKey, open_checkpoint
from ledger_service.log.receipts import MEMBERS, SignedReceipt, check_receipt, check_statement
from ledger_service.log.tlog_proof import parse_proof
from ledger_service.signing import SIGNATURE_BYTES
from ledger_service.verify import bundle as bundles
from ledger_service.verify import shape
from ledger_service.verify.verdict import Memory
from ledger_service.verify.verifier import verify_bundle

MAX_FILE_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class SavedStatement:
    """What the operator signed that a worker has earned in all."""

    statement: Statement
    signature: bytes


@dataclass(frozen=True, slots=True)
class SavedLabel:
    """A label that a bundle proves: its place in the log, and its path to a head (32 bytes each)."""

    label: Label
    signature: bytes
    leaf: bytes
    index: int
    path: tuple[bytes, ...]
    size: int
    root: bytes
    domain: Domain


@dataclass(frozen=True, slots=True)
class SavedReceipt:
    """A label, and the operator's promise that it is in the log."""

    label: Label
    signature: bytes
    receipt: SignedReceipt

    @property
    def leaf(self) -> bytes:
        """Leaf hash of the label's entry, 32 bytes."""
        return self.receipt.receipt.leaf

    @property
    def index(self) -> int:
        """Where in the log the label is, by the operator's word."""
        return self.receipt.receipt.index


def read_statements(path: Path) -> list[SavedStatement]:
    """The statements in a file; the signatures are not checked.

    Raises:
        BadInput: it cannot be read, or holds something else.
        VerificationError: a bundle in it does not hold.
    """
    memory = Memory()
    return [_statement(raw, path, memory) for raw in documents(path)]


def read_labels(path: Path) -> list[SavedLabel]:
    """The labels of the bundles in a file, each of which is proved first (`crowdledger verify`).

    Raises as `read_statements` does.
    """
    memory = Memory()
    return [_label(raw, path, memory) for raw in documents(path)]


def read_receipts(path: Path) -> list[SavedReceipt]:
    """The receipts in a file, each with its label; the signatures are not checked.

    Raises:
        BadInput: it cannot be read, or holds something else.
        VerificationError: a receipt is of another label than the one beside it.
    """
    return [_receipt(value, path) for raw in documents(path) for value in receipts_in(commitments.parse(raw))]


def check_operator(saved: SavedStatement | SavedReceipt, domain: Domain, operator: str) -> None:
    """The operator of the campaign's terms has signed it.

    Raises:
        VerificationError: somebody else has.
    """
    try:
        if isinstance(saved, SavedStatement):
            check_statement(saved.statement, saved.signature, domain, operator)
        else:
            check_receipt(saved.receipt, domain, operator)
    except BadSignature as error:
        raise VerificationError(str(error)) from error


def documents(path: Path) -> list[bytes]:
    """The JSON documents of a file: the whole of it, or its lines.

    Raises:
        BadInput: it cannot be read, is empty, or is too large.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BadInput(f"{path} is larger than {MAX_FILE_BYTES} bytes")
        raw = path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
    lines = [line for line in raw.split(b"\n") if line.strip()]
    if not lines:
        raise BadInput(f"{path} is empty")
    return lines if all(line.startswith(b"{") and line.endswith(b"}") for line in lines) else [raw]


def _statement(raw: bytes, path: Path, memory: Memory) -> SavedStatement:
    if bundles.looks_like_bundle(raw):
        return _bundled_statement(raw, path, memory)
    value = commitments.parse(raw)
    if not isinstance(value, dict) or not {"campaign", "worker", "amount", "epoch", "signature"} <= set(
        value
    ):
        raise BadInput(f"{path} holds no payment bundle, and no answer of GET /v1/campaigns/…/payouts/me")
    statement = Statement(
        campaign=_hex(value["campaign"], "campaign", 32),
        worker="0x" + _hex(value["worker"], "worker", 20).hex(),
        amount=shape.decimal(value["amount"], "amount"),
        epoch=shape.integer(value["epoch"], "epoch"),
        run=_hex(_member(value.get("statement"), "run"), "run of the statement", 32),
    )
    return SavedStatement(statement, _hex(value["signature"], "signature", SIGNATURE_BYTES))


def _bundled_statement(raw: bytes, path: Path, memory: Memory) -> SavedStatement:
    found = _verified(raw, bundles.PAYMENT, path, memory)
    payout = entries.decode(found.parts["payout"].raw).struct
    signed = found.openings.get("signed_statement")
    if not isinstance(payout, Payout) or signed is None:
        raise BadInput(f"{path}: the bundle does not open the operator's signed statement")
    statement = Statement(payout.campaign, payout.worker, payout.amount, signed["epoch"], payout.run)
    return SavedStatement(statement, _hex(signed["signature"], "signature", SIGNATURE_BYTES))


def _label(raw: bytes, path: Path, memory: Memory) -> SavedLabel:
    found = _verified(raw, bundles.LABEL, path, memory)
    part = found.parts["label"]
    entry, proof = entries.decode(part.raw), parse_proof(part.proof)
    checkpoint = open_checkpoint(proof.checkpoint, VerifierKey.parse(found.log_key))
    if not isinstance(entry.struct, Label):
        raise BadInput(f"{path}: the bundle's label is none")
    return SavedLabel(
        label=entry.struct,
        signature=entry.signature,
        leaf=entry.leaf,
        index=proof.index,
        path=proof.path,
        size=checkpoint.size,
        root=checkpoint.root,
        domain=found.domain,
    )


def _verified(raw: bytes, kind: str, path: Path, memory: Memory) -> bundles.Bundle:
    try:
        verdict = verify_bundle(raw, memory=memory)
    except VerificationError as error:
        raise VerificationError(f"{path}: the bundle does not hold, {error}") from error
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    if verdict.kind != kind:
        raise BadInput(f"{path}: this is a bundle of a {verdict.kind}, not of a {kind}")
    return bundles.parse(raw)


def receipts_in(value: Json) -> Iterator[Json]:
    """One receipt, or the list of them that POST /v1/labels answers with."""
    listed = value.get("receipts") if isinstance(value, dict) else None
    yield from listed if isinstance(listed, list) else [value]


def _receipt(value: Json, path: Path) -> SavedReceipt:
    if not isinstance(value, dict) or not set(value) >= MEMBERS:
        raise BadInput(
            f"{path} holds no receipt: it has leaf, index, deadline, operator, signature and entry"
        )
    if "entry" not in value:
        raise BadInput(
            f"{path}: the receipt for {str(value['leaf'])[:66]} lacks its label: add the signed Label "
            'entry that was sent, as "entry": "0x…" (docs/formats.md, section 7)'
        )
    signed = SignedReceipt.from_json({name: value[name] for name in MEMBERS})
    entry = entries.decode(_hex(value["entry"], "entry"))
    shape.same(f"{path}: leaf hash of the entry beside the receipt", signed.receipt.leaf, entry.leaf)
    if not isinstance(entry.struct, Label):
        raise BadInput(f"{path}: the entry beside the receipt is no label")
    return SavedReceipt(entry.struct, entry.signature, signed)


def _member(value: Any, name: str) -> Json:
    return value.get(name) if isinstance(value, dict) else None


def _hex(value: Json, what: str, length: int | None = None) -> bytes:
    try:
        return shape.hex_bytes(value, what, length)
    except VerificationError as error:
        raise BadInput(str(error)) from error
