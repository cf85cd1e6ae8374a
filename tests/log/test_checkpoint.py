"""Signed checkpoints (C2SP signed-note and tlog-checkpoint)."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_service.errors import BadInput, VerificationError
from ledger_service.log.checkpoint import (
    Checkpoint,
    LogKey,
    VerifierKey,
    default_origin,
    open_checkpoint,
    read_unverified,
    sign_checkpoint,
)

ORIGIN = "example.com/log"
KEY = LogKey(ORIGIN, bytes(range(32)))
VKEY = str(KEY.verifier)
ROOT = bytes(reversed(range(32)))
NOTE = sign_checkpoint(ORIGIN, 20_852_163, ROOT, KEY)


def test_a_checkpoint_opens_with_its_key() -> None:
    assert open_checkpoint(NOTE, VKEY, only=True) == Checkpoint(ORIGIN, 20_852_163, ROOT)
    assert read_unverified(NOTE) == Checkpoint(ORIGIN, 20_852_163, ROOT)


def test_a_note_reads_as_the_specification_draws_it() -> None:
    lines = NOTE.split("\n")
    assert lines[:2] == [ORIGIN, "20852163"]
    assert base64.b64decode(lines[2]) == ROOT
    assert lines[3] == lines[5] == ""
    assert lines[4].startswith(f"— {ORIGIN} ")
    assert base64.b64decode(lines[4].split(" ")[2])[:4] == KEY.verifier.key_id


def test_the_specifications_verifier_key_has_the_specifications_key_id() -> None:
    vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    assert str(VerifierKey.parse(vkey)) == vkey


def test_the_key_does_not_show_its_secret() -> None:
    assert KEY.seed.hex() not in repr(KEY)
    assert repr(KEY.seed) not in repr(KEY)


def test_generated_keys_differ() -> None:
    assert LogKey.generate(ORIGIN).seed != LogKey.generate(ORIGIN).seed


@pytest.mark.parametrize("at", range(len(NOTE)))
def test_any_changed_character_is_refused(at: int) -> None:
    for other in ("A", "B", "\n", " ", "0", "é"):
        if NOTE[at] != other:
            with pytest.raises(VerificationError):
                open_checkpoint(NOTE[:at] + other + NOTE[at + 1 :], VKEY, only=True)


@given(st.text(max_size=200))
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(VerificationError):
        open_checkpoint(text, VKEY)


def sign(body: str, key: LogKey = KEY) -> str:
    line = base64.b64encode(key.verifier.key_id + key.sign(body.encode())).decode()
    return f"{body}\n— {key.name} {line}\n"


GOOD = f"{ORIGIN}\n5\n{base64.b64encode(ROOT).decode()}\n"


@pytest.mark.parametrize(
    "body",
    [
        GOOD + "an extension line\n",
        GOOD.replace("\n5\n", "\n05\n"),
        GOOD.replace("\n5\n", "\n+5\n"),
        GOOD.replace("\n5\n", "\n-5\n"),
        GOOD.replace("\n5\n", "\n٥\n"),
        GOOD.replace("\n5\n", "\n\n"),
        GOOD.replace(ORIGIN, "example.com/other"),
        f"{ORIGIN}\n5\n{base64.b64encode(ROOT[:31]).decode()}\n",
        f"{ORIGIN}\n5\n{base64.b64encode(ROOT).decode().rstrip('=')}\n",
        f"{ORIGIN}\n5\n",
    ],
)
def test_a_signed_text_of_another_form_is_refused(body: str) -> None:
    open_checkpoint(sign(GOOD), VKEY, only=True)
    with pytest.raises(VerificationError):
        open_checkpoint(sign(body), VKEY)


def test_signatures_of_others_are_ignored_unless_only_the_logs_may_stand_there() -> None:
    witness = LogKey("witness.example", bytes(32))
    line = sign(GOOD, witness).split("\n")[-2]
    both = sign(GOOD) + line + "\n"
    assert open_checkpoint(both, VKEY).size == 5
    with pytest.raises(VerificationError, match="signatures"):
        open_checkpoint(both, VKEY, only=True)


def test_the_same_name_with_another_key_is_another_key() -> None:
    other = LogKey(ORIGIN, bytes(32))
    with pytest.raises(VerificationError, match="not signed by the log"):
        open_checkpoint(sign(GOOD, other), VKEY)


def test_a_wrong_signature_beside_a_right_one_is_refused() -> None:
    wrong = base64.b64encode(KEY.verifier.key_id + bytes(64)).decode()
    for note in (sign(GOOD) + f"— {ORIGIN} {wrong}\n", f"{GOOD}\n— {ORIGIN} {wrong}\n"):
        with pytest.raises(VerificationError):
            open_checkpoint(note, VKEY)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        VKEY.replace("+", " "),
        VKEY[:-1],
        VKEY.replace(ORIGIN, "example.com/other"),
        VKEY + "\n",
        "+" + VKEY,
        VKEY.upper(),
    ],
)
def test_other_texts_are_no_verifier_keys(vkey: str) -> None:
    with pytest.raises(BadInput):
        VerifierKey.parse(vkey)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2003b"])
def test_names_with_spaces_or_plus_are_refused(name: str) -> None:
    with pytest.raises(BadInput):
        LogKey(name, bytes(32))


def test_only_the_origins_own_key_signs_its_checkpoints() -> None:
    with pytest.raises(BadInput):
        sign_checkpoint("example.com/other", 1, ROOT, KEY)
    with pytest.raises(BadInput):
        sign_checkpoint(ORIGIN, 1, ROOT[:31], KEY)


def test_the_default_origin_names_chain_and_contract() -> None:
    assert default_origin(31337, "0x" + "ab" * 20) == "crowdledger.local/31337/0x" + "ab" * 20
