"""What a service shows of campaigns and labels to whom they belong."""

from __future__ import annotations

import hashlib
from typing import Protocol

from ledger_service.audit.http import HttpSource
from ledger_service.audit.reading import as_object, parse_json
from ledger_service.audit.source import MAX_JSON_BYTES, LogSource
from ledger_service.commitments import Json
from ledger_service.errors import NotYours, Unauthenticated


class Papers(LogSource, Protocol):
    """A log's service; raises as `LogSource` does."""

    def campaign(self, campaign: bytes) -> dict[str, Json] | None:
        """A campaign as it is listed; None where the service shows no such campaign."""
        ...

    def own_bundle(self, leaf: bytes) -> bytes | None:
        """The bundle of a label; None where it is not shown to us."""
        ...


class HttpPapers(HttpSource):
    """A service over HTTP; with a wallet, what it shows to that account."""

    def campaign(self, campaign: bytes) -> dict[str, Json] | None:
        """GET /v1/campaigns/{id}."""
        try:
            raw, _ = self._get(f"/v1/campaigns/0x{campaign.hex()}", MAX_JSON_BYTES)
        except (NotYours, Unauthenticated):
            return None
        return as_object(parse_json(raw, "a campaign"), "a campaign")

    def own_bundle(self, leaf: bytes) -> bytes | None:
        """GET /v1/labels/{leaf}/bundle."""
        if self._wallet is None:
            return None
        try:
            return self.label_bundle(leaf)
        except (NotYours, Unauthenticated):
            return None


class WitnessPrefix:
    """What a witness shows of a log at its monitoring prefix (C2SP tlog-witness, "Monitor Retrieval
    Mechanism"): `<prefix>/<SHA-256 of the log's origin, in hex>/checkpoint`."""

    def __init__(self, url: str, origin: str) -> None:
        self.name = url.rstrip("/")
        folder = hashlib.sha256(origin.encode()).hexdigest()
        self._source = HttpSource(f"{self.name}/{folder}")

    def checkpoint(self) -> str:
        """The signed note, with the witness's cosignature."""
        return self._source.checkpoint()

    def close(self) -> None:
        """Close the connections."""
        self._source.__exit__(None, None, None)
