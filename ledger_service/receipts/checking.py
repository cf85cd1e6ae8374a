"""Kept, pending or broken: what a log says about a receipt."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ledger_service.commitments import Json
from ledger_service.entries import Domain
from ledger_service.errors import BadSignature, Refused, Unavailable, VerificationError
from ledger_service.log.checkpoint import Checkpoint, VerifierKey
from ledger_service.log.follow import Follower
from ledger_service.log.proof import verify_inclusion
from ledger_service.log.receipts import SignedReceipt, check_receipt
from ledger_service.log.tiles import TiledTree
from ledger_service.log.tlog_proof import format_proof
from ledger_service.receipts.identity import Operators
from ledger_service.receipts.reading import SavedReceipt

FORMAT = "crowdledger-broken-receipt@v1"


class State(StrEnum):
    """What became of a promise. The order is that of how bad it is."""

    BROKEN = "broken"
    UNKNOWN = "cannot say"
    PENDING = "pending"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Terms:
    """Under what receipts are checked.

    Attributes:
        domain: of the operator's signatures.
        operators: who has to have signed.
        now: seconds since 1970. live: whether the log answers with what it has now, and is no copy.
    """

    domain: Domain
    operators: Operators
    now: int
    live: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one receipt, and why that is known. `evidence` is what shows that it was broken."""

    saved: SavedReceipt
    state: State
    reason: str
    size: int | None = None
    proof: str | None = None
    evidence: dict[str, Json] | None = None

    def to_json(self) -> dict[str, Json]:
        """One object, as `crowdledger receipt check --json` prints it."""
        receipt = self.saved.signed.receipt
        found: dict[str, Json] = {
            "state": str(self.state),
            "leaf": "0x" + receipt.leaf.hex(),
            "index": receipt.index,
            "deadline": receipt.deadline,
            "reason": self.reason,
            "file": self.saved.file,
            "log_size": self.size,
        }
        return found | ({"proof": self.proof} if self.proof else {})


@dataclass(slots=True)
class Checker:
    """Checks receipts against one log, whose head is read once."""

    follower: Follower
    key: VerifierKey
    terms: Terms
    _read: tuple[Checkpoint, str, TiledTree] | None = field(default=None)

    def check(self, saved: SavedReceipt) -> Finding:
        """What became of a receipt.

         1. The operator signed it. If not, it promises nothing.
         2. The log's newest checkpoint is signed by the log, and cosigned where there is a policy.
         3. If the log is longer than the promised index, the leaf there, proved under that checkpoint, is the
            receipt's: kept; or another: broken.
         4. If not: pending until the deadline (the escrow takes a receipt from that second on); then broken,
            where the log itself says so. A copy may only be old.

        Never raises for what a log or a receipt says: what cannot be found out is `State.UNKNOWN`.
        """
        if (forged := self._not_signed(saved)) is not None:
            return Finding(saved, State.UNKNOWN, forged)
        try:
            head, note, tree = self._head()
            if saved.signed.receipt.index < head.size:
                return self._at_index(saved, head, note, tree)
        except (VerificationError, Refused, Unavailable) as error:
            return Finding(saved, State.UNKNOWN, f"the log gives nothing that can be checked: {error}")
        return self._beyond(saved, head, note)

    def _head(self) -> tuple[Checkpoint, str, TiledTree]:
        if self._read is None:
            head, note = self.follower.head()
            self._read = (head, note, self.follower.tree(head))
        return self._read

    def _not_signed(self, saved: SavedReceipt) -> str | None:
        operator = self.terms.operators.of(saved)
        if operator is None:
            return "nothing proves who the operator is: give --operator"
        try:
            check_receipt(saved.signed, self.terms.domain, operator)
        except BadSignature as error:
            return f"this is no promise of the operator {operator}: {error}"
        return None

    def _at_index(self, saved: SavedReceipt, head: Checkpoint, note: str, tree: TiledTree) -> Finding:
        receipt = saved.signed.receipt
        leaf, path = tree.leaf(receipt.index), tree.inclusion_proof(receipt.index)
        verify_inclusion(leaf, receipt.index, head.size, path, head.root)
        proof = format_proof(receipt.index, path, note)
        if leaf == receipt.leaf:
            return Finding(saved, State.KEPT, f"entry {receipt.index} of {head.size}", head.size, proof)
        reason = f"entry {receipt.index} of {head.size} is another, with leaf hash 0x{leaf.hex()}"
        evidence = self._evidence(saved.signed, note) | {"leaf": "0x" + leaf.hex(), "proof": proof}
        return Finding(saved, State.BROKEN, reason, head.size, proof, evidence)

    def _beyond(self, saved: SavedReceipt, head: Checkpoint, note: str) -> Finding:
        receipt, now = saved.signed.receipt, self.terms.now
        has = f"the log has {head.size} entries"
        if now < receipt.deadline:
            reason = f"{has}, and {receipt.deadline - now} s remain until the deadline"
            return Finding(saved, State.PENDING, reason, head.size)
        if not self.terms.live:
            reason = f"{has} in this copy, which may be older than the deadline: ask the log itself"
            return Finding(saved, State.UNKNOWN, reason, head.size)
        reason = f"{has}, and the deadline was {now - receipt.deadline} s ago"
        return Finding(saved, State.BROKEN, reason, head.size, None, self._evidence(saved.signed, note))

    def _evidence(self, signed: SignedReceipt, note: str) -> dict[str, Json]:
        """What shows the breach. That the log was so short at that time is our word, or its witnesses'."""
        domain = self.terms.domain
        return {
            "format": FORMAT,
            "receipt": signed.to_json(),
            "domain": {"chainId": domain.chain_id, "verifyingContract": domain.verifying_contract},
            "log_key": str(self.key),
            "checkpoint": note,
            "seen_at": self.terms.now,
        }


def worst(findings: list[Finding]) -> State:
    """The worst of several."""
    order = list(State)
    return min((finding.state for finding in findings), key=order.index, default=State.KEPT)
