"""Checkpoints: signed tree heads (C2SP signed-note v1, tlog-checkpoint), Ed25519 only.

    <origin>\\n<size>\\n<base64 root>\\n\\n— <key name> <base64(key id ‖ signature)>\\n

The key name is the origin. Extension lines are refused: nobody could audit them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger_service.errors import BadInput, VerificationError
from ledger_service.log.hashing import HASH_BYTES

ED25519 = b"\x01"
MAX_SIGNATURES = 64
MAX_NOTE_BYTES = 65_536
_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,19})\Z", re.ASCII)
_SIGNATURE_LINE = re.compile(r"— (?P<name>[^\s+]+) (?P<signature>[A-Za-z0-9+/=]+)\Z")
_KEY_ID = re.compile(r"[0-9a-f]{8}\Z")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A head of the log: its origin, number of entries, and root (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The note text that is signed: three lines, each with its newline."""
        return f"{self.origin}\n{self.size}\n{_b64(self.root)}\n"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The public half of a log's key: name, and 32 bytes of Ed25519."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key)[:4]."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        """The C2SP vkey: `<name>+<key id in hex>+<base64(0x01 ‖ public key)>`."""
        return f"{self.name}+{self.key_id.hex()}+{_b64(ED25519 + self.public)}"

    @staticmethod
    def parse(text: str) -> VerifierKey:
        """Read a vkey.

        Raises:
            BadInput: not a vkey, not Ed25519, or the key id is another key's.
        """
        name, _, rest = text.partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = _unb64(encoded)
        if not _is_name(name) or not _KEY_ID.match(key_id) or len(raw) != 33 or raw[:1] != ED25519:
            raise BadInput("not an Ed25519 verifier key (name+key id+base64)")
        key = VerifierKey(name, raw[1:])
        if key.key_id.hex() != key_id:
            raise BadInput(f"the verifier key's id is {key.key_id.hex()}, not {key_id}")
        return key


@dataclass(frozen=True, slots=True)
class LogKey:
    """The private half: signs checkpoints under one name, which is the log's origin."""

    name: str
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not _is_name(self.name) or len(self.seed) != 32:
            raise BadInput("a log key is a name without spaces or plus, and 32 bytes")

    @staticmethod
    def generate(name: str) -> LogKey:
        """A new key from the operating system's randomness."""
        return LogKey(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self._private().public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature, 64 bytes."""
        return self._private().sign(message)

    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


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
    signature = _b64(key.verifier.key_id + key.sign(text.encode()))
    return f"{text}\n— {key.name} {signature}\n"


def open_checkpoint(text: str, vkey: str | VerifierKey, *, only: bool = False) -> Checkpoint:
    """Check a signed note and read the head in it.

    Signature lines of other keys are ignored, as C2SP signed-note demands, unless `only`: then the note must
    hold this key's line and nothing else, so that no byte of it goes unchecked.

    Raises:
        BadInput: `vkey` is not a verifier key.
        VerificationError: malformed, not signed by the key, signed wrongly, or of another origin.
    """
    key = VerifierKey.parse(vkey) if isinstance(vkey, str) else vkey
    body, signatures = _split_note(text)
    if only and len(signatures) != 1:
        raise VerificationError("signatures on the checkpoint", expected="1", found=str(len(signatures)))
    mine = [sig for name, sig in signatures if name == key.name and sig[:4] == key.key_id]
    if len(mine) != 1:
        raise VerificationError("checkpoint is not signed by the log", expected=str(key))
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(mine[0][4:], body.encode())
    except (InvalidSignature, ValueError) as error:
        raise VerificationError("the log's signature on the checkpoint", expected=str(key)) from error
    checkpoint = _parse_body(body)
    if checkpoint.origin != key.name:
        raise VerificationError("origin of the checkpoint", expected=key.name, found=checkpoint.origin)
    return checkpoint


def read_unverified(text: str) -> Checkpoint:
    """The head in a signed note whose signature nobody has checked: for display and for look-ups only.

    Raises:
        VerificationError: malformed.
    """
    return _parse_body(_split_note(text)[0])


def _split_note(text: str) -> tuple[str, list[tuple[str, bytes]]]:
    """(note text, [(key name, key id ‖ signature)]) of a signed note in its one form."""
    if len(text) > MAX_NOTE_BYTES or any(ord(char) < 0x20 and char != "\n" for char in text):
        raise VerificationError("a checkpoint holds no control characters and is short")
    body, gap, tail = text.rpartition("\n\n")
    if not gap or not tail.endswith("\n"):
        raise VerificationError("a checkpoint is a text, an empty line and signature lines")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise VerificationError("signatures on the checkpoint", expected=f"at most {MAX_SIGNATURES}")
    return body + "\n", [_parse_signature(line) for line in lines]


def _parse_signature(line: str) -> tuple[str, bytes]:
    match = _SIGNATURE_LINE.match(line)
    signature = _unb64(match["signature"]) if match else b""
    if match is None or len(signature) <= 4:
        raise VerificationError("a signature line of the checkpoint", found=repr(line[:80]))
    return match["name"], signature


def _parse_body(body: str) -> Checkpoint:
    lines = body[:-1].split("\n")
    if len(lines) != 3 or not lines[0] or not _DECIMAL.match(lines[1]):
        raise VerificationError("a checkpoint is origin, size and root, and no further line")
    root = _unb64(lines[2])
    if len(root) != HASH_BYTES:
        raise VerificationError("root of the checkpoint", expected="32 bytes in base64", found=lines[2][:80])
    return Checkpoint(lines[0], int(lines[1]), root)


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(c.isspace() or ord(c) < 0x20 for c in name)


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _unb64(text: str) -> bytes:
    """Canonical base64 (RFC 4648, section 4); nothing at all where the text is in another form."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return raw if _b64(raw) == text else b""
