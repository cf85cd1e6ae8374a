"""rules ── review ─▶ a Review entry for every label of a campaign whose labelling is over."""

from __future__ import annotations

import reputation
from ledger_service import entries, judging
from ledger_service.errors import Corrupt
from ledger_service.flow.context import Ledger
from ledger_service.store.campaigns import CampaignRow
from ledger_service.store.labels import LabelRow, ReviewRow
from ledger_service.store.store import UnitOfWork
from ledger_service.store.vault import Opening


def facts_of(uow: UnitOfWork, campaign: CampaignRow) -> list[reputation.LabelFact]:
    """All labels of a campaign as the rules see them, in log order."""
    spec = campaign.spec
    assigned = {row.leaf: row.assigned_at for row in uow.assignments.of_campaign(campaign.campaign)}
    rows = uow.labels.page(campaign.campaign)
    raw = uow.log.at((row.index, row.leaf) for row in rows)
    return [
        reputation.LabelFact(
            leaf=row.leaf,
            item=row.item,
            worker=row.worker,
            answer_index=spec.answer_index(answer_of(uow, row, raw[row.index]).content),
            made_at=row.made_at,
            assigned_at=assigned[row.assignment],
        )
        for row in rows
    ]


def answer_of(uow: UnitOfWork, row: LabelRow, raw: bytes) -> Opening:
    """The opened answer of a label, given its entry's bytes."""
    struct = entries.decode(raw).struct
    if not isinstance(struct, entries.Label):
        raise Corrupt(f"entry {row.index} is no label")
    return uow.vault.open(row.worker, row.opening, struct.answer)


def gold_of(uow: UnitOfWork, campaign: CampaignRow) -> dict[bytes, int]:
    """The known answers of a campaign as positions in the schema, by item."""
    spec = campaign.spec
    known = {}
    for row in uow.items.gold(campaign.campaign):
        index = spec.answer_index(uow.vault.open(campaign.requester, row.opening, row.answer).content)
        if index is None:
            raise Corrupt("a stored gold answer is not in the schema")
        known[row.item] = index
    return known


def review(uow: UnitOfWork, ledger: Ledger, campaign_id: bytes) -> None:
    """Review all labels of a closed campaign, at once: a rule may look at all of a worker's labels."""
    campaign = uow.campaigns.get(campaign_id, lock=True)
    if campaign.state != "closed":
        return  # another run of this step was first
    spec = campaign.spec
    facts = facts_of(uow, campaign)
    verdicts = judging.reviews(facts, gold_of(uow, campaign), spec)
    # A worker's clock may be ahead of ours: nothing is reviewed before it was made.
    now = max([ledger.clock.now(), *(fact.made_at for fact in facts)])
    made = []
    for fact, verdict in zip(facts, verdicts, strict=True):
        reason = Opening(verdict.reason, uow.vault.salt(b"reason", verdict.leaf))
        outcome = entries.Review.ACCEPTED if verdict.accepted else entries.Review.REJECTED
        struct = entries.Review(verdict.leaf, outcome, reason.commitment, spec.reviewer, now)
        made.append((fact, reason, struct, entries.encode(struct)))
    # Crash before the commit: still closed, the step runs again. After it: the state says reviewed.
    indices = uow.log.append([entry for *_, entry in made])
    uow.labels.add_reviews(
        [
            ReviewRow(
                label=struct.label,
                leaf=entry.leaf,
                index=index,
                campaign=campaign_id,
                verdict=struct.verdict,
                opening=uow.vault.seal(fact.worker, reason),
            )
            for index, (fact, reason, struct, entry) in zip(indices, made, strict=True)
        ]
    )
    uow.campaigns.change(campaign_id, state="reviewed")
