"""A small whole campaign from which the API's examples are cut: real documents, signatures and proofs.

Two texts, two workers, four labels; the keys are example keys, the same in every run. What the engines would
compute (prices, parameters, confidence) is set by hand; everything else is as the service would have made it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import reputation
from ledger_service import commitments, entries, judging, payroll
from ledger_service.commitments import Json
from ledger_service.entries import Domain, Entry, Struct
from ledger_service.log.checkpoint import LogKey, default_origin, sign_checkpoint
from ledger_service.log.receipts import sign_statement
from ledger_service.log.tree import Tree, root_of_data
from ledger_service.signing import Wallet
from ledger_service.specification import Specification
from ledger_service.store.vault import Opening
from ledger_service.terms import Terms, campaign_id
from ledger_service.verify import bundle
from ledger_service.verify.bundle import Logged
from ledger_service.verify.payment import PayrollOpening

CHAIN_ID = 31337
LOG = "0x5fbdb2315678afecb367f032d93f642f64180aa3"
ESCROW = "0xe7f1725e7734ce288f8367e1bb143e90bb3f0512"
TOKEN = "0x9fe46736679d2d9a65f0992f2272de9f3c7fa6e0"  # noqa: S105 - an address
RIGHTS = "0xcf7ed3acca5a467e9e704c703e8d87f634fb0fc9"
NOW = 1_790_000_000
DAY = 86_400
FEE_BPS = 250
BOND = 1_000_000
WORKERS = ("ada", "bob")
TEXTS = ("I would buy it again.", "It broke on the second day.")
ANSWERS = ("positive", "negative")
PER_LABEL, BONUS = 50_000, 10_000
EARNED = len(TEXTS) * (PER_LABEL + BONUS)  # of each worker


def seeded(name: str) -> bytes:
    """32 bytes that look random and are the same in every run."""
    return hashlib.sha256(b"crowdledger example: " + name.encode()).digest()


def wallet(name: str) -> Wallet:
    """The example key of somebody."""
    return Wallet(seeded("key of " + name))


def opening(content: Json, name: str) -> Opening:
    """A content with a salt of its own."""
    return Opening(content, seeded("salt of " + name))


def commitment(opened: Opening) -> bytes:
    """What the log says of an opening, 32 bytes."""
    return commitments.commit(opened.content, opened.salt)


@dataclass(frozen=True)
class Placed:
    """An entry and its index in the log."""

    entry: Entry
    index: int


class ExampleCampaign:
    """The campaign, from its draft to its payroll. Items, labels and truths are in order of position."""

    def __init__(self) -> None:
        self.domain = Domain(CHAIN_ID, LOG)
        self.requester, self.operator = wallet("requester"), wallet("operator")
        self.log_key = LogKey(default_origin(CHAIN_ID, LOG), seeded("log key"))
        self.items = [opening({"text": text}, text) for text in TEXTS]
        self.item_ids = [commitment(item) for item in self.items]
        self.answers = {
            (name, item): opening({"label": label}, f"{name}'s answer {item}")
            for name in WORKERS
            for item, label in enumerate(ANSWERS)
        }
        self.reasons = {key: opening({"rule": "accepted"}, f"reason {key}") for key in self.answers}
        self.truths = [opening({"label": label}, f"truth {label}") for label in ANSWERS]
        self.gold = opening({"label": ANSWERS[0]}, "gold")
        self.document = self._specification()
        self.spec = Specification.from_json(self.document, part=0)
        self.terms = self._terms()
        self.campaign = campaign_id(self.terms, CHAIN_ID, ESCROW)
        self.log: dict[str, Placed] = {}
        self.tree = Tree()
        self._label()
        self._judge()
        self.checkpoint = sign_checkpoint(self.log_key.name, len(self.tree), self.tree.root(), self.log_key)

    def _specification(self) -> dict[str, Json]:
        return {
            "format": "crowdledger-specification@v1",
            "title": "Is the customer content?",
            "instructions": "Read the text and say whether its author is content.",
            "domain": "text/sentiment",
            "languages": ["en"],
            "skills": ["sentiment"],
            "licence": "CC-BY-4.0",
            "schema": {"type": "categorical", "labels": sorted(ANSWERS)},
            "labels_per_item": len(WORKERS),
            "payment": {"per_label": str(PER_LABEL), "agreement_bonus": str(BONUS)},
            "review": {"min_seconds_per_label": 1, "gold": {"min_answers": 1, "min_accuracy_ppm": 500_000}},
            "inference": {"method": reputation.DEFAULT_METHOD, "tolerance_ppm": 1000},
            "assignment_seconds": DAY,
            "opens_at": NOW + 600,
            "closes_at": NOW + 7 * DAY,
            "items": {"count": len(TEXTS), "root": "0x" + root_of_data(self.item_ids).hex()},
            "gold": {
                "count": 1,
                "root": "0x" + root_of_data([self.item_ids[0] + commitment(self.gold)]).hex(),
            },
        }

    def _terms(self) -> Terms:
        return Terms(
            requester=self.requester.address,
            operator=self.operator.address,
            arbiter=wallet("arbiter").address,
            token=TOKEN,
            fee_bps=FEE_BPS,
            window=DAY,
            deadline=NOW + 14 * DAY,
            bond=BOND,
            label_price=PER_LABEL,
            part=0,
            brief=self.spec.digest,
        )

    def _append(self, role: str, struct: Struct, signer: Wallet | None = None) -> bytes:
        """Log an entry under a name of its own; its leaf."""
        signature = signer.sign(entries.digest(struct, self.domain)) if signer else b""
        entry = entries.encode(struct, signature)
        self.log[role] = Placed(entry, self.tree.append(entry.leaf))
        return entry.leaf

    def _label(self) -> None:
        spec, campaign = self.spec, self.campaign
        self._append(
            "campaign",
            entries.Campaign(
                campaign=campaign,
                requester=self.requester.address,
                specification=spec.digest,
                items=spec.items.root,
                item_count=spec.items.count,
                gold=spec.gold.root,
                gold_count=spec.gold.count,
                created_at=NOW,
            ),
            self.requester,
        )
        for name in WORKERS:
            self._append(f"grant {name}", self.grant(name), wallet(name))
        run = self._append("matching", self._matching())
        given = [(name, position) for name in WORKERS for position in range(len(TEXTS))]
        for name, position in given:
            item, worker = self.item_ids[position], wallet(name).address
            struct = entries.Assignment(campaign, item, worker, run, NOW + 700, NOW + 700 + DAY)
            self._append(f"assignment {name} {position}", struct)
        for name, position in given:
            session = wallet(f"{name}'s session")
            self._append(f"label {name} {position}", self.label(name, position), session)

    def grant(self, name: str) -> entries.SessionGrant:
        """A worker lets its session key sign, in any campaign."""
        session = wallet(f"{name}'s session").address
        return entries.SessionGrant(wallet(name).address, session, entries.ZERO32, NOW, NOW + 7 * DAY)

    def label(self, name: str, position: int) -> entries.Label:
        """What a worker says of one item."""
        return entries.Label(
            campaign=self.campaign,
            item=self.item_ids[position],
            worker=wallet(name).address,
            answer=commitment(self.answers[name, position]),
            suggestion=entries.ZERO32,
            made_at=NOW + 760 + 30 * position,
        )

    def _matching(self) -> entries.Matching:
        return entries.Matching(
            campaign=self.campaign,
            inputs=seeded("inputs"),
            model=seeded("model"),
            prices=seeded("prices"),
            assignments=len(self.answers),
            primal=3_600_000,
            dual=3_600_000,
            seed=seeded("seed"),
            made_at=NOW + 700,
        )

    def _judge(self) -> None:
        for name, position in self.answers:
            reason = commitment(self.reasons[name, position])
            leaf, accepted = self.leaf(f"label {name} {position}"), entries.Review.ACCEPTED
            struct = entries.Review(leaf, accepted, reason, self.spec.reviewer, NOW + 2000)
            self._append(f"review {name} {position}", struct)
        run = self._append("run", self._inference())
        for position, item in enumerate(self.item_ids):
            truth = commitment(self.truths[position])
            self._append(f"truth {position}", entries.Truth(self.campaign, item, truth, 991_234, run))
        for name in WORKERS:
            worker, domain = wallet(name).address, self.spec.domain_digest
            self._append(f"reputation {name}", entries.Reputation(worker, domain, 912_000, 163_560, run))
        for name in WORKERS:
            digest = commitments.digest(self.statement(name))
            paid = entries.Payout(self.campaign, wallet(name).address, EARNED, digest, run)
            self._append(f"payout {name}", paid)
        total = EARNED * len(WORKERS)
        self._append("settlement", entries.Settlement(self.campaign, total, True, run))

    def _inference(self) -> entries.InferenceRun:
        return entries.InferenceRun(
            campaign=self.campaign,
            log_size=len(self.tree),
            method=commitments.digest(self.method),
            parameters=commitments.digest(self.parameters),
            labels=len(self.answers),
            iterations=9,
            residual=412,
        )

    @cached_property
    def method(self) -> Json:
        """The document of the inference's method."""
        return reputation.method_document(self.spec.method)

    @cached_property
    def parameters(self) -> Json:
        """The document of what the inference found."""
        members = []
        for hard in ([], [0, 0]):  # the first model has no states of hard items
            rows = {"0": [990_000, 10_000, *hard], "1": [10_000, 990_000, *hard]}
            workers = {wallet(name).address: rows for name in WORKERS}
            members.append({"items": [1_000_000, 1_000_000, *hard], "workers": workers})
        return {"format": "crowdledger-parameters@v2", "members": members}

    def leaf(self, role: str) -> bytes:
        """The leaf hash of an entry, by its name."""
        return self.log[role].entry.leaf

    def statement(self, name: str) -> Json:
        """What a worker has earned, label by label."""
        worker = wallet(name).address
        leaves = [self.leaf(f"label {name} {position}") for position in range(len(TEXTS))]
        lines = [reputation.LabelPay(leaf, worker, PER_LABEL + BONUS) for leaf in leaves]
        return judging.statement(self.campaign, worker, self.leaf("run"), lines)

    def signed_statement(self, name: str) -> Json:
        """The operator's word for it."""
        struct = entries.Statement(self.campaign, wallet(name).address, EARNED, 1, self.leaf("run"))
        signature = sign_statement(struct, self.domain, self.operator)
        return {"epoch": 1, "signature": "0x" + signature.hex(), "operator": self.operator.address}

    def owed(self) -> list[tuple[str, int]]:
        """The payroll: each account with what it is due."""
        return [(wallet(name).address, EARNED) for name in WORKERS]

    def label_bundle(self, name: str, position: int) -> bytes:
        """The proof of one label, once judged."""
        place = f"{name} {position}"
        names = {role: f"{role} {place}" for role in ("assignment", "label", "review")}
        names |= {"campaign": "campaign", "grant": f"grant {name}", "matching": "matching", "run": "run"}
        names["truth"] = f"truth {position}"
        opened = {
            "item": self.items[position],
            "answer": self.answers[name, position],
            "reason": self.reasons[name, position],
            "truth": self.truths[position],
        }
        return self._bundle(bundle.LABEL, names, {key: value.to_json() for key, value in opened.items()})

    def payment_bundle(self, name: str) -> bytes:
        """The proof of one payment."""
        names = {role: role for role in ("campaign", "run", "settlement")} | {"payout": f"payout {name}"}
        index = WORKERS.index(name)
        path = tuple(payroll.path(self.campaign, self.owed(), index))
        posted = PayrollOpening(index, path, payroll.root(self.campaign, self.owed()))
        openings = {
            "statement": self.statement(name),
            "signed_statement": self.signed_statement(name),
            "payroll": posted.to_json(),
        }
        return self._bundle(bundle.PAYMENT, names, openings)

    def _bundle(self, kind: str, names: dict[str, str], openings: dict[str, Json]) -> bytes:
        logged = {}
        for role, name in names.items():
            placed = self.log[name]
            logged[role] = Logged(placed.entry.raw, placed.index, self.tree.inclusion_proof(placed.index))
        public = {"specification": self.document, "terms": self.terms.to_json(), "escrow": ESCROW}
        key = str(self.log_key.verifier)
        return bundle.build(kind, self.domain, key, self.checkpoint, logged, public | openings)
