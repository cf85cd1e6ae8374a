"""The rows of entries that commit to something, from their openings, campaign by campaign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ledger_service import entries
from ledger_service.errors import BadInput, Corrupt
from ledger_service.restore.copy import Copy, unhex
from ledger_service.restore.rows import Line, batches, seal
from ledger_service.store.restoring import Restoring
from ledger_service.store.store import UnitOfWork


@dataclass(frozen=True, slots=True)
class Opened:
    """An entry of a campaign with what it opens to."""

    index: int
    entry: entries.Entry
    openings: Line


class Openings:
    """Makes the rows of one campaign."""

    def __init__(self, uow: UnitOfWork, rows: Restoring, campaign: bytes, requester: str) -> None:
        self._uow, self._rows, self._campaign, self._requester = uow, rows, campaign, requester
        self._position = 0
        self._makers: dict[str, tuple[str, Callable[[list[Opened]], list[Line]]]] = {
            "Label": ("labels", self._labels),
            "Review": ("reviews", self._reviews),
            "InferenceRun": ("runs", self._runs),
            "Truth": ("truths", self._truths),
            "Payout": ("payouts", self._payouts),
        }

    def restore(self, copy: Copy) -> None:
        """Read all openings of the campaign; the entries of those beyond the copied log are left out.

        Raises:
            BadInput: an opening has another form, or names an entry that is not there.
        """
        for batch in batches(copy.openings(self._campaign) or ()):
            mine = [line for line in batch if line["index"] < copy.head.size]
            raw = self._logged(mine)
            opened = [
                Opened(line["index"], entries.decode(raw[line["index"]]), line["openings"]) for line in mine
            ]
            for kind, (table, make) in self._makers.items():
                found = [one for one in opened if type(one.entry.struct).__name__ == kind]
                self._rows.add(table, make(found))

    def _logged(self, lines: list[Line]) -> dict[int, bytes]:
        try:
            return self._uow.log.at((line["index"], unhex(line["leaf"])) for line in lines)
        except Corrupt as error:
            raise BadInput(f"an opening names an entry that the log does not have: {error}") from error

    def _row(self, table: str, one: Opened) -> Line:
        fields = self._rows.columns_of(table, one.entry.struct)
        return fields | {"leaf": one.entry.leaf, "index": one.index}

    def _labels(self, found: list[Opened]) -> list[Line]:
        promised = self._rows.promised(one.entry.leaf for one in found)
        made = []
        for one in found:
            row = self._row("labels", one)
            promise = promised.get(one.entry.leaf)
            if promise is None:
                raise BadInput(f"service.ndjson has no receipt of label 0x{one.entry.leaf.hex()}")
            made.append(
                row | promise | {"opening": seal(self._uow, row["worker"], one.openings.get("answer"))}
            )
        return made

    def _reviews(self, found: list[Opened]) -> list[Line]:
        rows = [self._row("reviews", one) for one in found]
        labelled = self._rows.labelled(row["label"] for row in rows)
        made = []
        for one, row in zip(found, rows, strict=True):
            if row["label"] not in labelled:
                raise BadInput(f"review {one.index} is of a label that has no opening")
            worker, campaign = labelled[row["label"]]
            sealed = seal(self._uow, worker, one.openings.get("reason"))
            made.append(row | {"campaign": campaign, "opening": sealed})
        return made

    def _runs(self, found: list[Opened]) -> list[Line]:
        return [self._row("runs", one) | _documents(one, "method", "parameters") for one in found]

    def _truths(self, found: list[Opened]) -> list[Line]:
        return [
            self._row("truths", one)
            | {"opening": seal(self._uow, self._requester, one.openings.get("truth"))}
            for one in found
        ]

    def _payouts(self, found: list[Opened]) -> list[Line]:
        made = []
        for one in found:
            documents = _documents(one, "statement", "signed_statement")
            signed = documents.pop("signed_statement")
            said = {"epoch": signed["epoch"], "signature": unhex(signed["signature"])}
            made.append(self._row("payouts", one) | documents | said | {"position": self._position})
            self._position += 1
        return made


def _documents(one: Opened, *names: str) -> dict[str, Any]:
    missing = [name for name in names if name not in one.openings]
    if missing:
        raise BadInput(f"entry {one.index} has no {missing[0]} among its openings")
    return {name: one.openings[name] for name in names}
