"""Who anchored the heads of a log, and when: the ProvenanceLog's events, against what it holds."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger_service.audit.chain_reading import PROPOSED, ChainReader
from ledger_service.audit.report import Mismatch, OperatorTerm, Proposal
from ledger_service.audit.words import address, topic, uint, word
from ledger_service.chain.client import Log
from ledger_service.entries import ZERO_ADDRESS
from ledger_service.errors import BadInput
from ledger_service.heads import ANCHORED, Head, Heads


@dataclass(slots=True)
class LogHistory:
    """What the events of a ProvenanceLog tell, in their order.

    Attributes:
        heads: every head that was anchored.
        operators: who could anchor, one after another, each with the heads that came in its time: the
            contract takes a head from nobody else.
        proposals: every naming of a next operator; of the zero address: none any more.
        pending: the proposal that can still be accepted.
    """

    heads: Heads = field(default_factory=Heads)
    operators: list[OperatorTerm] = field(default_factory=list)
    proposals: list[Proposal] = field(default_factory=list)
    pending: Proposal | None = None


def read_history(chain: ChainReader, log: str) -> LogHistory:
    """The history of a ProvenanceLog, once it agrees with itself and with what the contract holds.

     1. The first event names the first operator, and each later one takes over from the one before, as it was
        proposed, after the contract's delay and before it has passed a second time.
     2. The heads grow; the peaks over all of them are those that the contract holds, for as many heads; the
        last one is the latest.
     3. The last operator, and what is proposed now, are those that the contract holds.

    Raises:
        Mismatch: the first of these that does not hold. Unavailable, Corrupt: as `ChainReader`.
    """
    history, delay = LogHistory(), chain.rotation_delay(log)
    for event in chain.log_events(log):
        kind = event.topics[0]
        if kind == ANCHORED:
            _anchored(history, event)
        elif kind == PROPOSED:
            _proposed(history, event, chain.time(event.block_number), delay)
        else:
            _changed(history, event, chain.time(event.block_number), delay)
    _compare(history, chain, log)
    return history


def _anchored(history: LogHistory, event: Log) -> None:
    if not history.operators:
        raise Mismatch("first event of the ProvenanceLog", expected="its first operator", found="a head")
    try:
        size, time = uint(topic(event, 1)), uint(word(event.data, 1))
        history.heads.append(Head(size, word(event.data, 0), time))
    except BadInput as error:
        raise Mismatch(f"order of the anchored heads: {error}") from error
    last = history.operators[-1]
    history.operators[-1] = OperatorTerm(last.operator, last.since, last.heads + 1)


def _proposed(history: LogHistory, event: Log, now: int, delay: int) -> None:
    proposal = Proposal(address(topic(event, 1)), now, uint(word(event.data, 0)))
    withdrawn = proposal.operator == ZERO_ADDRESS
    _same("first moment of a proposed operator", 0 if withdrawn else now + delay, proposal.since)
    history.proposals.append(proposal)
    history.pending = None if withdrawn else proposal


def _changed(history: LogHistory, event: Log, now: int, delay: int) -> None:
    former, found = address(topic(event, 1)), address(topic(event, 2))
    if history.operators:
        pending = history.pending
        _same("operator of the log that handed over", history.operators[-1].operator, former)
        _same("operator of the log that took over", pending.operator if pending else "nobody", found)
        if pending and not pending.since <= now < pending.since + delay:
            span = f"{pending.since} to {pending.since + delay - 1}"
            raise Mismatch("when the operator of the log took over", expected=span, found=now)
    else:
        _same("operator before the first one of the log", ZERO_ADDRESS, former)
    history.operators.append(OperatorTerm(found, now, 0))
    history.pending = None


def _compare(history: LogHistory, chain: ChainReader, log: str) -> None:
    heads, pending = history.heads, history.pending
    _same("number of anchored heads announced", chain.heads(log), len(heads))
    _same("latest head", chain.latest(log), heads[-1] if len(heads) else None)
    for level, peak in heads.peaks().items():
        _same(f"peak {level} of the anchored heads", chain.peak(log, level), peak)
    announced = history.operators[-1].operator if history.operators else "nobody"
    _same("operator of the log", chain.operator(log), announced)
    expected = (pending.operator, pending.since) if pending else (ZERO_ADDRESS, 0)
    _same("proposed operator of the log", chain.next_operator(log), expected)


def _same(what: str, expected: object, found: object) -> None:
    if expected != found:
        raise Mismatch(what, expected=_shown(expected), found=_shown(found))


def _shown(value: object) -> object:
    if isinstance(value, Head):
        return f"{value.size} entries, root 0x{value.root.hex()}, at {value.time}"
    return " from ".join(map(str, value)) if isinstance(value, tuple) else value
