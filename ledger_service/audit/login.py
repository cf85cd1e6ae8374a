"""Logging in to a service with a wallet (EIP-4361), as whoever may see a campaign's openings."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import httpx

from ledger_service.errors import BadInput
from ledger_service.signing import Wallet, keccak256

SECRET_BYTES = 32


def login_message(url: str, address: str, chain_id: int, nonce: str, now: datetime) -> str:
    """The EIP-4361 text to sign; `address` is written with its EIP-55 checksum, as the EIP demands."""
    domain = httpx.URL(url).netloc.decode()
    return (
        f"{domain} wants you to sign in with your Ethereum account:\n{checksummed(address)}\n\n"
        f"Read a campaign's openings to audit them.\n\nURI: {url}\nVersion: 1\nChain ID: {chain_id}\n"
        f"Nonce: {nonce}\nIssued At: {now.strftime('%Y-%m-%dT%H:%M:%SZ')}"
    )


def read_key(path: Path) -> Wallet:
    """The wallet in a key file: 32 secret bytes in hex, readable by its owner alone.

    Raises:
        BadInput: no such file, others may read it, or it holds something else.
    """
    try:
        mode, text = path.stat().st_mode, path.read_text()[:200].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read the key file {path}") from error
    if mode & 0o077:
        raise BadInput(f"others may read the key file {path}: chmod 600 {path}")
    try:
        secret = bytes.fromhex(text.removeprefix("0x"))
        if len(secret) != SECRET_BYTES:  # coincurve would pad a shorter one
            raise ValueError(len(secret))
        return Wallet(secret)
    except ValueError as error:
        raise BadInput(f"the key file {path} does not hold 32 bytes in hex") from error


def checksummed(address: str) -> str:
    """The address in mixed case (EIP-55)."""
    digits = address.removeprefix("0x").lower()
    hashed = keccak256(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if int(nibble, 16) >= 8 else digit
        for digit, nibble in zip(digits, hashed, strict=False)
    )
