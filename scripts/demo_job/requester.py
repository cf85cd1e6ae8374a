"""The requester: describes the campaign, commits to items and hidden gold, funds it, takes the rest back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledger_service import commitments, entries
from ledger_service.errors import BadInput
from ledger_service.log.hashing import leaf_hash
from ledger_service.log.tree import Tree
from ledger_service.terms import Terms, campaign_id
from scripts.demo_job import escrow
from scripts.demo_job.client import ApiError, Session
from scripts.demo_job.crowd import Crowd
from scripts.demo_job.info import Info
from scripts.demo_job.keys import Secrets
from scripts.demo_job.rpc import Chain, Order

HOUR, DAY = 3600, 86_400
PER_LABEL, AGREEMENT_BONUS = 50_000, 10_000  # 0.05 and 0.01 of a token with six decimals
WINDOW = DAY
ITEMS_A_REQUEST = 200
Json = Any


@dataclass(frozen=True, slots=True)
class ItemOpening:
    """An item's position and id (32 bytes), and what opens the id."""

    position: int
    item: bytes
    content: Json
    salt: bytes


class Requester:
    """One requester with one campaign."""

    def __init__(self, session: Session, chain: Chain, secrets: Secrets, crowd: Crowd, info: Info) -> None:
        self._session, self._chain, self._secrets = session, chain, secrets
        self._crowd, self._info = crowd, info
        self.items = [self._commit_item(position) for position in range(len(crowd.items))]
        self.gold: list[tuple[bytes, Json, bytes]] = []
        self.opens_at = 0
        self.budget = 0
        self._terms: Terms | None = None

    @property
    def address(self) -> str:
        """The requester's account."""
        return self._session.address

    @property
    def terms(self) -> Terms:
        """The campaign's terms; known once it has been created."""
        if self._terms is None:
            raise BadInput("the campaign has not been created")
        return self._terms

    @property
    def campaign(self) -> bytes:
        """The campaign's id, 32 bytes."""
        return campaign_id(self.terms, self._info.domain.chain_id, self._info.escrow)

    @property
    def path(self) -> str:
        """The campaign's place in the API."""
        return f"/v1/campaigns/0x{self.campaign.hex()}"

    def create(self, seed: str) -> None:
        """Log in, commit to items and gold, and publish the campaign."""
        self._session.login()
        self.gold = sorted(self._commit_gold(position) for position in self._crowd.gold(seed))
        self.opens_at = self._info.now + HOUR
        closes_at = self.opens_at + 7 * DAY
        specification = self._specification(closes_at)
        self._terms = self._make_terms(specification, closes_at + DAY)
        entry = self._entry(specification)
        body = {
            "terms": self.terms.to_json(),
            "specification": specification,
            "created_at": entry.created_at,
            "signature": "0x" + self._session.wallet.sign(entries.digest(entry, self._info.domain)).hex(),
        }
        self.budget = int(self._session.post("/v1/campaigns", body)["budget"])

    def upload(self, part: int) -> int:
        """Send the items of one request, from position `part` on; how many."""
        chunk = self.items[part : part + ITEMS_A_REQUEST]
        rows = [{"position": i.position, "content": i.content, "salt": "0x" + i.salt.hex()} for i in chunk]
        self._session.put(f"{self.path}/items", {"items": rows})
        return len(chunk)

    def publish(self) -> None:
        """Send the hidden gold answers and publish: the log now holds the campaign."""
        rows = [
            {"item": "0x" + item.hex(), "content": content, "salt": "0x" + salt.hex()}
            for item, content, salt in self.gold
        ]
        self._session.put(f"{self.path}/gold", {"gold": rows})
        self._session.post(f"{self.path}/publish")

    def fund(self) -> None:
        """Pay the whole budget in: one permit signature, one transaction that carries it."""
        wallet, token, until = self._session.wallet, self.terms.token, self.terms.deadline
        self._chain.send([Order(wallet, token, escrow.mint(self.address, self.budget))])
        permit = escrow.sign_permit(self._chain, token, wallet, self._info.escrow, self.budget, until)
        data = escrow.deposit_with_permit(self.terms, self.budget, until, permit)
        self._chain.send([Order(wallet, self._info.escrow, data)])

    def name_auditor(self, address: str) -> None:
        """Let an auditor read what the campaign's openings show."""
        self._session.put(f"{self.path}/auditors/{address}")

    def status(self) -> Json:
        """The campaign as the service sees it."""
        return self._session.get(self.path)

    def results(self) -> dict[str, str]:
        """The inferred label of each item, by item id."""
        rows = self._session.pages(f"{self.path}/results", "results", limit=500)
        return {row["item"]: row["label"] for row in rows}

    def close(self) -> None:
        """Ask for no further labels. Nothing happens to a campaign that is closed already."""
        try:
            self._session.post(f"{self.path}/close")
        except ApiError as error:
            if error.status != 409:
                raise

    def take_rest(self) -> int:
        """After the deadline and its windows: refund on chain; how much came back."""
        token = self.terms.token
        [before] = escrow.balances(self._chain, token, [self.address])
        self._chain.send([Order(self._session.wallet, self._info.escrow, escrow.refund(self.terms))])
        [after] = escrow.balances(self._chain, token, [self.address])
        return after - before

    def _commit_item(self, position: int) -> ItemOpening:
        content = dict(self._crowd.items[position].content)
        salt = self._secrets.salt(f"item {position}")
        return ItemOpening(position, commitments.commit(content, salt), content, salt)

    def _commit_gold(self, position: int) -> tuple[bytes, Json, bytes]:
        content = {"label": self._crowd.items[position].truth}
        return self.items[position].item, content, self._secrets.salt(f"gold {position}")

    def _items_root(self) -> bytes:
        return Tree(leaf_hash(opening.item) for opening in self.items).root()

    def _gold_root(self) -> bytes:
        leaves = [item + commitments.commit(content, salt) for item, content, salt in self.gold]
        return Tree(leaf_hash(leaf) for leaf in leaves).root()

    def _specification(self, closes_at: int) -> Json:
        return {
            "format": "crowdledger-specification@v1",
            "title": self._crowd.title,
            "instructions": self._crowd.instructions,
            "domain": self._crowd.domain,
            "languages": ["en"],
            "skills": list(self._crowd.skills),
            "licence": "CC-BY-4.0",
            "schema": {"type": "categorical", "labels": list(self._crowd.classes)},
            "labels_per_item": self._crowd.labels_per_item,
            "payment": {"per_label": str(PER_LABEL), "agreement_bonus": str(AGREEMENT_BONUS)},
            "review": {
                "min_seconds_per_label": 1,
                "gold": {"min_answers": 3, "min_accuracy_ppm": self._gold_bar()},
            },
            "inference": {"method": "dawid-skene", "tolerance_ppm": 1000},
            "assignment_seconds": 3 * DAY,
            "opens_at": self.opens_at,
            "closes_at": closes_at,
            "items": {"count": len(self.items), "root": "0x" + self._items_root().hex()},
            "gold": {"count": len(self.gold), "root": "0x" + self._gold_root().hex()},
        }

    def _gold_bar(self) -> int:
        """Better than a coin for two classes; for more, better than any guessing and fair to the unsure."""
        return 600_000 if len(self._crowd.classes) == 2 else 400_000

    def _make_terms(self, specification: Json, deadline: int) -> Terms:
        return Terms(
            requester=self.address,
            operator=self._info.operator,
            arbiter=self._info.arbiter,
            token=self._info.token,
            fee_bps=self._info.fee_bps,
            window=WINDOW,
            deadline=deadline,
            bond=self._info.bond,
            label_price=PER_LABEL,
            part=0,
            brief=commitments.digest(specification),
        )

    def _entry(self, specification: Json) -> entries.Campaign:
        return entries.Campaign(
            campaign=self.campaign,
            requester=self.address,
            specification=commitments.digest(specification),
            items=self._items_root(),
            item_count=len(self.items),
            gold=self._gold_root(),
            gold_count=len(self.gold),
            created_at=self._info.now,
        )
