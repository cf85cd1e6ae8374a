"""Step 3: the entries of each campaign fit together, as far as the log alone can tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from ledger_service.audit.ledger import CampaignRows, Ledger, Row, is_zero, labels_before
from ledger_service.audit.report import Mismatch
from ledger_service.entries import InferenceRun, Matching, Payout, Review, Suggestion


def check_structure(ledger: Ledger) -> int:
    """Check how entries refer to each other.

     1. Every `Review` names a `Label` before it, every `Reputation` an `InferenceRun` before it.
     2. Each campaign has exactly one `Campaign` entry, and it stands before everything else of the campaign.
     3. Every `Assignment` names a `Matching` of the campaign before it, and was made when that was or later;
        each matching run counts its assignments; no item is given to one worker twice.
     4. Every `Label` answers an `Assignment` before it, was made when it was assigned or later and no later
        than it was due; one answer per item and worker; its suggestion, if it names one, was shown before.
     5. One `Review` per label, accepting or rejecting, no earlier than the label was made; a run's labels are
        reviewed before its payouts.
     6. An `InferenceRun` read no more than what stood before it, and every label of the campaign there.
     7. Every `Truth`, `Reputation`, `Payout` and `Settlement` names a run of the campaign before it; there is
        one per run and item, worker and domain, worker, and run.
     8. Payouts are cumulative: no worker's amount ever falls; each settlement is the sum of what all workers
        have been awarded until then; nothing follows the last one, and its run read every label.

    Returns:
        how many entries were looked at.
    Raises:
        Mismatch: naming the first entry that does not fit.
    """
    for row in ledger.strays:  # 1
        missing = "label" if isinstance(row.entry, Review) else "run"
        raise _misfit(row, f"{missing} it names", "an entry before it", getattr(row.entry, missing))
    for rows in ledger.campaigns.values():
        _check_first(rows)
        _check_assignments(ledger, rows)
        _check_labels(ledger, rows)
        _check_reviews(rows)
        _check_runs(rows)
        _check_results(ledger, rows)
        _check_amounts(ledger, rows)
    return len(ledger.rows)


def _check_first(rows: CampaignRows) -> None:  # 2
    first = min(_everything(rows), key=lambda row: row.index)
    if not rows.rows or rows.rows[0] is not first:
        raise _misfit(first, "comes after the entry of its campaign", "a Campaign entry before it", "none")
    _once(rows.rows, lambda row: row.entry.campaign, "entry of the campaign")


def _check_assignments(ledger: Ledger, rows: CampaignRows) -> None:  # 3
    given: Counter[bytes] = Counter()
    for row in rows.assignments:
        matched = _referred(ledger, row, Matching, row.entry.run, "matching run").entry.made_at
        if row.entry.assigned_at < matched:
            raise _misfit(row, "time of its assignment", f"{matched} or later", row.entry.assigned_at)
        if row.entry.due_at < row.entry.assigned_at:
            raise _misfit(row, "due time", f"{row.entry.assigned_at} or later", row.entry.due_at)
        given[row.entry.run] += 1
    for matching in rows.matchings:
        if matching.entry.assignments != given[matching.leaf]:
            raise _misfit(
                matching, "number of its assignments", matching.entry.assignments, given[matching.leaf]
            )
    _once(rows.assignments, lambda row: (row.entry.item, row.entry.worker), "assignment of item and worker")


def _check_labels(ledger: Ledger, rows: CampaignRows) -> None:  # 4
    assigned = {(row.entry.item, row.entry.worker): row for row in rows.assignments}
    for row in rows.labels:
        label = row.entry
        assignment = assigned.get((label.item, label.worker))
        if assignment is None or assignment.index > row.index:
            raise _misfit(row, "assignment", f"one of the item to {label.worker} before it", "none")
        first, last = assignment.entry.assigned_at, assignment.entry.due_at
        if not first <= label.made_at <= last:
            raise _misfit(row, "time within its assignment", f"{first} to {last}", label.made_at)
        if not is_zero(label.suggestion):
            shown = _referred(ledger, row, Suggestion, label.suggestion, "suggestion")
            if (shown.entry.item, shown.entry.worker) != (label.item, label.worker):
                raise _misfit(row, "item of its suggestion", label.item, shown.entry.item)
    _once(rows.labels, lambda row: (row.entry.item, row.entry.worker), "answer of item and worker")


def _check_reviews(rows: CampaignRows) -> None:  # 5
    reviewed = {row.entry.label: row.index for row in rows.reviews}
    made = {row.leaf: row.entry.made_at for row in rows.labels}
    for row in rows.reviews:
        if row.entry.made_at < made[row.entry.label]:
            raise _misfit(row, "time of the review", f"{made[row.entry.label]} or later", row.entry.made_at)
        if row.entry.verdict not in (Review.ACCEPTED, Review.REJECTED):
            raise _misfit(row, "verdict", "1 or 2", row.entry.verdict)
    _once(rows.reviews, lambda row: row.entry.label, "review of the label")
    for run in rows.runs:
        results = _any(rows.payouts, rows.settlements)
        paid = min((row.index for row in results if row.entry.run == run.leaf), default=run.index)
        for label in labels_before(rows, run.entry.log_size if paid > run.index else 0):
            if reviewed.get(label.leaf, paid) >= paid:
                raise _misfit(label, "review", f"one before entry {paid}", "none")


def _check_runs(rows: CampaignRows) -> None:  # 6
    for row in rows.runs:
        if row.entry.log_size > row.index:
            raise _misfit(row, "entries that the run read", f"at most {row.index}", row.entry.log_size)
        for label in labels_before(rows, row.index):
            if label.index >= row.entry.log_size:
                what = "entries that the run read, with every label before it"
                raise _misfit(row, what, f"more than {label.index}", row.entry.log_size)
        there = sum(label.index < row.entry.log_size for label in rows.labels)
        if row.entry.labels > there:
            raise _misfit(row, "labels that the run read", f"at most {there}", row.entry.labels)


def _check_results(ledger: Ledger, rows: CampaignRows) -> None:  # 7
    for row in _any(rows.truths, rows.reputations, rows.payouts, rows.settlements):
        _referred(ledger, row, InferenceRun, row.entry.run, "inference run")
    _once(rows.truths, lambda row: (row.entry.run, row.entry.item), "truth of run and item")
    _once(
        rows.reputations,
        lambda row: (row.entry.run, row.entry.worker, row.entry.domain),
        "reputation of run, worker and domain",
    )
    _once(rows.payouts, lambda row: (row.entry.run, row.entry.worker), "payout of run and worker")
    _once(rows.settlements, lambda row: row.entry.run, "settlement of the run")


def _check_amounts(ledger: Ledger, rows: CampaignRows) -> None:  # 8
    owed: dict[str, int] = {}
    last: Row[Any] | None = None
    for row in sorted(_any(rows.payouts, rows.settlements), key=lambda row: row.index):
        if last is not None:
            raise _misfit(row, "place", f"nothing after the last settlement at {last.index}", row.index)
        if isinstance(row.entry, Payout):
            before = owed.get(row.entry.worker, 0)
            if row.entry.amount < before:
                raise _misfit(row, "amount", f"{before} or more", row.entry.amount)
            owed[row.entry.worker] = row.entry.amount
            continue
        if row.entry.total != sum(owed.values()):
            raise _misfit(row, "total of the settlement", sum(owed.values()), row.entry.total)
        last = row if row.entry.last else None
    if last is not None:
        _check_complete(ledger, rows, last)


def _check_complete(ledger: Ledger, rows: CampaignRows, last: Row[Any]) -> None:  # 8
    run = _referred(ledger, last, InferenceRun, last.entry.run, "inference run")
    for label in rows.labels:
        if label.index >= run.entry.log_size:
            what = f"place, before what the last settlement at {last.index} is about"
            raise _misfit(label, what, f"below {run.entry.log_size}", label.index)


def _referred(ledger: Ledger, row: Row[Any], kind: type[Any], leaf: bytes, what: str) -> Row[Any]:
    """The entry that `row` names, which has to be of the same campaign and before it."""
    found = ledger.find(kind, leaf, row.index)
    if found is None:
        raise _misfit(row, what, f"the leaf of a {kind.__name__} before it", leaf)
    campaign = getattr(row.entry, "campaign", found.entry.campaign)
    if found.entry.campaign != campaign:
        raise _misfit(row, f"campaign of its {what}", campaign, found.entry.campaign)
    return found


def _once(rows: Iterable[Row[Any]], key: Callable[[Row[Any]], Hashable], what: str) -> None:
    seen: dict[Hashable, int] = {}
    for row in rows:
        first = seen.setdefault(key(row), row.index)
        if first != row.index:
            raise _misfit(row, f"second {what}", f"only the one at {first}", row.index)


def _any(*kinds: Sequence[Row[Any]]) -> Iterator[Row[Any]]:
    """Rows of several kinds, one kind after the other."""
    return chain.from_iterable(kinds)


def _everything(rows: CampaignRows) -> Iterator[Row[Any]]:
    asked = _any(rows.rows, rows.matchings, rows.assignments, rows.suggestions, rows.labels, rows.reviews)
    judged = _any(rows.runs, rows.truths, rows.reputations, rows.payouts, rows.settlements)
    return chain(asked, judged)


def _misfit(row: Row[Any], what: str, expected: object, found: object) -> Mismatch:
    name = type(row.entry).__name__
    return Mismatch(f"entry {row.index} ({name}): {what}", expected=expected, found=found, entry=row.index)
