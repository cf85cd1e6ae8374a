"""What a row says beyond its entry's fields: what else it names, who signed, and what is encrypted in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import matching_engine
from ledger_service import entries, signing
from ledger_service.errors import BadInput, BadSignature, Corrupt, NotYours
from ledger_service.fsck.known import Known
from ledger_service.fsck.report import Difference, Report, same
from ledger_service.specification import Specification
from ledger_service.store.integrity import Snapshot, Values
from ledger_service.terms import Terms, campaign_id


@dataclass(frozen=True, slots=True)
class Row:
    """One row beside its entry."""

    table: str
    key: str
    values: Values
    entry: entries.Entry

    def same(self, column: str, expected: object, *found: object) -> None:
        """Compare a column, or what is found in it. Raises Difference."""
        same(self.table, self.key, column, expected, found[0] if found else self.values[column])

    def fail(self, column: str, expected: object, found: object) -> Difference:
        """The difference in a column."""
        return Difference(self.table, self.key, column, expected, found)


class Openings:
    """Opens what rows hold encrypted, where the storage key is known."""

    def __init__(self, snapshot: Snapshot, known: Known, report: Report) -> None:
        self._vault = None if known.storage is None else snapshot.vault(known.storage)
        self._report = report

    def check(self, subject: str, sealed: bytes, commitment: bytes) -> str | None:
        """What is wrong with an opening; None where it is right, was erased, or cannot be looked into."""
        if self._vault is None:
            return None
        try:
            opened = self._vault.open(subject, sealed, commitment)
        except NotYours:
            self._report.erased += 1
            return None
        except (Corrupt, BadInput, ValueError) as error:
            return str(error) or "it does not decrypt"
        found = opened.commitment
        return None if found == commitment else f"the opening of 0x{found.hex()}"


class Meaning:
    """Checks one row at a time, with what stands beside it in the snapshot's query."""

    def __init__(self, snapshot: Snapshot, known: Known, report: Report) -> None:
        self._known = known
        self._openings = Openings(snapshot, known, report)
        self._positions: dict[bytes, int] = {}  # of the next payout of each campaign
        self._checks: dict[str, Callable[[Row], None]] = {
            "campaigns": self._campaign,
            "matchings": self._matching,
            "labels": self._label,
            "reviews": self._review,
            "truths": self._truth,
            "payouts": self._payout,
        }

    def check(self, row: Row) -> None:
        """Raises Difference."""
        check = self._checks.get(row.table)
        if check is not None:
            check(row)

    def _campaign(self, row: Row) -> None:
        values, struct = row.values, row.entry.struct
        row.same("signature", row.entry.signature)
        try:
            terms = Terms.from_json(values["terms"])
        except BadInput as error:
            raise row.fail("terms", "terms", error) from error
        try:
            spec = Specification.from_json(values["specification"], terms.part)
        except BadInput as error:
            raise row.fail("specification", "a specification", error) from error
        if self._known.domain is not None and self._known.escrow is not None:
            found = campaign_id(terms, self._known.domain.chain_id, self._known.escrow)
            row.same("terms", values["campaign"], found)
        if isinstance(struct, entries.Campaign):
            asked = (spec.items.count, spec.items.root, spec.gold.count, spec.gold.root)
            signed = (struct.item_count, struct.items, struct.gold_count, struct.gold)
            row.same("items and gold of the specification", signed, asked)
        row.same("budget", spec.budget(terms.fee_bps))

    def _matching(self, row: Row) -> None:
        try:
            prices = np.array([int(price) for price in row.values["prices"]], dtype=np.int64)
        except (ValueError, TypeError, OverflowError) as error:
            raise row.fail("prices", "a list of whole numbers", error) from error
        row.same("prices", getattr(row.entry.struct, "prices"), matching_engine.prices_digest(prices))  # noqa: B009
        row.same("workers", len(prices), len(row.values["workers"]))

    def _label(self, row: Row) -> None:
        values, struct = row.values, row.entry.struct
        if not isinstance(struct, entries.Label):
            return
        assigned = [values["assigned_" + name] for name in ("campaign", "item", "worker")]
        row.same("assignment", [struct.campaign, struct.item, struct.worker], assigned)
        assignment = f"leaf 0x{values['assignment'].hex()}"
        same("assignments", assignment, "state", "done", values["assigned_state"])
        covers = (
            values["granting"] == struct.worker
            and values["scope"] in (struct.campaign, entries.ZERO32)
            and values["valid_from"] <= struct.made_at <= values["valid_until"]
        )
        if not covers:
            raise row.fail("grant_leaf", "a grant that covers the label", values["grant_leaf"])
        self._signed(row, "grant_leaf", struct, row.entry.signature, values["session_key"])
        receipt = entries.Receipt(row.entry.leaf, values["index"], values["deadline"])
        self._signed(row, "receipt", receipt, values["receipt"], (values["terms"] or {}).get("operator"))
        self._opening(row, struct.worker, struct.answer)

    def _review(self, row: Row) -> None:
        row.same("campaign", row.values["labelled"])
        self._opening(row, row.values["worker"], getattr(row.entry.struct, "reason"))  # noqa: B009

    def _truth(self, row: Row) -> None:
        self._opening(row, row.values["requester"], getattr(row.entry.struct, "answer"))  # noqa: B009

    def _payout(self, row: Row) -> None:
        values, struct = row.values, row.entry.struct
        if not isinstance(struct, entries.Payout):
            return
        position = self._positions.get(struct.campaign, 0)
        row.same("position", position)
        self._positions[struct.campaign] = position + 1
        said = entries.Statement(struct.campaign, struct.worker, struct.amount, values["epoch"], struct.run)
        self._signed(row, "signature", said, values["signature"], (values["terms"] or {}).get("operator"))

    def _opening(self, row: Row, subject: str, commitment: bytes) -> None:
        wrong = self._openings.check(subject, row.values["opening"], commitment)
        if wrong is not None:
            raise row.fail("opening", f"the opening of 0x{commitment.hex()}", wrong)

    def _signed(
        self, row: Row, column: str, struct: entries.Struct, signature: bytes, by: str | None
    ) -> None:
        if self._known.domain is None:
            return
        try:
            found: object = signing.recover(entries.digest(struct, self._known.domain), signature)
        except (BadSignature, BadInput) as error:
            found = error
        row.same(column, f"signed by {by}", f"signed by {found}")
