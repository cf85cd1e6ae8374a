"""Claiming: what the payroll in force owes is shown to the escrow, and the escrow pays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ledger_service.chain import spans
from ledger_service.chain.escrow_types import Claim
from ledger_service.claims.record import Progress, Record
from ledger_service.claims.standing import Standing
from ledger_service.claims.tables import Table
from ledger_service.claims.transact import Refused, Sender, patiently
from ledger_service.errors import Corrupt, VerificationError
from ledger_service.signing import keccak256

CLAIMED = keccak256(b"Claimed(bytes32,address,address,uint256)")
REDEEMED = keccak256(b"Redeemed(bytes32,address,uint256,uint256)")
MOST_CLAIMS = 100  # in one transaction: some four million gas


@dataclass(frozen=True, slots=True)
class Call:
    """A transaction to be made: its calldata, whom it pays, and what it would pay now (token minor units)."""

    data: bytes
    accounts: tuple[str, ...]
    expected: int


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that an event says was sent: in whose name, to which account, how much (token minor units)."""

    account: str
    to: str
    amount: int
    transaction: bytes
    block: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An account that the escrow, or the token behind it, refuses to pay."""

    account: str
    reason: str


def plan_one(record: Record, sender: Sender, found: Standing, to: str | None) -> Call:
    """The call that pays one account; with `to`, its money goes there.

    Raises:
        Refused: the escrow, or the token, refuses it.
    """
    escrow, terms = record.escrow, record.terms
    data = escrow.claim(terms, found.claim) if to is None else escrow.claim_to(terms, found.claim, to)
    return Call(data, (found.account,), _paid(record, "claim" if to is None else "claimTo", sender.ask(data)))


def plan_many(
    record: Record, sender: Sender, claims: Sequence[Claim], progress: Progress | None = None
) -> tuple[list[Call], list[LeftOut]]:
    """The calls that pay several accounts, and whom they leave out because they would revert with them.

    Who has nothing due costs nothing but gas: the escrow leaves it out by itself.
    """
    calls: list[Call] = []
    refused: list[LeftOut] = []
    for start in range(0, len(claims), MOST_CLAIMS):
        part = claims[start : start + MOST_CLAIMS]
        try:
            call = _call(record, sender, part)
        except Refused:
            good, bad = _sift(record, sender, part)
            refused += bad
            call = _call(record, sender, good)
        if call.expected:
            calls.append(call)
        if progress:
            progress("ask the escrow", min(start + MOST_CLAIMS, len(claims)), len(claims))
    return calls, refused


def _call(record: Record, sender: Sender, claims: Sequence[Claim]) -> Call:
    data = record.escrow.claim_many(record.terms, claims)
    expected = _paid(record, "claimMany", sender.ask(data))
    return Call(data, tuple(claim.account for claim in claims), expected)


def _sift(record: Record, sender: Sender, claims: Sequence[Claim]) -> tuple[list[Claim], list[LeftOut]]:
    """Those that can be paid together, and the others: found by halving what is refused."""
    try:
        sender.ask(record.escrow.claim_many(record.terms, claims))
        return list(claims), []
    except Refused as error:
        if len(claims) == 1:
            return [], [LeftOut(claims[0].account, error.reason)]
    middle = len(claims) // 2
    halves = [_sift(record, sender, half) for half in (claims[:middle], claims[middle:])]
    return halves[0][0] + halves[1][0], halves[0][1] + halves[1][1]


def everybody(record: Record, table: Table | None, progress: Progress | None = None) -> list[Claim]:
    """The claims of all who seem to have something due: by the payroll in force, or because they redeemed.

    What was paid is taken from events. A node that hides some costs gas and nothing else.
    """
    paid: dict[str, int] = {}
    redeemers: set[str] = set()
    for name, args in _events(record, progress):
        if name == "Claimed":
            paid[args["account"]] = paid.get(args["account"], 0) + args["amount"]
        else:
            redeemers.add(args["account"])
    positions = table.positions if table else {}
    due = [account for account in positions if table and table.amount(account) > paid.get(account, 0)]
    wanted = dict.fromkeys([*due, *sorted(redeemers)])
    return [table.claim(account) if table else Claim(0, account, 0, ()) for account in wanted]


def _events(record: Record, progress: Progress | None) -> Iterator[tuple[str, dict[str, Any]]]:
    def tick(done: int, total: int) -> None:
        if progress:
            progress("read who was paid", done, total)

    topics = [[CLAIMED, REDEEMED], [record.campaign]]
    escrow = record.escrow
    for log in spans.events(record.client, escrow.address, topics, record.first, record.block.number, tick):
        event = escrow.artifact.event(log)
        if event is not None:
            yield event.name, event.args


def pay(record: Record, sender: Sender, call: Call, to: str | None = None) -> list[Payment]:
    """Make one call, and prove from its events and the escrow's state that the money went where it had to.

    Raises:
        VerificationError: it did not. And what `Sender.send` raises.
    """
    sent = sender.send(call.data)
    name = f"transaction 0x{sent.receipt.transaction.hex()}"
    found = []
    for event in sent.events:
        if event.name != "Claimed" or event.args["id"] != record.campaign:
            continue
        account, receiver, amount = event.args["account"], event.args["to"], event.args["amount"]
        if account not in call.accounts or receiver != (to or account):
            raise VerificationError(
                f"{name} paid somebody else", expected=to or ", ".join(call.accounts), found=receiver
            )
        found.append(Payment(account, receiver, amount, sent.receipt.transaction, sent.receipt.block_number))
    if not found:
        raise VerificationError(f"{name} succeeded, and the node shows no payment in it")
    return found


def check_paid(record: Record, payment: Payment, before: Standing) -> None:
    """The escrow has written the payment down, and nothing of what the payroll owes is left.

    Raises:
        VerificationError: it has not.
    """
    escrow, client, campaign = record.escrow, record.client, record.campaign
    now = patiently(lambda: escrow.account_of(client, campaign, payment.account, payment.block))
    least = max(before.earned, before.book.paid + payment.amount)
    if now.paid < least:
        raise VerificationError(
            f"what {payment.account} has received in all, as the escrow says",
            expected=f"at least {least}",
            found=str(now.paid),
        )


def _paid(record: Record, function: str, raw: bytes) -> int:
    (amount,) = record.escrow.artifact.result(function, raw)
    if not isinstance(amount, int):
        raise Corrupt(f"{function} returns no number")
    return amount
