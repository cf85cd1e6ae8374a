"""What all vectors are made of: keys that everybody may know, and values as JSON shows them."""

from __future__ import annotations

import base64
from typing import Any

from coincurve import PublicKey

from ledger_service import commitments, entries
from ledger_service.eip712 import Struct
from ledger_service.entries import Domain
from ledger_service.log.checkpoint import LogKey
from ledger_service.log.cosignature import WitnessKey
from ledger_service.signing import Wallet, address_of
from tests.verify.world import CHAIN_ID, LOG_ADDRESS, NOW, seeded

Vector = dict[str, Any]

DOMAIN = Domain(CHAIN_ID, LOG_ADDRESS)
WALLETS = {
    name: Wallet(seeded(name))
    for name in ("requester", "operator", "worker", "session key", "arbiter", "owner")
}
LOG = LogKey("log.example/crowdledger", seeded("log of the vectors"))
OTHER_LOG = LogKey("other.example/log", seeded("other log of the vectors"))
WITNESSES = tuple(
    WitnessKey(f"witness-{name}.example", seeded(f"witness {name}")) for name in ("a", "b", "c")
)
TIME = NOW
L = 2**252 + 27742317777372353535851937790883648493
HIGH_BIT = 1 << 255
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def show(raw: bytes) -> str:
    return "0x" + raw.hex()


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def words(struct: Struct) -> Vector:
    """A struct's fields: bytes and addresses in hex, integers as decimal strings."""
    found = {}
    for name, solidity in entries.layout(type(struct)):
        value = getattr(struct, name)
        whole = str(value) if "int" in solidity else value
        found[entries.camel(name)] = show(value) if isinstance(value, bytes) else whole
    return found


def canonical(value: Any) -> str:
    return commitments.canonical(value).decode()


def negated(signature: bytes) -> bytes:
    """The other parity, and as much of n - s as 255 bits hold: what a careless conversion makes of it."""
    last = int.from_bytes(signature[32:], "big")
    parity, s = last >> 255, last & HIGH_BIT - 1
    return signature[:32] + ((N - s) % HIGH_BIT | (1 - parity) * HIGH_BIT).to_bytes(32, "big")


def high_s(digest: bytes) -> tuple[bytes, str]:
    """A signature of a digest whose s is just in the upper half of the order, and the address that it
    recovers to where nobody looks at that: any r and s are somebody's, and few high s fit in 255 bits."""
    s = (N // 2 + 1).to_bytes(32, "big")
    for number in range(100):
        r = seeded(f"r {number}")
        try:
            key = PublicKey.from_signature_and_message(r + s + b"\x00", digest, hasher=None)
        except Exception:
            continue
        return r + s, address_of(key)
    raise AssertionError("every second r is the x of a point")


def unreduced(signature: bytes) -> bytes:
    """An Ed25519 signature with S + L for S: the same equation, other bytes."""
    s = int.from_bytes(signature[32:], "little")
    return signature[:32] + (s + L).to_bytes(32, "little")


def keys() -> Vector:
    """Every key of the vectors, the secret halves too: anybody may sign more with them."""
    wallets = {
        name: {"secret": show(wallet.secret()), "address": wallet.address} for name, wallet in WALLETS.items()
    }
    logs = {key.name: {"seed": show(key.seed), "vkey": str(key.verifier)} for key in (LOG, OTHER_LOG)}
    witnesses = {key.name: {"seed": show(key.seed), "vkey": str(key.verifier)} for key in WITNESSES}
    return {
        "about": "Keys that everybody knows: never use them. Wallets are secp256k1, the others Ed25519.",
        "domain": {"chainId": CHAIN_ID, "verifyingContract": LOG_ADDRESS},
        "wallets": wallets,
        "logs": logs,
        "witnesses": witnesses,
    }
