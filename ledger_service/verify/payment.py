"""Proving one payment: that what a worker is owed follows from its labels and stands in the payroll."""

from __future__ import annotations

from dataclasses import dataclass

from ledger_service import commitments, payroll
from ledger_service.commitments import Json
from ledger_service.entries import Campaign, InferenceRun, Payout, Settlement, Statement
from ledger_service.errors import VerificationError
from ledger_service.log.receipts import check_statement
from ledger_service.signing import SIGNATURE_BYTES
from ledger_service.terms import Terms
from ledger_service.verify import evidence, shape
from ledger_service.verify.contents import read_rules
from ledger_service.verify.evidence import Case

STATEMENT_FORMAT = "crowdledger-statement@v1"
STEPS = (
    (6, "the entries stand in the log in the order in which things happened"),
    (7, "the campaign is signed by its requester; specification and terms are those it commits to"),
    (8, "payout and settlement are of this campaign and of one run"),
    (9, "the statement is the one committed to, and its labels add up to the amount"),
    (10, "the payroll owes the worker exactly this amount"),
    (11, "the operator signed for this amount"),
)


@dataclass(frozen=True, slots=True)
class PayrollOpening:
    """Where the payroll has the worker: its position, and the path to the root (32 bytes each).

    `evidence` is the size of the anchored head that the payroll names, where the bundle's checkpoint is that
    head. The number of positions is not here: only the chain can tell it.
    """

    index: int
    path: tuple[bytes, ...]
    root: bytes
    evidence: int | None = None

    def to_json(self) -> Json:
        """`{"index", "path", "root", "evidence"}`, the last only where it is known."""
        return {
            "index": self.index,
            "path": ["0x" + value.hex() for value in self.path],
            "root": "0x" + self.root.hex(),
            **({} if self.evidence is None else {"evidence": self.evidence}),
        }

    @staticmethod
    def from_json(value: Json) -> PayrollOpening:
        """Read the opening.

        Raises:
            VerificationError: it has another form.
        """
        body = shape.members(value, {"index", "path", "root"}, "the opening payroll", {"evidence"})
        if not isinstance(body["path"], list) or len(body["path"]) > 64:
            raise VerificationError("path in the payroll", expected="at most 64 hashes")
        return PayrollOpening(
            index=shape.integer(body["index"], "index in the payroll"),
            path=tuple(shape.hex_bytes(value, "path in the payroll", 32) for value in body["path"]),
            root=shape.hex_bytes(body["root"], "root of the payroll", 32),
            evidence=shape.integer(body["evidence"], "evidence") if "evidence" in body else None,
        )


def verify_payment(case: Case) -> dict[str, Json]:
    """Prove one payment from a bundle alone, once its log is proved (steps 1 to 5).

     6. The entries stand in the log in the order in which things happened: campaign, run, payout; the run
        before the settlement.
     7. The campaign is signed by its requester; specification and terms are those it commits to.
     8. Run, payout and settlement are of this campaign; payout and settlement name this run, which read only
        what precedes it; the payout is part of the settlement's total.
     9. The statement, where given, is the one the payout commits to, of the same campaign, worker and run; no
        label stands in it twice, each earns what the specification allows, and they add up to the amount.
    10. The payroll, where given, owes the worker exactly the payout's amount at the position given, and its
        evidence, where named, is this bundle's checkpoint.
    11. The signed statement, where given, is signed by the terms' operator, for this campaign, worker, run
        and amount.

    Returns:
        what is proved, by name.
    Raises:
        VerificationError: the first step that fails, by number, with the two values that differ.
    """
    with shape.step(6):
        evidence.check_order(case, "campaign", "run", "payout")
        evidence.check_order(case, "run", "settlement")
    with shape.step(7):
        evidence.check_campaign(case)
    with shape.step(8):
        _check_run(case)
    with shape.step(9):
        labels = _check_statement(case)
    with shape.step(10):
        position = _check_payroll(case)
    with shape.step(11):
        _check_signed_statement(case)
    root = shape.show(position.root) if position else None
    return _facts(case) | {"labels": labels, "payroll_root": root}


def _facts(case: Case) -> dict[str, Json]:
    payout = case.get(Payout, "payout")
    return {
        "campaign": shape.show(payout.campaign),
        "worker": payout.worker,
        "amount": str(payout.amount),
        "leaf": shape.show(case.proved["payout"].leaf),
        "index": case.proved["payout"].index,
        "final": case.get(Settlement, "settlement").last,
    }


def _check_run(case: Case) -> None:
    campaign, run = case.get(Campaign, "campaign").campaign, case.get(InferenceRun, "run")
    payout, settlement = case.get(Payout, "payout"), case.get(Settlement, "settlement")
    shape.same("campaign of the run", campaign, run.campaign)
    shape.same("campaign of the payout", campaign, payout.campaign)
    shape.same("campaign of the settlement", campaign, settlement.campaign)
    shape.same("run of the payout", case.proved["run"].leaf, payout.run)
    shape.same("run of the settlement", case.proved["run"].leaf, settlement.run)
    _check_most("amount of the payout", settlement.total, payout.amount)
    _check_most("entries that the run read", case.proved["run"].index, run.log_size)


def _check_most(what: str, most: int, found: int) -> None:
    if found > most:
        raise VerificationError(what, expected=f"at most {most}", found=str(found))


def _check_statement(case: Case) -> int | None:
    statement = case.opening("statement")
    if statement is None:
        return None
    payout = case.get(Payout, "payout")
    shape.same("statement", payout.statement, commitments.digest(statement))
    top = {"format", "campaign", "worker", "run", "labels", "amount"}
    body = shape.members(statement, top, "the statement")
    shape.same("format of the statement", STATEMENT_FORMAT, body["format"])
    shape.same("campaign of the statement", shape.show(payout.campaign), body["campaign"])
    shape.same("worker of the statement", payout.worker, body["worker"])
    shape.same("run of the statement", shape.show(payout.run), body["run"])
    shape.same("amount of the statement", payout.amount, shape.decimal(body["amount"], "amount"))
    return _check_labels(body["labels"], payout.amount, _allowed_amounts(case))


def _check_labels(labels: Json, total: int, allowed: frozenset[int] | None) -> int:
    """The labels are distinct, earn amounts that are allowed, and add up; returns how many there are."""
    if not isinstance(labels, list):
        raise VerificationError("labels of the statement", expected="a list")
    seen, earned = set(), 0
    for entry in labels:
        body = shape.members(entry, {"label", "amount"}, "a label of the statement")
        seen.add(shape.hex_bytes(body["label"], "a label of the statement", 32))
        amount = shape.decimal(body["amount"], "amount of a label")
        if allowed is not None and amount not in allowed:
            raise VerificationError("amount of a label", expected=str(sorted(allowed)), found=str(amount))
        earned += amount
    shape.same("distinct labels in the statement", len(labels), len(seen))
    shape.same("sum over the labels", total, earned)
    return len(labels)


def _allowed_amounts(case: Case) -> frozenset[int] | None:
    """What one label can earn under the specification: nothing, the price, or the price and the bonus."""
    specification = case.opening("specification")
    if specification is None:
        return None
    rules = read_rules(specification)
    return frozenset({0, rules.per_label, rules.per_label + rules.agreement_bonus})


def _check_payroll(case: Case) -> PayrollOpening | None:
    opening = case.opening("payroll")
    if opening is None:
        return None
    position, payout = PayrollOpening.from_json(opening), case.get(Payout, "payout")
    _check_most("amount in the payroll", payroll.MAX_AMOUNT, payout.amount)
    payroll.verify_path(
        payout.campaign, position.index, payout.worker, payout.amount, position.path, position.root
    )
    if position.evidence is not None:
        shape.same("evidence of the payroll", case.checkpoint.size, position.evidence)
    return position


def _check_signed_statement(case: Case) -> None:
    opening = case.opening("signed_statement")
    if opening is None:
        return
    body = shape.members(opening, {"epoch", "signature", "operator"}, "the signed statement")
    terms = Terms.from_json(case.opening("terms"))
    shape.same("operator", terms.operator, shape.address(body["operator"], "operator"))
    payout, epoch = case.get(Payout, "payout"), shape.integer(body["epoch"], "epoch")
    if epoch == 0:
        raise VerificationError("epoch", expected="1 or more", found="0")
    statement = Statement(
        campaign=payout.campaign,
        worker=payout.worker,
        amount=payout.amount,
        epoch=epoch,
        run=payout.run,
    )
    signature = shape.hex_bytes(body["signature"], "signature of the statement", SIGNATURE_BYTES)
    check_statement(statement, signature, case.domain, terms.operator)
