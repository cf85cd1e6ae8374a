"""A whole database of the service, checked against itself, its keys, and the chain."""

from __future__ import annotations

from ledger_service.audit.progress import Progress, silent
from ledger_service.fsck.heads import ChainHeads, claim_chain, claim_events, read_heads
from ledger_service.fsck.known import Known
from ledger_service.fsck.log import check_log
from ledger_service.fsck.others import check_others
from ledger_service.fsck.report import Report
from ledger_service.fsck.rows import Rows
from ledger_service.store.integrity import Snapshot


def check_database(
    snapshot: Snapshot,
    known: Known,
    chain: ChainHeads | None = None,
    progress: Progress = silent,
    without: frozenset[bytes] = frozenset(),
) -> Report:
    """Check a database as it is at one moment; a service may go on working on it.

     1. There is a head; it, the published one and every anchor carry the log's signature over what their rows
        say, and their witnesses'.
     2. Anchors are final exactly where the chain has announced them, as far as its events were read, and
        where a chain is given, where it has them now.
     3. The log is derived again from its entries: every entry, every tile, every root (`check_log`).
     4. Beside each entry of a type that has rows stands its row, with the same index, leaf and fields, and
        there is no other row. What a row names is there; receipts and statements are the operator's;
        what is encrypted is the opening of the entry's commitment.
     5. Items, gold answers and payrolls give the roots that they have to; every key can be used.

    Args:
        known: the keys and addresses; what is not known is not checked, and the report says so.
        chain: what the contract has announced, read before the snapshot was made.
        without: campaigns whose entries need no rows: they were left out of a restored service.
    Raises:
        Difference: the first that does not hold.
    """
    report = Report(left_out=known.left_out())
    size, claims = read_heads(snapshot, known, report)
    claim_events(snapshot, claims, report)
    if chain is not None:
        claim_chain(snapshot, chain, claims, report)
    else:
        report.left_out.append("what the chain itself has: no node was named (--rpc)")
    rows = Rows(snapshot, known, report, without)
    check_log(snapshot, size, claims, rows.meet, report, progress)
    rows.finish()
    progress("tables", 0, 1)
    check_others(snapshot, known, report)
    progress("tables", 1, 1)
    return report
