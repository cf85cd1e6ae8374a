"""What a check of a log's database or of a copy says."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger_service.commitments import Json
from ledger_service.errors import VerificationError


class Difference(VerificationError):
    """Two things that have to agree and do not.

    Attributes:
        table: of the database, or the file of a copy. key: which row. column: what of it.
        expected, found: the two values, as text.
    """

    def __init__(self, table: str, key: str, column: str, expected: object, found: object) -> None:
        self.table, self.key, self.column = table, key, column
        super().__init__(f"{table}, {key}: {column}", expected=shown(expected), found=shown(found))

    def to_json(self) -> Json:
        """As `crowdledger fsck --json` prints it."""
        return {
            "table": self.table,
            "key": self.key,
            "column": self.column,
            "expected": self.expected,
            "found": self.found,
        }


@dataclass(slots=True)
class Report:
    """What was looked at: the head that was derived again, how much of everything, and what was left out.

    Attributes:
        counts: rows, or tiles, that agree, by table.
        erased: openings whose subject's key was destroyed: their proofs hold, their content is gone.
        left_out: checks that were not made, and why; a sentence each.
    """

    size: int = 0
    root: bytes = b""
    counts: dict[str, int] = field(default_factory=dict)
    erased: int = 0
    left_out: list[str] = field(default_factory=list)

    def add(self, table: str, count: int = 1) -> None:
        """Count what agrees."""
        self.counts[table] = self.counts.get(table, 0) + count

    def to_json(self) -> Json:
        """As `crowdledger fsck --json` prints it."""
        return {
            "size": self.size,
            "root": "0x" + self.root.hex(),
            "checked": self.counts,
            "erased": self.erased,
            "not_checked": self.left_out,
        }


def shown(value: object) -> str:
    """A value as a person compares it."""
    if isinstance(value, bytes):
        return "0x" + value.hex() if len(value) <= 80 else f"0x{value[:32].hex()}… ({len(value)} bytes)"
    text = "none" if value is None else str(value)
    return text if len(text) <= 200 else text[:200] + "…"


def same(table: str, key: str, column: str, expected: object, found: object) -> None:
    """Compare two values.

    Raises:
        Difference: they are not the same.
    """
    if expected != found:
        raise Difference(table, key, column, expected, found)
