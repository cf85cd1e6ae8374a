"""Cosignatures (C2SP tlog-cosignature, Ed25519 v1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_service.errors import BadInput, VerificationError
from ledger_service.log import note
from ledger_service.log.checkpoint import LogKey, open_checkpoint, read_unverified, sign_checkpoint
from ledger_service.log.cosignature import (
    MAX_TIME,
    CosignerKey,
    WitnessKey,
    open_cosignatures,
    open_exactly,
    with_lines,
)
from ledger_service.log.note import NoteSignature, parse_note

LOG = LogKey("example.com/log", bytes(range(32)))
CHECKPOINT = sign_checkpoint(LOG.name, 20_852_163, bytes(range(32)), LOG)
FIRST, SECOND, THIRD = (WitnessKey(f"witness.example/w{at}", bytes([at]) * 32) for at in (1, 2, 3))
NOW = 1_679_315_147
COSIGNED = with_lines(CHECKPOINT, [FIRST.cosign(CHECKPOINT, NOW), SECOND.cosign(CHECKPOINT, NOW + 1)])
# The example of the specification, whose keys it does not give.
EXAMPLE = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 "
    "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)


def test_the_specifications_example_is_read() -> None:
    assert read_unverified(EXAMPLE).size == 20_852_163
    log, witness = parse_note(EXAMPLE).signatures
    assert (log.name, len(log.signature)) == ("example.com/behind-the-sofa", 64)
    assert (witness.name, witness.key_id.hex()) == ("witness.example.com/w1", "8d66cf3f")
    assert int.from_bytes(witness.signature[:8], "big") == NOW
    assert len(witness.signature) == 8 + 64
    assert parse_note(EXAMPLE).to_text() == EXAMPLE
    assert open_cosignatures(EXAMPLE, [FIRST.verifier]) == {}


def test_the_message_is_the_one_that_the_specification_draws() -> None:
    """Signed with another library call than the code uses, and verified by the code."""
    message = f"cosignature/v1\ntime {NOW}\n{parse_note(CHECKPOINT).text}"
    signed = note.sign_ed25519(FIRST.seed, message.encode())
    line = NoteSignature(FIRST.name, FIRST.verifier.key_id, NOW.to_bytes(8, "big") + signed).line
    assert line == FIRST.cosign(CHECKPOINT, NOW)


def test_cosignatures_are_opened_with_their_times() -> None:
    keys = [FIRST.verifier, SECOND.verifier, THIRD.verifier]
    assert open_cosignatures(COSIGNED, keys) == {FIRST.verifier: NOW, SECOND.verifier: NOW + 1}
    assert open_cosignatures(COSIGNED, []) == {}
    assert open_checkpoint(COSIGNED, LOG.verifier).size == 20_852_163
    head, times = open_exactly(COSIGNED, LOG.verifier, keys[:2])
    assert (head.size, times) == (20_852_163, (NOW, NOW + 1))


def test_of_several_cosignatures_the_latest_counts_and_all_have_to_hold() -> None:
    twice = COSIGNED + FIRST.cosign(CHECKPOINT, NOW + 9) + FIRST.cosign(CHECKPOINT, NOW + 5)
    assert open_cosignatures(twice, [FIRST.verifier]) == {FIRST.verifier: NOW + 9}
    wrong = NoteSignature(FIRST.name, FIRST.verifier.key_id, bytes(72)).line
    with pytest.raises(VerificationError, match="cosignature"):
        open_cosignatures(twice + wrong, [FIRST.verifier])


@pytest.mark.parametrize("length", [1, 8, 64, 71, 73, 8 + 2420])
def test_a_known_witnesss_line_of_another_length_is_refused(length: int) -> None:
    line = NoteSignature(FIRST.name, FIRST.verifier.key_id, bytes(length)).line
    with pytest.raises(VerificationError, match="cosignature"):
        open_cosignatures(CHECKPOINT + line, [FIRST.verifier])
    assert open_cosignatures(CHECKPOINT + line, [SECOND.verifier]) == {}


def test_a_time_beyond_the_specifications_is_refused() -> None:
    assert open_cosignatures(CHECKPOINT + FIRST.cosign(CHECKPOINT, MAX_TIME), [FIRST.verifier])
    for time in (-1, MAX_TIME + 1):
        with pytest.raises(BadInput):
            FIRST.cosign(CHECKPOINT, time)
    message = f"cosignature/v1\ntime {MAX_TIME + 1}\n{parse_note(CHECKPOINT).text}".encode()
    signature = (MAX_TIME + 1).to_bytes(8, "big") + note.sign_ed25519(FIRST.seed, message)
    line = NoteSignature(FIRST.name, FIRST.verifier.key_id, signature).line
    with pytest.raises(VerificationError):
        open_cosignatures(CHECKPOINT + line, [FIRST.verifier])


def test_a_cosignature_is_of_one_checkpoint() -> None:
    other = sign_checkpoint(LOG.name, 20_852_164, bytes(range(32)), LOG)
    with pytest.raises(VerificationError):
        open_cosignatures(with_lines(other, [FIRST.cosign(CHECKPOINT, NOW)]), [FIRST.verifier])


def test_a_logs_signature_is_no_cosignature_and_the_other_way_round() -> None:
    same = LogKey(FIRST.name, FIRST.seed)
    assert same.verifier.public == FIRST.verifier.public
    assert same.verifier.key_id != FIRST.verifier.key_id
    signed = sign_checkpoint(same.name, 5, bytes(32), same)
    assert open_cosignatures(signed, [FIRST.verifier]) == {}
    body = parse_note(signed).text
    disguised = NoteSignature(FIRST.name, FIRST.verifier.key_id, bytes(8) + same.sign(body.encode()))
    with pytest.raises(VerificationError):
        open_cosignatures(signed + disguised.line, [FIRST.verifier])


def test_only_checkpoints_are_cosigned() -> None:
    body, line = CHECKPOINT.split("\n\n")
    others = ("", body + "\n", f"{body}\n\n\n{line}", f"{body}\nmore\n\nmore\n\n{line}", f"a\n5\n\n{line}")
    for text in others:
        with pytest.raises(VerificationError):
            FIRST.cosign(text, NOW)


def test_extension_lines_are_cosigned_as_they_stand() -> None:
    """A witness takes them; a verifier of ours does not."""
    extended = CHECKPOINT.replace("\n\n", "\nmore\nand more\n\n")
    cosigned = with_lines(extended, [FIRST.cosign(extended, NOW)])
    assert open_cosignatures(cosigned, [FIRST.verifier]) == {FIRST.verifier: NOW}
    with pytest.raises(VerificationError):
        open_cosignatures(cosigned.replace("and more", "and less"), [FIRST.verifier])
    with pytest.raises(VerificationError):
        read_unverified(extended)


@pytest.mark.parametrize("at", range(len(COSIGNED)))
def test_any_changed_character_is_refused_where_all_lines_are_known(at: int) -> None:
    keys = [FIRST.verifier, SECOND.verifier]
    for other in ("A", "\n", " ", "0"):
        if COSIGNED[at] != other:
            with pytest.raises(VerificationError):
                open_exactly(COSIGNED[:at] + other + COSIGNED[at + 1 :], LOG.verifier, keys)


@pytest.mark.parametrize("witnesses", [[], [FIRST], [SECOND, FIRST], [FIRST, THIRD], [FIRST, SECOND, THIRD]])
def test_exactly_the_named_lines_in_their_order_are_taken(witnesses: list[WitnessKey]) -> None:
    with pytest.raises(VerificationError):
        open_exactly(COSIGNED, LOG.verifier, [key.verifier for key in witnesses])


def test_lines_are_added_once() -> None:
    again = with_lines(COSIGNED, [FIRST.cosign(CHECKPOINT, NOW + 50), THIRD.cosign(CHECKPOINT, NOW + 2)])
    assert again == COSIGNED + THIRD.cosign(CHECKPOINT, NOW + 2)
    assert with_lines(again, []) == again
    several = FIRST.cosign(CHECKPOINT, NOW) + SECOND.cosign(CHECKPOINT, NOW + 1)
    assert with_lines(CHECKPOINT, [several]) == COSIGNED
    for line in ("", "\n", "nonsense\n", several[:-1]):
        with pytest.raises(VerificationError):
            with_lines(CHECKPOINT, [line])


def test_no_more_lines_are_added_than_a_note_can_have() -> None:
    lines = [NoteSignature(f"w{at}.example", bytes(4), b"x").line for at in range(note.MAX_SIGNATURES)]
    with pytest.raises(VerificationError, match="at most"):
        with_lines(CHECKPOINT, lines)


def test_a_witnesss_key_is_written_as_a_cosigners() -> None:
    vkey = str(FIRST.verifier)
    assert CosignerKey.parse(vkey) == FIRST.verifier
    assert note.unb64(vkey.split("+", 2)[2])[0] == 4
    with pytest.raises(BadInput, match="0x01"):
        CosignerKey.parse(str(LOG.verifier))
    assert WitnessKey.generate("w.example").seed != WitnessKey.generate("w.example").seed
    assert FIRST.seed.hex() not in repr(FIRST)
    assert repr(FIRST.seed) not in repr(FIRST)
    for name, seed in (("", bytes(32)), ("a b", bytes(32)), ("a+b", bytes(32)), ("a", bytes(31))):
        with pytest.raises(BadInput):
            WitnessKey(name, seed)


@given(st.integers(0, 2**64 - 1), st.binary(min_size=32, max_size=32), st.integers(0, MAX_TIME))
def test_what_is_cosigned_opens(size: int, root: bytes, time: int) -> None:
    checkpoint = sign_checkpoint(LOG.name, size, root, LOG)
    cosigned = with_lines(checkpoint, [FIRST.cosign(checkpoint, time)])
    assert open_cosignatures(cosigned, [FIRST.verifier]) == {FIRST.verifier: time}


@given(st.binary(max_size=100))
def test_any_bytes_in_a_known_witnesss_line_are_refused(raw: bytes) -> None:
    line = NoteSignature(FIRST.name, FIRST.verifier.key_id, raw or b"\x00").line
    with pytest.raises(VerificationError):
        open_cosignatures(CHECKPOINT + line, [FIRST.verifier])
