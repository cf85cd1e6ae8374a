"""Payroll tables, rebuilt from the calldata of the transactions that posted them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from ledger_service import payroll
from ledger_service.chain.escrow_types import Claim
from ledger_service.eip712 import WORD
from ledger_service.errors import BadInput, VerificationError
from ledger_service.signing import keccak256
from ledger_service.terms import TUPLE, Terms

POST = keccak256(f"post({TUPLE},bytes,uint64)".encode())[:4]


@dataclass(frozen=True, slots=True)
class Posted:
    """A payroll as the escrow announced it.

    Attributes:
        evidence: number of log entries that it was computed from. transaction: the hash of the one that
            posted it, 32 bytes.
    """

    epoch: int
    root: bytes
    total: int
    count: int
    evidence: int
    transaction: bytes


@dataclass(frozen=True)
class Table:
    """A payroll whose root is the posted one: (account, amount in all) by position."""

    campaign: bytes
    posted: Posted
    owed: tuple[tuple[str, int], ...]

    @cached_property
    def positions(self) -> dict[str, int]:
        """The position of each account: that of its largest amount, where it is listed more than once."""
        found: dict[str, int] = {}
        for index, (account, amount) in enumerate(self.owed):
            if account not in found or amount > self.owed[found[account]][1]:
                found[account] = index
        return found

    @cached_property
    def _paths(self) -> list[list[bytes]]:
        return payroll.paths(self.campaign, self.owed)

    def amount(self, account: str) -> int:
        """What the payroll owes an account in all, token minor units; 0 where it is not listed."""
        position = self.positions.get(account)
        return 0 if position is None else self.owed[position][1]

    def claim(self, account: str) -> Claim:
        """What `CampaignEscrow.claim` takes for an account; no position where it is not listed."""
        position = self.positions.get(account)
        if position is None:
            return Claim(0, account, 0, ())
        return Claim(position, account, self.owed[position][1], tuple(self._paths[position]))


def rebuild(campaign: bytes, terms: Terms, posted: Posted, calldatas: Iterable[bytes]) -> Table:
    """The table of a posted payroll, from the calldata of its transaction, or of calls inside that.

    The transaction may call the escrow itself, or another contract (a multi-signature wallet, a multicall)
    that passes the call of `post` on: it stands in the calldata in one piece, wherever, and whatever stands
    before it. Only a table that has the posted root, and so the campaign, the number of positions and every
    amount, is taken.

    Raises:
        VerificationError: there is no such table in the calldata.
    """
    other = False
    for raw in (raw for calldata in calldatas for raw in _entries(terms, calldata)):
        table = _table(campaign, posted, raw)
        if table is not None and payroll.root(campaign, table.owed) == posted.root:
            return table
        other = other or len(raw) == posted.count * payroll.ENTRY_BYTES
    where = f"payroll {posted.epoch}, posted by transaction 0x{posted.transaction.hex()}"
    if other:
        raise VerificationError(
            f"{where}: the table in its calldata has another root than 0x{posted.root.hex()}"
        )
    raise VerificationError(
        f"{where}: its calldata holds no table of this payroll. Either the node gives another transaction's "
        "calldata, or the contract that passed it on made the table itself: ask another node, one that "
        "traces transactions (debug_traceTransaction)"
    )


def _entries(terms: Terms, calldata: bytes) -> Iterator[bytes]:
    """The packed entries of every call of `post` with these terms that stands in the calldata."""
    begins, at = POST + terms.encode(), -1
    while (at := calldata.find(begins, at + 1)) >= 0:
        arguments = memoryview(calldata)[at + len(POST) :]
        raw = _bytes_argument(arguments, len(begins) - len(POST))
        if raw is not None:
            yield raw


def _bytes_argument(arguments: memoryview, at: int) -> bytes | None:
    """The value of a `bytes` argument whose offset stands at `at` (Solidity ABI, "dynamic types")."""
    offset = _uint(arguments, at)
    length = None if offset is None else _uint(arguments, offset)
    if offset is None or length is None or offset + WORD + length > len(arguments):
        return None
    return bytes(arguments[offset + WORD : offset + WORD + length])


def _uint(arguments: memoryview, at: int) -> int | None:
    return int.from_bytes(arguments[at : at + WORD], "big") if at + WORD <= len(arguments) else None


def _table(campaign: bytes, posted: Posted, raw: bytes) -> Table | None:
    """The table in these bytes, if it has the posted number of positions and total: the root costs more."""
    if len(raw) != posted.count * payroll.ENTRY_BYTES:
        return None
    try:
        entries = payroll.parse_entries(raw)
    except BadInput:
        return None
    owed = tuple((entry.account, entry.cumulative) for entry in entries)
    return Table(campaign, posted, owed) if sum(amount for _, amount in owed) == posted.total else None
