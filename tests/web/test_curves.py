"""Signatures where libraries differ: keys of small order, S and s beyond their orders, points at infinity."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator

from ledger_service import signing
from ledger_service.errors import BadSignature
from ledger_service.log import note
from ledger_service.signing import Wallet
from tests.verify.world import seeded
from tests.web.javascript import ask, b64

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
FIELD = 2**256 - 2**32 - 977
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)

Point = tuple[int, int]
Projective = tuple[int, int, int]


def add(a: Point, b: Point) -> Point:
    """The sum of two points of edwards25519, in affine coordinates."""
    return affine(plus((*a, 1), (*b, 1)))


def plus(a: Projective, b: Projective) -> Projective:
    """The sum of two points (X, Y, Z) with x = X / Z and y = Y / Z: complete, without a division."""
    z, x, y = a[2] * b[2] % P, a[0] * b[0] % P, a[1] * b[1] % P
    product = D * x * y % P
    low, high = (z * z - product) % P, (z * z + product) % P
    cross = (a[0] + a[1]) * (b[0] + b[1]) - x - y
    return z * low * cross % P, z * high * (y + x) % P, low * high % P


def affine(point: Projective) -> Point:
    x, y, z = point
    inverse = pow(z, P - 2, P)
    return x * inverse % P, y * inverse % P


def times(scalar: int, point: Point) -> Point:
    found: Projective = (0, 1, 1)
    for bit in bin(scalar)[2:]:
        found = plus(found, found)
        if bit == "1":
            found = plus(found, (*point, 1))
    return affine(found)


def encoded(point: Point, *, sign: int | None = None, unreduced: bool = False) -> bytes:
    """32 bytes: y, and the lowest bit of x above it; or another bit, or y + p where that fits."""
    x, y = point
    if unreduced and y + P < 2**255:
        y += P
    bit = x & 1 if sign is None else sign
    return (y | bit << 255).to_bytes(32, "little")


def small_order_points() -> list[Point]:
    """The eight points whose order divides 8 (found by killing the large order of any point)."""
    for y in range(2, 100):
        square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
        x = pow(square, (P + 3) // 8, P)
        if x * x % P != square:
            x = x * SQRT_M1 % P
        if x * x % P == square:
            torsion = times(L, (x, y))
            if times(4, torsion) != (0, 1):
                return [times(n, torsion) for n in range(8)]
    raise AssertionError("no point of order 8 among those tried")


Case = tuple[bytes, bytes, bytes]


def odd_ed25519() -> Iterator[Case]:
    """(key, signature, message) in which key, R or S is what libraries treat differently."""
    chance = random.Random(1)
    base = times(
        1,
        (
            15112221349535400772501151409588531511454012693041857206046113283949847762202,
            4 * pow(5, P - 2, P) % P,
        ),
    )
    small = small_order_points()
    odd_keys = [
        encoded(point, sign=sign, unreduced=more)
        for point in small
        for sign in (0, 1)
        for more in (False, True)
    ]
    odd_keys += [bytes(32), b"\xff" * 32, (2).to_bytes(32, "little"), (P - 1).to_bytes(32, "little")]
    for key in odd_keys:
        for r in [*odd_keys[::3], key]:
            for s in (0, 1, L - 1, L, chance.randrange(L)):
                yield key, r + s.to_bytes(32, "little"), b"odd"
    for at in range(60):  # S + L, S + 2 L; R with torsion added; mixed keys; and true signatures
        seed, message = seeded(f"ed {at}"), f"message {at}".encode()
        key, whole = note.public_key(seed), note.sign_ed25519(seed, message)
        s = int.from_bytes(whole[32:], "little")
        yield key, whole, message
        for more in (L, 2 * L, 8 * L, 2**255, 2**256 - 1 - s):
            if s + more < 2**256:
                yield key, whole[:32] + (s + more).to_bytes(32, "little"), message
        scalar = chance.randrange(1, L)
        mixed = encoded(add(times(scalar, base), small[1 + at % 7]))
        nonce = chance.randrange(1, L)
        for torsion in (small[0], small[1], small[4]):
            r = encoded(add(times(nonce, base), torsion))
            k = challenge(r, mixed, message)
            yield mixed, r + ((nonce + k * scalar) % L).to_bytes(32, "little"), message
            k = challenge(r, key, message)
            yield key, r + ((nonce + k * scalar) % L).to_bytes(32, "little"), message


def challenge(r: bytes, key: bytes, message: bytes) -> int:
    return int.from_bytes(hashlib.sha512(r + key + message).digest(), "little") % L


def test_ed25519_is_that_of_rfc_8032_without_the_cofactor_in_both() -> None:
    cases = list(odd_ed25519())
    ours = [note.holds_ed25519(*case) for case in cases]
    asked = [
        {"ask": "ed25519", "key": b64(key), "signature": b64(signature), "message": b64(message)}
        for key, signature, message in cases
    ]
    theirs = ask(asked)
    assert [case for case, a, b in zip(cases, ours, theirs, strict=True) if a != b] == []
    assert len(cases) > 2000
    assert 60 < sum(ours) < len(cases) // 2  # true ones, and small-order keys that sign much


def odd_secp256k1() -> Iterator[tuple[bytes, bytes]]:
    """(digest, signature) at the edges: r and s zero, one, at and beyond orders; high s; the other parity."""
    edges = [
        0,
        1,
        2,
        N // 2 - 1,
        N // 2,
        N // 2 + 1,
        N - 1,
        N,
        N + 1,
        FIELD - 1,
        FIELD,
        FIELD - N,
        2**255 - 1,
        2**256 - 1,
    ]
    digests = [
        bytes(32),
        b"\xff" * 32,
        N.to_bytes(32, "big"),
        (N - 1).to_bytes(32, "big"),
        seeded("a digest"),
    ]
    for digest in digests:
        for r in edges:
            for s in edges:
                for parity in (0, 1):
                    yield digest, r.to_bytes(32, "big") + (s % 2**255 | parity << 255).to_bytes(32, "big")
    for at in range(150):
        wallet, digest = Wallet(seeded(f"wallet {at}")), seeded(f"digest {at}")
        signature = wallet.sign(digest)
        last = int.from_bytes(signature[32:], "big")
        s, parity = last % 2**255, last >> 255
        yield digest, signature
        yield digest, signature[:32] + (s | (1 - parity) << 255).to_bytes(32, "big")
        if N - s < 2**255:
            yield digest, signature[:32] + (N - s | (1 - parity) << 255).to_bytes(32, "big")
        yield digest, signature[:-1]
        yield digest, signature + b"\x1b"
    # A digest that makes s R = z G, so that the key would be the point at infinity: R = G, s = z.
    r = 0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798
    for z in (1, 2, 12345, N // 2):
        yield z.to_bytes(32, "big"), r.to_bytes(32, "big") + z.to_bytes(32, "big")


def recovered(digest: bytes, signature: bytes) -> str | None:
    try:
        return signing.recover(digest, signature)
    except BadSignature:
        return None


def test_wallets_signatures_recover_to_the_same_in_both() -> None:
    cases = list(odd_secp256k1())
    ours = [recovered(digest, signature) for digest, signature in cases]
    theirs = ask(
        {"ask": "recover", "digest": b64(digest), "signature": b64(signature)} for digest, signature in cases
    )
    assert [case for case, a, b in zip(cases, ours, theirs, strict=True) if a != b] == []
    assert len(cases) > 2000
    assert sum(found is not None for found in ours) > 300
    assert ours[-4:] == [None] * 4
