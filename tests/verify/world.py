"""A small, complete campaign with real keys: what the service would have logged, for bundles to be cut from.

Everything is derived from fixed seeds, so the same world comes out of every run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from ledger_service import commitments, entries, payroll
from ledger_service.entries import Domain, Entry, Struct
from ledger_service.log.checkpoint import LogKey, default_origin, sign_checkpoint
from ledger_service.log.cosignature import WitnessKey, with_lines
from ledger_service.log.hashing import leaf_hash
from ledger_service.log.receipts import sign_statement
from ledger_service.log.tree import Tree, root_of_data
from ledger_service.signing import Wallet
from ledger_service.terms import Terms, campaign_id
from ledger_service.verify import bundle as bundles
from ledger_service.verify.bundle import Logged
from ledger_service.verify.payment import PayrollOpening

CHAIN_ID = 31337
LOG_ADDRESS = "0x5fbdb2315678afecb367f032d93f642f64180aa3"
ESCROW = "0xe7f1725e7734ce288f8367e1bb143e90bb3f0512"
NOW = 1_770_000_000


def seeded(name: str) -> bytes:
    """32 bytes that look random and are the same in every run."""
    return hashlib.sha256(b"crowdledger tests: " + name.encode()).digest()


def opened(content: Any, name: str) -> dict[str, Any]:
    return {"content": content, "salt": "0x" + seeded("salt of " + name).hex()}


def committed(opening: dict[str, Any]) -> bytes:
    return commitments.commit(opening["content"], bytes.fromhex(opening["salt"][2:]))


def show(raw: bytes) -> str:
    return "0x" + raw.hex()


def specification(items_root: bytes, gold_root: bytes) -> dict[str, Any]:
    return {
        "format": "crowdledger-specification@v1",
        "title": "Which digit is it?",
        "instructions": "Name the digit that you see.",
        "domain": "image/digits",
        "languages": ["en"],
        "skills": ["digits"],
        "licence": "CC-BY-4.0",
        "schema": {"type": "categorical", "labels": ["0", "1"]},
        "labels_per_item": 1,
        "payment": {"per_label": "50000", "agreement_bonus": "10000"},
        "review": {"min_seconds_per_label": 1, "gold": {"min_answers": 3, "min_accuracy_ppm": 600_000}},
        "inference": {"method": "dawid-skene", "tolerance_ppm": 1000},
        "assignment_seconds": 86_400,
        "items": {"count": 3, "root": show(items_root)},
        "gold": {"count": 1, "root": show(gold_root)},
    }


Change = Callable[[Any], Any]


@dataclass
class World:
    """Builds the log of one campaign. `changes` are applied to a struct of a role before it is signed and
    logged, so that everything after it is consistent with the change and properly signed."""

    changes: dict[str, Change] = field(default_factory=dict)
    signers: dict[str, Wallet] = field(default_factory=dict)
    order: tuple[str, ...] = (
        "campaign", "grant", "matching", "assignment", "label", "other label", "review", "run", "truth",
        "payout", "settlement",
    )  # fmt: skip
    checkpoint_size: int | None = None
    witnesses: tuple[WitnessKey, ...] = ()
    log_address: str = LOG_ADDRESS
    escrow: str = ESCROW
    token: str = "0x" + "70" * 20
    now: int = NOW

    def __post_init__(self) -> None:
        self.domain = Domain(CHAIN_ID, self.log_address)
        self.requester, self.operator = Wallet(seeded("requester")), Wallet(seeded("operator"))
        self.worker, self.session = Wallet(seeded("worker")), Wallet(seeded("session key"))
        self.log_key = LogKey(default_origin(CHAIN_ID, self.log_address), seeded("log key"))
        self.item = opened({"text": "a loop above a loop: ∞ rotated"}, "item")
        self.answer = opened({"label": "1"}, "answer")
        self.reason = opened({"rule": "accepted"}, "reason")
        self.truth = opened({"label": "1"}, "truth")
        for name in ("item", "answer", "reason", "truth"):
            setattr(self, name, self._changed("opened " + name, getattr(self, name)))
        self.entries: dict[str, Entry] = {}
        self.indices: dict[str, int] = {}
        self.tree = Tree()
        self._prepare_campaign()
        for role in self.order:
            self._log(role)
        self.size = self.checkpoint_size or len(self.tree)
        signed = sign_checkpoint(self.log_key.name, self.size, self.tree.root(self.size), self.log_key)
        lines = [key.cosign(signed, self.now + 700 + at) for at, key in enumerate(self.witnesses)]
        self.checkpoint = with_lines(signed, lines)

    def _prepare_campaign(self) -> None:
        items = [committed(self.item), seeded("second item"), seeded("third item")]
        self.gold_root = root_of_data([items[0] + seeded("gold")])
        self.items_root = root_of_data(items)
        self.specification = self._changed("specification", specification(self.items_root, self.gold_root))
        terms = Terms(
            requester=self.requester.address,
            operator=self.operator.address,
            arbiter=Wallet(seeded("arbiter")).address,
            token=self.token,
            fee_bps=500,
            window=86_400,
            deadline=self.now + 30 * 86_400,
            bond=25_000_000,
            label_price=50_000,
            part=0,
            brief=commitments.digest(self.specification),
        )
        self.terms = self._changed("terms", terms)
        self.campaign = campaign_id(self.terms, CHAIN_ID, self.escrow)

    def entry(self, role: str) -> Entry:
        """The signed entry of a role, made when it is first needed."""
        if role not in self.entries:
            struct = self._changed(role, getattr(self, "_" + role.replace(" ", "_"))())
            signer = self.signers.get(role) or {
                "campaign": self.requester,
                "grant": self.worker,
                "label": self.session,
                "other label": self.session,
            }.get(role)
            signature = signer.sign(entries.digest(struct, self.domain)) if signer else b""
            self.entries[role] = entries.encode(struct, signature)
        return self.entries[role]

    def _changed(self, name: str, value: Any) -> Any:
        return self.changes.get(name, lambda same: same)(value)

    def _log(self, role: str) -> None:
        self.indices[role] = self.tree.append(self.leaf(role))
        for filler in range(3):  # so that paths are of different lengths
            self.tree.append(leaf_hash(f"{role} {filler}".encode()))

    def _campaign(self) -> Struct:
        return entries.Campaign(
            campaign=self.campaign,
            requester=self.requester.address,
            specification=commitments.digest(self.specification),
            items=self.items_root,
            item_count=3,
            gold=self.gold_root,
            gold_count=1,
            created_at=self.now,
        )

    def _grant(self) -> Struct:
        return entries.SessionGrant(
            worker=self.worker.address,
            session_key=self.session.address,
            scope=self.campaign,
            valid_from=self.now,
            valid_until=self.now + 1000,
        )

    def _matching(self) -> Struct:
        return entries.Matching(
            campaign=self.campaign,
            inputs=seeded("inputs"),
            model=seeded("model"),
            prices=seeded("prices"),
            assignments=3,
            primal=2_900_000,
            dual=-1,
            seed=seeded("seed"),
            made_at=self.now + 10,
        )

    def _assignment(self) -> Struct:
        return entries.Assignment(
            campaign=self.campaign,
            item=committed(self.item),
            worker=self.worker.address,
            run=self.leaf("matching"),
            assigned_at=self.now + 20,
            due_at=self.now + 500,
        )

    def _label(self) -> Struct:
        return entries.Label(
            campaign=self.campaign,
            item=committed(self.item),
            worker=self.worker.address,
            answer=committed(self.answer),
            suggestion=entries.ZERO32,
            made_at=self.now + 100,
        )

    def _other_label(self) -> Struct:
        return replace(self._label(), item=seeded("second item"))  # type: ignore[call-arg]

    def _review(self) -> Struct:
        return entries.Review(
            label=self.leaf("label"),
            verdict=entries.Review.ACCEPTED,
            reason=committed(self.reason),
            reviewer=seeded("rule set"),
            made_at=self.now + 600,
        )

    def _run(self) -> Struct:
        return entries.InferenceRun(
            campaign=self.campaign,
            log_size=len(self.tree),
            method=seeded("method"),
            parameters=seeded("parameters"),
            labels=2,
            iterations=17,
            residual=12,
        )

    def _truth(self) -> Struct:
        return entries.Truth(
            campaign=self.campaign,
            item=committed(self.item),
            answer=committed(self.truth),
            confidence=991_234,
            run=self.leaf("run"),
        )

    def statement(self) -> dict[str, Any]:
        made = {
            "format": "crowdledger-statement@v1",
            "campaign": show(self.campaign),
            "worker": self.worker.address,
            "run": show(self.leaf("run")),
            "labels": [
                {"label": show(self.leaf("label")), "amount": "60000"},
                {"label": show(self.leaf("other label")), "amount": "50000"},
            ],
            "amount": "110000",
        }
        return self._changed("statement", made)  # type: ignore[no-any-return]

    def _payout(self) -> Struct:
        return entries.Payout(
            campaign=self.campaign,
            worker=self.worker.address,
            amount=110_000,
            statement=commitments.digest(self.statement()),
            run=self.leaf("run"),
        )

    def _settlement(self) -> Struct:
        return entries.Settlement(campaign=self.campaign, total=300_000, last=True, run=self.leaf("run"))

    def leaf(self, role: str) -> bytes:
        return self.entry(role).leaf

    def owed(self) -> list[tuple[str, int]]:
        """The payroll: the worker stands second of three."""
        others = [Wallet(seeded(name)).address for name in ("first", "third")]
        return [(others[0], 95_000), (self.worker.address, 110_000), (others[1], 95_000)]

    def logged(self, role: str) -> Logged:
        index = self.indices[role]
        return Logged(self.entries[role].raw, index, self.tree.inclusion_proof(index, self.size))

    def label_openings(self) -> dict[str, Any]:
        return {
            "specification": self.specification,
            "terms": self.terms.to_json(),
            "escrow": self.escrow,
            "item": self.item,
            "answer": self.answer,
            "reason": self.reason,
            "truth": self.truth,
        }

    def payment_openings(self) -> dict[str, Any]:
        owed = self.owed()
        statement = entries.Statement(self.campaign, self.worker.address, 110_000, 1, self.leaf("run"))
        return {
            "specification": self.specification,
            "terms": self.terms.to_json(),
            "escrow": self.escrow,
            "statement": self.statement(),
            "payroll": PayrollOpening(
                index=1,
                path=tuple(payroll.path(self.campaign, owed, 1)),
                root=payroll.root(self.campaign, owed),
                evidence=self.size,
            ).to_json(),
            "signed_statement": {
                "epoch": 1,
                "operator": self.operator.address,
                "signature": show(sign_statement(statement, self.domain, self.operator)),
            },
        }

    def bundle(self, kind: str, roles: tuple[str, ...], openings: dict[str, Any]) -> bytes:
        logged = {role: self.logged(role) for role in roles}
        key = str(self.log_key.verifier)
        witnesses = [str(witness.verifier) for witness in self.witnesses]
        return bundles.build(kind, self.domain, key, self.checkpoint, logged, openings, witnesses)

    def label_bundle(self, openings: dict[str, Any] | None = None, judged: bool = True) -> bytes:
        roles = ("campaign", "grant", "matching", "assignment", "label")
        roles += ("review", "run", "truth") if judged else ()
        given = self.label_openings() if openings is None else openings
        if not judged:
            given = {name: value for name, value in given.items() if name not in ("reason", "truth")}
        return self.bundle(bundles.LABEL, roles, given)

    def payment_bundle(self, openings: dict[str, Any] | None = None) -> bytes:
        roles = ("campaign", "run", "payout", "settlement")
        given = self.payment_openings() if openings is None else openings
        return self.bundle(bundles.PAYMENT, roles, given)
