"""What a run came to: its figures, and each check by name with how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Check:
    """Something that has to hold, whether it does, and the figures when it does not."""

    name: str
    holds: bool
    detail: str = ""


@dataclass(slots=True)
class Summary:
    """The figures of a run. Amounts in token minor units; accuracies over the items with a known truth.

    Attributes:
        parts: campaigns of one specification; all other figures are of all of them together.
        anchors: heads of the log that the ProvenanceLog contract accepted.
        accuracy_majority: of a plain majority vote over all labels. accuracy_inferred: of the service.
        labels_verified, labels_failed: label bundles proved offline, and those that could not be.
        rejected_by: how many labels each review rule rejected.
        payments_verified: payment bundles proved offline.
        payouts_expected: from the audit's replay of log and rule. payouts_onchain: what the workers now hold.
        gas_total: all transactions of the service and its users, without those that created the contracts,
            which are `gas_deployment`. gas_per_label: gas_total by labels.
        seconds: wall time by stage.
    """

    parts: int = 1
    items: int = 0
    workers: int = 0
    labels: int = 0
    labels_per_item: int = 0
    log_size: int = 0
    anchors: int = 0
    accuracy_majority: float | None = None
    accuracy_inferred: float | None = None
    labels_verified: int = 0
    labels_failed: int = 0
    labels_accepted: int = 0
    labels_rejected: int = 0
    rejected_by: dict[str, int] = field(default_factory=dict)
    payments_verified: int = 0
    deposited: int = 0
    payouts_expected: int | None = None
    payouts_onchain: int = 0
    workers_paid: int = 0
    fee: int = 0
    refund: int = 0
    gas_total: int = 0
    gas_per_label: float = 0.0
    gas_deployment: int = 0
    transactions: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    @property
    def failed(self) -> list[Check]:
        """The checks that do not hold."""
        return [check for check in self.checks if not check.holds]

    def check(self, name: str, holds: bool, detail: object = "") -> None:
        """Note a check; the detail is kept when it fails."""
        self.checks.append(Check(name, holds, "" if holds else str(detail)))

    def check_equal(self, name: str, first: object, second: object) -> None:
        """Note that two figures that were found in different ways have to agree."""
        self.check(name, first == second, f"{first} and {second} differ")

    def to_json(self) -> Mapping[str, Any]:
        """One JSON object. Amounts are integers here: they stay far below 2^53."""
        value = asdict(self)
        value["ok"] = not self.failed
        value["checks"] = {check.name: check.holds for check in self.checks}
        value["failed"] = {check.name: check.detail for check in self.failed}
        return value

    def show(self, console: Console) -> None:
        """The figures and the checks as two tables."""
        figures = Table(title="What the run came to", show_header=False, title_justify="left")
        for name, value in self._rows():
            figures.add_row(name, value)
        console.print(figures)
        checks = Table(title="What was checked", show_header=False, title_justify="left")
        for check in self.checks:
            checks.add_row("[green]ok[/]" if check.holds else "[red]FAILED[/]", check.name, check.detail)
        console.print(checks)
        for note in self.notes:
            console.print(f"note: {note}", markup=False)

    def _rows(self) -> list[tuple[str, str]]:
        rules = "".join(f"; {count:,} by {rule}" for rule, count in sorted(self.rejected_by.items()))
        expected = "not known" if self.payouts_expected is None else _tokens(self.payouts_expected)
        return [
            ("campaigns", f"{self.parts:,}"),
            ("items, workers, labels", f"{self.items:,}, {self.workers:,}, {self.labels:,}"),
            ("labels accepted, rejected", f"{self.labels_accepted:,}, {self.labels_rejected:,}{rules}"),
            ("entries in the log, anchors", f"{self.log_size:,}, {self.anchors:,}"),
            ("accuracy: majority vote", _share(self.accuracy_majority)),
            ("accuracy: inferred", _share(self.accuracy_inferred)),
            ("labels verified offline, failed", f"{self.labels_verified:,}, {self.labels_failed:,}"),
            ("payments verified offline", f"{self.payments_verified:,}"),
            ("deposited", _tokens(self.deposited)),
            ("pay due by the replay", expected),
            ("pay received on chain", f"{_tokens(self.payouts_onchain)} by {self.workers_paid:,} workers"),
            ("operator's fee", _tokens(self.fee)),
            ("back to the requester", _tokens(self.refund)),
            ("gas, by label", f"{self.gas_total:,}, {self.gas_per_label:,.0f}"),
            ("gas of the contracts' deployment", f"{self.gas_deployment:,}"),
            ("seconds", ", ".join(f"{name} {taken:.1f}" for name, taken in self.seconds.items())),
        ]


def _tokens(amount: int) -> str:
    whole, rest = divmod(amount, 10**DECIMALS)
    return f"{whole:,}.{rest:0{DECIMALS}}"


def _share(value: float | None) -> str:
    return "no item has a known truth" if value is None else f"{100 * value:.2f} %"
