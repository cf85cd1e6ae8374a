"""Step 10: the chain holds the same history, and paid exactly what the log says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from ledger_service import payroll
from ledger_service.audit.chain_reading import ChainReader, EscrowCampaign
from ledger_service.audit.escrow_events import CampaignMoney, Posted
from ledger_service.audit.ledger import CampaignRows, Ledger
from ledger_service.audit.log_history import LogHistory, read_history
from ledger_service.audit.openings import Charter
from ledger_service.audit.report import Mismatch, Redemption
from ledger_service.audit.steps_escrow import check_accounts, check_redeemed, check_state, same
from ledger_service.entries import Domain


@dataclass(frozen=True, slots=True)
class OnChain:
    """What the chain says of one campaign, and has been compared."""

    state: EscrowCampaign
    events: CampaignMoney


@dataclass(frozen=True, slots=True)
class ChainFindings:
    """Anchors that were compared, who made them, what the chain says of each campaign, and what could not be
    compared."""

    anchors: int
    history: LogHistory
    campaigns: Mapping[bytes, OnChain]
    missing: tuple[str, ...]
    notes: tuple[str, ...]


def check_chain(
    chain: ChainReader, ledger: Ledger, domain: Domain, charters: Mapping[bytes, Charter]
) -> ChainFindings:
    """Compare the log with the chain, as it stands in the newest final block.

     1. The chain is the one of the log's EIP-712 domain, and its ProvenanceLog computes the same domain.
     2. Every anchored head has the root that the log has at that size; the heads that were announced are
        those that the contract holds, all of them. Each operator of the log took over as it was announced.
     3. Every payroll that was posted is the one that follows from the `Payout` entries among the entries that
        it names as its evidence: root, total and number of positions.
     4. What settled was posted; each worker has received nothing or exactly what a settled payroll owes it.
        Who has redeemed has received no more than its statement, or its payroll and its labels.
     5. Every statement that was redeemed is of an amount that the log owes this worker.
     6. Deposits, claims, fees and refunds add up to what the escrow stores of the campaign; nothing exceeds
        what was deposited; what was returned is what was neither settled nor fee nor redeemed, to the unit.
     7. Of each token, the escrow holds at least what the campaigns of this log should have left there.

    The escrow takes campaigns from anybody, in any token. Those that are not in this log are not looked at,
    nor are their tokens asked for anything.

    Raises:
        Mismatch: the first of these that does not hold.
        Unavailable, Corrupt: the node does not answer, or not as such contracts do.
    """
    log = domain.verifying_contract
    same("chain id", domain.chain_id, chain.chain_id)
    same("domain of the ProvenanceLog", domain.separator(), chain.domain_separator(log))
    history = read_history(chain, log)
    anchors, notes = _check_anchors(history, ledger)
    whole = anchors == len(history.heads)
    found: dict[bytes, OnChain] = {}
    missing: list[str] = []
    for escrow in sorted({charter.escrow for charter in charters.values()}):
        same(f"ProvenanceLog of the escrow {escrow}", log, chain.provenance(escrow))
        ours = {campaign: charter for campaign, charter in charters.items() if charter.escrow == escrow}
        more_found, unknown, more = _check_escrow(chain, escrow, ours, ledger, whole=whole)
        found |= more_found
        missing, notes = missing + unknown, notes + more
    return ChainFindings(anchors, history, found, tuple(missing), tuple(notes))


def _check_escrow(
    chain: ChainReader, escrow: str, ours: Mapping[bytes, Charter], ledger: Ledger, *, whole: bool
) -> tuple[dict[bytes, OnChain], list[str], list[str]]:
    """The campaigns of one escrow; then what could not be compared, and notes, in sentences."""
    found: dict[bytes, OnChain] = {}
    booked = chain.money(escrow, ours)
    missing: list[str] = []
    notes: list[str] = []
    for campaign, charter in ours.items():
        rows, events = ledger.campaigns[campaign], booked[campaign]
        missing += _check_campaign(rows, charter, ledger, events)
        unknown, more = check_redeemed(rows, charter, events, whole=whole)
        missing, notes = missing + unknown, notes + more
        state = chain.campaign(escrow, campaign)
        check_state(campaign, state, events)
        check_accounts(chain, escrow, campaign, state, events)
        found[campaign] = OnChain(state, events)
    unknown, more = _check_balances(chain, escrow, ours, booked)
    return found, missing + unknown, notes + more


def _check_anchors(history: LogHistory, ledger: Ledger) -> tuple[int, list[str]]:  # 2
    compared = 0
    for head in history.heads:
        if head.size > len(ledger.rows):
            continue
        here = ledger.tree.root(head.size)
        if here != head.root:
            raise Mismatch(f"root anchored for {head.size} entries", expected=head.root, found=here)
        compared += 1
    beyond = len(history.heads) - compared
    notes = [f"{beyond} anchored heads are larger than this copy of the log"] if beyond else []
    return compared, notes


def _check_campaign(
    rows: CampaignRows, charter: Charter, ledger: Ledger, events: CampaignMoney
) -> list[str]:  # 3 and 4
    """Compare payrolls and claims; returns what could not be compared, in sentences."""
    name = f"campaign 0x{rows.campaign.hex()}"
    if events.posted or events.deposited:
        terms = (charter.terms.token, charter.terms.fee_bps, charter.terms.bond)
        same(f"{name}: terms it was opened with", terms, (events.token, events.fee_bps, events.bond))
    owed_by_epoch: dict[int, dict[str, int]] = {}
    for posted in events.posted:
        if posted.evidence > len(ledger.rows):
            return [f"{name}: a payroll was computed from {posted.evidence} entries, this copy has fewer"]
        owed = owed_by_epoch[posted.epoch] = _owed(rows, posted.evidence)
        _check_posted(name, rows.campaign, posted, owed)
    roots = {posted.epoch: (posted.root, posted.total) for posted in events.posted}
    allowed: dict[str, set[int]] = defaultdict(set)
    for epoch, root, total in events.settled:
        same(f"{name}: payroll {epoch} that settled", roots.get(epoch), (root, total))
        for worker, amount in owed_by_epoch[epoch].items():
            allowed[worker].add(amount)
    for worker, amount in events.claims.items():
        _check_paid(f"{name}: paid to {worker}", amount, allowed[worker], events.redeemed.get(worker))
    return []


def _check_paid(what: str, amount: int, allowed: set[int], redeemed: Redemption | None) -> None:
    if redeemed is not None:
        most = max(redeemed.statement, max(allowed, default=0) + redeemed.labels)
        if amount > most:
            raise Mismatch(what, expected=f"at most {most}", found=amount)
    elif amount not in allowed:
        due = " or ".join(map(str, sorted(allowed))) or "nothing"
        raise Mismatch(what, expected=due, found=amount)


def _owed(rows: CampaignRows, size: int) -> dict[str, int]:
    """What each worker is due by the payouts among the first `size` entries, in order of their first one."""
    owed: dict[str, int] = {}
    for row in rows.payouts:
        if row.index < size:
            owed[row.entry.worker] = row.entry.amount
    return owed


def _check_posted(name: str, campaign: bytes, posted: Posted, owed: dict[str, int]) -> None:
    expected = (payroll.root(campaign, list(owed.items())), sum(owed.values()), len(owed))
    what = f"{name}: payroll {posted.epoch}"
    for part, ours, theirs in zip(
        ("total", "number of positions", "root"),
        (expected[1], expected[2], expected[0]),
        (posted.total, posted.count, posted.root),
        strict=True,
    ):
        same(f"{what}, {part}", ours, theirs)


def _check_balances(
    chain: ChainReader,
    escrow: str,
    ours: Mapping[bytes, Charter],
    booked: Mapping[bytes, CampaignMoney],
) -> tuple[list[str], list[str]]:  # 7
    """Compare balances; returns what could not be compared, and notes, in sentences."""
    due: dict[str, int] = defaultdict(int)
    for campaign, charter in ours.items():
        due[charter.terms.token] += booked[campaign].remaining
    missing, notes = [], []
    for token, amount in due.items():
        if not amount:
            continue
        held = chain.balance(token, escrow)
        if held is None:
            missing.append(f"the token {token} does not say what the escrow {escrow} holds")
        elif held < amount:
            raise Mismatch(f"balance of the escrow in {token}", expected=f"at least {amount}", found=held)
        elif held > amount:
            notes.append(
                f"the escrow holds {held - amount} of {token} beyond what the campaigns of this log have"
                " there: it is other campaigns', or a gift"
            )
    return missing, notes
