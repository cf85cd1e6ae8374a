"""reputation ── infer ─▶ InferenceRun, Truth and Reputation entries of a reviewed campaign."""

from __future__ import annotations

from dataclasses import dataclass

import reputation
from ledger_service import commitments, entries, judging
from ledger_service.commitments import Json
from ledger_service.errors import Corrupt
from ledger_service.flow.review import facts_of
from ledger_service.judging import Crowd
from ledger_service.specification import Specification
from ledger_service.store.judgements import ReputationRow, RunRow, TruthRow
from ledger_service.store.store import UnitOfWork
from ledger_service.store.vault import Opening


@dataclass(frozen=True, slots=True)
class Reading:
    """What inference reads: the votes, and the size of the log when they were read."""

    campaign: bytes
    spec: Specification
    crowd: Crowd
    log_size: int


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What inference found, ready to be written. `run` is None when there was nothing to infer from."""

    method: Json
    document: Json
    run: reputation.CommittedRun | None


def read(uow: UnitOfWork, campaign_id: bytes) -> Reading:
    """The votes of a reviewed campaign. Its labels no longer change, so this may be read long before."""
    campaign = uow.campaigns.get(campaign_id)
    spec = campaign.spec
    crowd = judging.crowd(facts_of(uow, campaign), spec)
    return Reading(campaign_id, spec, crowd, uow.log.head().size)


def conclude(reading: Reading) -> Conclusion:
    """Run the inference; pure, and the slow part, so no transaction is open meanwhile."""
    method = reading.spec.method
    votes, workers = reading.crowd.votes, reading.crowd.workers
    run = reputation.commit(votes, method) if len(votes) else None
    document = reputation.parameters_document(method, run.parameters if run else None, workers)
    return Conclusion(reputation.method_document(method), document, run)


def infer(uow: UnitOfWork, reading: Reading, conclusion: Conclusion) -> None:
    """Write the run, the inferred answers and the workers' reputations."""
    campaign = uow.campaigns.get(reading.campaign, lock=True)
    if campaign.state != "reviewed":
        return  # another run of this step was first
    run = entries.encode(
        entries.InferenceRun(
            campaign=reading.campaign,
            log_size=reading.log_size,
            method=commitments.digest(conclusion.method),
            parameters=commitments.digest(conclusion.document),
            labels=len(reading.crowd.votes),
            iterations=conclusion.run.iterations if conclusion.run else 0,
            residual=conclusion.run.residual_ppm if conclusion.run else 0,
        )
    )
    truths = _truths(uow, reading, conclusion, run.leaf)
    skills = _reputations(reading, conclusion, run.leaf)
    # Crash before the commit: still reviewed, the step runs again. After it: the state says inferred.
    first, *indices = uow.log.append([run, *(entry for entry, _ in truths), *skills])
    uow.judgements.add_run(RunRow(run.leaf, first, reading.campaign, conclusion.method, conclusion.document))
    uow.judgements.add_truths(
        [
            _truth_row(uow, campaign.requester, entry, opening, index)
            for (entry, opening), index in zip(truths, indices, strict=False)
        ]
    )
    uow.judgements.add_reputations(
        [_reputation_row(entry, index) for entry, index in zip(skills, indices[len(truths) :], strict=True)]
    )
    uow.campaigns.change(reading.campaign, state="inferred")


def _truths(
    uow: UnitOfWork, reading: Reading, conclusion: Conclusion, run: bytes
) -> list[tuple[entries.Entry, Opening]]:
    if conclusion.run is None:
        return []
    judgement = reputation.judge(reading.crowd.votes, conclusion.run.parameters)
    made = []
    for position, item in enumerate(reading.crowd.items):
        content = {"label": reading.spec.labels[int(judgement.answer[position])]}
        opening = Opening(content, uow.vault.salt(b"truth", run, item))
        confidence = int(judgement.confidence_ppm[position])
        struct = entries.Truth(reading.campaign, item, opening.commitment, confidence, run)
        made.append((entries.encode(struct), opening))
    return made


def _reputations(reading: Reading, conclusion: Conclusion, run: bytes) -> list[entries.Entry]:
    if conclusion.run is None:
        return []
    skill = reputation.skill(reading.crowd.votes, conclusion.run.parameters)
    return [
        entries.encode(
            entries.Reputation(
                worker,
                reading.spec.domain_digest,
                int(skill.score_ppm[position]),
                int(skill.standard_error_ppm[position]),
                run,
            )
        )
        for position, worker in enumerate(reading.crowd.workers)
    ]


def _truth_row(
    uow: UnitOfWork, requester: str, entry: entries.Entry, opening: Opening, index: int
) -> TruthRow:
    struct = entry.struct
    if not isinstance(struct, entries.Truth):
        raise Corrupt("not a truth")
    sealed = uow.vault.seal(requester, opening)
    return TruthRow(struct.campaign, struct.item, entry.leaf, index, struct.run, struct.confidence, sealed)


def _reputation_row(entry: entries.Entry, index: int) -> ReputationRow:
    struct = entry.struct
    if not isinstance(struct, entries.Reputation):
        raise Corrupt("not a reputation")
    return ReputationRow(entry.leaf, index, struct.worker, struct.domain, struct.score, struct.standard_error)
