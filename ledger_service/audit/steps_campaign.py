"""Steps 4 and 5: a campaign is what was asked for, and its items and gold answers were fixed beforehand."""

from __future__ import annotations

from collections import Counter

from ledger_service import commitments
from ledger_service.audit.ledger import CampaignRows
from ledger_service.audit.openings import Charter, Opening, Openings, mismatch
from ledger_service.entries import Domain
from ledger_service.errors import BadInput
from ledger_service.log.tree import root_of_data
from ledger_service.specification import Specification
from ledger_service.terms import campaign_id


def check_charter(rows: CampaignRows, charter: Charter, domain: Domain, escrow: str | None) -> int:
    """Check what a campaign was founded on.

     1. The specification is the one that the entry holds the digest of, and names the entry's items and gold.
     2. The campaign's id is the hash of the chain, the escrow and the terms.
     3. The terms name the entry's requester, and the specification as their brief and its price of a label.
     4. The escrow is the one that the reader expects, where one was named.
     5. Every assignment was made while labelling was open, and is due within the time that the specification
        gives, and before labelling closes.
     6. No item has more labels than the specification asks for: each is paid for.

    Returns:
        how many entries were looked at.
    Raises:
        Mismatch: naming the first entry that differs.
    """
    row, spec = rows.rows[0], charter.specification
    pairs = (
        ("specification", row.entry.specification, spec.digest),
        ("root of the items", row.entry.items, spec.items.root),
        ("number of items", row.entry.item_count, spec.items.count),
        ("root of the gold answers", row.entry.gold, spec.gold.root),
        ("number of gold answers", row.entry.gold_count, spec.gold.count),
        ("campaign id", row.entry.campaign, campaign_id(charter.terms, domain.chain_id, charter.escrow)),
        ("requester in the terms", row.entry.requester, charter.terms.requester),
        ("brief in the terms", row.entry.specification, charter.terms.brief),
        ("price of a label in the terms", spec.per_label, charter.terms.label_price),
        ("escrow", escrow or charter.escrow, charter.escrow),
    )
    for what, expected, found in pairs:
        if expected != found:
            raise mismatch(row, what, expected, found)
    _check_due(rows, spec)
    _check_demand(rows, spec)
    return 1 + len(rows.assignments) + len(rows.labels)


def _check_due(rows: CampaignRows, spec: Specification) -> None:  # 5
    for row in rows.assignments:
        if not spec.opens_at <= row.entry.assigned_at < spec.closes_at:
            when = f"{spec.opens_at} to {spec.closes_at - 1}"
            raise mismatch(row, "time of its assignment", when, row.entry.assigned_at)
        latest = min(row.entry.assigned_at + spec.assignment_seconds, spec.closes_at)
        if row.entry.due_at > latest:
            raise mismatch(row, "due time", f"{latest} or earlier", row.entry.due_at)


def _check_demand(rows: CampaignRows, spec: Specification) -> None:  # 6
    answers: Counter[bytes] = Counter()
    for row in rows.labels:
        answers[row.entry.item] += 1
        if answers[row.entry.item] > spec.labels_per_item:
            raise mismatch(row, "labels of its item", spec.labels_per_item, answers[row.entry.item])


def check_items(rows: CampaignRows, charter: Charter, openings: Openings) -> int:
    """Check the items and gold answers of a campaign against what its entry commits to.

     1. The item ids, in position order, are as many as the entry says and give its root; none comes twice.
     2. The gold answers, in order of their items, give its root; each opens its commitment, is one of the
        schema's answers, and is about an item of the campaign.
     3. Every assignment is of an item of the campaign.
     4. The documents that come with the openings are those that were checked before.

    Returns:
        how many items, gold answers and assignments were looked at.
    Raises:
        Mismatch: naming the campaign's or the assignment's entry.
    """
    row, items = rows.rows[0], frozenset(openings.items)
    if len(openings.items) != row.entry.item_count or len(items) != row.entry.item_count:
        raise mismatch(row, "number of distinct items", row.entry.item_count, len(items))
    root = root_of_data(openings.items)
    if root != row.entry.items:
        raise mismatch(row, "root of the items", row.entry.items, root)
    leaves = [item + _commitment(opening) for item, opening in sorted(openings.gold.items())]
    if len(leaves) != row.entry.gold_count or root_of_data(leaves) != row.entry.gold:
        raise mismatch(row, "root of the gold answers", row.entry.gold, root_of_data(leaves))
    for item, opening in openings.gold.items():
        if item not in items:
            raise mismatch(row, "item of a gold answer", "one of the campaign", item)
        if charter.specification.answer_index(opening.content) is None:
            raise mismatch(row, f"gold answer of item 0x{item.hex()}", "one of the schema", opening.content)
    for assignment in rows.assignments:
        if assignment.entry.item not in items:
            raise mismatch(assignment, "item", "one of the campaign", assignment.entry.item)
    if Charter.from_json(openings.documents) != charter:
        raise mismatch(row, "documents in the openings", "those that are published", "others")
    return len(items) + len(leaves) + len(rows.assignments)


def _commitment(opening: Opening) -> bytes:
    try:
        return commitments.commit(opening.content, opening.salt)
    except BadInput:
        return b""  # no commitment of anything: the root cannot come out
