"""EIP-712 digests and secp256k1 signatures, without anything heavier than coincurve.

Signatures are 64 bytes (EIP-2098: r, then s with the parity of y in its top bit) and always low-s, so one
signed message has one encoding.
"""

from __future__ import annotations

from coincurve import PrivateKey, PublicKey
from Crypto.Hash import keccak as _keccak

from ledger_service.errors import BadSignature

SIGNATURE_BYTES = 64
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_PERSONAL_PREFIX = b"\x19Ethereum Signed Message:\n"


def keccak256(data: bytes) -> bytes:
    """Keccak-256 as Ethereum uses it (not SHA3-256); 32 bytes."""
    return _keccak.new(digest_bits=256, data=data).digest()


def address_of(public_key: PublicKey) -> str:
    """The account of a public key: lower-case hex with 0x."""
    return "0x" + keccak256(public_key.format(compressed=False)[1:])[12:].hex()


class Wallet:
    """A secp256k1 key that signs digests. The key never appears in `repr`."""

    def __init__(self, secret: bytes) -> None:
        self._key = PrivateKey(secret)
        self.address = address_of(self._key.public_key)

    def __repr__(self) -> str:
        return f"Wallet({self.address})"

    def sign(self, digest: bytes) -> bytes:
        """Sign a 32-byte digest (RFC 6979, low s); 64 bytes (EIP-2098)."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        r, s, parity = signature[:32], signature[32:64], signature[64]
        return r + bytes([s[0] | parity << 7]) + s[1:]

    def sign_text(self, text: str) -> bytes:
        """Sign a text as `personal_sign` does (ERC-191, version 0x45); 65 bytes, v last (27 or 28)."""
        signature = self._key.sign_recoverable(personal_digest(text), hasher=None)
        return signature[:64] + bytes([27 + signature[64]])

    def secret(self) -> bytes:
        """The 32 secret bytes: for storing the key and for libraries that sign transactions."""
        return self._key.secret


def recover(digest: bytes, signature: bytes) -> str:
    """The address that signed `digest` (32 bytes) with an EIP-2098 signature (64 bytes).

    Raises:
        BadSignature: wrong length, high s, or no such point.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise BadSignature(f"a signature has {SIGNATURE_BYTES} bytes, this one has {len(signature)}")
    parity = signature[32] >> 7
    s = bytes([signature[32] & 0x7F]) + signature[33:]
    return _recover(digest, signature[:32] + s, parity)


def recover_text(text: str, signature: bytes) -> str:
    """The address that signed `text` with `personal_sign` (65 bytes r, s, v; or 64 bytes EIP-2098).

    Raises:
        BadSignature: wrong length or v, high s, or no such point.
    """
    if len(signature) == SIGNATURE_BYTES:
        return recover(personal_digest(text), signature)
    if len(signature) != SIGNATURE_BYTES + 1 or signature[64] not in (27, 28):
        raise BadSignature("a wallet's signature is 65 bytes that end in 27 or 28, or 64 bytes (EIP-2098)")
    return _recover(personal_digest(text), signature[:64], signature[64] - 27)


def personal_digest(text: str) -> bytes:
    """The ERC-191 digest of a text."""
    raw = text.encode()
    return keccak256(_PERSONAL_PREFIX + str(len(raw)).encode() + raw)


def _recover(digest: bytes, compact: bytes, parity: int) -> str:
    if int.from_bytes(compact[32:], "big") > _HALF_ORDER:
        raise BadSignature("the signature's s is in the upper half of the order")
    try:
        key = PublicKey.from_signature_and_message(compact + bytes([parity]), digest, hasher=None)
    except Exception as error:  # coincurve raises bare Exception and ValueError for points off the curve
        raise BadSignature("the signature recovers to no key") from error
    return address_of(key)
