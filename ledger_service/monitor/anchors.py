"""The heads that the chain holds for good, against the log's."""

from __future__ import annotations

import json
from collections.abc import Callable

from ledger_service.audit.chain_reading import PROPOSED, ChainReader
from ledger_service.audit.words import address, topic, uint, word
from ledger_service.chain import spans
from ledger_service.chain.client import ChainClient, Log
from ledger_service.chain.rpc import Reverted
from ledger_service.errors import BadInput, Corrupt, Unavailable
from ledger_service.heads import ANCHORED, Head, Heads
from ledger_service.log.checkpoint import Checkpoint
from ledger_service.log.follow import Follower
from ledger_service.monitor.alarms import Alarm, Kind
from ledger_service.monitor.heads import NOTE
from ledger_service.monitor.look import Identity, Look

HIDDEN, NODE, PEAKS, UNANCHORED = "hidden:the chain", "node", "node:peaks", "unanchored"
_READ_TO, _CHAIN = "anchors_read_to", "chain"


class Node:
    """The chain's node, connected when it is first needed: a log is watched also while it does not answer."""

    def __init__(self, connect: Callable[[], ChainClient]) -> None:
        self._connect = connect
        self._client: ChainClient | None = None

    def client(self) -> ChainClient:
        """The connection.

        Raises:
            Unavailable: the node does not answer. Corrupt: its answers have no sense.
        """
        if self._client is None:
            self._client = self._connect()
        return self._client

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._client is not None:
            self._client.close()


def read_anchors(look: Look, node: Node, identity: Identity, first: int | None) -> ChainReader | None:
    """Read what was anchored since the last look, up to the newest final block; None where that fails.

    1. The node serves the chain that it served before, also in earlier runs.
    2. The heads grow, and are as many as the contract says; the last one is the contract's latest.
    """
    try:
        client, log = node.client(), identity.log_address
        client.check_chain()
        _check_genesis(look, client, identity)
        chain = _reader(look, client, log, first)
        _read(look, chain, log)
    except Unavailable as error:
        look.miss(f"the chain cannot be read: {error}")
        return None
    except (Corrupt, Reverted, BadInput) as error:
        look.miss(f"the chain cannot be read: {error}")
        with look.state.transaction():
            look.stand(Alarm(Kind.NODE, NODE, f"the chain's node contradicts itself: {error}"))
        return None
    with look.state.transaction():
        look.clear(NODE)
    return chain


def _check_genesis(look: Look, client: ChainClient, identity: Identity) -> None:
    found, before = f"{client.chain_id} {client.genesis.hex()}", look.state.get(_CHAIN)
    if client.chain_id != identity.chain_id or before not in (None, found):
        raise Corrupt(f"it serves chain {found}, and not {before or identity.chain_id}")
    if before is None:
        with look.state.transaction():
            look.state.put(_CHAIN, found)


def _reader(look: Look, client: ChainClient, log: str, first: int | None) -> ChainReader:
    read_to = look.state.get(_READ_TO)
    if read_to is not None:
        chain = ChainReader(client, int(read_to) + 1, look.progress)
        if chain.block.number < int(read_to):
            raise Unavailable(f"the node's final block is {chain.block.number}, it was {read_to} before")
        return chain
    last = client.finalized().number
    if not client.code(log, last):
        raise Unavailable(f"chain {client.chain_id} has no final contract at {log}")
    begin = spans.first_block(client, log, last) if first is None else first
    return ChainReader(client, begin, look.progress)


def _read(look: Look, chain: ChainReader, log: str) -> None:
    memory, found = look.memory, list(chain.log_events(log))
    heads = [_head(event) for event in found if event.topics[0] == ANCHORED]
    before, count = memory.last_anchor(), memory.anchors()
    sizes = [head.size for head in ([before] if before else []) + heads]
    if sizes != sorted(set(sizes)):
        raise Corrupt("the anchored heads do not grow")
    latest = heads[-1] if heads else before
    held = (chain.heads(log), chain.latest(log))
    if held != (count + len(heads), latest):
        raise Corrupt(
            f"the node shows {count + len(heads)} anchored heads, and the contract says {held[0]}: it hides "
            "events, or --from-block is too late"
        )
    with look.state.transaction():
        for position, head in enumerate(heads, start=count):
            memory.anchor(position, head)
        look.state.put(_READ_TO, str(chain.block.number))
    for event in found:
        if event.topics[0] == PROPOSED:
            who = address(topic(event, 1))
            look.change("operator", f"the operator of the log named who may take over: {who}", address=who)
    if heads:
        many = f"{len(heads)} heads were" if len(heads) > 1 else "a head was"
        look.change("anchored", f"{many} anchored, the latest of {sizes[-1]} entries", size=sizes[-1])


def _head(event: Log) -> Head:
    head = Head(uint(topic(event, 1)), word(event.data, 0), uint(word(event.data, 1)))
    if head.size >= 1 << 63 or head.time >= 1 << 63:
        raise Corrupt(f"a head of {head.size} entries at {head.time} was anchored")
    return head


def compare_anchors(look: Look, follower: Follower, head: Checkpoint, chain: ChainReader, log: str) -> None:
    """Every anchored head is that of a beginning of the log, and none is larger than the log.

    Before a log is said to be forked, the heads that the node's events tell of are held against the
    accumulator that the contract keeps of them: a node that invents one accuses nobody.

    Raises:
        VerificationError: what the log serves is not under its head. Refused, Unavailable: it serves nothing.
    """
    memory = look.memory
    while found := memory.uncompared(head.size):
        tree = follower.tree(head)
        # The roots are computed outside of the transaction: that reads tiles.
        roots = [tree.root(anchored.size) for anchored in found]
        differ = any(root != anchored.root for anchored, root in zip(found, roots, strict=True))
        if differ and not _vouched(look, chain, log):
            return
        with look.state.transaction():
            for anchored, root in zip(found, roots, strict=True):
                memory.compared(anchored.size)
                if root != anchored.root:
                    look.alarm(_other(look, anchored, root))
    with look.state.transaction():
        look.clear(PEAKS)
        _check_cover(look, head)


def _vouched(look: Look, chain: ChainReader, log: str) -> bool:
    """Whether the contract keeps the peaks of the anchored heads as we know them; an alarm where not."""
    why = "the anchored heads in its events are not those that the contract keeps the peaks of"
    try:
        peaks = Heads(look.memory.heads()).peaks()
        if all(chain.peak(log, level) == peak for level, peak in peaks.items()):
            return True
    except (Unavailable, Corrupt, Reverted) as error:
        why = str(error)
    look.miss(f"the anchored heads cannot be compared: {why}")
    with look.state.transaction():
        look.stand(Alarm(Kind.NODE, PEAKS, f"the chain's node contradicts itself: {why}"))
        # Which of them are made up nobody knows: all are read again, perhaps from another node.
        look.memory.forget_anchors()
        look.state.drop(_READ_TO)
    return False


def _other(look: Look, anchored: Head, root: bytes) -> Alarm:
    event = {"size": anchored.size, "root": "0x" + anchored.root.hex(), "time": anchored.time}
    files = (
        look.state.evidence("anchored", json.dumps(event) + "\n"),
        look.state.evidence("note-ours", look.state.get(NOTE) or ""),
    )
    words = f"the chain holds another history of this log: another root for its first {anchored.size} entries"
    expected, shown = "0x" + anchored.root.hex(), "0x" + root.hex()
    return Alarm(Kind.FORK, f"fork:chain:{anchored.size}", words, None, "", expected, shown, files)


def _check_cover(look: Look, head: Checkpoint) -> None:
    latest = look.memory.last_anchor()
    if latest is not None:
        look.memory.covered(latest.size)
    if latest is not None and latest.size > head.size:
        words = f"the chain has a head of {latest.size} entries, which the log does not show us"
        files = (look.state.evidence(f"note-{head.size}", look.state.get(NOTE) or ""),)
        look.stand(Alarm(Kind.HIDDEN, HIDDEN, words, None, "", str(latest.size), str(head.size), files))
    else:
        look.clear(HIDDEN)
    oldest = look.memory.oldest_uncovered()
    age = look.now - oldest[1] if oldest else 0
    if oldest and oldest[0] and age > look.limits.anchor:
        words = f"the head of {oldest[0]} entries is not anchored on the chain after {age} s"
        there = f"{latest.size} entries" if latest else "nothing"
        look.stand(Alarm(Kind.UNANCHORED, UNANCHORED, words, None, "", f"{oldest[0]} entries", there))
    else:
        look.clear(UNANCHORED)
