"""Which checkpoints to trust: a policy file (C2SP tlog-policy) of logs, witnesses, groups and a quorum.

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <name>...
    quorum <name>|none

Names are octets that only the file itself gives a meaning; keys decide. Ed25519 keys only: 0x01 for logs,
0x04 for witnesses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ledger_service.errors import BadInput, VerificationError
from ledger_service.log.checkpoint import Checkpoint, VerifierKey, is_signed, parse_body
from ledger_service.log.cosignature import CosignerKey, open_cosignatures
from ledger_service.log.note import parse_note

NONE = b"none"
MAX_POLICY_BYTES = 1 << 20
_REFUSED_OCTETS = re.compile(rb"[^\x09\x20-\x7e\x80-\xff]")
_SPACES = re.compile(rb"[ \t]+")
_DECIMAL = re.compile(rb"[1-9][0-9]{0,8}\Z")


@dataclass(frozen=True, slots=True)
class PolicyLog:
    """A log whose checkpoints are trusted; its key's name is its origin."""

    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyWitness:
    """A witness, by the name that the file's groups and quorum call it, and its submission prefix."""

    name: bytes
    key: CosignerKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyGroup:
    """A group: it has witnessed what at least `threshold` of its members have."""

    name: bytes
    threshold: int
    members: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Logs, witnesses and groups in the order of their lines; and the quorum, a name among them or `none`."""

    logs: tuple[PolicyLog, ...]
    witnesses: tuple[PolicyWitness, ...]
    groups: tuple[PolicyGroup, ...]
    quorum: bytes

    def __hash__(self) -> int:
        """Of a part of it: a verifier looks results up under its policy, for every bundle."""
        return hash((self.quorum, len(self.logs), len(self.witnesses), len(self.groups)))

    @property
    def cosigners(self) -> tuple[CosignerKey, ...]:
        """The witnesses' keys."""
        return tuple(witness.key for witness in self.witnesses)

    def satisfied_by(self, keys: Collection[CosignerKey]) -> bool:
        """Whether the quorum is reached when these witnesses have cosigned."""
        reached = {NONE: True} | {witness.name: witness.key in keys for witness in self.witnesses}
        for group in self.groups:
            reached[group.name] = sum(reached[member] for member in group.members) >= group.threshold
        return reached[self.quorum]


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A checkpoint that a policy accepts: its log, and which witnesses cosigned when (seconds since 1970)."""

    checkpoint: Checkpoint
    log: VerifierKey
    cosigned: Mapping[CosignerKey, int]


def parse_policy(raw: bytes) -> Policy:
    """Read a policy file.

    Raises:
        BadInput: not a policy; the line is named.
    """
    if len(raw) > MAX_POLICY_BYTES:
        raise BadInput(f"a policy has at most {MAX_POLICY_BYTES} bytes, this one {len(raw)}")
    reader = _Reader()
    lines = raw.split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            if number == len(lines) and line:
                raise BadInput("the last line does not end in a newline")
            reader.line(line)
        except BadInput as error:
            raise BadInput(f"line {number} of the policy: {error}") from error
    return reader.policy()


def read_policy(path: Path) -> Policy:
    """Read a policy from its file.

    Raises:
        BadInput: it cannot be read, or is none; the file is named, and the line.
    """
    try:
        with path.open("rb") as file:
            return parse_policy(file.read(MAX_POLICY_BYTES + 1))
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error


def open_under_policy(note_text: str, policy: Policy, log: VerifierKey | None = None) -> Witnessed:
    """Check a signed checkpoint against a policy: signed by one of its logs, cosigned by its quorum.

    Every line of a key that the policy knows is verified; lines of other keys are ignored.

    Args:
        log: the log that it has to be, where the caller knows that. A policy that lists no log needs it, and
            one that lists some has to have it among them.
    Raises:
        VerificationError: malformed; a known key's line does not hold; not signed by such a log, under its
            own name; or too few of the witnesses cosigned.
    """
    signed = parse_note(note_text)
    logs = [listed.key for listed in policy.logs] or ([] if log is None else [log])
    signers = [key for key in logs if is_signed(signed, key)]
    checkpoint = parse_body(signed.text)
    accepted = [key for key in signers if key.name == checkpoint.origin and log in (None, key)]
    if not accepted:
        expected = str(log) if log is not None else ", ".join(str(key) for key in logs)[:300]
        raise VerificationError(
            "the checkpoint is signed by no log of the policy", expected=expected, found=checkpoint.origin
        )
    cosigned = open_cosignatures(note_text, policy.cosigners)
    if not policy.satisfied_by(cosigned):
        raise VerificationError(
            "cosignatures that the policy asks for",
            expected=f"the quorum {_words(policy.quorum)}",
            found=", ".join(sorted(key.name for key in cosigned)) or "none of its witnesses'",
        )
    return Witnessed(checkpoint, accepted[0], cosigned)


@dataclass
class _Reader:
    """What the lines so far have defined."""

    logs: list[PolicyLog] = field(default_factory=list)
    witnesses: list[PolicyWitness] = field(default_factory=list)
    groups: list[PolicyGroup] = field(default_factory=list)
    quorum: bytes | None = None
    names: set[bytes] = field(default_factory=lambda: {NONE})
    grouped: set[bytes] = field(default_factory=set)
    log_keys: set[bytes] = field(default_factory=set)
    witness_keys: set[bytes] = field(default_factory=set)

    def line(self, line: bytes) -> None:
        """Take in one line, without its newline."""
        bad = _REFUSED_OCTETS.search(line)
        if bad:
            raise BadInput(f"the octet 0x{bad[0].hex()} is not allowed")
        items = [item for item in _SPACES.split(line) if item]
        if not items or items[0].startswith(b"#"):
            return
        keywords: dict[bytes, Callable[[Sequence[bytes]], None]] = {
            b"log": self._log,
            b"witness": self._witness,
            b"group": self._group,
            b"quorum": self._quorum,
        }
        if items[0] not in keywords:
            raise BadInput(f"{_words(items[0])} is none of log, witness, group and quorum")
        keywords[items[0]](items[1:])

    def policy(self) -> Policy:
        """What all lines together say."""
        if self.quorum is None:
            raise BadInput("the policy has no quorum line; `quorum none` asks for no cosignature")
        return Policy(tuple(self.logs), tuple(self.witnesses), tuple(self.groups), self.quorum)

    def _log(self, items: Sequence[bytes]) -> None:
        if not 1 <= len(items) <= 2:
            raise BadInput("a log is `log <vkey> [<url>]`")
        key = VerifierKey.parse(_text(items[0]))
        _check_new_key(key.public, self.log_keys, "log")
        self.logs.append(PolicyLog(key, _url(items[1:])))

    def _witness(self, items: Sequence[bytes]) -> None:
        if not 2 <= len(items) <= 3:
            raise BadInput("a witness is `witness <name> <vkey> [<url>]`")
        key = CosignerKey.parse(_text(items[1]))
        _check_new_key(key.public, self.witness_keys, "witness")
        self._define(items[0])
        self.witnesses.append(PolicyWitness(items[0], key, _url(items[2:])))

    def _group(self, items: Sequence[bytes]) -> None:
        if len(items) < 3:
            raise BadInput("a group is `group <name> all|any|<k> <name>...`")
        name, count, members = items[0], items[1], tuple(items[2:])
        for member in members:
            if member not in self.names or member == NONE:
                raise BadInput(f"no line before defines the member {_words(member)}")
            if member in self.grouped:
                raise BadInput(f"{_words(member)} is a member already, here or of another group")
            self.grouped.add(member)
        self._define(name)
        self.groups.append(PolicyGroup(name, _threshold(count, len(members)), members))

    def _quorum(self, items: Sequence[bytes]) -> None:
        if len(items) != 1:
            raise BadInput("the quorum is `quorum <name>` or `quorum none`")
        if self.quorum is not None:
            raise BadInput("a second quorum line")
        if items[0] not in self.names:
            raise BadInput(f"no line before defines {_words(items[0])}")
        self.quorum = items[0]

    def _define(self, name: bytes) -> None:
        if name in self.names:
            raise BadInput(f"the name {_words(name)} is taken")
        self.names.add(name)


def _threshold(count: bytes, members: int) -> int:
    """How many of a group's members are asked for."""
    if count in (b"all", b"any"):
        return members if count == b"all" else 1
    if not _DECIMAL.match(count) or int(count) > members:
        raise BadInput(f"{_words(count)} is none of all, any and a number from 1 to {members}")
    return int(count)


def _check_new_key(public: bytes, known: set[bytes], what: str) -> None:
    """Two lines with one public key are one twice, whatever the names are."""
    if public in known:
        raise BadInput(f"another {what} line has this public key")
    known.add(public)


def _text(item: bytes) -> str:
    """A verifier key's text."""
    try:
        return item.decode()
    except UnicodeDecodeError as error:
        raise BadInput("a verifier key's name is UTF-8") from error


def _url(items: Sequence[bytes]) -> str | None:
    """The URL, as its octets are where they are not UTF-8."""
    return items[0].decode("utf-8", "surrogateescape") if items else None


def _words(name: bytes) -> str:
    """A name for people."""
    return f"`{name[:80].decode('utf-8', 'backslashreplace')}`"
