"""Where everything stands, from the log and the chain together: anchors, payrolls, campaigns; and what of it
the service has to go on with."""

from __future__ import annotations

from typing import Any

from ledger_service import payroll
from ledger_service.errors import VerificationError
from ledger_service.flow import settle
from ledger_service.heads import Head
from ledger_service.log.checkpoint import sign_checkpoint
from ledger_service.restore.chain import Chain
from ledger_service.restore.copy import Copy, unhex
from ledger_service.store.anchors import AnchorRow
from ledger_service.store.chain import Lane
from ledger_service.store.payouts import PayrollRow
from ledger_service.store.restoring import Restoring
from ledger_service.store.store import UnitOfWork
from ledger_service.terms import Terms


class Standing:
    """Writes what follows from the log's rows and the chain's events, which are there already."""

    def __init__(self, uow: UnitOfWork, rows: Restoring, copy: Copy, chain: Chain, now: int) -> None:
        self._uow, self._rows, self._copy, self._chain, self._now = uow, rows, copy, chain, now
        self._lane = Lane(copy.facts.chain_id, copy.facts.operator)
        self.queued: list[str] = []

    def restore(self, heads: list[Head]) -> None:
        """Anchors first, then each campaign's payrolls and its state.

        Raises:
            VerificationError: the copy has a final anchor that the chain has not.
        """
        self._anchors(heads)
        anchored = {head.size for head in heads}
        lines: dict[bytes, dict[int, dict[str, Any]]] = {}
        for line in self._copy.state("payroll"):
            lines.setdefault(unhex(line["campaign"]), {})[line["epoch"]] = line
        for row in self._rows.published():
            self._payrolls(row.campaign, lines.get(row.campaign, {}), anchored)
            state = self._state(row.campaign, row.budget)
            self._rows.set_state(row.campaign, state)
            if state == "settled":
                self._collect_fee(row.campaign)

    def _anchors(self, heads: list[Head]) -> None:
        """One row a head of the chain; one that was only on its way is anchored anew, or a later one is."""
        known = {line["size"]: line for line in self._copy.state("anchor")}
        missing = {size for size, line in known.items() if line["final"]} - {head.size for head in heads}
        if missing:
            raise VerificationError(
                f"anchored head of {min(missing)} entries, which the copy calls final", found="none"
            )
        key = self._copy.key
        for head in heads:
            line = known.get(head.size)
            if line is None:  # it was anchored after the copy was made
                line = {"checkpoint": sign_checkpoint(key.name, head.size, head.root, key), "witnesses": []}
            witnesses = tuple(line["witnesses"])
            row = AnchorRow(head.size, head.root, line["checkpoint"], final=True, witnesses=witnesses)
            self._uow.anchors.add(row)

    def _payrolls(self, campaign: bytes, begun: dict[int, dict[str, Any]], anchored: set[int]) -> None:
        """The payrolls that the escrow has taken, and the one that was to be posted next."""
        settlement = self._uow.payouts.settlement(campaign)
        if settlement is None or not settlement.total:
            return
        rows = self._uow.payouts.of_campaign(campaign)
        owed = [(row.worker, row.amount) for row in rows]
        packed = payroll.encode_entries(payroll.PayrollEntry(worker, 0, amount) for worker, amount in owed)
        root, posted = payroll.root(campaign, owed), self._uow.onchain.posted(campaign)
        evidence = self._uow.onchain.evidence(campaign)
        # One with another root is not ours: the service says so as soon as it looks.
        wanted = {epoch: evidence[epoch] for epoch, found in posted.items() if found == root}
        following = 1 + max(posted, default=0)
        if following in begun and begun[following]["evidence"] in anchored:
            wanted[following] = begun[following]["evidence"]
        for epoch, size in sorted(wanted.items()):
            times = {name: begun.get(epoch, {}).get(name) for name in ("posted_at", "disputed_at")}
            self._uow.payouts.add_payroll(
                PayrollRow(campaign, epoch, root, len(owed), settlement.total, packed, size, **times)
            )
        if following in wanted:
            call = self._chain.escrow.post(self._terms(campaign), packed, wanted[following])
            self._queue(settle.intent_key(self._uow, "post", campaign), call)

    def _state(self, campaign: bytes, budget: int) -> str:
        settlement = self._uow.payouts.settlement(campaign)
        if settlement is not None:
            return self._paid_state(campaign, settlement.total)
        if self._rows.some("runs", campaign):
            return "inferred"
        if self._rows.some("reviews", campaign):
            return "reviewed"
        given_work = self._rows.some("assignments", campaign)
        return "open" if given_work or self._uow.onchain.deposited(campaign) >= budget else "published"

    def _paid_state(self, campaign: bytes, total: int) -> str:
        onchain, newest = self._uow.onchain, self._uow.payouts.payroll(campaign)
        if onchain.refunded(campaign):
            return "finished"
        if newest is None:
            return "payable" if total else "settled"
        if newest.epoch in onchain.voided_epochs(campaign):
            return "void"
        if newest.epoch in onchain.settled_epochs(campaign):
            return "settled"
        return "posted" if onchain.posted(campaign).get(newest.epoch) == newest.root else "payable"

    def _collect_fee(self, campaign: bytes) -> None:
        """The call for the fee is queued as a campaign becomes settled, so here if it was not mined."""
        if self._uow.onchain.fee_collected(campaign) < settle.fee(self._uow, campaign):
            call = self._chain.escrow.collect_fee(self._terms(campaign))
            self._queue(settle.intent_key(self._uow, "fee", campaign), call)

    def _queue(self, key: str, call: bytes) -> None:
        if self._uow.intents.newest_try(self._lane, key) is None:
            self._uow.intents.enqueue(self._lane, key, self._chain.escrow.address, call, 0, self._now)
            self.queued.append(key)

    def _terms(self, campaign: bytes) -> Terms:
        return self._uow.campaigns.get(campaign).escrow_terms
