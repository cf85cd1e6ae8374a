"""From log entries and openings to reviews, truth and pay: one derivation for the service and for an audit.

Pure: what goes in is what the log and its openings say, what comes out is what the next entries must say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

import reputation
from ledger_service.commitments import Json
from ledger_service.specification import Specification

STATEMENT_FORMAT = "crowdledger-statement@v1"


@dataclass(frozen=True, slots=True)
class Crowd:
    """The votes of one campaign with the names behind their indices, both in order of first appearance."""

    votes: reputation.Votes
    items: tuple[bytes, ...]
    workers: tuple[str, ...]


def reviews(
    facts: Sequence[reputation.LabelFact], gold: Mapping[bytes, int], spec: Specification
) -> tuple[reputation.Verdict, ...]:
    """The verdict on each label, in the order given (log order)."""
    rules = reputation.ReviewRules(
        min_seconds_per_label=spec.min_seconds_per_label,
        gold_min_answers=spec.min_gold_answers,
        gold_min_accuracy_ppm=spec.min_gold_accuracy_ppm,
    )
    return reputation.review(facts, gold, rules, len(spec.labels))


def crowd(facts: Sequence[reputation.LabelFact], spec: Specification) -> Crowd:
    """What inference reads: every label whose answer the schema has, accepted or not, in log order."""
    valid = [fact for fact in facts if fact.answer_index is not None]
    items = {item: index for index, item in enumerate(dict.fromkeys(fact.item for fact in valid))}
    workers = {worker: index for index, worker in enumerate(dict.fromkeys(fact.worker for fact in valid))}
    votes = reputation.Votes(
        item=np.array([items[fact.item] for fact in valid], dtype=np.int64),
        worker=np.array([workers[fact.worker] for fact in valid], dtype=np.int64),
        answer=np.array([fact.answer_index for fact in valid], dtype=np.int64),
        items=len(items),
        workers=len(workers),
        classes=len(spec.labels),
    )
    return Crowd(votes, tuple(items), tuple(workers))


def answers(crowd: Crowd, parameters: reputation.AnyParameters | None) -> dict[bytes, int]:
    """The answer to each item that follows from a run's parameters; none where there was nothing to infer."""
    if parameters is None:
        return {}
    judged = reputation.judge(crowd.votes, parameters).answer
    return {item: int(judged[position]) for position, item in enumerate(crowd.items)}


def suspicion(crowd: Crowd, gold: Mapping[bytes, int], truth: Mapping[bytes, int]) -> str | None:
    """Why a campaign must not be settled by what its run inferred; None where it may be.

    Held where some of the workers answer as one and could turn the result, unless gold tells which side is
    right and the run's answers (`truth`, one for each item of the crowd) follow that side; and held where
    gold refutes the answers themselves (`reputation.attacks.settle_allowed`).
    """
    if not len(crowd.votes):
        return None
    from reputation.attacks import settle_allowed
    from reputation.truth.run import Known

    place = {item: position for position, item in enumerate(crowd.items)}
    known = sorted((place[item], answer) for item, answer in gold.items() if item in place)
    pairs = np.array(known, dtype=np.int64).reshape(-1, 2)
    settled = np.array([truth[item] for item in crowd.items], dtype=np.int64)
    verdict = settle_allowed(crowd.votes, Known(pairs[:, 0], pairs[:, 1]), answers=settled)
    return None if verdict.allowed else verdict.reason


def pay(
    facts: Sequence[reputation.LabelFact],
    verdicts: Sequence[reputation.Verdict],
    truth: Mapping[bytes, int],
    spec: Specification,
) -> dict[str, list[reputation.LabelPay]]:
    """What each label earned, by worker in order of first appearance, each worker's in log order."""
    rule = reputation.PaymentRule(spec.per_label, spec.agreement_bonus)
    earned: dict[str, list[reputation.LabelPay]] = {}
    for line in reputation.label_amounts(facts, verdicts, truth, rule):
        earned.setdefault(line.worker, []).append(line)
    return earned


def statement(campaign: bytes, worker: str, run: bytes, lines: Sequence[reputation.LabelPay]) -> Json:
    """The itemised statement of one worker; its digest stands in the Payout entry."""
    return {
        "format": STATEMENT_FORMAT,
        "campaign": "0x" + campaign.hex(),
        "worker": worker,
        "run": "0x" + run.hex(),
        "labels": [{"label": "0x" + line.leaf.hex(), "amount": str(line.amount)} for line in lines],
        "amount": str(sum(line.amount for line in lines)),
    }
