"""What an audit finds: one line per step, figures, and the details of each campaign."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from ledger_service.commitments import Json
from ledger_service.errors import VerificationError
from ledger_service.times import utc


class Status(StrEnum):
    """How a step ended. Only `PASSED` says that everything in the step was looked at and holds."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


class Mismatch(VerificationError):
    """A check that does not hold, and the log entry at which it showed (None where no entry is to blame)."""

    def __init__(self, what: str, *, expected: object = "", found: object = "", entry: int | None = None):
        self.entry = entry
        super().__init__(what, expected=_text(expected), found=_text(found))


class NotChecked(Exception):
    """A step that cannot be carried out with what the source gives; the message says what is missing.

    Attributes:
        needs: what the reader would have to give for it, in words; empty where that would not help.
    """

    def __init__(self, why: str, needs: str = "") -> None:
        self.needs = needs
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its name, how many things it looked at, how it ended, and a sentence when it did not pass.

    `entry` is the index of the first entry that failed; `expected` and `found` the two values that differ.
    `needs` says what the reader would have to give for a step that was not checked.
    """

    name: str
    checked: int
    status: Status
    detail: str = ""
    entry: int | None = None
    expected: str = ""
    found: str = ""
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Redemption:
    """What a worker redeemed in all: by the operator's statement, and by labels that no payroll judged."""

    statement: int
    labels: int


@dataclass(frozen=True, slots=True)
class OperatorTerm:
    """Who could anchor in the log from a block time on (seconds since 1970), and how many heads came then."""

    operator: str
    since: int
    heads: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """At a block time the operator named who may take over, and from when on; the zero address: nobody."""

    operator: str
    made_at: int
    since: int


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """One campaign; amounts in token minor units, `None` where nothing could be recomputed or read.

    `redeemed` are the statements and labels that workers redeemed, in amounts, and `reserved` what of it is
    beyond the settled payroll, all workers together.
    """

    campaign: str
    title: str
    items: int
    labels: int
    labels_verified: int
    labels_accepted: int
    truths: int
    payouts_expected: int | None
    payouts_logged: int
    deposited: int | None
    claimed: int | None
    fee: int | None
    refunded: int | None
    payroll_total: int | None
    claims: Mapping[str, int] = field(default_factory=dict)
    reserved: int | None = None
    redeemed: Mapping[str, Redemption] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The result of an audit.

    Attributes:
        labels_verified: labels whose session signature, grant and assignment hold.
        payouts_expected: what the workers are due in all, from the replay of labels, reviews and inference;
            None when at least one campaign could not be replayed.
        payouts_onchain: what the escrow has paid to workers of the campaigns in this log; None if not read.
        anchors: heads anchored on the chain that were compared; None if not read.
        operators: who could anchor, one after another; proposals: every naming of a next one.
        seconds: wall time of each step.
    """

    source: str
    origin: str
    log_key: str
    chain_id: int
    log_address: str
    root: str
    log_size: int
    steps: tuple[Step, ...]
    campaigns: tuple[CampaignReport, ...]
    labels: int
    labels_verified: int
    payouts_expected: int | None
    payouts_logged: int
    payouts_onchain: int | None
    anchors: int | None
    operators: tuple[OperatorTerm, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """True when at least one check does not hold."""
        return any(step.status is Status.FAILED for step in self.steps)

    @property
    def complete(self) -> bool:
        """True when every step was carried out in full and holds."""
        return all(step.status is Status.PASSED for step in self.steps)

    def to_json(self) -> Json:
        """One JSON object; amounts as decimal strings."""
        value = asdict(self)
        value["ok"], value["complete"] = not self.failed, self.complete
        for name in ("payouts_expected", "payouts_logged", "payouts_onchain"):
            value[name] = _money(value[name])
        value["campaigns"] = [_campaign_json(campaign) for campaign in value["campaigns"]]
        value["seconds"] = {name: round(taken, 3) for name, taken in self.seconds.items()}
        return value


_AMOUNTS = (
    "payouts_expected", "payouts_logged", "deposited", "claimed", "fee", "refunded", "payroll_total",
    "reserved",
)  # fmt: skip
_MOST_LINES = 20
_WITHDRAWN = "nobody is named to take over"
_MARKS = {Status.PASSED: "ok  ", Status.FAILED: "FAIL", Status.NOT_CHECKED: "-   "}


def render(report: AuditReport) -> Iterator[str]:
    """The report as lines for a person."""
    yield f"log        {report.origin}"
    yield f"read from  {report.source}"
    yield f"head       {report.log_size} entries, root {report.root}"
    yield ""
    for number, step in enumerate(report.steps, 1):
        detail = f": {step.detail}" if step.detail else ""
        yield f"{_MARKS[step.status]} {number:>2} {step.name:<11} {step.checked:>8} checked{detail}"
    yield ""
    for campaign in report.campaigns:
        yield from _render_campaign(campaign)
    yield f"labels           {report.labels}, verified {report.labels_verified}"
    yield f"payouts          expected {_shown(report.payouts_expected)}, in the log {report.payouts_logged}"
    yield f"paid on chain    {_shown(report.payouts_onchain)}; anchors compared {_shown(report.anchors)}"
    yield from _render_operators(report)
    for note in report.notes:
        yield f"note: {note}"
    yield ""
    yield _verdict(report)


def _render_operators(report: AuditReport) -> Iterator[str]:
    """Who anchored, and who was named to; of very many the last ones."""
    happened = [
        (term.since, f"{term.operator} may anchor: {term.heads} heads in its time")
        for term in report.operators
    ]
    for one in report.proposals:
        named = f"{one.operator} is named to take over from {utc(one.since)} on" if one.since else _WITHDRAWN
        happened.append((one.made_at, named))
    happened.sort(key=lambda pair: pair[0])
    if len(happened) > _MOST_LINES:
        yield f"log's operator   {len(happened) - _MOST_LINES} earlier changes and namings (--json has them)"
    for moment, what in happened[-_MOST_LINES:]:
        yield f"log's operator   {utc(moment)}: {what}"


def _render_campaign(campaign: CampaignReport) -> Iterator[str]:
    yield f"campaign {campaign.campaign} {campaign.title!r}"
    yield (
        f"    {campaign.items} items, {campaign.labels} labels ({campaign.labels_accepted} accepted),"
        f" {campaign.truths} answers"
    )
    yield (
        f"    due {_shown(campaign.payouts_expected)}, in the log {campaign.payouts_logged},"
        f" settled {_shown(campaign.payroll_total)}, claimed {_shown(campaign.claimed)}"
    )
    yield (
        f"    deposited {_shown(campaign.deposited)}, fee {_shown(campaign.fee)},"
        f" returned {_shown(campaign.refunded)}"
    )
    if campaign.redeemed:
        reserved = _shown(campaign.reserved)
        yield f"    redeemed by {len(campaign.redeemed)} workers, {reserved} beyond the settled payroll"


def _verdict(report: AuditReport) -> str:
    if report.failed:
        failing = ", ".join(step.name for step in report.steps if step.status is Status.FAILED)
        return f"The log does not hold: {failing}."
    if report.complete:
        return f"All {len(report.steps)} steps were checked, and everything holds."
    missing = [step for step in report.steps if step.status is Status.NOT_CHECKED]
    names = ", ".join(step.name for step in missing)
    were = "were" if len(missing) > 1 else "was"
    share = f"{len(missing)} of {len(report.steps)} steps {were} not checked"
    said = f"What was checked holds, but {share}: {names}."
    if report.campaigns and all(campaign.payouts_expected is None for campaign in report.campaigns):
        said += " No answer and no payment was computed again."
    needs = "; ".join(dict.fromkeys(step.needs for step in missing if step.needs))
    return f"{said} Needed: {needs}." if needs else said


def _campaign_json(value: dict[str, Json]) -> Json:
    amounts = {name: _money(value[name]) for name in _AMOUNTS}
    claims = {worker: str(amount) for worker, amount in value["claims"].items()}
    redeemed = {
        worker: {name: str(amount) for name, amount in one.items()}
        for worker, one in value["redeemed"].items()
    }
    return value | amounts | {"claims": claims, "redeemed": redeemed}


def _money(value: int | None) -> str | None:
    return None if value is None else str(value)


def _shown(value: int | None) -> str:
    return "not checked" if value is None else str(value)


def _text(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
