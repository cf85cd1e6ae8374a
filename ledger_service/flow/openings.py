"""What an auditor needs beside the public log: the openings of a campaign's entries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ledger_service import entries
from ledger_service.commitments import Json
from ledger_service.errors import Corrupt, NotYours
from ledger_service.flow.context import Ledger
from ledger_service.store.campaigns import CampaignRow
from ledger_service.store.store import UnitOfWork


@dataclass(frozen=True, slots=True)
class Line:
    """The openings of one entry; `index` is its place in the log."""

    index: int
    leaf: bytes
    kind: str
    openings: dict[str, Json]

    def to_json(self) -> Json:
        """As it is sent and saved."""
        return {
            "index": self.index,
            "leaf": "0x" + self.leaf.hex(),
            "kind": self.kind,
            "openings": self.openings,
        }


def page(uow: UnitOfWork, ledger: Ledger, campaign: CampaignRow, after: int, limit: int) -> list[Line]:
    """The openings of a campaign's entries in log order, from beyond an index.

    Decrypted are only those that are returned.
    """
    sealed = sorted(_sealed(uow, campaign, after, limit), key=lambda one: one.index)[:limit]
    raw = uow.log.at((one.index, one.leaf) for one in sealed)
    lines = [_open(uow, one, raw[one.index]) for one in sealed]
    lines += _plain(uow, ledger, campaign, after, limit)
    return sorted(lines, key=lambda line: line.index)[:limit]


@dataclass(frozen=True, slots=True)
class _Sealed:
    """An entry with one encrypted opening, named `role`, of the commitment in `field`."""

    index: int
    leaf: bytes
    subject: str
    field: str
    role: str
    opening: bytes


def _sealed(uow: UnitOfWork, campaign: CampaignRow, after: int, limit: int) -> Iterator[_Sealed]:
    for label in uow.labels.page(campaign.campaign, after, limit):
        yield _Sealed(label.index, label.leaf, label.worker, "answer", "answer", label.opening)
    for review, worker in uow.labels.review_page(campaign.campaign, after, limit):
        yield _Sealed(review.index, review.leaf, worker, "reason", "reason", review.opening)
    for truth in uow.judgements.truth_page(campaign.campaign, after, limit):
        yield _Sealed(truth.index, truth.leaf, campaign.requester, "answer", "truth", truth.opening)


def _open(uow: UnitOfWork, one: _Sealed, raw: bytes) -> Line:
    struct = entries.decode(raw).struct
    commitment = getattr(struct, one.field)
    if not isinstance(commitment, bytes):
        raise Corrupt(f"entry {one.index} has no commitment {one.field}")
    try:
        opened = {one.role: uow.vault.open(one.subject, one.opening, commitment).to_json()}
    except NotYours:
        opened = {}  # erased: the others of the campaign can be read all the same
    return Line(one.index, one.leaf, type(struct).__name__, opened)


def _plain(uow: UnitOfWork, ledger: Ledger, campaign: CampaignRow, after: int, limit: int) -> Sequence[Line]:
    """Entries whose openings are documents: the campaign itself, the run, the payouts."""
    lines = []
    if campaign.leaf is not None and campaign.index is not None and campaign.index > after:
        lines.append(Line(campaign.index, campaign.leaf, "Campaign", _campaign(uow, ledger, campaign)))
    run = uow.judgements.run_of(campaign.campaign)
    if run is not None and run.index > after:
        documents = {"method": run.method, "parameters": run.parameters}
        lines.append(Line(run.index, run.leaf, "InferenceRun", documents))
    for row in uow.payouts.page(campaign.campaign, after, limit):
        signed = {
            "epoch": row.epoch,
            "signature": "0x" + row.signature.hex(),
            "operator": ledger.operator.address,
        }
        documents = {"statement": row.statement, "signed_statement": signed}
        lines.append(Line(row.index, row.leaf, "Payout", documents))
    return lines


def _campaign(uow: UnitOfWork, ledger: Ledger, campaign: CampaignRow) -> dict[str, Json]:
    gold = [
        {"item": "0x" + row.item.hex()}
        | uow.vault.open(campaign.requester, row.opening, row.answer).to_json()
        for row in uow.items.gold(campaign.campaign)
    ]
    return {
        "specification": campaign.specification,
        "terms": campaign.terms,
        "escrow": ledger.escrow.address,
        "items": ["0x" + item.hex() for item in uow.items.ids(campaign.campaign)],
        "gold": gold,
    }
