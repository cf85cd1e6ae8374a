"""Times for people. Everything else counts seconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(moment: int) -> str:
    """A time in seconds since 1970 as ISO 8601 in UTC; a number where the calendar ends before it."""
    try:
        return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"second {moment}"
