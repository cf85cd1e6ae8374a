"""Receipts as a worker saved them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ledger_service import commitments, entries
from ledger_service.audit.reading import as_object, as_text
from ledger_service.claims.papers import documents, receipts_in
from ledger_service.commitments import Json
from ledger_service.entries import Label
from ledger_service.errors import BadInput
from ledger_service.log.receipts import MEMBERS, SignedReceipt
from ledger_service.verify import shape


@dataclass(frozen=True, slots=True)
class SavedReceipt:
    """A receipt, its signature not checked; the file that it is from; and its label, where that is beside it.

    The label's leaf hash is the receipt's.
    """

    signed: SignedReceipt
    label: Label | None
    file: str


def read_receipts(path: Path) -> list[SavedReceipt]:
    """The receipts in a file: one, one a line, or the whole answer of POST /v1/labels.

    Members that a receipt need not have are not read, but for `entry`.

    Raises:
        BadInput: it cannot be read, or holds something else.
    """
    found = []
    for raw in documents(path):
        try:
            value = commitments.parse(raw)
            listed = value if isinstance(value, list) else list(receipts_in(value))
            found += [_receipt(one, str(path)) for one in listed]
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from error
    if not found:
        raise BadInput(f"{path} holds no receipt")
    return found


def _receipt(value: Json, file: str) -> SavedReceipt:
    body = as_object(value, "a receipt")
    if not body.keys() >= MEMBERS:
        raise BadInput("no receipt: it has leaf, index, deadline, operator and signature")
    signed = SignedReceipt.from_json({name: body[name] for name in MEMBERS})
    return SavedReceipt(signed, _label(body, signed) if "entry" in body else None, file)


def _label(body: dict[str, Json], signed: SignedReceipt) -> Label:
    text = as_text(body["entry"], "the entry beside a receipt", 1 << 18)
    entry = entries.decode(shape.hex_bytes(text, "the entry beside a receipt"))
    if entry.leaf != signed.receipt.leaf:
        raise BadInput(f"the entry beside the receipt for 0x{signed.receipt.leaf.hex()} is another")
    if not isinstance(entry.struct, Label):
        raise BadInput(f"the entry beside the receipt for 0x{signed.receipt.leaf.hex()} is no label")
    return entry.struct
