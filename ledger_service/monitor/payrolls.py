"""The payrolls that the chain holds, against the payouts of the log: all of them, and mine first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from ledger_service import payroll
from ledger_service.audit.chain_reading import ChainReader
from ledger_service.audit.report import Mismatch, NotChecked
from ledger_service.audit.words import topic, uint, word
from ledger_service.chain import spans
from ledger_service.chain.client import ChainClient
from ledger_service.chain.escrow import CampaignEscrow
from ledger_service.chain.escrow_types import CampaignState, Stage
from ledger_service.chain.rpc import Reverted
from ledger_service.claims.finding import find_escrow
from ledger_service.claims.interface import interfaces
from ledger_service.claims.record import POSTED, read_record, read_state
from ledger_service.claims.tables import Posted, Table, rebuild
from ledger_service.entries import Payout
from ledger_service.errors import Corrupt, NotYours, Refused, Unavailable, VerificationError
from ledger_service.monitor.alarms import Alarm, Kind
from ledger_service.monitor.look import Identity, Look, Me
from ledger_service.monitor.pay import PayCheck
from ledger_service.terms import Terms

_NAMED = 3  # workers that an alarm names


@dataclass(frozen=True, slots=True)
class _Found:
    """A campaign on the chain: its terms, what the escrow stores, and what the log says that it owes."""

    campaign: bytes
    terms: Terms
    payouts: list[tuple[int, Payout]]
    state: CampaignState
    posted: tuple[Posted, ...]

    @property
    def name(self) -> str:
        return f"0x{self.campaign.hex()}"

    def owed(self, size: int) -> dict[str, int]:
        """By the payouts among the first `size` entries, in order of each worker's first one."""
        found: dict[str, int] = {}
        for index, payout in self.payouts:
            if index < size:
                found[payout.worker] = payout.amount
        return found

    def in_force(self) -> Posted | None:
        """The payroll that is pending, or else the one that has settled."""
        root = self.state.settled_root if self.state.stage is Stage.EMPTY else self.state.pending_root
        return next((one for one in reversed(self.posted) if one.root == root), None)


class PayrollCheck:
    """Compares the payrolls of campaigns that concern us with the log, at the chain's newest final block.

     1. Every payroll that was announced is the one of the log's payouts among the entries that it names as
        its evidence: root, total, positions. Where it is not, its table is rebuilt, to say what it gives.
     2. What I am owed by my newest payout is in a payroll that is pending or settled, within the limit, and
        at once where the deadline for payrolls has passed.

    Args:
        first: a block at or before the campaigns' opening; None looks for the escrow's creation.
    """

    def __init__(
        self, look: Look, identity: Identity, me: Me, client: ChainClient, first: int | None
    ) -> None:
        self._look, self._identity, self._me = look, identity, me
        self._client, self._first = client, first
        self._known: set[str] = set()

    def check(self, chain: ChainReader, pay: PayCheck, size: int) -> None:
        """Compare what can be compared in a log of this size."""
        for campaign in self._look.memory.campaigns():
            name = f"campaign 0x{campaign.hex()}"
            try:
                found = self._read(chain, campaign, *self._place(chain, pay, campaign, size))
                self._compare(found, size)
                self._check_mine(found, chain.block.timestamp)
            except NotYours as error:
                self._look.lack(f"the payroll of {name} cannot be compared: {error}")
            except (Refused, Unavailable, Reverted, Corrupt, VerificationError) as error:
                self._look.miss(f"payroll of {name}: {error}")

    def _place(self, chain: ChainReader, pay: PayCheck, campaign: bytes, size: int) -> tuple[str, Terms]:
        """The campaign's escrow and terms: as the service shows them, or else as the chain does.

        The id is the hash of both, so neither can show others.
        """
        try:
            charter = pay.charter(campaign, lambda: self._look.memory.ledger(campaign, size)[1])
            return charter.escrow, charter.terms
        except (NotChecked, Mismatch, Refused, Unavailable):
            name = f"terms:{campaign.hex()}"
            kept = self._look.state.get(name)
            if kept is None:
                first, escrow = self._first, self._identity.escrow
                if escrow is None:
                    escrow, first = find_escrow(self._client, campaign, first or 0)
                record = read_record(self._client, escrow, campaign, first)
                kept = json.dumps([escrow, record.terms.to_json()])
                with self._look.state.transaction():
                    self._look.state.put(name, kept)
            escrow, terms = json.loads(kept)
            return escrow, Terms.from_json(terms)

    def _check_escrow(self, chain: ChainReader, escrow: str) -> None:
        """The escrow is there, and belongs to the log; asked once a look."""
        if escrow in self._known:
            return
        if not self._client.code(escrow, chain.block.number):
            raise Unavailable(f"chain {chain.chain_id} has no final contract at {escrow}")
        log = chain.provenance(escrow)
        if log != self._identity.log_address:
            raise Corrupt(f"the escrow {escrow} belongs to the ProvenanceLog {log}")
        self._known.add(escrow)

    def _read(self, chain: ChainReader, campaign: bytes, escrow: str, terms: Terms) -> _Found:
        """Read on where the last look ended; what was announced is what the escrow counts."""
        memory, last = self._look.memory, chain.block.number
        self._check_escrow(chain, escrow)
        begin = memory.read_to(campaign)
        if begin is None:
            begin = spans.first_block(self._client, escrow, last) if self._first is None else self._first
        else:
            begin += 1
        fresh = list(self._events(escrow, campaign, begin, last))
        known = [one.posted for one in memory.payrolls(campaign)]
        state = read_state(self._client, CampaignEscrow(interfaces(), escrow), campaign, last)
        announced = (*known, *fresh)
        numbered = all(one.epoch == number for number, one in enumerate(announced, start=1))
        if state.epoch != len(announced) or not numbered:
            raise Corrupt(
                f"the node shows {len(announced)} payrolls, and the escrow counts {state.epoch}: it "
                "hides events, or --from-block is too late"
            )
        with self._look.state.transaction():
            memory.keep_payrolls(campaign, fresh, max(last, begin - 1))
        return _Found(campaign, terms, memory.payouts(campaign), state, announced)

    def _events(self, escrow: str, campaign: bytes, first: int, last: int) -> Iterator[Posted]:
        for event in spans.events(self._client, escrow, [[POSTED], [campaign]], first, last):
            total, count, evidence = (uint(word(event.data, at)) for at in (1, 2, 3))
            epoch, root = uint(topic(event, 2)), word(event.data, 0)
            yield Posted(epoch, root, total, count, evidence, event.transaction)

    def _compare(self, found: _Found, size: int) -> None:
        for one in list(self._look.memory.payrolls(found.campaign)):
            if one.compared or one.posted.evidence > size:
                continue
            posted = one.posted
            owed = found.owed(posted.evidence)
            ours = (sum(owed.values()), len(owed), payroll.root(found.campaign, list(owed.items())))
            if ours != (posted.total, posted.count, posted.root):
                alarm = self._other(found, posted, owed)
                with self._look.state.transaction():
                    self._look.alarm(alarm)
                    self._look.memory.payroll_compared(found.campaign, posted.epoch)
                continue
            with self._look.state.transaction():
                self._look.memory.payroll_compared(found.campaign, posted.epoch)
            self._look.change(
                "payroll",
                f"campaign {found.name}: payroll {posted.epoch} of {posted.total} to {posted.count} accounts "
                "is the log's",
                campaign=found.name,
                epoch=posted.epoch,
                total=str(posted.total),
            )

    def _other(self, found: _Found, posted: Posted, owed: dict[str, int]) -> Alarm:
        """What a payroll that the log does not give does to whom."""
        words = f"campaign {found.name}: payroll {posted.epoch} on the chain is not what the log owes"
        expected, shown = f"total {sum(owed.values())}", f"total {posted.total}"
        try:
            table = self._table(found, posted)
        except (VerificationError, Unavailable) as error:
            words += f"; its table cannot be rebuilt ({error})"
        else:
            wrong = _differences(table, owed)
            mine = [account for account in wrong if account in self._me.addresses]
            for account in (mine + [one for one in wrong if one not in mine])[:_NAMED]:
                words += f"; {account} is owed {owed.get(account, 0)} and given {table.amount(account)}"
        key = f"payroll:{found.name}:{posted.epoch}"
        return Alarm(Kind.PAYROLL, key, words, None, found.name, expected, shown)

    def _table(self, found: _Found, posted: Posted) -> Table:
        return rebuild(found.campaign, found.terms, posted, self._calldatas(posted.transaction))

    def _calldatas(self, transaction: bytes) -> Iterator[bytes]:
        yield self._client.calldata(transaction)
        with suppress(Unavailable):  # few nodes trace transactions
            yield from self._client.calls_in(transaction)

    def _check_mine(self, found: _Found, now: int) -> None:
        """What my newest payouts say is in the payroll that is in force."""
        owed = found.owed(1 << 63)
        posted = found.in_force()
        given = found.owed(posted.evidence) if posted else {}
        for worker in sorted(self._me.addresses & owed.keys()):
            key = f"unpaid:{found.name}:{worker}"
            if given.get(worker, 0) >= owed[worker]:
                with self._look.state.transaction():
                    self._look.clear(key)
                continue
            newest = max(index for index, payout in found.payouts if payout.worker == worker)
            late = self._look.now - self._look.memory.read_at(newest) > self._look.limits.payroll
            if late or now > found.terms.deadline:
                self._unpaid(found, key, worker, owed[worker], given.get(worker, 0))

    def _unpaid(self, found: _Found, key: str, worker: str, owed: int, given: int) -> None:
        void = " (the newest payroll was declared void)" if found.posted and found.in_force() is None else ""
        words = (
            f"campaign {found.name}: {worker} is owed {owed} by the log, and no payroll in force on the "
            f"chain gives it more than {given}{void}; after the deadline: crowdledger redeem"
        )
        with self._look.state.transaction():
            self._look.stand(Alarm(Kind.PAYROLL, key, words, None, found.name, str(owed), str(given)))


def _differences(table: Table, owed: dict[str, int]) -> list[str]:
    """Accounts whose amounts differ, in order of the log and then of the payroll."""
    accounts = dict.fromkeys([*owed, *(account for account, _ in table.owed)])
    return [account for account in accounts if owed.get(account, 0) != table.amount(account)]
