"""What the watcher has read about one campaign or one head, as far as it is final."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from ledger_service.store.chain_tables import events


@dataclass(frozen=True, slots=True)
class Dispute:
    """Somebody contests a payroll or a redemption; `reason` is a digest, `upheld` None before a ruling."""

    disputer: str
    reason: bytes
    upheld: bool | None


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A payroll paid `worker` less than the `stated` amount that the operator had signed."""

    worker: str
    stated: int


@dataclass(frozen=True, slots=True)
class Redemption:
    """What an account asks for after the operator's silence, in all: by statement, and by labels."""

    account: str
    statement: int
    labels: int
    dispute: Dispute | None


class OnChain:
    """Final events, asked by what they are about."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def deposited(self, campaign: bytes) -> int:
        """What has arrived for a campaign, in token minor units."""
        return sum(int(args["amount"]) for args in self._about("Deposited", campaign))

    def posted(self, campaign: bytes) -> dict[int, bytes]:
        """The root of each payroll that was posted, by its number."""
        return {
            int(args["epoch"]): bytes.fromhex(args["root"][2:]) for args in self._about("Posted", campaign)
        }

    def evidence(self, campaign: bytes) -> dict[int, int]:
        """The size of the anchored head that each payroll was posted on, by its number."""
        return {int(args["epoch"]): int(args["evidence"]) for args in self._about("Posted", campaign)}

    def fee_collected(self, campaign: bytes) -> int:
        """What the operator has received for a campaign, in token minor units."""
        return sum(int(args["amount"]) for args in self._about("FeeCollected", campaign))

    def settled_epochs(self, campaign: bytes) -> list[int]:
        """Payroll epochs that are settled."""
        return [int(args["epoch"]) for args in self._about("Settled", campaign)]

    def voided_epochs(self, campaign: bytes) -> list[int]:
        """Payroll epochs that are void, by the arbiter's ruling or by a statement that was not kept."""
        return [int(args["epoch"]) for args in self._about("Voided", campaign)]

    def dispute(self, campaign: bytes, epoch: int) -> Dispute | None:
        """The dispute of a payroll: there is one at most."""
        opened = [args for args in self._about("Disputed", campaign) if int(args["epoch"]) == epoch]
        ruled = [args["upheld"] for args in self._about("Ruled", campaign) if int(args["epoch"]) == epoch]
        return _dispute(opened[0], ruled) if opened else None

    def enforced(self, campaign: bytes, epoch: int) -> Shortfall | None:
        """The statement that made a payroll void, if one did."""
        for args in self._about("Enforced", campaign):
            if int(args["epoch"]) == epoch:
                return Shortfall(args["account"], int(args["amount"]))
        return None

    def redemptions(self, campaign: bytes) -> list[Redemption]:
        """What each account has redeemed, in the order in which they began."""
        sums = {args["account"]: args for args in self._about("Redeemed", campaign)}  # the last one counts
        opened = {args["account"]: args for args in self._about("RedemptionDisputed", campaign)}
        ruled = {args["account"]: args["upheld"] for args in self._about("RedemptionRuled", campaign)}
        return [
            Redemption(
                account,
                int(args["statement"]),
                int(args["labels"]),
                _dispute(opened[account], [ruled[account]] if account in ruled else [])
                if account in opened
                else None,
            )
            for account, args in sums.items()
        ]

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


def _dispute(opened: dict[str, Any], ruled: list[bool]) -> Dispute:
    return Dispute(opened["disputer"], bytes.fromhex(opened["reason"][2:]), ruled[0] if ruled else None)
