"""Proving one label: who was asked what, who answered, and how the answer was judged."""

from __future__ import annotations

from ledger_service import entries, signing
from ledger_service.commitments import Json
from ledger_service.entries import (
    ZERO32,
    Assignment,
    Campaign,
    InferenceRun,
    Label,
    Matching,
    Review,
    SessionGrant,
    Truth,
)
from ledger_service.errors import VerificationError
from ledger_service.verify import contents, evidence, shape
from ledger_service.verify.evidence import Case

STEPS = (
    (6, "the entries stand in the log in the order in which things happened"),
    (7, "the campaign is signed by its requester; specification and terms are those it commits to"),
    (8, "the grant is signed by the worker's wallet"),
    (9, "the label is signed by the session key that the grant names, within the grant's scope and time"),
    (10, "the matching run gave this item to this worker, and the label came in time"),
    (11, "item and answer are those committed to"),
    (12, "the review judges this label, for the reason committed to"),
    (13, "the truth is of this item, inferred by a run that read this label"),
)


def verify_label(case: Case) -> dict[str, Json]:
    """Prove one label from a bundle alone, once its log is proved (steps 1 to 5).

     6. The entries stand in the log in the order in which things happened: campaign, matching, assignment,
        label, review; the grant before the label; label, run, truth.
     7. The campaign is signed by its requester; specification and terms are those it commits to.
     8. The grant is signed by the worker's wallet.
     9. The label's signature recovers to the session key that the grant names; the grant is of the label's
        worker, for all campaigns or this one, and the label was made within its time.
    10. The assignment is of the label's campaign, item and worker, by the matching run given, which is of the
        campaign; the label was made when it was assigned or later, and no later than it was due.
    11. Item and answer, where opened, are those committed to.
    12. The review is of this label; its reason, where opened, is the one committed to, of one of the known
        forms, and agrees with the verdict; an accepted answer is one that the specification allows.
    13. The truth is of the label's campaign and item, from the run given, which is of the campaign and read
        the log at least up to the label; where opened it is the answer committed to.

    Returns:
        what is proved, by name.
    Raises:
        VerificationError: the first step that fails, by number, with the two values that differ.
    """
    with shape.step(6):
        _check_order(case)
    with shape.step(7):
        evidence.check_campaign(case)
    with shape.step(8):
        evidence.check_signed(case, "grant", case.get(SessionGrant, "grant").worker)
    with shape.step(9):
        _check_session(case)
    with shape.step(10):
        _check_assignment(case)
    with shape.step(11):
        item, answer = _check_content(case)
    judged = _check_judgement(case, answer) if case.bundle.judged else _check_unjudged(case)
    return _facts(case) | {"item_content": item, "answer": answer} | judged


def _facts(case: Case) -> dict[str, Json]:
    label = case.get(Label, "label")
    return {
        "campaign": shape.show(label.campaign),
        "worker": label.worker,
        "item": shape.show(label.item),
        "leaf": shape.show(case.proved["label"].leaf),
        "index": case.proved["label"].index,
        "made_at": label.made_at,
    }


def _check_order(case: Case) -> None:
    evidence.check_order(case, "campaign", "matching", "assignment", "label")
    evidence.check_order(case, "grant", "label")
    if case.bundle.judged:
        evidence.check_order(case, "label", "review")
        evidence.check_order(case, "label", "run", "truth")


def _check_session(case: Case) -> None:
    label, grant = case.get(Label, "label"), case.get(SessionGrant, "grant")
    signer = signing.recover(entries.digest(label, case.domain), case.proved["label"].signature)
    shape.same("signer of the label", grant.session_key, signer)
    shape.same("worker of the grant", label.worker, grant.worker)
    if grant.scope not in (ZERO32, label.campaign):
        shape.same("scope of the grant", label.campaign, grant.scope)
    _check_within("time of the label, within the grant", label.made_at, grant.valid_from, grant.valid_until)


def _check_assignment(case: Case) -> None:
    label, assignment = case.get(Label, "label"), case.get(Assignment, "assignment")
    campaign = case.get(Campaign, "campaign").campaign
    shape.same("campaign of the label", campaign, label.campaign)
    shape.same("campaign of the assignment", campaign, assignment.campaign)
    shape.same("campaign of the matching", campaign, case.get(Matching, "matching").campaign)
    shape.same("item of the assignment", label.item, assignment.item)
    shape.same("worker of the assignment", label.worker, assignment.worker)
    shape.same("matching run of the assignment", case.proved["matching"].leaf, assignment.run)
    what = "time of the label, within the assignment"
    _check_within(what, label.made_at, assignment.assigned_at, assignment.due_at)


def _check_within(what: str, moment: int, first: int, last: int) -> None:
    if not first <= moment <= last:
        raise VerificationError(what, expected=f"{first} to {last}", found=str(moment))


def _check_content(case: Case) -> tuple[Json | None, dict[str, Json] | None]:
    label = case.get(Label, "label")
    item = evidence.check_commitment(case, "item", label.item)
    return item, evidence.check_commitment(case, "answer", label.answer)


def _check_unjudged(case: Case) -> dict[str, Json]:
    for step, name in ((12, "reason"), (13, "truth")):
        if case.opening(name) is not None:
            raise VerificationError(f"the {name} of a label that is not judged", step=step)
    return {"verdict": None}


def _check_judgement(case: Case, answer: dict[str, Json] | None) -> dict[str, Json]:
    with shape.step(12):
        accepted = _check_review(case, answer)
    with shape.step(13):
        truth = _check_truth(case)
    entry = case.get(Truth, "truth")
    return {
        "verdict": "accepted" if accepted else "rejected",
        "reason": (case.opening("reason") or {}).get("content"),
        "truth": truth,
        "confidence_ppm": entry.confidence,
    }


def _check_review(case: Case, answer: dict[str, Json] | None) -> bool:
    review = case.get(Review, "review")
    shape.same("label of the review", case.proved["label"].leaf, review.label)
    if review.verdict not in (Review.ACCEPTED, Review.REJECTED):
        raise VerificationError("verdict", expected="1 or 2", found=str(review.verdict))
    accepted = review.verdict == Review.ACCEPTED
    reason = evidence.check_commitment(case, "reason", review.reason)
    if reason is not None:
        shape.same("whether the reason accepts", accepted, contents.read_reason(reason) == "accepted")
    if accepted and answer is not None:
        check_allowed(case, "answer", answer)
    return accepted


def _check_truth(case: Case) -> Json | None:
    label, truth = case.get(Label, "label"), case.get(Truth, "truth")
    run = case.get(InferenceRun, "run")
    shape.same("campaign of the truth", label.campaign, truth.campaign)
    shape.same("item of the truth", label.item, truth.item)
    shape.same("run of the truth", case.proved["run"].leaf, truth.run)
    shape.same("campaign of the run", label.campaign, run.campaign)
    first, last = case.proved["label"].index + 1, case.proved["run"].index
    _check_within("entries that the run read", run.log_size, first, last)
    answer = evidence.check_commitment(case, "truth", truth.answer)
    if answer is not None:
        check_allowed(case, "truth", answer)
    return answer


def check_allowed(case: Case, what: str, answer: dict[str, Json]) -> None:
    """The content is an answer, and one that the specification allows, where the specification is given.

    Raises:
        VerificationError: it is not.
    """
    found, specification = contents.read_answer(answer, what), case.opening("specification")
    if specification is None:
        return
    allowed = contents.read_rules(specification).labels
    if found not in allowed:
        raise VerificationError(
            f"{what} within the schema", expected=", ".join(sorted(allowed))[:200], found=found[:80]
        )
