"""Keys, digests and signatures, compared with another implementation."""

from __future__ import annotations

import contextlib

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_utils import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_service import signing
from ledger_service.errors import BadSignature
from ledger_service.signing import Wallet, keccak256, recover, recover_text

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
secrets = st.integers(1, ORDER - 1).map(lambda number: number.to_bytes(32, "big"))
digests = st.binary(min_size=32, max_size=32)
WALLET = Wallet(b"\x07" * 32)
DIGEST = keccak256(b"a digest")


@given(st.binary(max_size=300))
def test_keccak_is_ethereums(data: bytes) -> None:
    assert keccak256(data) == bytes(keccak(data))


@given(secrets)
@settings(deadline=None)
def test_addresses_are_ethereums(secret: bytes) -> None:
    assert Wallet(secret).address == Account.from_key(secret).address.lower()
    assert Wallet(secret).secret() == secret


@given(secrets, digests)
@settings(deadline=None)
def test_a_signature_recovers_to_its_signer(secret: bytes, digest: bytes) -> None:
    signature = Wallet(secret).sign(digest)
    assert len(signature) == 64
    assert recover(digest, signature) == Wallet(secret).address


@given(digests, st.integers(0, 511))
@settings(deadline=None)
def test_a_changed_signature_is_somebody_elses_or_nobodys(digest: bytes, bit: int) -> None:
    signature = bytearray(WALLET.sign(digest))
    signature[bit // 8] ^= 1 << bit % 8
    with contextlib.suppress(BadSignature):
        assert recover(digest, bytes(signature)) != WALLET.address


def test_one_message_has_one_signature() -> None:
    """The twin with s mirrored in the order, which also verifies, is refused."""
    signature = WALLET.sign(DIGEST)
    parity, s = signature[32] >> 7, int.from_bytes(signature[32:], "big") & (1 << 255) - 1
    twin = ORDER - s
    assert twin >= 1 << 254
    if twin < 1 << 255:
        raw = signature[:32] + (twin | (1 - parity) << 255).to_bytes(32, "big")
        with pytest.raises(BadSignature, match="upper half"):
            recover(DIGEST, raw)
    text_signature = WALLET.sign_text("hello")
    s = int.from_bytes(text_signature[32:64], "big")
    mirrored = text_signature[:32] + (ORDER - s).to_bytes(32, "big") + bytes([55 - text_signature[64]])
    with pytest.raises(BadSignature, match="upper half"):
        recover_text("hello", mirrored)


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(64), bytes(65), b"\xff" * 64])
def test_what_is_no_signature_is_refused(signature: bytes) -> None:
    with pytest.raises(BadSignature):
        recover(DIGEST, signature)


@given(secrets, st.text(max_size=100))
@settings(deadline=None)
def test_personal_messages_are_as_wallets_sign_them(secret: bytes, text: str) -> None:
    message = encode_defunct(text=text)
    theirs = bytes(Account.sign_message(message, secret).signature)
    assert Wallet(secret).sign_text(text) == theirs
    assert recover_text(text, theirs) == Wallet(secret).address
    assert Account.recover_message(message, signature=theirs).lower() == Wallet(secret).address


def test_a_short_personal_signature_is_read_too() -> None:
    full = WALLET.sign_text("hello")
    short = full[:32] + bytes([full[32] | (full[64] - 27) << 7]) + full[33:64]
    assert recover_text("hello", short) == WALLET.address


@pytest.mark.parametrize("last", [0, 1, 26, 29, 255])
def test_a_personal_signature_ends_in_27_or_28(last: int) -> None:
    with pytest.raises(BadSignature):
        recover_text("hello", WALLET.sign_text("hello")[:64] + bytes([last]))


def test_a_wallet_does_not_show_its_key() -> None:
    assert repr(WALLET) == f"Wallet({WALLET.address})"
    assert WALLET.secret().hex() not in repr(vars(WALLET))


def test_personal_digest_counts_bytes_not_characters() -> None:
    assert signing.personal_digest("é") == keccak256(b"\x19Ethereum Signed Message:\n2\xc3\xa9")
