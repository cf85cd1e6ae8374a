"""Any changed bit, lost byte or added byte is refused: at each byte of a label's and a payment's bundle.

Without --every-fault, one bit of each byte is changed, and not all eight.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger_service.errors import LedgerError, VerificationError
from ledger_service.log.cosignature import WitnessKey
from ledger_service.verify.verdict import Memory
from ledger_service.verify.verifier import verify_bundle
from tests.conftest import EVERY_FAULT
from tests.verify.world import World, seeded


def flipped(raw: bytes, at: int, every: bool) -> Iterator[bytes]:
    """Each of the eight bits of one byte, changed alone; or one of them, another at each place."""
    for bit in range(8) if every else (at % 8,):
        yield raw[:at] + bytes([raw[at] ^ 1 << bit]) + raw[at + 1 :]


def lost_or_added(raw: bytes, at: int) -> Iterator[bytes]:
    """One byte missing, and one byte twice."""
    yield raw[:at] + raw[at + 1 :]
    yield raw[: at + 1] + raw[at:]


@pytest.fixture
def every(pytestconfig: pytest.Config) -> bool:
    """Whether to try all there is."""
    return bool(pytestconfig.getoption(EVERY_FAULT))


def refusal(raw: bytes, memory: Memory) -> LedgerError | None:
    try:
        verify_bundle(raw, memory=memory)
    except LedgerError as error:
        return error
    return None


def bundle(world: World, kind: str) -> bytes:
    """One of the world's bundles; `witnessed` is the smallest there is, cosigned by two witnesses."""
    if kind == "witnessed":
        keys = tuple(WitnessKey(f"w{at}.example", seeded(f"witness {at}")) for at in range(2))
        return World(witnesses=keys).payment_bundle({})
    return world.label_bundle() if kind == "label" else world.payment_bundle()


@pytest.mark.parametrize("kind", ["label", "payment", "witnessed"])
def test_no_bit_can_change_and_no_byte_be_lost_or_added(world: World, kind: str, every: bool) -> None:
    raw = bundle(world, kind)
    memory = Memory()
    verify_bundle(raw, memory=memory)
    for at in range(len(raw)):
        for changed in (*flipped(raw, at, every), *lost_or_added(raw, at)):
            error = refusal(changed, memory)
            assert isinstance(error, VerificationError), (at, changed[at : at + 1], error)
            assert error.step > 0, (at, changed[at : at + 1], error)


def test_no_byte_of_a_cosignature_or_a_witness_can_be_any_other(world: World, every: bool) -> None:
    """All other values, or one in eight, in the list of witnesses and in the checkpoint of one proof."""
    raw, memory = bundle(world, "witnessed"), Memory()
    verify_bundle(raw, memory=memory)
    proof = raw.index(b"\\n\\n")
    checkpoint = range(proof, raw.index(b'"', proof))
    for at in (*checkpoint, *range(raw.index(b'"witnesses"'), len(raw))):
        for value in set(range(0 if every else at % 8, 256, 1 if every else 8)) - {raw[at]}:
            error = refusal(raw[:at] + bytes([value]) + raw[at + 1 :], memory)
            assert isinstance(error, VerificationError), (at, value, error)
            assert error.step > 0, (at, value, error)


@pytest.mark.parametrize("kind", ["label", "payment", "witnessed"])
def test_no_space_or_newline_can_be_added_and_nothing_cut_off(world: World, kind: str) -> None:
    raw = bundle(world, kind)
    memory = Memory()
    verify_bundle(raw, memory=memory)
    places = range(0, len(raw), 7)
    spaced = [raw[:at] + space + raw[at:] for at in places for space in (b" ", b"\n")]
    for changed in (*spaced, raw + b"\n", raw + b" ", raw + raw, raw + b"\x00", raw[:40], raw[:-1]):
        assert isinstance(refusal(changed, memory), VerificationError), changed[:80]
