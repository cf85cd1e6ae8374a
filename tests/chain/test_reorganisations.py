"""Reorganisations of every depth up to 64 on a real chain: what was read is what a fresh reader reads, and
nothing that is acted on is ever taken back."""

from __future__ import annotations

import hashlib
import random
import secrets
from dataclasses import dataclass, field

import pytest

from ledger_service.chain.client import ChainClient
from ledger_service.chain.watcher import ChainWatcher, WatcherPolicy
from ledger_service.store.chain import ChainEvents
from ledger_service.store.chain_events import StoredEvent
from ledger_service.store.onchain import OnChain
from tests.chain.conftest import DEPTH
from tests.chain.test_escrow import Campaign, campaign  # noqa: F401  a fixture
from tests.chain.world import World

DEEPEST = 64
SIZE = 29_029
"""Of a head that no other test of this database anchors."""
Seen = tuple[int, bytes, int, bytes, int]


def plain(stored: StoredEvent) -> Seen:
    """A transfer without the row that it stands in."""
    event = stored.event
    return event.block_number, event.block_hash, event.log_index, event.transaction, int(event.args["value"])


@dataclass
class Fork:
    """A chain that is reorganised again and again, and a watcher that follows it."""

    world: World
    client: ChainClient
    token: str
    first_block: int
    account: str
    source: random.Random
    stream: str = field(default_factory=lambda: f"reorg-{secrets.token_hex(4)}")
    final: dict[int, Seen] = field(default_factory=dict)
    sent: int = 0
    highest: int = 0

    def grow(self, blocks: int, events: int) -> None:
        """So many blocks, so many of them with a transfer, at random places. No two forks are alike."""
        # Another clock makes other hashes: an empty block of one fork is none of another.
        self.world.control.node.ask("evm_increaseTime", self.source.randrange(1, 1_000))
        with_event = set(self.source.sample(range(blocks), min(events, blocks)))
        for at in range(blocks):
            if at not in with_event:
                self.world.control.mine()
                continue
            self.sent += 1
            data = self.world.artifacts["LocalToken"].call("mint", "0x" + "ab" * 20, self.sent)
            call = {"from": self.account, "to": self.token, "data": "0x" + data.hex(), "gas": hex(200_000)}
            self.world.control.node.ask("eth_sendTransaction", call)

    def watcher(self, stream: str, policy: WatcherPolicy | None = None) -> ChainWatcher:
        """A watcher as a new process makes it."""
        contracts = {self.token: self.world.artifacts["LocalToken"]}
        return ChainWatcher(
            self.client,
            self.world.database.begin,
            contracts,
            stream=stream,
            first_block=self.first_block,
            policy=policy,
        )

    def read(self) -> int:
        """Follow the chain; how many events were forgotten."""
        policy = WatcherPolicy(page=self.source.choice((9, 50, 2_000)))
        report = self.watcher(self.stream, policy).step()
        while report.behind:
            report = self.watcher(self.stream, policy).step()
        self.check_final()
        return report.rolled_back

    def events(self, stream: str, *, final_only: bool = False) -> list[StoredEvent]:
        with self.world.database.begin() as connection:
            return ChainEvents(connection, stream).after(0, 100_000, final_only=final_only)

    def on_chain(self) -> list[Seen]:
        """What the chain says of the whole contract now, in one answer."""
        logs = self.client.logs([self.token], self.first_block, self.client.head().number)
        return [
            (log.block_number, log.block_hash, log.index, log.transaction, int.from_bytes(log.data, "big"))
            for log in logs
        ]

    def fresh(self) -> list[Seen]:
        """What a watcher finds that begins now."""
        stream = f"fresh-{secrets.token_hex(4)}"
        while self.watcher(stream).step().behind:
            continue
        return [plain(stored) for stored in self.events(stream)]

    def check_final(self) -> None:
        """What was final is there, in the same row; nothing is final that could still be abandoned."""
        found = {stored.id: plain(stored) for stored in self.events(self.stream, final_only=True)}
        assert self.final.items() <= found.items()
        self.highest = max(self.highest, self.client.head().number)
        assert all(block <= self.highest - DEEPEST for block, *_ in found.values())
        self.final = found


@pytest.fixture
def fork(world: World) -> Fork:
    token = world.deploy_token()
    mined = world.intent("token").mined
    assert mined is not None
    node = world.client
    client = ChainClient(node._rpc, node.chain_id, node.genesis, DEEPEST)
    account = str(world.control.node.ask("eth_accounts")[0])
    return Fork(world, client, token, mined.block_number, account, random.Random(29))


def test_after_a_reorganisation_of_any_depth_the_view_is_a_fresh_one(fork: Fork) -> None:
    fork.grow(DEEPEST + 10, 20)
    fork.read()
    depths = list(range(1, DEEPEST + 1))
    fork.source.shuffle(depths)
    forgotten = 0
    for depth in depths:
        snapshot = fork.world.control.snapshot()
        fork.grow(depth, 1 + depth // 16)
        fork.read()
        fork.world.control.revert(snapshot)
        # The other fork has other events or none; it is seen while it is shorter, and once it is not.
        short = fork.source.randrange(depth)
        fork.grow(short, fork.source.randrange(2))
        forgotten += fork.read()
        assert [plain(stored) for stored in fork.events(fork.stream)] == fork.on_chain(), depth
        fork.grow(depth - short + fork.source.randrange(2), fork.source.randrange(2))
        forgotten += fork.read()
        view = [plain(stored) for stored in fork.events(fork.stream)]
        assert view == fork.on_chain(), depth
        if depth in (1, DEEPEST // 2, DEEPEST):
            assert view == fork.fresh(), depth
    assert forgotten >= len(depths), "each of the abandoned forks had an event"
    fork.grow(DEEPEST + 1, 0)
    fork.read()
    assert list(fork.final.values()) == fork.on_chain(), "in the end all of it is final"


def test_a_deposit_and_a_head_count_once_they_are_final(campaign: Campaign) -> None:  # noqa: F811
    """What the flow asks (`OnChain`) does not know of an event that can still be abandoned."""
    world, log = campaign.operator, campaign.log
    root = hashlib.sha256(b"\x00entry").digest()

    def known() -> tuple[int, bytes | None]:
        with world.database.begin() as connection:
            rows = OnChain(connection)
            return rows.deposited(campaign.id), rows.anchored(SIZE)

    fork = world.control.snapshot()
    campaign.fund(1_000)
    campaign.do(world, "anchor", log.anchor(SIZE, root, []), log.address)
    seen = [name for name, _ in campaign.events()]
    assert {"Deposited", "Anchored"} <= set(seen)
    assert known() == (0, None)

    world.control.revert(fork)
    world.control.mine(4)
    assert {"Deposited", "Anchored"}.isdisjoint(name for name, _ in campaign.events())
    assert known() == (0, None)
    for lane in (campaign.requester, campaign.requester, world):  # sent again, by the rows
        lane.writer().step()
        lane.writer().step()
    assert {"Deposited", "Anchored"} <= {name for name, _ in campaign.events()}
    assert known() == (0, None)
    world.control.mine(DEPTH - 1)
    campaign.events()
    assert known()[1] is None
    world.control.mine()
    campaign.events()
    assert known() == (1_000, root)
