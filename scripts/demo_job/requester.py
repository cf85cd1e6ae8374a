"""The requester: describes the work, commits to items and hidden gold, funds it, takes the rest back.

What one payroll cannot hold is several campaigns of one specification, each with a share of the items.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ledger_service import commitments, entries
from ledger_service.terms import Terms, campaign_id
from scripts.demo_job import escrow
from scripts.demo_job.client import ApiError, Session
from scripts.demo_job.commissioned import Commissioned, GoldOpening, ItemOpening, Share
from scripts.demo_job.crowd import Crowd
from scripts.demo_job.info import Info
from scripts.demo_job.keys import Secrets
from scripts.demo_job.rpc import Chain, Order

HOUR, DAY = 3600, 86_400
PER_LABEL, AGREEMENT_BONUS = 50_000, 10_000  # 0.05 and 0.01 of a token with six decimals
WINDOW = DAY
ITEMS_A_REQUEST = 200
Json = Any


class Requester:
    """One requester with its campaigns. `items` are in the crowd's order; part k has every `parts`-th."""

    def __init__(
        self, session: Session, chain: Chain, secrets: Secrets, crowd: Crowd, info: Info, parts: int = 1
    ) -> None:
        self._session, self._chain, self._secrets = session, chain, secrets
        self._crowd, self._info, self._parts = crowd, info, parts
        self.items = [self._commit_item(position) for position in range(len(crowd.items))]
        self.campaigns: list[Commissioned] = []
        self.opens_at = 0

    @property
    def address(self) -> str:
        """The requester's account."""
        return self._session.address

    @property
    def deadline(self) -> int:
        """The last moment for a payroll, the same in all campaigns, in seconds."""
        return self.campaigns[0].terms.deadline

    @property
    def budget(self) -> int:
        """The most that all can cost together."""
        return sum(one.budget for one in self.campaigns)

    def create(self, seed: str) -> None:
        """Log in, commit to items and gold, and draft the campaigns."""
        self._session.login()
        shares = [self._share(part, set(self._crowd.gold(seed))) for part in range(self._parts)]
        self.opens_at = self._info.now + HOUR
        closes_at = self.opens_at + 7 * DAY
        specification = self._specification(closes_at, shares)
        self.campaigns = [
            self._draft(share, self._terms(specification, closes_at + DAY, part), specification)
            for part, share in enumerate(shares)
        ]

    def upload(self, one: Commissioned) -> Iterator[int]:
        """Send a campaign's items, a request at a time; how many each carried."""
        rows = [
            {"position": position, "content": opening.content, "salt": "0x" + opening.salt.hex()}
            for position, opening in enumerate(one.share.items)
        ]
        for start in range(0, len(rows), ITEMS_A_REQUEST):
            chunk = rows[start : start + ITEMS_A_REQUEST]
            self._session.put(f"{one.path}/items", {"items": chunk})
            yield len(chunk)

    def publish(self, one: Commissioned) -> None:
        """Send the hidden gold answers and publish: the log now holds the campaign."""
        rows = [
            {"item": "0x" + gold.item.hex(), "content": gold.content, "salt": "0x" + gold.salt.hex()}
            for gold in one.share.gold
        ]
        if rows:
            self._session.put(f"{one.path}/gold", {"gold": rows})
        self._session.post(f"{one.path}/publish")

    def fund(self, one: Commissioned) -> None:
        """Pay a campaign's whole budget in: one permit signature, one transaction that carries it."""
        wallet, token, until = self._session.wallet, one.terms.token, one.terms.deadline
        self._chain.send([Order(wallet, token, escrow.mint(self.address, one.budget))])
        permit = escrow.sign_permit(self._chain, token, wallet, self._info.escrow, one.budget, until)
        data = escrow.deposit_with_permit(one.terms, one.budget, until, permit)
        self._chain.send([Order(wallet, self._info.escrow, data)])

    def name_auditor(self, address: str) -> None:
        """Let an auditor read what the campaigns' openings show."""
        for one in self.campaigns:
            self._session.put(f"{one.path}/auditors/{address}")

    def status(self) -> list[Json]:
        """The campaigns as the service sees them, by part."""
        return [self._session.get(one.path) for one in self.campaigns]

    def results(self) -> dict[str, str]:
        """The inferred label of each item, by item id."""
        pages = (self._session.pages(f"{one.path}/results", "results", limit=500) for one in self.campaigns)
        return {row["item"]: row["label"] for rows in pages for row in rows}

    def close(self) -> None:
        """Ask for no further labels. Nothing happens to a campaign that is closed already."""
        for one in self.campaigns:
            try:
                self._session.post(f"{one.path}/close")
            except ApiError as error:
                if error.status != 409:
                    raise

    def take_rest(self) -> int:
        """After the deadline and its windows: refunds on chain; how much came back."""
        [before] = escrow.balances(self._chain, self._info.token, [self.address])
        for one in self.campaigns:
            self._chain.send([Order(self._session.wallet, self._info.escrow, escrow.refund(one.terms))])
        [after] = escrow.balances(self._chain, self._info.token, [self.address])
        return after - before

    def _commit_item(self, position: int) -> ItemOpening:
        content = dict(self._crowd.items[position].content)
        salt = self._secrets.salt(f"item {position}")
        return ItemOpening(commitments.commit(content, salt), content, salt)

    def _share(self, part: int, gold: set[int]) -> Share:
        positions = range(part, len(self.items), self._parts)
        known = sorted(
            (self._commit_gold(position) for position in positions if position in gold),
            key=lambda one: one.item,
        )
        return Share(tuple(self.items[position] for position in positions), tuple(known))

    def _commit_gold(self, position: int) -> GoldOpening:
        content = {"label": self._crowd.items[position].truth}
        return GoldOpening(self.items[position].item, content, self._secrets.salt(f"gold {position}"))

    def _draft(self, share: Share, terms: Terms, specification: Json) -> Commissioned:
        campaign = campaign_id(terms, self._info.domain.chain_id, self._info.escrow)
        entry = share.entry(terms, campaign, self._info.now)
        body = {
            "terms": terms.to_json(),
            "specification": specification,
            "created_at": entry.created_at,
            "signature": "0x" + self._session.wallet.sign(entries.digest(entry, self._info.domain)).hex(),
        }
        budget = int(self._session.post("/v1/campaigns", body)["budget"])
        return Commissioned(terms, campaign, share, budget)

    def _specification(self, closes_at: int, shares: list[Share]) -> Json:
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
            "inference": {"method": "latent-class-mean", "tolerance_ppm": 1000},
            "assignment_seconds": 3 * DAY,
            "opens_at": self.opens_at,
            "closes_at": closes_at,
        } | (shares[0].to_json() if len(shares) == 1 else {"parts": [share.to_json() for share in shares]})

    def _gold_bar(self) -> int:
        """Better than a coin for two classes; for more, better than any guessing and fair to the unsure."""
        return 600_000 if len(self._crowd.classes) == 2 else 400_000

    def _terms(self, specification: Json, deadline: int, part: int) -> Terms:
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
            part=part,
            brief=commitments.digest(specification),
        )
