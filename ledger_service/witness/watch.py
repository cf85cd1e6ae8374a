"""Looking at a log again and again, ever more rarely while it does not answer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from ledger_service.errors import LedgerError, Refused, Unavailable
from ledger_service.witness.alarms import BROKEN, UNAVAILABLE, Alarm, Tell
from ledger_service.witness.monitor import Look, Misbehaves, Monitor

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0
PATIENCE_SECONDS = 600.0  # how long a log may be silent before that is an alarm
_log = logging.getLogger(__name__)


class Watch:
    """Looks at one log, until it is stopped. For one thread.

    Args:
        every: seconds between two looks, while all is well.
        report: is told of each look that has found something new.
        tell: is told of a log that stays silent; the monitor tells of the rest.
    """

    def __init__(
        self,
        monitor: Monitor,
        every: float,
        report: Callable[[Look], None],
        tell: Tell,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monitor, self._every, self._report, self._tell = monitor, every, report, tell
        self._monotonic = monotonic
        self._silent_since: float | None = None
        self._silence_told = False
        self._pause = 0.0

    def run(self, stop: threading.Event) -> None:
        """Look until `stop` is set."""
        while not stop.is_set():
            stop.wait(self.step())

    def step(self) -> float:
        """Look once; seconds to wait until the next look. Raises nothing: one log must not end the others."""
        try:
            look = self._monitor.look()
        except Misbehaves:
            return self._every  # has been told; the log may come back to the history that it signed first
        except (Refused, Unavailable) as error:
            return self._silent(error)
        except LedgerError as error:  # our own record of the log
            self._tell(Alarm(BROKEN, self._monitor.origin, str(error), int(time.time())))
            return LONGEST_PAUSE_SECONDS
        except Exception:
            _log.exception("alarm: looking at %s fails, and will be tried again", self._monitor.origin)
            return LONGEST_PAUSE_SECONDS
        if self._silent_since is not None:
            _log.warning("%s answers again", look.origin)
        self._silent_since, self._silence_told, self._pause = None, False, 0.0
        if look.read or look.cosigned:
            self._report(look)
        return self._every

    def _silent(self, error: LedgerError) -> float:
        now = self._monotonic()
        if self._silent_since is None:
            self._silent_since = now
            _log.warning("%s cannot be read, and will be tried again: %s", self._monitor.origin, error)
        silent = now - self._silent_since
        if silent >= PATIENCE_SECONDS and not self._silence_told:
            self._silence_told = True
            words = f"{self._monitor.origin} cannot be read for {silent:.0f} s: {error}"
            self._tell(Alarm(UNAVAILABLE, self._monitor.origin, words, int(time.time())))
        self._pause = min(2 * self._pause or FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        return self._pause
