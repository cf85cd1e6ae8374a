"""Bundles: everything that proves a label or a payment, put together from rows.

A bundle's proofs lead to the newest head that is final on the chain where that covers all of its entries;
else to the one that readers are shown, with its witnesses; and else to the newest signed one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger_service import commitments, entries, payroll
from ledger_service.commitments import Json
from ledger_service.eip712 import WORD
from ledger_service.errors import Conflict, Corrupt
from ledger_service.flow.bundle_texts import BundleTexts, Logged, ProofHead
from ledger_service.flow.context import Ledger
from ledger_service.store.campaigns import CampaignRow, ItemRow
from ledger_service.store.judgements import TruthRow
from ledger_service.store.labels import LabelRow, ReviewRow
from ledger_service.store.log import Head
from ledger_service.store.payouts import PayoutRow
from ledger_service.store.store import UnitOfWork
from ledger_service.verify import bundle
from ledger_service.verify.payment import PayrollOpening

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
class _Surroundings:
    """What stands around labels: reviews by label, truths by item, matching runs by assignment, items."""

    reviews: dict[bytes, ReviewRow]
    truths: dict[bytes, TruthRow]
    runs: dict[bytes, bytes]
    items: dict[bytes, ItemRow]

    def roles(self, row: LabelRow, campaign: bytes) -> dict[str, bytes]:
        """The leaves of a label's bundle by role; review, run and truth once all three are there."""
        named = {
            "campaign": campaign,
            "grant": row.grant_leaf,
            "matching": self.runs[row.assignment],
            "assignment": row.assignment,
            "label": row.leaf,
        }
        if row.leaf in self.reviews and row.item in self.truths:
            truth = self.truths[row.item]
            named |= {"review": self.reviews[row.leaf].leaf, "run": truth.run, "truth": truth.leaf}
        return named


class Prover:
    """Makes the bundles of one campaign within one transaction; what they share is read once."""

    def __init__(self, uow: UnitOfWork, ledger: Ledger, campaign: CampaignRow) -> None:
        if campaign.leaf is None:
            raise Conflict("the campaign is not published yet")
        self._uow, self._ledger, self._campaign = uow, ledger, campaign
        self._log_key = str(uow.log.key.verifier)
        self._campaign_leaf = campaign.leaf
        self._heads = self._candidates()
        self._texts = BundleTexts(
            bundle.LABEL, ledger.domain, self._log_key, uow.log.memory.paths, _SHARED_ROLES
        )
        self._shared_texts = {name: commitments.canonical(value) for name, value in self._shared().items()}

    def labels(self, rows: Sequence[LabelRow]) -> list[bytes]:
        """The bundle of each label, in the order given."""
        shared, logged = self._gather(rows)
        self._uow.vault.read_keys({row.worker for row in rows} | {self._campaign.requester})
        return [self._label(row, found, shared) for row, found in zip(rows, logged, strict=True)]

    def anchored_label(self, row: LabelRow) -> bytes:
        """The bundle of a label under the newest head that is final on the chain: what a worker redeems with.

        Where that head does not cover the label's judgement, the bundle is without it.

        Raises:
            Conflict: no such head covers the label.
        """
        shared, (logged,) = self._gather([row])
        anchor = self._uow.anchors.newest_final()
        covered = {role: found for role, found in logged.items() if anchor and found[0] < anchor.size}
        if not covered.keys() >= bundle.UNJUDGED:
            raise Conflict("no head that is final on the chain covers this label yet")
        judged = covered.keys() == logged.keys()
        kept = logged if judged else {role: logged[role] for role in bundle.UNJUDGED}
        return self._label(row, kept, shared)

    def _gather(self, rows: Sequence[LabelRow]) -> tuple[_Surroundings, list[dict[str, Logged]]]:
        """What stands around labels, and for each its entries by role, with their places in the log."""
        wanted = [row.item for row in rows]
        shared = _Surroundings(
            reviews=self._uow.labels.reviews_of([row.leaf for row in rows]),
            truths=self._uow.judgements.truths_of(self._campaign.campaign, wanted),
            runs=self._uow.assignments.runs_of([row.assignment for row in rows]),
            items=self._uow.items.find(self._campaign.campaign, wanted),
        )
        roles = {row.leaf: shared.roles(row, self._campaign_leaf) for row in rows}
        raw = self._uow.log.by_leaf({leaf for named in roles.values() for leaf in named.values()})
        return shared, [{role: raw[leaf] for role, leaf in roles[row.leaf].items()} for row in rows]

    def _label(self, row: LabelRow, logged: dict[str, Logged], shared: _Surroundings) -> bytes:
        requester, opened = self._campaign.requester, self._uow.vault.open_text
        openings = dict(self._shared_texts)
        openings["item"] = opened(requester, shared.items[row.item].opening, row.item)
        openings["answer"] = opened(row.worker, row.opening, _word(logged["label"], _ANSWER))
        if "review" in logged:
            review, truth = shared.reviews[row.leaf], shared.truths[row.item]
            openings["reason"] = opened(row.worker, review.opening, _word(logged["review"], _REASON))
            openings["truth"] = opened(requester, truth.opening, _word(logged["truth"], _TRUTH))
        return self._texts.build(self._head_over(logged), logged, openings)

    def payments(self, rows: Sequence[PayoutRow]) -> list[bytes]:
        """The bundle of each payout, in the order given."""
        settlement = self._uow.payouts.settlement(self._campaign.campaign)
        if settlement is None:
            return []
        leaves = [self._campaign_leaf, settlement.leaf, settlement.run, *(row.leaf for row in rows)]
        raw = self._uow.log.by_leaf(leaves)
        proofs = self.payroll_proofs(rows)
        bundles = []
        for row in rows:
            named = {
                "campaign": self._campaign_leaf,
                "run": row.run,
                "payout": row.leaf,
                "settlement": settlement.leaf,
            }
            openings = self._shared() | {"statement": row.statement, "signed_statement": self.statement(row)}
            if proofs:
                openings["payroll"] = _opened(proofs[row.worker])
            bundles.append(
                self._build(bundle.PAYMENT, {role: raw[leaf] for role, leaf in named.items()}, openings)
            )
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

    def _candidates(self) -> list[ProofHead]:
        anchor = self._uow.anchors.newest_final()
        found = [self._uow.log.published()]
        if anchor is not None:
            found.insert(0, Head(anchor.size, anchor.root, anchor.checkpoint, anchor.witnesses))
        return [self._proof_head(head) for head in found]

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
