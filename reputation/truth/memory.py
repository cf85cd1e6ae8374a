"""Refusing what would not fit before it is begun."""

from __future__ import annotations

import os


def refuse_beyond(needed: int, what: str, instead: str) -> None:
    """Refuse to allocate more than this machine's physical memory.

    Args:
        needed: bytes.
        what: who needs them, a clause.
        instead: what works.
    Raises:
        ValueError: more is needed than there is.
    """
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise ValueError(f"{what}: about {_bytes(needed)}, and this machine has {_bytes(there)}; {instead}")


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:,.0f} TiB" if size < 1e6 else f"{size:.1e} TiB"
