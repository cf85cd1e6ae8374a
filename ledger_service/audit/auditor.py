"""An audit from beginning to end: which step follows which, and what is said when one does not hold."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import reputation
from ledger_service import judging
from ledger_service.audit import steps_campaign, steps_log, steps_replay, steps_structure
from ledger_service.audit.ledger import CampaignRows, Ledger
from ledger_service.audit.openings import Charter, Files, Openings
from ledger_service.audit.progress import Progress, silent
from ledger_service.audit.reading import as_address, as_count, as_text, member
from ledger_service.audit.report import AuditReport, CampaignReport, Mismatch, NotChecked, Status, Step
from ledger_service.audit.source import LogSource
from ledger_service.audit.steps_replay import Facts, RunReplay
from ledger_service.entries import Domain, Review
from ledger_service.log.checkpoint import Checkpoint, VerifierKey
from ledger_service.specification import Specification

if TYPE_CHECKING:  # the chain is read through web3, which takes a while to load and is not always wanted
    from ledger_service.audit.chain_reading import ChainReader
    from ledger_service.audit.steps_chain import ChainFindings, OnChain

T = TypeVar("T")
NO_CHAIN = "no RPC endpoint was given"
NEEDS_RPC = "--rpc of a node of the chain"
REPUTATION = "reputation"


@dataclass(frozen=True, slots=True)
class Pins:
    """What the reader knows about the log from elsewhere; None is taken from the source, with a note."""

    log_key: str | None = None
    log_address: str | None = None
    escrow: str | None = None


def audit(
    source: LogSource,
    *,
    pins: Pins | None = None,
    chain: ChainReader | None = None,
    progress: Progress = silent,
) -> AuditReport:
    """Re-read, re-check and recompute a whole log. Only `source` and `chain` are read; nothing is changed.

     1. log: the signed checkpoint, and a root rebuilt from all entries.
     2. entries: every entry decodes, every signature recovers to whom it has to.
     3. structure: entries refer to each other as they must.
     4. campaigns: specification, terms and id belong together.
     5. items: items and gold answers were fixed beforehand (needs openings).
     6. reviews: every verdict, with its reason, follows from the rules (needs openings).
     7. inference: answers and confidence follow from the committed parameters, which a rerun confirms (needs
        openings).
     8. reputation: scores follow from the committed parameters (needs openings).
     9. payouts: amounts, statements and the operator's signatures follow from all that (needs openings).
    10. chain: every anchored head and who made it, payroll, redemption, claim, fee and refund (needs an RPC
        endpoint).

    Steps 4 to 9 are taken for each campaign. A step that cannot be taken is reported as not checked.

    Raises:
        BadInput, Unavailable, Corrupt: the source or the node cannot be read. What can be read and does not
            hold is reported, never raised.
    """
    return _Audit(source, pins or Pins(), chain, progress).run()


@dataclass(slots=True)
class _Case:
    """One campaign under audit: what has been established so far. `stopped` says why no more can be."""

    rows: CampaignRows
    charter: Charter | None = None
    openings: Openings | None = None
    facts: Facts | None = None
    verdicts: Mapping[bytes, reputation.Verdict] | None = None
    runs: dict[bytes, RunReplay] | None = None
    expected: int | None = None
    stopped: NotChecked | None = None

    @property
    def name(self) -> str:
        return f"campaign 0x{self.rows.campaign.hex()}"

    def take(self, name: str, check: Callable[[_Case], int]) -> int:
        """Take one step, unless an earlier one that it builds on did not hold or was not checked."""
        if self.stopped:
            raise NotChecked(str(self.stopped), self.stopped.needs)
        try:
            return check(self)
        except NotChecked as error:
            self.stopped = error
            raise
        except Mismatch:
            if name != REPUTATION:  # nothing is built on it
                self.stopped = NotChecked(f"{name} does not hold")
            raise


@dataclass(slots=True)
class _Audit:
    source: LogSource
    pins: Pins
    chain: ChainReader | None
    progress: Progress
    steps: list[Step] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def run(self) -> AuditReport:
        key, domain = self._identity()
        read = self._step("log", lambda: self._read(key), lambda found: len(found[1]))
        ledger = self._step(
            "entries", lambda: self._decode(_needed(read, "log"), domain), lambda found: len(found.rows)
        )
        sound = self._step(
            "structure", lambda: steps_structure.check_structure(_needed(ledger, "entries")), int
        )
        cases = self._campaigns(ledger if sound is not None else None, domain)
        findings = self._step(
            "chain",
            lambda: self._compare(_needed(ledger if sound is not None else None, "structure"), domain, cases),
            lambda found: found.anchors + len(found.campaigns),
        )
        if findings and findings.missing:
            self.steps[-1] = Step("chain", 0, Status.NOT_CHECKED, _brief(list(findings.missing)))
        return self._report(key, domain, read[0] if read else None, ledger, cases, findings)

    def _identity(self) -> tuple[VerifierKey, Domain]:
        """The log's key and EIP-712 domain: pinned, or else as the source says."""
        info = self.source.info()
        log_key = self.pins.log_key or as_text(member(info, "log_key", "info"), "log_key")
        address = self.pins.log_address or as_address(
            member(info, "provenance_log", "info"), "provenance_log"
        )
        unpinned = {"--log-key": self.pins.log_key, "--log-address": self.pins.log_address}
        unpinned |= {"--escrow": self.pins.escrow}
        taken = [option for option, value in unpinned.items() if value is None]
        if taken:
            self.notes.append(f"taken from the source itself, not from you: {', '.join(taken)}")
        chain_id = as_count(member(info, "chain_id", "info"), "chain_id")
        return VerifierKey.parse(log_key), Domain(chain_id, as_address(address.lower(), "--log-address"))

    def _read(self, key: VerifierKey) -> tuple[Checkpoint, list[bytes], Ledger]:
        head, raws = steps_log.read_log(self.source, key, self.progress)
        return head, raws, Ledger(steps_log.rebuild_tree(head, raws), [])

    def _decode(self, read: tuple[Checkpoint, list[bytes], Ledger], domain: Domain) -> Ledger:
        ledger = steps_log.decode_all(read[2].tree, read[1])
        steps_log.check_signatures(ledger, domain, self.progress)
        return ledger

    def _campaigns(self, ledger: Ledger | None, domain: Domain) -> list[_Case]:
        cases = [_Case(rows) for rows in ledger.campaigns.values()] if ledger else []
        files = Files(self.source, ledger) if ledger else None
        escrow = self.pins.escrow.lower() if self.pins.escrow else None

        def founded(case: _Case) -> int:
            charter = _given(files).charter(case.rows.campaign)
            count = steps_campaign.check_charter(case.rows, charter, domain, escrow)
            case.charter = charter
            return count

        def opened(case: _Case) -> int:
            openings = _given(files).openings(case.rows.campaign)
            charter = _needed(case.charter, "campaigns")
            count = steps_campaign.check_items(case.rows, charter, openings)
            case.openings = openings
            return count

        for name, check in (
            ("campaigns", founded),
            ("items", opened),
            ("reviews", _reviewed),
            ("inference", self._inferred),
            (REPUTATION, _scored),
            ("payouts", lambda case: _paid(case, domain)),
        ):
            self._each(name, cases, ledger is not None, check)
        return cases

    def _inferred(self, case: _Case) -> int:
        openings, facts = _needed(case.openings, "items"), _needed(case.facts, "reviews")
        spec = _needed(case.charter, "campaigns").specification
        runs = {}
        for done, row in enumerate(case.rows.runs):
            self.progress("inference", done, len(case.rows.runs))
            runs[row.leaf] = steps_replay.check_run(case.rows, row, spec, openings, facts)
        self.progress("inference", len(runs), len(runs))
        case.runs = runs
        self._note_suspicion(case, openings, spec)
        return len(runs) + len(case.rows.truths)

    def _note_suspicion(self, case: _Case, openings: Openings, spec: Specification) -> None:
        """Say which campaigns the service has to hold, and which it settled all the same."""
        gold = {item: spec.answer_index(opening.content) for item, opening in openings.gold.items()}
        known = {item: answer for item, answer in gold.items() if answer is not None}
        for replay in list((case.runs or {}).values())[-1:]:
            reason = judging.suspicion(replay.crowd, known, replay.truth)
            if reason is not None:
                stands = "settled all the same" if case.rows.settlements else "held"
                self.notes.append(f"{case.name} is {stands}: {reason}")

    def _compare(self, ledger: Ledger, domain: Domain, cases: list[_Case]) -> ChainFindings:
        if self.chain is None:
            raise NotChecked(NO_CHAIN, NEEDS_RPC)
        from ledger_service.audit.steps_chain import check_chain

        charters = {case.rows.campaign: case.charter for case in cases if case.charter}
        findings = check_chain(self.chain, ledger, domain, charters)
        self.notes += findings.notes
        # A campaign whose terms are not known cannot be found on the chain.
        unknown = [f"{case.name}: needs campaigns" for case in cases if case.charter is None]
        return replace(findings, missing=(*findings.missing, *unknown))

    def _step(self, name: str, check: Callable[[], T], count: Callable[[T], int]) -> T | None:
        """Take one step; what it found, or None when it did not hold or could not be taken."""
        started = time.monotonic()
        found: T | None = None
        try:
            found = check()
            step = Step(name, count(found), Status.PASSED)
        except Mismatch as error:
            step = _failed(name, error)
        except NotChecked as error:
            step = Step(name, 0, Status.NOT_CHECKED, str(error), needs=error.needs)
        self.steps.append(step)
        self.seconds[name] = time.monotonic() - started
        return found

    def _each(self, name: str, cases: list[_Case], readable: bool, check: Callable[[_Case], int]) -> None:
        """Take one step for every campaign; the first failure names the step, the others go on."""
        started = time.monotonic()
        checked, failure = 0, None
        missing: list[str] = [] if readable else ["structure does not hold"]
        needs: list[str] = []
        for case in cases:
            try:
                checked += case.take(name, check)
            except Mismatch as error:
                failure = failure or _failed(name, error)
            except NotChecked as error:
                missing.append(f"{case.name}: {error}")
                needs.append(error.needs)
        status = Status.NOT_CHECKED if missing else Status.PASSED
        needed = "; ".join(dict.fromkeys(filter(None, needs)))
        self.steps.append(failure or Step(name, checked, status, _brief(missing), needs=needed))
        self.seconds[name] = time.monotonic() - started

    def _report(
        self,
        key: VerifierKey,
        domain: Domain,
        head: Checkpoint | None,
        ledger: Ledger | None,
        cases: list[_Case],
        findings: ChainFindings | None,
    ) -> AuditReport:
        sound = all(step.status is Status.PASSED for step in self.steps[:3])
        chain = findings.campaigns if findings else {}
        campaigns = tuple(_campaign_report(case, chain.get(case.rows.campaign), sound) for case in cases)
        labels = sum(len(rows.labels) for rows in ledger.campaigns.values()) if ledger else 0
        expected = [campaign.payouts_expected for campaign in campaigns]
        known = [amount for amount in expected if amount is not None]
        return AuditReport(
            source=self.source.name,
            origin=key.name,
            log_key=str(key),
            chain_id=domain.chain_id,
            log_address=domain.verifying_contract,
            root="0x" + head.root.hex() if head else "",
            log_size=head.size if head else 0,
            steps=tuple(self.steps),
            campaigns=campaigns,
            labels=labels,
            labels_verified=labels if sound else 0,
            payouts_expected=sum(known) if ledger and len(known) == len(expected) else None,
            payouts_logged=sum(campaign.payouts_logged for campaign in campaigns),
            payouts_onchain=sum(found.state.claimed for found in chain.values()) if findings else None,
            anchors=findings.anchors if findings else None,
            operators=tuple(findings.history.operators) if findings else (),
            proposals=tuple(findings.history.proposals) if findings else (),
            notes=tuple(self.notes),
            seconds=self.seconds,
        )


def _reviewed(case: _Case) -> int:
    openings, spec = _needed(case.openings, "items"), _needed(case.charter, "campaigns").specification
    facts = steps_replay.read_facts(case.rows, spec, openings)
    case.verdicts = steps_replay.check_reviews(case.rows, spec, openings, facts)
    case.facts = facts
    return len(case.rows.labels) + len(case.rows.reviews)


def _scored(case: _Case) -> int:
    spec = _needed(case.charter, "campaigns").specification
    return steps_replay.check_reputation(case.rows, spec, _needed(case.runs, "inference"))


def _paid(case: _Case, domain: Domain) -> int:
    charter, openings = _needed(case.charter, "campaigns"), _needed(case.openings, "items")
    facts, verdicts = _needed(case.facts, "reviews"), _needed(case.verdicts, "reviews")
    expected = 0
    for replay in _needed(case.runs, "inference").values():
        total = steps_replay.check_payouts(case.rows, charter, openings, facts, verdicts, replay, domain)
        expected = total or expected
    case.expected = expected
    return len(case.rows.payouts) + len(case.rows.settlements)


def _needed(value: T | None, step: str) -> T:
    """What an earlier step established.

    Raises:
        NotChecked: it did not.
    """
    if value is None:
        raise NotChecked(f"{step} does not hold")
    return value


def _given(files: Files | None) -> Files:
    return _needed(files, "structure")


def _failed(name: str, error: Mismatch) -> Step:
    return Step(name, 0, Status.FAILED, str(error), error.entry, error.expected, error.found)


def _brief(missing: list[str]) -> str:
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    return missing[0] + more if missing else ""


def _campaign_report(case: _Case, found: OnChain | None, sound: bool) -> CampaignReport:
    rows, state = case.rows, found.state if found else None
    last: dict[str, int] = {row.entry.worker: row.entry.amount for row in rows.payouts}
    return CampaignReport(
        campaign="0x" + rows.campaign.hex(),
        title=case.charter.specification.title if case.charter else "",
        items=rows.rows[0].entry.item_count if rows.rows else 0,
        labels=len(rows.labels),
        labels_verified=len(rows.labels) if sound else 0,
        labels_accepted=sum(row.entry.verdict == Review.ACCEPTED for row in rows.reviews),
        truths=len(rows.truths),
        payouts_expected=case.expected,
        payouts_logged=sum(last.values()),
        deposited=state.deposited if state else None,
        claimed=state.claimed if state else None,
        fee=state.fee if state else None,
        refunded=state.refunded if state else None,
        payroll_total=state.settled_total if state else None,
        claims=dict(found.events.claims) if found else {},
        reserved=state.reserved if state else None,
        redeemed=dict(found.events.redeemed) if found else {},
    )
