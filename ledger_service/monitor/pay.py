"""Payouts that the replay does not give: for each run that paid somebody, what can be compared is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby

from ledger_service.audit import steps_campaign, steps_replay
from ledger_service.audit.ledger import CampaignRows, Ledger
from ledger_service.audit.openings import Charter, Files
from ledger_service.audit.report import Mismatch, NotChecked
from ledger_service.audit.steps_structure import check_structure
from ledger_service.entries import Domain, InferenceRun
from ledger_service.errors import BadInput, Refused, Unavailable
from ledger_service.monitor import rules
from ledger_service.monitor.alarms import Alarm, Kind
from ledger_service.monitor.case import Case
from ledger_service.monitor.look import Identity, Look, Me
from ledger_service.monitor.memory import Role
from ledger_service.monitor.papers import Papers

_CHARTER = ("specification", "terms", "escrow")


@dataclass(slots=True)
class _Outcome:
    """What the parts of one comparison came to. `retry`: something did not answer, and may later."""

    alarms: list[Alarm] = field(default_factory=list)
    retry: bool = False


class PayCheck:
    """Compares payouts of campaigns that concern us, each run once all of its entries are read.

     1. Sums: from the log alone (`rules.check_sums`).
     2. The specification and terms are those that the log holds the digests of (`steps_campaign`).
     3. With the campaign's openings: everything is judged again (`steps_replay`), for all workers.
     4. Without: what each payout can be (`rules.check_range`); and for the worker whose key we hold, what it
        has to be (`rules.check_own`).

    What was compared, and what could not be, is said for each campaign. A run is asked about again as long as
    the service does not answer.

    Args:
        own: the worker whose key the service shows bundles to, if there is one.
    """

    def __init__(self, look: Look, identity: Identity, me: Me, papers: Papers, own: str | None) -> None:
        self._look, self._identity, self._me = look, identity, me
        self._papers, self._own = papers, own

    def check_due(self, size: int) -> None:
        """Compare what is due, in a log of this size."""
        due = self._look.memory.due()
        for done, (campaign, runs) in enumerate(groupby(due, key=lambda pair: pair[0])):
            self._look.progress("payouts", done, len(due))
            ledger, rows = self._look.memory.ledger(campaign, size)
            for _, run in runs:
                self._check(ledger, rows, run, size)

    def charter(self, campaign: bytes, read: Callable[[], CampaignRows]) -> Charter:
        """The founding documents of a campaign, compared with the log when they were first shown.

        Args:
            read: gives what was kept of the campaign.
        Raises:
            NotChecked: the service does not show them, or the log has no such campaign.
            Mismatch: they are not those of the log. BadInput, Unavailable: from the service.
        """
        kept = self._look.memory.charter(campaign)
        if kept is not None:
            return Charter.from_json(kept)
        shown = self._papers.campaign(campaign)
        if shown is None:
            raise NotChecked("the service shows no specification and terms of it")
        rows = read()
        if not rows.rows:
            raise NotChecked("the log has no signed Campaign entry of it")
        try:
            charter = Charter.from_json(shown)
        except BadInput as error:
            raise Mismatch(f"campaign 0x{campaign.hex()}: {error}") from error
        domain = Domain(self._identity.chain_id, self._identity.log_address)
        steps_campaign.check_charter(rows, charter, domain, self._identity.escrow)
        with self._look.state.transaction():
            self._look.memory.keep_charter(campaign, {name: shown[name] for name in _CHARTER})
        return charter

    def _check(self, ledger: Ledger, rows: CampaignRows, run: bytes, size: int) -> None:
        memory, campaign = self._look.memory, rows.campaign
        name = f"0x{campaign.hex()}"
        found = ledger.find(InferenceRun, run, size)
        outcome = _Outcome()
        if found is None or found.entry.campaign != campaign:
            words = f"campaign {name}: it pays by a run that is not in the log"
            outcome.alarms.append(Alarm(Kind.PAYOUT, f"payout:{name}:{run.hex()}", words, None, name))
        else:
            whole = memory.role(campaign) is not Role.WORKER
            workers = _everybody(rows) if whole else _everybody(rows) & self._me.addresses
            case = Case(self._identity, ledger, rows, found, whole, tuple(sorted(workers)))
            self._compare(case, outcome)
            self._say(case, outcome)
        with self._look.state.transaction():
            for alarm in outcome.alarms:
                self._look.alarm(alarm)
            if not outcome.retry:
                memory.done(campaign, run)

    def _compare(self, case: Case, outcome: _Outcome) -> None:
        self._part(case, outcome, "sums", lambda: rules.check_sums(case))
        self._part(case, outcome, "specification and terms", lambda: self._found(case))
        if case.charter is None:
            return
        if case.whole and self._part(case, outcome, "the whole replay", lambda: self._replay(case)):
            return
        ranged = 0
        for worker in case.workers:
            if worker == self._own and self._part(case, outcome, f"payout of {worker}", self._own_of(case)):
                continue
            self._part(case, outcome, f"range of {worker}", _range(case, worker))
            ranged += 1
        if ranged:
            case.compared.append(f"what the payouts of {ranged} workers can be")
            needs = "--key of the worker, or of an auditor that the requester named"
            case.missing.append(f"their bonus (needs {needs})")

    def _found(self, case: Case) -> None:
        case.charter = self.charter(case.rows.campaign, lambda: case.rows)
        case.compared.append("specification and terms")

    def _own_of(self, case: Case) -> Callable[[], None]:
        own, papers = self._own or "", self._papers
        return lambda: rules.check_own(case, case.given.specification, own, papers)

    def _replay(self, case: Case) -> None:
        """Judge the whole campaign again (steps 3 and 5 to 9 of an audit).

        Raises:
            NotChecked: the openings are not shown to us. Mismatch: naming the entry.
        """
        rows, run, charter = case.rows, case.run, case.given
        openings = Files(self._papers, case.ledger).openings(rows.campaign)
        spec, domain = charter.specification, Domain(self._identity.chain_id, self._identity.log_address)
        check_structure(case.ledger)
        steps_campaign.check_items(rows, charter, openings)
        facts = steps_replay.read_facts(rows, spec, openings)
        verdicts = steps_replay.check_reviews(rows, spec, openings, facts)
        replay = steps_replay.check_run(rows, run, spec, openings, facts)
        steps_replay.check_payouts(rows, charter, openings, facts, verdicts, replay, domain)
        case.compared.append(f"everything judged again: {len(facts.labels)} labels, all payouts of the run")

    def _part(self, case: Case, outcome: _Outcome, part: str, check: Callable[[], None]) -> bool:
        """Take one part; whether nothing is left to be compared in its place."""
        try:
            check()
        except Mismatch as error:
            key = f"payout:{case.rows.campaign.hex()}:{case.run.index}:{part}"
            campaign = f"0x{case.rows.campaign.hex()}"
            outcome.alarms.append(Alarm.of(Kind.PAYOUT, key, error, f"{case.name}", campaign))
        except NotChecked as error:
            needs = f", needs {error.needs}" if error.needs else ""
            case.missing.append(f"{part} ({error}{needs})")
            return False
        except Unavailable as error:
            case.missing.append(f"{part} ({error})")
            self._look.miss(f"payouts of {case.name}: {error}")
            outcome.retry = True
            return False
        except Refused as error:
            case.missing.append(f"{part} ({error})")
            return False
        return True

    def _say(self, case: Case, outcome: _Outcome) -> None:
        well = f"compared {'; '.join(case.compared)}" if case.compared else "nothing was compared"
        lacks = f"; not compared: {'; '.join(case.missing)}" if case.missing else ""
        self._look.change(
            "payouts",
            f"{case.name}, run at entry {case.run.index}: {well}{lacks}",
            campaign=f"0x{case.rows.campaign.hex()}",
            run=case.run.index,
            compared=list(case.compared),
            missing=list(case.missing),
            alarms=len(outcome.alarms),
        )


def _range(case: Case, worker: str) -> Callable[[], None]:
    return lambda: rules.check_range(case, case.given.specification, worker)


def _everybody(rows: CampaignRows) -> set[str]:
    return {row.entry.worker for row in rows.labels} | {row.entry.worker for row in rows.payouts}
