"""The event of one anchored head, found among all that happened: newest blocks first, in bounded questions.

The ProvenanceLog stores its latest head alone. An earlier one is known by its event

    Anchored(uint64 indexed size, bytes32 root, uint64 time)

That there is none can be said only by who has the log's events from its beginning on. A node that has thrown
the oldest away answers with an empty list as well. So the same questions ask for the contract's first event,
`OperatorChanged(address(0), operator)`, of its creation: before it there is nothing, and a node that has it
has what came later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger_service.commitments import Json
from ledger_service.eip712 import WORD, encode_word
from ledger_service.errors import Unavailable
from ledger_service.heads import ANCHORED
from ledger_service.signing import keccak256
from ledger_service.verify.endpoint import Endpoint, Refused, data, quantity

OPERATOR_CHANGED = keccak256(b"OperatorChanged(address,address)")
MAX_QUESTIONS = 2_500
_NOBODY = bytes(WORD)


@dataclass(frozen=True, slots=True)
class AnchoredHead:
    """A head that the ProvenanceLog took: its root (32 bytes), and when it came (seconds since 1970)."""

    root: bytes
    time: int


@dataclass(frozen=True, slots=True)
class _Found:
    """What one answer holds."""

    heads: Sequence[AnchoredHead]
    created: bool


def find(node: Endpoint, log: str, size: int, first: int, last: int) -> AnchoredHead | None:
    """The head of exactly this size whose event is in blocks `first` to `last`; None where there is none.

    A question that the node refuses is asked for half as many blocks.

    Raises:
        Unavailable: the node does not answer, contradicts itself, refuses a single block, takes more than
            MAX_QUESTIONS, or does not have the contract's events from its beginning on.
    """
    if first > last:
        raise Unavailable(f"the RPC endpoint is at block {last}, and the search is to begin at {first}")
    end, span = last, last - first + 1
    for _ in range(MAX_QUESTIONS):
        begin = max(first, end - span + 1)
        try:
            found = _ask(node, log, size, begin, end)
        except Refused:
            if begin == end:
                raise
            span = (end - begin + 1) // 2
            continue
        if found.heads:
            return found.heads[0]
        if found.created:
            return None
        if begin == first:
            raise Unavailable(
                f"the RPC endpoint does not have the events of {log} from its creation on"
                + (f", which may lie before block {first}" if first else "")
            )
        end = begin - 1
    raise Unavailable(
        f"the RPC endpoint answers for so few blocks that {MAX_QUESTIONS} questions did not find the head of"
        f" size {size}: name the block the contracts were deployed in, or ask another node"
    )


def _ask(node: Endpoint, log: str, size: int, begin: int, end: int) -> _Found:
    topics: Json = [
        [_hex(ANCHORED), _hex(OPERATOR_CHANGED)],
        [_hex(encode_word("uint64", size)), _hex(_NOBODY)],
    ]
    query: Json = {"address": log, "fromBlock": hex(begin), "toBlock": hex(end), "topics": topics}
    answer = node.ask("eth_getLogs", query)
    if not isinstance(answer, list):
        raise Unavailable("the RPC endpoint gives no list of events")
    heads, created = [], 0
    for event in answer:
        kind, argument, raw = _event(event, log, begin, end)
        if kind == ANCHORED and argument == encode_word("uint64", size):
            heads.append(_head(raw))
        elif kind == OPERATOR_CHANGED and argument == _NOBODY:
            created += 1
        else:
            # An operator whose address is this number would be found by the same question; nobody has it.
            raise Unavailable("the RPC endpoint gives an event that was not asked for")
    if len(heads) > 1 or created > 1:
        raise Unavailable(f"the RPC endpoint gives several events where there is one: size {size} of {log}")
    return _Found(heads, created == 1)


def _event(event: Json, log: str, begin: int, end: int) -> tuple[bytes, bytes, bytes]:
    """(kind, first indexed argument, data) of an event, once it is one of this contract in these blocks."""
    if not isinstance(event, dict) or event.get("removed"):
        raise Unavailable("the RPC endpoint gives no event, or one of an abandoned block")
    topics = event.get("topics")
    if not isinstance(topics, list) or not 2 <= len(topics) <= 4:
        raise Unavailable("the RPC endpoint gives an event of another form")
    kind, argument = (data(topic, "topic of an event") for topic in topics[:2])
    block = quantity(event.get("blockNumber"), "block of an event")
    address = "0x" + data(event.get("address"), "address of an event").hex()
    if address != log or not begin <= block <= end:
        raise Unavailable("the RPC endpoint gives an event that was not asked for")
    return kind, argument, data(event.get("data"), "data of an event")


def _head(raw: bytes) -> AnchoredHead:
    if len(raw) != 2 * WORD:
        raise Unavailable("the RPC endpoint gives an event of another form")
    return AnchoredHead(raw[:WORD], int.from_bytes(raw[WORD:], "big"))


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()
