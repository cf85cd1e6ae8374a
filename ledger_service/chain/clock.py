"""The ledger's time on a local chain, whose clock may be moved ahead of the machine's."""

from __future__ import annotations

import time

from ledger_service.chain.client import ChainClient
from ledger_service.errors import Unavailable

_FRESH_SECONDS = 0.2


class ChainClock:
    """The machine's time, or that of the chain's newest block where that is later.

    `now` asks nobody, so it may be called inside a transaction; `refresh`, called outside of one, asks the
    node at most five times a second. While the node does not answer, the last known block time counts.
    """

    def __init__(self, client: ChainClient) -> None:
        self._client = client
        self._block_time = 0
        self._read_at = float("-inf")

    def now(self) -> int:
        """Seconds since 1970, as of the last `refresh`."""
        return max(int(time.time()), self._block_time)

    def refresh(self) -> None:
        """Look at the chain's newest block, unless that was done just now."""
        if time.monotonic() - self._read_at <= _FRESH_SECONDS:
            return
        self._read_at = time.monotonic()
        try:
            self._block_time = self._client.head().timestamp
        except Unavailable:
            return  # whoever needs the node itself will say so
