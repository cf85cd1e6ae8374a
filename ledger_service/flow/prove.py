"""Bundles: everything that proves a label or a payment, put together from rows.

A bundle's proofs lead to the newest head that is final on the chain where that covers all of its entries;
else to the one that readers are shown, with its witnesses; and else to the newest signed one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ledger_service import commitments, entries, payroll
from ledger_service.commitments import Json
from ledger_service.eip712 import WORD
from ledger_service.errors import Conflict, Corrupt
from ledger_service.flow.bundle_texts import BundleTexts, Logged, ProofHead
from ledger_service.flow.context import Ledger
from ledger_service.store.campaigns import CampaignRow
from ledger_service.store.labels import Around, LabelRow
from ledger_service.store.log import Head, Place
from ledger_service.store.payouts import PayoutRow
from ledger_service.store.store import UnitOfWork
from ledger_service.verify import bundle
from ledger_service.verify.payment import PayrollOpening

MOST_CAMPAIGNS = 256  # that a process remembers
# One campaign's few entries in these roles stand in the bundles of many labels.
_SHARED_ROLES = frozenset({"campaign", "grant", "matching", "run"})


@dataclass(frozen=True, slots=True)
class PayrollProof:
    """A worker's place in the payroll tree: what `CampaignEscrow.claim` takes."""

    index: int
    count: int
    path: tuple[bytes, ...]
    root: bytes
    evidence: int


@dataclass(frozen=True, slots=True)
class Published:
    """What a published campaign's bundles have in common: its documents and its entry, which never change.

    `texts` are the openings that stand in every bundle of a label, in canonical JSON.
    """

    campaign: bytes
    requester: str
    specification: Json
    terms: Json
    place: Place
    texts: Mapping[str, bytes]

    @staticmethod
    def of(row: CampaignRow, ledger: Ledger) -> Published:
        """From the campaign's row.

        Raises:
            Conflict: it is not published yet.
        """
        if row.leaf is None or row.index is None:
            raise Conflict("the campaign is not published yet")
        shared = {
            "specification": row.specification,
            "terms": row.terms,
            "escrow": ledger.escrow.address,
        }
        texts = {name: commitments.canonical(value) for name, value in shared.items()}
        place = (row.index, row.leaf)
        return Published(row.campaign, row.requester, row.specification, row.terms, place, texts)


class PublishedCampaigns:
    """Published campaigns, each read once: an id stands for one for ever. For any number of threads."""

    def __init__(self, most: int = MOST_CAMPAIGNS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, Published] = OrderedDict()

    def of(self, uow: UnitOfWork, ledger: Ledger, campaign: bytes) -> Published:
        """A campaign.

        Raises:
            NotYours: there is none. Conflict: it is not published yet.
        """
        with self._lock:
            known = self._known.get(campaign)
            if known is not None:
                self._known.move_to_end(campaign)
                return known
        found = Published.of(uow.campaigns.get(campaign), ledger)
        with self._lock:
            self._known[campaign] = found
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return found


class Prover:
    """Makes the bundles of one campaign within one transaction; what they share is read once."""

    def __init__(
        self,
        uow: UnitOfWork,
        ledger: Ledger,
        campaign: CampaignRow | Published,
        heads: Sequence[Head] | None = None,
    ) -> None:
        if isinstance(campaign, CampaignRow):
            campaign = Published.of(campaign, ledger)
        self._uow, self._ledger, self._campaign = uow, ledger, campaign
        self._log_key = str(uow.log.key.verifier)
        self._heads = [self._proof_head(head) for head in heads or uow.log.proving()]
        self._texts = BundleTexts(
            bundle.LABEL, ledger.domain, self._log_key, uow.log.memory.paths, _SHARED_ROLES
        )

    def labels(self, rows: Sequence[LabelRow]) -> list[bytes]:
        """The bundle of each label, in the order given."""
        found = self._uow.labels.around([row.leaf for row in rows])
        return self._labels(rows, [found[row.leaf] for row in rows])

    def label(self, row: LabelRow, around: Around) -> bytes:
        """The bundle of one label."""
        return self._labels([row], [around])[0]

    def _labels(self, rows: Sequence[LabelRow], around: Sequence[Around]) -> list[bytes]:
        logged = self._logged(rows, around)
        self._uow.vault.read_keys({row.worker for row in rows} | {self._campaign.requester})
        return [self._label(*one) for one in zip(rows, logged, around, strict=True)]

    def anchored_label(self, row: LabelRow, around: Around) -> bytes:
        """The bundle of a label under the newest head that is final on the chain: what a worker redeems with.

        Where that head does not cover the label's judgement, the bundle is without it.

        Raises:
            Conflict: no such head covers the label.
        """
        (logged,) = self._logged([row], [around])
        anchor = self._uow.anchors.newest_final()
        covered = {role: found for role, found in logged.items() if anchor and found[0] < anchor.size}
        if not covered.keys() >= bundle.UNJUDGED:
            raise Conflict("no head that is final on the chain covers this label yet")
        judged = covered.keys() == logged.keys()
        kept = logged if judged else {role: logged[role] for role in bundle.UNJUDGED}
        return self._label(row, kept, around)

    def _logged(self, rows: Sequence[LabelRow], around: Sequence[Around]) -> list[dict[str, Logged]]:
        """The entries of each label's bundle by role, with their indices."""
        named = [_roles(row, one, self._campaign.place) for row, one in zip(rows, around, strict=True)]
        raw = self._uow.log.at(place for roles in named for place in roles.values())
        return [{role: (index, raw[index]) for role, (index, _) in roles.items()} for roles in named]

    def _label(self, row: LabelRow, logged: dict[str, Logged], around: Around) -> bytes:
        requester, opened = self._campaign.requester, self._uow.vault.open_text
        openings = dict(self._campaign.texts)
        openings["item"] = opened(requester, _there(around.item_opening), row.item)
        openings["answer"] = opened(row.worker, row.opening, _word(logged["label"], _ANSWER))
        if "review" in logged:
            reason, truth = _there(around.review_opening), _there(around.truth_opening)
            openings["reason"] = opened(row.worker, reason, _word(logged["review"], _REASON))
            openings["truth"] = opened(requester, truth, _word(logged["truth"], _TRUTH))
        return self._texts.build(self._head_over(logged), logged, openings)

    def payments(self, rows: Sequence[PayoutRow]) -> list[bytes]:
        """The bundle of each payout, in the order given."""
        settlement = self._uow.payouts.settlement(self._campaign.campaign)
        if settlement is None:
            return []
        runs = self._uow.judgements.run_places({row.run for row in rows})
        named = [
            {
                "campaign": self._campaign.place,
                "run": (_there(runs.get(row.run)), row.run),
                "payout": (row.index, row.leaf),
                "settlement": (settlement.index, settlement.leaf),
            }
            for row in rows
        ]
        raw = self._uow.log.at(place for roles in named for place in roles.values())
        proofs = self.payroll_proofs(rows)
        bundles = []
        for row, roles in zip(rows, named, strict=True):
            openings = self._shared() | {"statement": row.statement, "signed_statement": self.statement(row)}
            if proofs:
                openings["payroll"] = _opened(proofs[row.worker])
            logged = {role: (index, raw[index]) for role, (index, _) in roles.items()}
            bundles.append(self._build(bundle.PAYMENT, logged, openings))
        return bundles

    def payroll_proofs(self, rows: Sequence[PayoutRow]) -> dict[str, PayrollProof]:
        """The place of each worker in the payroll, once there is one."""
        posted = self._uow.payouts.payroll(self._campaign.campaign)
        if posted is None:
            return {}
        everyone = self._uow.payouts.of_campaign(self._campaign.campaign)
        owed = [(row.worker, row.amount) for row in everyone]
        paths = payroll.paths(self._campaign.campaign, owed)
        return {
            row.worker: PayrollProof(
                row.position, posted.count, tuple(paths[row.position]), posted.root, posted.evidence
            )
            for row in rows
        }

    def statement(self, row: PayoutRow) -> Json:
        """The operator's signed statement of what a worker has earned, as it stands in bundles."""
        return {
            "epoch": row.epoch,
            "signature": "0x" + row.signature.hex(),
            "operator": self._ledger.operator.address,
        }

    def _proof_head(self, head: Head) -> ProofHead:
        return ProofHead(head.size, head.checkpoint, head.witnesses, self._uow.log.tree(head.size))

    def _shared(self) -> dict[str, Json]:
        return {
            "specification": self._campaign.specification,
            "terms": self._campaign.terms,
            "escrow": self._ledger.escrow.address,
        }

    def _head_over(self, logged: dict[str, Logged]) -> ProofHead:
        """The first of the heads that covers all of these entries."""
        newest = max([index for index, _ in logged.values()])
        for head in self._heads:
            if head.size > newest:
                return head
        # Asked for now: entries that were committed since the other heads were read are under it.
        self._heads.append(self._proof_head(self._uow.log.head()))
        return self._heads[-1]

    def _build(self, kind: str, logged: dict[str, Logged], openings: dict[str, Json]) -> bytes:
        head = self._head_over(logged)
        parts = {
            role: bundle.Logged(raw, index, head.tree.inclusion_proof(index))
            for role, (index, raw) in logged.items()
        }
        return bundle.build(
            kind, self._ledger.domain, self._log_key, head.checkpoint, parts, openings, head.witnesses
        )


T = TypeVar("T")


def _there(value: T | None) -> T:
    """What is there for every label that was accepted, and for every judgement that was made."""
    if value is None:
        raise Corrupt("a row is missing that a label or its judgement cannot be without")
    return value


def _roles(row: LabelRow, around: Around, campaign: Place) -> dict[str, Place]:
    """The entries of a label's bundle by role; review, run and truth once all three are there."""
    named = {
        "campaign": campaign,
        "grant": (_there(around.grant_index), row.grant_leaf),
        "matching": (_there(around.matching_index), _there(around.matching)),
        "assignment": (_there(around.assignment_index), row.assignment),
        "label": (row.index, row.leaf),
    }
    if around.review is not None and around.truth is not None:
        named |= {
            "review": (_there(around.review_index), around.review),
            "run": (_there(around.run_index), _there(around.run)),
            "truth": (_there(around.truth_index), around.truth),
        }
    return named


def _place(kind: type[entries.Struct], field: str) -> tuple[bytes, int]:
    """The type hash of a kind of entry, and where a field of it stands in the entry."""
    names = [name for name, _ in entries.layout(kind)]
    return entries.type_hash(kind), WORD * (1 + names.index(field))


_ANSWER, _REASON = _place(entries.Label, "answer"), _place(entries.Review, "reason")
_TRUTH = _place(entries.Truth, "answer")


def _word(logged: Logged, place: tuple[bytes, int]) -> bytes:
    """The commitment at a place of an entry, without decoding what else is in it."""
    (index, raw), (kind, start) = logged, place
    if raw[:WORD] != kind:
        raise Corrupt(f"entry {index} is of another kind than its row says")
    return raw[start : start + WORD]


def _opened(proof: PayrollProof) -> Json:
    """What the bundle says of the payroll: only what its reader can check. The number of positions and the
    evidence are the chain's to say."""
    return PayrollOpening(proof.index, proof.path, proof.root).to_json()
