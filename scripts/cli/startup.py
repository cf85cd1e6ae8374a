"""What has to be there before a service can serve: database, chain, keys and contracts."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ledger_service.chain import abi
from ledger_service.chain.client import ChainClient
from ledger_service.chain.compile import compile_contracts
from ledger_service.chain.contracts import Artifacts, ProvenanceLog
from ledger_service.chain.deploy import Deployment, deploy, founder
from ledger_service.chain.rotation import standing
from ledger_service.chain.rpc import Rpc
from ledger_service.chain.signer import LocalSigner
from ledger_service.chain.writer import ChainWriter
from ledger_service.config import Options, Settings, settle
from ledger_service.errors import BadInput, Conflict, Corrupt, Unavailable
from ledger_service.flow.context import SystemClock
from ledger_service.local.keys import local_arbiter
from ledger_service.local.services import LocalServices
from ledger_service.local.state import FOLDER, PROJECT, free_port
from ledger_service.store.chain import ChainIntents, State, Transactions
from ledger_service.store.migrate import upgrade
from ledger_service.store.store import connect

NAME = "deploy"  # prefix of the deployment's intents
LOCAL_MONEY = 10**24  # wei: a million ether, on a chain where they are worth nothing
LOCAL_CONFIRMATIONS = 0  # nobody reorganises a chain of one node

_PAUSE_SECONDS = 0.25
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the operator's transactions are written: its chain writer, and the rows that it keeps."""

    client: ChainClient
    transactions: Transactions
    writer: ChainWriter
    artifacts: Artifacts


@contextlib.contextmanager
def running(options: Options) -> Iterator[Settings]:
    """Everything a service needs, for the length of the block; local parts are ended with it.

    Raises:
        Conflict: another service runs on the state directory, the chain has no contracts of ours yet, or our
            key is not the operator's of the log.
        BadInput: a chain that is not the local one, without an arbiter.
        Unavailable: something does not start or answer.
    """
    if options.rpc_url is not None and options.arbiter is None:
        raise BadInput(
            "a chain that is not the local one needs somebody who rules on disputes: give --arbiter"
        )
    with services(options) as (options, local):
        with desk(options, local) as open_desk:
            deployment = contracts(options, local, open_desk, may_create=options.rpc_url is None)
            _check_operator(open_desk, deployment)
        yield settle(
            options,
            database_url=options.database_url or local.database_url,
            rpc_url=options.rpc_url or local.rpc_url,
            port=options.port or free_port(),
            arbiter=options.arbiter or local_arbiter(local.state).address,
            keys=local.keys,
            deployment=deployment,
        )


@contextlib.contextmanager
def services(options: Options) -> Iterator[tuple[Options, LocalServices]]:
    """The local services that the options leave to us, and the options with what follows from that."""
    database, chain = options.database_url is None, options.rpc_url is None
    with LocalServices(options.state, database=database, chain=chain) as local:
        if chain and options.confirmations is None:
            options = replace(options, confirmations=LOCAL_CONFIRMATIONS)
        yield replace(options, state=local.state), local


@contextlib.contextmanager
def desk(options: Options, local: LocalServices) -> Iterator[Desk]:
    """The operator's chain writer on its database, for the length of the block."""
    engine = connect(options.database_url or local.database_url)
    client = ChainClient.connect(options.rpc_url or local.rpc_url, finality_depth=options.confirmations)
    try:
        upgrade(engine)
        artifacts = compiled()
        signer = LocalSigner(local.keys.wallet())
        writer = ChainWriter(client, signer, engine.begin, SystemClock(), artifacts=artifacts)
        yield Desk(client, engine.begin, writer, artifacts)
    finally:
        client.close()
        engine.dispose()


def contracts(options: Options, local: LocalServices, at: Desk, *, may_create: bool) -> Deployment:
    """Our contracts on the chain: read from the database's rows, or created by the chain writer.

    Raises:
        Conflict: there are none and `may_create` is not set, or the operator's account has no money.
        Corrupt: the database knows contracts that are not on this chain.
    """
    by = founder(at.transactions, at.client.chain_id, NAME)
    with at.transactions() as connection:
        begun = ChainIntents(connection).find(by or at.writer.lane, f"{NAME}/escrow")
    if begun is None:
        _check_money(options, at.client, at.writer.lane.account, local.rpc_url, may_create)
    local_chain = options.rpc_url is None
    found = deploy(at.writer, at.transactions, at.artifacts, with_token=local_chain, name=NAME, by=by)
    there = (found.provenance_log, found.escrow, found.dataset_rights)
    if not all(at.client.code(address) for address in there):
        raise Corrupt(
            f"the database knows contracts at {', '.join(there)}, and this chain has none there: one of the"
            " two was replaced"
        )
    return found


def _check_operator(at: Desk, deployment: Deployment) -> None:
    log = ProvenanceLog(at.artifacts, deployment.provenance_log)
    warning = standing(log, at.client).check(deployment.operator)
    if warning is not None:
        _log.warning("%s", warning)


def write(at: Desk, name: str, to: str, call: bytes, patience: float) -> bytes:
    """Make a call through the chain writer, and wait until it is mined; the transaction's hash.

    One that was begun under this name and does the same is finished first, and counts.

    Raises:
        Conflict: the contract refuses it. Unavailable: it is not mined within `patience` seconds.
    """
    key = _free_key(at, name, call)
    with at.transactions() as connection:
        at.writer.enqueue(connection, key, to, call)
    give_up = time.monotonic() + patience
    while True:
        report = at.writer.step()
        with at.transactions() as connection:
            intent = ChainIntents(connection).get(at.writer.lane, key)
        if intent.state in (State.MINED, State.FINAL) and intent.mined is not None:
            return intent.mined.transaction
        if intent.state in (State.REJECTED, State.FOREIGN):
            raise Conflict(f"the chain refuses {name}: {intent.error}")
        if time.monotonic() > give_up:
            raise Unavailable("; ".join(report.alarms) or f"{name} is not on the chain yet: run this again")
        if not report.busy:
            time.sleep(_PAUSE_SECONDS)


def _free_key(at: Desk, name: str, call: bytes) -> str:
    """The key of the first intent of this name that is not over, or of a new one."""
    number = 1
    while True:
        with at.transactions() as connection:
            known = at.writer.find(connection, f"{name}/{number}")
        if known is None or (not known.final and known.data == call):
            return f"{name}/{number}"
        number += 1


def compiled() -> Artifacts:
    """The contracts' interfaces and code, compiled when their sources have changed."""
    return abi.load_artifacts(compile_contracts(PROJECT, PROJECT / FOLDER / "artifacts"))


def _check_money(
    options: Options, client: ChainClient, operator: str, local_rpc: str, may_create: bool
) -> None:
    if not may_create:
        raise Conflict(
            f"chain {client.chain_id} has no contracts of this service: run crowdledger deploy first"
        )
    if options.rpc_url is None:
        node = Rpc(local_rpc, 10.0)
        try:
            node.ask("hardhat_setBalance", operator, hex(LOCAL_MONEY))
        finally:
            node.close()
    elif client.balance(operator) == 0:
        raise Conflict(
            f"the operator {operator} has no money on chain {client.chain_id}: send it some, run again"
        )
