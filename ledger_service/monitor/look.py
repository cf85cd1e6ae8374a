"""One look: what it is about, what it finds, and how that is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ledger_service.audit.progress import Progress, silent
from ledger_service.commitments import Json
from ledger_service.errors import BadInput
from ledger_service.log.checkpoint import VerifierKey
from ledger_service.monitor.alarms import Alarm, Change
from ledger_service.monitor.memory import Memory
from ledger_service.monitor.state import State

MINUTE = 60
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Me:
    """Whom the monitor watches for.

    Attributes:
        addresses: wallets, lower-case hex. session_keys: all that they granted; empty for any.
        campaigns: ids that are watched as a whole, besides those of these addresses.
    """

    addresses: frozenset[str] = frozenset()
    session_keys: frozenset[str] = frozenset()
    campaigns: frozenset[bytes] = frozenset()

    def text(self) -> str:
        """The same for the same: what is remembered of the log depends on it."""
        ids = (campaign.hex() for campaign in self.campaigns)
        parts = (sorted(self.addresses), sorted(self.session_keys), sorted(ids))
        return "/".join(",".join(part) for part in parts)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things may take before they are an alarm, in seconds.

    Attributes:
        anchor: from a head to an anchor on the chain that covers it; a chain that takes a quarter of an hour
            to make a block final needs twice that.
        silence: without an answer of the log, without enough witnesses, or behind what another place shows.
        payroll: from a Payout entry to a payroll on the chain that was computed from it.
    """

    anchor: int = 60 * MINUTE
    silence: int = 10 * MINUTE
    payroll: int = DAY

    def __post_init__(self) -> None:
        if min(self.anchor, self.silence, self.payroll) < 0:
            raise BadInput("a limit is not negative")


@dataclass(slots=True)
class Look:
    """What one look finds.

    Attributes:
        now: seconds since 1970, when it began.
        changes: what happened in good order.
        unseen: what could not be looked at this time. lacking: what cannot be looked at with what we were
            given. Both in sentences.
    """

    state: State
    memory: Memory
    now: int
    limits: Limits
    progress: Progress = silent
    changes: list[Change] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)

    def alarm(self, alarm: Alarm) -> None:
        """Something happened that should not have. In a transaction."""
        self.state.raised(alarm, self.now)

    def stand(self, alarm: Alarm) -> None:
        """Something is as it should not be, until `clear`. In a transaction."""
        self.state.raised(alarm, self.now, standing=True)

    def clear(self, key: str) -> None:
        """It is as it should be. In a transaction."""
        over = self.state.clear(key)
        if over is not None:
            self.change("cleared", f"over: {over.alarm['words']}", number=over.number)

    def late(self, name: str, limit: int, alarm: Callable[[int], Alarm]) -> None:
        """Something is not as it should be, which is an alarm once it lasts longer than the limit.

        `alarm` is made with the seconds that it has lasted. `in_time` ends it. In a transaction.
        """
        lasted = self.now - self.state.since(name, self.now)
        if lasted > limit:
            self.stand(alarm(lasted))

    def in_time(self, name: str) -> None:
        """What `late` is asked about is as it should be; the alarm has the same key. In a transaction."""
        self.state.over(name)
        self.clear(name)

    def change(self, what: str, words: str, **facts: Json) -> None:
        """Say what happened in good order."""
        self.changes.append(Change(what, words, facts))

    def miss(self, words: str) -> None:
        """Say what could not be looked at this time."""
        self.unseen.append(words)

    def lack(self, words: str) -> None:
        """Say what cannot be looked at with what we were given."""
        self.lacking.append(words)


@dataclass(frozen=True, slots=True)
class Identity:
    """The log that is watched: its key, and the contract and chain that its signatures are made for."""

    key: VerifierKey
    chain_id: int
    log_address: str
    escrow: str | None = None
