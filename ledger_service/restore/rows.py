"""The rows that need no opening of an entry: from the entries alone, and from the service's own state.

Nothing here is compared with the log but what is needed to make a row: the whole database is checked before
it is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from ledger_service import entries
from ledger_service.audit.progress import Progress
from ledger_service.restore.copy import Copy, unhex
from ledger_service.store.restoring import Restoring
from ledger_service.store.store import UnitOfWork
from ledger_service.store.vault import Opening

BATCH = 500
Thing = TypeVar("Thing")
Line = dict[str, Any]


def batches(things: Iterable[Thing], size: int = BATCH) -> Iterator[list[Thing]]:
    """Things in lists of at most `size`."""
    left = iter(things)
    while batch := list(islice(left, size)):
        yield batch


def restore_log(uow: UnitOfWork, copy: Copy, progress: Progress) -> None:
    """Append every entry of the copy."""
    for batch in batches(copy.entries(), 4096):
        indices = uow.log.append([entries.decode(raw) for _, raw in batch])
        progress("log", indices[-1] + 1, copy.head.size)


def restore_state(uow: UnitOfWork, rows: Restoring, copy: Copy, left_out: frozenset[bytes]) -> None:
    """Campaigns with their auditors, items and gold answers, workers and what they joined, matching runs, and
    what was promised for labels.

    Lines of what is newer than the copied log are left out, or become the draft that it was before.
    """
    size = copy.head.size
    campaigns = (line for line in copy.state("campaign") if unhex(line["campaign"]) not in left_out)
    _put(rows, "campaigns", campaigns, lambda line: _campaign(line, size))
    requesters = rows.requesters()

    def ours(kind: str) -> Iterator[Line]:
        return (line for line in copy.state(kind) if unhex(line["campaign"]) in requesters)

    _put(rows, "items", ours("item"), lambda line: _item(uow, line, requesters))
    _put(rows, "gold", ours("gold"), lambda line: _gold(uow, line, requesters))
    _put(rows, "auditors", ours("auditor"), lambda line: line | _ids(line, "campaign"))
    _put(rows, "workers", copy.state("worker"), lambda line: line)
    joined = rows.known("workers", "worker")
    offers = (line for line in ours("offer") if line["worker"] in joined)
    _put(rows, "offers", offers, lambda line: line | _ids(line, "campaign"))
    runs = (line for line in ours("matching") if line["index"] < size)
    _put(rows, "matchings", runs, lambda line: line | _ids(line, "leaf", "campaign"))
    promised = ("leaf", "assignment", "grant_leaf", "receipt")
    for batch in batches(line for line in copy.state("label") if line["index"] < size):
        rows.promise([_ids(line, *promised) | {"deadline": line["deadline"]} for line in batch])


def restore_plain(uow: UnitOfWork, rows: Restoring, copy: Copy, progress: Progress) -> None:
    """Session grants, assignments, reputations and settlements: their entries say all."""
    ours = {None, *rows.requesters()}
    for batch in batches(copy.entries(), 4096):
        made: dict[str, list[Line]] = {}
        for index, raw in batch:
            entry = entries.decode(raw)
            table = _PLAIN.get(type(entry.struct))
            if table is not None and _campaign_of(entry) in ours:
                row = rows.columns_of(table, entry.struct) | {"leaf": entry.leaf, "index": index}
                made.setdefault(table, []).append(row)
        for table, found in made.items():
            rows.add(table, found)
        progress("rows", batch[-1][0] + 1, copy.head.size)


def _campaign_of(entry: entries.Entry) -> bytes | None:
    return getattr(entry.struct, "campaign", None)


_PLAIN: dict[type[entries.Struct], str] = {
    entries.SessionGrant: "grants",
    entries.Assignment: "assignments",
    entries.Reputation: "reputations",
    entries.Settlement: "settlements",
}


def _put(rows: Restoring, table: str, lines: Iterable[Line], make: Callable[[Line], Line]) -> None:
    for batch in batches(lines):
        made = map(make, batch)
        rows.add(table, [{name: row[name] for name in row if name != "kind"} for row in made])


def _ids(line: Line, *names: str) -> Line:
    return {name: unhex(line[name]) for name in names}


def _campaign(line: Line, size: int) -> Line:
    """The row; one that was published after the log was copied is a draft again. Where it stands is found
    later, from what is there of it."""
    published = line["index"] is not None and line["index"] < size
    place = _ids(line, "leaf") if published else {"leaf": None, "index": None}
    state = {"state": "published" if published else "draft", "budget": int(line["budget"])}
    return line | _ids(line, "campaign", "signature") | place | state


def _item(uow: UnitOfWork, line: Line, requesters: dict[bytes, str]) -> Line:
    campaign, commitment = unhex(line["campaign"]), unhex(line["commitment"])
    sealed = seal(uow, requesters[campaign], line)
    return {"campaign": campaign, "position": line["position"], "item": commitment, "opening": sealed}


def _gold(uow: UnitOfWork, line: Line, requesters: dict[bytes, str]) -> Line:
    campaign, item = unhex(line["campaign"]), unhex(line["item"])
    sealed = seal(uow, requesters[campaign], line)
    return {"campaign": campaign, "item": item, "answer": unhex(line["commitment"]), "opening": sealed}


def seal(uow: UnitOfWork, subject: str, opened: Line | None) -> bytes:
    """An opening encrypted anew; of one that was erased nothing is left, and nothing is made of it."""
    if opened is None or "content" not in opened:
        return b""
    return uow.vault.seal(subject, Opening(opened["content"], unhex(opened["salt"])))
