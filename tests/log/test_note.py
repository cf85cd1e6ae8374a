"""Signed notes and verifier keys (C2SP signed-note)."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_service.errors import BadInput, VerificationError
from ledger_service.log import note
from ledger_service.log.checkpoint import VerifierKey, is_signed
from ledger_service.log.note import (
    MAX_NOTE_BYTES,
    MAX_SIGNATURES,
    Note,
    NoteSignature,
    parse_note,
    parse_signature_lines,
    parse_vkey,
)

# The example of the specification.
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
TEXT = "This is an example message.\n"
SIGNATURE = "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
LINE = f"— example.com/foo {SIGNATURE}\n"
EXAMPLE = f"{TEXT}\n{LINE}"
# The other note in it, whose text has an empty line and whose key it does not give.
POEM = (
    "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
    "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99i"
    "hAQwaqP3ZekRwNtIc=\n"
)


def opens(text: str) -> bool:
    """Whether the example's key signed the note."""
    try:
        return is_signed(parse_note(text), VerifierKey.parse(VKEY))
    except VerificationError:
        return False


def test_the_specifications_note_verifies_with_the_specifications_key() -> None:
    assert opens(EXAMPLE)
    assert parse_note(EXAMPLE).to_text() == EXAMPLE


@pytest.mark.parametrize("at", range(len(EXAMPLE)))
def test_the_specifications_note_does_not_verify_after_any_change(at: int) -> None:
    for other in ("A", "x", "\n", " ", "0", "—", "\t"):
        if EXAMPLE[at] != other:
            assert not opens(EXAMPLE[:at] + other + EXAMPLE[at + 1 :])
    assert not opens(EXAMPLE[:at] + EXAMPLE[at + 1 :])


def test_the_last_empty_line_parts_text_and_signatures() -> None:
    found = parse_note(POEM)
    assert found.text.endswith("sole:\n\ned è subito sera.\n")
    assert [line.name for line in found.signatures] == ["quasimodo.example/salvatore"]
    assert found.to_text() == POEM
    assert parse_note("a\n\n\n" + LINE).text == "a\n\n"


@pytest.mark.parametrize("count", [1, 2, 16, MAX_SIGNATURES])
def test_many_signatures_are_read(count: int) -> None:
    others = "".join(f"— w{at}.example {SIGNATURE}\n" for at in range(count - 1))
    assert len(parse_note(f"{TEXT}\n{others}{LINE}").signatures) == count
    assert opens(f"{TEXT}\n{others}{LINE}")


def test_sixteen_signatures_of_the_largest_kind_are_read() -> None:
    """The specification speaks of up to nearly 5 kB each."""
    large = base64.b64encode(bytes(5000)).decode()
    assert opens(f"{TEXT}\n" + f"— pq.example {large}\n" * 16 + LINE)


def test_too_many_signatures_and_too_long_a_note_are_refused() -> None:
    with pytest.raises(VerificationError, match="at most 100, found 101"):
        parse_note(f"{TEXT}\n" + LINE * (MAX_SIGNATURES + 1))
    with pytest.raises(VerificationError, match="at most 1000000 bytes"):
        parse_note("é" * (MAX_NOTE_BYTES // 2) + EXAMPLE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\n\n",
        TEXT,
        f"{TEXT}\n",
        LINE,
        f"\n{LINE}",
        f"{TEXT}{LINE}",
        EXAMPLE[:-1],
        EXAMPLE + "\n",
        EXAMPLE + "x\n",
        EXAMPLE.replace("\n", "\r\n"),
        EXAMPLE.replace("message", "mess\x00age"),
        EXAMPLE.replace("message", "mess\tage"),
        EXAMPLE.replace("message", "mess\x1fage"),
        EXAMPLE.replace("message", "mess\ud800age"),
        EXAMPLE.replace("— ", "- "),
        EXAMPLE.replace("— ", "—"),
        EXAMPLE.replace("— ", "—  "),
        EXAMPLE.replace("— ", " — "),
        EXAMPLE.replace("example.com/foo ", ""),
        EXAMPLE.replace("example.com/foo", "example.com/+foo"),
        EXAMPLE.replace("example.com/foo", "example.com/\u00a0foo"),
        EXAMPLE.replace("example.com/foo", "example.com/\u2028foo"),
        EXAMPLE.replace(SIGNATURE, SIGNATURE.rstrip("=")),
        EXAMPLE.replace(SIGNATURE, SIGNATURE + "="),
        EXAMPLE.replace(SIGNATURE, SIGNATURE + " "),
        EXAMPLE.replace(SIGNATURE, SIGNATURE[:4] + "-" + SIGNATURE[5:]),
        EXAMPLE.replace(SIGNATURE, SIGNATURE.replace("aQM=", "aQN=")),
        EXAMPLE.replace(SIGNATURE, "Uw2QOg=="),
        EXAMPLE.replace(SIGNATURE, ""),
        EXAMPLE + "— other.example nonsense!\n",
    ],
)
def test_what_is_no_signed_note_is_refused(text: str) -> None:
    with pytest.raises(VerificationError):
        parse_note(text)


def test_a_key_is_known_by_name_and_id_together() -> None:
    """Other lines are ignored, though they share one of the two; a line that shares both has to verify."""
    other_id = NoteSignature("example.com/foo", bytes(4), bytes(64)).line
    other_name = NoteSignature("example.com/bar", bytes.fromhex("530d903a"), bytes(64)).line
    both = NoteSignature("example.com/foo", bytes.fromhex("530d903a"), bytes(64)).line
    for line in (other_id, other_name):
        assert opens(EXAMPLE + line)
        assert opens(f"{TEXT}\n{line}{LINE}")
        assert not opens(f"{TEXT}\n{line}")
    assert opens(EXAMPLE + LINE)
    assert not opens(EXAMPLE + both)
    assert not opens(f"{TEXT}\n{both}{LINE}")


names = st.text(min_size=1, max_size=12).filter(note.is_key_name)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n"), max_size=60).map(
    lambda text: text + "\n"
)
signatures = st.builds(
    NoteSignature, names, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=80)
)


@given(texts, st.lists(signatures, min_size=1, max_size=5))
def test_what_is_written_is_read_again(text: str, lines: list[NoteSignature]) -> None:
    made = Note(text, tuple(lines))
    assert parse_note(made.to_text()) == made
    assert parse_signature_lines("".join(line.line for line in lines)) == made.signatures


@given(
    st.lists(st.sampled_from(["\n", "\n\n", TEXT, LINE, LINE[:-1], "— ", "a b", SIGNATURE, "é", "\x00"]))
    | st.lists(st.text(max_size=20))
)
def test_any_text_is_read_back_as_it_was_or_refused(parts: list[str]) -> None:
    text = "".join(parts)
    try:
        found = parse_note(text)
    except VerificationError:
        return
    assert found.to_text() == text
    assert found.text.endswith("\n")
    assert found.signatures


@given(names, st.binary(min_size=32, max_size=32), st.sampled_from([note.ED25519, note.COSIGNATURE_ED25519]))
def test_verifier_keys_are_read_as_they_were_written(name: str, public: bytes, kind: bytes) -> None:
    assert parse_vkey(note.format_vkey(name, kind, public), kind) == (name, public)


@given(st.text(max_size=80) | st.lists(st.sampled_from(["+", "a", "530d903a", "AQ==", VKEY])).map("".join))
def test_any_other_text_is_no_verifier_key(text: str) -> None:
    try:
        name, public = parse_vkey(text, note.ED25519)
    except BadInput:
        return
    assert note.format_vkey(name, note.ED25519, public) == text


@pytest.mark.parametrize(
    ("kind", "words"),
    [(2, "ECDSA"), (4, "an Ed25519 cosignature (0x04)"), (6, "ML-DSA-44"), (7, "0x07")],
)
def test_keys_of_other_types_are_refused_by_name(kind: int, words: str) -> None:
    with pytest.raises(BadInput, match=words.replace("(", r"\(").replace(")", r"\)")):
        parse_vkey(note.format_vkey("a.example", bytes([kind]), bytes(32)), note.ED25519)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_keys_of_another_length_are_refused(size: int) -> None:
    with pytest.raises(BadInput, match="32 bytes"):
        parse_vkey(note.format_vkey("a.example", note.ED25519, bytes(size)), note.ED25519)
