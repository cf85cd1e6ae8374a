"""What has to be there before a service can serve: database, chain, keys and contracts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from ledger_service.chain import abi
from ledger_service.chain.client import ChainClient
from ledger_service.chain.compile import compile_contracts
from ledger_service.chain.contracts import Artifacts
from ledger_service.chain.deploy import Deployment, deploy
from ledger_service.chain.rpc import Rpc
from ledger_service.chain.signer import LocalSigner
from ledger_service.chain.writer import ChainWriter
from ledger_service.config import Options, Settings, settle
from ledger_service.errors import BadInput, Conflict, Corrupt
from ledger_service.flow.context import SystemClock
from ledger_service.local.keys import local_arbiter
from ledger_service.local.services import LocalServices
from ledger_service.local.state import FOLDER, PROJECT, free_port
from ledger_service.store.migrate import upgrade
from ledger_service.store.store import connect

NAME = "deploy"  # prefix of the deployment's intents
LOCAL_MONEY = 10**24  # wei: a million ether, on a chain where they are worth nothing
LOCAL_CONFIRMATIONS = 0  # nobody reorganises a chain of one node


@contextlib.contextmanager
def running(options: Options) -> Iterator[Settings]:
    """Everything a service needs, for the length of the block; local parts are ended with it.

    Raises:
        Conflict: another service runs on the state directory, or the chain has no contracts of ours yet.
        BadInput: a chain that is not the local one, without an arbiter.
        Unavailable: something does not start or answer.
    """
    if options.rpc_url is not None and options.arbiter is None:
        raise BadInput(
            "a chain that is not the local one needs somebody who rules on disputes: give --arbiter"
        )
    with services(options) as (options, local):
        deployment = contracts(options, local, may_create=options.rpc_url is None)
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


def contracts(options: Options, local: LocalServices, *, may_create: bool) -> Deployment:
    """Our contracts on the chain: read from the database's rows, or created by the chain writer.

    Raises:
        Conflict: there are none and `may_create` is not set, or the operator's account has no money.
        Corrupt: the database knows contracts that are not on this chain.
    """
    engine = connect(options.database_url or local.database_url)
    client = ChainClient.connect(options.rpc_url or local.rpc_url, finality_depth=options.confirmations)
    try:
        upgrade(engine)
        signer = LocalSigner(local.keys.wallet())
        artifacts = compiled()
        writer = ChainWriter(client, signer, engine.begin, SystemClock(), artifacts=artifacts)
        with engine.begin() as connection:
            begun = writer.find(connection, f"{NAME}/escrow") is not None
        if not begun:
            _check_money(options, client, signer.address, local.rpc_url, may_create)
        found = deploy(writer, engine.begin, artifacts, with_token=options.rpc_url is None, name=NAME)
        if not client.code(found.provenance_log) or not client.code(found.escrow):
            raise Corrupt(
                f"the database knows contracts at {found.provenance_log} and {found.escrow}, and this chain "
                "has none there: one of the two was replaced"
            )
        return found
    finally:
        client.close()
        engine.dispose()


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
