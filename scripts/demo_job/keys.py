"""Where each actor's secrets come from.

A demo run has one seed, so that it can be repeated. From it every actor gets a root of its own, and from that
root its wallet, its session key and its salts. Nobody else in the run ever holds an actor's root: the service
sees signatures and openings, as it would from strangers.
"""

from __future__ import annotations

import hashlib
import hmac

from ledger_service.commitments import SALT_BYTES
from ledger_service.signing import Wallet


class Secrets:
    """The secrets of one actor. The root never appears in `repr`."""

    def __init__(self, seed: str, role: str) -> None:
        self.role = role
        self._root = hmac.digest(hashlib.sha256(seed.encode()).digest(), f"actor {role}".encode(), "sha256")

    def __repr__(self) -> str:
        return f"Secrets({self.role})"

    def wallet(self) -> Wallet:
        """The actor's own account: holds its money, signs logins, grants and transactions."""
        return Wallet(self._derive("wallet"))

    def session_key(self) -> Wallet:
        """The key that signs single answers, so that the wallet can stay locked."""
        return Wallet(self._derive("session key"))

    def salt(self, what: str) -> bytes:
        """32 bytes that hide one committed content from everybody who is not shown them."""
        return self._derive(f"salt of {what}")[:SALT_BYTES]

    def _derive(self, purpose: str) -> bytes:
        return hmac.digest(self._root, purpose.encode(), "sha256")
