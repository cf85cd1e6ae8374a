"""What a check knows from elsewhere: keys and addresses. What it does not know it leaves out, and says so."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger_service.eip712 import Domain
from ledger_service.log.checkpoint import VerifierKey


@dataclass(frozen=True, slots=True)
class Known:
    """Keys and addresses, each None where it is not known.

    Attributes:
        log_key: signs the log's checkpoints.
        domain: the chain and the ProvenanceLog, under which entries and receipts are signed.
        escrow: the CampaignEscrow contract.
        storage: the key that content is encrypted under.
    """

    log_key: VerifierKey | None = None
    domain: Domain | None = None
    escrow: str | None = None
    storage: bytes | None = field(default=None, repr=False)

    def left_out(self) -> list[str]:
        """What cannot be checked without the others, a sentence each."""
        missing = {
            "the log's signature on checkpoints: its key is not here (--log-key)": self.log_key,
            "signatures on labels, receipts and statements: the log's contract is not known": self.domain,
            "ids of campaigns against their terms: the escrow is not known": self.escrow,
            "encrypted openings: the storage key is not here": self.storage,
        }
        return [sentence for sentence, value in missing.items() if value is None]
