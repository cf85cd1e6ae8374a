"""A small, complete log with real keys: what a service would have logged for one campaign, saved as a folder.

Everything follows from fixed seeds. `changes` tamper with one thing where it is made, and whatever comes
after is made from it, signed and published in good order: what a malicious service would do. A change of a
struct may give another struct, None (the entry is left out), or a list of structs (logged in this
order); an `Entry` in their place is logged as it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import reputation
from ledger_service import commitments, entries, judging
from ledger_service.audit.source import tile_widths
from ledger_service.entries import Domain, Entry, Struct
from ledger_service.log import tiles
from ledger_service.log.checkpoint import LogKey, default_origin, sign_checkpoint
from ledger_service.log.hashing import HASH_BYTES
from ledger_service.log.receipts import sign_statement
from ledger_service.log.tree import Tree, root_of_data
from ledger_service.signing import Wallet
from ledger_service.specification import Specification
from ledger_service.terms import Terms, campaign_id

CHAIN_ID = 31337
LOG_ADDRESS = "0x5fbdb2315678afecb367f032d93f642f64180aa3"
ESCROW = "0xe7f1725e7734ce288f8367e1bb143e90bb3f0512"
TOKEN = "0x" + "70" * 20
NOW = 1_770_000_000
PLACES = ("0", "1", "2")
Change = Callable[[Any, int], Any]


def seeded(name: str) -> bytes:
    """32 bytes that look random and are the same in every run."""
    return hashlib.sha256(b"crowdledger audit tests: " + name.encode()).digest()


def show(raw: bytes) -> str:
    return "0x" + raw.hex()


def opened(content: Any, name: str) -> dict[str, Any]:
    return {"content": content, "salt": show(seeded("salt of " + name))}


def committed(opening: dict[str, Any]) -> bytes:
    return commitments.commit(opening["content"], bytes.fromhex(opening["salt"][2:]))


@dataclass
class Place:
    """Where the log lives: the default is a chain that nobody asks."""

    chain_id: int = CHAIN_ID
    log: str = LOG_ADDRESS
    escrow: str = ESCROW
    token: str = TOKEN
    now: int = NOW
    fee_bps: int = 500
    bond: int = 0


@dataclass
class Builder:
    """Makes the log as soon as it is created; `save` writes it."""

    items: int = 12
    workers: int = 4
    changes: dict[str, Change] = field(default_factory=dict)
    part: int = 0
    place: Place = field(default_factory=Place)
    labels_per_item: int | None = None
    earlier: Builder | None = None
    method: str = reputation.DEFAULT_METHOD

    def __post_init__(self) -> None:
        self.domain = Domain(self.place.chain_id, self.place.log)
        self.requester, self.operator = Wallet(seeded("requester")), Wallet(seeded("operator"))
        self.arbiter = Wallet(seeded("arbiter"))
        self.wallets = [Wallet(seeded(f"worker {n}")) for n in range(self.workers)]
        self.sessions = [Wallet(seeded(f"session {n}")) for n in range(self.workers)]
        self.log_key = LogKey(default_origin(self.place.chain_id, self.place.log), seeded("log key"))
        self.entries: list[Entry] = list(self.earlier.entries) if self.earlier else []
        self.openings: list[dict[str, Any]] = []
        self.tree = Tree(entry.leaf for entry in self.entries)
        self._found()
        self._grant()
        self._assign()
        self._label()
        self._review()
        self._infer()
        self._pay()

    def change(self, role: str, value: Any, position: int = 0) -> Any:
        """What is made of a value."""
        changed = self.changes.get(role)
        return changed(value, position) if changed else value

    def log(
        self, role: str, struct: Struct, signer: Wallet | None = None, position: int = 0, **opens: Any
    ) -> Entry | None:
        """Append an entry, signed if it has to be, with what it opens to; the last one that was appended."""
        changed = self.change(role, struct, position)
        signer = self.change(f"signer of {role}", signer, position)
        last: Entry | None = None
        for one in changed if isinstance(changed, list) else [changed]:
            if one is None:
                continue
            last = one if isinstance(one, Entry) else self._sign(one, signer)
            index = self.tree.append(last.leaf)
            self.entries.append(last)
            if opens:
                self.openings.append(
                    {
                        "index": index,
                        "leaf": show(last.leaf),
                        "kind": type(last.struct).__name__,
                        "openings": opens,
                    }
                )
        return last

    def _sign(self, struct: Struct, signer: Wallet | None) -> Entry:
        digest = entries.digest(struct, self.domain)
        return entries.encode(struct, signer.sign(digest) if signer else b"")

    def _found(self) -> None:
        contents = [opened({"text": f"item {n}"}, f"item {n}") for n in range(self.items)]
        self.item_ids = [committed(opening) for opening in contents]
        self.true = {item: hashlib.sha256(item).digest()[0] % len(PLACES) for item in self.item_ids}
        golden = sorted(self.item_ids[: max(3, self.items // 10)])
        self.gold = [
            {"item": show(item)} | opened({"label": PLACES[self.true[item]]}, "gold " + item.hex())
            for item in golden
        ]
        self.gold_root = root_of_data(
            bytes.fromhex(answer["item"][2:]) + committed(answer) for answer in self.gold
        )
        self.item_root = root_of_data(self.item_ids)
        self.spec_document = self.change("specification", self._specification())
        self.spec = Specification.from_json(self.spec_document, self.part)
        self.terms = self.change("terms", self._terms())
        self.campaign = self.change(
            "campaign id", campaign_id(self.terms, self.place.chain_id, self.place.escrow)
        )
        struct = entries.Campaign(
            campaign=self.campaign,
            requester=self.requester.address,
            specification=self.spec.digest,
            items=self.spec.items.root,
            item_count=self.spec.items.count,
            gold=self.spec.gold.root,
            gold_count=self.spec.gold.count,
            created_at=self.place.now,
        )
        opens = {
            "specification": self.spec_document,
            "terms": self.terms.to_json(),
            "escrow": self.place.escrow,
            "items": self.change("listed items", [show(item) for item in self.item_ids]),
            "gold": self.change("listed gold", self.gold),
        }
        self.log("campaign", struct, self.requester, **opens)

    def _specification(self) -> dict[str, Any]:
        return {
            "format": "crowdledger-specification@v1",
            "title": "Which class is it?",
            "instructions": "Name the class.",
            "domain": "text/classes",
            "languages": ["en"],
            "skills": ["classes"],
            "licence": "CC-BY-4.0",
            "schema": {"type": "categorical", "labels": list(PLACES)},
            "labels_per_item": self.change("labels wanted", self.labels_per_item or self.workers),
            "payment": {"per_label": "50000", "agreement_bonus": "10000"},
            "review": {"min_seconds_per_label": 2, "gold": {"min_answers": 3, "min_accuracy_ppm": 600_000}},
            "inference": {"method": self.method, "tolerance_ppm": 1000},
            "assignment_seconds": 86_400,
            "opens_at": self.place.now,
            "closes_at": self.place.now + 7 * 86_400,
            "items": {"count": len(self.item_ids), "root": show(self.item_root)},
            "gold": {"count": len(self.gold), "root": show(self.gold_root)},
        }

    def _terms(self) -> Terms:
        return Terms(
            requester=self.requester.address,
            operator=self.operator.address,
            arbiter=self.arbiter.address,
            token=self.place.token,
            fee_bps=self.place.fee_bps,
            window=86_400,
            deadline=self.place.now + 30 * 86_400,
            bond=self.place.bond,
            label_price=self.spec.per_label,
            part=self.part,
            brief=self.spec.digest,
        )

    def _grant(self) -> None:
        for n, (wallet, session) in enumerate(zip(self.wallets, self.sessions, strict=True)):
            scope = entries.ZERO32 if n % 2 else self.campaign
            until = self.place.now + 365 * 86_400
            grant = entries.SessionGrant(wallet.address, session.address, scope, self.place.now, until)
            self.log("grant", grant, wallet, n)

    def _assign(self) -> None:
        self.pairs = [
            (item, (at + step) % self.workers)
            for at, item in enumerate(self.item_ids)
            for step in range(self.labels_per_item or self.workers)
        ]
        self.pairs = self.change("pairs", self.pairs)
        digests = [seeded(name) for name in ("inputs", "model", "prices")]
        values = (len(self.pairs), 1_000_000, 1_000_001, seeded("lottery"), self.place.now)
        matching = entries.Matching(self.campaign, *digests, *values)
        run = self.log("matching", matching)
        leaf = run.leaf if run else seeded("no matching")
        for n, (item, worker) in enumerate(self.pairs):
            struct = entries.Assignment(
                campaign=self.campaign,
                item=item,
                worker=self.wallets[worker].address,
                run=leaf,
                assigned_at=self.place.now,
                due_at=self.place.now + 86_400,
            )
            self.log("assignment", struct, None, n)

    def _label(self) -> None:
        self.facts: list[reputation.LabelFact] = []
        made = dict.fromkeys(range(self.workers), self.place.now)
        for n, (item, worker) in enumerate(self.pairs):
            made[worker] += 1 if n == 5 else 3  # the sixth label comes too fast
            content = self.change("answer", {"label": PLACES[self._answer(n, item, worker)]}, n)
            opening = opened(content, f"answer {n}")
            struct = entries.Label(
                campaign=self.campaign,
                item=item,
                worker=self.wallets[worker].address,
                answer=committed(opening),
                suggestion=entries.ZERO32,
                made_at=made[worker],
            )
            shown = self.change("opened answer", opening, n)
            entry = self.log("label", struct, self.sessions[worker], n, answer=shown)
            if entry is None or not isinstance(entry.struct, entries.Label):
                continue
            self.facts.append(
                reputation.LabelFact(
                    leaf=entry.leaf,
                    item=entry.struct.item,
                    worker=entry.struct.worker,
                    answer_index=self.spec.answer_index(content),
                    made_at=entry.struct.made_at,
                    assigned_at=self.place.now,
                )
            )

    def _answer(self, n: int, item: bytes, worker: int) -> int:
        """The first worker guesses; the others are right nine times in ten."""
        luck = seeded(f"luck {n}")
        if worker == 0:
            return luck[3] % len(PLACES)
        wrong = luck[1] < 26
        return (self.true[item] + wrong * (1 + luck[2] % 2)) % len(PLACES)

    def _review(self) -> None:
        gold = {
            bytes.fromhex(answer["item"][2:]): PLACES.index(answer["content"]["label"])
            for answer in self.gold
        }
        self.verdicts = list(judging.reviews(self.facts, gold, self.spec))
        for n, verdict in enumerate(self.verdicts):
            verdict = self.verdicts[n] = self.change("verdict", verdict, n)
            reason = opened(self.change("reason", verdict.reason, n), f"reason {n}")
            struct = entries.Review(
                label=verdict.leaf,
                verdict=entries.Review.ACCEPTED if verdict.accepted else entries.Review.REJECTED,
                reason=committed(reason),
                reviewer=self.spec.reviewer,
                made_at=self.place.now + 86_400,
            )
            self.log("review", struct, None, n, reason=self.change("opened reason", reason, n))

    def _infer(self) -> None:
        crowd = self.crowd = judging.crowd(self.facts, self.spec)
        method = self.change("method", reputation.method_document(self.method))
        found = self._committed(crowd.votes) if len(crowd.votes) else None
        parameters = found.parameters if found else None
        document = reputation.parameters_document(self.method, parameters, crowd.workers)
        document = self.change("document", document)
        struct = entries.InferenceRun(
            campaign=self.campaign,
            log_size=len(self.tree),
            method=commitments.digest(method),
            parameters=commitments.digest(document),
            labels=len(crowd.votes),
            iterations=found.iterations if found else 0,
            residual=found.residual_ppm if found else 0,
        )
        shown = self.change("opened parameters", document)
        run = self.log("run", struct, method=method, parameters=shown)
        self.run = run.leaf if run else seeded("no run")
        self.truth: dict[bytes, int] = {}
        if len(crowd.votes):
            self._conclude(crowd)

    def _committed(self, votes: reputation.Votes) -> reputation.CommittedRun:
        """The run; whoever changes its parameters states the residual that they have."""
        found = reputation.commit(votes, self.method)
        found = replace(found, parameters=self.change("parameters", found.parameters))
        moves = reputation.certify(found, votes, tolerance_ppm=1000).residual_ppm
        self.committed = found if moves is None else replace(found, residual_ppm=moves)
        return self.committed

    def _conclude(self, crowd: judging.Crowd) -> None:
        judgement = reputation.judge(crowd.votes, self.committed.parameters)
        for n, item in enumerate(crowd.items):
            answer = self.truth[item] = int(self.change("truth", int(judgement.answer[n]), n))
            opening = opened({"label": PLACES[answer]}, f"truth {n}")
            confidence = int(judgement.confidence_ppm[n])
            truth = entries.Truth(self.campaign, item, committed(opening), confidence, self.run)
            self.log("truth entry", truth, None, n, truth=opening)
        skill = reputation.skill(crowd.votes, self.committed.parameters)
        for n, worker in enumerate(crowd.workers):
            score, error = int(skill.score_ppm[n]), int(skill.standard_error_ppm[n])
            standing = entries.Reputation(worker, self.spec.domain_digest, score, error, self.run)
            self.log("reputation", standing, None, n)

    def _pay(self) -> None:
        earned = judging.pay(self.facts, self.verdicts, self.truth, self.spec)
        self.owed: dict[str, int] = {}
        for n, (worker, lines) in enumerate(earned.items()):
            lines = self.change("lines", lines, n)
            document = judging.statement(self.campaign, worker, self.run, lines)
            amount = self.owed[worker] = int(document["amount"])
            payout = entries.Payout(self.campaign, worker, amount, commitments.digest(document), self.run)
            signed = {
                "epoch": 1,
                "operator": self.operator.address,
                "signature": show(self._signature(worker, self.change("signed amount", amount, n))),
            }
            self.log("payout", payout, None, n, statement=document, signed_statement=signed)
        total = sum(self.owed.values())
        self.log("settlement", entries.Settlement(self.campaign, total, True, self.run))

    def _signature(self, worker: str, amount: int) -> bytes:
        statement = entries.Statement(self.campaign, worker, amount, 1, self.run)
        return sign_statement(statement, self.domain, self.operator)

    def info(self) -> dict[str, Any]:
        return {
            "chain_id": self.place.chain_id,
            "provenance_log": self.place.log,
            "escrow": self.place.escrow,
            "origin": self.log_key.name,
            "log_key": str(self.log_key.verifier),
        }

    def listed(self) -> dict[str, Any]:
        return {
            "campaign": show(self.campaign),
            "state": "settled",
            "requester": self.requester.address,
            "terms": self.terms.to_json(),
            "specification": self.spec_document,
            "escrow": self.place.escrow,
        }

    def save(self, folder: Path, *, openings: bool = True) -> Path:
        """Write what a download of this log gives."""
        raws = self.change("bytes of entries", [entry.raw for entry in self.entries])
        text = sign_checkpoint(self.log_key.name, len(self.tree), self.tree.root(), self.log_key)
        _write(folder / "checkpoint", self.change("checkpoint", text).encode())
        for index, width in tile_widths(len(self.tree)):
            end = None if width < tiles.WIDTH else (index + 1) * tiles.WIDTH
            part = tiles.encode_bundle(raws[index * tiles.WIDTH : end])
            _write(folder / tiles.entries_path(index, width), self.change("entry bundle", part, index))
        hashes, _ = tiles.append(tiles.MemoryTiles({}), 0, [entry.leaf for entry in self.entries])
        for (level, index), row in hashes.items():
            _write(folder / tiles.tile_path(level, index, len(row) // HASH_BYTES), row)
        _write(folder / "info.json", json.dumps(self.info()).encode())
        before = [self.earlier.listed()] if self.earlier else []
        campaigns = {"campaigns": [*before, self.change("listed", self.listed())], "next": None}
        _write(folder / "campaigns.json", json.dumps(campaigns).encode())
        for made in (self, self.earlier) if openings else ():
            if made is not None:
                made.save_openings(folder)
        return folder

    def save_openings(self, folder: Path) -> None:
        lines = b"".join(commitments.canonical(line) + b"\n" for line in self.openings)
        _write(folder / "openings" / f"{show(self.campaign)}.ndjson", lines)


def _write(path: Path, raw: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
