"""A running service: its settings, its database, the ledger's facts, and its connection to the chain."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger_service.chain import contracts
from ledger_service.chain.client import ChainClient
from ledger_service.chain.clock import ChainClock
from ledger_service.chain.signer import LocalSigner
from ledger_service.chain.watcher import ChainWatcher
from ledger_service.chain.writer import ChainWriter
from ledger_service.config import Settings
from ledger_service.eip712 import Domain
from ledger_service.flow.context import Clock, Ledger, Policy, SystemClock
from ledger_service.flow.hold import Holds
from ledger_service.flow.prove import PublishedCampaigns
from ledger_service.flow.sequencer import Sequencer
from ledger_service.store.chain import Lane
from ledger_service.store.migrate import upgrade
from ledger_service.store.store import Store, connect


@dataclass(frozen=True, slots=True)
class Service:
    """What requests and background work share. Nothing of it changes while it runs."""

    settings: Settings
    store: Store
    ledger: Ledger
    client: ChainClient
    writer: ChainWriter
    watcher: ChainWatcher
    sequencer: Sequencer = field(init=False)
    published: PublishedCampaigns = field(init=False, default_factory=PublishedCampaigns)
    holds: Holds = field(init=False, default_factory=Holds)

    def __post_init__(self) -> None:
        sequencer = Sequencer(self.store, self.ledger, refresh=self.refresh_clock)
        object.__setattr__(self, "sequencer", sequencer)  # the dataclass is frozen

    @property
    def clock_is_stale(self) -> bool:
        """Whether `refresh_clock` would ask the chain's node."""
        clock = self.ledger.clock
        return isinstance(clock, ChainClock) and clock.stale

    def refresh_clock(self) -> None:
        """Before a request or a round: let the ledger's time follow a local chain's."""
        clock = self.ledger.clock
        if isinstance(clock, ChainClock):
            clock.refresh()

    def close(self) -> None:
        """Answer what waits to be appended, then close the connections to the chain and the database."""
        self.sequencer.close()
        self.client.close()
        self.store.close()


def assemble(settings: Settings, artifacts: contracts.Artifacts) -> Service:
    """Put a service together; the database is migrated and the log begun where that has not been done.

    Raises:
        Unavailable: chain or database do not answer.
        Corrupt: the node serves another chain than the deployment's.
    """
    engine = connect(settings.database_url)
    upgrade(engine)
    store = Store(engine, settings.log_key(), settings.keys.storage)
    with store.begin() as uow:
        uow.log.initialise()
    client = ChainClient.connect(
        settings.rpc_url, chain_id=settings.chain_id, finality_depth=settings.confirmations
    )
    ledger = _ledger(settings, artifacts, ChainClock(client) if settings.local else SystemClock())
    signer = LocalSigner(settings.keys.wallet())
    return Service(
        settings=settings,
        store=store,
        ledger=ledger,
        client=client,
        writer=ChainWriter(client, signer, engine.begin, SystemClock(), artifacts=artifacts),
        watcher=ChainWatcher(
            client,
            engine.begin,
            {part.address: part.artifact for part in (ledger.provenance_log, ledger.escrow)},
            first_block=settings.deployment.block,
        ),
    )


def _ledger(settings: Settings, artifacts: contracts.Artifacts, clock: Clock) -> Ledger:
    wallet, deployment = settings.keys.wallet(), settings.deployment
    return Ledger(
        domain=Domain(settings.chain_id, deployment.provenance_log),
        operator=wallet,
        lane=Lane(settings.chain_id, wallet.address),
        policy=Policy(
            arbiter=settings.arbiter,
            tokens=frozenset(settings.tokens),
            bond=settings.bond,
            fee_bps=settings.fee_bps,
            judging_seconds=settings.judging_seconds,
        ),
        clock=clock,
        provenance_log=contracts.ProvenanceLog(artifacts, deployment.provenance_log),
        escrow=contracts.CampaignEscrow(artifacts, deployment.escrow),
    )
