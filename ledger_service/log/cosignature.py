"""Cosignatures: what a witness says of a checkpoint (C2SP tlog-cosignature, Ed25519 `cosignature/v1`).

    — <witness> base64(key id ‖ time in 8 bytes ‖ Ed25519 signature)\\n

The signature is over `cosignature/v1\\ntime <seconds>\\n` and the checkpoint's text. It says: at this time,
this was the largest head of that log that the witness had seen, and it extends all that it had seen before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from secrets import token_bytes

from ledger_service.errors import BadInput, VerificationError
from ledger_service.log import note
from ledger_service.log.checkpoint import Checkpoint, VerifierKey, open_checkpoint, parse_body
from ledger_service.log.note import Note, NoteSignature, parse_note, parse_signature_lines

HEADER = "cosignature/v1"
MAX_TIME = (1 << 63) - 1
_TIME_BYTES = 8
_SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True)
class CosignerKey:
    """The public half of a witness's key: name, and 32 bytes of Ed25519."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """SHA-256(name ‖ 0x0A ‖ 0x04 ‖ public key)[:4]."""
        return note.key_id(self.name, note.COSIGNATURE_ED25519, self.public)

    def __str__(self) -> str:
        """The C2SP vkey: `<name>+<key id in hex>+<base64(0x04 ‖ public key)>`."""
        return note.format_vkey(self.name, note.COSIGNATURE_ED25519, self.public)

    @staticmethod
    def parse(text: str) -> CosignerKey:
        """Read a vkey.

        Raises:
            BadInput: not a vkey, not of an Ed25519 cosigner, or the key id is another key's.
        """
        return CosignerKey(*note.parse_vkey(text, note.COSIGNATURE_ED25519))


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """The private half: cosigns checkpoints, of any log, under one name."""

    name: str
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not note.is_key_name(self.name) or len(self.seed) != note.SEED_BYTES:
            raise BadInput("a witness's key is a name without spaces or plus, and 32 bytes")

    @staticmethod
    def generate(name: str) -> WitnessKey:
        """A new key from the operating system's randomness."""
        return WitnessKey(name, token_bytes(note.SEED_BYTES))

    @property
    def verifier(self) -> CosignerKey:
        """The public half."""
        return CosignerKey(self.name, note.public_key(self.seed))

    def cosign(self, checkpoint_text: str, time: int) -> str:
        """The signature line, with its newline, that says of a signed checkpoint that it is the largest seen.

        The caller has checked whose signatures stand on it, and that it extends what was seen before.

        Args:
            checkpoint_text: the signed note; its text is what is cosigned. time: seconds since 1970.
        Raises:
            VerificationError: not the signed note of a checkpoint.
            BadInput: a time that no cosignature can state.
        """
        if not 0 <= time <= MAX_TIME:
            raise BadInput(f"a cosignature's time is 0 to 2^63 - 1 seconds, not {time}")
        body = parse_note(checkpoint_text).text
        parse_body(body, extensions=True)  # they are signed, and nothing is said of them
        stamp = time.to_bytes(_TIME_BYTES, "big")
        signature = stamp + note.sign_ed25519(self.seed, _message(body, time))
        return NoteSignature(self.name, self.verifier.key_id, signature).line


def open_cosignatures(note_text: str, keys: Iterable[CosignerKey]) -> dict[CosignerKey, int]:
    """Which of these witnesses cosigned the checkpoint, and when (seconds since 1970; where one did so more
    than once, the last time). Lines of other keys are ignored.

    Raises:
        VerificationError: malformed, or a line of one of these keys is not its cosignature.
    """
    signed = parse_note(note_text)
    found = {}
    for key in keys:
        times = [_open(signed, key, signature) for signature in signed.by(key.name, key.key_id)]
        if times:
            found[key] = max(times)
    return found


def open_exactly(
    note_text: str, log: VerifierKey, witnesses: Sequence[CosignerKey]
) -> tuple[Checkpoint, tuple[int, ...]]:
    """Read a checkpoint of which no byte goes unchecked: it has the log's line, then one of each witness, in
    their order, and nothing else.

    Returns:
        the head, and when each witness cosigned it (seconds since 1970).
    Raises:
        VerificationError: it has other lines, or one that does not hold.
    """
    found = [(line.name, line.key_id) for line in parse_note(note_text).signatures]
    if len(found) != 1 + len(witnesses):
        raise VerificationError(
            "signatures on the checkpoint", expected=str(1 + len(witnesses)), found=str(len(found))
        )
    checkpoint = open_checkpoint(note_text, log)
    expected = [(log.name, log.key_id), *((key.name, key.key_id) for key in witnesses)]
    if found != expected:
        raise VerificationError(
            "order of the signatures on the checkpoint", expected=_names(expected), found=_names(found)
        )
    times = open_cosignatures(note_text, witnesses)
    return checkpoint, tuple(times[key] for key in witnesses)


def with_lines(checkpoint: str, lines: Iterable[str]) -> str:
    """The signed note with more signature lines under those that it has.

    A key that has a line there already keeps that one.

    Raises:
        VerificationError: no signed note, one of the lines is none, or together they are too many.
    """
    signed = parse_note(checkpoint)
    together = {(found.name, found.key_id): found for found in signed.signatures}
    known = len(together)
    for line in lines:
        for added in parse_signature_lines(line):
            together.setdefault((added.name, added.key_id), added)
    new = tuple(together.values())[known:]
    text = Note(signed.text, signed.signatures + new).to_text()
    parse_note(text)
    return text


def _open(signed: Note, key: CosignerKey, signature: bytes) -> int:
    """The time of a cosignature, once it holds."""
    time = int.from_bytes(signature[:_TIME_BYTES], "big")
    whole = len(signature) == _TIME_BYTES + _SIGNATURE_BYTES and time <= MAX_TIME
    if not whole or not note.holds_ed25519(key.public, signature[_TIME_BYTES:], _message(signed.text, time)):
        raise VerificationError("a witness's cosignature of the checkpoint", expected=str(key))
    return time


def _names(lines: Sequence[tuple[str, bytes]]) -> str:
    return ", ".join(f"{name}+{key_id.hex()}" for name, key_id in lines)[:300]


def _message(body: str, time: int) -> bytes:
    return f"{HEADER}\ntime {time}\n{body}".encode()
