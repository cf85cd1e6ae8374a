"""The contracts as Python sees them: calldata for what the service writes, typed answers to what it reads.

Calldata functions raise BadInput for values that a contract's types do not hold. Reading functions raise what
`ChainClient.call` does: Unavailable, Corrupt, and Reverted where the contract refuses.
"""

from ledger_service.chain.contract import Artifacts, Contract, artifact
from ledger_service.chain.dataset_rights import DatasetRights, token_id
from ledger_service.chain.escrow import CampaignEscrow
from ledger_service.chain.escrow_types import (
    Account,
    AnchoredLabel,
    CampaignState,
    Claim,
    ClaimTo,
    Contest,
    ReceiptedLabel,
    Stage,
    claim_domain,
)
from ledger_service.chain.local_token import LocalToken
from ledger_service.chain.provenance_log import ProvenanceLog, Succession
from ledger_service.heads import Head, HeadProof

__all__ = [
    "Account", "AnchoredLabel", "Artifacts", "CampaignEscrow", "CampaignState", "Claim", "ClaimTo",
    "Contest", "Contract", "DatasetRights", "Head", "HeadProof", "LocalToken", "ProvenanceLog",
    "ReceiptedLabel", "Stage", "Succession", "artifact", "claim_domain", "token_id",
]  # fmt: skip
