"""A service whose node answers what a test says, and the rounds over it, with time that the test moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import eth_abi

from ledger_service.chain.client import ChainClient
from ledger_service.chain.contracts import Stage
from ledger_service.chain.rpc import Rpc
from ledger_service.chain.signer import LocalSigner
from ledger_service.chain.watcher import ChainWatcher
from ledger_service.chain.writer import ChainWriter
from ledger_service.config import Settings
from ledger_service.rounds import Rounds
from ledger_service.service import Service
from ledger_service.store.chain import Intent
from ledger_service.store.payouts import PayrollRow
from tests.flow.world import CHAIN, START, Ask, World
from tests.verify.rpc import endpoint

WINDOW = 86_400
# CampaignEscrow.Campaign, in its order.
STATE = (
    "(bytes32,uint96,uint32,uint32,uint8,bool,uint40,uint40,bytes32,uint96,uint32,uint40,uint40,uint40"
    ",uint128,uint128,uint128,uint128,uint96,address)"
)


@dataclass
class Chain:
    """What the node says: the newest block's time, and how every campaign stands in the escrow."""

    time: int = START
    epoch: int = 1
    stage: Stage = Stage.EMPTY
    posted_at: int = 0
    disputed_at: int = 0
    fee_collected: int = 0

    def answer(self, method: str, params: list[Any]) -> Any:
        if method == "eth_chainId":
            return hex(CHAIN)
        if method == "eth_getBlockByNumber":
            names = ("hash", "parentHash")
            return dict.fromkeys(names, "0x" + "00" * 32) | {"number": "0x0", "timestamp": hex(self.time)}
        assert method == "eth_call", method
        settled = (bytes(32), 0, 0, self.epoch, int(self.stage), False, 0, 0)
        pending = (bytes(32), 0, 0, self.posted_at, 0, self.disputed_at)
        state = (*settled, *pending, 0, 0, self.fee_collected, 0, 0, "0x" + "00" * 20)
        return "0x" + eth_abi.abi.encode([STATE], [state]).hex()


@dataclass
class Running:
    """Rounds over a world."""

    world: World
    chain: Chain
    service: Service
    calls: list[tuple[str, list[Any]]]
    seconds: float = 0.0
    rounds: Rounds = field(init=False)

    def __post_init__(self) -> None:
        self.rounds = Rounds(self.service, monotonic=lambda: self.seconds)

    def run(self, seconds: float = 0.0) -> None:
        """Rounds until one moves nothing, `seconds` after the last."""
        self.seconds += seconds
        while self.rounds.step():
            continue

    def asked(self) -> int:
        """How often the contract was asked since the last time."""
        count = sum(method == "eth_call" for method, _ in self.calls)
        self.calls.clear()
        return count

    def intents(self, prefix: str) -> list[Intent]:
        """What is waiting to be written to the chain under keys that begin so."""
        with self.world.store.begin() as uow:
            queued = uow.intents.queued(self.world.ledger.lane, 100)
        return [intent for intent in queued if intent.key.startswith(prefix)]

    def refuse(self, prefix: str, reason: str) -> None:
        """The contract refuses the one intent that waits under such a key."""
        (intent,) = self.intents(prefix)
        with self.world.store.begin() as uow:
            assert uow.intents.refused(intent, reason, self.world.clock.now())

    def anchored(self, root: bytes | None = None) -> None:
        """The chain takes the heads that are sent to it, until all is anchored; or another root than sent."""
        while True:
            with self.world.store.begin() as uow:
                newest = uow.anchors.newest()
            assert newest is not None
            if newest.final:
                return
            self.world.event("Anchored", size=str(newest.size), root="0x" + (root or newest.root).hex())
            self.run(seconds=15)
            if root is not None:
                return

    def posted(self, ask: Ask) -> None:
        """Take a campaign that workers have answered to where its payroll is on the chain."""
        self.run()
        self.anchored()
        self.taken(ask)

    def taken(self, ask: Ask, epoch: int = 1) -> None:
        """The escrow takes the payroll that waits to be posted, as the number that we count on."""
        assert self.intents(f"post:{ask.campaign.hex()}:{epoch}")
        self.happens("Posted", ask, epoch=str(epoch), root="0x" + self.payroll(ask).root.hex())
        self.chain.epoch = epoch
        self.chain.stage, self.chain.posted_at = Stage.PENDING, self.world.clock.now()
        self.run()
        assert self.world.state(ask) == "posted"

    def payroll(self, ask: Ask) -> PayrollRow:
        """The newest payroll, as it is or will be posted."""
        with self.world.store.begin() as uow:
            row = uow.payouts.payroll(ask.campaign)
        assert row is not None
        return row

    def happens(self, name: str, ask: Ask, **args: Any) -> None:
        """The escrow says something about a campaign."""
        self.world.event(name, id="0x" + ask.campaign.hex(), **args)

    def later(self, seconds: int) -> None:
        """Time passes, on the chain as here."""
        self.world.clock.time += seconds
        self.chain.time = self.world.clock.time


def answered(world: World, **changes: Any) -> Ask:
    """An open campaign whose every task is answered, by two workers."""
    ask = world.ask(**changes)
    world.open(ask)
    for name in ("ada", "bob"):
        world.join(name, ask)
    assert world.match(ask)
    for name in ("ada", "bob"):
        world.answer_all(name, ask)
    return ask


@contextmanager
def running(world: World, folder: Path) -> Iterator[Running]:
    """Rounds over `world`, beside a node that answers on a port of its own."""
    chain = Chain()
    with endpoint(chain.answer) as (url, calls):
        client = ChainClient(Rpc(url, 5), CHAIN, bytes(32), finality_depth=0)
        yield Running(world, chain, _service(world, client, url, folder), calls)
        client.close()


def _service(world: World, client: ChainClient, url: str, folder: Path) -> Service:
    contracts = (world.ledger.provenance_log, world.ledger.escrow)
    return Service(
        settings=_settings(world, url, folder),
        store=world.store,
        ledger=world.ledger,
        client=client,
        writer=ChainWriter(client, LocalSigner(world.operator), world.engine.begin, world.clock),
        watcher=ChainWatcher(client, world.engine.begin, {one.address: one.artifact for one in contracts}),
    )


def _settings(world: World, url: str, folder: Path) -> Settings:
    return world.settings(folder, url)


def until(true: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.02)
