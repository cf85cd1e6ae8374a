"""Bundles as canonical JSON, put together from parts that are canonical already.

What comes out is what `verify.bundle.build` makes of the same values, byte for byte: members in the order of
their names, without spaces (RFC 8785). Made so, nothing is parsed, sorted or escaped twice for thousands of
bundles that differ in a few hashes.
"""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger_service import commitments
from ledger_service.entries import Domain
from ledger_service.log.paths import PathCache, path_lines
from ledger_service.log.tiles import TiledTree
from ledger_service.log.tlog_proof import HEADER
from ledger_service.verify import bundle

Logged = tuple[int, bytes]  # an entry's index and its bytes


@dataclass(frozen=True, slots=True)
class ProofHead:
    """A head that proofs lead to; `witnesses` as in `store.log.Head`."""

    size: int
    checkpoint: str
    witnesses: tuple[str, ...]
    tree: TiledTree


class BundleTexts:
    """Makes bundles of one kind that share much: entries in the roles `shared` are written once for a head.

    Args:
        log_key: the log's C2SP vkey. shared: roles in which few entries stand in many bundles.
    """

    def __init__(
        self, kind: str, domain: Domain, log_key: str, paths: PathCache, shared: frozenset[str]
    ) -> None:
        self._paths, self._shared = paths, shared
        form = {"format": bundle.FORMAT, "kind": kind, "logKey": log_key}
        named = {"chainId": domain.chain_id, "verifyingContract": domain.verifying_contract}
        self._begin = b'{"domain":%b,"entries":{' % commitments.canonical(named)
        self._middle = b"},%b," % commitments.canonical(form)[1:-1]
        self._written: dict[tuple[str, int, int], bytes] = {}
        self._ends: dict[ProofHead, tuple[bytes, bytes]] = {}

    def build(self, head: ProofHead, entries: Mapping[str, Logged], openings: Mapping[str, bytes]) -> bytes:
        """One bundle, without a newline.

        Args:
            entries: by role, those of a bundle of this kind. openings: by name, each in canonical JSON.
        Raises:
            BadInput: an entry is not under this head.
        """
        proof_end, bundle_end = self._end(head)
        parts = b",".join([self._entry(head, role, entries[role], proof_end) for role in sorted(entries)])
        opened = b",".join([b'"%b":%b' % (name.encode(), openings[name]) for name in sorted(openings)])
        return b"".join([self._begin, parts, self._middle, b'"openings":{', opened, bundle_end])

    def _entry(self, head: ProofHead, role: str, logged: Logged, proof_end: bytes) -> bytes:
        index, raw = logged
        key = (role, head.size, index)
        known = self._written.get(key)
        if known is not None:
            return known
        path = path_lines(head.tree, index, self._paths).replace(b"\n", b"\\n")
        made = b'"%b":{"entry":"0x%b","proof":"%b\\nindex %d\\n%b\\n%b"}' % (
            role.encode(), hexlify(raw), HEADER.encode(), index, path, proof_end,
        )  # fmt: skip
        if role in self._shared:
            self._written[key] = made
        return made

    def _end(self, head: ProofHead) -> tuple[bytes, bytes]:
        """How each proof under a head ends, within its quotes, and how the bundle does."""
        known = self._ends.get(head)
        if known is None:
            checkpoint = commitments.canonical(head.checkpoint)[1:-1]
            known = self._ends[head] = (checkpoint, b"}%b}" % _witnesses(head.witnesses))
        return known


def _witnesses(vkeys: Sequence[str]) -> bytes:
    return b',"witnesses":' + commitments.canonical(list(vkeys)) if vkeys else b""
