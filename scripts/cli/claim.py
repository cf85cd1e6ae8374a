"""`crowdledger claim`: fetch what the settled payroll owes, from chain data alone."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scripts.cli import arguments, chain_arguments

if TYPE_CHECKING:
    from ledger_service.claims.claiming import Call, LeftOut, Payment
    from ledger_service.claims.record import Record
    from ledger_service.claims.standing import Standing
    from ledger_service.claims.tables import Table
    from ledger_service.claims.token import Token
    from ledger_service.claims.transact import Sender
    from ledger_service.errors import VerificationError

DESCRIPTION = """\
Fetch your pay from the escrow contract. This needs a node of the chain and your key, nothing of the
service: it may be gone. The escrow is found by the campaign's id, which is a hash over its address; with
--escrow that is quicker, and some nodes need it. The campaign's terms and payrolls are read from past
transactions, and whatever the node says is checked: the terms have to hash to the campaign's id, the payroll
table to the root that the escrow holds. A payroll whose dispute window is over is settled on the way. What
was redeemed (crowdledger redeem) is paid too.

The money goes to the account that the payroll names, whoever claims; only that account itself can send it
elsewhere, with --to. Running it again is safe: nothing is paid twice. A node that lies can cost you the gas
of a transaction that fails, and can hide money from you; then ask another node.
"""
EXAMPLES = """\
  crowdledger claim --rpc https://rpc.example.org --campaign 0x… --key wallet.key --dry-run
  crowdledger claim --rpc https://rpc.example.org --campaign 0x… --key wallet.key
  crowdledger claim --rpc … --campaign 0x… --key wallet.key --to 0x…      your money, elsewhere
  crowdledger claim --rpc … --campaign 0x… --key any.key --account 0x…    for somebody else
  crowdledger claim --rpc … --campaign 0x… --key any.key --everybody      for all, in batches

Amounts in --json are decimal strings in the token's minor units.

Exit status: 0 paid (with --dry-run: would be), or all that was due has been received before; 1 what the
node says contradicts itself, or the transaction failed; 2 nothing can be fetched now (unknown campaign, wrong
chain, not settled yet, not in the payroll, no money for gas, no answer): the reason is said.
"""


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = arguments.parser("claim", DESCRIPTION, EXAMPLES)
    chain_arguments.add(made)
    whom = made.add_mutually_exclusive_group()
    whom.add_argument(
        "--to", type=chain_arguments.address, metavar="0xADDRESS", help="send your money to this account"
    )
    whom.add_argument(
        "--account",
        dest="accounts",
        action="extend",
        nargs="+",
        type=chain_arguments.address,
        metavar="0xADDRESS",
        help="claim for these accounts instead of your own",
    )
    whom.add_argument(
        "--everybody",
        action="store_true",
        help="claim for all who have something due, but those whom the token refuses",
    )
    return made


def run(argv: Sequence[str]) -> int:
    """Claim; the exit status."""
    given = parser().parse_args(argv)
    with chain_arguments.client_of(given) as client:
        wallet = chain_arguments.wallet_of(given)

        def work(progress: chain_arguments.Progress) -> tuple[dict[str, Any], list[str]]:
            from ledger_service.claims.token import read_token
            from ledger_service.errors import BadInput

            record = chain_arguments.record_of(given, client, progress)
            sender = chain_arguments.sender_of(given, record, wallet)
            if given.to in (record.terms.token, record.escrow.address):
                raise BadInput(
                    f"--to {given.to} is a contract of this campaign, which could never send it on"
                )
            job = _Job(given, record, sender, read_token(client, record.terms.token), progress)
            job.everybody() if given.everybody else job.accounts(given.accounts or [sender.account])
            return job.to_json(), job.sentences()

        return chain_arguments.answer(given, work)


class _Job:
    """One run: what is due, what was sent, and how both are said."""

    def __init__(
        self,
        given: argparse.Namespace,
        record: Record,
        sender: Sender,
        token: Token,
        progress: chain_arguments.Progress,
    ) -> None:
        self._given, self._record, self._sender, self._token = given, record, sender, token
        self._progress = progress
        self._table: Table | None = record.in_force()
        self._standings: list[Standing] = []
        self._calls: list[Call] = []
        self._payments: list[Payment] = []
        self._left_out: list[LeftOut] = []

    def accounts(self, accounts: Sequence[str]) -> None:
        """Pay the accounts named.

        Raises:
            Conflict, NotYours: the first of those that can fetch nothing now; only if none can.
        """
        from ledger_service.claims.standing import fetchable, standing, why_nothing

        waiting, trouble = self._waiting()
        self._standings = [standing(self._record, self._table, waiting, one) for one in accounts]
        wanted = [found for found in self._standings if fetchable(self._record, found)]
        if wanted:
            return self._plan(wanted)
        reason = trouble or why_nothing(self._record, self._standings[0])
        if reason is not None:
            raise reason
        return None

    def _waiting(self) -> tuple[Table | None, VerificationError | None]:
        """The pending payroll, for who has nothing in the one in force; or why it cannot be rebuilt."""
        from ledger_service.errors import VerificationError

        try:
            return self._record.waiting(), None
        except VerificationError as error:
            return None, error

    def _plan(self, wanted: list[Standing]) -> None:
        from ledger_service.claims import claiming
        from ledger_service.claims.standing import why_nothing
        from ledger_service.claims.transact import Refused

        try:
            if len(wanted) == 1:
                self._calls = [claiming.plan_one(self._record, self._sender, wanted[0], self._given.to)]
            else:
                claims = [found.claim for found in wanted]
                self._calls, self._left_out = claiming.plan_many(
                    self._record, self._sender, claims, self._progress
                )
        except Refused as error:
            # What was redeemed is paid later when it is disputed, and in part where there is too little.
            if wanted[0].payable or not error.nothing_due:
                raise
            reason = why_nothing(self._record, wanted[0])
            if reason is not None:
                raise reason from error
        self._pay({found.account: found for found in wanted})

    def everybody(self) -> None:
        """Pay all who have something due."""
        from ledger_service.claims import claiming

        claims = claiming.everybody(self._record, self._table, self._progress)
        self._calls, self._left_out = claiming.plan_many(self._record, self._sender, claims, self._progress)
        self._pay({})

    def _pay(self, before: dict[str, Standing]) -> None:
        from ledger_service.claims import claiming
        from ledger_service.errors import LedgerError

        for number, call in enumerate(self._calls if not self._given.dry_run else (), start=1):
            try:
                paid = claiming.pay(self._record, self._sender, call, self._given.to)
            except LedgerError as error:
                if self._payments:
                    error.add_note(f"{len(self._payments)} accounts were paid before that, and stay paid")
                raise
            for payment in paid:
                if payment.account in before:
                    claiming.check_paid(self._record, payment, before[payment.account])
            self._payments += paid
            self._progress("pay", number, len(self._calls))

    def to_json(self) -> dict[str, Any]:
        """The outcome for programs."""
        record, table = self._record, self._table
        return {
            "chain_id": record.client.chain_id,
            "escrow": record.escrow.address,
            "campaign": "0x" + record.campaign.hex(),
            "block": record.block.number,
            "token": {
                "address": self._token.address,
                "symbol": self._token.symbol,
                "decimals": self._token.decimals,
            },
            "payroll": None
            if table is None
            else {
                "epoch": table.posted.epoch,
                "root": "0x" + table.posted.root.hex(),
                "positions": len(table.owed),
                "settled": not record.due_now,
                "transaction": "0x" + table.posted.transaction.hex(),
            },
            "dry_run": self._given.dry_run,
            "accounts": [_standing_json(found) for found in self._standings],
            "expected": str(sum(call.expected for call in self._calls)),
            "paid": [
                {
                    "account": payment.account,
                    "to": payment.to,
                    "amount": str(payment.amount),
                    "transaction": "0x" + payment.transaction.hex(),
                }
                for payment in self._payments
            ],
            "left_out": [{"account": one.account, "reason": one.reason} for one in self._left_out],
        }

    def sentences(self) -> list[str]:
        """The outcome for people."""
        show, record, table = self._token.show, self._record, self._table
        lines = chain_arguments.escrow_sentences(self._given, record)
        if table is not None:
            state = "due, and settled with the first payment" if record.due_now else "settled"
            lines.append(
                f"payroll {table.posted.epoch} ({state}) has {len(table.owed)} positions; its table, rebuilt "
                f"from transaction 0x{table.posted.transaction.hex()}, has the escrow's root"
            )
        for found in self._standings:
            lines.append(
                f"{found.account} has earned {show(found.earned)} in all and received {show(found.book.paid)}"
            )
            if found.redeemed:
                lines.append(f"{found.account} has redeemed {show(found.redeemed)} beyond that")
        if self._given.dry_run:
            lines += [
                f"would be paid: {show(call.expected)} to {_whom(call, self._given.to)}"
                for call in self._calls
            ]
        lines += [
            f"paid: {show(one.amount)} to {one.to}, transaction 0x{one.transaction.hex()}"
            for one in self._payments
        ]
        lines += [f"left out: {one.account}, {one.reason}" for one in self._left_out]
        if not self._calls:
            lines.append("nothing is due: all of it has been received before")
        return lines


def _whom(call: Call, to: str | None) -> str:
    if len(call.accounts) > 1:
        return f"up to {len(call.accounts)} accounts"
    return to or call.accounts[0]


def _standing_json(found: Standing) -> dict[str, Any]:
    return {
        "account": found.account,
        "index": found.claim.index if found.owed else None,
        "earned": str(found.earned),
        "pending": str(found.promised),
        "redeemed": str(found.redeemed),
        "received": str(found.book.paid),
    }
