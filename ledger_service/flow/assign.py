"""matching_engine ── assign ─▶ a Matching entry and its Assignment entries."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import matching_engine
from ledger_service import entries
from ledger_service.flow.context import Ledger
from ledger_service.specification import Specification
from ledger_service.store.assignments import AssignmentRow
from ledger_service.store.campaigns import CampaignRow
from ledger_service.store.store import UnitOfWork
from ledger_service.store.workers import Candidate

# What is assumed of a worker without a reputation in the domain.
UNKNOWN_SKILL_PPM = 700_000
UNKNOWN_ERROR_PPM = 250_000


@dataclass(frozen=True, slots=True)
class Request:
    """What one matching run is about: unmet demand, the workers who could meet it, and their standing.

    `taken` has the pairs that were assigned before, whatever became of them; `load` how many each worker has
    open or done.
    """

    campaign: bytes
    spec: Specification
    items: tuple[bytes, ...]
    texts: tuple[str, ...]
    demand: tuple[int, ...]
    workers: tuple[Candidate, ...]
    taken: frozenset[tuple[bytes, str]]
    load: tuple[int, ...]
    skill_ppm: tuple[int, ...]
    error_ppm: tuple[int, ...]
    seed: bytes


@dataclass(frozen=True, slots=True)
class Match:
    """A solved request, with the digests that its entry commits to."""

    problem: matching_engine.Problem
    solution: matching_engine.Assignment
    model: bytes


def request(uow: UnitOfWork, ledger: Ledger, campaign: CampaignRow) -> Request | None:
    """Expire what is overdue and say what has to be matched; None when nothing can be."""
    uow.assignments.expire(campaign.campaign, ledger.clock.now())
    spec = campaign.spec
    existing = uow.assignments.of_campaign(campaign.campaign)
    seed = hashlib.sha256(b"lottery" + campaign.campaign + uow.log.head().root).digest()
    candidates = _admitted(uow, spec, existing, uow.workers.candidates(campaign.campaign), seed)
    counted = [row for row in existing if row.state != "expired"]
    filled: dict[bytes, int] = {}
    load = {candidate.worker: 0 for candidate in candidates}
    for row in counted:
        filled[row.item] = filled.get(row.item, 0) + 1
        load[row.worker] = load.get(row.worker, 0) + 1
    wanted = [
        row for row in uow.items.page(campaign.campaign) if filled.get(row.item, 0) < spec.labels_per_item
    ]
    if not wanted or not candidates:
        return None
    known = uow.judgements.reputation(spec.domain_digest, [candidate.worker for candidate in candidates])
    standing = [known.get(candidate.worker) for candidate in candidates]
    return Request(
        campaign=campaign.campaign,
        spec=spec,
        items=tuple(row.item for row in wanted),
        texts=tuple(
            _text(spec, uow.vault.open(campaign.requester, row.opening, row.item).content) for row in wanted
        ),
        demand=tuple(spec.labels_per_item - filled.get(row.item, 0) for row in wanted),
        workers=tuple(candidates),
        taken=frozenset((row.item, row.worker) for row in existing),
        load=tuple(load[candidate.worker] for candidate in candidates),
        skill_ppm=tuple(row.score if row else UNKNOWN_SKILL_PPM for row in standing),
        error_ppm=tuple(row.standard_error if row else UNKNOWN_ERROR_PPM for row in standing),
        seed=seed,
    )


def _admitted(
    uow: UnitOfWork,
    spec: Specification,
    existing: Sequence[AssignmentRow],
    candidates: list[Candidate],
    seed: bytes,
) -> list[Candidate]:
    """Who can take part: all, unless they are more than one run can hold; then those with the best standing
    beside those who have begun, equals by lottery."""
    if len(candidates) <= spec.most_workers:
        return candidates
    begun = {row.worker for row in existing}
    known = uow.judgements.reputation(spec.domain_digest, [candidate.worker for candidate in candidates])

    def rank(candidate: Candidate) -> tuple[bool, int, bytes]:
        standing = known.get(candidate.worker)
        skill = standing.score if standing else UNKNOWN_SKILL_PPM
        lot = hashlib.sha256(seed + candidate.worker.encode()).digest()
        return candidate.worker not in begun, -skill, lot

    admitted = sorted(candidates, key=rank)[: spec.most_workers]
    return sorted(admitted, key=lambda candidate: candidate.worker)


def counts(uow: UnitOfWork, ledger: Ledger, campaign_id: bytes) -> tuple[int, ...]:
    """Cheap figures that change whenever there may be something new to match."""
    uow.assignments.expire(campaign_id, ledger.clock.now())
    states = [uow.assignments.count(campaign_id, state) for state in ("open", "done", "expired")]
    return (*states, *uow.workers.offered(campaign_id))


def match(wanted: Request, encoder: matching_engine.Encoder) -> Match | None:
    """Solve a request: the slow part, with no transaction open. None when no pair is possible."""
    eligible = _eligible(wanted)
    if not eligible.any():
        return None
    profiles = encoder.encode([_profile(candidate) for candidate in wanted.workers])
    languages = np.array([_speaks(candidate, wanted.spec) for candidate in wanted.workers], dtype=np.bool_)
    values = matching_engine.score(
        profiles,
        encoder.encode(wanted.texts),
        np.array(wanted.skill_ppm, dtype=np.int64),
        np.broadcast_to(languages, eligible.shape),
        standard_error_ppm=np.array(wanted.error_ppm, dtype=np.int64),
    )
    problem = matching_engine.Problem(
        values=values,
        eligible=eligible & languages,
        demand=np.array(wanted.demand, dtype=np.int64),
        capacity=np.array(
            [max(0, c.capacity - load) for c, load in zip(wanted.workers, wanted.load, strict=True)],
            dtype=np.int64,
        ),
        seed=wanted.seed,
    )
    solution = matching_engine.assign(problem)
    return Match(problem, solution, encoder.digest) if len(solution.pairs) else None


def assign(uow: UnitOfWork, ledger: Ledger, wanted: Request, found: Match) -> int:
    """Append the matching run and its assignments; returns how many, 0 when the campaign takes none now."""
    campaign = uow.campaigns.get(wanted.campaign, lock=True)
    now = ledger.clock.now()
    if campaign.state != "open" or campaign.closing or now >= wanted.spec.closes_at:
        return 0
    due = min(now + wanted.spec.assignment_seconds, wanted.spec.closes_at)
    run = _run(wanted, found, now)
    pairs = [(wanted.items[i], wanted.workers[w].worker) for i, w in found.solution.pairs.tolist()]
    made = [
        entries.encode(entries.Assignment(wanted.campaign, item, worker, run.leaf, now, due))
        for item, worker in pairs
    ]
    # Crash before the commit: nothing was assigned, the next round matches again.
    first, *indices = uow.log.append([run, *made])
    uow.assignments.add_run(
        run.leaf,
        first,
        wanted.campaign,
        [candidate.worker for candidate in wanted.workers],
        [str(price) for price in found.solution.prices.tolist()],
    )
    uow.assignments.add(
        [
            AssignmentRow(entry.leaf, index, wanted.campaign, item, worker, run.leaf, now, due, "open")
            for entry, index, (item, worker) in zip(made, indices, pairs, strict=True)
        ]
    )
    begun = {worker for _, worker in [*wanted.taken, *pairs]}
    uow.campaigns.change(wanted.campaign, workers=len(begun))
    return len(pairs)


def _run(wanted: Request, found: Match, now: int) -> entries.Entry:
    return entries.encode(
        entries.Matching(
            campaign=wanted.campaign,
            inputs=matching_engine.problem_digest(found.problem),
            model=found.model,
            prices=matching_engine.prices_digest(found.solution.prices),
            assignments=len(found.solution.pairs),
            primal=found.solution.primal,
            dual=found.solution.dual,
            seed=wanted.seed,
            made_at=now,
        )
    )


def close(uow: UnitOfWork, ledger: Ledger, campaign_id: bytes) -> bool:
    """End labelling when all items are complete, or nothing is open and no more wanted; whether it did."""
    campaign = uow.campaigns.get(campaign_id, lock=True)
    if campaign.state != "open":
        return False
    spec, now = campaign.spec, ledger.clock.now()
    uow.assignments.expire(campaign_id, now)
    complete = uow.labels.count(campaign_id) >= spec.items.count * spec.labels_per_item
    idle = uow.assignments.count(campaign_id, "open") == 0
    if not complete and not (idle and (campaign.closing or now > spec.closes_at)):
        return False
    uow.campaigns.change(campaign_id, state="closed")
    return True


def _eligible(wanted: Request) -> NDArray[np.bool_]:
    """[I, W]: the worker offered this item and never had it before."""
    eligible = np.ones((len(wanted.items), len(wanted.workers)), dtype=np.bool_)
    row = {item: index for index, item in enumerate(wanted.items)}
    column = {candidate.worker: index for index, candidate in enumerate(wanted.workers)}
    for candidate, index in zip(wanted.workers, range(len(wanted.workers)), strict=True):
        if candidate.wanted is not None:
            offered = [row[item] for item in map(_unhex, candidate.wanted) if item in row]
            eligible[:, index] = False
            eligible[offered, index] = True
    for item, worker in wanted.taken:
        if item in row and worker in column:
            eligible[row[item], column[worker]] = False
    return eligible


def _unhex(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _speaks(candidate: Candidate, spec: Specification) -> bool:
    return not spec.languages or bool(set(candidate.languages) & set(spec.languages))


def _profile(candidate: Candidate) -> str:
    return f"skills: {', '.join(candidate.skills)}; languages: {', '.join(candidate.languages)}"


def _text(spec: Specification, content: dict[str, str]) -> str:
    """What an item is about: its own text where it has one, else the campaign's."""
    about = f"{spec.title}; skills: {', '.join(spec.skills)}"
    return f"{about}; {content['text']}" if "text" in content else about
