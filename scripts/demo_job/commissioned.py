"""What a requester has published: one campaign, or each of those that share a specification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledger_service import commitments, entries
from ledger_service.commitments import Json
from ledger_service.log.hashing import leaf_hash
from ledger_service.log.tree import Tree
from ledger_service.terms import Terms


@dataclass(frozen=True, slots=True)
class ItemOpening:
    """An item's id (32 bytes), and what opens it."""

    item: bytes
    content: Json
    salt: bytes


@dataclass(frozen=True, slots=True)
class GoldOpening:
    """The known answer of an item, and what opens its commitment; sorted by item."""

    item: bytes
    content: Json
    salt: bytes


@dataclass(frozen=True, slots=True)
class Share:
    """The items and gold answers of one campaign, items by position."""

    items: tuple[ItemOpening, ...]
    gold: tuple[GoldOpening, ...]

    @property
    def items_root(self) -> bytes:
        """The RFC 6962 root over the item ids."""
        return Tree(leaf_hash(opening.item) for opening in self.items).root()

    @property
    def gold_root(self) -> bytes:
        """The RFC 6962 root over item ids and commitments of the known answers."""
        leaves = [one.item + commitments.commit(one.content, one.salt) for one in self.gold]
        return Tree(leaf_hash(leaf) for leaf in leaves).root()

    def to_json(self) -> dict[str, Any]:
        """As the specification names them."""
        return {
            "items": {"count": len(self.items), "root": "0x" + self.items_root.hex()},
            "gold": {"count": len(self.gold), "root": "0x" + self.gold_root.hex()},
        }

    def entry(self, terms: Terms, campaign: bytes, created_at: int) -> entries.Campaign:
        """The entry that the requester signs."""
        return entries.Campaign(
            campaign=campaign,
            requester=terms.requester,
            specification=terms.brief,
            items=self.items_root,
            item_count=len(self.items),
            gold=self.gold_root,
            gold_count=len(self.gold),
            created_at=created_at,
        )


@dataclass(frozen=True, slots=True)
class Commissioned:
    """A campaign that the service knows; `budget` is the most that it can cost, token minor units."""

    terms: Terms
    campaign: bytes
    share: Share
    budget: int

    @property
    def path(self) -> str:
        """Its place in the API."""
        return f"/v1/campaigns/0x{self.campaign.hex()}"
