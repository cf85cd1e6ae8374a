"""One run's payouts in one campaign, and what is known for comparing them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from ledger_service.audit.ledger import CampaignRows, Ledger, Row
from ledger_service.audit.openings import Charter, mismatch
from ledger_service.audit.report import NotChecked
from ledger_service.entries import InferenceRun, Label, Payout, Review
from ledger_service.monitor.look import Identity


@dataclass(slots=True)
class Case:
    """A run whose payouts are compared.

    Attributes:
        rows: what was kept of the campaign; `whole` when that is all of it.
        workers: whose payouts are compared.
        payouts: of the run, by worker, of all workers. settled: whether the run's settlement is there.
        compared: what was compared and holds. missing: what could not be compared, and what it would need.
    """

    identity: Identity
    ledger: Ledger
    rows: CampaignRows
    run: Row[InferenceRun]
    whole: bool
    workers: tuple[str, ...]
    charter: Charter | None = None
    compared: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    payouts: dict[str, list[Row[Payout]]] = field(init=False)
    settled: bool = field(init=False)
    _labels: dict[str, list[Row[Label]]] = field(init=False)
    _reviews: dict[bytes, Row[Review]] = field(init=False)
    _assigned: dict[tuple[bytes, str], int] = field(init=False)
    _paid_at: int = field(init=False)

    def __post_init__(self) -> None:
        payouts: dict[str, list[Row[Payout]]] = defaultdict(list)
        labels: dict[str, list[Row[Label]]] = defaultdict(list)
        for payout in self.rows.payouts:
            if payout.entry.run == self.run.leaf:
                payouts[payout.entry.worker].append(payout)
        for label in self.rows.labels:
            if label.index < self.run.entry.log_size:
                labels[label.entry.worker].append(label)
        settlements = [row.index for row in self.rows.settlements if row.entry.run == self.run.leaf]
        first = [rows[0].index for rows in payouts.values()]
        self.payouts, self._labels, self.settled = dict(payouts), dict(labels), bool(settlements)
        self._paid_at = min(first + settlements, default=self.run.index)
        self._reviews = {row.entry.label: row for row in self.rows.reviews}
        assigned = (row.entry for row in self.rows.assignments)
        self._assigned = {(one.item, one.worker): one.assigned_at for one in assigned}

    @property
    def name(self) -> str:
        """The campaign, for people."""
        return f"campaign 0x{self.rows.campaign.hex()}"

    @property
    def given(self) -> Charter:
        """The founding documents.

        Raises:
            NotChecked: they are not known.
        """
        if self.charter is None:
            raise NotChecked("specification and terms are not known")
        return self.charter

    def labels(self, worker: str) -> list[Row[Label]]:
        """A worker's labels that the run read."""
        return self._labels.get(worker, [])

    def payout(self, worker: str) -> Row[Payout] | None:
        """A worker's payout of the run.

        Raises:
            Mismatch: there are two.
        """
        found = self.payouts.get(worker, [])
        if len(found) > 1:
            raise mismatch(found[1], f"second payout of {worker}", f"only the one at {found[0].index}", "one")
        return found[0] if found else None

    def assigned_at(self, label: Row[Label]) -> int:
        """When a label's item was assigned to its worker.

        Raises:
            Mismatch: it was not.
        """
        key = (label.entry.item, label.entry.worker)
        if key not in self._assigned:
            raise mismatch(label, "assignment", f"one of the item to {label.entry.worker}", "none")
        return self._assigned[key]

    def review(self, label: Row[Label]) -> Row[Review]:
        """The review of a label.

        Raises:
            Mismatch: there is none before the payouts, or its verdict is neither.
        """
        row = self._reviews.get(label.leaf)
        if row is None or row.index >= self._paid_at:
            raise mismatch(label, "review", f"one before entry {self._paid_at}", "none")
        if row.entry.verdict not in (Review.ACCEPTED, Review.REJECTED):
            raise mismatch(row, "verdict", "1 or 2", row.entry.verdict)
        return row
