"""The steps that a campaign takes by itself, from the deposit to the settled payroll.

A round looks at every unfinished campaign and takes the one step that its state allows. Where a campaign
stands is in its row, so there is no queue to lose: a round that crashes is taken again by the next one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ledger_service.chain.contracts import Stage
from ledger_service.errors import Corrupt, LedgerError, Unavailable
from ledger_service.flow import anchor, assign, fund, infer, review, settle
from ledger_service.service import Service
from ledger_service.specification import Specification

_log = logging.getLogger(__name__)
# How long a fruitless matching is believed while nothing that can be counted has changed.
REMATCH_SECONDS = 30.0


class Rounds:
    """Takes campaigns forward; one at a time runs."""

    def __init__(self, service: Service, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._service = service
        self._monotonic = monotonic
        self._steps: dict[str, Callable[[bytes], bool]] = {
            "published": self._published,
            "open": self._open,
            "closed": self._closed,
            "reviewed": self._reviewed,
            "inferred": self._inferred,
            "payable": self._payable,
            "posted": self._posted,
            "settled": self._settled,
        }
        self._fruitless: dict[bytes, tuple[object, float]] = {}
        self._stopped: set[bytes] = set()
        self._anchored_at = float("-inf")

    def step(self) -> bool:
        """One round; whether anything moved.

        Raises:
            Corrupt: the chain contradicts what was sent to it.
        """
        self._service.refresh_clock()
        with self._service.store.begin() as uow:
            moved = anchor.anchored(uow, self._service.ledger) is not None
            campaigns = uow.campaigns.unfinished()
        for campaign in campaigns:
            moved |= self._advance(campaign)
        return self._anchor_when_due() or moved

    def _advance(self, campaign: bytes) -> bool:
        if campaign in self._stopped:
            return False
        try:
            with self._service.store.begin() as uow:
                state = uow.campaigns.get(campaign).state
            step = self._steps.get(state)
            return step is not None and step(campaign)
        except Unavailable as error:
            _log.warning("campaign 0x%s waits: %s", campaign.hex(), error)
        except (LedgerError, ValueError):
            # One campaign that contradicts itself must not hold up the others' pay.
            self._stopped.add(campaign)
            _log.exception("campaign 0x%s stands still until the service is started again", campaign.hex())
        return False

    def _published(self, campaign: bytes) -> bool:
        with self._service.store.begin() as uow:
            return fund.fund(uow, campaign)

    def _open(self, campaign: bytes) -> bool:
        with self._service.store.begin() as uow:
            if assign.close(uow, self._service.ledger, campaign):
                return True
        return self._match(campaign)

    def _match(self, campaign: bytes) -> bool:
        ledger = self._service.ledger
        with self._service.store.begin() as uow:
            row = uow.campaigns.get(campaign)
            spec = Specification.from_json(row.specification)
            if row.closing or not spec.opens_at <= ledger.clock.now() < spec.closes_at:
                return False
            counts = assign.counts(uow, ledger, campaign)
            known, since = self._fruitless.get(campaign, (None, 0.0))
            if known == counts and self._monotonic() - since < REMATCH_SECONDS:
                return False
            wanted = assign.request(uow, ledger, row)
        found = assign.match(wanted) if wanted else None
        if wanted is None or found is None:
            self._fruitless[campaign] = (counts, self._monotonic())
            return False
        with self._service.store.begin() as uow:
            return assign.assign(uow, ledger, wanted, found) > 0

    def _closed(self, campaign: bytes) -> bool:
        with self._service.store.begin() as uow:
            review.review(uow, self._service.ledger, campaign)
        return True

    def _reviewed(self, campaign: bytes) -> bool:
        with self._service.store.begin() as uow:
            reading = infer.read(uow, campaign)
        conclusion = infer.conclude(reading)
        with self._service.store.begin() as uow:
            infer.infer(uow, reading, conclusion)
        return True

    def _inferred(self, campaign: bytes) -> bool:
        with self._service.store.begin() as uow:
            settle.settle(uow, self._service.ledger, campaign)
        return True

    def _payable(self, campaign: bytes) -> bool:
        with self._service.store.begin() as uow:
            ledger = self._service.ledger
            return settle.post(uow, ledger, campaign) or settle.posted(uow, ledger, campaign)

    def _posted(self, campaign: bytes) -> bool:
        with self._service.store.begin() as uow:
            if settle.settled(uow, self._service.ledger, campaign):
                return True
            window = uow.campaigns.get(campaign).escrow_terms.window
        state = self._service.ledger.escrow.campaign(self._service.client, campaign)
        waits = state.stage in (Stage.PENDING, Stage.CONFIRMED)
        if waits and self._service.client.head().timestamp >= state.posted_at + window:
            with self._service.store.begin() as uow:
                settle.close_window(uow, self._service.ledger, campaign)
        return False

    def _settled(self, campaign: bytes) -> bool:
        with self._service.store.begin() as uow:
            return settle.finish(uow, campaign)

    def _anchor_when_due(self) -> bool:
        """Anchor at the set interval, and at once when a campaign waits for it to be paid."""
        due = self._monotonic() - self._anchored_at >= self._service.settings.intervals.anchor
        with self._service.store.begin() as uow:
            if not due and not settle.waits_for_anchor(uow):
                return False
            size = anchor.anchor(uow, self._service.ledger)
        if size is not None:
            self._anchored_at = self._monotonic()
        return size is not None


class Background:
    """The service's own work, beside the requests: chain writer, chain watcher, rounds."""

    def __init__(self, service: Service) -> None:
        self._service, self._rounds = service, Rounds(service)

    def step(self) -> bool:
        """One pass over all three; whether it is worth asking again at once.

        What does not answer now is asked again later. What contradicts itself is said in the log on every
        pass and stops only its own part.
        """
        return any([self._part(part) for part in (self._write, self._watch, self._rounds.step)])

    def _part(self, part: Callable[[], bool]) -> bool:
        try:
            return part()
        except Unavailable as error:
            _log.warning("%s", error)
        except Corrupt:
            _log.exception("alarm")
        return False

    def _write(self) -> bool:
        return self._service.writer.step().busy

    def _watch(self) -> bool:
        report = self._service.watcher.step()
        return bool(report.added or report.became_final)
