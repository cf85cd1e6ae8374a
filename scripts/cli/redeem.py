"""`crowdledger redeem`: ask the escrow for what a silent operator owes, with saved papers."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.cli import arguments, chain_arguments

if TYPE_CHECKING:
    from ledger_service.claims.phases import Phases
    from ledger_service.claims.record import Record
    from ledger_service.claims.redeeming import Plan
    from ledger_service.claims.standing import Standing
    from ledger_service.claims.token import Token
    from ledger_service.claims.transact import Sender

DESCRIPTION = """\
Ask the escrow contract for pay that no payroll has brought, because the operator has fallen silent. From the
campaign's deadline on, when no payroll is pending, you have one dispute window to redeem what you have in
writing; in the next, anybody can dispute it; in a third the arbiter rules. Then crowdledger claim fetches it.

  --statement  what the operator signed that you have earned in all: your payment bundle, or the saved answer
               of GET /v1/campaigns/{id}/payouts/me. Pays what it says beyond the settled payroll.
  --labels     label bundles (GET /v1/labels/{leaf}/bundle?anchored=true), under a head that is anchored. Each
               label that no settled payroll has judged pays the price that the campaign's terms name.
  --receipts   the saved answers of POST /v1/labels or GET /v1/labels/{leaf}/receipt: for labels that the
               operator acknowledged and then kept out of the log, or whose bundles you do not have.

Statement and labels do not add up: you get the larger of the statement, and your payroll with the labels.
Only you can redeem what is yours. Do not redeem work that was judged and rejected, or that was paid: it will
be disputed, and then you lose all that you redeemed.
"""
EXAMPLES = """\
  crowdledger redeem --rpc https://rpc.example.org --campaign 0x… --key wallet.key \\
      --statement payment.json --dry-run
  crowdledger redeem --rpc … --campaign 0x… --key wallet.key --labels bundles/*.json
  crowdledger redeem --rpc … --campaign 0x… --key wallet.key --receipts receipts.json
  some windows later: crowdledger claim --rpc … --campaign 0x… --key wallet.key

Amounts in --json are decimal strings in the token's minor units.

Exit status: 0 redeemed (with --dry-run: could be), or all of it was before; 1 a paper does not hold, what
the node says contradicts itself, or a transaction failed; 2 nothing can be redeemed now (too early, too late,
a payroll is pending, not your papers, no money for gas, no answer): the reason is said.
"""


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = arguments.parser("redeem", DESCRIPTION, EXAMPLES)
    chain_arguments.add(made)
    papers = made.add_argument_group("papers, one kind or several")
    for name, what in (
        ("statement", "payment bundles, or answers of payouts/me"),
        ("labels", "label bundles, one per file or line"),
        ("receipts", "receipts with their labels"),
    ):
        papers.add_argument(f"--{name}", nargs="+", type=Path, default=[], metavar="FILE", help=what)
    return made


def run(argv: Sequence[str]) -> int:
    """Redeem; the exit status."""
    made = parser()
    given = made.parse_args(argv)
    if not given.statement + given.labels + given.receipts:
        made.error("give --statement, --labels or --receipts")
    with chain_arguments.client_of(given) as client:
        wallet = chain_arguments.wallet_of(given)

        def work(progress: chain_arguments.Progress) -> tuple[dict[str, Any], list[str]]:
            from ledger_service.claims.phases import check_open
            from ledger_service.claims.token import read_token

            papers = _Papers(given)
            record = chain_arguments.record_of(given, client, progress)
            sender = chain_arguments.sender_of(given, record, wallet)
            job = _Job(given, record, sender, read_token(client, record.terms.token), check_open(record))
            job.plan(papers, progress)
            job.send(progress)
            return job.to_json(), job.sentences()

        return chain_arguments.answer(given, work)


class _Papers:
    """What is in the files, read before the node is asked for anything."""

    def __init__(self, given: argparse.Namespace) -> None:
        from ledger_service.claims import papers

        self.statements = [one for path in given.statement for one in papers.read_statements(path)]
        self.labels = [one for path in given.labels for one in papers.read_labels(path)]
        self.receipts = [one for path in given.receipts for one in papers.read_receipts(path)]


class _Job:
    """One run: what is asked of the escrow, what came of it, and how both are said."""

    def __init__(
        self, given: argparse.Namespace, record: Record, sender: Sender, token: Token, phases: Phases
    ) -> None:
        from ledger_service.claims.redeeming import Plan

        self._given, self._record, self._sender, self._token = given, record, sender, token
        self._phases, self._table = phases, record.in_force()
        self._plan: Plan = Plan()
        self._before = self._after = self._stand(record.block.number)
        self._transactions: list[bytes] = []
        self._block = record.block.number

    def plan(self, papers: _Papers, progress: chain_arguments.Progress) -> None:
        """Make the demands, without sending any.

        Raises:
            Conflict, NotYours: there is nothing to ask for.
        """
        from ledger_service.claims import redeeming
        from ledger_service.claims.anchors import read_heads

        record, found = self._record, self._before
        if papers.labels or papers.receipts:
            redeeming.check_worth(record)
        if papers.statements:
            redeeming.add_statement(self._plan, record, found, papers.statements)
        if papers.labels:
            known = read_heads(record.client, record.provenance, record.block, progress)
            redeeming.add_labels(self._plan, record, found, papers.labels, known, self._sender)
        if papers.receipts:
            redeeming.add_receipts(self._plan, record, found, papers.receipts, self._sender)
        redeeming.advise(self._plan, found)

    def send(self, progress: chain_arguments.Progress) -> None:
        """Make the demands; with --dry-run, only find out where they would lead."""
        from ledger_service.claims import redeeming
        from ledger_service.claims.standing import after

        demands = [] if self._given.dry_run else self._plan.demands
        for number, demand in enumerate(demands, start=1):
            receipt = redeeming.redeem(self._record, self._sender, demand)
            self._transactions.append(receipt.transaction)
            self._after = self._stand(receipt.block_number)
            self._block = receipt.block_number
            progress("redeem", number, len(demands))
        if self._given.dry_run:
            self._after = after(self._before, self._plan.statement, self._plan.labels)

    def _stand(self, block: int) -> Standing:
        from ledger_service.claims.standing import standing
        from ledger_service.claims.transact import patiently

        account = self._sender.account
        return patiently(lambda: standing(self._record, self._table, None, account, block))

    def to_json(self) -> dict[str, Any]:
        """The outcome for programs."""
        record, plan, after = self._record, self._plan, self._after
        return {
            "chain_id": record.client.chain_id,
            "escrow": record.escrow.address,
            "campaign": "0x" + record.campaign.hex(),
            "block": record.block.number,
            "now": record.now,
            "phases": self._phases.to_json(),
            "account": after.account,
            "dry_run": self._given.dry_run,
            "asked": {"statement": str(plan.statement), "labels": str(plan.labels)},
            "redeemed": {"statement": str(after.book.statement), "labels": str(after.book.labels)},
            "earned": str(after.earned),
            "received": str(after.book.paid),
            "due": str(after.rest),
            "all_redemptions": dict(zip(("asked", "available"), map(str, self._share()), strict=True)),
            "transactions": ["0x" + one.hex() for one in self._transactions],
            "notes": plan.notes,
        }

    def sentences(self) -> list[str]:
        """The outcome for people."""
        show, after, verb = self._token.show, self._after, "would ask" if self._given.dry_run else "asked"
        lines = chain_arguments.escrow_sentences(self._given, self._record)
        lines += [f"note: {note}" for note in self._plan.notes]
        lines.append(self._phases.words(self._record.now))
        lines += [f"{verb} for {demand.words}" for demand in self._plan.demands]
        lines += [f"transaction 0x{one.hex()}" for one in self._transactions]
        if not self._plan.demands:
            lines.append("there is nothing to ask for")
        is_due = "would be due" if self._given.dry_run else "is due"
        lines.append(
            f"{after.account} has earned {show(after.earned)} by settled payrolls and received "
            f"{show(after.book.paid)}; with {show(after.redeemed)} redeemed beyond that it {is_due} "
            f"{show(after.rest)} more"
        )
        return lines + (self._when() if after.redeemed else [])

    def _when(self) -> list[str]:
        """When what is redeemed is paid, and whether all of it can be."""
        from ledger_service.claims.phases import moment

        phases, (reserved, available) = self._phases, self._share()
        lines = [
            f"what is redeemed is paid by crowdledger claim from {moment(phases.paid_from)} on; what is "
            f"disputed, from {moment(phases.all_paid_from)} on, unless the arbiter is against it"
        ]
        if reserved > available:
            lines.append(
                f"all redemptions ask for {self._token.show(reserved)} so far and the deposit has "
                f"{self._token.show(available)} for them: if it stays so, all are paid in proportion, from "
                f"{moment(phases.all_paid_from)} on"
            )
        return lines

    def _share(self) -> tuple[int, int]:
        """What all redemptions ask for, with what a dry run would add, and what is there for them."""
        from ledger_service.claims.standing import reserved_share
        from ledger_service.claims.transact import patiently

        reserved, available = patiently(lambda: reserved_share(self._record, self._block))
        added = self._after.redeemed - self._before.redeemed if self._given.dry_run else 0
        return reserved + added, available
