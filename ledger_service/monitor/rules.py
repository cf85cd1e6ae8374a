"""What a payout has to be by the rules: as far as the log alone tells, and as far as bundles do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import reputation
from ledger_service import commitments, judging
from ledger_service.audit.ledger import Row
from ledger_service.audit.openings import mismatch
from ledger_service.audit.report import NotChecked
from ledger_service.entries import Label, Payout, Review, Settlement
from ledger_service.errors import VerificationError
from ledger_service.monitor.case import Case
from ledger_service.monitor.papers import Papers
from ledger_service.specification import Specification
from ledger_service.verify import bundle as bundles
from ledger_service.verify.verdict import Memory
from ledger_service.verify.verifier import verify_bundle

MILLION = 1_000_000


def check_sums(case: Case) -> None:
    """What the log alone has to say.

     1. No worker's amount ever falls, and there is one payout of a worker in the run.
     2. The settlement is the sum of what all workers have been awarded until then.

    Raises:
        Mismatch: naming the entry.
    """
    owed: dict[str, int] = {}
    both: list[Row[Any]] = [*case.rows.payouts, *case.rows.settlements]
    for row in sorted(both, key=lambda row: row.index):
        if isinstance(row.entry, Settlement):
            total = sum(owed.values())
            if row.entry.total != total:
                raise mismatch(row, "total of the settlement", total, row.entry.total)
        else:
            before = owed.get(row.entry.worker, 0)
            if row.entry.amount < before:
                raise mismatch(row, f"amount of {row.entry.worker}", f"{before} or more", row.entry.amount)
            owed[row.entry.worker] = row.entry.amount
    for worker in case.payouts:
        case.payout(worker)
    case.compared.append("sums")


def check_range(case: Case, spec: Specification, worker: str) -> None:
    """What a worker's payout can be, without its answers.

     1. Who answered has a payout once the run is settled, and nobody else has one.
     2. Each label was assigned, reviewed before the payouts, and rejected if it came too soon after the
        worker's one before.
     3. The amount is the price for each accepted label, and the bonus for none to all of them.
     4. Where only one amount is possible for each label, the payout's statement is that of these amounts.

    Raises:
        Mismatch: naming the entry.
    """
    labels, payout = case.labels(worker), _payout(case, worker)
    if payout is None:
        return
    verdicts = judging.reviews(facts(case, labels, {}), {}, spec)
    accepted = 0
    for label, verdict in zip(labels, verdicts, strict=True):
        review = case.review(label)
        if review.entry.verdict == Review.ACCEPTED:
            accepted += 1
            if verdict.reason["rule"] == "speed":
                raise mismatch(review, "verdict by the rule speed", Review.REJECTED, Review.ACCEPTED)
    least, bonus = accepted * spec.per_label, spec.agreement_bonus
    over = payout.entry.amount - least
    if not 0 <= over <= accepted * bonus or (bonus and over % bonus):
        possible = f"{least} and {bonus} for each of up to {accepted} labels" if bonus else str(least)
        raise mismatch(payout, f"amount of {worker}", possible, payout.entry.amount)
    if over in (0, accepted * bonus):
        each = spec.per_label + (bonus if over else 0)
        check_statement(
            case,
            payout,
            [each if case.review(label).entry.verdict == Review.ACCEPTED else 0 for label in labels],
        )


def _payout(case: Case, worker: str) -> Row[Payout] | None:
    """A worker's payout, which is there exactly if it answered; None also before the run is settled."""
    labels, payout = case.labels(worker), case.payout(worker)
    if payout is None and labels and case.settled:
        raise mismatch(case.run, f"payout of {worker}", f"one, for {len(labels)} labels", "none")
    if payout is not None and not labels:
        raise mismatch(payout, "worker", "one who answered", worker)
    return payout


def facts(
    case: Case, labels: Sequence[Row[Label]], answers: Mapping[bytes, int | None]
) -> list[reputation.LabelFact]:
    """Labels as the rules see them; an answer that is not known counts as one of the schema.

    Raises:
        Mismatch: a label without an assignment.
    """
    return [
        reputation.LabelFact(
            leaf=label.leaf,
            item=label.entry.item,
            worker=label.entry.worker,
            answer_index=answers.get(label.leaf, 0),
            made_at=label.entry.made_at,
            assigned_at=case.assigned_at(label),
        )
        for label in labels
    ]


def check_statement(case: Case, payout: Row[Payout], amounts: Sequence[int]) -> None:
    """The payout's statement is the itemised one of these amounts, a label each, and they are its amount.

    Raises:
        Mismatch: naming the payout's entry.
    """
    worker = payout.entry.worker
    lines = [
        reputation.LabelPay(label.leaf, worker, amount)
        for label, amount in zip(case.labels(worker), amounts, strict=True)
    ]
    if payout.entry.amount != sum(amounts):
        raise mismatch(payout, f"amount of {worker}", sum(amounts), payout.entry.amount)
    digest = commitments.digest(judging.statement(case.rows.campaign, worker, case.run.leaf, lines))
    if payout.entry.statement != digest:
        raise mismatch(payout, "digest of the statement", digest, payout.entry.statement)


def check_own(case: Case, spec: Specification, worker: str, papers: Papers) -> None:
    """What a worker's payout has to be, to the unit, from the bundles of its own labels.

     1. Each bundle holds, and is of this label, its review and this run.
     2. The verdict is the one that the rules schema and speed give; where they accept, a rejection opens to
        the rule gold with figures that reject. Which items are gold is not ours to see.
     3. An accepted label earns the price, and the bonus when its answer is the run's truth of its item.
     4. The payout is the sum, and its statement is that of these amounts.

    Raises:
        Mismatch: one does not hold. NotChecked: the service does not show the bundles.
        BadInput, Unavailable: from the service.
    """
    labels, payout = case.labels(worker), _payout(case, worker)
    if payout is None:
        return
    memory, opened = Memory(), {}
    for label in labels:
        found = _bundle(case, label, papers, memory)
        if found is None or not {"answer", "reason", "truth"} <= set(found):
            raise NotChecked(
                f"the service shows us no bundle of the label at entry {label.index} and this run"
            )
        opened[label.leaf] = found
    answers = {leaf: spec.answer_index(one["answer"]["content"]) for leaf, one in opened.items()}
    verdicts = judging.reviews(facts(case, labels, answers), {}, spec)
    amounts = []
    for label, verdict in zip(labels, verdicts, strict=True):
        one, review = opened[label.leaf], case.review(label)
        _check_verdict(review, verdict, one["reason"]["content"], spec, case)
        agrees = spec.answer_index(one["truth"]["content"]) == answers[label.leaf]
        earned = spec.per_label + (spec.agreement_bonus if agrees else 0)
        amounts.append(earned if review.entry.verdict == Review.ACCEPTED else 0)
    check_statement(case, payout, amounts)
    case.compared.append(f"the payout of {worker} to the unit, from {len(labels)} labels")
    case.missing.append("the inferred answers themselves: needs the openings of all labels")


def _bundle(case: Case, label: Row[Label], papers: Papers, memory: Memory) -> Mapping[str, Any] | None:
    """What the bundle of a judged label opens; None where there is none of this run."""
    raw = papers.own_bundle(label.leaf)
    if raw is None:
        return None
    identity = case.identity
    try:
        verify_bundle(raw, log_key=str(identity.key), log_address=identity.log_address, memory=memory)
    except VerificationError as error:
        raise mismatch(label, f"its bundle ({error})", "one that holds", "one that does not") from error
    found = bundles.parse(raw)
    if found.kind != bundles.LABEL or found.parts["label"].raw != label.raw:
        raise mismatch(label, "its bundle", "of this label", "of another entry")
    if not found.judged or found.parts["review"].raw != case.review(label).raw:
        return None
    return found.openings if found.parts["run"].raw == case.run.raw else None


def _check_verdict(
    row: Row[Review], verdict: reputation.Verdict, reason: Any, spec: Specification, case: Case
) -> None:
    said = row.entry.verdict == Review.ACCEPTED
    if said and not verdict.accepted:
        raise mismatch(row, f"verdict by the rule {verdict.reason['rule']}", Review.REJECTED, Review.ACCEPTED)
    if said or not verdict.accepted:
        if reason != verdict.reason:
            raise mismatch(row, "reason", verdict.reason, reason)
        return
    if not _gold_rejects(reason, spec):
        raise mismatch(row, "reason of the rejection", "a rule of the specification", reason)
    words = "gold answers, which are not shown to workers (the figures of rejections by them were compared)"
    if words not in case.missing:
        case.missing.append(words)


def _gold_rejects(reason: Any, spec: Specification) -> bool:
    """Whether the figures of a reason are a rejection by the rule gold (docs/formats.md, section 14)."""
    names = {"rule", "answers", "correct", "min_answers", "min_accuracy_ppm"}
    if not isinstance(reason, dict) or set(reason) != names or reason["rule"] != "gold":
        return False
    figures = [reason[name] for name in ("answers", "correct", "min_answers", "min_accuracy_ppm")]
    if not all(type(figure) is int and figure >= 0 for figure in figures):
        return False
    answers, correct, least, accuracy = figures
    same = (least, accuracy) == (spec.min_gold_answers, spec.min_gold_accuracy_ppm)
    return same and correct <= answers >= least > 0 and correct * MILLION < accuracy * answers
