"""The parser of add-checkpoint requests: one form, and nothing else gets through."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from ledger_service.errors import BadInput
from ledger_service.log.checkpoint import sign_checkpoint
from ledger_service.log.note import b64
from ledger_service.witness.request import (
    MAX_HASHES,
    MAX_SIZE,
    AddCheckpoint,
    format_request,
    parse_request,
    read_head,
)
from tests.witness.world import KEY

hashes = st.binary(min_size=32, max_size=32)
sizes = st.integers(0, MAX_SIZE)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    note = sign_checkpoint(KEY.name, draw(sizes), draw(hashes), KEY)
    return format_request(draw(sizes), draw(st.lists(hashes, max_size=MAX_HASHES)), note)


def parsed(raw: bytes) -> AddCheckpoint | None:
    """The request, or None where it is refused; nothing but BadInput is ever raised."""
    try:
        found = parse_request(raw)
        read_head(found.note)
    except BadInput:
        return None
    return found


@given(requests())
def test_what_is_written_is_read_and_written_again(raw: bytes) -> None:
    found = parsed(raw)
    assert found is not None
    assert found.to_bytes() == raw


@given(requests(), st.data())
def test_whatever_is_taken_has_one_form(raw: bytes, data: st.DataObject) -> None:
    """Bytes changed, put in and left out: refused, or read as something that is written as the same bytes."""
    changed = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(changed) - 1))
        kind = data.draw(st.sampled_from(["change", "insert", "delete", "cut", "repeat"]))
        if kind == "change":
            changed[at] = data.draw(st.integers(0, 255))
        elif kind == "insert":
            changed[at:at] = data.draw(st.sampled_from([b"\n", b" ", b"\r", b"=", b"old 0\n", b"0", b"\x00"]))
        elif kind == "delete":
            del changed[at]
        elif kind == "cut":
            del changed[at:]
        else:
            changed += changed[at:]
        assume(changed)
    found = parsed(bytes(changed))
    assert found is None or found.to_bytes() == bytes(changed)


@given(st.binary(max_size=400))
def test_no_bytes_raise_anything_but_bad_input(raw: bytes) -> None:
    for body in (raw, b"old 0\n\n" + raw, b"old 1\n" + b64(bytes(32)).encode() + b"\n\n" + raw):
        found = parsed(body)
        assert found is None or found.to_bytes() == body


@given(st.text(max_size=300))
def test_no_text_raises_anything_but_bad_input(text: str) -> None:
    body = ("old 7\n\n" + text).encode("utf-8", "surrogatepass")
    found = parsed(body)
    assert found is None or found.to_bytes() == body


def test_more_hashes_than_the_specification_allows_are_refused() -> None:
    note = sign_checkpoint(KEY.name, 5, bytes(32), KEY)
    assert parsed(format_request(1, [bytes(32)] * MAX_HASHES, note)) is not None
    assert parsed(format_request(1, [bytes(32)] * (MAX_HASHES + 1), note)) is None


def test_a_tree_beyond_what_a_proof_reaches_is_refused() -> None:
    assert parsed(format_request(0, [], sign_checkpoint(KEY.name, MAX_SIZE, bytes(32), KEY))) is not None
    assert parsed(format_request(0, [], sign_checkpoint(KEY.name, MAX_SIZE + 1, bytes(32), KEY))) is None
    assert parsed(format_request(MAX_SIZE + 1, [], sign_checkpoint(KEY.name, 1, bytes(32), KEY))) is None
