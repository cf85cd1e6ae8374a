"""What a monitor says: alarms, which are kept until they were told, and changes, which are only said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ledger_service.commitments import Json
from ledger_service.errors import LedgerError, VerificationError

MOST_CHARACTERS = 2_000


class Kind(StrEnum):
    """What is wrong."""

    FORK = "fork"  # two histories of one log: proved
    BEHIND = "behind"  # the log shows less than it has shown before
    HIDDEN = "hidden"  # the chain, a witness or a mirror has a larger head than the log shows
    CHECKPOINT = "checkpoint"  # the head is not signed by the log, or is none
    TILES = "tiles"  # what the log serves is not what its signed head says
    ENTRY = "entry"  # an entry does not decode, or its signature is not whose it has to be
    NOT_MINE = "not-mine"  # an entry in my name that I did not sign
    PAYOUT = "payout"  # a payout that the replay does not give
    PAYROLL = "payroll"  # the chain's payroll is not the log's, or leaves me out
    UNANCHORED = "unanchored"  # a head is not covered on the chain in time
    WITNESSES = "witnesses"  # too few witnesses have cosigned, for too long
    SILENT = "silent"  # the log does not answer, for too long
    NODE = "node"  # the chain's node contradicts itself, or serves another chain


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that should not be.

    Attributes:
        key: names this one thing, so that it is raised once however often it is found.
        words: one sentence.
        entry: the log entry at which it shows. campaign: the one it is about, 0x hex.
        expected, found: the two values that differ, as text.
        evidence: names of files in the monitor's folder that prove it to others.
    """

    kind: Kind
    key: str
    words: str
    entry: int | None = None
    campaign: str = ""
    expected: str = ""
    found: str = ""
    evidence: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """Members that say something; `kind` and `words` always."""
        values: dict[str, Json] = {
            "kind": str(self.kind),
            "words": _short(self.words),
            "entry": self.entry,
            "campaign": self.campaign,
            "expected": _short(self.expected),
            "found": _short(self.found),
            "evidence": list(self.evidence),
        }
        return {name: value for name, value in values.items() if value not in (None, "", [])}

    @staticmethod
    def of(kind: Kind, key: str, error: LedgerError, words: str = "", campaign: str = "") -> Alarm:
        """The alarm that an error of a check makes."""
        expected = found = ""
        entry = getattr(error, "entry", None)
        if isinstance(error, VerificationError):
            expected, found = error.expected, error.found
        text = f"{words}: {error}" if words else str(error)
        return Alarm(kind, key, text, entry, campaign, expected, found)


def _short(text: str) -> str:
    """What a stranger's document put into a sentence may be very long."""
    return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS] + "…"


@dataclass(frozen=True, slots=True)
class Kept:
    """An alarm as the folder has it: its number, when it was raised (seconds since 1970), what it says."""

    number: int
    time: int
    alarm: Mapping[str, Json]
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened in good order, in one sentence, with figures for programs."""

    what: str
    words: str
    facts: Mapping[str, Json] = field(default_factory=dict)
