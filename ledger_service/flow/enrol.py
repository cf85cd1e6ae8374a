"""A worker says what it can do, lets a session key sign for it, and joins campaigns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger_service import entries
from ledger_service.errors import BadInput, Conflict, Refused
from ledger_service.flow.context import Ledger
from ledger_service.flow.parts import parts_of
from ledger_service.store.campaigns import CampaignRow
from ledger_service.store.store import UnitOfWork
from ledger_service.store.workers import GrantRow, WorkerRow

MAX_GRANT_SECONDS = 366 * 86_400
MOST_NAMED = 5  # campaigns to join instead; all are in GET /v1/campaigns?brief=…


@dataclass(frozen=True, slots=True)
class SignedGrant:
    """A session grant as the worker's wallet signs it."""

    struct: entries.SessionGrant
    signature: bytes


def grant(uow: UnitOfWork, ledger: Ledger, struct: entries.SessionGrant, signature: bytes) -> GrantRow:
    """Append a session grant; the same grant again returns what is there.

    Raises:
        BadInput: it ends before it begins, or lasts longer than a year.
        BadSignature: not signed by the worker's wallet.
    """
    pool = GrantPool(uow, ledger, [SignedGrant(struct, signature)])
    # Crash before the commit: nothing happened. After it: the retry finds the row.
    pool.record(uow.log.append(pool.check()))
    (outcome,) = pool.outcomes()
    if isinstance(outcome, Refused):
        raise outcome
    return outcome


class GrantPool:
    """Grants that are checked together, appended together and answered each by itself, as `label.Pool`."""

    def __init__(self, uow: UnitOfWork, ledger: Ledger, grants: Sequence[SignedGrant]) -> None:
        self._uow = uow
        self._asked = [_entry(one, ledger) for one in grants]
        self._fresh: dict[bytes, entries.Entry] = {}
        self._rows: dict[bytes, GrantRow] = {}

    def check(self) -> list[entries.Entry]:
        """The entries of the grants that are good and not in the log; the log's head stays locked."""
        good = {one.leaf: one for one in self._asked if isinstance(one, entries.Entry)}
        if good:
            self._uow.log.lock()  # the same grant sent twice at once: the second waits and finds the first
            self._rows = self._uow.workers.grants(good)
        self._fresh = {leaf: one for leaf, one in good.items() if leaf not in self._rows}
        return list(self._fresh.values())

    def record(self, indices: Sequence[int]) -> None:
        """Write the rows of what was appended."""
        rows = [_row(one, index) for one, index in zip(self._fresh.values(), indices, strict=True)]
        self._uow.workers.add_grants(rows)
        self._rows |= {row.leaf: row for row in rows}

    def outcomes(self) -> list[GrantRow | Refused]:
        """For each grant its row, or why it was refused."""
        return [one if isinstance(one, Refused) else self._rows[one.leaf] for one in self._asked]


def _entry(given: SignedGrant, ledger: Ledger) -> entries.Entry | Refused:
    struct = given.struct
    try:
        if not 0 < struct.valid_until - struct.valid_from <= MAX_GRANT_SECONDS:
            raise BadInput("a grant lasts from one second to a year")
        if struct.session_key == struct.worker:
            raise BadInput("a session key is a key of its own")
        entries.check_signer(struct, given.signature, ledger.domain, struct.worker)
        return entries.encode(struct, given.signature)
    except Refused as error:
        return error


def _row(entry: entries.Entry, index: int) -> GrantRow:
    struct = entry.struct
    if not isinstance(struct, entries.SessionGrant):
        raise TypeError("a grant's row is of a grant")
    return GrantRow(
        entry.leaf,
        index,
        struct.worker,
        struct.session_key,
        struct.scope,
        struct.valid_from,
        struct.valid_until,
    )


def profile(uow: UnitOfWork, worker: WorkerRow) -> None:
    """Store what a worker says of itself."""
    uow.workers.put(worker)


def offer(uow: UnitOfWork, ledger: Ledger, worker: str, campaign: bytes, wanted: list[bytes] | None) -> int:
    """Join a campaign for the named items, or for any; returns how many items that are.

    Raises:
        NotYours: no such campaign.  BadInput: an item that it does not have.
        Conflict: no profile yet, labelling is over, or as many workers take part as one payroll holds; then
            it names the campaigns of the same specification that still take workers.
    """
    row = uow.campaigns.get(campaign)
    over = ledger.clock.now() >= row.spec.closes_at
    if row.state not in ("published", "open") or row.closing or over:
        raise Conflict("this campaign takes no workers now")
    if row.workers >= row.spec.most_workers and not uow.assignments.has_begun(campaign, worker):
        raise _full(uow, ledger, row)
    if uow.workers.get(worker) is None:
        raise Conflict("say first what you can do (PUT /v1/workers/me)")
    if wanted is None:
        uow.workers.offer(campaign, worker, None)
        return uow.items.count(campaign)
    unknown = set(wanted) - uow.items.find(campaign, wanted).keys()
    if unknown:
        raise BadInput(f"the campaign has no item 0x{min(unknown).hex()}")
    uow.workers.offer(campaign, worker, sorted("0x" + item.hex() for item in set(wanted)))
    return len(set(wanted))


def _full(uow: UnitOfWork, ledger: Ledger, row: CampaignRow) -> Conflict:
    """As many have begun as one payroll holds, so the matching would give nobody else work."""
    others = [part.campaign for part in parts_of(uow, ledger, row) if part.takes_workers]
    named = ", ".join("0x" + campaign.hex() for campaign in others[:MOST_NAMED])
    return Conflict(
        f"{row.workers} workers take part in this campaign, and it can pay no more; "
        + (f"of the same specification, these take workers: {named}" if others else "no other takes workers")
    )
