"""Ending in order when the terminal goes away or the system asks us to."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(0 if number == signal.SIGTERM else 128 + number)


@contextlib.contextmanager
def ending_cleanly() -> Iterator[None]:
    """Within the block SIGTERM and SIGHUP unwind the program as Ctrl-C does, so that every `with` ends."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, _end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
