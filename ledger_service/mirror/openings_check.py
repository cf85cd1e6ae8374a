"""What a service says that an entry opens to, checked against the entry before it is saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ledger_service import commitments
from ledger_service.audit.openings import Opening
from ledger_service.audit.reading import as_bytes, as_count, as_list, as_object, member
from ledger_service.commitments import Json
from ledger_service.entries import Campaign, Struct, decode
from ledger_service.errors import VerificationError
from ledger_service.log.hashing import leaf_hash
from ledger_service.log.tree import root_of_data

Raw = Callable[[int], bytes]
"""The entry at an index, from the log that has been proved."""

# What is committed to with a salt, and what by its digest: name of the opening, field of the entry.
_SALTED = {"Label": ("answer", "answer"), "Review": ("reason", "reason"), "Truth": ("truth", "answer")}
_DIGESTED = {
    "Campaign": (("specification", "specification"),),
    "InferenceRun": (("method", "method"), ("parameters", "parameters")),
    "Payout": (("statement", "statement"),),
}


def checked_openings(lines: Iterator[Json], size: int, raw: Raw) -> Iterator[bytes]:
    """The openings of a campaign that belong to the first `size` entries, in log order, as canonical JSON.

     1. Each names a later entry than the one before it.
     2. It names the entry's leaf hash and type.
     3. A content with its salt hashes to the entry's commitment; a document to its digest, and the items of a
        campaign to their root.

    What belongs to entries beyond `size` is left out: the log has grown since its head was read.

    Raises:
        VerificationError: one of these does not hold. BadInput: a line has another form.
    """
    last = -1
    for line in lines:
        body = as_object(line, "an opening")
        index = as_count(member(body, "index", "an opening"), "the index of an opening")
        if index <= last:
            raise VerificationError("order of the openings", expected=f"more than {last}", found=str(index))
        if index >= size:
            return
        _check(body, index, raw(index))
        yield commitments.canonical(body) + b"\n"
        last = index


def _check(body: Mapping[str, Json], index: int, raw: bytes) -> None:
    entry = decode(raw).struct
    kind, opened = type(entry).__name__, as_object(member(body, "openings", "an opening"), "openings")
    _same(index, "leaf", leaf_hash(raw), as_bytes(member(body, "leaf", "an opening"), 32, "a leaf"))
    _same(index, "type", kind, member(body, "kind", "an opening"))
    for name, expected, found in _committed(kind, entry, opened):
        _same(index, name, expected, found)


def _committed(kind: str, entry: Struct, opened: Mapping[str, Json]) -> Iterator[tuple[str, Any, bytes]]:
    """(what, the commitment in the entry, that of the opening) of everything that is opened."""
    name, field = _SALTED.get(kind, ("", ""))
    if name in opened:
        opening = Opening.from_json(opened[name], name)
        yield name, getattr(entry, field), commitments.commit(opening.content, opening.salt)
    for name, field in _DIGESTED.get(kind, ()):
        if name in opened:
            yield name, getattr(entry, field), commitments.digest(opened[name])
    if isinstance(entry, Campaign) and "items" in opened:
        items = [as_bytes(item, 32, "an item's id") for item in as_list(opened["items"], "items")]
        yield "items", entry.items, root_of_data(items)


def _same(index: int, what: str, expected: Any, found: Any) -> None:
    if expected != found:
        what = f"{what} that the opening of entry {index} gives"
        raise VerificationError(what, expected=_shown(expected), found=_shown(found))


def _shown(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)[:80]
