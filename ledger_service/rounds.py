"""The steps that a campaign takes by itself, from the deposit to the settled payroll.

A round looks at every unfinished campaign and takes the one step that its state allows. Where a campaign
stands is in its row, so there is no queue to lose: a round that crashes is taken again by the next one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ledger_service.chain.contracts import CampaignState, Stage
from ledger_service.errors import Corrupt
from ledger_service.flow import anchor, assign, fund, hold, infer, repost, review, settle, watch
from ledger_service.retries import Retries
from ledger_service.service import Service
from ledger_service.store.payouts import PayrollRow
from ledger_service.store.store import UnitOfWork
from matching_engine import Encoder

_log = logging.getLogger(__name__)
# How long a fruitless matching is believed while nothing that can be counted has changed.
REMATCH_SECONDS = 30.0
# How often the contract is asked about a payroll whose time the ledger does not know.
LOOK_SECONDS = 10
# A chain that makes blocks only when there is something to do shows no new time: so late it is asked anyway.
STILL_CHAIN_SECONDS = 30
_WATCHER_SECONDS = 60.0


class Stopping(Exception):
    """The service is being stopped; what was under way is done again after the next start."""


class Rounds:
    """Takes campaigns forward; one at a time runs.

    Args:
        stopping: asked between campaigns and between a matching's batches; when true, the round ends early.
    """

    def __init__(
        self,
        service: Service,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._service, self._monotonic, self._stopping = service, monotonic, stopping
        self._steps: dict[str, Callable[[bytes], bool]] = {
            "published": self._published,
            "open": self._open,
            "closed": self._closed,
            "reviewed": self._reviewed,
            "inferred": self._inferred,
            "payable": self._payable,
            "posted": self._posted,
            "void": self._void,
            "settled": self._settled,
        }
        self._retries = Retries(monotonic=monotonic)
        self._encoder = Encoder(between=self._check_stopping)
        self._fruitless: dict[bytes, tuple[object, float]] = {}
        # When the contract is asked about a payroll next, by campaign, number, and whether it is disputed.
        self._looks: dict[tuple[bytes, int, bool], int] = {}
        self._said: set[str] = set()
        self._collected: set[bytes] = set()
        self._anchored_at = float("-inf")

    def step(self) -> bool:
        """One round; whether anything moved. What fails in one campaign, or in anchoring, fails there alone.

        Raises:
            Unavailable: the database does not answer.
        """
        self._service.refresh_clock()
        moved = self._retries.attempt("anchoring", self._note_anchored)
        with self._service.store.begin() as uow:
            campaigns = uow.campaigns.unfinished()
        for campaign in campaigns:
            if self._stopping():
                return False
            moved |= self._advance(campaign)
        return self._retries.attempt("anchoring", self._anchor_when_due) or moved

    def _advance(self, campaign: bytes) -> bool:
        return self._retries.attempt(f"campaign 0x{campaign.hex()}", lambda: self._take(campaign))

    def _take(self, campaign: bytes) -> bool:
        with self._service.store.begin() as uow:
            row = uow.campaigns.get(campaign)
            news = watch.news(uow, self._service.ledger, row)
        for sentence in news:
            self._say(logging.WARNING, sentence)
        step = self._steps.get(row.state)
        return step is not None and step(campaign)

    def _say(self, level: int, sentence: str) -> None:
        """Say something once a start."""
        if sentence not in self._said:
            self._said.add(sentence)
            _log.log(level, "%s", sentence)

    def _published(self, campaign: bytes) -> bool:
        with self._service.store.begin() as uow:
            return fund.fund(uow, self._service.ledger, campaign)

    def _open(self, campaign: bytes) -> bool:
        with self._service.store.begin() as uow:
            if assign.close(uow, self._service.ledger, campaign):
                return True
        return self._match(campaign)

    def _match(self, campaign: bytes) -> bool:
        ledger = self._service.ledger
        with self._service.store.begin() as uow:
            row = uow.campaigns.get(campaign)
            spec = row.spec
            if row.closing or not spec.opens_at <= ledger.clock.now() < spec.closes_at:
                return False
            counts = assign.counts(uow, ledger, campaign)
            known, since = self._fruitless.get(campaign, (None, 0.0))
            if known == counts and self._monotonic() - since < REMATCH_SECONDS:
                return False
            wanted = assign.request(uow, ledger, row)
        try:
            found = assign.match(wanted, self._encoder) if wanted else None
        except Stopping:
            return False
        if wanted is None or found is None:
            self._fruitless[campaign] = (counts, self._monotonic())
            return False
        with self._service.store.begin() as uow:
            return assign.assign(uow, ledger, wanted, found) > 0

    def _check_stopping(self) -> None:
        if self._stopping():
            raise Stopping

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
        if self._held(campaign):
            return False
        with self._service.store.begin() as uow:
            settle.settle(uow, self._service.ledger, campaign)
        return True

    def _held(self, campaign: bytes) -> bool:
        """Whether a ring may have turned the crowd; looked at once a start."""
        holds, name = self._service.holds, f"0x{campaign.hex()}"
        if not holds.known(campaign):
            with self._service.store.begin() as uow:
                reading = hold.read(uow, campaign)
            holds.note(campaign, hold.why(reading))
        reason = holds.reason(campaign)
        if reason is not None:
            self._say(logging.ERROR, f"alarm: campaign {name} is held and not settled: {reason}")
        return reason is not None

    def _payable(self, campaign: bytes) -> bool:
        ledger = self._service.ledger
        with self._service.store.begin() as uow:
            if settle.finish(uow, campaign) or repost.note_void(uow, campaign):
                return True
            if settle.post(uow, ledger, campaign):
                return True
        return self._unless_refused(lambda uow: settle.posted(uow, ledger, campaign))

    def _posted(self, campaign: bytes) -> bool:
        ledger = self._service.ledger
        with self._service.store.begin() as uow:
            if settle.finish(uow, campaign) or settle.settled(uow, ledger, campaign):
                return True
            if repost.note_void(uow, campaign):
                return True
            closing, payroll = settle.closing(uow, ledger, campaign), uow.payouts.payroll(campaign)
            window = uow.campaigns.get(campaign).escrow_terms.window
            disputed = payroll is not None and uow.onchain.dispute(campaign, payroll.epoch) is not None
        if payroll is None:
            raise Corrupt(f"campaign 0x{campaign.hex()} is posted without a payroll")
        if not closing and self._window_is_over(payroll, window, disputed):
            return self._unless_refused(lambda uow: settle.close_window(uow, ledger, campaign))
        return False

    def _void(self, campaign: bytes) -> bool:
        """Nothing is done by itself: the operator decides whether the payroll is posted anew."""
        with self._service.store.begin() as uow:
            if settle.finish(uow, campaign):
                return True
            said = repost.describe(uow, self._service.ledger, campaign)
        self._say(logging.ERROR, "alarm: " + said)
        return False

    def _window_is_over(self, payroll: PayrollRow, window: int, disputed: bool) -> bool:
        """Whether the contract would settle now. It is not asked before it can have anything new to say."""
        now, looking = self._service.ledger.clock.now(), (payroll.campaign, payroll.epoch, disputed)
        if now < self._looks.get(looking, 0):
            return False
        state = self._service.ledger.escrow.campaign(self._service.client, payroll.campaign)
        with self._service.store.begin() as uow:
            settle.note_times(uow, payroll, state)
        settles_at = state.settles_at(window)
        if settles_at is not None:
            head = self._service.client.head().timestamp
            if max(head, now - STILL_CHAIN_SECONDS) >= settles_at:
                return True
        self._looks[looking] = _next_look(state, settles_at, now)
        return False

    def _settled(self, campaign: bytes) -> bool:
        ledger = self._service.ledger
        with self._service.store.begin() as uow:
            if settle.finish(uow, campaign):
                return True
            refused = settle.fee_refused(uow, ledger, campaign)
            fee = settle.fee(uow, campaign)
        if not refused or campaign in self._collected:
            return False
        if ledger.escrow.campaign(self._service.client, campaign).fee_collected >= fee:
            self._collected.add(campaign)  # anyone may call for it, and somebody has
            return False
        return self._unless_refused(lambda uow: settle.collect_fee(uow, ledger, campaign))

    def _unless_refused(self, step: Callable[[UnitOfWork], bool]) -> bool:
        """Take a step that needs the chain; where the chain has refused, ask it again if that may help.

        Raises:
            RefusedByChain: it has refused; said once, and the step waits longer each time.
        """
        try:
            with self._service.store.begin() as uow:
                return step(uow)
        except anchor.RefusedByChain as refusal:
            with self._service.store.begin() as uow:
                anchor.ask_again(uow, self._service.ledger, refusal.key)
            raise

    def _note_anchored(self) -> bool:
        ledger = self._service.ledger
        return self._unless_refused(lambda uow: anchor.anchored(uow, ledger) is not None)

    def _anchor_when_due(self) -> bool:
        """Anchor at the set interval, and at once when a campaign waits for it to be paid."""
        due = self._monotonic() - self._anchored_at >= self._service.settings.anchor_seconds
        with self._service.store.begin() as uow:
            if not due and not settle.waits_for_anchor(uow):
                return False
            size = anchor.anchor(uow, self._service.ledger)
        if size is not None:
            self._anchored_at = self._monotonic()
        return size is not None


def _next_look(state: CampaignState, settles_at: int | None, now: int) -> int:
    """When the contract's answer can be another one, in the ledger's time.

    A pending payroll settles no earlier than it says; a disputed one may be ruled on at any time; and what is
    settled or void there will be told by an event.
    """
    if settles_at is None or state.stage is Stage.DISPUTED:
        return now + LOOK_SECONDS
    return settles_at


class ChainWork:
    """What is done with the chain beside requests and rounds: the chain writer and the chain watcher."""

    def __init__(self, service: Service, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._service = service
        self._retries = Retries(longest=_WATCHER_SECONDS, monotonic=monotonic)

    def step(self) -> bool:
        """One pass over both, of which one goes on when the other fails; whether to ask again at once."""
        wrote = self._retries.attempt("the chain writer", self._write)
        return self._retries.attempt("the chain watcher", self._watch) or wrote

    def _write(self) -> bool:
        return self._service.writer.step().busy

    def _watch(self) -> bool:
        report = self._service.watcher.step()
        return bool(report.added or report.became_final)
