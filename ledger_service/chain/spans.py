"""Events of many blocks, asked for in spans that the node is willing to answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ledger_service.chain.client import ChainClient, Log
from ledger_service.chain.rpc import AnswerTooLarge, RpcRefused

Progress = Callable[[int, int], None]
"""Told how many blocks of how many have been looked at."""


def events(
    client: ChainClient,
    address: str | None,
    topics: Sequence[Sequence[bytes]],
    first: int,
    last: int,
    progress: Progress | None = None,
) -> Iterator[Log]:
    """Events of one contract, or with None of all, in blocks first..last, in the chain's order, with these
    topics at each position.

    What the node refuses is asked for in smaller spans, and after an answer in larger ones again: a busy day
    must not make all days after it slow. Events with other topics are left out, whatever the node gives.

    Raises:
        Unavailable: the node does not answer, or refuses a single block. Corrupt: its answer has no sense.
    """
    at, span = first, max(1, last + 1 - first)
    while at <= last:
        end = min(at + span - 1, last)
        try:
            found = client.logs_with(address, topics, at, end)
        except (RpcRefused, AnswerTooLarge):
            if span == 1:
                raise
            span = max(1, (end - at + 1) // 4)
            continue
        yield from (log for log in found if _matches(log, topics))
        at, span = end + 1, span * 2
        if progress:
            progress(at - first, last + 1 - first)


def _matches(log: Log, topics: Sequence[Sequence[bytes]]) -> bool:
    return len(log.topics) >= len(topics) and all(
        topic in wanted for topic, wanted in zip(log.topics, topics, strict=False)
    )


def first_block(client: ChainClient, address: str, last: int) -> int:
    """The first block up to `last` in which the contract is there, by bisection.

    Zero where the node has forgotten old states: then all blocks have to be looked at.
    """
    low, high = 0, last
    try:
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if client.code(address, middle) else (middle + 1, high)
    except RpcRefused:
        return 0
    return low
