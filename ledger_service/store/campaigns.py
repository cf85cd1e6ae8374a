"""Campaigns, who may audit them, and their items and gold answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from ledger_service.commitments import Json
from ledger_service.errors import NotYours
from ledger_service.specification import Specification
from ledger_service.store.rows import among, columns, many, one
from ledger_service.store.tables import auditors, campaigns, gold, items
from ledger_service.terms import Terms


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """One campaign; `leaf` and `index` are those of its entry, once published.

    `workers` is how many were ever given work.
    """

    number: int
    campaign: bytes
    requester: str
    terms: Json
    specification: Json
    signature: bytes
    created_at: int
    state: str
    closing: bool
    budget: int
    workers: int
    leaf: bytes | None
    index: int | None

    @property
    def escrow_terms(self) -> Terms:
        """The terms as the contract takes them."""
        return Terms.from_json(self.terms)

    @property
    def spec(self) -> Specification:
        """The specification as this campaign sees it: its part, where the document has several."""
        return Specification.from_json(self.specification, self.escrow_terms.part)


@dataclass(frozen=True, slots=True)
class PartRow:
    """One published campaign of a specification that several share."""

    campaign: bytes
    part: int
    state: str
    closing: bool
    workers: int


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One item at its position; the opening is sealed for the requester."""

    position: int
    item: bytes
    opening: bytes


@dataclass(frozen=True, slots=True)
class GoldRow:
    """One item whose answer is known beforehand; `answer` is the commitment."""

    item: bytes
    answer: bytes
    opening: bytes


class Campaigns:
    """The campaign rows."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, values: dict[str, Any]) -> bool:
        """Insert a draft; False when the campaign is there already."""
        row = insert(campaigns).values(**values).on_conflict_do_nothing(index_elements=["campaign"])
        return self._connection.execute(row.returning(campaigns.c.number)).one_or_none() is not None

    def get(self, campaign: bytes, *, lock: bool = False) -> CampaignRow:
        """The campaign.

        Raises:
            NotYours: there is none.
        """
        query = select(*columns(campaigns, CampaignRow)).where(campaigns.c.campaign == campaign)
        if lock:
            # FOR NO KEY UPDATE: rows that merely refer to the campaign can be inserted meanwhile, so that a
            # label, which holds the log's head, does not wait for a step that waits for the head.
            query = query.with_for_update(key_share=True)
        found = one(CampaignRow, self._connection.execute(query).first())
        if found is None:
            raise NotYours("there is no such campaign")
        return found

    def states(self, wanted: Iterable[bytes]) -> dict[bytes, str]:
        """The state of each named campaign that exists."""
        query = select(campaigns.c.campaign, campaigns.c.state).where(among(campaigns.c.campaign, wanted))
        return {campaign: state for campaign, state in self._connection.execute(query)}

    def page(self, after: int, limit: int, brief: bytes | None = None) -> list[CampaignRow]:
        """Published campaigns in order of creation, after a number; those of one specification if named."""
        query = (
            select(*columns(campaigns, CampaignRow))
            .where(campaigns.c.number > after, campaigns.c.state != "draft")
            .order_by(campaigns.c.number)
            .limit(limit)
        )
        if brief is not None:
            query = query.where(campaigns.c.terms["brief"].astext == "0x" + brief.hex())
        return many(CampaignRow, self._connection.execute(query))

    def parts(self, requester: str, brief: bytes) -> list[PartRow]:
        """A requester's published campaigns of one specification, by part."""
        part = campaigns.c.terms["part"].as_integer()
        query = (
            select(campaigns.c.campaign, part.label("part"), campaigns.c.state, campaigns.c.closing)
            .add_columns(campaigns.c.workers)
            .where(campaigns.c.terms["brief"].astext == "0x" + brief.hex())
            .where(campaigns.c.requester == requester, campaigns.c.state != "draft")
            .order_by(part, campaigns.c.number)
        )
        return many(PartRow, self._connection.execute(query))

    def drafts(self, requester: str, but: bytes) -> int:
        """How many drafts a requester has, without one."""
        query = (
            select(func.count())
            .where(campaigns.c.requester == requester, campaigns.c.state == "draft")
            .where(campaigns.c.campaign != but)
        )
        return self._connection.scalar(query) or 0

    def unfinished(self) -> list[bytes]:
        """Ids of the published campaigns that still have a step to take, oldest first."""
        query = (
            select(campaigns.c.campaign)
            .where(campaigns.c.state.not_in(["draft", "finished", "expired"]))
            .order_by(campaigns.c.number)
        )
        return list(self._connection.scalars(query))

    def change(self, campaign: bytes, **values: Any) -> None:
        """Set columns of one campaign."""
        self._connection.execute(update(campaigns).where(campaigns.c.campaign == campaign).values(**values))

    def add_auditor(self, campaign: bytes, address: str) -> None:
        """Let `address` read the campaign's openings; twice is once."""
        row = insert(auditors).values(campaign=campaign, address=address)
        self._connection.execute(row.on_conflict_do_nothing())

    def may_audit(self, campaign: bytes, address: str) -> bool:
        """Whether `address` is the requester or one whom it named."""
        if self.get(campaign).requester == address:
            return True
        query = select(auditors.c.address).where(
            auditors.c.campaign == campaign, auditors.c.address == address
        )
        return self._connection.scalar(query) is not None


class Items:
    """Items and gold answers of campaigns."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, campaign: bytes, rows: Sequence[ItemRow]) -> None:
        """Insert or replace items by position."""
        values = [
            {"campaign": campaign, "position": r.position, "item": r.item, "opening": r.opening} for r in rows
        ]
        row = insert(items)
        changed = {"item": row.excluded.item, "opening": row.excluded.opening}
        self._connection.execute(
            row.on_conflict_do_update(index_elements=["campaign", "position"], set_=changed), values
        )

    def put_gold(self, campaign: bytes, rows: Sequence[GoldRow]) -> None:
        """Insert or replace gold answers by item."""
        values = [
            {"campaign": campaign, "item": r.item, "answer": r.answer, "opening": r.opening} for r in rows
        ]
        row = insert(gold)
        changed = {"answer": row.excluded.answer, "opening": row.excluded.opening}
        self._connection.execute(
            row.on_conflict_do_update(index_elements=["campaign", "item"], set_=changed), values
        )

    def clear_gold(self, campaign: bytes) -> None:
        """Delete the gold answers."""
        self._connection.execute(delete(gold).where(gold.c.campaign == campaign))

    def count(self, campaign: bytes) -> int:
        """How many items there are."""
        query = select(func.count()).select_from(items).where(items.c.campaign == campaign)
        return self._connection.scalar(query) or 0

    def count_gold(self, campaign: bytes) -> int:
        """How many gold answers there are."""
        query = select(func.count()).select_from(gold).where(gold.c.campaign == campaign)
        return self._connection.scalar(query) or 0

    def page(self, campaign: bytes, after: int = -1, limit: int | None = None) -> list[ItemRow]:
        """Items in order of position, after a position."""
        query = (
            select(*columns(items, ItemRow))
            .where(items.c.campaign == campaign, items.c.position > after)
            .order_by(items.c.position)
            .limit(limit)
        )
        return many(ItemRow, self._connection.execute(query))

    def ids(self, campaign: bytes) -> list[bytes]:
        """All item ids in order of position."""
        query = select(items.c.item).where(items.c.campaign == campaign).order_by(items.c.position)
        return list(self._connection.scalars(query))

    def find(self, campaign: bytes, wanted: Sequence[bytes]) -> dict[bytes, ItemRow]:
        """The named items that exist, by id."""
        query = select(*columns(items, ItemRow)).where(
            items.c.campaign == campaign, among(items.c.item, wanted)
        )
        return {row.item: row for row in many(ItemRow, self._connection.execute(query))}

    def gold(self, campaign: bytes) -> list[GoldRow]:
        """The gold answers, by item id."""
        query = select(*columns(gold, GoldRow)).where(gold.c.campaign == campaign).order_by(gold.c.item)
        return many(GoldRow, self._connection.execute(query))
