"""rules ── settle ─▶ Payout and Settlement entries, and the payroll on the escrow contract."""

from __future__ import annotations

from dataclasses import dataclass

import reputation
from ledger_service import commitments, entries, judging, payroll
from ledger_service.chain.contracts import CampaignState, Stage
from ledger_service.commitments import Json
from ledger_service.errors import Corrupt
from ledger_service.flow.anchor import refuse_rejected, rejected
from ledger_service.flow.context import Ledger
from ledger_service.flow.review import facts_of
from ledger_service.log.receipts import sign_statement
from ledger_service.store.campaigns import CampaignRow
from ledger_service.store.payouts import PayoutRow, PayrollRow, SettlementRow
from ledger_service.store.store import UnitOfWork

# Statements are signed for the first payroll: they hold for it and, where it is void, for every later one.
FIRST_EPOCH = 1


def settle(uow: UnitOfWork, ledger: Ledger, campaign_id: bytes) -> None:
    """Compute what every worker has earned, and append Payout entries and the Settlement."""
    campaign = uow.campaigns.get(campaign_id, lock=True)
    if campaign.state != "inferred":
        return  # another run of this step was first
    run = uow.judgements.run_of(campaign_id)
    if run is None:
        raise Corrupt(f"campaign 0x{campaign_id.hex()} is inferred without a run")
    drafts = [
        _Draft(campaign_id, run.leaf, worker, judging.statement(campaign_id, worker, run.leaf, lines))
        for worker, lines in earned(uow, campaign).items()
    ]
    total = sum(one.amount for one in drafts)
    settlement = entries.encode(entries.Settlement(campaign_id, total, True, run.leaf))
    # Crash before the commit: still inferred, the step runs again. After it: the state says payable.
    *indices, last = uow.log.append([*(one.entry() for one in drafts), settlement])
    rows = [one.row(ledger, position, indices[position]) for position, one in enumerate(drafts)]
    uow.payouts.add(rows, SettlementRow(campaign_id, settlement.leaf, last, run.leaf, total))
    # Where nothing is owed there is no payroll to post: the requester can take all of it back.
    uow.campaigns.change(campaign_id, state="payable" if total else "settled")


@dataclass(frozen=True, slots=True)
class _Draft:
    """What one worker has earned, before it is in the log."""

    campaign: bytes
    run: bytes
    worker: str
    statement: Json

    @property
    def amount(self) -> int:
        return int(self.statement["amount"])

    def entry(self) -> entries.Entry:
        digest = commitments.digest(self.statement)
        return entries.encode(entries.Payout(self.campaign, self.worker, self.amount, digest, self.run))

    def row(self, ledger: Ledger, position: int, index: int) -> PayoutRow:
        said = entries.Statement(self.campaign, self.worker, self.amount, FIRST_EPOCH, self.run)
        return PayoutRow(
            campaign=self.campaign,
            worker=self.worker,
            position=position,
            leaf=self.entry().leaf,
            index=index,
            run=self.run,
            amount=self.amount,
            statement=self.statement,
            epoch=FIRST_EPOCH,
            signature=sign_statement(said, ledger.domain, ledger.operator),
        )


def earned(uow: UnitOfWork, campaign: CampaignRow) -> dict[str, list[reputation.LabelPay]]:
    """What each label earned, by worker, from labels, verdicts and truths as they stand."""
    spec = campaign.spec
    facts = facts_of(uow, campaign)
    reviews = uow.labels.reviews(campaign.campaign)
    accepted = {row.label: row.verdict == entries.Review.ACCEPTED for row in reviews}
    verdicts = [reputation.Verdict(fact.leaf, accepted[fact.leaf], {}) for fact in facts]
    return judging.pay(facts, verdicts, truth_of(uow, campaign), spec)


def truth_of(uow: UnitOfWork, campaign: CampaignRow) -> dict[bytes, int]:
    """The inferred answers of a campaign as positions in the schema, by item."""
    spec = campaign.spec
    rows = uow.judgements.truths(campaign.campaign)
    raw = uow.log.at((row.index, row.leaf) for row in rows.values())
    truth = {}
    for item, row in rows.items():
        struct = entries.decode(raw[row.index]).struct
        if not isinstance(struct, entries.Truth):
            raise Corrupt(f"entry {row.index} is no truth")
        index = spec.answer_index(uow.vault.open(campaign.requester, row.opening, struct.answer).content)
        if index is None:
            raise Corrupt(f"the inferred answer at {row.index} is not in the schema")
        truth[item] = index
    return truth


def waits_for_anchor(uow: UnitOfWork) -> bool:
    """Whether some campaign's payroll waits for a head on the chain that holds its settlement."""
    newest = uow.anchors.newest()
    return uow.payouts.newest_unposted() >= (newest.size if newest else 0)


def post(uow: UnitOfWork, ledger: Ledger, campaign_id: bytes) -> bool:
    """Queue the payroll, once a final head on the chain holds the settlement; whether it did.

    Raises:
        BadInput: the payroll is larger than a transaction.
    """
    campaign = uow.campaigns.get(campaign_id, lock=True)
    if campaign.state != "payable" or uow.payouts.payroll(campaign_id) is not None:
        return False
    return queue_payroll(uow, ledger, campaign)


def queue_payroll(uow: UnitOfWork, ledger: Ledger, campaign: CampaignRow) -> bool:
    """Queue the payroll under the escrow's next number, if a final head holds the settlement; whether it did.

    Raises:
        BadInput: the payroll is larger than a transaction.
    """
    settlement, anchor = uow.payouts.settlement(campaign.campaign), uow.anchors.newest_final()
    if settlement is None or anchor is None or anchor.size <= settlement.index:
        return False
    rows = uow.payouts.of_campaign(campaign.campaign)
    owed = [(row.worker, row.amount) for row in rows]
    packed = payroll.encode_entries(payroll.PayrollEntry(worker, 0, amount) for worker, amount in owed)
    uow.payouts.add_payroll(
        PayrollRow(
            campaign=campaign.campaign,
            epoch=1 + max(uow.onchain.posted(campaign.campaign), default=0),
            root=payroll.root(campaign.campaign, owed),
            count=len(owed),
            total=settlement.total,
            entries=packed,
            evidence=anchor.size,
        )
    )
    call = ledger.escrow.post(campaign.escrow_terms, packed, anchor.size)
    return _enqueue(uow, ledger, intent_key(uow, "post", campaign.campaign), call)


def posted(uow: UnitOfWork, ledger: Ledger, campaign_id: bytes) -> bool:
    """Note that the chain has the payroll for good; whether it was new.

    Raises:
        RefusedByChain: the contract refuses the payroll.
        Corrupt: it has another one under this number.
    """
    campaign, ours = uow.campaigns.get(campaign_id, lock=True), uow.payouts.payroll(campaign_id)
    if campaign.state != "payable" or ours is None:
        return False
    root = uow.onchain.posted(campaign_id).get(ours.epoch)
    if root is None:
        refuse_rejected(uow, ledger, intent_key(uow, "post", campaign_id))
        return False
    if root != ours.root:
        raise Corrupt(
            f"payroll {ours.epoch} of campaign 0x{campaign_id.hex()} has the root 0x{root.hex()} on the "
            f"chain, we sent 0x{ours.root.hex()}: somebody else has the operator's key"
        )
    uow.campaigns.change(campaign_id, state="posted")
    return True


def note_times(uow: UnitOfWork, payroll: PayrollRow, state: CampaignState) -> None:
    """Note when the contract says that the pending payroll was posted, and its open dispute opened."""
    if state.epoch != payroll.epoch or state.stage is Stage.EMPTY:
        return  # it is not the one that is pending there, or no longer
    disputed_at = state.disputed_at if state.stage is Stage.DISPUTED else None
    if (payroll.posted_at, payroll.disputed_at) != (state.posted_at, disputed_at):
        uow.payouts.set_times(payroll.campaign, payroll.epoch, state.posted_at, disputed_at)


def closing(uow: UnitOfWork, ledger: Ledger, campaign_id: bytes) -> bool:
    """Whether the call that ends the payroll's window is on its way, or done."""
    key = intent_key(uow, "settle", campaign_id)
    known = uow.intents.newest_try(ledger.lane, key) is not None
    return known and rejected(uow, ledger, key) is None


def close_window(uow: UnitOfWork, ledger: Ledger, campaign_id: bytes) -> bool:
    """Queue the call that makes the payroll claimable, its time having come; whether it was new.

    Raises:
        RefusedByChain: it was queued before, and refused.
    """
    campaign = uow.campaigns.get(campaign_id, lock=True)
    if campaign.state != "posted":
        return False
    call = ledger.escrow.settle(campaign.escrow_terms)
    return _enqueue(uow, ledger, intent_key(uow, "settle", campaign_id), call)


def settled(uow: UnitOfWork, ledger: Ledger, campaign_id: bytes) -> bool:
    """Note that the payroll is settled, and queue the collection of the fee; whether it was new."""
    campaign = uow.campaigns.get(campaign_id, lock=True)
    if campaign.state != "posted" or _epoch(uow, campaign_id) not in uow.onchain.settled_epochs(campaign_id):
        return False
    if fee(uow, campaign_id):
        collect_fee(uow, ledger, campaign_id)
    uow.campaigns.change(campaign_id, state="settled")
    return True


def voided(uow: UnitOfWork, campaign_id: bytes) -> bool:
    """Whether the newest payroll is void: then nobody is paid by it."""
    return _epoch(uow, campaign_id) in uow.onchain.voided_epochs(campaign_id)


def fee(uow: UnitOfWork, campaign_id: bytes) -> int:
    """What the operator earns with the settled payroll, token minor units, rounded down as on the chain."""
    settlement = uow.payouts.settlement(campaign_id)
    bps = uow.campaigns.get(campaign_id).escrow_terms.fee_bps
    return settlement.total * bps // 10_000 if settlement else 0


def collect_fee(uow: UnitOfWork, ledger: Ledger, campaign_id: bytes) -> bool:
    """Queue the call that pays the operator's fee; whether it was new.

    Raises:
        RefusedByChain: it was queued before, and refused.
    """
    call = ledger.escrow.collect_fee(uow.campaigns.get(campaign_id).escrow_terms)
    return _enqueue(uow, ledger, intent_key(uow, "fee", campaign_id), call)


def fee_refused(uow: UnitOfWork, ledger: Ledger, campaign_id: bytes) -> bool:
    """Whether the chain has refused to pay the fee."""
    return rejected(uow, ledger, intent_key(uow, "fee", campaign_id)) is not None


def finish(uow: UnitOfWork, campaign_id: bytes) -> bool:
    """Note that the requester has taken back the rest: nothing is left to do.

    That ends also a campaign whose payroll was not posted in time, or is void.
    """
    campaign, ends = uow.campaigns.get(campaign_id, lock=True), ("payable", "posted", "void", "settled")
    if campaign.state not in ends or not uow.onchain.refunded(campaign_id):
        return False
    uow.campaigns.change(campaign_id, state="finished")
    return True


def _epoch(uow: UnitOfWork, campaign_id: bytes) -> int:
    """The number of the campaign's newest payroll."""
    newest = uow.payouts.payroll(campaign_id)
    return newest.epoch if newest else FIRST_EPOCH


def intent_key(uow: UnitOfWork, what: str, campaign_id: bytes) -> str:
    """Under which key "post", "settle" or "fee" of the newest payroll is queued."""
    return f"{what}:{campaign_id.hex()}:{_epoch(uow, campaign_id)}"


def _enqueue(uow: UnitOfWork, ledger: Ledger, key: str, call: bytes) -> bool:
    if uow.intents.newest_try(ledger.lane, key) is not None:
        refuse_rejected(uow, ledger, key)
        return False
    uow.intents.enqueue(ledger.lane, key, ledger.escrow.address, call, 0, ledger.clock.now())
    return True
