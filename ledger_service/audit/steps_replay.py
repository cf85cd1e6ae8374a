"""Steps 6 to 9: judge a campaign again from its labels, and compare with what the log says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import reputation
from ledger_service import commitments, judging
from ledger_service.audit.ledger import CampaignRows, Row
from ledger_service.audit.openings import Charter, Openings, mismatch
from ledger_service.audit.reading import as_address, as_bytes, as_count, as_object, member
from ledger_service.audit.report import Mismatch, NotChecked
from ledger_service.entries import Domain, InferenceRun, Payout, Review, Statement
from ledger_service.errors import BadSignature
from ledger_service.judging import Crowd
from ledger_service.log.receipts import check_statement
from ledger_service.signing import SIGNATURE_BYTES
from ledger_service.specification import MAX_PARAMETERS, Specification

# How many times as many parameters as the service admits are repeated here.
_SLACK = 16
_RUN_FAULTS = (ValueError, TypeError, KeyError, AttributeError, OverflowError)


@dataclass(frozen=True, slots=True)
class Facts:
    """The labels of a campaign as the rules see them, in log order, with the index of each in the log."""

    labels: Sequence[reputation.LabelFact]
    indices: Sequence[int]

    def before(self, size: int) -> list[reputation.LabelFact]:
        """The labels among the first `size` entries."""
        return [fact for fact, index in zip(self.labels, self.indices, strict=True) if index < size]


@dataclass(frozen=True, slots=True)
class RunReplay:
    """One inference run, repeated. `parameters` is None when there was nothing to infer from; `truth` maps
    items to positions in the schema."""

    row: Row[InferenceRun]
    crowd: Crowd
    parameters: reputation.AnyParameters | None
    truth: Mapping[bytes, int]


def read_facts(rows: CampaignRows, spec: Specification, openings: Openings) -> Facts:
    """Open every label; an opening that is not what the worker committed to is refused.

    Raises:
        Mismatch: naming the first label whose answer is missing or another.
    """
    assigned = {(row.entry.item, row.entry.worker): row.entry.assigned_at for row in rows.assignments}
    positions = {label: position for position, label in enumerate(spec.labels)}
    facts = []
    for row in rows.labels:
        label = row.entry
        content = openings.content(row, "answer", label.answer)
        facts.append(
            reputation.LabelFact(
                leaf=row.leaf,
                item=label.item,
                worker=label.worker,
                answer_index=_position(content, positions),
                made_at=label.made_at,
                assigned_at=assigned[label.item, label.worker],
            )
        )
    return Facts(facts, [row.index for row in rows.labels])


def _position(content: Any, positions: Mapping[str, int]) -> int | None:
    """As `Specification.answer_index`, without a search through the schema for each label."""
    if not isinstance(content, dict) or set(content) != {"label"} or not isinstance(content["label"], str):
        return None
    return positions.get(content["label"])


def check_reviews(
    rows: CampaignRows, spec: Specification, openings: Openings, facts: Facts
) -> dict[bytes, reputation.Verdict]:
    """Repeat the reviews of a campaign.

     1. The verdict of every `Review` is the one that the rules give (schema, speed, gold, in this order).
     2. Its reason opens to exactly the reason that the rules give.
     3. Its reviewer is the digest of the specification's rules.

    Returns:
        the verdicts by label.
    Raises:
        Mismatch: naming the first review that differs.
    """
    gold = {item: spec.answer_index(opening.content) for item, opening in openings.gold.items()}
    known = {item: answer for item, answer in gold.items() if answer is not None}
    verdicts = {
        verdict.leaf: verdict
        for verdict in (judging.reviews(facts.labels, known, spec) if rows.reviews else ())
    }
    reviewer = spec.reviewer
    for row in rows.reviews:
        verdict = verdicts[row.entry.label]
        outcome = Review.ACCEPTED if verdict.accepted else Review.REJECTED
        if row.entry.verdict != outcome:
            raise mismatch(row, f"verdict by the rule {verdict.reason['rule']}", outcome, row.entry.verdict)
        reason = openings.content(row, "reason", row.entry.reason)
        if reason != verdict.reason:
            raise mismatch(row, "reason", verdict.reason, reason)
        if row.entry.reviewer != reviewer:
            raise mismatch(row, "reviewer", reviewer, row.entry.reviewer)
    return verdicts


def check_run(
    rows: CampaignRows, row: Row[InferenceRun], spec: Specification, openings: Openings, facts: Facts
) -> RunReplay:
    """Repeat one inference run.

     1. Its method is the one that the specification names, with the published hyper-parameters; it read every
        label that has an answer of the schema and stands among the entries that it read.
     2. Its parameters are those committed to, for exactly the workers who answered.
     3. From the committed parameters follow, for each item with an answer, exactly the run's `Truth`: the
        answer that its commitment opens to, and its confidence; and no truth of another item.
     4. Its certificate holds (`reputation.certify`): the parameters count these votes, and one more EM step
        moves none by more than the specification's tolerance, and by as much as the run says.
     5. The whole inference, run again from the labels, ends within the tolerance of the parameters, after as
        many iterations as the run says.

    Raises:
        Mismatch: naming the run's or the truth's entry.
        NotChecked: it is too large to be repeated here.
    """
    method = openings.document(row, "method", row.entry.method)
    if method != reputation.method_document(spec.method):
        raise mismatch(row, "method", reputation.method_document(spec.method), method)
    crowd = judging.crowd(facts.before(row.entry.log_size), spec)
    if row.entry.labels != len(crowd.votes):
        raise mismatch(row, "labels that the run read", len(crowd.votes), row.entry.labels)
    largest = _SLACK * MAX_PARAMETERS[spec.method]
    if crowd.votes.workers * crowd.votes.classes**2 > largest:
        raise NotChecked(f"the run at entry {row.index} has more than {largest} parameters for each matrix")
    document = openings.document(row, "parameters", row.entry.parameters)
    truths = [truth for truth in rows.truths if truth.entry.run == row.leaf]
    if not len(crowd.votes):
        _check_nothing(row, truths, spec, document)
        return RunReplay(row, crowd, None, {})
    parameters = _parameters(row, document, spec, crowd)
    truth = _check_truths(row, truths, spec, openings, crowd, parameters)
    entry = row.entry
    run = reputation.CommittedRun(spec.method, parameters, entry.labels, entry.iterations, entry.residual)
    _refuse(row, reputation.certify(run, crowd.votes, tolerance_ppm=spec.tolerance_ppm).faults)
    check_rerun(row, spec, crowd, run)
    return RunReplay(row, crowd, parameters, truth)


def _check_nothing(
    row: Row[InferenceRun], truths: Sequence[Row[Any]], spec: Specification, document: Any
) -> None:
    """A run that had no votes found nothing, and says so."""
    nothing = reputation.parameters_document(spec.method, None, ())
    if document != nothing:
        raise mismatch(row, "parameters without votes", nothing, document)
    if row.entry.iterations or row.entry.residual:
        found = f"{row.entry.iterations} and {row.entry.residual}"
        raise mismatch(row, "iterations and residual without votes", "0 and 0", found)
    if truths:
        raise mismatch(truths[0], "truth of an item without an answer", "none", truths[0].entry.item)


def _refuse(row: Row[InferenceRun], faults: Sequence[reputation.Fault]) -> None:
    """Name the first thing that does not hold, if there is one."""
    for fault in faults:
        raise mismatch(row, fault.what, fault.expected, fault.found)


def _parameters(
    row: Row[InferenceRun], document: Any, spec: Specification, crowd: Crowd
) -> reputation.AnyParameters:  # 2
    try:
        return reputation.parameters_from_document(spec.method, document, crowd.workers, crowd.votes.classes)
    except _RUN_FAULTS as error:
        wanted = f"those of {len(crowd.workers)} workers and {crowd.votes.classes} classes"
        raise mismatch(row, "parameters", wanted, str(error)) from error


def _check_truths(
    run: Row[InferenceRun],
    truths: Sequence[Row[Any]],
    spec: Specification,
    openings: Openings,
    crowd: Crowd,
    parameters: reputation.AnyParameters,
) -> dict[bytes, int]:  # 3
    judgement = reputation.judge(crowd.votes, parameters)
    expected = {
        item: (int(answer), int(confidence))
        for item, answer, confidence in zip(
            crowd.items, judgement.answer, judgement.confidence_ppm, strict=True
        )
    }
    for row in truths:
        item = row.entry.item
        if item not in expected:
            raise mismatch(row, "truth of an item without an answer", "none", item)
        answer, confidence = expected[item]
        content = openings.content(row, "truth", row.entry.answer)
        if content != {"label": spec.labels[answer]}:
            raise mismatch(row, "inferred answer", {"label": spec.labels[answer]}, content)
        if row.entry.confidence != confidence:
            raise mismatch(row, "confidence in ppm", confidence, row.entry.confidence)
    missing = set(expected) - {row.entry.item for row in truths}
    if missing:
        raise mismatch(run, "items with a truth", len(expected), len(expected) - len(missing))
    return {item: answer for item, (answer, _) in expected.items()}


def check_rerun(
    row: Row[InferenceRun], spec: Specification, crowd: Crowd, run: reputation.CommittedRun
) -> None:  # 5
    again = reputation.commit(crowd.votes, spec.method)
    _refuse(row, reputation.compare(run, again, tolerance_ppm=spec.tolerance_ppm))


def check_reputation(rows: CampaignRows, spec: Specification, runs: Mapping[bytes, RunReplay]) -> int:
    """Repeat the reputations: from a run's committed parameters follow exactly its `Reputation` entries, one
    for each worker who answered, in the specification's domain, with score and standard error in ppm.

    Returns:
        how many were compared.
    Raises:
        Mismatch: naming the first that differs.
    """
    for replay in runs.values():
        entries = {row.entry.worker: row for row in rows.reputations if row.entry.run == replay.row.leaf}
        expected = _skills(replay)
        for worker, row in entries.items():
            if worker not in expected:
                raise mismatch(row, "worker", "one who answered", worker)
            if row.entry.domain != spec.domain_digest:
                raise mismatch(row, "domain", spec.domain_digest, row.entry.domain)
            found = (row.entry.score, row.entry.standard_error)
            if found != expected[worker]:
                raise mismatch(row, f"score and standard error of {worker}", expected[worker], found)
        if len(entries) != len(expected):
            raise mismatch(replay.row, "workers with a reputation", len(expected), len(entries))
    return len(rows.reputations)


def _skills(replay: RunReplay) -> dict[str, tuple[int, int]]:
    if replay.parameters is None:
        return {}
    skill = reputation.skill(replay.crowd.votes, replay.parameters)
    scores = zip(skill.score_ppm, skill.standard_error_ppm, strict=True)
    return {
        worker: (int(score), int(error))
        for worker, (score, error) in zip(replay.crowd.workers, scores, strict=True)
    }


def check_payouts(
    rows: CampaignRows,
    charter: Charter,
    openings: Openings,
    facts: Facts,
    verdicts: Mapping[bytes, reputation.Verdict],
    replay: RunReplay,
    domain: Domain,
) -> int:
    """Repeat what a run's workers have earned, in integers.

     1. Each accepted label earns the price, and the bonus when it agrees with the run's truth; a rejected one
        nothing. Every worker who answered has a `Payout` of exactly the sum, and nobody else has one.
     2. The payout's statement is the itemised statement of these amounts.
     3. The `Settlement` is the sum.
     4. The signed statement is signed by the terms' operator for this worker, amount and run.

    Returns:
        what all workers are due in all as of this run, in token minor units; 0 while the run is not settled.
    Raises:
        Mismatch: naming the payout's, settlement's or run's entry.
    """
    run = replay.row
    payouts = {row.entry.worker: row for row in rows.payouts if row.entry.run == run.leaf}
    settlements = [row for row in rows.settlements if row.entry.run == run.leaf]
    if not payouts and not settlements:
        return 0
    labels = facts.before(run.entry.log_size)
    given = [verdicts[label.leaf] for label in labels]
    earned = judging.pay(labels, given, replay.truth, charter.specification)
    _check_each(rows.campaign, run, payouts, earned, openings)
    for row in payouts.values():
        _check_signed(row, openings, charter.terms.operator, domain)
    total = sum(line.amount for lines in earned.values() for line in lines)
    for settlement in settlements:
        if settlement.entry.total != total:
            raise mismatch(settlement, "total of the settlement", total, settlement.entry.total)
    return total


def _check_each(
    campaign: bytes,
    run: Row[InferenceRun],
    payouts: Mapping[str, Row[Payout]],
    earned: Mapping[str, Sequence[reputation.LabelPay]],
    openings: Openings,
) -> None:  # 1 and 2
    for worker, lines in earned.items():
        document = judging.statement(campaign, worker, run.leaf, lines)
        amount = sum(line.amount for line in lines)
        if worker not in payouts:
            raise mismatch(run, f"payout of {worker}", amount, "none")
        _check_payout(payouts[worker], amount, document, openings)
    for worker, row in payouts.items():
        if worker not in earned:
            raise mismatch(row, "worker", "one who answered", worker)


def _check_payout(row: Row[Payout], amount: int, document: Any, openings: Openings) -> None:
    if row.entry.amount != amount:
        raise mismatch(row, f"amount of {row.entry.worker}", amount, row.entry.amount)
    digest = commitments.digest(document)
    if row.entry.statement != digest:
        raise mismatch(row, "digest of the statement", digest, row.entry.statement)
    openings.document(row, "statement", digest)


def _check_signed(row: Row[Payout], openings: Openings, operator: str, domain: Domain) -> None:  # 4
    value = openings.get(row, "signed_statement")
    if value is None:
        raise mismatch(row, "signed statement", "one", "none")
    body = as_object(value, "a signed statement")
    named = as_address(member(body, "operator", "a signed statement"), "operator")
    if named != operator:
        raise mismatch(row, "operator of the signed statement", operator, named)
    statement = Statement(
        campaign=row.entry.campaign,
        worker=row.entry.worker,
        amount=row.entry.amount,
        epoch=as_count(member(body, "epoch", "a signed statement"), "epoch"),
        run=row.entry.run,
    )
    signature = as_bytes(member(body, "signature", "a signed statement"), SIGNATURE_BYTES, "signature")
    try:
        check_statement(statement, signature, domain, operator)
    except BadSignature as error:
        raise Mismatch(f"entry {row.index} (Payout): {error}", entry=row.index) from error
