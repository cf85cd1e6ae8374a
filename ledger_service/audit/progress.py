"""Telling how far a long piece of work has come."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""(stage, done, total) of a long piece of work."""


def silent(stage: str, done: int, total: int) -> None:
    """A progress callback that shows nothing."""
