"""The step that needs a chain: that it holds the bundle's head, and pays as the bundle says."""

from __future__ import annotations

from ledger_service import payroll
from ledger_service.entries import Payout
from ledger_service.errors import VerificationError
from ledger_service.verify import shape
from ledger_service.verify.anchored import AnchoredHead
from ledger_service.verify.chain import AnchorReader
from ledger_service.verify.evidence import Case
from ledger_service.verify.payment import PayrollOpening

PENDING_NOTE = "the payroll is posted and not settled yet: it can still be disputed, or waits for a call"
NO_PAYROLL_NOTE = "the bundle has no payroll opening, so nothing was compared with the escrow"


def check_anchored(case: Case, chain: AnchorReader) -> None:
    """The chain is the bundle's, and its ProvenanceLog took a head of exactly this size and root.

    Raises:
        VerificationError: another chain, no such head, or another root. Unavailable: no answer.
    """
    known = case.memory.recall(("chain id", chain), chain.chain_id)
    shape.same("chain id", case.domain.chain_id, known)
    log, size = case.domain.verifying_contract, case.checkpoint.size

    def look_up() -> AnchoredHead:
        head = chain.head(log, size)
        if head is None:
            raise VerificationError("anchored head", expected=f"a head of size {size}", found="none")
        return head

    head = case.memory.recall(("head", chain, log, size), look_up)
    shape.same("root of the anchored head", head.root, case.checkpoint.root)


def check_posted(case: Case, chain: AnchorReader) -> list[str]:
    """The escrow holds the payroll that the bundle opens, settled or pending.

    Returns:
        what remains to be said, in sentences.
    Raises:
        VerificationError: it holds another one. Unavailable: no answer.
    """
    opening = case.opening("payroll")
    if opening is None:
        return [NO_PAYROLL_NOTE]
    position, payout = PayrollOpening.from_json(opening), case.get(Payout, "payout")
    escrow = shape.address(case.opening("escrow"), "escrow")
    key = ("campaign", chain, escrow, payout.campaign)
    state = case.memory.recall(key, lambda: chain.campaign(escrow, payout.campaign))
    shape.same("log of the escrow", case.domain.verifying_contract, state.provenance)
    posted = state.settled
    if state.pending is not None and state.pending.root == position.root:
        posted = state.pending
        if position.evidence is not None:
            shape.same("evidence of the pending payroll", state.evidence, position.evidence)
    shape.same("payroll of the escrow", posted.root, position.root)
    shape.same("depth of the payroll", payroll.depth(posted.count), len(position.path))
    if position.index >= posted.count:
        what, limit = "position in the payroll", f"less than {posted.count}"
        raise VerificationError(what, expected=limit, found=str(position.index))
    return [] if posted is state.settled else [PENDING_NOTE]
