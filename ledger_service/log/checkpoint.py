"""Checkpoints: signed tree heads (C2SP signed-note v1, tlog-checkpoint), Ed25519 only.

    <origin>\\n<size>\\n<base64 root>\\n\\n— <key name> <base64(key id ‖ signature)>\\n

The key name is the origin. Extension lines are refused: nobody could audit them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from secrets import token_bytes

from ledger_service.errors import BadInput, VerificationError
from ledger_service.log import note
from ledger_service.log.hashing import HASH_BYTES
from ledger_service.log.note import MAX_NOTE_BYTES, Note, NoteSignature, b64, parse_note, unb64

__all__ = [
    "MAX_NOTE_BYTES",
    "Checkpoint",
    "LogKey",
    "VerifierKey",
    "default_origin",
    "is_signed",
    "open_checkpoint",
    "parse_body",
    "read_unverified",
    "sign_checkpoint",
]

MAX_SIZE = (1 << 64) - 1
_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,19})\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A head of the log: its origin, number of entries, and root (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The note text that is signed: three lines, each with its newline."""
        return f"{self.origin}\n{self.size}\n{b64(self.root)}\n"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The public half of a log's key: name, and 32 bytes of Ed25519."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key)[:4]."""
        return note.key_id(self.name, note.ED25519, self.public)

    def __str__(self) -> str:
        """The C2SP vkey: `<name>+<key id in hex>+<base64(0x01 ‖ public key)>`."""
        return note.format_vkey(self.name, note.ED25519, self.public)

    @staticmethod
    def parse(text: str) -> VerifierKey:
        """Read a vkey.

        Raises:
            BadInput: not a vkey, not Ed25519, or the key id is another key's.
        """
        return VerifierKey(*note.parse_vkey(text, note.ED25519))


@dataclass(frozen=True, slots=True)
class LogKey:
    """The private half: signs checkpoints under one name, which is the log's origin."""

    name: str
    seed: bytes = field(repr=False)
    verifier: VerifierKey = field(init=False, repr=False, compare=False)  # the public half

    def __post_init__(self) -> None:
        if not note.is_key_name(self.name) or len(self.seed) != note.SEED_BYTES:
            raise BadInput("a log key is a name without spaces or plus, and 32 bytes")
        verifier = VerifierKey(self.name, note.public_key(self.seed))
        object.__setattr__(self, "verifier", verifier)  # the dataclass is frozen

    @staticmethod
    def generate(name: str) -> LogKey:
        """A new key from the operating system's randomness."""
        return LogKey(name, token_bytes(note.SEED_BYTES))

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature, 64 bytes."""
        return note.sign_ed25519(self.seed, message)


def default_origin(chain_id: int, log_address: str) -> str:
    """`crowdledger.local/<chain id>/<ProvenanceLog address>`: where no public URL is configured."""
    return f"crowdledger.local/{chain_id}/{log_address}"


def sign_checkpoint(origin: str, size: int, root: bytes, key: LogKey) -> str:
    """The signed note of a head.

    Raises:
        BadInput: the origin is not the key's name, the size is negative, or the root is not 32 bytes.
    """
    if origin != key.name or size < 0 or len(root) != HASH_BYTES:
        raise BadInput("a checkpoint is signed by the key of its origin, over a size and a 32-byte root")
    text = Checkpoint(origin, size, root).text()
    signature = NoteSignature(key.name, key.verifier.key_id, key.sign(text.encode()))
    return Note(text, (signature,)).to_text()


def open_checkpoint(text: str, vkey: str | VerifierKey, *, only: bool = False) -> Checkpoint:
    """Check a signed note and read the head in it.

    Signature lines of other keys are ignored, as C2SP signed-note demands, unless `only`: then the note must
    hold this key's line and nothing else, so that no byte of it goes unchecked.

    Raises:
        BadInput: `vkey` is not a verifier key.
        VerificationError: malformed, not signed by the key, signed wrongly, or of another origin.
    """
    key = VerifierKey.parse(vkey) if isinstance(vkey, str) else vkey
    signed = parse_note(text)
    if only and len(signed.signatures) != 1:
        raise VerificationError(
            "signatures on the checkpoint", expected="1", found=str(len(signed.signatures))
        )
    if not is_signed(signed, key):
        raise VerificationError("checkpoint is not signed by the log", expected=str(key))
    checkpoint = parse_body(signed.text)
    if checkpoint.origin != key.name:
        raise VerificationError("origin of the checkpoint", expected=key.name, found=checkpoint.origin)
    return checkpoint


def is_signed(signed: Note, key: VerifierKey) -> bool:
    """Whether the key's signature stands on the note; every line that it has there is checked.

    Raises:
        VerificationError: a line of the key is not its signature.
    """
    mine = signed.by(key.name, key.key_id)
    message = signed.text.encode()
    if not all(note.holds_ed25519(key.public, signature, message) for signature in mine):
        raise VerificationError("the log's signature on the checkpoint", expected=str(key))
    return bool(mine)


def read_unverified(text: str) -> Checkpoint:
    """The head in a signed note whose signature nobody has checked: for display and for look-ups only.

    Raises:
        VerificationError: malformed.
    """
    return parse_body(parse_note(text).text)


def parse_body(body: str, *, extensions: bool = False) -> Checkpoint:
    """The head in a note's text: origin, size and root, and no further line, or any but empty ones.

    Raises:
        VerificationError: it has another form.
    """
    lines = body[:-1].split("\n")
    if extensions and all(lines[3:]):
        lines = lines[:3]
    if len(lines) != 3 or not lines[0] or not _DECIMAL.match(lines[1]) or int(lines[1]) > MAX_SIZE:
        raise VerificationError("a checkpoint is origin, size and root, and no further line")
    root = unb64(lines[2])
    if len(root) != HASH_BYTES:
        raise VerificationError("root of the checkpoint", expected="32 bytes in base64", found=lines[2][:80])
    return Checkpoint(lines[0], int(lines[1]), root)
