"""items ── publish ─▶ a Campaign entry: what is asked, and the gold answers, fixed before any work starts.

The requester's client sends the terms and the signed entry first, then items and gold answers in batches, and
publishes. Nothing is trusted: every root and id is computed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger_service import commitments, entries
from ledger_service.commitments import Json
from ledger_service.errors import BadInput, Conflict, NotYours
from ledger_service.flow.context import Ledger
from ledger_service.log.tree import root_of_data
from ledger_service.specification import Specification
from ledger_service.store.campaigns import CampaignRow, GoldRow, ItemRow
from ledger_service.store.store import UnitOfWork
from ledger_service.store.vault import Opening
from ledger_service.terms import Terms, campaign_id

MAX_CONTENT_BYTES = 200_000
MAX_DRAFTS = 100
MAX_CLOCK_DRIFT = 600
MIN_WINDOW, MAX_WINDOW = 86_400, 30 * 86_400


@dataclass(frozen=True, slots=True)
class Item:
    """One item as the requester sends it."""

    position: int
    opening: Opening


@dataclass(frozen=True, slots=True)
class GoldAnswer:
    """The known answer of one item."""

    item: bytes
    opening: Opening


def campaign_struct(
    campaign: bytes, requester: str, spec: Specification, created_at: int
) -> entries.Campaign:
    """The entry that the requester signs."""
    return entries.Campaign(
        campaign=campaign,
        requester=requester,
        specification=spec.digest,
        items=spec.items.root,
        item_count=spec.items.count,
        gold=spec.gold.root,
        gold_count=spec.gold.count,
        created_at=created_at,
    )


def draft(
    uow: UnitOfWork,
    ledger: Ledger,
    caller: str,
    terms: Terms,
    document: Json,
    created_at: int,
    signature: bytes,
) -> CampaignRow:
    """Take a campaign's terms, specification and signed entry; the same again is no second campaign.

    Raises:
        BadInput: terms and specification that contradict each other, this service or the clock.
        BadSignature: the entry is not signed by the requester.
    """
    spec = Specification.from_json(document, terms.part)
    _check_terms(ledger, caller, terms, spec, created_at)
    campaign = campaign_id(terms, ledger.domain.chain_id, ledger.escrow.address)
    struct = campaign_struct(campaign, caller, spec, created_at)
    entries.check_signer(struct, signature, ledger.domain, caller)
    if uow.campaigns.drafts(caller, but=campaign) >= MAX_DRAFTS:
        raise Conflict(f"you have {MAX_DRAFTS} drafts: publish one first")
    uow.campaigns.add(
        {
            "campaign": campaign,
            "requester": caller,
            "terms": terms.to_json(),
            "specification": document,
            "signature": signature,
            "created_at": created_at,
            "budget": spec.budget(terms.fee_bps),
        }
    )
    return uow.campaigns.get(campaign)


def put_items(uow: UnitOfWork, caller: str, campaign: bytes, items: Sequence[Item]) -> int:
    """Store a batch of items of a draft; returns how many there are now.

    Raises:
        NotYours: not the caller's campaign.  Conflict: published already.  BadInput: content or position.
    """
    row = _own_draft(uow, caller, campaign)
    count = row.spec.items.count
    rows = []
    for item in items:
        if not 0 <= item.position < count:
            raise BadInput(f"the specification has positions 0 to {count - 1}, not {item.position}")
        check_content(item.opening.content)
        sealed = uow.vault.seal(caller, item.opening)
        rows.append(ItemRow(item.position, item.opening.commitment, sealed))
    if len({r.position for r in rows}) < len(rows) or len({r.item for r in rows}) < len(rows):
        raise BadInput("a batch names each position and each item once")
    uow.items.put(campaign, rows)
    return uow.items.count(campaign)


def put_gold(uow: UnitOfWork, caller: str, campaign: bytes, gold: Sequence[GoldAnswer]) -> int:
    """Store a batch of gold answers of a draft; returns how many there are now.

    Raises:
        NotYours: not the caller's campaign.  Conflict: published already.  BadInput: not in the schema.
    """
    row = _own_draft(uow, caller, campaign)
    spec = row.spec
    if any(spec.answer_index(answer.opening.content) is None for answer in gold):
        raise BadInput("a gold answer has to be one of the schema's labels")
    if len({answer.item for answer in gold}) < len(gold):
        raise BadInput("a batch names each item once")
    unknown = {answer.item for answer in gold} - uow.items.find(campaign, [a.item for a in gold]).keys()
    if unknown:
        raise BadInput(f"the campaign has no item 0x{min(unknown).hex()}: send the items first")
    rows = [
        GoldRow(answer.item, answer.opening.commitment, uow.vault.seal(caller, answer.opening))
        for answer in gold
    ]
    uow.items.put_gold(campaign, rows)
    return uow.items.count_gold(campaign)


def clear_gold(uow: UnitOfWork, caller: str, campaign: bytes) -> None:
    """Forget the gold answers of a draft. Raises as `put_gold` does."""
    _own_draft(uow, caller, campaign)
    uow.items.clear_gold(campaign)


def publish(uow: UnitOfWork, ledger: Ledger, caller: str, campaign: bytes) -> CampaignRow:
    """Check items and gold against their roots and append the Campaign entry; published twice is once.

    Raises:
        NotYours: not the caller's campaign.  Conflict: something is missing or does not give the root.
    """
    row = uow.campaigns.get(campaign, lock=True)
    if row.requester != caller:
        raise NotYours("there is no such campaign")
    if row.state != "draft":
        return row
    spec = row.spec
    _check_roots(uow, campaign, spec)
    struct = campaign_struct(campaign, caller, spec, row.created_at)
    entry = entries.encode(struct, row.signature)
    # Crash before the commit: still a draft, publishing again does the same. After it: the row says so.
    (index,) = uow.log.append([entry])
    uow.campaigns.change(campaign, state="published", leaf=entry.leaf, index=index)
    return uow.campaigns.get(campaign)


def check_content(content: Json) -> None:
    """An item's content is what a worker can be shown: text, an image as a data URL, or both.

    Raises:
        BadInput: anything else, or too long.
    """
    if not isinstance(content, dict) or not content or not set(content) <= {"text", "image"}:
        raise BadInput("an item's content has text, or an image, or both")
    if not all(isinstance(value, str) and value for value in content.values()):
        raise BadInput("each part of an item's content is a text")
    if len(commitments.canonical(content)) > MAX_CONTENT_BYTES:
        raise BadInput(f"an item's content has at most {MAX_CONTENT_BYTES} bytes")
    if "image" in content and not content["image"].startswith(
        ("data:image/png;base64,", "data:image/jpeg;base64,", "data:image/webp;base64,")
    ):
        raise BadInput("an image is a data URL of a PNG, JPEG or WebP in base64")


def gold_leaf(item: bytes, answer: bytes) -> bytes:
    """What the gold tree has as leaf data for one item: the item's id and the answer's commitment."""
    return item + answer


def _check_terms(ledger: Ledger, caller: str, terms: Terms, spec: Specification, created_at: int) -> None:
    if terms.requester != caller:
        raise BadInput("the terms name another requester")
    if terms.brief != spec.digest:
        raise BadInput("terms.brief is not the digest of the specification")
    if terms.label_price != spec.per_label:
        raise BadInput(f"terms.labelPrice is the specification's price of a label, {spec.per_label}")
    _check_policy(ledger, terms)
    if not MIN_WINDOW <= terms.window <= MAX_WINDOW:
        raise BadInput("the dispute window is 1 to 30 days")
    if spec.closes_at + ledger.policy.judging_seconds > terms.deadline:
        raise BadInput(f"labelling closes at least {ledger.policy.judging_seconds} s before the deadline")
    if spec.closes_at <= ledger.clock.now():
        raise BadInput("labelling would close in the past")
    if abs(ledger.clock.now() - created_at) > MAX_CLOCK_DRIFT:
        raise BadInput("created_at is not now")


def _check_policy(ledger: Ledger, terms: Terms) -> None:
    """Workers rely on these: an arbiter or a token of the requester's own could take their pay."""
    policy = ledger.policy
    if terms.operator != ledger.operator.address:
        raise BadInput(f"the terms have to name the operator {ledger.operator.address}")
    if terms.arbiter != policy.arbiter:
        raise BadInput(f"the terms have to name the arbiter {policy.arbiter}")
    if terms.token not in policy.tokens:
        raise BadInput(f"campaigns here pay in {', '.join(sorted(policy.tokens)) or 'no token yet'}")
    if terms.bond != policy.bond or terms.fee_bps != policy.fee_bps:
        raise BadInput(f"the bond is {policy.bond}, the fee {policy.fee_bps} basis points")


def _check_roots(uow: UnitOfWork, campaign: bytes, spec: Specification) -> None:
    ids = uow.items.ids(campaign)
    gold = uow.items.gold(campaign)
    if len(ids) != spec.items.count or len(gold) != spec.gold.count:
        raise Conflict(
            f"of {spec.items.count} items {len(ids)} are here, of {spec.gold.count} gold answers {len(gold)}"
        )
    if root_of_data(ids) != spec.items.root:
        raise Conflict("the items do not give the specification's items root")
    if root_of_data(gold_leaf(answer.item, answer.answer) for answer in gold) != spec.gold.root:
        raise Conflict("the gold answers do not give the specification's gold root")
    if not {answer.item for answer in gold} <= set(ids):
        raise Conflict("a gold answer names an item that was replaced: clear the gold answers first")


def _own_draft(uow: UnitOfWork, caller: str, campaign: bytes) -> CampaignRow:
    row = uow.campaigns.get(campaign, lock=True)
    if row.requester != caller:
        raise NotYours("there is no such campaign")
    if row.state != "draft":
        raise Conflict("the campaign is published: its items and gold answers are fixed")
    return row
