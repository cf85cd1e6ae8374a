"""Redeeming: what a silent operator has signed, or acknowledged, is asked of the escrow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ledger_service import heads
from ledger_service.chain.client import Receipt
from ledger_service.chain.escrow_types import AnchoredLabel, ReceiptedLabel
from ledger_service.claims.papers import SavedLabel, SavedReceipt, SavedStatement, check_operator
from ledger_service.claims.phases import moment
from ledger_service.claims.record import Record
from ledger_service.claims.standing import Standing
from ledger_service.claims.transact import Refused, Sender
from ledger_service.entries import Domain, Label
from ledger_service.errors import Conflict, NotYours, VerificationError
from ledger_service.signing import keccak256

_Paper = TypeVar("_Paper", SavedLabel, SavedReceipt)

MOST_LABELS = 40  # in one transaction: some three million gas
ALREADY_REDEEMED = keccak256(b"AlreadyRedeemed(bytes32)")[:4]


@dataclass(frozen=True, slots=True)
class Demand:
    """One transaction to be made: its calldata, and what it asks for in words."""

    data: bytes
    words: str


@dataclass
class Plan:
    """What will be asked of the escrow, and what was left aside, each with the reason in a sentence."""

    demands: list[Demand] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    labels: int = 0
    statement: int = 0
    leaves: set[bytes] = field(default_factory=set)


def advise(plan: Plan, found: Standing) -> None:
    """What to do beside redeeming."""
    if found.payable and plan.demands:
        plan.notes.append(
            f"the settled payroll owes {found.payable} (minor units) that were not fetched: run "
            "crowdledger claim, or what you ask for is counted too high until you do"
        )


def add_statement(plan: Plan, record: Record, found: Standing, saved: Iterable[SavedStatement]) -> None:
    """Ask for the largest amount that the operator has stated for this account.

    Raises:
        NotYours: none of the statements is of this account and campaign.
        VerificationError: the operator did not sign it.
    """
    mine = [one for one in saved if _is_mine(one.statement.campaign, one.statement.worker, record, found)]
    if not mine:
        raise NotYours(f"no statement of {found.account} in campaign 0x{record.campaign.hex()} among these")
    best = max(mine, key=lambda one: one.statement.amount)
    check_operator(best, _domain(record), record.terms.operator)
    amount = best.statement.amount
    if amount <= found.earned:
        plan.notes.append(
            f"the statement says {amount} (minor units), which the settled payroll owes: claim it"
        )
        return
    if amount <= found.book.statement:
        plan.notes.append(f"a statement of {found.book.statement} (minor units) was redeemed before")
        return
    data = record.escrow.redeem(record.terms, best.statement, best.signature)
    plan.demands.append(Demand(data, f"the statement of {amount} (minor units)"))
    plan.statement = amount


def add_labels(
    plan: Plan,
    record: Record,
    found: Standing,
    saved: Sequence[SavedLabel],
    known: heads.Heads,
    sender: Sender,
) -> None:
    """Ask for the price of each label that the log held when it was anchored, and no payroll has judged.

    Raises:
        VerificationError: a bundle's head is another than the one anchored at its size.
    """
    groups: dict[int, list[SavedLabel]] = defaultdict(list)
    for one in _distinct(saved):
        reason = _unfit(one.label, one.index, record, found) or _unanchored(one, record, known)
        if reason:
            plan.notes.append(f"label 0x{one.leaf.hex()}: {reason}")
        else:
            groups[one.size].append(one)
    for size, group in groups.items():
        position = known.find(size)
        if position is None:
            raise VerificationError(f"head of {size} entries", expected="anchored", found="not")
        proof = known.proof(position)
        for part in _batches(group):
            _add_fresh(plan, record, sender, part, proof)


def add_receipts(
    plan: Plan, record: Record, found: Standing, saved: Sequence[SavedReceipt], sender: Sender
) -> None:
    """Ask for the price of each label that the operator acknowledged, and no payroll has judged.

    Raises:
        VerificationError: the operator did not sign a receipt.
    """
    fit: list[SavedReceipt] = []
    for one in _distinct(saved):
        reason = _unfit(one.label, one.index, record, found)
        if one.leaf in plan.leaves:
            reason = "its bundle is here too"
        if reason is None and one.receipt.receipt.deadline > record.now:
            reason = f"the operator has until {moment(one.receipt.receipt.deadline)} to log it"
        if reason:
            plan.notes.append(f"label 0x{one.leaf.hex()}: {reason}")
            continue
        check_operator(one, _domain(record), record.terms.operator)
        fit.append(one)
    for part in _batches(fit):
        _add_fresh(plan, record, sender, part, None)


def _add_fresh(
    plan: Plan,
    record: Record,
    sender: Sender,
    part: Sequence[SavedLabel | SavedReceipt],
    head: heads.HeadProof | None,
) -> None:
    """Add the demand for these labels, without those that the escrow says were redeemed before."""
    wanted = {one.leaf: one for one in part}
    while wanted:
        data = _calldata(record, list(wanted.values()), head)
        try:
            sender.ask(data)
        except Refused as error:
            again = error.data[4:36]
            if error.data[:4] != ALREADY_REDEEMED or again not in wanted:
                raise
            plan.notes.append(f"label 0x{again.hex()}: redeemed before")
            del wanted[again]
            continue
        price = record.terms.label_price
        plan.demands.append(
            Demand(data, f"{len(wanted)} label{'s' if len(wanted) > 1 else ''}, {price} (minor units) each")
        )
        plan.labels += len(wanted) * price
        plan.leaves |= wanted.keys()
        return


def _calldata(
    record: Record, part: Sequence[SavedLabel | SavedReceipt], head: heads.HeadProof | None
) -> bytes:
    if head is not None:
        anchored = [
            AnchoredLabel(one.label, one.signature, one.index, one.path)
            for one in part
            if isinstance(one, SavedLabel)
        ]
        return record.escrow.redeem_labels(record.terms, head, anchored)
    receipted = [
        ReceiptedLabel(
            one.label, one.signature, one.index, one.receipt.receipt.deadline, one.receipt.signature
        )
        for one in part
        if isinstance(one, SavedReceipt)
    ]
    return record.escrow.redeem_receipts(record.terms, receipted)


def _unfit(label: Label, index: int, record: Record, found: Standing) -> str | None:
    """Why a label cannot be redeemed by this account in this campaign; None if it can."""
    if label.campaign != record.campaign:
        return f"it is of another campaign, 0x{label.campaign.hex()}"
    if label.worker != found.account:
        return f"it is of another worker, {label.worker}"
    if index < record.evidence:
        return f"the settled payroll has judged it (entry {index} of {record.evidence})"
    return None


def _unanchored(one: SavedLabel, record: Record, known: heads.Heads) -> str | None:
    """Why a label is under no anchored head.

    Raises:
        VerificationError: another head is anchored at this size, or the bundle is of another log.
    """
    if one.domain != _domain(record):
        raise VerificationError(
            "log of the bundle",
            expected=f"{record.provenance} on chain {record.client.chain_id}, which is the escrow's",
            found=f"{one.domain.verifying_contract} on chain {one.domain.chain_id}",
        )
    position = known.find(one.size)
    if position is None:
        return (
            f"its bundle leads to a head of {one.size} entries, which was not anchored: it was saved too "
            "early. Redeem it by its receipt"
        )
    if known[position].root != one.root:
        raise VerificationError(
            f"root anchored for {one.size} entries",
            expected="0x" + known[position].root.hex(),
            found="0x" + one.root.hex(),
        )
    since, time = record.silent_since, known[position].time
    if since is not None and time >= since:
        return (
            f"its head was anchored at {moment(time)}, when the operator had fallen silent: that does not "
            "count. Redeem it by its receipt"
        )
    return None


def redeem(record: Record, sender: Sender, demand: Demand) -> Receipt:
    """Make one demand, which the transaction has to show; its receipt.

    Raises:
        VerificationError: the transaction shows no redemption of this account. And what `Sender.send` raises.
    """
    sent = sender.send(demand.data)
    for event in sent.events:
        args = event.args
        if event.name == "Redeemed" and (args["id"], args["account"]) == (record.campaign, sender.account):
            return sent.receipt
    raise VerificationError(
        f"transaction 0x{sent.receipt.transaction.hex()} succeeded, and the node shows no redemption in it"
    )


def check_worth(record: Record) -> None:
    """Labels have a price in this campaign.

    Raises:
        Conflict: they have none.
    """
    if not record.terms.label_price:
        raise Conflict("by this campaign's terms, labels that no payroll has judged are worth nothing")


def _is_mine(campaign: bytes, worker: str, record: Record, found: Standing) -> bool:
    return campaign == record.campaign and worker == found.account


def _domain(record: Record) -> Domain:
    return Domain(record.client.chain_id, record.provenance)


def _distinct(saved: Sequence[_Paper]) -> list[_Paper]:
    return list({one.leaf: one for one in saved}.values())


def _batches(items: Sequence[_Paper]) -> list[Sequence[_Paper]]:
    return [items[start : start + MOST_LABELS] for start in range(0, len(items), MOST_LABELS)]
