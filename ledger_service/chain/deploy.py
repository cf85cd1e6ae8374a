"""Put the contracts on a chain, through the chain writer: once, whatever fails on the way.

Each contract is an intent with a fixed key, so a deployment that was interrupted goes on where it stopped,
and one that is done is read from the rows. The escrow needs the log's address, and the rights the escrow's,
which is known when that transaction has its nonce; a reorganisation does not change it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ledger_service.chain.contracts import Artifacts, CampaignEscrow, DatasetRights, LocalToken, ProvenanceLog
from ledger_service.chain.writer import ChainWriter
from ledger_service.errors import Conflict, Corrupt, Unavailable
from ledger_service.store.chain import ChainIntents, Intent, Lane, Mined, State, Transactions
from ledger_service.store.lanes import lane_of


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the contracts are (lower-case hex), and the first block that has any of them.

    `operator` is the account of the key that is used now.
    """

    chain_id: int
    provenance_log: str
    escrow: str
    dataset_rights: str
    token: str | None
    operator: str
    block: int


def deploy(
    writer: ChainWriter,
    transactions: Transactions,
    artifacts: Artifacts,
    *,
    with_token: bool = False,
    until_final: bool = True,
    name: str = "deploy",
    by: Lane | None = None,
    patience: float = 1800.0,
    pause: Callable[[], None] = lambda: time.sleep(0.25),
) -> Deployment:
    """Create ProvenanceLog, CampaignEscrow, DatasetRights and, when asked, LocalToken.

    The writer's account is the log's operator.

    Args:
        name: prefix of the intents' keys: another name is another deployment.
        by: whose deployment it is, when another account made it before the log was handed over to this one:
            it is read from that account's rows.
        until_final: wait until the blocks are final, or only until the transactions are mined.
        patience: seconds after which it gives up; calling again goes on.
        pause: called between two steps of the writer that found nothing to do.

    Raises:
        Unavailable: the node does not answer, or patience is over; the message has the writer's last alarm.
        Conflict: a contract was refused, or its nonce went to a foreign transaction.
        Corrupt: what is on the chain is not what was deployed.
    """
    plan = _Plan(writer, transactions, artifacts, with_token, until_final, name, by or writer.lane)
    deadline = time.monotonic() + patience
    while True:
        found = plan.advance()
        if found is not None:
            return found
        report = writer.step()
        if time.monotonic() > deadline:
            raise Unavailable("; ".join(report.alarms) or "the contracts are not on the chain yet")
        if not report.busy:
            pause()


@dataclass(frozen=True, slots=True)
class _Plan:
    writer: ChainWriter
    transactions: Transactions
    artifacts: Artifacts
    with_token: bool
    until_final: bool
    name: str
    lane: Lane

    def advance(self) -> Deployment | None:
        """Queue what can be queued; the deployment once all of it is there."""
        operator = self.writer.lane.account
        asked = {
            "log": self._intent("provenance-log", lambda: ProvenanceLog.creation(self.artifacts, operator))
        }
        if self.with_token:
            asked["token"] = self._intent("token", lambda: LocalToken.creation(self.artifacts))
        log = asked["log"].mined
        if log is None:
            return None
        asked["escrow"] = self._intent(
            "escrow", lambda: CampaignEscrow.creation(self.artifacts, _address(log))
        )
        escrow = asked["escrow"].mined
        if escrow is None:
            return None
        asked["rights"] = self._intent(
            "dataset-rights", lambda: DatasetRights.creation(self.artifacts, _address(escrow))
        )
        there = {name: one.mined for name, one in asked.items() if self._there(one) and one.mined is not None}
        if len(there) < len(asked):
            return None
        return Deployment(
            chain_id=self.writer.lane.chain_id,
            provenance_log=_address(there["log"]),
            escrow=_address(there["escrow"]),
            dataset_rights=_address(there["rights"]),
            token=_address(there["token"]) if self.with_token else None,
            operator=operator,
            block=min(mined.block_number for mined in there.values()),
        )

    def _intent(self, contract: str, creation: Callable[[], bytes]) -> Intent:
        """Once queued, the intent stands: another compiler's bytecode does not change a deployment."""
        key = f"{self.name}/{contract}"
        with self.transactions() as connection:
            intent = ChainIntents(connection).find(self.lane, key)
            if intent is None and self.lane == self.writer.lane:
                intent = self.writer.enqueue(connection, key, None, creation())
        if intent is None or (self.lane != self.writer.lane and not self._there(intent)):
            raise Conflict(f"{key} was left unfinished by {self.lane.account}: its key has to finish it")
        if intent.final and intent.state is not State.FINAL:
            raise Conflict(f"{intent.key}: {intent.state.lower()}: {intent.error}")
        return intent

    def _there(self, intent: Intent) -> bool:
        return intent.state is State.FINAL or (intent.state is State.MINED and not self.until_final)


def founder(transactions: Transactions, chain_id: int, name: str = "deploy") -> Lane | None:
    """Whose account has put the log on the chain, by the rows; None where nobody has."""
    with transactions() as connection:
        return lane_of(connection, chain_id, f"{name}/provenance-log")


def _address(mined: Mined) -> str:
    if mined.contract is None:
        raise Corrupt(f"transaction {mined.transaction.hex()} should have created a contract")
    return mined.contract
