"""inferred ── hold ─▶ nothing: a crowd that a ring may have turned is not paid by its own answers.

Whether a campaign is held follows from its labels, its gold and its run alone (`judging.suspicion`), so a
restart and an audit come to the same. Nobody's pay is lost meanwhile: the operator can settle it by decision
(`release`), and from the deadline on workers redeem their anchored labels at the escrow.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import reputation
from ledger_service import judging
from ledger_service.errors import Conflict, Corrupt
from ledger_service.flow import settle
from ledger_service.flow.context import Ledger
from ledger_service.flow.review import facts_of, gold_of
from ledger_service.specification import Specification
from ledger_service.store.judgements import RunRow
from ledger_service.store.store import UnitOfWork


@dataclass(frozen=True, slots=True)
class Reading:
    """What is looked at: the votes, the known answers by item, and the run's parameters."""

    crowd: judging.Crowd
    gold: dict[bytes, int]
    parameters: reputation.AnyParameters | None


def read(uow: UnitOfWork, campaign_id: bytes) -> Reading:
    """The votes, the gold and the run of an inferred campaign; none of them changes any more.

    Raises:
        Corrupt: there is no run, or its parameters are not those of these workers.
    """
    campaign = uow.campaigns.get(campaign_id)
    spec, run = campaign.spec, uow.judgements.run_of(campaign_id)
    if run is None:
        raise Corrupt("an inferred campaign without a run")
    crowd = judging.crowd(facts_of(uow, campaign), spec)
    return Reading(crowd, gold_of(uow, campaign), _parameters(run, spec, crowd))


def _parameters(run: RunRow, spec: Specification, crowd: judging.Crowd) -> reputation.AnyParameters | None:
    if not len(crowd.votes):
        return None
    try:
        return reputation.parameters_from_document(
            spec.method, run.parameters, crowd.workers, len(spec.labels)
        )
    except ValueError as error:
        raise Corrupt(f"the parameters of a stored run: {error}") from error


def why(reading: Reading) -> str | None:
    """Why the campaign is held, in a sentence; None where it is not. Slow: no transaction is open then."""
    return judging.suspicion(reading.crowd, reading.gold, judging.answers(reading.crowd, reading.parameters))


def release(uow: UnitOfWork, ledger: Ledger, campaign_id: bytes) -> None:
    """Settle a campaign by the operator's decision, held or not.

    Raises:
        NotYours: no such campaign.
        Conflict: it is not waiting to be settled.
    """
    campaign = uow.campaigns.get(campaign_id, lock=True)
    if campaign.state != "inferred":
        raise Conflict(f"there is nothing to release: the campaign is {campaign.state}")
    settle.settle(uow, ledger, campaign_id)


class Holds:
    """What was found about campaigns since the start, for rounds and requests of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[bytes, str | None] = {}

    def note(self, campaign: bytes, reason: str | None) -> None:
        """Keep what `why` said."""
        with self._lock:
            self._found[campaign] = reason

    def known(self, campaign: bytes) -> bool:
        """Whether the campaign was looked at."""
        with self._lock:
            return campaign in self._found

    def reason(self, campaign: bytes) -> str | None:
        """Why it is held; None where it is not, or was not looked at."""
        with self._lock:
            return self._found.get(campaign)
