"""The chain writer: what the service has decided to do on a chain is done there once, whatever fails.

Intents and attempts are rows. `enqueue` writes an intent inside the caller's transaction; `step` moves the
lane's intents one pass forward. Between two steps nothing is held in memory: after a crash at any line the
next `step` goes on from the rows, on the normal path.

    QUEUED ──▶ SIGNED ──▶ BROADCAST ──▶ MINED ──▶ FINAL
       │          ▲ ◀─── reorg ──────────┘
       └─▶ REJECTED     REJECTED (mined, reverted), FOREIGN (our nonce is spent, not by us): back on a reorg

1. The intents' rows are the nonce counter: dense in a lane, never given twice, never changed.
2. A signed transaction is committed before it is sent. Whatever a node may have seen is in a row.
3. A replacement is another attempt with the same nonce, so of all attempts at most one is ever mined.
4. Every attempt's hash is looked up.
5. Nothing is FINAL before its block is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from ledger_service.chain import abi
from ledger_service.chain.client import Block, Call, ChainClient
from ledger_service.chain.fees import FeeLimits, Fees, raised, suggest
from ledger_service.chain.observe import Absent, Found, Outcome, Sight, Taken
from ledger_service.chain.rpc import Reverted, RpcRefused
from ledger_service.chain.signer import Signer, Transaction
from ledger_service.errors import Corrupt, Unavailable
from ledger_service.signing import keccak256
from ledger_service.store.chain import Attempt, ChainIntents, Connection, Intent, Lane, State, Transactions

_QUEUE_PAGE = 16
_GAS_PER_TRANSACTION = 1 << 24  # EIP-7825
_UNMINED = (State.SIGNED, State.BROADCAST)
_log = logging.getLogger(__name__)


class Clock(Protocol):
    """The service's time."""

    def now(self) -> int:
        """Seconds since 1970."""
        ...


@dataclass(frozen=True, slots=True)
class WriterPolicy:
    """How the writer sends.

    Times in seconds. With `in_flight` above 1, an intent's gas is estimated while earlier ones are not mined
    yet: only for calls that do not build on one another.
    """

    resend_after: int = 30
    raise_after: int = 60
    in_flight: int = 1
    fees: FeeLimits = field(default_factory=FeeLimits)


@dataclass(frozen=True, slots=True)
class StepReport:
    """What a step did: state changes seen, transactions signed, transactions taken by the node.

    `alarms` are sentences for a person: a foreign transaction, an account without money, fees at their limit.
    """

    moved: int
    signed: int
    sent: int
    alarms: tuple[str, ...]

    @property
    def busy(self) -> bool:
        """Whether the next step is likely to find something to do at once."""
        return bool(self.moved or self.signed or self.sent)


class _Unsigned(Enum):
    """Why a queued intent is not signed in this pass: the contract refuses it, the node does not estimate it
    while it does estimate others, or none can be signed now."""

    REFUSED = auto()
    PASSED_OVER = auto()
    LATER = auto()


def _no_boundary(point: str) -> None:
    """Nothing happens between two lines of a step."""


class ChainWriter:
    """One lane. Two writers of the same lane do no harm, only twice the work.

    Args:
        transactions: opens a database transaction; neither node nor signer nor clock is asked inside one.
        artifacts: contracts whose custom errors are named in the reason of a refusal.
        boundary: called at the crash windows of a step, with their names: "signed", "committed", "sent".
    """

    def __init__(
        self,
        client: ChainClient,
        signer: Signer,
        transactions: Transactions,
        clock: Clock,
        *,
        policy: WriterPolicy | None = None,
        artifacts: Mapping[str, abi.Artifact] | None = None,
        boundary: Callable[[str], None] = _no_boundary,
    ) -> None:
        self.lane = Lane(client.chain_id, signer.address)
        self._client, self._signer, self._transactions, self._clock = client, signer, transactions, clock
        self._policy = policy or WriterPolicy()
        self._artifacts = artifacts or {}
        self._boundary = boundary
        self._said: tuple[str, ...] = ()  # the last step's alarms: each is logged once while it lasts

    def enqueue(
        self, connection: Connection, key: str, to: str | None, data: bytes, value: int = 0
    ) -> Intent:
        """Record, in the caller's transaction, a call of `to` (or with None the creation of a contract).

        The same key again is the same intent.

        Raises:
            Conflict: the key is there with something else to do. BadInput: more data than nodes take.
        """
        return ChainIntents(connection).enqueue(self.lane, key, to, data, value, self._clock.now())

    def find(self, connection: Connection, key: str) -> Intent | None:
        """The intent of this key as it stands."""
        return ChainIntents(connection).find(self.lane, key)

    def step(self) -> StepReport:
        """One pass: look at what became of the open intents, sign what is due, send what is signed.

        Raises:
            Unavailable: the node does not answer; what was reached is in the rows.
            Corrupt: the node contradicts itself.
        """
        self._check_chain()
        moved = self._observe()
        with self._transactions() as connection:
            foreign = ChainIntents(connection).stopped_by(self.lane)
        if foreign is not None:
            return self._report(moved, 0, 0, [f"{foreign.key}: {foreign.error}; the lane has stopped"])
        head = self._client.head()
        alarms: list[str] = []
        signed = self._raise_fees(head, alarms) + self._sign_queued(head, alarms)
        return self._report(moved, signed, self._send(alarms), alarms)

    def _check_chain(self) -> None:
        self._client.check_chain()
        with self._transactions() as connection:
            genesis = ChainIntents(connection).genesis(self.lane)
        if genesis not in (None, self._client.genesis):
            raise Corrupt(
                f"chain {self.lane.chain_id} began with {self._client.genesis.hex()}, but this account's "
                f"transactions were made for one that began with {genesis and genesis.hex()}"
            )

    def _report(self, moved: int, signed: int, sent: int, alarms: list[str]) -> StepReport:
        for alarm in alarms:
            if alarm not in self._said:
                _log.error("chain %d, %s: %s", self.lane.chain_id, self.lane.account, alarm)
        self._said = tuple(alarms)
        return StepReport(moved, signed, sent, self._said)

    # Looking.

    def _observe(self) -> int:
        with self._transactions() as connection:
            rows = ChainIntents(connection)
            watched = [(intent, rows.attempts_of(intent)) for intent in rows.open(self.lane)]
        if not watched:
            return 0
        sight = Sight(self._client, self.lane.account)
        # Crash between the look and the record: the next pass looks again.
        return sum(self._record(intent, sight.outcome(intent, found), sight) for intent, found in watched)

    def _record(self, intent: Intent, outcome: Outcome, sight: Sight) -> bool:
        now = self._clock.now()
        if isinstance(outcome, Found):
            return self._record_found(intent, outcome, sight)
        with self._transactions() as connection:
            rows = ChainIntents(connection)
            if isinstance(outcome, Taken) and (intent.state is not State.FOREIGN or outcome.final):
                return rows.foreign(intent, final=outcome.final, now=now)
            if isinstance(outcome, Absent) and intent.state not in _UNMINED:
                return rows.send_again(intent, now)
        return False

    def _record_found(self, intent: Intent, found: Found, sight: Sight) -> bool:
        if intent.mined == found.mined and not found.final:
            return False
        error = None if found.succeeded else self._why(intent, found, sight)
        now = self._clock.now()
        with self._transactions() as connection:
            rows = ChainIntents(connection)
            if error is None:
                return rows.mined(intent, found.mined, final=found.final, now=now)
            return rows.reverted(intent, found.mined, error, final=found.final, now=now)

    def _why(self, intent: Intent, found: Found, sight: Sight) -> str:
        if intent.state is State.REJECTED and intent.error and intent.mined == found.mined:
            return intent.error
        data = sight.revert_data(intent, found.mined)
        return (
            "reverted, for a reason that is not known" if data is None else abi.explain(data, self._artifacts)
        )

    # Signing.

    def _sign_queued(self, head: Block, alarms: list[str]) -> int:
        """Sign as many queued intents as there is room for, in their order; how many.

        An intent that the node does not estimate is passed over: it has no nonce, so nobody waits for it.
        """
        with self._transactions() as connection:
            ahead = sum(intent.state in _UNMINED for intent in ChainIntents(connection).open(self.lane))
        signed, passed_over = 0, False
        for intent in self._queued() if ahead < self._policy.in_flight else ():
            gas = self._gas(intent, alarms, unmined=ahead + signed > 0, passed_over=passed_over)
            if gas is _Unsigned.LATER:
                break
            if isinstance(gas, _Unsigned):
                passed_over |= gas is _Unsigned.PASSED_OVER
                continue
            fees = suggest(self._client, head, self._policy.fees)
            if fees is None:
                self._wait(intent, "the chain's fees are above the limit", alarms)
                break
            if not self._take(intent, gas, fees):
                break
            signed += 1
            if ahead + signed >= self._policy.in_flight:
                break
        return signed

    def _queued(self) -> Iterator[Intent]:
        after = 0
        while True:
            with self._transactions() as connection:
                page = ChainIntents(connection).queued(self.lane, _QUEUE_PAGE, after)
            if not page:
                return
            yield from page
            after = page[-1].id

    def _gas(self, intent: Intent, alarms: list[str], *, unmined: bool, passed_over: bool) -> int | _Unsigned:
        """Gas for the intent, or why it is not signed now."""
        try:
            found = self._client.estimate_gas(_call(intent))
        except Reverted as refusal:
            if unmined:
                return _Unsigned.LATER  # what it builds on may be in a transaction that is not mined yet
            reason = abi.explain(refusal.data, self._artifacts) if refusal.data else str(refusal)
            if passed_over:  # what it builds on may be in one that is passed over
                self._wait(intent, reason, alarms)
                return _Unsigned.PASSED_OVER
            now = self._clock.now()
            with self._transactions() as connection:
                ChainIntents(connection).refused(intent, reason, now)
            return _Unsigned.REFUSED
        except Unavailable as refusal:  # too large for this node, say; or the node is out of order
            self._wait(intent, str(refusal), alarms)
            return _Unsigned.PASSED_OVER if self._node_estimates() else _Unsigned.LATER
        return min(found + found // 5, max(found, _GAS_PER_TRANSACTION))

    def _node_estimates(self) -> bool:
        """Whether the node estimates anything for our account: then what it refused was about that call.

        Asked with a call that costs next to nothing. An account without money, a limit on requests and a
        node that lacks the method show themselves here too, in whatever words.

        Raises:
            Unavailable: the node does not answer at all.
        """
        try:
            self._client.estimate_gas(Call(self.lane.account, self.lane.account, b""))
        except (RpcRefused, Reverted):
            return False
        return True

    def _wait(self, intent: Intent, reason: str, alarms: list[str]) -> None:
        alarms.append(f"{intent.key}: {reason}")
        now = self._clock.now()
        with self._transactions() as connection:
            ChainIntents(connection).waiting(intent, reason, now)

    def _take(self, intent: Intent, gas: int, fees: Fees) -> bool:
        nonce = self._next_nonce()
        attempt = self._attempt(intent, nonce, 1, gas, fees)
        self._boundary("signed")
        # Crash here: the signed bytes are lost and were never sent; the nonce is still free.
        with self._transactions() as connection:
            taken = ChainIntents(connection).take(intent, nonce, attempt)
        self._boundary("committed")
        # Crash here: the intent is SIGNED; the next pass finds no receipt and sends it.
        return taken

    def _next_nonce(self) -> int:
        with self._transactions() as connection:
            nonce = ChainIntents(connection).next_nonce(self.lane)
        if nonce is not None:
            return nonce
        first = self._client.transaction_count(self.lane.account, "pending")
        with self._transactions() as connection:
            ChainIntents(connection).open_lane(self.lane, self._client.genesis, first)
        return self._next_nonce()

    def _attempt(self, intent: Intent, nonce: int, number: int, gas: int, fees: Fees) -> Attempt:
        transaction = Transaction(
            chain_id=self.lane.chain_id,
            nonce=nonce,
            to=intent.to,
            data=intent.data,
            value=intent.value,
            gas=gas,
            max_fee=fees.max_fee,
            priority_fee=fees.priority_fee,
        )
        raw = self._signer.sign(transaction)
        now = self._clock.now()
        return Attempt(keccak256(raw), number, raw, gas, fees.max_fee, fees.priority_fee, signed_at=now)

    def _raise_fees(self, head: Block, alarms: list[str]) -> int:
        """Replace the attempt that has waited too long, of the lowest nonce only: the others wait for it."""
        first = next(iter(self._unmined()), None)
        if first is None:
            return 0
        intent, newest = first
        tried = newest.sent_at is not None or newest.error is not None
        if not tried or newest.signed_at + self._policy.raise_after > self._clock.now():
            return 0
        now = suggest(self._client, head, self._policy.fees)
        before = Fees(newest.max_fee, newest.priority_fee)
        fees = now and raised(before, now, self._policy.fees)
        if fees is None or intent.nonce is None:
            alarms.append(f"{intent.key}: not mined, and its fees are at the limit")
            return 0
        attempt = self._attempt(intent, intent.nonce, newest.number + 1, newest.gas, fees)
        self._boundary("signed")
        with self._transactions() as connection:
            replaced = ChainIntents(connection).replace(intent, attempt)
        self._boundary("committed")
        return int(replaced)

    # Sending.

    def _send(self, alarms: list[str]) -> int:
        return sum(self._send_one(intent, newest, alarms) for intent, newest in self._unmined())

    def _send_one(self, intent: Intent, attempt: Attempt, alarms: list[str]) -> bool:
        now = self._clock.now()
        if intent.state is State.BROADCAST and (attempt.sent_at or 0) + self._policy.resend_after > now:
            return False
        try:
            self._client.send_raw(attempt.raw)
        except (RpcRefused, Reverted) as refusal:
            # "Already known", after a crash at "sent", is a refusal too; nodes word it differently.
            if not self._client.knows(attempt.hash):
                alarms.append(f"{intent.key}: {refusal}")
                with self._transactions() as connection:
                    ChainIntents(connection).not_sent(attempt, str(refusal))
                return False
        self._boundary("sent")
        # Crash here: the intent is still SIGNED; the next pass finds the receipt, or sends the same bytes.
        with self._transactions() as connection:
            return ChainIntents(connection).sent(intent, attempt, now)

    def _unmined(self) -> list[tuple[Intent, Attempt]]:
        """Intents with a transaction that is not in the chain, each with its newest attempt, by nonce."""
        with self._transactions() as connection:
            rows = ChainIntents(connection)
            unmined = [intent for intent in rows.open(self.lane) if intent.state in _UNMINED]
            return [(intent, rows.attempts_of(intent)[-1]) for intent in unmined]


def _call(intent: Intent) -> Call:
    return Call(intent.lane.account, intent.to, intent.data, intent.value)
