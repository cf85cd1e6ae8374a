"""What is kept of a log that has been caught, so that anybody can check it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ledger_service.audit.reading import as_bytes, as_list, as_object, as_text, member
from ledger_service.commitments import Json, canonical
from ledger_service.errors import VerificationError
from ledger_service.log.checkpoint import VerifierKey, open_checkpoint
from ledger_service.log.follow import Behind, Fork
from ledger_service.log.hashing import EMPTY_ROOT
from ledger_service.log.proof import verify_consistency
from ledger_service.mirror.folder import Folder

FORMAT = "crowdledger-fork@v1"
FORK, BEHIND = "fork", "behind"
MAX_EVIDENCE_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two signed heads of one log that do not belong together.

    A fork is proved by the two signed notes, the root of the first `old` entries under the new head, and the
    path from that root to the new head's. A log that is behind has done nothing that could not also be an old
    answer out of a cache.
    """

    kind: str
    old: str
    new: str
    root: bytes = b""
    proof: tuple[bytes, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """As it is saved."""
        found: dict[str, Json] = {"format": FORMAT, "kind": self.kind, "old": self.old, "new": self.new}
        if self.kind == FORK:
            proof: list[Json] = ["0x" + value.hex() for value in self.proof]
            found |= {"root": "0x" + self.root.hex(), "proof": proof}
        return found

    @staticmethod
    def from_json(value: Json) -> Evidence:
        """Read saved evidence. Raises BadInput."""
        what = "the evidence"
        body = as_object(value, what)
        kind, old, new = (as_text(member(body, name, what), name, 1 << 20) for name in ("kind", "old", "new"))
        if kind != FORK:
            return Evidence(kind, old, new)
        proof = [as_bytes(one, 32, "a hash") for one in as_list(member(body, "proof", what), "proof")]
        return Evidence(kind, old, new, as_bytes(member(body, "root", what), 32, "root"), tuple(proof))


def of(error: Fork | Behind, old: str, new: str) -> Evidence:
    """The evidence of what was found when the heads of two signed notes were compared."""
    if isinstance(error, Behind):
        return Evidence(BEHIND, old, new)
    return Evidence(FORK, old, new, error.root, error.proof)


def check_fork(evidence: Evidence, key: VerifierKey) -> None:
    """Check that evidence proves a fork.

     1. The log signed both heads.
     2. The new head's tree begins with `root` at the old head's size, by a consistency proof (RFC 9162,
        2.1.4.2).
     3. The old head says another root at that size.

    Raises:
        VerificationError: the first of these that does not hold.
    """
    if evidence.kind != FORK:
        raise VerificationError("kind of the evidence", expected=FORK, found=evidence.kind[:40])
    old, new = open_checkpoint(evidence.old, key), open_checkpoint(evidence.new, key)
    if old.size:
        verify_consistency(old.size, new.size, evidence.root, new.root, evidence.proof)
    elif evidence.root != EMPTY_ROOT:
        raise VerificationError("root of no entries", expected=EMPTY_ROOT.hex(), found=evidence.root.hex())
    if old.root == evidence.root:
        raise VerificationError("two different roots at one size", found=evidence.root.hex())


def save(folder: Folder, evidence: Evidence) -> str:
    """Write it below the folder; its name there."""
    raw = canonical(evidence.to_json())
    name = f"evidence/{evidence.kind}-{hashlib.sha256(raw).hexdigest()[:16]}.json"
    folder.write(name, [raw + b"\n"])
    folder.settle()
    return name
