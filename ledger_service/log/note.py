"""Signed notes and verifier keys (C2SP signed-note v1): the one reader and writer of both.

    <text, ends in a newline>\\n— <key name> <base64(key id ‖ signature)>\\n…

The last empty line parts the text from the signature lines. Base64 has one form here (RFC 4648, section 4,
padded, no spare bits), so that a note that is read and written again has the same bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger_service.errors import BadInput, VerificationError

ED25519 = b"\x01"
COSIGNATURE_ED25519 = b"\x04"
KEY_ID_BYTES = 4
PUBLIC_KEY_BYTES = SEED_BYTES = 32
# The specification asks for 16 at least; a post-quantum one takes up to 7 kB in base64.
MAX_SIGNATURES = 100
MAX_NOTE_BYTES = 1_000_000
_SIGNATURE_LINE = re.compile(r"— (?P<name>[^\s+]+) (?P<signature>[A-Za-z0-9+/=]+)\Z")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_KEY_ID = re.compile(r"[0-9a-f]{8}\Z")
_KINDS = {
    0x01: "a note's Ed25519 signature",
    0x02: "a note's ECDSA signature",
    0x04: "an Ed25519 cosignature",
    0x05: "an RFC 6962 tree head",
    0x06: "an ML-DSA-44 cosignature",
}


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: the key's name and id (4 bytes), and the signature (1 byte or more)."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def line(self) -> str:
        """The line as it stands in a note, with its newline."""
        return f"— {self.name} {b64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text, which ends in a newline, and the signatures under it; nothing is known of either yet."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def to_text(self) -> str:
        """The signed note."""
        return self.text + "\n" + "".join(signature.line for signature in self.signatures)

    def by(self, name: str, key_id: bytes) -> tuple[bytes, ...]:
        """The signatures that stand here for a key, which is known by name and id together."""
        return tuple(
            found.signature for found in self.signatures if found.name == name and found.key_id == key_id
        )


def parse_note(text: str) -> Note:
    """Read a signed note.

    Raises:
        VerificationError: too long, not UTF-8, a control character other than newline, no text, no signature,
            or a signature line of another form.
    """
    _check_characters(text)
    body, gap, tail = text.rpartition("\n\n")
    if not gap or not tail:
        raise VerificationError("a signed note is a text, an empty line and signature lines")
    return Note(body + "\n", parse_signature_lines(tail))


def parse_signature_lines(text: str) -> tuple[NoteSignature, ...]:
    """Read signature lines that stand alone, as a witness answers them: one or more, each with its newline.

    Raises:
        VerificationError: there is none, too many, or one of another form.
    """
    _check_characters(text)
    if not text.endswith("\n"):
        raise VerificationError("signature lines end in a newline", found=repr(text[-80:]))
    lines = text[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise VerificationError(
            "signatures on a note", expected=f"at most {MAX_SIGNATURES}", found=str(len(lines))
        )
    return tuple(_parse_signature(line) for line in lines)


def is_key_name(name: str) -> bool:
    """Whether this can be a key's name: something, without spaces, plus signs and control characters."""
    return bool(name) and "+" not in name and not any(c.isspace() or c < " " for c in name) and _is_utf8(name)


def key_id(name: str, kind: bytes, public: bytes) -> bytes:
    """SHA-256(name ‖ 0x0A ‖ signature type ‖ public key)[:4]."""
    return hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:KEY_ID_BYTES]


def format_vkey(name: str, kind: bytes, public: bytes) -> str:
    """The verifier key `<name>+<key id in hex>+<base64(signature type ‖ public key)>`."""
    return f"{name}+{key_id(name, kind, public).hex()}+{b64(kind + public)}"


def parse_vkey(text: str, kind: bytes) -> tuple[str, bytes]:
    """Read a verifier key of one Ed25519 signature type; (name, public key of 32 bytes).

    Raises:
        BadInput: not a verifier key, of another type, or the key id is another key's.
    """
    name, _, rest = text.partition("+")
    shown_id, _, encoded = rest.partition("+")
    raw = unb64(encoded)
    if not is_key_name(name) or not _KEY_ID.match(shown_id) or not raw:
        raise BadInput("not a verifier key: name, key id in hex and base64, with a plus between them")
    if raw[:1] != kind:
        found = _KINDS.get(raw[0], "another signature")
        raise BadInput(f"a verifier key for {found} (0x{raw[0]:02x}) where {_KINDS[kind[0]]} is checked")
    if len(raw) != 1 + PUBLIC_KEY_BYTES:
        raise BadInput(f"an Ed25519 verifier key has {PUBLIC_KEY_BYTES} bytes, this one {len(raw) - 1}")
    expected = key_id(name, kind, raw[1:]).hex()
    if expected != shown_id:
        raise BadInput(f"the verifier key's id is {expected}, not {shown_id}")
    return name, raw[1:]


def public_key(seed: bytes) -> bytes:
    """The Ed25519 public key, 32 bytes, of a private one."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def sign_ed25519(seed: bytes, message: bytes) -> bytes:
    """The Ed25519 signature, 64 bytes (RFC 8032)."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def holds_ed25519(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether this is the key's Ed25519 signature of the message (RFC 8032)."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def b64(raw: bytes) -> str:
    """Base64 with padding (RFC 4648, section 4)."""
    return base64.b64encode(raw).decode()


def unb64(text: str) -> bytes:
    """What `b64` made this text of; nothing at all where it made none."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return raw if b64(raw) == text else b""


def _check_characters(text: str) -> None:
    if len(text) > MAX_NOTE_BYTES or not _is_utf8(text) or len(text.encode()) > MAX_NOTE_BYTES:
        raise VerificationError("a signed note is UTF-8", expected=f"at most {MAX_NOTE_BYTES} bytes of it")
    if _CONTROL.search(text):
        raise VerificationError("a signed note holds no control character other than newline")


def _parse_signature(line: str) -> NoteSignature:
    match = _SIGNATURE_LINE.match(line)
    raw = unb64(match["signature"]) if match else b""
    if match is None or len(raw) <= KEY_ID_BYTES:
        raise VerificationError("a signature line of the note", found=repr(line[:80]))
    return NoteSignature(match["name"], raw[:KEY_ID_BYTES], raw[KEY_ID_BYTES:])


def _is_utf8(text: str) -> bool:
    """Whether it can be written as UTF-8: half a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
