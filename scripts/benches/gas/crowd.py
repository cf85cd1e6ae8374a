"""Accounts that stand for workers: nobody holds their keys, and none has been used before."""

from __future__ import annotations

from ledger_service.signing import keccak256


def crowd(count: int, name: str) -> list[str]:
    """`count` accounts, the same for the same name."""
    return ["0x" + keccak256(f"{name}, worker {i}".encode())[12:].hex() for i in range(count)]
