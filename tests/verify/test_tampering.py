"""Any single changed byte is refused: each byte of one label's and one payment's bundle, in turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger_service.errors import VerificationError
from ledger_service.verify.verdict import Memory
from ledger_service.verify.verifier import verify_bundle
from tests.verify.world import World


def mutations(raw: bytes, at: int) -> Iterator[bytes]:
    """Three other values for one byte: its neighbour, the other case of a letter, and a newline."""
    for value in (raw[at] ^ 0x01, raw[at] ^ 0x20, 0x0A if raw[at] != 0x0A else 0x0B):
        yield raw[:at] + bytes([value]) + raw[at + 1 :]


@pytest.mark.parametrize("kind", ["label", "payment"])
def test_no_byte_can_change(world: World, kind: str) -> None:
    raw = world.label_bundle() if kind == "label" else world.payment_bundle()
    memory = Memory()
    verify_bundle(raw, memory=memory)
    for at in range(len(raw)):
        for changed in mutations(raw, at):
            with pytest.raises(VerificationError) as caught:
                verify_bundle(changed, memory=memory)
            assert caught.value.step > 0


def test_no_byte_can_be_lost_or_added(world: World) -> None:
    raw, memory = world.payment_bundle(), Memory()
    verify_bundle(raw, memory=memory)
    for at in range(len(raw)):
        head, tail = raw[:at], raw[at:]
        for changed in (head + tail[1:], head + b" " + tail, head + tail[:1] + tail):
            with pytest.raises(VerificationError):
                verify_bundle(changed, memory=memory)
    for changed in (raw + b"\n", raw + b" ", raw + raw, raw + b"\x00", raw[:40]):
        with pytest.raises(VerificationError):
            verify_bundle(changed, memory=memory)
