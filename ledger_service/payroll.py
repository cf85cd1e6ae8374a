"""The payroll of a campaign: what the operator posts, and the tree the escrow contract keeps of it.

    entry = account (20 bytes) ‖ amount so far (8) ‖ increase (8), big-endian, packed
    leaf  = keccak256(keccak256(campaign ‖ index ‖ account ‖ cumulative)), each a 32-byte word (abi.encode)
    node  = keccak256(left ‖ right), positional, padded with zero leaves to the next power of two

Positions are for ever: a worker keeps its index, new workers are appended. The double hash keeps a leaf from
being taken for a node; the zero padding is no hash of anything, so no padding can be claimed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ledger_service.eip712 import encode_word
from ledger_service.errors import BadInput, VerificationError
from ledger_service.signing import keccak256

ENTRY_BYTES = 36
HASH_BYTES = 32
MAX_AMOUNT = (1 << 64) - 1
EMPTY = bytes(HASH_BYTES)


@dataclass(frozen=True, slots=True)
class PayrollEntry:
    """One position: the account, what it was due before, and what is added (token minor units)."""

    account: str
    so_far: int
    increase: int

    @property
    def cumulative(self) -> int:
        """What the account is due in all."""
        return self.so_far + self.increase


def encode_entries(entries: Iterable[PayrollEntry]) -> bytes:
    """The calldata form, 36 bytes an entry.

    Raises:
        BadInput: a malformed account, or amounts that 64 bits do not hold (their sum included).
    """
    return b"".join(_encode_entry(entry) for entry in entries)


def _encode_entry(entry: PayrollEntry) -> bytes:
    amounts = (entry.so_far, entry.increase, entry.cumulative)
    if not all(0 <= amount <= MAX_AMOUNT for amount in amounts):
        raise BadInput(f"payroll amounts of {entry.account} are not of 64 bits")
    account = encode_word("address", entry.account)[12:]
    return account + entry.so_far.to_bytes(8, "big") + entry.increase.to_bytes(8, "big")


def parse_entries(raw: bytes) -> list[PayrollEntry]:
    """Read the calldata form.

    Raises:
        BadInput: no whole number of entries, or an amount in all that 64 bits do not hold.
    """
    if len(raw) % ENTRY_BYTES:
        raise BadInput(f"{len(raw)} bytes are no whole number of payroll entries")
    entries = [_parse_entry(raw[at : at + ENTRY_BYTES]) for at in range(0, len(raw), ENTRY_BYTES)]
    for entry in entries:
        if entry.cumulative > MAX_AMOUNT:
            raise BadInput(f"the payroll amount of {entry.account} is not of 64 bits")
    return entries


def _parse_entry(raw: bytes) -> PayrollEntry:
    return PayrollEntry(
        account="0x" + raw[:20].hex(),
        so_far=int.from_bytes(raw[20:28], "big"),
        increase=int.from_bytes(raw[28:], "big"),
    )


def leaf(campaign: bytes, index: int, account: str, cumulative: int) -> bytes:
    """The leaf of one position, 32 bytes.

    Raises:
        BadInput: a value its type does not hold.
    """
    words = (
        encode_word("bytes32", campaign),
        encode_word("uint256", index),
        encode_word("address", account),
        encode_word("uint256", cumulative),
    )
    return keccak256(keccak256(b"".join(words)))


def root(campaign: bytes, owed: Sequence[tuple[str, int]]) -> bytes:
    """The root over (account, cumulative amount) in position order; zero when there is none."""
    return _levels(campaign, owed)[-1][0] if owed else EMPTY


def path(campaign: bytes, owed: Sequence[tuple[str, int]], index: int) -> list[bytes]:
    """The siblings of one position, from the leaf's up to the root's child; empty for a single position.

    Raises:
        BadInput: there is no such position.
    """
    if not 0 <= index < len(owed):
        raise BadInput(f"there is no position {index} in a payroll of {len(owed)}")
    levels = _levels(campaign, owed)
    return [row[(index >> level) ^ 1] for level, row in enumerate(levels[:-1])]


def paths(campaign: bytes, owed: Sequence[tuple[str, int]]) -> list[list[bytes]]:
    """The path of every position, as `path` gives it, from one pass over the tree."""
    levels = _levels(campaign, owed) if owed else []
    return [
        [row[(index >> level) ^ 1] for level, row in enumerate(levels[:-1])] for index in range(len(owed))
    ]


def depth(count: int) -> int:
    """Length of every path in a payroll of `count` positions."""
    return max(0, count - 1).bit_length()


def verify(
    campaign: bytes, index: int, count: int, account: str, cumulative: int, path: Sequence[bytes], root: bytes
) -> None:
    """Check that position `index` of `count` under `root` owes `account` exactly `cumulative`.

    Raises:
        VerificationError: it does not, the position is out of range, or the path has the wrong length.
    """
    if not 0 <= index < count:
        raise VerificationError("position in the payroll", expected=f"less than {count}", found=str(index))
    if len(path) != depth(count):
        raise VerificationError(
            "path in the payroll", expected=f"{depth(count)} hashes", found=str(len(path))
        )
    verify_path(campaign, index, account, cumulative, path, root)


def verify_path(
    campaign: bytes, index: int, account: str, cumulative: int, path: Sequence[bytes], root: bytes
) -> None:
    """As `verify`, for who does not know the number of positions: a padding leaf hashes to nothing.

    Raises:
        VerificationError: it does not, or `index` has no place in a tree of the path's depth.
    """
    if not 0 <= index < 1 << len(path):
        raise VerificationError(
            "position in the payroll", expected=f"less than {1 << len(path)}", found=str(index)
        )
    found = leaf(campaign, index, account, cumulative)
    for level, sibling in enumerate(path):
        if len(sibling) != HASH_BYTES:
            raise VerificationError("length of a hash", expected=str(HASH_BYTES), found=str(len(sibling)))
        found = keccak256(sibling + found if index >> level & 1 else found + sibling)
    if found != root:
        raise VerificationError("root of the payroll", expected="0x" + root.hex(), found="0x" + found.hex())


def _levels(campaign: bytes, owed: Sequence[tuple[str, int]]) -> list[list[bytes]]:
    row = [leaf(campaign, index, account, amount) for index, (account, amount) in enumerate(owed)]
    row += [EMPTY] * ((1 << depth(len(owed))) - len(row))
    levels = [row]
    while len(row) > 1:
        row = [keccak256(row[i] + row[i + 1]) for i in range(0, len(row), 2)]
        levels.append(row)
    return levels
