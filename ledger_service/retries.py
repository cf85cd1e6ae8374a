"""Work that fails is tried again, ever more rarely, and its failure is said once while it lasts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from ledger_service.errors import Unavailable

_log = logging.getLogger(__name__)
FIRST_SECONDS = 1.0
LONGEST_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class _Fault:
    words: str
    pause: float
    due: float


class Retries:
    """The parts of some work that fail at present. For one thread.

    What does not answer (`Unavailable`) is a warning and may be tried at once. Everything else, also what
    nobody foresaw, is an alarm with its traceback, and the part then waits: a second, and twice as long each
    time it fails again, up to `longest` seconds. A part is forgiven once it has gone well for as long as it
    had to wait last.
    """

    def __init__(
        self, *, longest: float = LONGEST_SECONDS, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._longest, self._monotonic = longest, monotonic
        self._faults: dict[str, _Fault] = {}

    def attempt(self, part: str, step: Callable[[], bool]) -> bool:
        """Take the step, unless it has to wait; whether it moved anything. Raises nothing."""
        fault = self._faults.get(part)
        if fault is not None and self._monotonic() < fault.due:
            return False
        try:
            moved = step()
        except Exception as error:  # whatever it is, it must not hold up the others
            self._failed(part, error)
            return False
        if fault is not None and self._monotonic() >= fault.due + fault.pause:
            del self._faults[part]
        return moved

    def _failed(self, part: str, error: Exception) -> None:
        before = self._faults.get(part)
        pause, waits = before.pause if before else 0.0, 0.0
        if not isinstance(error, Unavailable):
            pause = waits = min(2 * pause or FIRST_SECONDS, self._longest)
        words = f"{type(error).__name__}: {error}"
        self._faults[part] = _Fault(words, pause, self._monotonic() + waits)
        if before is not None and before.words == words:
            return
        if isinstance(error, Unavailable):
            _log.warning("%s has to wait: %s", part, error)
        else:
            _log.error("alarm: %s fails, and will be tried again", part, exc_info=error)
