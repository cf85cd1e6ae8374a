"""`crowdledger` whose payrolls pay the best worker one unit less than it was told: what `enforce` is for."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace

from ledger_service import payroll
from scripts.cli import main

honest = payroll.encode_entries


def lowered(entries: Iterable[payroll.PayrollEntry]) -> bytes:
    """The table with the largest increase less one."""
    table = list(entries)
    best = max(range(len(table)), key=lambda index: table[index].increase)
    table[best] = replace(table[best], increase=table[best].increase - 1)
    return honest(table)


if __name__ == "__main__":
    payroll.encode_entries = lowered
    sys.exit(main())
