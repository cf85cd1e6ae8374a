"""log ── anchor ─▶ ProvenanceLog: the newest shown head, with the proof that history only grew."""

from __future__ import annotations

from ledger_service.errors import Corrupt
from ledger_service.flow.context import Ledger
from ledger_service.store.anchors import AnchorRow
from ledger_service.store.chain import CANCELLED, Intent, State
from ledger_service.store.store import UnitOfWork


def anchor(uow: UnitOfWork, ledger: Ledger) -> int | None:
    """Queue the head that readers are shown, unless it or an earlier one is still on its way; its size.

    One that was on its way when the log was handed over to another key is queued again with the new one.
    """
    head, newest = uow.log.published(), uow.anchors.newest()
    if newest is not None and not newest.final:
        left_behind = uow.intents.newest_try(ledger.lane, f"anchor:{newest.size}") is None
        return _queue(uow, ledger, newest.size, newest.root) if left_behind else None
    if head.size == 0 or (newest is not None and newest.size >= head.size):
        return None
    # The row and the intent are one commit; the contract takes a size once, so a repeat is refused there.
    uow.anchors.add(AnchorRow(head.size, head.root, head.checkpoint, final=False, witnesses=head.witnesses))
    return _queue(uow, ledger, head.size, head.root)


def _queue(uow: UnitOfWork, ledger: Ledger, size: int, root: bytes) -> int:
    before = uow.anchors.newest_final()
    proof = uow.log.tree(size).consistency_proof(before.size) if before else []
    call = ledger.provenance_log.anchor(size, root, proof)
    address = ledger.provenance_log.address
    uow.intents.enqueue(ledger.lane, f"anchor:{size}", address, call, 0, ledger.clock.now())
    return size


def anchored(uow: UnitOfWork, ledger: Ledger) -> int | None:
    """Note that the chain has the newest queued head for good; its size when that is new.

    Raises:
        Corrupt: the chain has another root at that size, or the contract refuses ours.
    """
    newest = uow.anchors.newest()
    if newest is None or newest.final:
        return None
    root = uow.onchain.anchored(newest.size)
    if root is None:
        refuse_rejected(uow, ledger, f"anchor:{newest.size}")
        return None
    if root != newest.root:
        raise Corrupt(f"the chain has root {root.hex()} at size {newest.size}, we sent {newest.root.hex()}")
    uow.anchors.set_final(newest.size)
    return newest.size


class RefusedByChain(Corrupt):
    """A contract refuses what we ask of it.

    Attributes:
        key: of the chain intent.
    """

    def __init__(self, key: str, reason: str | None) -> None:
        self.key = key
        super().__init__(f"the chain refuses {key}: {reason}")


# Reasons that no later block takes away; the last one is a person's.
_FOR_GOOD = ("DeadlinePassed", "NotOperator", CANCELLED)


def refuse_rejected(uow: UnitOfWork, ledger: Ledger, key: str) -> None:
    """Stop where the chain does not do what an intent asks for.

    Raises:
        RefusedByChain: the contract refused it, with the reason.
    """
    refused = rejected(uow, ledger, key)
    if refused is not None:
        raise RefusedByChain(key, refused.error)


def rejected(uow: UnitOfWork, ledger: Ledger, key: str) -> Intent | None:
    """The newest try of an intent, where the chain has refused it and no reorganisation takes that back."""
    intent = uow.intents.newest_try(ledger.lane, key)
    refused = intent is not None and intent.state is State.REJECTED and intent.final
    return intent if refused else None


def ask_again(uow: UnitOfWork, ledger: Ledger, key: str) -> bool:
    """Queue a refused intent again, where the reason may have passed; whether it was queued.

    A node that is some blocks behind refuses what the next one takes.
    """
    refused = rejected(uow, ledger, key)
    if refused is None or (refused.error or "").split("(")[0] in _FOR_GOOD:
        return False
    return uow.intents.try_again(ledger.lane, key, ledger.clock.now())
