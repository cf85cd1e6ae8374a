"""One look after the other: the chain, other places, the log's head, its entries, and who was paid what."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from ledger_service.audit.chain_reading import ChainReader
from ledger_service.audit.progress import Progress, silent
from ledger_service.audit.reading import as_address, as_count, as_text, member
from ledger_service.entries import Domain
from ledger_service.errors import BadInput, Refused, Unavailable, VerificationError
from ledger_service.log.checkpoint import Checkpoint, VerifierKey
from ledger_service.log.follow import Follower
from ledger_service.log.policy import Policy
from ledger_service.monitor import anchors, heads
from ledger_service.monitor.anchors import Node
from ledger_service.monitor.look import Identity, Limits, Look, Me
from ledger_service.monitor.memory import Memory
from ledger_service.monitor.papers import Papers
from ledger_service.monitor.pay import PayCheck
from ledger_service.monitor.payrolls import PayrollCheck
from ledger_service.monitor.scan import Scanner
from ledger_service.monitor.state import State

BATCH = 1024
SLOWEST_BATCH = 60  # seconds
_READ, _WATCHED = "entries_read", "watched_for"
IDENTITY = "identity"


@dataclass(frozen=True, slots=True)
class Watch:
    """What is watched, and with what.

    Attributes:
        own: the address whose key the source logs in with. places: other places that show the log's heads.
        first: a block at or before the contracts' creation; None looks for it.
    """

    source: Papers
    node: Node
    identity: Identity
    me: Me
    own: str | None = None
    policy: Policy | None = None
    places: Sequence[heads.NoteSource] = ()
    limits: Limits = field(default_factory=Limits)
    first: int | None = None


def identify(
    state: State,
    source: Papers,
    node: Node,
    log_key: str | None,
    log_address: str | None,
    escrow: str | None,
) -> Identity:
    """The log that the folder watches: as it was named, or as it was when it was first looked at.

    What nobody named is taken from the log's own word the first time, and from the folder ever after.

    Raises:
        BadInput: the folder watches another log. Unavailable, BadInput: the source does not say what it is.
    """
    kept = (state.get(IDENTITY) or "").split(" ")
    known = len(kept) == 3
    said = (kept[0], kept[1], kept[2]) if known else _as_it_says(source, node, log_key, log_address)
    named = (log_key or said[0], said[1], (log_address or said[2]).lower())
    if named != said and known:
        other = f"{' '.join(said)}, not {' '.join(named)}"
        raise BadInput(f"{state.folder} watches {other}: choose another folder")
    if not known and said[1] != str(node.client().chain_id):
        raise BadInput(f"the log is of chain {said[1]}, the node serves chain {node.client().chain_id}")
    identity = Identity(VerifierKey.parse(named[0]), int(named[1]), named[2], escrow)
    with state.transaction():
        state.put(IDENTITY, " ".join(named))
    return identity


def _as_it_says(
    source: Papers, node: Node, log_key: str | None, log_address: str | None
) -> tuple[str, str, str]:
    if log_key is not None and log_address is not None:
        return log_key, str(node.client().chain_id), log_address.lower()
    try:
        info = source.info()
    except Refused as error:
        words = "the log does not say what it is, so --log-key and --log-address have to"
        raise BadInput(f"{words}: {error}") from error
    key = log_key or as_text(member(info, "log_key", "info"), "log_key")
    address = log_address or as_address(member(info, "provenance_log", "info"), "provenance_log")
    return key, str(as_count(member(info, "chain_id", "info"), "chain_id")), address.lower()


class Monitor:
    """Looks again and again at one log; everything it knows is in the state's folder.

    `clock` gives seconds since 1970.
    """

    def __init__(self, state: State, watch: Watch, clock: Callable[[], float] = time.time) -> None:
        self._state, self._watch, self._clock = state, watch, clock
        self._memory = Memory(state)
        self._follower = Follower(watch.source, watch.identity.key)
        with state.transaction():
            self._check_watched()

    def _check_watched(self) -> None:
        """For other addresses than before the log is read again from its first entry."""
        text = self._watch.me.text()
        if self._state.get(_WATCHED) != text:
            self._memory.forget_entries()
            self._state.put(_READ, "0")
            self._state.put(_WATCHED, text)

    def look(self, progress: Progress = silent) -> Look:
        """Look once. What others show is read before the log is: an honest log then shows no less.

        1. What the chain holds for good.
        2. What witnesses and mirrors show.
        3. The log's head, which has to extend the one before.
        4. Each new entry: decoded, signed by whom it names, mine or not.
        5. The heads of 1 and 2 against the log's tree.
        6. Payouts against the replay, payrolls against payouts.
        """
        watch = self._watch
        look = Look(self._state, self._memory, int(self._clock()), watch.limits, progress)
        key = watch.identity.key
        chain = anchors.read_anchors(look, watch.node, watch.identity, watch.first)  # 1
        shown = heads.ask_elsewhere(look, watch.places, key)  # 2
        head = heads.newest(look, watch.source, self._follower, key)  # 3
        heads.check_witnesses(look, watch.policy, key)
        if head is not None:
            self._follow(look, head, chain, shown)
        return look

    def _follow(
        self, look: Look, head: Checkpoint, chain: ChainReader | None, shown: Sequence[heads.Elsewhere]
    ) -> None:
        key = self._watch.identity.key
        try:
            self._read(look, head)  # 4
            heads.compare_elsewhere(look, self._follower, key, head, shown)  # 5
            if chain is not None:
                log = self._watch.identity.log_address
                anchors.compare_anchors(look, self._follower, head, chain, log)
        except (Refused, Unavailable) as error:
            heads.unanswered(look, error)
            return
        except VerificationError as error:
            heads.wrong_tiles(look, error, look.state.get(heads.NOTE) or "")
            return
        with look.state.transaction():
            look.in_time(heads.SILENT)
            look.clear(heads.TILES)
        self._check_pay(look, head, chain)  # 6

    def _read(self, look: Look, head: Checkpoint) -> None:
        identity = self._watch.identity
        scanner = Scanner(look, self._watch.me, Domain(identity.chain_id, identity.log_address))
        at, began = look.state.number(_READ), self._clock()
        entries = self._follower.entries(head, min(at, head.size), head.size)
        for batches, batch in enumerate(_batches(entries), start=1):
            with look.state.transaction():
                for index, raw in batch:
                    scanner.take(index, raw)
                at = batch[-1][0] + 1
                # The place is committed with what was found before it: a crash reads the batch again, or not.
                look.state.put(_READ, str(at))
            look.progress("entries", at, head.size)
            # What trickles in would keep us from ever looking at anything else.
            lasted = self._clock() - began
            if lasted > look.limits.silence and batches < lasted / SLOWEST_BATCH:
                raise Unavailable(f"entries come too slowly: {at} of {head.size} after {int(lasted)} s")
        if scanner.mine:
            counts = ", ".join(f"{count} {name}" for name, count in sorted(scanner.mine.items()))
            look.change(
                "mine", f"signed by you or keys that you granted: {counts}", counts=dict(scanner.mine)
            )

    def _check_pay(self, look: Look, head: Checkpoint, chain: ChainReader | None) -> None:
        watch = self._watch
        pay = PayCheck(look, watch.identity, watch.me, watch.source, watch.own)
        pay.check_due(head.size)
        if chain is not None:
            client = watch.node.client()
            payrolls = PayrollCheck(look, watch.identity, watch.me, client, watch.first)
            payrolls.check(chain, pay, head.size)


def _batches(entries: Iterator[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    while batch := list(islice(entries, BATCH)):
        yield batch
