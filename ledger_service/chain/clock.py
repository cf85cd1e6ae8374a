"""The ledger's time on a local chain, whose clock may be moved ahead of the machine's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ledger_service.chain.client import ChainClient
from ledger_service.errors import LedgerError

_FRESH_SECONDS = 0.2


class ChainClock:
    """The machine's time, ahead by what the chain's was ahead when its newest block was first seen.

    It goes on between blocks, as the chain's own clock does, and never goes back. `now` asks nobody, so it
    may be called inside a transaction; `refresh`, called outside of one, asks the node at most five times a
    second. While the node does not answer, what it said last counts. For any number of threads.
    """

    def __init__(
        self,
        client: ChainClient,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._wall, self._monotonic = client, wall, monotonic
        self._lock = threading.Lock()
        self._block = b""
        self._ahead = 0.0
        self._last = 0
        self._read_at = float("-inf")

    def now(self) -> int:
        """Seconds since 1970, as of the last `refresh`."""
        with self._lock:
            self._last = max(self._last, int(self._wall() + self._ahead))
            return self._last

    @property
    def stale(self) -> bool:
        """Whether `refresh` would ask the node."""
        return self._monotonic() - self._read_at > _FRESH_SECONDS

    def refresh(self) -> None:
        """Look at the chain's newest block, unless that was done just now."""
        with self._lock:
            if not self.stale:
                return
            self._read_at = self._monotonic()
        try:
            head = self._client.head()
        except LedgerError:
            return  # whoever needs the node itself will say so
        with self._lock:
            if head.hash != self._block:  # an old block says nothing about the chain's time now
                self._block, self._ahead = head.hash, max(0.0, head.timestamp - self._wall())
