"""What a service is built again from: a mirror that its operator has made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger_service.audit.reading import as_list, as_object, as_text, member, parse_json
from ledger_service.audit.source import DirSource
from ledger_service.commitments import Json
from ledger_service.errors import BadInput
from ledger_service.flow.service_state import FORMAT
from ledger_service.log.checkpoint import LogKey, VerifierKey, read_unverified
from ledger_service.log.follow import Follower


@dataclass(frozen=True, slots=True)
class Facts:
    """The first line of the service's own state.

    Attributes:
        lanes: {account: first nonce} of the chain.
        published: the note that readers were shown with its witnesses' lines, and their vkeys; None where no
            witness had cosigned.
    """

    chain_id: int
    provenance_log: str
    escrow: str
    operator: str
    genesis: bytes | None
    lanes: dict[str, int]
    published: tuple[str, tuple[str, ...]] | None


class Copy:
    """A mirror. The log in it is proved under its checkpoint as it is read; all else is checked at the end,
    against the log, in the database that it makes."""

    def __init__(self, folder: Path, log_seed: bytes) -> None:
        """Open a mirror with the seed of the log's key.

        Raises:
            VerificationError: the checkpoint is not signed by that key.
            BadInput: no mirror, or not one that the operator has made.
        """
        self.source = DirSource(folder)
        self.key = LogKey(read_unverified(self.source.checkpoint()).origin, log_seed)
        self._follower = Follower(self.source, self.key.verifier)
        self.head, self.note = self._follower.head()
        self.facts = self._facts(folder)

    def entries(self) -> Iterator[tuple[int, bytes]]:
        """All entries with their indices, each proved."""
        return self._follower.entries(self.head, 0, self.head.size)

    def root(self, size: int) -> bytes:
        """The root of the first `size` entries, proved."""
        return self._follower.tree(self.head).root(size)

    def openings(self, campaign: bytes) -> Iterator[dict[str, Json]] | None:
        """The openings of a campaign's entries; None where the mirror has none."""
        lines = self.source.openings(campaign)
        return None if lines is None else (as_object(line, "an opening") for line in lines)

    def state(self, *kinds: str) -> Iterator[dict[str, Any]]:
        """The lines of the service's own state that are of these kinds, in their order."""
        marks = [f'"{kind}"'.encode() for kind in kinds]
        for raw in self.source.state() or ():
            if not any(mark in raw for mark in marks):
                continue  # most lines, of a large log, are others
            line = as_object(parse_json(raw, "service.ndjson"), "a line of service.ndjson")
            if line.get("kind") in kinds:
                yield line

    def _facts(self, folder: Path) -> Facts:
        if self.source.state() is None:
            raise BadInput(
                f"{folder} has no service.ndjson, which only the operator's account is given: make it with "
                "crowdledger mirror --key operator.key; without it these campaigns cannot be restored: "
                + (", ".join(self._listed()) or "none")
            )
        first = next(self.state("service"), None)
        if first is None or first.get("format") != FORMAT or next(self.state("end"), None) is None:
            raise BadInput(f"{folder}/service.ndjson is not whole, or of another version")
        if VerifierKey.parse(as_text(member(first, "log_key", "service"), "log_key")) != self.key.verifier:
            raise BadInput(f"{folder}/service.ndjson is of another log than its checkpoint")
        return _read_facts(first)

    def _listed(self) -> list[str]:
        """Ids of the campaigns that the mirror lists, as they stand there."""
        return [str(campaign.get("campaign")) for campaign in self.source.campaigns()]


def _read_facts(line: dict[str, Any]) -> Facts:
    try:
        lanes = [as_object(lane, "a lane") for lane in as_list(line["lanes"], "lanes")]
        mine = [lane for lane in lanes if lane["chain_id"] == line["chain_id"]]
        shown = line.get("published")
        return Facts(
            chain_id=int(line["chain_id"]),
            provenance_log=str(line["provenance_log"]),
            escrow=str(line["escrow"]),
            operator=str(line["operator"]),
            genesis=bytes.fromhex(mine[0]["genesis"][2:]) if mine else None,
            lanes={str(lane["account"]): int(lane["first_nonce"]) for lane in mine},
            published=(str(shown["checkpoint"]), tuple(map(str, shown["witnesses"]))) if shown else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"the first line of service.ndjson: {error!r}") from error


def unhex(value: Any) -> bytes:
    """Bytes from their hex form with 0x. Raises BadInput."""
    try:
        return bytes.fromhex(value.removeprefix("0x"))
    except (AttributeError, ValueError) as error:
        raise BadInput(f"{json.dumps(value)[:80]} is no hex") from error
