"""What a bench found: rows of our figure, the peer's and the bar; as JSON, and as a table."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

MORE_IS_BETTER = ("/s", "% right", "% F1", "AUC", "points")  # what a unit ends with


@dataclass(frozen=True, slots=True)
class Bar:
    """What a row is held to: our figure at most this ("ours"), or at least ("floor"); or the row's ratio at
    least ("ratio")."""

    limit: float
    of: Literal["ours", "floor", "ratio"] = "ours"

    @property
    def words(self) -> str:
        """For people."""
        sign, times = "≤" if self.of == "ours" else "≥", " x" if self.of == "ratio" else ""
        return f"{sign} {_number(self.limit)}{times}"


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody else's figure for the same purpose, in the same unit, from the same run."""

    name: str
    what: str
    figure: float


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement.

    Attributes:
        what: the operation.
        sizes: what it was done with, by name: entries, workers, hashes in the proof.
        ours: our figure, None in a row that is about the peer alone.
        unit: of both figures. More is better where it is one of `MORE_IS_BETTER`, less everywhere else.
        note: what one has to know to read the figures rightly.
        figures: further figures of the same measurement, by name; not in the table for people.
    """

    what: str
    sizes: Mapping[str, int]
    ours: float | None
    unit: str = "gas"
    peer: Peer | None = None
    bar: Bar | None = None
    note: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """How many times better ours is than the peer's: where more is better ours by theirs, else theirs by
        ours."""
        if self.peer is None or not self.ours:
            return None
        if self.unit.endswith(MORE_IS_BETTER):
            return self.ours / self.peer.figure if self.peer.figure else None
        return self.peer.figure / self.ours

    @property
    def met(self) -> bool | None:
        """Whether the bar is met; None where there is none, or nothing to hold it to."""
        if self.bar is None:
            return None
        if self.bar.of == "ours":
            return None if self.ours is None else self.ours <= self.bar.limit
        if self.bar.of == "floor":
            return None if self.ours is None else self.ours >= self.bar.limit
        return None if self.ratio is None else self.ratio >= self.bar.limit

    def to_json(self) -> dict[str, Any]:
        """The row, its ratio and whether its bar is met; figures to three decimals."""
        made = asdict(self) | {"ours": _rounded(self.ours), "ratio": _rounded(self.ratio), "met": self.met}
        if self.peer is not None:
            made["peer"]["figure"] = _rounded(self.peer.figure)
        return made


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run. `versions` and `machine` say what it was run with, `conditions` how."""

    bench: str
    conditions: Mapping[str, Any]
    rows: Sequence[Row]
    versions: Mapping[str, str]
    machine: Mapping[str, Any]
    seconds: float
    missed: list[str] = field(init=False)

    def __post_init__(self) -> None:
        found = [f"{row.what}: {row.bar.words}" for row in self.rows if row.bar and row.met is False]
        object.__setattr__(self, "missed", found)

    @property
    def met(self) -> bool | None:
        """Whether no bar is missed; None where nothing was held to one."""
        return not self.missed if any(row.met is not None for row in self.rows) else None

    def to_json(self) -> dict[str, Any]:
        """One JSON object."""
        return {
            "bench": self.bench,
            "conditions": dict(self.conditions),
            "met": self.met,
            "missed": self.missed,
            "rows": [row.to_json() for row in self.rows],
            "versions": dict(self.versions),
            "machine": dict(self.machine),
            "seconds": self.seconds,
        }

    def show(self) -> None:
        """A table on standard error."""
        table = Table(title=f"scripts/bench {self.bench}", title_justify="left")
        for name in ("what", "sizes", "ours", "bar", "met", "peer", "peer's", "ratio"):
            numeric = name in ("ours", "peer's", "ratio")
            table.add_column(name, justify="right" if numeric else "left", no_wrap=numeric)
        for row in self.rows:
            table.add_row(*_cells(row))
        Console(file=sys.stderr, width=None if sys.stderr.isatty() else 180).print(table)


def _cells(row: Row) -> list[str]:
    sizes = ", ".join(f"{_number(value)} {name}" for name, value in row.sizes.items())
    unit = "" if row.unit == "gas" else f" {row.unit.removeprefix('gas ')}"
    return [
        row.what,
        sizes,
        "" if row.ours is None else _number(row.ours) + unit,
        row.bar.words if row.bar else "",
        {None: "", True: "yes", False: "NO"}[row.met],
        f"{row.peer.name} {row.peer.what}" if row.peer else "",
        _number(row.peer.figure) if row.peer else "",
        f"{_number(row.ratio)} x" if row.ratio is not None else "",
    ]


def _rounded(value: float | None) -> float | None:
    return value if value is None or isinstance(value, int) else round(value, 3)


def _number(value: float) -> str:
    """With thousands, and with decimals only where they say anything."""
    return f"{value:,.2f}" if value < 100 and value != int(value) else f"{value:,.0f}"
