"""The ledger's time on a local chain, whose clock may be moved ahead of the machine's."""

from __future__ import annotations

import threading
import time

from ledger_service.chain.client import ChainClient
from ledger_service.errors import Unavailable

_FRESH_SECONDS = 0.2


class ChainClock:
    """The machine's time, or that of the chain's newest block where that is later.

    Asked often, it asks the node at most five times a second; while the node does not answer, the last known
    block time counts.
    """

    def __init__(self, client: ChainClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._block_time = 0
        self._read_at = float("-inf")

    def now(self) -> int:
        """Seconds since 1970."""
        with self._lock:
            if time.monotonic() - self._read_at > _FRESH_SECONDS:
                self._block_time = self._newest()
                self._read_at = time.monotonic()
            return max(int(time.time()), self._block_time)

    def _newest(self) -> int:
        try:
            return self._client.head().timestamp
        except Unavailable:
            return self._block_time
