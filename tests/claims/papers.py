"""What a worker saves while the service lives, cut from the log of `tests.audit.builder` on a real chain."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger_service import entries
from ledger_service.entries import Assignment, Entry, Label, Payout, SessionGrant
from ledger_service.log.checkpoint import sign_checkpoint
from ledger_service.log.receipts import promise
from ledger_service.signing import Wallet
from ledger_service.verify import bundle
from tests.audit.builder import Builder, seeded, show
from tests.audit.chain_world import ETHER, ChainWorld
from tests.claims.world import Campaign

Json = Any


@dataclass
class Silent:
    """A campaign whose log is anchored up to some sizes, and whose operator then says nothing more."""

    world: ChainWorld
    made: Builder
    heads: tuple[int, ...]

    @property
    def campaign(self) -> Campaign:
        return Campaign(self.world, self.made.terms, self.world.escrow)

    def worker(self, number: int) -> Wallet:
        """The wallet of a worker, with money for gas."""
        wallet = self.made.wallets[number]
        self.world.node.ask("hardhat_setBalance", wallet.address, hex(ETHER))
        return wallet

    def labels(self, number: int) -> list[int]:
        """Where a worker's labels stand in the log."""
        address = self.made.wallets[number].address
        return [
            index
            for index, entry in enumerate(self.made.entries)
            if isinstance(entry.struct, Label) and entry.struct.worker == address
        ]

    def label_bundle(self, index: int, size: int) -> bytes:
        """The bundle of a label that is not judged, under a head."""
        label = self.made.entries[index].struct
        assert isinstance(label, Label)
        roles = {"campaign": 0, "label": index}
        for at, entry in enumerate(self.made.entries):
            if isinstance(entry.struct, SessionGrant) and entry.struct.worker == label.worker:
                roles["grant"] = at
            if isinstance(entry.struct, entries.Matching):
                roles["matching"] = at
            if isinstance(entry.struct, Assignment) and entry.struct.item == label.item:
                roles["assignment"] = (
                    at if entry.struct.worker == label.worker else roles.get("assignment", 0)
                )
        return self._bundle(bundle.LABEL, roles, size, {})

    def payment_bundle(self, number: int) -> bytes:
        """The bundle of a payout, under the head of the whole log."""
        roles = {"campaign": 0, "settlement": len(self.made.entries) - 1}
        for at, entry in enumerate(self.made.entries):
            if isinstance(entry.struct, entries.InferenceRun):
                roles["run"] = at
            if isinstance(entry.struct, Payout) and entry.struct.worker == self.made.wallets[number].address:
                roles["payout"] = at
        openings = {
            "terms": self.made.terms.to_json(),
            "escrow": self.world.escrow,
            "signed_statement": self._statement(number)["signed_statement"],
        }
        return self._bundle(bundle.PAYMENT, roles, len(self.made.entries), openings)

    def payout(self, number: int) -> Json:
        """The answer of GET /v1/campaigns/{id}/payouts/me."""
        opened, address = self._statement(number), self.made.wallets[number].address
        return {
            "campaign": show(self.made.campaign),
            "worker": address,
            "amount": str(self.made.owed[address]),
            "epoch": opened["signed_statement"]["epoch"],
            "statement": opened["statement"],
            "signature": opened["signed_statement"]["signature"],
            "state": "payable",
            "index": None,
            "count": None,
            "path": None,
            "root": None,
            "evidence": None,
        }

    def receipt(self, number: int, answer: str, deadline: int, signer: Wallet | None = None) -> Json:
        """The receipt of a label that was acknowledged and is not in the log."""
        entry = self.kept_out(number, answer)
        index = len(self.made.entries)
        signed = promise(entry.leaf, index, deadline, self.made.domain, signer or self.made.operator)
        return {**signed.to_json(), "entry": show(entry.raw)}

    def kept_out(self, number: int, answer: str) -> Entry:
        """A label of a worker that the operator took and did not log."""
        label = Label(
            campaign=self.made.campaign,
            item=self.made.item_ids[0],
            worker=self.made.wallets[number].address,
            answer=seeded(f"kept out {answer}"),
            suggestion=entries.ZERO32,
            made_at=self.made.place.now + 50,
        )
        return entries.encode(label, self.made.sessions[number].sign(entries.digest(label, self.made.domain)))

    def _statement(self, number: int) -> Json:
        address = self.made.wallets[number].address
        return next(
            line["openings"]
            for line in self.made.openings
            if line["kind"] == "Payout" and line["openings"]["statement"]["worker"] == address
        )

    def _bundle(self, kind: str, roles: dict[str, int], size: int, openings: dict[str, Json]) -> bytes:
        tree, key = self.made.tree, self.made.log_key
        text = sign_checkpoint(key.name, size, tree.root(size), key)
        logged = {
            role: bundle.Logged(self.made.entries[at].raw, at, tree.inclusion_proof(at, size))
            for role, at in roles.items()
        }
        return bundle.build(kind, self.made.domain, str(key.verifier), text, logged, openings)


def save(path: Path, *documents: bytes | Json) -> Path:
    """A file with one document a line."""
    lines = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in documents]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path
