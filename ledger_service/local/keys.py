"""The service's own keys: made once, kept in files that only their owner can read."""

from __future__ import annotations

import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from ledger_service.errors import BadInput, Corrupt
from ledger_service.local.state import sync_folder
from ledger_service.signing import Wallet

KEY_BYTES = 32
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # of secp256k1 (SEC 2, 2.4.1)


@dataclass(frozen=True)
class Keys:
    """What the service signs and encrypts with, 32 bytes each; never shown.

    Attributes:
        operator: secp256k1 secret: the account that anchors, posts payrolls and signs receipts.
        log_seed: Ed25519 seed (RFC 8032, 5.1.5): signs the log's checkpoints.
        storage: encrypts content at rest.
    """

    operator: bytes = field(repr=False)
    log_seed: bytes = field(repr=False)
    storage: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if any(len(key) != KEY_BYTES for key in (self.operator, self.log_seed, self.storage)):
            raise BadInput(f"a key has {KEY_BYTES} bytes")
        if not 0 < int.from_bytes(self.operator, "big") < _ORDER:
            raise BadInput("the operator's key is no secp256k1 secret")

    def wallet(self) -> Wallet:
        """The operator's account."""
        return Wallet(self.operator)


def load_or_make(state: Path) -> Keys:
    """The keys in `state`/keys, made on first use.

    Raises:
        BadInput: somebody else can read a key file.
        Corrupt: a key file does not hold a key.
    """
    folder = state / "keys"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = {name: load_or_make_key(folder / f"{name}.key") for name in ("operator", "log", "storage")}
    return Keys(operator=found["operator"], log_seed=found["log"], storage=found["storage"])


def local_arbiter(state: Path) -> Wallet:
    """Who rules on disputes on a local chain: a key beside the others, never used by the service itself."""
    load_or_make(state)
    return Wallet(load_or_make_key(state / "keys" / "arbiter.key"))


def load_or_make_key(path: Path) -> bytes:
    """The key in a file, 32 bytes, made on first use. Raises as `load_or_make` does."""
    if not path.exists():
        _make(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise BadInput(f"{path} can be read by others (mode {mode:o}): run chmod 600 on it if nobody has")
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except ValueError as error:
        raise Corrupt(f"{path} does not hold a key") from error
    if len(key) != KEY_BYTES:
        raise Corrupt(f"{path} holds {len(key)} bytes, a key has {KEY_BYTES}")
    return key


def _make(path: Path) -> None:
    """Make one key. Crash at any point: the key is there whole, or not at all."""
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write((1 + secrets.randbelow(_ORDER - 1)).to_bytes(KEY_BYTES, "big").hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)  # fails where a name exists: a key is never overwritten
    except FileExistsError:
        return  # another process made it in the same moment; that one counts
    finally:
        temporary.unlink()
    sync_folder(path.parent)
