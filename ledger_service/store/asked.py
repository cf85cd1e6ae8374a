"""What is asked for with one label's bundle, in one exchange with the server."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from ledger_service.store.labels import AROUND, LABEL, Around, LabelRow
from ledger_service.store.log import PROVING, Head, proving
from ledger_service.store.prepared import Prepared
from ledger_service.store.sessions import OWNER, owner_values


@dataclass(frozen=True, slots=True)
class AskedLabel:
    """A label, what stands around it, and the heads that its proofs may lead to."""

    row: LabelRow
    around: Around
    heads: list[Head]


def ask_label(connection: Connection, token: str, leaf: bytes) -> tuple[str | None, AskedLabel | None]:
    """Whose session a token is now, and the label with this leaf hash; None: nobody's, and no such label.

    Raises:
        Corrupt: the log has no head.
    """
    one = {"leaf": leaf}
    owner, label, around, heads = Prepared.together(
        connection, (OWNER, owner_values(token)), (LABEL, one), (AROUND, one), (PROVING, {})
    )
    caller = owner[0][0] if owner else None
    if not label or not around:
        return caller, None
    return caller, AskedLabel(LabelRow(*label[0]), Around(*around[0]), proving(heads))
