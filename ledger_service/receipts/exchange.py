"""Exchanging a receipt for the bundle that proves the label."""

from __future__ import annotations

from typing import Protocol

from ledger_service.entries import Domain
from ledger_service.errors import VerificationError
from ledger_service.log.checkpoint import VerifierKey
from ledger_service.log.policy import Policy
from ledger_service.receipts.reading import SavedReceipt
from ledger_service.verify import bundle, shape
from ledger_service.verify.verifier import verify_bundle


class BundleSource(Protocol):
    """A service, asked as an account."""

    def label_bundle(self, leaf: bytes) -> bytes:
        """The bundle of the label with this leaf hash."""
        ...


def exchange(
    saved: SavedReceipt, source: BundleSource, key: VerifierKey, domain: Domain, policy: Policy | None = None
) -> bytes:
    """The bundle for a receipt, proved, and of the very entry that the receipt promises.

    Raises:
        VerificationError: the bundle does not hold, or is of another entry.
        NotYours, BadInput, Unavailable: from the source.
    """
    receipt = saved.signed.receipt
    raw = source.label_bundle(receipt.leaf)
    address = domain.verifying_contract
    verdict = verify_bundle(raw, log_key=str(key), log_address=address, policy=policy)
    if verdict.kind != bundle.LABEL:
        raise VerificationError("kind of the bundle", expected=bundle.LABEL, found=verdict.kind)
    shape.same("chain of the bundle", domain.chain_id, verdict.facts["chain_id"])
    shape.same("leaf hash of the bundle's label", shape.show(receipt.leaf), verdict.facts["leaf"])
    shape.same("index of the bundle's label", receipt.index, verdict.facts["index"])
    return raw
