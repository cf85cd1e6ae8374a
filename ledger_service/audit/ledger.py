"""The log as an audit works with it: decoded entries, and what belongs to each campaign, in log order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ledger_service.entries import (
    ZERO32,
    Assignment,
    Campaign,
    Entry,
    InferenceRun,
    Label,
    Matching,
    Payout,
    Reputation,
    Review,
    SessionGrant,
    Settlement,
    Struct,
    Suggestion,
    Truth,
)
from ledger_service.log.tree import Tree

S = TypeVar("S", bound=Struct)


@dataclass(frozen=True, slots=True)
class Row(Generic[S]):
    """An entry at its place in the log, with its leaf hash (32 bytes)."""

    index: int
    leaf: bytes
    entry: S
    signature: bytes
    raw: bytes


@dataclass(slots=True)
class CampaignRows:
    """The entries of one campaign, each kind in log order. `rows` are all `Campaign` entries of this id."""

    campaign: bytes
    rows: list[Row[Campaign]] = field(default_factory=list)
    matchings: list[Row[Matching]] = field(default_factory=list)
    assignments: list[Row[Assignment]] = field(default_factory=list)
    suggestions: list[Row[Suggestion]] = field(default_factory=list)
    labels: list[Row[Label]] = field(default_factory=list)
    reviews: list[Row[Review]] = field(default_factory=list)
    runs: list[Row[InferenceRun]] = field(default_factory=list)
    truths: list[Row[Truth]] = field(default_factory=list)
    reputations: list[Row[Reputation]] = field(default_factory=list)
    payouts: list[Row[Payout]] = field(default_factory=list)
    settlements: list[Row[Settlement]] = field(default_factory=list)

    @property
    def entry(self) -> Campaign:
        """The campaign's entry; structure has been checked, so there is one."""
        return self.rows[0].entry


@dataclass(slots=True)
class Ledger:
    """A decoded log.

    Attributes:
        tree: the Merkle tree over its leaves, for roots at earlier sizes.
        rows: every entry, by index. campaigns: by id, in the order of their first entry of any kind.
        by_leaf: entries that others refer to by leaf hash.
        strays: reviews and reputations that name no label or run before them.
    """

    tree: Tree
    rows: Sequence[Row[Any]]
    campaigns: dict[bytes, CampaignRows] = field(default_factory=dict)
    grants: list[Row[SessionGrant]] = field(default_factory=list)
    by_leaf: dict[bytes, Row[Any]] = field(default_factory=dict)
    strays: list[Row[Any]] = field(default_factory=list)

    def find(self, kind: type[S], leaf: bytes, before: int) -> Row[S] | None:
        """The entry of this kind with this leaf hash that stands before index `before`, if there is one."""
        row = self.by_leaf.get(leaf)
        return row if row is not None and isinstance(row.entry, kind) and row.index < before else None


_LISTS: dict[type[Struct], str] = {
    Campaign: "rows",
    Matching: "matchings",
    Assignment: "assignments",
    Suggestion: "suggestions",
    Label: "labels",
    InferenceRun: "runs",
    Truth: "truths",
    Payout: "payouts",
    Settlement: "settlements",
}
_REFERRED = (Matching, Suggestion, Label, InferenceRun)


def build(tree: Tree, entries: Iterable[tuple[bytes, Entry]]) -> Ledger:
    """Sort decoded entries (with their leaf hashes, in log order) by campaign."""
    rows: list[Row[Any]] = []
    ledger = Ledger(tree, rows)
    for index, (leaf, entry) in enumerate(entries):
        row: Row[Any] = Row(index, leaf, entry.struct, entry.signature, entry.raw)
        rows.append(row)
        place(ledger, row)
    return ledger


def place(ledger: Ledger, row: Row[Any]) -> None:
    """Sort the next entry, in log order, into its campaign."""
    struct = row.entry
    if isinstance(struct, SessionGrant):
        ledger.grants.append(row)
    elif isinstance(struct, Review):
        label = ledger.find(Label, struct.label, row.index)
        _place_by_reference(ledger, row, label, "reviews")
    elif isinstance(struct, Reputation):
        run = ledger.find(InferenceRun, struct.run, row.index)
        _place_by_reference(ledger, row, run, "reputations")
    elif type(struct) in _LISTS:
        getattr(_rows_of(ledger, struct.campaign), _LISTS[type(struct)]).append(row)
    if isinstance(struct, _REFERRED):
        ledger.by_leaf.setdefault(row.leaf, row)


def _place_by_reference(ledger: Ledger, row: Row[Any], about: Row[Any] | None, name: str) -> None:
    if about is None:
        ledger.strays.append(row)
    else:
        getattr(_rows_of(ledger, about.entry.campaign), name).append(row)


def _rows_of(ledger: Ledger, campaign: bytes) -> CampaignRows:
    found = ledger.campaigns.get(campaign)
    if found is None:
        found = ledger.campaigns[campaign] = CampaignRows(campaign)
    return found


def labels_before(rows: CampaignRows, size: int) -> Iterator[Row[Label]]:
    """The campaign's labels among the first `size` entries."""
    return (row for row in rows.labels if row.index < size)


def is_zero(value: bytes) -> bool:
    """Whether a bytes32 is the zero word that stands for "none"."""
    return value == ZERO32
