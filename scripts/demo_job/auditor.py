"""The auditor: saves the log and every bundle in a folder, then proves all of it again from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ledger_service.audit.auditor import Pins, audit
from ledger_service.audit.chain_reading import ChainReader
from ledger_service.audit.http import HttpSource
from ledger_service.audit.progress import silent
from ledger_service.audit.report import AuditReport
from ledger_service.audit.source import DirSource
from ledger_service.chain.client import ChainClient
from ledger_service.entries import Entry, decode
from ledger_service.errors import BadInput, VerificationError
from ledger_service.log import tiles
from ledger_service.log.checkpoint import VerifierKey, open_checkpoint
from ledger_service.mirror.mirroring import mirror
from ledger_service.signing import Wallet
from ledger_service.verify.verdict import Memory
from ledger_service.verify.verifier import verify_bundle
from reputation import Votes, majority_vote
from scripts.demo_job.info import Info

Facts = dict[str, Any]
MOST_FAILURES_SHOWN = 5


@dataclass(slots=True)
class Verified:
    """Bundles of one kind that were proved offline: what each proves, and why others failed."""

    facts: list[Facts] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def add(self, more: Verified) -> None:
        """Count what was proved of another campaign."""
        self.facts += more.facts
        self.failures += more.failures


class Auditor:
    """One auditor with its own key, named by the requester."""

    def __init__(self, wallet: Wallet, folder: Path, info: Info) -> None:
        self._wallet, self._info = wallet, info
        self.folder = folder

    @property
    def address(self) -> str:
        """The auditor's account."""
        return self._wallet.address

    @property
    def saved(self) -> DirSource:
        """What was downloaded."""
        return DirSource(self.folder)

    def download(self, base: str) -> int:
        """Log in with the auditor's key and save log, openings and bundles; how many entries the log has."""
        with HttpSource(base, self._wallet) as source:
            key = VerifierKey.parse(self._info.log_key)
            return mirror(source, self.folder, key=key).head.size

    def verify(self, campaign: bytes, kind: str, tick: Callable[[int], None]) -> Verified:
        """Prove every bundle of a kind from the saved files alone, under the log key known from the start.

        Raises:
            BadInput: the service gave no bundles.
        """
        lines = self.saved.bundles(campaign, kind)
        if lines is None:
            raise BadInput(f"no {kind} bundles were downloaded")
        found, memory = Verified(), Memory()
        address = self._info.domain.verifying_contract
        for line in lines:
            try:
                verdict = verify_bundle(line, log_key=self._info.log_key, log_address=address, memory=memory)
                found.facts.append(verdict.facts)
            except (VerificationError, BadInput) as error:
                found.failures.append(str(error))
            tick(1)
        return found

    def audit(self, rpc_url: str) -> AuditReport:
        """Replay the saved log, recompute reviews, inference and pay, and compare with the chain."""
        info = self._info
        pins = Pins(info.log_key, info.domain.verifying_contract, info.escrow)
        client = ChainClient.connect(rpc_url, finality_depth=0, timeout=60.0)
        try:
            return audit(self.saved, pins=pins, chain=ChainReader(client, 0, silent))
        finally:
            client.close()

    def entries(self) -> Iterator[Entry]:
        """The saved log's entries, in order."""
        head = open_checkpoint(self.saved.checkpoint(), self._info.log_key)
        for index in range(-(-head.size // tiles.WIDTH)):
            width = tiles.tile_width(0, index, head.size)
            yield from map(decode, tiles.parse_bundle(self.saved.entries(index, width)))


def majority(facts: list[Facts], classes: tuple[str, ...]) -> dict[str, str]:
    """The most frequent answer of each item that has one, by item id. Ties are drawn by lot, repeatably."""
    ordered = sorted(facts, key=lambda fact: int(fact["index"]))
    items = {name: number for number, name in enumerate(dict.fromkeys(fact["item"] for fact in ordered))}
    workers = {name: number for number, name in enumerate(dict.fromkeys(fact["worker"] for fact in ordered))}
    votes = Votes(
        item=np.array([items[fact["item"]] for fact in ordered], dtype=np.int64),
        worker=np.array([workers[fact["worker"]] for fact in ordered], dtype=np.int64),
        answer=np.array([classes.index(fact["answer"]["label"]) for fact in ordered], dtype=np.int64),
        items=len(items),
        workers=len(workers),
        classes=len(classes),
    )
    answers = majority_vote(votes).answer
    return {item: classes[int(answers[number])] for item, number in items.items()}


def accuracy(answers: dict[str, str], truth: dict[str, str]) -> float | None:
    """The share of items with a known truth that were answered right; None when there is no such item."""
    if not truth:
        return None
    return round(sum(answers.get(item) == label for item, label in truth.items()) / len(truth), 6)
