"""Copying what a service shows beside its log: campaigns, openings, bundles, and its own state."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from ledger_service.audit.progress import Progress
from ledger_service.audit.reading import as_address, as_object, member, parse_json
from ledger_service.audit.source import BUNDLE_KINDS, MAX_TILE_BYTES, LogSource, campaign_id_of
from ledger_service.commitments import Json, canonical
from ledger_service.errors import BadInput, Corrupt, Refused, VerificationError
from ledger_service.log import tiles
from ledger_service.log.checkpoint import Checkpoint, VerifierKey
from ledger_service.log.follow import Follower
from ledger_service.mirror.folder import PRIVATE, Folder
from ledger_service.mirror.openings_check import checked_openings
from ledger_service.verify.verdict import Memory
from ledger_service.verify.verifier import verify_bundle


@dataclass(slots=True)
class StateCounts:
    """What was saved beside the log; None where this account may not see any."""

    campaigns: int = 0
    openings: int | None = None
    bundles: int | None = None
    state: int | None = None


@dataclass(slots=True)
class StateCopy:
    """Saves what a service shows, checked against the log in the folder, which is there already."""

    source: LogSource
    folder: Folder
    follower: Follower
    key: VerifierKey
    head: Checkpoint
    counts: StateCounts = field(default_factory=StateCounts)
    _heads: set[tuple[int, str]] = field(default_factory=set)
    _bundle: tuple[int, list[bytes]] = (-1, [])

    def run(self, info: dict[str, Json], bundles: bool, progress: Progress) -> StateCounts:
        """Save all of it.

        Raises:
            VerificationError: an opening or a bundle does not hold, or is of another log.
            BadInput, Unavailable: from the source.
        """
        self.folder.write("info.json", [canonical(info)])
        campaigns = self.source.campaigns()
        names = [campaign_id_of(campaign) for campaign in campaigns]
        if len(set(names)) < len(names):
            raise BadInput("the list of campaigns names one twice")
        self.folder.write("campaigns.json", [json.dumps({"campaigns": campaigns, "next": None}).encode()])
        self.counts.campaigns = len(campaigns)
        address = as_address(member(info, "provenance_log", "info"), "provenance_log")
        for done, name in enumerate(names):
            progress("campaigns", done, len(names))
            self._copy_openings(name)
            for kind in BUNDLE_KINDS if bundles else ():
                self._copy_bundles(name, kind, address)
        progress("campaigns", len(names), len(names))
        self._copy_state()
        return self.counts

    def _copy_openings(self, campaign: bytes) -> None:
        lines = self.source.openings(campaign)
        if lines is None:
            return
        self.counts.openings = self.counts.openings or 0
        checked = checked_openings(lines, self.head.size, self._raw)
        name = f"openings/0x{campaign.hex()}.ndjson"
        self.folder.write(name, self._counted(checked, "openings"), PRIVATE)

    def _copy_bundles(self, campaign: bytes, kind: str, address: str) -> None:
        lines = self.source.bundles(campaign, kind)
        if lines is None:
            return
        self.counts.bundles = self.counts.bundles or 0
        checked = self._checked_bundles(lines, f"0x{campaign.hex()}", kind, address)
        name = f"bundles/0x{campaign.hex()}.{kind}.ndjson"
        self.folder.write(name, self._counted(checked, "bundles"), PRIVATE)

    def _copy_state(self) -> None:
        lines = self.source.state()
        if lines is None:
            return
        self.counts.state = 0
        objects = (
            line for line in lines if as_object(parse_json(line, "the service's state"), "a line of it")
        )
        self.folder.write(
            "service.ndjson", self._counted((line + b"\n" for line in objects), "state"), PRIVATE
        )

    def _counted(self, lines: Iterator[bytes], name: str) -> Iterator[bytes]:
        for line in lines:
            setattr(self.counts, name, getattr(self.counts, name) + 1)
            yield line

    def _checked_bundles(
        self, lines: Iterator[bytes], campaign: str, kind: str, address: str
    ) -> Iterator[bytes]:
        """Bundles that prove something of this campaign, under heads that belong to the one in the folder."""
        memory, last = Memory(), -1
        for raw in lines:
            verdict = verify_bundle(raw, log_key=str(self.key), log_address=address, memory=memory)
            facts = verdict.facts
            if (verdict.kind, facts["campaign"]) != (kind, campaign):
                raise VerificationError(
                    "what a bundle is about", expected=f"{kind} of {campaign}", found=str(facts["campaign"])
                )
            if facts["index"] <= last:
                raise VerificationError(
                    "order of the bundles", expected=f"after {last}", found=str(facts["index"])
                )
            last = facts["index"]
            self._check_head(facts["log_size"], facts["log_root"])
            yield raw + b"\n"

    def _check_head(self, size: int, root: str) -> None:
        """A head that a bundle carries extends ours, or ours extends it."""
        if (size, root) in self._heads:
            return
        found = Checkpoint(self.key.name, size, bytes.fromhex(root[2:]))
        older, newer = sorted((found, self.head), key=lambda head: head.size)
        try:
            self.follower.check_extends(older, newer)
        except Refused:
            # A copy of a log may lack the tiles of a head newer than its own; the log's signature is on that.
            if newer is self.head:
                raise
        self._heads.add((size, root))

    def _raw(self, index: int) -> bytes:
        """An entry of the log in the folder, which has been proved."""
        bundle, place = divmod(index, tiles.WIDTH)
        if self._bundle[0] != bundle:
            path = tiles.entries_path(bundle, tiles.tile_width(0, bundle, self.head.size))
            raw = self.folder.read(path, MAX_TILE_BYTES)
            if raw is None:
                raise Corrupt(f"{path} has gone from {self.folder.root} while it was in use")
            self._bundle = (bundle, tiles.parse_bundle(raw))
        return self._bundle[1][place]
