"""The chain watcher: the events of our contracts as rows, in the chain's order, corrected when the chain is.

One `step`:

1. Stands still while an alarm is set.
2. Compares the newest block hash that is kept with the chain. Where they differ, walks down to the last
   block on which both agree, and forgets every row above it. Below a block that was final: alarm, `Corrupt`.
3. Reads pages of events up to the newest block, with the hashes of the blocks that may still be abandoned.
   A page is kept only if its last block is the same before and after the reading, and links to what is kept.
4. Marks as final what has become final.

The cursor moves in the same transaction as the rows; no call to the node happens inside one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ledger_service.chain import abi
from ledger_service.chain.client import Block, ChainClient, Log
from ledger_service.chain.rpc import AnswerTooLarge, RpcRefused
from ledger_service.errors import Corrupt, Unavailable
from ledger_service.store.chain import Transactions
from ledger_service.store.chain_events import DEFAULT_STREAM, ChainEvents, Cursor, NewEvent

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WatcherPolicy:
    """Blocks in one question, questions in one step, and block hashes that are kept: the deepest
    reorganisation that is followed."""

    page: int = 2_000
    pages: int = 50
    keep: int = 256


@dataclass(frozen=True, slots=True)
class WatchReport:
    """What a step did. `behind` is the number of blocks still to be read."""

    added: int
    rolled_back: int
    became_final: int
    read_to: int
    behind: int


@dataclass(frozen=True, slots=True)
class _Tail:
    """The newest block that was read, and its hash where that is kept."""

    number: int
    hash: bytes | None


class ChainWatcher:
    """Reads `contracts` (by lower-case address) from `first_block` on into the rows of `stream`."""

    def __init__(
        self,
        client: ChainClient,
        transactions: Transactions,
        contracts: Mapping[str, abi.Artifact],
        *,
        stream: str = DEFAULT_STREAM,
        first_block: int = 0,
        policy: WatcherPolicy | None = None,
        boundary: Callable[[str], None] = lambda point: None,
    ) -> None:
        self._client, self._transactions, self._contracts = client, transactions, dict(contracts)
        self._stream, self._first = stream, first_block
        self._policy = policy or WatcherPolicy()
        self._boundary = boundary
        self._size = self._policy.page

    def step(self) -> WatchReport:
        """One pass.

        Raises:
            Unavailable: the node does not answer, or is behind what was read.
            Corrupt: a final block was abandoned, or an alarm is set already.
        """
        self._client.check_chain()
        cursor = self._begin()
        finalized, head = self._client.finalized(), self._client.head()
        tail = self._ancestor(cursor, head)
        rolled_back = self._roll_back(cursor, tail.number) if tail.number < cursor.read_to else 0
        added = 0
        for _ in range(self._policy.pages):
            page = self._read(tail, head, finalized) if tail.number < head.number else None
            if page is None:
                break
            tail, count = page
            added += count
        final = self._finalise(min(finalized.number, tail.number))
        return WatchReport(added, rolled_back, final, tail.number, max(0, head.number - tail.number))

    def resume(self) -> None:
        """A person has looked at the alarm: forget it."""
        with self._transactions() as connection:
            ChainEvents(connection, self._stream).resume()

    def _begin(self) -> Cursor:
        with self._transactions() as connection:
            rows = ChainEvents(connection, self._stream)
            cursor = rows.cursor() or rows.begin(self._client.chain_id, self._client.genesis, self._first)
        if (cursor.chain_id, cursor.genesis) != (self._client.chain_id, self._client.genesis):
            raise Corrupt(
                f"stream {self._stream} is of chain {cursor.chain_id} that began with {cursor.genesis.hex()},"
                f" the node serves chain {self._client.chain_id} that began with {self._client.genesis.hex()}"
            )
        if cursor.alarm is not None:
            raise Corrupt(f"stream {self._stream} stands still: {cursor.alarm}")
        return cursor

    def _ancestor(self, cursor: Cursor, head: Block) -> _Tail:
        """The newest block that was read and is still on the chain."""
        if head.number < cursor.final_to:
            raise Unavailable(f"the node is at block {head.number}, and {cursor.final_to} was final")
        with self._transactions() as connection:
            hashes = ChainEvents(connection, self._stream).hashes()
        for number in sorted(hashes, reverse=True):
            block = self._client.block(number)
            if block is not None and block.hash == hashes[number]:
                return _Tail(number, block.hash)
            if number <= cursor.final_to:
                self._alarm(f"block {number} was final and has been abandoned")
        if hashes:
            self._alarm(f"the chain was reorganised below block {min(hashes)}, the oldest that is kept")
        return _Tail(cursor.read_to, None)

    def _alarm(self, sentence: str) -> None:
        with self._transactions() as connection:
            ChainEvents(connection, self._stream).stop(sentence)
        _log.error("stream %s: %s", self._stream, sentence)
        raise Corrupt(f"stream {self._stream}: {sentence}")

    def _roll_back(self, cursor: Cursor, ancestor: int) -> int:
        with self._transactions() as connection:
            rows = ChainEvents(connection, self._stream)
            if rows.lock() != cursor:
                raise Unavailable(f"stream {self._stream} is read by somebody else too")
            count = rows.roll_back(ancestor)
        _log.warning("stream %s: back to block %d, %d events forgotten", self._stream, ancestor, count)
        return count

    def _read(self, tail: _Tail, head: Block, finalized: Block) -> tuple[_Tail, int] | None:
        """Read one page and keep it; how many events. None when the chain changed meanwhile."""
        first, last = tail.number + 1, min(tail.number + self._size, head.number)
        before = self._client.block(last)
        try:
            logs = self._client.logs(list(self._contracts), first, last)
        except (RpcRefused, AnswerTooLarge):
            if first == last:
                raise
            self._size = (last - tail.number) // 2  # too much for this node: ask for less
            return tail, 0
        kept_from = max(first, min(finalized.number, last), min(last, head.number - self._policy.keep + 1))
        hashes = self._hashes(tail, kept_from, last)
        if before is None or before.hash != hashes.get(last):
            return None
        if any(hashes.get(log.block_number, log.block_hash) != log.block_hash for log in logs):
            return None
        self._boundary("read")
        # Crash here: nothing was kept; the next pass reads the page again.
        return _Tail(last, hashes[last]), self._keep(tail, last, self._decode(logs), hashes)

    def _hashes(self, tail: _Tail, first: int, last: int) -> dict[int, bytes]:
        """The blocks' hashes, each block linked to the one before; none where a link is broken."""
        hashes: dict[int, bytes] = {}
        parent = tail.hash if first == tail.number + 1 else None
        for number in range(first, last + 1):
            block = self._client.block(number)
            if block is None or (parent is not None and block.parent != parent):
                return {}
            parent = hashes[number] = block.hash
        return hashes

    def _decode(self, logs: Sequence[Log]) -> list[NewEvent]:
        decoded = ((log, self._contracts[log.address].event(log)) for log in logs)
        return [_row(log, event) for log, event in decoded if event is not None]

    def _keep(self, tail: _Tail, last: int, events: Sequence[NewEvent], hashes: dict[int, bytes]) -> int:
        with self._transactions() as connection:
            rows = ChainEvents(connection, self._stream)
            cursor = rows.lock()
            if cursor is None or cursor.read_to != tail.number or cursor.alarm is not None:
                raise Unavailable(f"stream {self._stream} is read by somebody else too")
            rows.append(last, events, hashes, self._policy.keep)
        self._size = min(self._policy.page, self._size + self._size // 4 + 1)
        return len(events)

    def _finalise(self, final_to: int) -> int:
        with self._transactions() as connection:
            rows = ChainEvents(connection, self._stream)
            cursor = rows.lock()
            if cursor is None or final_to <= cursor.final_to or final_to > cursor.read_to:
                return 0
            return rows.finalise(final_to)


def _row(log: Log, event: abi.Event) -> NewEvent:
    return NewEvent(
        address=log.address,
        name=event.name,
        block_number=log.block_number,
        block_hash=log.block_hash,
        log_index=log.index,
        transaction=log.transaction,
        args=cast("dict[str, Any]", abi.to_json(event.args)),
    )
