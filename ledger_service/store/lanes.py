"""Which account of a chain once did something, when it may be another one now."""

from __future__ import annotations

from sqlalchemy import Connection, select

from ledger_service.store.chain import Lane, State
from ledger_service.store.chain_tables import intents


def lane_of(connection: Connection, chain_id: int, key: str) -> Lane | None:
    """The lane whose intent of this key is done on the chain; None where there is none."""
    query = (
        select(intents.c.account)
        .where(
            intents.c.chain_id == chain_id,
            intents.c.key == key,
            intents.c.state.in_((State.MINED, State.FINAL)),
        )
        .order_by(intents.c.id)
        .limit(1)
    )
    account = connection.execute(query).scalar_one_or_none()
    return None if account is None else Lane(chain_id, account)
