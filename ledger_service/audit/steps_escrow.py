"""Step 10, of one campaign: what was redeemed, and that the escrow's own sums are those of its events."""

from __future__ import annotations

from ledger_service import money
from ledger_service.audit.chain_reading import ChainReader, EscrowCampaign
from ledger_service.audit.escrow_events import CampaignMoney
from ledger_service.audit.ledger import CampaignRows
from ledger_service.audit.openings import Charter
from ledger_service.audit.report import Mismatch


def check_redeemed(
    rows: CampaignRows, charter: Charter, events: CampaignMoney, *, whole: bool
) -> tuple[list[str], list[str]]:
    """Compare what workers redeemed with the log; `whole`: this copy has all that was ever anchored.

    Returns:
        what could not be compared, and what the reader should know, in sentences.
    Raises:
        Mismatch: a statement of an amount that the log never owed this worker.
    """
    name, missing = f"campaign 0x{rows.campaign.hex()}", []
    notes = [
        f"{name}: payroll {one.epoch} is void, because the operator had signed {one.amount} for {one.account}"
        " and it paid less"
        for one in events.enforced
    ]
    for worker, redeemed in events.redeemed.items():
        owed = {row.entry.amount for row in rows.payouts if row.entry.worker == worker}
        if redeemed.statement and redeemed.statement not in owed:
            if whole:
                due = " or ".join(map(str, sorted(owed))) or "nothing"
                raise Mismatch(
                    f"{name}: statement that {worker} redeemed", expected=due, found=redeemed.statement
                )
            missing.append(
                f"{name}: the statement of {worker} may be of entries that this copy does not have"
            )
        notes += _labels_note(name, rows, charter, events, worker)
    return missing, notes


def _labels_note(
    name: str, rows: CampaignRows, charter: Charter, events: CampaignMoney, worker: str
) -> list[str]:
    """A label is redeemed at its price; by a receipt also one that is not in the log."""
    price, amount = charter.terms.label_price, events.redeemed[worker].labels
    if price and amount % price:
        raise Mismatch(
            f"{name}: labels that {worker} redeemed", expected=f"a multiple of {price}", found=amount
        )
    unjudged = sum(row.entry.worker == worker and row.index >= events.evidence() for row in rows.labels)
    count = amount // price if price else 0
    if count <= unjudged:
        return []
    return [
        f"{name}: {worker} redeemed {count} labels, and the log has {unjudged} of it that no settled payroll"
        " judged: the operator gave receipts for the others, and the log does not have them there"
    ]


def check_state(campaign: bytes, state: EscrowCampaign, events: CampaignMoney) -> None:
    """The sums of the events are what the escrow stores, and within what was deposited.

    Raises:
        Mismatch: the first sum that is not.
    """
    name = f"campaign 0x{campaign.hex()}"
    same(f"{name}: payrolls posted", state.epoch, len(events.posted))
    settled = (state.settled_root, state.settled_total, state.settled_evidence)
    last = events.settled[-1][1:] if events.settled else (bytes(32), 0)
    same(f"{name}: settled payroll", settled, (*last, events.evidence()))
    for what in ("deposited", "claimed", "fee", "refunded"):
        same(f"{name}: {what}", getattr(state, what), getattr(events, what))
    fee = money.fee(state.settled_total, events.fee_bps)
    available = state.deposited - state.settled_total - fee
    if available < 0:
        raise Mismatch(
            f"{name}: settled and fee",
            expected=f"at most {state.deposited}",
            found=state.deposited - available,
        )
    beyond = available - state.refunded if events.redeemed else 0
    for what, limit in (("claimed", state.settled_total + beyond), ("fee", fee)):
        if getattr(state, what) > limit:
            raise Mismatch(f"{name}: {what}", expected=f"at most {limit}", found=getattr(state, what))
    _check_returned(name, state, available, redeemed=bool(events.redeemed))


def _check_returned(name: str, state: EscrowCampaign, available: int, *, redeemed: bool) -> None:
    """What goes back to the requester. Redemptions may become smaller after it was returned, never larger."""
    what = f"{name}: returned to the requester"
    rest = available - min(state.reserved, available)
    if not state.closed or not redeemed:
        same(what, rest if state.closed else 0, state.refunded)
    elif state.refunded > rest:
        raise Mismatch(what, expected=f"at most {rest}", found=state.refunded)


def check_accounts(
    chain: ChainReader, escrow: str, campaign: bytes, state: EscrowCampaign, events: CampaignMoney
) -> None:
    """What the escrow stores of those who redeemed is what the events say, and adds up to what is reserved.

    Raises:
        Mismatch: the first that is not. Unavailable, Corrupt: as `ChainReader`.
    """
    name, reserved = f"campaign 0x{campaign.hex()}", 0
    for worker, redeemed in events.redeemed.items():
        found = chain.account(escrow, campaign, worker)
        expected = (events.claims.get(worker, 0), redeemed.statement, redeemed.labels)
        same(f"{name}: account of {worker}", expected, (found.paid, found.statement, found.labels))
        reserved += found.beyond
    same(f"{name}: reserved for what was redeemed", state.reserved, reserved)


def same(what: str, expected: object, found: object) -> None:
    """Two values that have to be equal.

    Raises:
        Mismatch: they are not.
    """
    if expected != found:
        raise Mismatch(what, expected=_shown(expected), found=_shown(found))


def _shown(value: object) -> object:
    if isinstance(value, tuple):
        return ", ".join(str(_shown(part)) for part in value)
    return "0x" + value.hex() if isinstance(value, bytes) else value
