"""What the watcher has read about one campaign or one head, as far as it is final."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from ledger_service.store.chain_tables import events


class OnChain:
    """Final events, asked by what they are about."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def deposited(self, campaign: bytes) -> int:
        """What has arrived for a campaign, in token minor units."""
        return sum(int(args["amount"]) for args in self._about("Deposited", campaign))

    def posted_epochs(self, campaign: bytes) -> list[int]:
        """Payroll epochs that were posted."""
        return [int(args["epoch"]) for args in self._about("Posted", campaign)]

    def settled_epochs(self, campaign: bytes) -> list[int]:
        """Payroll epochs that are settled."""
        return [int(args["epoch"]) for args in self._about("Settled", campaign)]

    def voided_epochs(self, campaign: bytes) -> list[int]:
        """Payroll epochs that the arbiter declared void."""
        return [int(args["epoch"]) for args in self._about("Voided", campaign)]

    def refunded(self, campaign: bytes) -> bool:
        """Whether the requester has taken back what was left."""
        return bool(self._about("Refunded", campaign))

    def anchored(self, size: int) -> bytes | None:
        """The root that was anchored at a size, if one was."""
        query = select(events.c.args).where(
            events.c.name == "Anchored", events.c.final, events.c.args["size"].astext == str(size)
        )
        args = self._connection.scalars(query).first()
        return None if args is None else bytes.fromhex(args["root"][2:])

    def _about(self, name: str, campaign: bytes) -> list[dict[str, Any]]:
        query = (
            select(events.c.args)
            .where(events.c.name == name, events.c.final)
            .where(events.c.args["id"].astext == "0x" + campaign.hex())
            .order_by(events.c.id)
        )
        return list(self._connection.scalars(query))
