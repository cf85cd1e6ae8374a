"""A witness's state directory, which one process holds at a time.

keys/witness.key    its Ed25519 seed; for nobody else's eyes
name                under which the key signs: one key, one name (C2SP tlog-cosignature)
checkpoints/        what it cosigned last, a file for each log: see `records`
evidence/           proof of misbehaviour: see `evidence`
monitor/            how far it has checked the entries of logs that it reads itself: see `monitor`
run/                the lock
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ledger_service.errors import BadInput, Conflict, Corrupt
from ledger_service.local.keys import load_or_make_key
from ledger_service.local.state import claimed, prepare, write_whole
from ledger_service.log.cosignature import WitnessKey


@contextlib.contextmanager
def opened(folder: Path, name: str | None) -> Iterator[tuple[Path, WitnessKey]]:
    """Hold a state directory, made on first use; its absolute path, and the key in it.

    Args:
        name: under which the key signs; needed at first, and never another one.
    Raises:
        Conflict: another witness holds it, or its key signs under another name.
        BadInput: no name was ever given, or one that a key cannot have; or others can read the key.
        Corrupt: the key file does not hold a key.
    """
    root = prepare(folder)
    with claimed(root):
        keys = root / "keys"
        keys.mkdir(mode=0o700, exist_ok=True)
        named = _name(root, name)
        WitnessKey(named, bytes(32))  # refuses a name that no key can have, before anything is made for it
        if not (root / "name").exists():
            write_whole(root / "name", f"{named}\n".encode())
        # Crash here: the name is there without a key, which the next start makes.
        yield root, WitnessKey(named, load_or_make_key(keys / "witness.key"))


def _name(root: Path, given: str | None) -> str:
    try:
        known = (root / "name").read_bytes().decode().removesuffix("\n")
    except FileNotFoundError:
        if given is None:
            raise BadInput("a new witness needs a name: --name, best a URL without its scheme") from None
        return given
    except (OSError, UnicodeDecodeError) as error:
        raise Corrupt(f"{root / 'name'} does not hold the witness's name") from error
    if given is not None and given != known:
        raise Conflict(f"this witness's key signs as {known}; as {given} it needs another state directory")
    return known
