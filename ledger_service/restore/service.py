"""A service built again: log, domain and chain work, from its operator's mirror and the chain."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

from ledger_service.audit.progress import Progress, silent
from ledger_service.commitments import Json
from ledger_service.eip712 import Domain
from ledger_service.errors import BadInput, VerificationError
from ledger_service.fsck.database import check_database
from ledger_service.fsck.heads import ChainHeads
from ledger_service.fsck.known import Known
from ledger_service.fsck.report import Report
from ledger_service.heads import Head as Anchored
from ledger_service.log.checkpoint import read_unverified
from ledger_service.restore.chain import Chain, check_heads, restore_intents
from ledger_service.restore.copy import Copy, unhex
from ledger_service.restore.opened import Openings
from ledger_service.restore.rows import restore_log, restore_plain, restore_state
from ledger_service.restore.standing import Standing
from ledger_service.store.log import Head
from ledger_service.store.migrate import upgrade
from ledger_service.store.restoring import Restoring, refuse_used
from ledger_service.store.store import Store, UnitOfWork


@dataclass(frozen=True, slots=True)
class Restored:
    """What was built.

    Attributes:
        report: of the check that everything went through before it was committed.
        heads: how many heads the chain has. queued: keys of what is to be sent to the chain again.
        left_out: ids of campaigns that could not be restored.
    """

    report: Report
    origin: str
    heads: int
    queued: tuple[str, ...]
    left_out: tuple[bytes, ...]

    def to_json(self) -> Json:
        """As `crowdledger restore --json` prints it."""
        return {
            "origin": self.origin,
            "size": self.report.size,
            "root": "0x" + self.report.root.hex(),
            "rows": self.report.counts,
            "erased": self.report.erased,
            "heads": self.heads,
            "queued": list(self.queued),
            "left_out": ["0x" + campaign.hex() for campaign in self.left_out],
        }


def restore(
    copy: Copy, store: Store, chain: Chain, *, partial: bool = False, progress: Progress = silent
) -> Restored:
    """Build a service again in an empty database.

     1. The database is empty.
     2. The copy has the openings of every campaign (with `partial`, those without are left out).
     3. The chain has no head that the copied log has not, and nothing of the operator's under way.
     4. In one transaction: the log, proved under the copy's checkpoint as it is read, whose root it gets
        again; every row of the domain; what the chain says of anchors, payrolls and transactions.
     5. The whole of it is checked as `crowdledger fsck` does, and only then committed.

    Crash at any line before the commit: the database is empty. Crash after it: the service is there.

    Raises:
        Conflict: step 1, or the chain is ahead of the copy. BadInput: step 2, or a line has another form.
        VerificationError: step 4 or 5; a Difference names what. Unavailable: chain or database.
    """
    with store.engine.begin() as connection:
        refuse_used(connection)
    try:
        left_out = _lacking(copy)
    except (KeyError, TypeError) as error:
        raise BadInput(f"a campaign of the copy has another form: {error!r}") from error
    if left_out and not partial:
        named = ", ".join("0x" + campaign.hex() for campaign in left_out)
        raise BadInput(
            f"the copy has no openings of these campaigns, so they cannot be restored: {named}; "
            "--partial builds a service without them"
        )
    heads = chain.heads(copy)
    check_heads(copy, heads)
    upgrade(store.engine)
    with store.begin() as uow:
        try:
            queued = _build(uow, copy, chain, heads, frozenset(left_out), progress)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadInput(f"a line of the copy has another form: {error!r}") from error
        report = _check(uow, store, copy, heads, frozenset(left_out), progress)
    return Restored(report, copy.key.name, len(heads), tuple(queued), tuple(left_out))


def _lacking(copy: Copy) -> list[bytes]:
    """The published campaigns whose openings the copy has not."""
    named = (line for line in copy.state("campaign") if line["index"] is not None)
    ours = [unhex(line["campaign"]) for line in named if line["index"] < copy.head.size]
    return [campaign for campaign in ours if copy.source.openings(campaign) is None]


def _build(
    uow: UnitOfWork,
    copy: Copy,
    chain: Chain,
    heads: list[Anchored],
    left_out: frozenset[bytes],
    progress: Progress,
) -> list[str]:
    rows, now = Restoring(uow.connection), int(time.time())
    uow.log.initialise()
    uow.log.lock()  # of two that restore at once, the second waits here
    refuse_used(uow.connection)
    rows.begin()
    restore_log(uow, copy, progress)
    found = uow.log.head()
    if (found.size, found.root) != (copy.head.size, copy.head.root):
        raise VerificationError(
            "root of the restored log", expected=copy.head.root.hex(), found=found.root.hex()
        )
    _show(uow, copy)
    restore_state(uow, rows, copy, left_out)
    restore_plain(uow, rows, copy, progress)
    campaigns = rows.requesters()
    for done, (campaign, requester) in enumerate(campaigns.items()):
        progress("openings", done, len(campaigns))
        Openings(uow, rows, campaign, requester).restore(copy)
    rows.derive(now)
    restore_intents(uow, rows, copy, chain, now)
    chain.read_events(uow, lambda done, total: progress("chain", done, total))
    standing = Standing(uow, rows, copy, chain, now)
    standing.restore(heads)
    rows.finish()
    return standing.queued


def _show(uow: UnitOfWork, copy: Copy) -> None:
    """Show readers the head with its witnesses' lines, as before, if it is the one that was copied."""
    if copy.facts.published is not None:
        note, witnesses = copy.facts.published
        head = read_unverified(note)
        if head.size == copy.head.size:
            uow.log.publish(Head(head.size, head.root, note, witnesses))


def _check(
    uow: UnitOfWork,
    store: Store,
    copy: Copy,
    heads: list[Anchored],
    left_out: frozenset[bytes],
    progress: Progress,
) -> Report:
    facts = copy.facts
    known = Known(
        log_key=store.log_key.verifier,
        domain=Domain(facts.chain_id, facts.provenance_log),
        escrow=facts.escrow,
        storage=store.storage_key,
    )
    with Restoring(uow.connection).snapshot() as now:
        # The rows were made from these heads: there is none that the chain had later.
        chain = ChainHeads(tuple(heads), sys.maxsize)
        return check_database(now, known, chain, progress, without=left_out)
