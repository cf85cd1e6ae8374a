"""Progress on standard error: one bar per stage, and how long each took."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Tick = Callable[[int], None]


class Stages:
    """The stages of a run, in order. `seconds` has the wall time of each that is over."""

    def __init__(self, console: Console, on_stage: Callable[[str], None] | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._console, self._on_stage = console, on_stage
        self._lock = threading.Lock()

    @contextmanager
    def stage(self, name: str, words: str, total: int) -> Iterator[Tick]:
        """Show a bar while the block runs; the block calls the tick as it gets on (from any thread)."""
        if self._on_stage is not None:
            self._on_stage(name)
        begun = time.monotonic()
        columns = (
            TextColumn("{task.description:<44}"),
            BarColumn(28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console) as bars:
            task = bars.add_task(words, total=total)

            def tick(count: int) -> None:
                with self._lock:
                    bars.advance(task, count)

            yield tick
        self.seconds[name] = round(time.monotonic() - begun, 2)
