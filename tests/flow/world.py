"""A service's ledger without its processes: real database, real keys, real contracts' interfaces, set time.

What the chain would say is put in as the rows that the watcher writes.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from ledger_service import commitments, entries
from ledger_service.chain import contracts
from ledger_service.chain.abi import Artifact, load_artifacts
from ledger_service.chain.compile import compile_contracts
from ledger_service.chain.deploy import Deployment
from ledger_service.config import Settings
from ledger_service.eip712 import Domain
from ledger_service.flow import assign, enrol, fund, infer, label, publish, review, settle
from ledger_service.flow.context import Ledger, Policy
from ledger_service.local.keys import Keys
from ledger_service.log.checkpoint import LogKey, default_origin
from ledger_service.log.receipts import SignedReceipt
from ledger_service.log.tree import root_of_data
from ledger_service.signing import Wallet
from ledger_service.specification import Specification
from ledger_service.store.chain import Lane
from ledger_service.store.chain_events import ChainEvents, NewEvent
from ledger_service.store.store import Store
from ledger_service.store.vault import Opening
from ledger_service.store.workers import WorkerRow
from ledger_service.terms import Terms, campaign_id
from matching_engine import Encoder

PROJECT = Path(__file__).parents[2]
CHAIN = 31337
LOG = "0x5fbdb2315678afecb367f032d93f642f64180aa3"
ESCROW = "0xe7f1725e7734ce288f8367e1bb143e90bb3f0512"
TOKEN = "0x9fe46736679d2d9a65f0992f2272de9f3c7fa6e0"
RIGHTS = "0xcf7ed3acca5a467e9e704c703e8d87f634fb0fc9"
START = 1_800_000_000
LABELS = ["cat", "dog", "eel"]


def seeded(name: str) -> bytes:
    """32 bytes that look random and are the same in every run."""
    return hashlib.sha256(b"flow tests: " + name.encode()).digest()


def wallet(name: str) -> Wallet:
    """The key of somebody."""
    return Wallet(seeded("key of " + name))


def opening(content: Any, name: str) -> Opening:
    """A content with a salt of its own."""
    return Opening(content, seeded("salt of " + name))


@dataclass
class SetClock:
    """Time that stands still until it is moved."""

    time: int = START

    def now(self) -> int:
        return self.time


@dataclass
class Ask:
    """A campaign as its requester's client prepares it."""

    terms: Terms
    document: dict[str, Any]
    items: list[Opening]
    gold: list[publish.GoldAnswer]

    @property
    def campaign(self) -> bytes:
        return campaign_id(self.terms, CHAIN, ESCROW)


@functools.cache
def the_encoder() -> Encoder:
    """One for all worlds of a process: its model takes a second to load."""
    return Encoder()


@functools.cache
def compiled_contracts() -> dict[str, Artifact]:
    """As the set-up made them."""
    return load_artifacts(compile_contracts(PROJECT, PROJECT / ".crowdledger" / "artifacts"))


@dataclass
class World:
    """One service, its requester and its workers."""

    engine: Engine
    clock: SetClock = field(default_factory=SetClock)
    requester: Wallet = field(default_factory=lambda: wallet("requester"))
    operator: Wallet = field(default_factory=lambda: wallet("operator"))
    encoder: Encoder = field(default_factory=the_encoder)

    def __post_init__(self) -> None:
        key = LogKey(default_origin(CHAIN, LOG), seeded("log key"))
        self.store = Store(self.engine, key, seeded("storage key"))
        compiled = compiled_contracts()
        self.ledger = Ledger(
            domain=Domain(CHAIN, LOG),
            operator=self.operator,
            lane=Lane(CHAIN, self.operator.address),
            policy=Policy(
                arbiter=wallet("arbiter").address,
                tokens=frozenset({TOKEN}),
                bond=1_000_000,
                fee_bps=250,
                judging_seconds=3_600,
            ),
            clock=self.clock,
            provenance_log=contracts.ProvenanceLog(compiled, LOG),
            escrow=contracts.CampaignEscrow(compiled, ESCROW),
        )
        self._blocks = itertools.count(1)
        with self.store.begin() as uow:
            uow.log.initialise()
            ChainEvents(uow.connection).begin(CHAIN, bytes(32), 0)

    def settings(
        self,
        state: Path,
        rpc_url: str,
        *,
        port: int = 1,
        domains: tuple[str, ...] = (),
        witness_policy: Path | None = None,
    ) -> Settings:
        """Those of a service on this ledger; its database is given to it beside them."""
        return Settings(
            state=state,
            database_url="",
            rpc_url=rpc_url,
            local=True,
            chain_id=CHAIN,
            host="127.0.0.1",
            port=port,
            domains=domains,
            origin=self.store.log_key.name,
            fee_bps=250,
            arbiter=wallet("arbiter").address,
            tokens=(TOKEN,),
            bond=1_000_000,
            judging_seconds=3_600,
            keys=Keys(self.operator.secret(), seeded("log key"), seeded("storage key")),
            deployment=Deployment(CHAIN, LOG, ESCROW, RIGHTS, TOKEN, self.operator.address, 0),
            confirmations=0,
            anchor_seconds=15.0,
            witness_policy=witness_policy,
        )

    def ask(
        self, items: int = 6, labels_per_item: int = 2, gold: int = 2, name: str = "animal", **changes: Any
    ) -> Ask:
        """A campaign of `items` texts; the right answer of item i is label i modulo 3."""
        openings = [opening({"text": f"{name} {i}"}, f"item {i}") for i in range(items)]
        known = [
            publish.GoldAnswer(
                openings[i].commitment, opening({"label": LABELS[i % len(LABELS)]}, f"gold {i}")
            )
            for i in range(gold)
        ]
        known.sort(key=lambda answer: answer.item)
        gold_data = [publish.gold_leaf(answer.item, answer.opening.commitment) for answer in known]
        document = {
            "format": "crowdledger-specification@v1",
            "title": "Which animal?",
            "instructions": "Name the animal.",
            "domain": "text/animals",
            "languages": ["en"],
            "skills": ["animals"],
            "licence": "CC-BY-4.0",
            "schema": {"type": "categorical", "labels": LABELS},
            "labels_per_item": labels_per_item,
            "payment": {"per_label": "50000", "agreement_bonus": "10000"},
            "review": {"min_seconds_per_label": 1, "gold": {"min_answers": 2, "min_accuracy_ppm": 500_000}},
            "inference": {"method": "latent-class-mean", "tolerance_ppm": 1000},
            "assignment_seconds": 3600,
            "opens_at": START,
            "closes_at": START + 86_400,
            "items": _collection([one.commitment for one in openings]),
            "gold": _collection(gold_data),
        } | changes
        terms = Terms(
            requester=self.requester.address,
            operator=self.operator.address,
            arbiter=wallet("arbiter").address,
            token=TOKEN,
            fee_bps=250,
            window=86_400,
            deadline=START + 2 * 86_400,
            bond=1_000_000,
            label_price=50_000,
            part=0,
            brief=commitments.digest(document),
        )
        return Ask(terms, document, openings, known)

    def ask_in_parts(self, count: int, **given: Any) -> list[Ask]:
        """Campaigns of one specification, each with items of its own."""
        asks = [self.ask(name=f"animal of part {part}", **given) for part in range(count)]
        shared = {name: value for name, value in asks[0].document.items() if name not in ("items", "gold")}
        parts = [{name: ask.document[name] for name in ("items", "gold")} for ask in asks]
        document = shared | {"parts": parts}
        brief = commitments.digest(document)
        return [
            replace(ask, terms=replace(ask.terms, brief=brief, part=part), document=document)
            for part, ask in enumerate(asks)
        ]

    def draft(self, ask: Ask, *, signer: Wallet | None = None, **overrides: Any) -> bytes:
        """Send the terms and the signed entry."""
        spec = Specification.from_json(ask.document, ask.terms.part)
        struct = publish.campaign_struct(ask.campaign, self.requester.address, spec, self.clock.now())
        signature = (signer or self.requester).sign(entries.digest(struct, self.ledger.domain))
        given: dict[str, Any] = {
            "caller": self.requester.address,
            "terms": ask.terms,
            "document": ask.document,
            "created_at": self.clock.now(),
            "signature": signature,
        } | overrides
        with self.store.begin() as uow:
            return publish.draft(uow, self.ledger, **given).campaign

    def fill(self, ask: Ask) -> None:
        """Send items and gold answers."""
        items = [publish.Item(position, one) for position, one in enumerate(ask.items)]
        with self.store.begin() as uow:
            publish.put_items(uow, self.requester.address, ask.campaign, items)
            if ask.gold:
                publish.put_gold(uow, self.requester.address, ask.campaign, ask.gold)

    def publish(self, ask: Ask) -> None:
        """All of the requester's part, but the money."""
        self.draft(ask)
        self.fill(ask)
        with self.store.begin() as uow:
            publish.publish(uow, self.ledger, self.requester.address, ask.campaign)

    def event(self, name: str, **args: Any) -> None:
        """Something that the chain has said for good."""
        block = next(self._blocks)
        new = NewEvent(ESCROW, name, block, bytes(32), 0, seeded(f"transaction {block}"), args)
        with self.store.begin() as uow:
            rows = ChainEvents(uow.connection)
            rows.append(block, [new], {}, 256)
            rows.finalise(block)

    def open(self, ask: Ask) -> None:
        """Publish, and let the deposit arrive."""
        self.publish(ask)
        budget = Specification.from_json(ask.document, ask.terms.part).budget(ask.terms.fee_bps)
        self.event(
            "Deposited", id="0x" + ask.campaign.hex(), amount=str(budget), **{"from": self.requester.address}
        )
        with self.store.begin() as uow:
            assert fund.fund(uow, self.ledger, ask.campaign)

    def join(self, name: str, ask: Ask, *, capacity: int = 100) -> Wallet:
        """A worker signs a grant for a session key of its own, and joins the campaign."""
        worker, key = wallet(name), wallet(name + "'s session")
        struct = entries.SessionGrant(
            worker.address, key.address, entries.ZERO32, self.clock.now(), START + 86_400
        )
        signature = worker.sign(entries.digest(struct, self.ledger.domain))
        with self.store.begin() as uow:
            enrol.profile(uow, WorkerRow(worker.address, ["animals"], ["en"], capacity))
            enrol.grant(uow, self.ledger, struct, signature)
            enrol.offer(uow, self.ledger, worker.address, ask.campaign, None)
        return worker

    def match(self, ask: Ask) -> int:
        """One matching run; how many assignments it made."""
        with self.store.begin() as uow:
            wanted = assign.request(uow, self.ledger, uow.campaigns.get(ask.campaign))
        found = assign.match(wanted, self.encoder) if wanted else None
        if wanted is None or found is None:
            return 0
        with self.store.begin() as uow:
            return assign.assign(uow, self.ledger, wanted, found)

    def submission(
        self,
        name: str,
        ask: Ask,
        item: bytes,
        answer: str,
        *,
        made_at: int | None = None,
        key: str = "session",
    ) -> label.Submission:
        """An answer, signed by the worker's session key."""
        given = label.Submission(
            ask.campaign,
            item,
            opening({"label": answer}, f"{name} on {item.hex()}"),
            self.clock.now() if made_at is None else made_at,
            b"",
        )
        digest = entries.digest(given.struct(wallet(name).address), self.ledger.domain)
        signature = wallet(f"{name}'s {key}").sign(digest)
        return label.Submission(given.campaign, given.item, given.opening, given.made_at, signature)

    def hand_in(self, name: str, given: list[label.Submission]) -> list[SignedReceipt]:
        """Submit answers."""
        with self.store.begin() as uow:
            return label.label(uow, self.ledger, wallet(name).address, given)

    def tasks(self, name: str) -> list[bytes]:
        """The items that are assigned to a worker and open."""
        with self.store.begin() as uow:
            rows = uow.assignments.open_of(wallet(name).address, self.clock.now(), 500)
        return [row.item for row in rows]

    def answer_all(self, name: str, ask: Ask, *, wrong: bool = False, pace: int = 5) -> int:
        """Answer everything that is open, one every `pace` seconds; how many."""
        position = {one.commitment: i for i, one in enumerate(ask.items)}
        given = []
        for item in self.tasks(name):
            self.clock.time += pace
            answer = LABELS[(position[item] + wrong) % len(LABELS)]
            given.append(self.submission(name, ask, item, answer))
        self.hand_in(name, given)
        return len(given)

    def judge(self, ask: Ask) -> None:
        """Close labelling, review, infer and compute what is owed."""
        with self.store.begin() as uow:
            assert assign.close(uow, self.ledger, ask.campaign)
        with self.store.begin() as uow:
            review.review(uow, self.ledger, ask.campaign)
        with self.store.begin() as uow:
            reading = infer.read(uow, ask.campaign)
        conclusion = infer.conclude(reading)
        with self.store.begin() as uow:
            infer.infer(uow, reading, conclusion)
        with self.store.begin() as uow:
            settle.settle(uow, self.ledger, ask.campaign)

    def state(self, ask: Ask) -> str:
        """Where the campaign stands."""
        with self.store.begin() as uow:
            return uow.campaigns.get(ask.campaign).state

    def size(self) -> int:
        """Entries in the log."""
        with self.store.begin() as uow:
            return uow.log.head().size


def _collection(leaves: list[bytes]) -> dict[str, Any]:
    return {"count": len(leaves), "root": "0x" + root_of_data(leaves).hex()}
