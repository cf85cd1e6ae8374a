"""What the chain has to say before and while a service is built again: it is asked, and the copy only tells
where to look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ledger_service.audit.chain_reading import ChainReader
from ledger_service.audit.log_history import read_history
from ledger_service.chain import contracts
from ledger_service.chain.client import ChainClient, Receipt
from ledger_service.chain.watcher import ChainWatcher
from ledger_service.errors import Conflict, Corrupt, Unavailable, VerificationError
from ledger_service.heads import Head
from ledger_service.restore.copy import Copy, unhex
from ledger_service.store.chain import Connection, Lane, State
from ledger_service.store.restoring import Restoring
from ledger_service.store.store import UnitOfWork


@dataclass(frozen=True, slots=True)
class Chain:
    """The node, and the two contracts of the service."""

    client: ChainClient
    log: contracts.ProvenanceLog
    escrow: contracts.CampaignEscrow

    @staticmethod
    def of(copy: Copy, client: ChainClient, artifacts: contracts.Artifacts) -> Chain:
        """The chain of a copy.

        Raises:
            Corrupt: the node serves another chain, or one without the contracts.
        """
        facts = copy.facts
        if client.chain_id != facts.chain_id or facts.genesis not in (None, client.genesis):
            raise Corrupt(
                f"the copy is of chain {facts.chain_id} that began with "
                f"{facts.genesis.hex() if facts.genesis else 'any block'}, the node serves chain "
                f"{client.chain_id} that began with {client.genesis.hex()}"
            )
        if not (client.code(facts.provenance_log) and client.code(facts.escrow)):
            raise Corrupt(f"this chain has no contracts at {facts.provenance_log} and {facts.escrow}")
        log = contracts.ProvenanceLog(artifacts, facts.provenance_log)
        return Chain(client, log, contracts.CampaignEscrow(artifacts, facts.escrow))

    def heads(self, copy: Copy) -> list[Head]:
        """Every head that is final on the chain.

        Raises:
            VerificationError: the chain contradicts itself.
            Unavailable: the operator's last transactions are not final yet, or the node does not answer.
        """
        self._check_nothing_under_way(copy.facts.operator)
        first = min((one.block_number for one in self._deployment(copy)), default=0)
        reader = ChainReader(self.client, first)
        return list(read_history(reader, self.log.address).heads)

    def _check_nothing_under_way(self, operator: str) -> None:
        final = self.client.transaction_count(operator, self.client.finalized().number)
        waiting = self.client.transaction_count(operator, "pending") - final
        if waiting:
            raise Unavailable(
                f"{waiting} transactions of the operator {operator} are not final yet: run this again once "
                "they are, so that nothing is sent twice"
            )

    def _deployment(self, copy: Copy) -> Iterator[Receipt]:
        for line in copy.state("intent"):
            if str(line["key"]).startswith("deploy/"):
                found = self.mined(line)
                if found is not None:
                    yield found

    def mined(self, line: dict[str, Any]) -> Receipt | None:
        """The receipt of the one transaction of an intent that was mined."""
        found = (self.client.receipt(unhex(attempt)) for attempt in line["attempts"])
        return next((receipt for receipt in found if receipt is not None), None)

    def read_events(self, uow: UnitOfWork, progress: Callable[[int, int], None]) -> None:
        """Read all events of the contracts into their rows, as the service does when it starts."""
        first = min(
            (intent.mined.block_number for intent in _deployed(uow, self.client.chain_id) if intent.mined),
            default=0,
        )
        watched = {part.address: part.artifact for part in (self.log, self.escrow)}
        # The calls to the node are made within the one transaction: nobody else works on this database.
        watcher = ChainWatcher(self.client, lambda: _same(uow.connection), watched, first_block=first)
        while True:
            report = watcher.step()
            progress(report.read_to, report.read_to + report.behind)
            if not report.behind:
                return


def check_heads(copy: Copy, heads: list[Head]) -> None:
    """Compare the heads on the chain with the copied log.

    Raises:
        Conflict: one is larger: what is between was acknowledged, and a log without it would be a fork.
        VerificationError: one is another log's.
    """
    for head in heads:
        if head.size > copy.head.size:
            raise Conflict(
                f"the chain has a head of {head.size} entries, this copy {copy.head.size}: a log that goes "
                "on from here would contradict it; restore from a newer copy"
            )
        expected = copy.root(head.size)
        if expected != head.root:
            raise VerificationError(
                f"root of the anchored head of {head.size} entries",
                expected="0x" + expected.hex(),
                found="0x" + head.root.hex(),
            )


@contextmanager
def _same(connection: Connection) -> Iterator[Connection]:
    yield connection


def _deployed(uow: UnitOfWork, chain_id: int) -> Iterator[Any]:
    for account in {lane.account for lane in Restoring(uow.connection).lanes(chain_id)}:
        for name in ("provenance-log", "escrow", "dataset-rights", "token"):
            intent = uow.intents.find(Lane(chain_id, account), f"deploy/{name}")
            if intent is not None:
                yield intent


def restore_intents(uow: UnitOfWork, rows: Restoring, copy: Copy, chain: Chain, now: int) -> None:
    """What was done on the chain under which key, as the chain says; and from which nonce on to go on.

    What was queued or sent and is not mined is left out: nothing is under way, so it is dropped for good, and
    the flows queue it again from where the campaigns stand.
    """
    facts = copy.facts
    for account, first in facts.lanes.items():
        uow.intents.open_lane(Lane(facts.chain_id, account), chain.client.genesis, first)
    for line in copy.state("intent"):
        row = _intent(line, chain) if line["chain_id"] == facts.chain_id else None
        if row is not None:
            rows.add_intent(row | {"created_at": now, "updated_at": now})
    lane = Lane(facts.chain_id, facts.operator)
    used = chain.client.transaction_count(facts.operator, chain.client.finalized().number)
    following = uow.intents.next_nonce(lane)
    if following is not None and following < used:
        # Rows are the nonce counter: transactions that came after the copy are counted, whatever they did.
        rows.add_intent(
            _over(State.REJECTED, f"restored/{used - 1}", lane)
            | {"nonce": used - 1, "error": "sent after the copy was made that this was restored from"}
            | {"created_at": now, "updated_at": now}
        )


def _intent(line: dict[str, Any], chain: Chain) -> dict[str, Any] | None:
    """The row of an intent that is over; None of one that never was mined."""
    lane = Lane(line["chain_id"], line["account"])
    named = {"to_address": line["to"], "value": int(line["value"]), "acknowledged": line["acknowledged"]}
    if line["nonce"] is None:
        state = State(line["state"])
        return _over(state, line["key"], lane) | named | {"data": unhex(line["data"]), "error": line["error"]}
    found = chain.mined(line)
    if found is None:
        if line["state"] != State.FOREIGN:
            return None
        place = {"nonce": line["nonce"], "error": line["error"]}
        return _over(State.FOREIGN, line["key"], lane) | named | place
    state = State.FINAL if found.succeeded else State.REJECTED
    return (
        _over(state, line["key"], lane)
        | named
        | {
            "data": chain.client.calldata(found.transaction),
            "nonce": line["nonce"],
            "contract": found.contract,
            "transaction_hash": found.transaction,
            "block_number": found.block_number,
            "block_hash": found.block_hash,
            "gas_used": found.gas_used,
            "gas_price": found.gas_price,
            "error": None if found.succeeded else line["error"] or "reverted",
        }
    )


def _over(state: State, key: str, lane: Lane) -> dict[str, Any]:
    return {
        "chain_id": lane.chain_id,
        "account": lane.account,
        "key": key,
        "to_address": None,
        "data": b"",
        "value": 0,
        "state": state,
        "final": True,
    }
