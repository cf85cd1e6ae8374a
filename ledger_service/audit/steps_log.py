"""Steps 1 and 2: the log is what its checkpoint says, and every signature in it is whose it has to be."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ledger_service.audit.ledger import Ledger, Row, build
from ledger_service.audit.progress import Progress
from ledger_service.audit.report import Mismatch
from ledger_service.audit.source import MAX_LOG_SIZE, LogSource, tile_widths
from ledger_service.entries import ZERO32, Domain, Entry, Label, SessionGrant, decode
from ledger_service.errors import BadInput, BadSignature, VerificationError
from ledger_service.log import tiles
from ledger_service.log.checkpoint import Checkpoint, VerifierKey, open_checkpoint
from ledger_service.log.hashing import leaf_hash
from ledger_service.log.tree import Tree
from ledger_service.signing import keccak256, recover

SESSION_KEY = "session key"
_EVERY = 4096


def read_log(source: LogSource, key: VerifierKey, progress: Progress) -> tuple[Checkpoint, list[bytes]]:
    """The signed head, and all entries under it as bytes.

     1. The checkpoint is signed by the log's key, and its origin is that key's name.
     2. Every entry bundle holds as many entries as the head's size demands.

    Raises:
        Mismatch: 1 or 2 does not hold.
        BadInput, Unavailable: the source cannot be read.
    """
    try:
        head = open_checkpoint(source.checkpoint(), key)
    except VerificationError as error:
        raise Mismatch(error.what, expected=error.expected, found=error.found) from error
    if head.size > MAX_LOG_SIZE:
        raise BadInput(f"a log of {head.size} entries is larger than this reads")
    entries: list[bytes] = []
    for index, width in tile_widths(head.size):
        progress("entries", len(entries), head.size)
        found = _bundle(source, index, width, len(entries))
        entries += found
    progress("entries", head.size, head.size)
    return head, entries


def _bundle(source: LogSource, index: int, width: int, at: int) -> list[bytes]:
    raw = source.entries(index, width)
    try:
        found = tiles.parse_bundle(raw)
    except BadInput as error:
        raise Mismatch(f"entry bundle {index} cannot be read: {error}", entry=at) from error
    if len(found) != width:
        raise Mismatch(f"entries in bundle {index}", expected=width, found=len(found), entry=at)
    return found


def rebuild_tree(head: Checkpoint, entries: list[bytes]) -> Tree:
    """The Merkle tree over the entries; its root has to be the checkpoint's (RFC 6962, 2.1).

    Raises:
        Mismatch: it is another.
    """
    tree = Tree(leaf_hash(raw) for raw in entries)
    if tree.root() != head.root:
        raise Mismatch("root over all entries", expected=head.root, found=tree.root())
    return tree


def decode_all(tree: Tree, raws: list[bytes]) -> Ledger:
    """Decode every entry; no byte may be left over.

    Raises:
        Mismatch: naming the first that is no entry.
    """
    decoded: list[tuple[bytes, Entry]] = []
    for index, raw in enumerate(raws):
        try:
            entry = decode(raw)
        except BadInput as error:
            raise Mismatch(f"entry {index} does not decode: {error}", entry=index) from error
        decoded.append((leaf_hash(raw), entry))
    return build(tree, decoded)


def check_signatures(ledger: Ledger, domain: Domain, progress: Progress) -> int:
    """Recover every signature in the log under its EIP-712 domain.

     1. An entry whose type names its signer is signed by that address: a `Campaign` by the requester, a
        `SessionGrant` by the worker's wallet, and so on.
     2. A `Label` is signed by a session key for which the same worker's grant stands before it, with
        this campaign or all as its scope, and the label was made within the grant's time.

    Returns:
        how many signatures were recovered.
    Raises:
        Mismatch: naming the first entry whose signature is not that.
    """
    separator = domain.separator()
    grants: dict[tuple[str, str], list[SessionGrant]] = defaultdict(list)
    checked = 0
    for row in ledger.rows:
        if row.index % _EVERY == 0:
            progress("signatures", row.index, len(ledger.rows))
        if not row.signature:
            continue
        signer = _signer(row, separator)
        if isinstance(row.entry, Label):
            _check_session(row, signer, grants[row.entry.worker, signer])
        else:
            named = getattr(row.entry, type(row.entry).signer)
            if named != signer:
                raise Mismatch(_at(row, "signer"), expected=named, found=signer, entry=row.index)
        if isinstance(row.entry, SessionGrant):
            grants[row.entry.worker, row.entry.session_key].append(row.entry)
        checked += 1
    progress("signatures", len(ledger.rows), len(ledger.rows))
    return checked


def _signer(row: Row[Any], separator: bytes) -> str:
    # The entry starts with exactly what hashStruct hashes, so the struct need not be encoded again.
    preimage = row.raw[: len(row.raw) - len(row.signature)]
    try:
        return recover(keccak256(b"\x19\x01" + separator + keccak256(preimage)), row.signature)
    except BadSignature as error:
        raise Mismatch(f"{_at(row, 'signature')}: {error}", entry=row.index) from error


def _check_session(row: Row[Label], signer: str, grants: list[SessionGrant]) -> None:
    label = row.entry
    scoped = [grant for grant in grants if grant.scope in (ZERO32, label.campaign)]
    if not scoped:
        expected = f"a session key that {label.worker} granted for campaign 0x{label.campaign.hex()}"
        raise Mismatch(_at(row, "session key"), expected=expected, found=signer, entry=row.index)
    if not any(grant.valid_from <= label.made_at <= grant.valid_until for grant in scoped):
        times = ", ".join(f"{grant.valid_from} to {grant.valid_until}" for grant in scoped)
        raise Mismatch(
            _at(row, "time within the grant"), expected=times, found=label.made_at, entry=row.index
        )


def _at(row: Row[Any], what: str) -> str:
    return f"entry {row.index} ({type(row.entry).__name__}): {what}"
