"""Step 10: the chain holds the same history, and paid exactly what the log says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from ledger_service import money, payroll
from ledger_service.audit.chain_reading import CampaignMoney, ChainReader, EscrowCampaign, Posted
from ledger_service.audit.ledger import CampaignRows, Ledger
from ledger_service.audit.openings import Charter
from ledger_service.audit.report import Mismatch
from ledger_service.entries import Domain


@dataclass(frozen=True, slots=True)
class OnChain:
    """What the chain says of one campaign, and has been compared."""

    state: EscrowCampaign
    events: CampaignMoney


@dataclass(frozen=True, slots=True)
class ChainFindings:
    """Anchors that were compared, what the chain says of each campaign, and what could not be compared."""

    anchors: int
    campaigns: Mapping[bytes, OnChain]
    missing: tuple[str, ...]
    notes: tuple[str, ...]


def check_chain(
    chain: ChainReader, ledger: Ledger, domain: Domain, charters: Mapping[bytes, Charter]
) -> ChainFindings:
    """Compare the log with the chain, as it stands in the newest final block.

     1. The chain is the one of the log's EIP-712 domain, and its ProvenanceLog computes the same domain.
     2. Every anchored head has the root that the log has at that size; as many heads were announced as the
        contract holds.
     3. Every payroll that was posted is the one that follows from the `Payout` entries among the entries that
        it names as its evidence: root, total and number of positions.
     4. What settled was posted; each worker has received nothing or exactly what a settled payroll owes it.
     5. Deposits, claims, fees and refunds add up to what the escrow stores of the campaign; nothing exceeds
        what was deposited; what was returned is what was neither settled nor fee, to the unit.
     6. Of each token, the escrow holds at least what the campaigns of this log should have left there.

    The escrow takes campaigns from anybody, in any token. Those that are not in this log are not looked at,
    nor are their tokens asked for anything.

    Raises:
        Mismatch: the first of these that does not hold.
        Unavailable, Corrupt: the node does not answer, or not as such contracts do.
    """
    log = domain.verifying_contract
    _same("chain id", domain.chain_id, chain.chain_id)
    _same("domain of the ProvenanceLog", domain.separator(), chain.domain_separator(log))
    anchors, notes = _check_anchors(chain, ledger, log)
    found: dict[bytes, OnChain] = {}
    missing: list[str] = []
    for escrow in sorted({charter.escrow for charter in charters.values()}):
        _same(f"ProvenanceLog of the escrow {escrow}", log, chain.provenance(escrow))
        ours = {campaign: charter for campaign, charter in charters.items() if charter.escrow == escrow}
        booked = chain.money(escrow, ours)
        for campaign, charter in ours.items():
            missing += _check_campaign(ledger.campaigns[campaign], charter, ledger, booked[campaign])
            state = chain.campaign(escrow, campaign)
            _check_state(campaign, state, booked[campaign])
            found[campaign] = OnChain(state, booked[campaign])
        unknown, more = _check_balances(chain, escrow, ours, booked)
        missing, notes = missing + unknown, notes + more
    return ChainFindings(anchors, found, tuple(missing), tuple(notes))


def _check_anchors(chain: ChainReader, ledger: Ledger, log: str) -> tuple[int, list[str]]:  # 2
    anchors = chain.anchors(log)
    _same("number of anchored heads announced", chain.heads(log), len(anchors))
    compared = 0
    for size, root in anchors:
        if size > len(ledger.rows):
            continue
        here = ledger.tree.root(size)
        if here != root:
            raise Mismatch(f"root anchored for {size} entries", expected=root, found=here)
        compared += 1
    beyond = len(anchors) - compared
    notes = [f"{beyond} anchored heads are larger than this copy of the log"] if beyond else []
    return compared, notes


def _check_campaign(
    rows: CampaignRows, charter: Charter, ledger: Ledger, events: CampaignMoney
) -> list[str]:  # 3 and 4
    """Compare payrolls and claims; returns what could not be compared, in sentences."""
    name = f"campaign 0x{rows.campaign.hex()}"
    if events.posted or events.deposited:
        terms = (charter.terms.token, charter.terms.fee_bps, charter.terms.bond)
        _same(f"{name}: terms it was opened with", terms, (events.token, events.fee_bps, events.bond))
    owed_by_epoch: dict[int, dict[str, int]] = {}
    for posted in events.posted:
        if posted.evidence > len(ledger.rows):
            return [f"{name}: a payroll was computed from {posted.evidence} entries, this copy has fewer"]
        owed = owed_by_epoch[posted.epoch] = _owed(rows, posted.evidence)
        _check_posted(name, rows.campaign, posted, owed)
    roots = {posted.epoch: (posted.root, posted.total) for posted in events.posted}
    allowed: dict[str, set[int]] = defaultdict(set)
    for epoch, root, total in events.settled:
        _same(f"{name}: payroll {epoch} that settled", roots.get(epoch), (root, total))
        for worker, amount in owed_by_epoch[epoch].items():
            allowed[worker].add(amount)
    for worker, amount in events.claims.items():
        if amount not in allowed[worker]:
            due = " or ".join(map(str, sorted(allowed[worker]))) or "nothing"
            raise Mismatch(f"{name}: paid to {worker}", expected=due, found=amount)
    return []


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
        _same(f"{what}, {part}", ours, theirs)


def _check_state(campaign: bytes, state: EscrowCampaign, events: CampaignMoney) -> None:  # 5
    name = f"campaign 0x{campaign.hex()}"
    _same(f"{name}: payrolls posted", state.epoch, len(events.posted))
    settled = (state.settled_root, state.settled_total)
    last = events.settled[-1][1:] if events.settled else (bytes(32), 0)
    _same(f"{name}: settled payroll", settled, last)
    for what in ("deposited", "claimed", "fee", "refunded"):
        _same(f"{name}: {what}", getattr(state, what), getattr(events, what))
    _same(f"{name}: claims by worker", state.claimed, sum(events.claims.values()))
    fee = money.fee(state.settled_total, events.fee_bps)
    most = {"claimed": state.settled_total, "fee": fee}
    for what, limit in most.items():
        if getattr(state, what) > limit:
            raise Mismatch(f"{name}: {what}", expected=f"at most {limit}", found=getattr(state, what))
    rest = state.deposited - state.settled_total - fee
    if rest < 0:
        raise Mismatch(
            f"{name}: settled and fee", expected=f"at most {state.deposited}", found=state.deposited - rest
        )
    _same(f"{name}: returned to the requester", rest if state.closed else 0, state.refunded)


def _check_balances(
    chain: ChainReader,
    escrow: str,
    ours: Mapping[bytes, Charter],
    booked: Mapping[bytes, CampaignMoney],
) -> tuple[list[str], list[str]]:  # 6
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


def _same(what: str, expected: object, found: object) -> None:
    if expected != found:
        raise Mismatch(what, expected=_shown(expected), found=_shown(found))


def _shown(value: object) -> object:
    if isinstance(value, tuple):
        return ", ".join(str(_shown(part)) for part in value)
    return "0x" + value.hex() if isinstance(value, bytes) else value
