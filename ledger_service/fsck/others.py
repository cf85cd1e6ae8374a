"""What no entry says row by row: where campaigns stand, their items and gold answers, payrolls, keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

from ledger_service import payroll
from ledger_service.errors import BadInput, Corrupt
from ledger_service.fsck.known import Known
from ledger_service.fsck.meaning import Openings
from ledger_service.fsck.report import Difference, Report, same
from ledger_service.log.hashing import leaf_hash
from ledger_service.log.tree import root_of
from ledger_service.specification import Specification
from ledger_service.store.integrity import Snapshot, Values
from ledger_service.store.metadata import metadata
from ledger_service.terms import Terms


def check_others(snapshot: Snapshot, known: Known, report: Report) -> None:
    """Campaigns stand where their rows say; items and gold answers have their roots; payrolls are what the
    log owes; keys open.

    Raises:
        Difference: the first that does not hold.
    """
    _check_drafts(snapshot)
    unanswered = snapshot.unanswered()
    if unanswered is not None:
        key, expected = f"leaf 0x{unanswered['leaf'].hex()}", "open or expired: it has no label"
        raise Difference("assignments", key, "state", expected, "done")
    openings = Openings(snapshot, known, report)
    _check_collections(snapshot, openings, report)
    _check_payrolls(snapshot, report)
    if known.storage is not None:
        _check_keys(snapshot, known.storage, report)


def _check_drafts(snapshot: Snapshot) -> None:
    wrong = snapshot.misplaced_draft()
    if wrong is not None:
        expected = "draft: it has no entry" if wrong["leaf"] is None else "not draft: it has an entry"
        raise Difference("campaigns", _campaign(wrong), "state", expected, wrong["state"])


def _check_collections(snapshot: Snapshot, openings: Openings, report: Report) -> None:
    """Walk campaigns, items and gold answers beside one another, all by campaign id."""
    tables = metadata.tables
    items = _Groups(snapshot.items(tables["items"]))
    gold = _Groups(snapshot.items(tables["gold"]))
    for row in snapshot.campaigns():
        _check_standing(row)
        spec = Specification.from_json(row["specification"], Terms.from_json(row["terms"]).part)
        for table, rows, leaf, wanted in (
            ("items", items.take(row["campaign"]), lambda one: one["item"], spec.items),
            ("gold", gold.take(row["campaign"]), lambda one: one["item"] + one["answer"], spec.gold),
        ):
            hashes = list(_leaves(table, rows, leaf, openings, report))
            if row["state"] == "draft":
                continue  # its requester is still handing in
            same(table, _campaign(row), "rows", wanted.count, len(hashes))
            same(table, _campaign(row), "root", wanted.root, root_of(hashes))


def _check_standing(row: Values) -> None:
    """Where a campaign stands is what is there of it."""
    same("campaigns", _campaign(row), "workers", row["given_work"], row["workers"])
    if row["has_settlements"]:
        allowed = {"finished"} | ({"payable"} if row["owed"] else {"settled"})
        allowed |= {"payable", "posted", "void", "settled"} if row["has_payrolls"] else set()
    elif row["has_runs"]:
        allowed = {"inferred"}
    elif row["has_reviews"]:
        allowed = {"reviewed"}
    else:
        allowed = {"draft", "published", "open", "closed", "expired"}
        allowed |= set() if row["has_labels"] else {"reviewed"}
    if row["state"] not in allowed:
        expected = " or ".join(sorted(allowed))
        raise Difference("campaigns", _campaign(row), "state", expected, row["state"])


def _leaves(
    table: str,
    rows: Iterator[Values],
    leaf: Callable[[Values], bytes],
    openings: Openings,
    report: Report,
) -> Iterator[bytes]:
    """The leaf hashes of a campaign's items or gold answers, each looked into."""
    for number, row in enumerate(rows):
        place = f"position {row['position']}" if table == "items" else f"item 0x{row['item'].hex()}"
        key = f"{_campaign(row)}, {place}"
        if table == "items" and row["position"] < number:
            raise Difference(table, key, "position", f"{number} or more", row["position"])
        commitment = row["item"] if table == "items" else row["answer"]
        wrong = openings.check(row["requester"], row["opening"], commitment)
        if wrong is not None:
            raise Difference(table, key, "opening", f"the opening of 0x{commitment.hex()}", wrong)
        report.add(table)
        yield leaf_hash(leaf(row))


class _Groups:
    """Rows that come by campaign, taken a campaign at a time in the order of their ids."""

    def __init__(self, rows: Iterator[Values]) -> None:
        self._groups = groupby(rows, key=lambda row: bytes(row["campaign"]))
        self._next = next(self._groups, None)

    def take(self, campaign: bytes) -> Iterator[Values]:
        """The rows of this campaign; every row has one, which the database itself holds."""
        if self._next is None or self._next[0] != campaign:
            return
        yield from self._next[1]
        self._next = next(self._groups, None)


def _check_payrolls(snapshot: Snapshot, report: Report) -> None:
    tables = metadata.tables
    anchored = {row["size"] for row in snapshot.heads(tables["anchors"])}
    for row in snapshot.all(tables["payrolls"], "campaign", "epoch"):
        key = f"{_campaign(row)}, epoch {row['epoch']}"
        owed = snapshot.owed(row["campaign"])
        same("payrolls", key, "entries", owed, _owed(key, row))
        same("payrolls", key, "root", payroll.root(row["campaign"], owed), row["root"])
        same("payrolls", key, "count", len(owed), row["count"])
        same("payrolls", key, "total", sum(amount for _, amount in owed), row["total"])
        if row["evidence"] not in anchored:
            raise Difference("payrolls", key, "evidence", "the size of an anchor", row["evidence"])
        report.add("payrolls")


def _owed(key: str, row: Values) -> list[tuple[str, int]]:
    try:
        return [(entry.account, entry.cumulative) for entry in payroll.parse_entries(row["entries"])]
    except BadInput as error:
        raise Difference("payrolls", key, "entries", "a payroll", error) from error


def _check_keys(snapshot: Snapshot, storage: bytes, report: Report) -> None:
    vault = snapshot.vault(storage)
    for row in snapshot.all(metadata.tables["subject_keys"], "subject"):
        try:
            vault.check_key(row["subject"], row["wrapped"])
        except (Corrupt, ValueError) as error:
            key, expected = f"subject {row['subject']}", "a key under our storage key"
            raise Difference("subject_keys", key, "wrapped", expected, error) from error
        report.add("subject_keys")


def _campaign(row: Any) -> str:
    return f"campaign 0x{row['campaign'].hex()}"
