"""What the operator needs beside the log and its openings to build the service again: the rows that no entry
has, a line each.

Lines are numbered through all sections, so that a page can end anywhere: a section's number, then the row's
within it. `ledger_service.restore` reads them; docs/formats.md, section 15, has their members.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ledger_service.commitments import Json
from ledger_service.errors import NotYours
from ledger_service.flow.context import Ledger
from ledger_service.store.state import Numbered, ServiceState
from ledger_service.store.store import UnitOfWork

FORMAT = "crowdledger-service@v1"
_SECTION_BITS = 40
_PLACE_BITS = 17  # of an item within its campaign: it has at most 90,000

_AMOUNTS = frozenset({"budget", "total"})

Line = tuple[int, dict[str, Json]]
_Section = Callable[[UnitOfWork, Ledger, int, int], list[Line]]


def page(uow: UnitOfWork, ledger: Ledger, after: int, limit: int) -> list[Line]:
    """(number, line) of the lines after a number, -1 for all; fewer than `limit` only at the end."""
    lines: list[Line] = []
    section, within = divmod(after, 1 << _SECTION_BITS) if after >= 0 else (0, -1)
    while len(lines) < limit and section < len(_SECTIONS):
        kind, read = _SECTIONS[section]
        found = read(uow, ledger, within, limit - len(lines))
        lines += [((section << _SECTION_BITS) + at, {"kind": kind} | line) for at, line in found]
        section, within = section + 1, -1
    return lines


def _service(uow: UnitOfWork, ledger: Ledger, after: int, limit: int) -> list[Line]:
    if after >= 0:
        return []
    lanes = [
        {"chain_id": lane.chain_id, "account": lane.account, "genesis": _hex(genesis), "first_nonce": first}
        for lane, genesis, first in ServiceState(uow.connection).lanes()
    ]
    shown = uow.log.published()
    cosigned = {"checkpoint": shown.checkpoint, "witnesses": list(shown.witnesses)}
    facts: dict[str, Json] = {
        "format": FORMAT,
        "published": cosigned if shown.witnesses else None,
        "log_key": str(uow.log.key.verifier),
        "size": uow.log.head().size,
        "chain_id": ledger.domain.chain_id,
        "provenance_log": ledger.provenance_log.address,
        "escrow": ledger.escrow.address,
        "operator": ledger.operator.address,
        "lanes": lanes,
    }
    return [(0, facts)]


def _items(uow: UnitOfWork, ledger: Ledger, after: int, limit: int) -> list[Line]:
    def of_campaign(
        campaign: bytes, place: int, limit: int
    ) -> list[tuple[int, bytes, bytes, dict[str, Json]]]:
        rows = uow.items.page(campaign, place, limit)
        return [(row.position, row.opening, row.item, {"position": row.position}) for row in rows]

    return _opened(uow, after, limit, of_campaign)


def _gold(uow: UnitOfWork, ledger: Ledger, after: int, limit: int) -> list[Line]:
    def of_campaign(
        campaign: bytes, place: int, limit: int
    ) -> list[tuple[int, bytes, bytes, dict[str, Json]]]:
        rows = ServiceState(uow.connection).gold(campaign, place, limit)
        return [(at, row["opening"], row["answer"], {"item": _hex(row["item"])}) for at, row in rows]

    return _opened(uow, after, limit, of_campaign)


_Opened = Callable[[bytes, int, int], list[tuple[int, bytes, bytes, dict[str, Json]]]]


def _opened(uow: UnitOfWork, after: int, limit: int, of_campaign: _Opened) -> list[Line]:
    """Openings of the requesters, campaign after campaign; of one who was erased only the commitment."""
    lines: list[Line] = []
    number, place = divmod(after, 1 << _PLACE_BITS) if after >= 0 else (0, -1)
    for at, campaign, requester in ServiceState(uow.connection).campaign_numbers(number):
        if at != number:
            place = -1
        for within, sealed, commitment, line in of_campaign(campaign, place, limit - len(lines)):
            try:
                opened = uow.vault.open(requester, sealed, commitment).to_json()
            except NotYours:
                opened = {}
            whole = {"campaign": _hex(campaign), "commitment": _hex(commitment)} | line | opened
            lines.append(((at << _PLACE_BITS) + within, whole))
        if len(lines) == limit:
            break
    return lines


def _rows(read: Callable[[ServiceState], Callable[[int, int], list[Numbered]]]) -> _Section:
    """A section of rows as they are."""

    def section(uow: UnitOfWork, ledger: Ledger, after: int, limit: int) -> list[Line]:
        rows = read(ServiceState(uow.connection))(after, limit)
        return [(at, {name: _plain(name, value) for name, value in row.items()}) for at, row in rows]

    return section


def _intents(uow: UnitOfWork, ledger: Ledger, after: int, limit: int) -> list[Line]:
    """What was called is in the transaction; an intent that never had one brings it along."""
    lines = []
    for at, row in ServiceState(uow.connection).intents(after, limit):
        names = ("chain_id", "account", "key", "state", "nonce", "contract", "error", "acknowledged")
        # A restored service knows of old transactions no more than which one was mined.
        known = row["attempts"] or [one for one in (row["transaction_hash"],) if one is not None]
        line = {name: row[name] for name in names} | {"attempts": [_hex(one) for one in known]}
        line |= {"to": row["to_address"], "value": str(row["value"])}
        if row["nonce"] is None:
            line["data"] = _hex(row["data"])
        lines.append((at, line))
    return lines


def _end(uow: UnitOfWork, ledger: Ledger, after: int, limit: int) -> list[Line]:
    """A copy without this line is not a whole one."""
    return [(0, {})] if after < 0 else []


def _plain(name: str, value: Any) -> Json:
    """Bytes as hex, amounts as text."""
    if isinstance(value, bytes):
        return _hex(value)
    return str(value) if name in _AMOUNTS else value


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


_SECTIONS: tuple[tuple[str, _Section], ...] = (
    ("service", _service),
    ("campaign", _rows(lambda state: state.campaigns)),
    ("auditor", _rows(lambda state: state.auditors)),
    ("item", _items),
    ("gold", _gold),
    ("worker", _rows(lambda state: state.workers)),
    ("offer", _rows(lambda state: state.offers)),
    ("matching", _rows(lambda state: state.matchings)),
    ("label", _rows(lambda state: state.labels)),
    ("anchor", _rows(lambda state: state.anchors)),
    ("payroll", _rows(lambda state: state.payrolls)),
    ("intent", _intents),
    ("end", _end),
)
