"""The rows of a service that stand in no entry and under no opening, a page at a time: for a copy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Select, select

from ledger_service.store import chain_tables, tables
from ledger_service.store.chain import Lane

_CAMPAIGNS = 100  # that are looked up at once

Numbered = tuple[int, dict[str, Any]]
"""A row by the names of its columns, and its number among those of its kind."""


class ServiceState:
    """Pages of rows after a number."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def campaigns(self, after: int, limit: int) -> list[Numbered]:
        """All campaigns, drafts too, by number."""
        rows = tables.campaigns
        return self._by(select(rows).where(rows.c.number > after).order_by(rows.c.number), "number", limit)

    def campaign_numbers(self, after: int) -> Iterator[tuple[int, bytes, str]]:
        """(number, id, requester) of all campaigns from a number on."""
        rows = tables.campaigns
        query = select(rows.c.number, rows.c.campaign, rows.c.requester).order_by(rows.c.number)
        while True:
            page = self._connection.execute(query.where(rows.c.number >= after).limit(_CAMPAIGNS)).all()
            for number, campaign, requester in page:
                yield number, campaign, requester
                after = number + 1
            if len(page) < _CAMPAIGNS:
                return

    def gold(self, campaign: bytes, after: int, limit: int) -> list[Numbered]:
        """A campaign's gold answers by item."""
        rows = tables.gold
        return self._page(select(rows).where(rows.c.campaign == campaign).order_by(rows.c.item), after, limit)

    def auditors(self, after: int, limit: int) -> list[Numbered]:
        """Who may audit which campaign."""
        rows = tables.auditors
        return self._page(select(rows).order_by(rows.c.campaign, rows.c.address), after, limit)

    def workers(self, after: int, limit: int) -> list[Numbered]:
        """What workers say of themselves."""
        rows = tables.workers
        return self._page(select(rows).order_by(rows.c.worker), after, limit)

    def offers(self, after: int, limit: int) -> list[Numbered]:
        """Who has joined which campaign, for what."""
        rows = tables.offers
        return self._page(select(rows).order_by(rows.c.campaign, rows.c.worker), after, limit)

    def matchings(self, after: int, limit: int) -> list[Numbered]:
        """Matching runs by index."""
        rows = tables.matchings
        return self._by(select(rows).where(rows.c.index > after).order_by(rows.c.index), "index", limit)

    def labels(self, after: int, limit: int) -> list[Numbered]:
        """Labels by index, without their openings."""
        rows, log = tables.labels, tables.log_entries
        # By the log's own order: there is no index on the labels' alone.
        query = (
            select(rows.c.index, rows.c.leaf, rows.c.assignment, rows.c.grant_leaf)
            .add_columns(rows.c.deadline, rows.c.receipt)
            .join(log, log.c.leaf == rows.c.leaf)
            .where(log.c.index > after, log.c.kind == "Label")
            .order_by(log.c.index)
        )
        return self._by(query, "index", limit)

    def anchors(self, after: int, limit: int) -> list[Numbered]:
        """Heads that were sent to the chain, by size."""
        rows = tables.anchors
        return self._by(select(rows).where(rows.c.size > after).order_by(rows.c.size), "size", limit)

    def payrolls(self, after: int, limit: int) -> list[Numbered]:
        """Payrolls by campaign."""
        rows = tables.payrolls
        return self._page(select(rows).order_by(rows.c.campaign, rows.c.epoch), after, limit)

    def intents(self, after: int, limit: int) -> list[Numbered]:
        """What was begun on the chain, or refused there, with the hashes of all its transactions."""
        rows, tries = chain_tables.intents, chain_tables.attempts
        begun = select(rows).where(rows.c.state != "QUEUED", rows.c.id > after).order_by(rows.c.id)
        found = self._by(begun, "id", limit)
        hashes = select(tries.c.intent, tries.c.hash).where(tries.c.intent.in_([at for at, _ in found]))
        by_intent: dict[int, list[bytes]] = {at: [] for at, _ in found}
        for intent, digest in self._connection.execute(hashes.order_by(tries.c.intent, tries.c.number)):
            by_intent[intent].append(digest)
        return [(at, row | {"attempts": by_intent[at]}) for at, row in found]

    def lanes(self) -> list[tuple[Lane, bytes, int]]:
        """Every account that transactions were made with: its lane, block 0 of its chain, its first nonce."""
        rows = chain_tables.lanes
        return [
            (Lane(row.chain_id, row.account), bytes(row.genesis), row.first_nonce)
            for row in self._connection.execute(select(rows).order_by(rows.c.account))
        ]

    def _by(self, query: Select[Any], column: str, limit: int) -> list[Numbered]:
        found = self._connection.execute(query.limit(limit))
        return [(row._mapping[column], dict(row._mapping)) for row in found]

    def _page(self, query: Select[Any], after: int, limit: int) -> list[Numbered]:
        """Rows numbered as they stand. One that comes in between moves the others on: then a page begins with
        a row that was given already, and none is left out."""
        found = self._connection.execute(query.offset(after + 1).limit(limit))
        return [(after + 1 + at, dict(row._mapping)) for at, row in enumerate(found)]
