"""The chain watcher on a real chain and a real database: rows are what the chain says, always."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest

from ledger_service.chain.client import Block, ChainClient, Log
from ledger_service.chain.rpc import AnswerTooLarge, RpcRefused
from ledger_service.chain.watcher import ChainWatcher, WatcherPolicy
from ledger_service.errors import Corrupt, Unavailable
from ledger_service.store.chain import ChainEvents
from ledger_service.store.chain_events import Cursor, StoredEvent
from tests.chain.conftest import DEPTH
from tests.chain.world import Crash, CrashAt, World


@dataclass
class Stream:
    """A token contract whose transfers are watched from its creation on."""

    world: World
    token: str
    name: str
    first_block: int
    minted: int = 0

    def watcher(self, *, crash_at: str = "", policy: WatcherPolicy | None = None) -> ChainWatcher:
        """A watcher as a new process makes it."""
        return self.watcher_of(self.world.client, crash_at=crash_at, policy=policy)

    def watcher_of(
        self, client: ChainClient, *, crash_at: str = "", policy: WatcherPolicy | None = None
    ) -> ChainWatcher:
        return ChainWatcher(
            client,
            self.world.database.begin,
            {self.token: self.world.artifacts["LocalToken"]},
            stream=self.name,
            first_block=self.first_block,
            policy=policy,
            boundary=CrashAt(crash_at),
        )

    def mint(self, amount: int) -> None:
        """One block with one transfer of this amount."""
        self.minted += 1
        self.world.mint(f"mint/{self.minted}", self.token, "0x" + "ab" * 20, amount)
        self.world.writer().step()
        self.world.writer().step()

    def events(self, *, final_only: bool = False) -> list[StoredEvent]:
        with self.world.database.begin() as connection:
            return ChainEvents(connection, self.name).after(0, 100, final_only=final_only)

    def amounts(self, *, final_only: bool = False) -> list[int]:
        return [int(stored.event.args["value"]) for stored in self.events(final_only=final_only)]

    def cursor(self) -> Cursor:
        with self.world.database.begin() as connection:
            cursor = ChainEvents(connection, self.name).cursor()
        assert cursor is not None
        return cursor


@pytest.fixture
def stream(world: World) -> Stream:
    token = world.deploy_token()
    mined = world.intent("token").mined
    assert mined is not None
    return Stream(world, token, f"test-{secrets.token_hex(4)}", mined.block_number)


def test_events_become_rows_and_then_final(stream: Stream) -> None:
    stream.mint(5)
    report = stream.watcher().step()
    assert (report.added, report.rolled_back, report.behind) == (1, 0, 0)
    (stored,) = stream.events()
    head = stream.world.client.head()
    assert stored.event.name == "Transfer"
    assert stored.event.args == {"from": "0x" + "00" * 20, "to": "0x" + "ab" * 20, "value": "5"}
    assert (stored.event.block_number, stored.event.block_hash) == (head.number, head.hash)
    assert not stored.final

    stream.world.control.mine(DEPTH - 1)
    stream.watcher().step()
    assert stream.amounts(final_only=True) == []
    stream.world.control.mine()
    assert stream.watcher().step().became_final == 1
    assert stream.amounts(final_only=True) == [5]


def test_nothing_is_read_twice(stream: Stream) -> None:
    stream.mint(5)
    stream.watcher().step()
    assert stream.watcher().step().added == 0
    stream.mint(6)
    assert stream.watcher().step().added == 1
    assert stream.amounts() == [5, 6]


def test_events_are_asked_for_by_name_and_position(stream: Stream) -> None:
    for amount in (1, 2, 3):
        stream.mint(amount)
    stream.watcher().step()
    first, *rest = stream.events()
    with stream.world.database.begin() as connection:
        rows = ChainEvents(connection, stream.name)
        assert rows.after(first.id, 10, final_only=False) == rest
        assert rows.after(0, 1, final_only=False) == [first]
        assert rows.after(0, 10, names=["Approval"], final_only=False) == []
        assert rows.after(0, 10, names=["Transfer", "Approval"], final_only=False) == [first, *rest]


def test_a_crash_before_the_commit_reads_the_page_again(stream: Stream) -> None:
    stream.mint(5)
    with pytest.raises(Crash):
        stream.watcher(crash_at="read").step()
    assert stream.amounts() == []
    assert stream.cursor().read_to == stream.first_block - 1
    stream.watcher().step()
    assert stream.amounts() == [5]


def test_a_reorganisation_rolls_the_rows_back(stream: Stream) -> None:
    stream.mint(1)
    stream.watcher().step()
    fork = stream.world.control.snapshot()
    stream.mint(2)
    stream.watcher().step()
    kept, gone = stream.events()
    assert stream.amounts() == [1, 2]

    stream.world.control.revert(fork)
    stream.world.control.mine(2)
    report = stream.watcher().step()
    assert (report.rolled_back, report.added) == (1, 0)
    assert stream.events() == [kept]
    stream.world.writer().step()  # the chain writer sends the abandoned transaction again
    stream.world.writer().step()
    stream.watcher().step()
    assert stream.amounts() == [1, 2]
    again = stream.events()[1]
    assert again.id > gone.id
    assert again.event.block_hash != gone.event.block_hash
    assert again.event.transaction == gone.event.transaction


def test_a_shorter_chain_rolls_back_too(stream: Stream) -> None:
    stream.mint(1)
    fork = stream.world.control.snapshot()
    stream.mint(2)
    stream.mint(3)
    stream.watcher().step()
    stream.world.control.revert(fork)
    report = stream.watcher().step()
    assert (report.rolled_back, report.behind) == (2, 0)
    assert stream.amounts() == [1]
    assert stream.cursor().read_to == stream.world.client.head().number


def test_a_reorganisation_below_finality_stops_the_stream(stream: Stream) -> None:
    stream.mint(1)
    fork = stream.world.control.snapshot()
    stream.mint(2)
    stream.world.control.mine(DEPTH)
    stream.watcher().step()
    assert stream.amounts(final_only=True) == [1, 2]
    stream.world.control.revert(fork)
    with pytest.raises(Unavailable, match="was final"):
        stream.watcher().step()  # a node that lags behind looks the same
    stream.world.control.mine(2 * DEPTH)
    with pytest.raises(Corrupt, match="was final and has been abandoned"):
        stream.watcher().step()
    assert stream.amounts() == [1, 2]
    with pytest.raises(Corrupt, match="stands still"):
        stream.watcher().step()
    assert "abandoned" in str(stream.cursor().alarm)
    stream.watcher().resume()
    assert stream.cursor().alarm is None


def test_a_reorganisation_deeper_than_what_is_kept_stops_the_stream(stream: Stream) -> None:
    fork = stream.world.control.snapshot()
    for amount in (1, 2):
        stream.mint(amount)
        stream.watcher(policy=WatcherPolicy(keep=1)).step()
    stream.world.control.revert(fork)
    stream.world.control.mine(3)
    with pytest.raises(Corrupt, match="the oldest that is kept"):
        stream.watcher(policy=WatcherPolicy(keep=1)).step()


class Narrow(ChainClient):
    """A node that gives the events of so many blocks at most in one answer."""

    most = 2
    refusal: Unavailable = RpcRefused("eth_getLogs", -32005, "query returned more than 10000 results")

    def logs(self, addresses: Sequence[str], first: int, last: int) -> list[Log]:
        if last - first + 1 > self.most:
            raise self.refusal
        return super().logs(addresses, first, last)


def _narrow(stream: Stream, kind: type[Narrow]) -> Narrow:
    client = stream.world.client
    return kind(client._rpc, client.chain_id, client.genesis, DEPTH)


def test_a_node_that_refuses_long_answers_is_asked_for_less(stream: Stream) -> None:
    for amount in range(1, 8):
        stream.mint(amount)
    stream.watcher_of(_narrow(stream, Narrow)).step()
    assert stream.amounts() == list(range(1, 8))

    class Bounded(Narrow):
        refusal = AnswerTooLarge("eth_getLogs: too large")

    stream.mint(8)
    stream.mint(9)
    stream.mint(10)
    stream.watcher_of(_narrow(stream, Bounded)).step()
    assert stream.amounts() == list(range(1, 11))


def test_a_node_that_refuses_a_single_block_is_unavailable(stream: Stream) -> None:
    class Closed(Narrow):
        most = 0

    stream.mint(1)
    with pytest.raises(Unavailable, match="more than 10000"):
        stream.watcher_of(_narrow(stream, Closed)).step()
    assert stream.amounts() == []


def test_small_pages_read_the_same(stream: Stream) -> None:
    for amount in (1, 2, 3, 4, 5):
        stream.mint(amount)
    report = stream.watcher(policy=WatcherPolicy(page=1, pages=3)).step()
    assert report.behind == 3
    assert stream.amounts() == [1, 2]
    while stream.watcher(policy=WatcherPolicy(page=1, pages=3)).step().behind:
        assert stream.cursor().read_to < stream.world.client.head().number
    assert stream.amounts() == [1, 2, 3, 4, 5]


class Changing(Narrow):
    """The chain is reorganised once, right after a question of this kind was answered."""

    most = 1 << 20
    after = "logs"
    change: Callable[[], None] | None = None

    def logs(self, addresses: Sequence[str], first: int, last: int) -> list[Log]:
        found = super().logs(addresses, first, last)
        self._asked("logs")
        return found

    def block(self, number: int) -> Block | None:
        found = super().block(number)
        self._asked("block")
        return found

    def _asked(self, kind: str) -> None:
        if self.change is not None and kind == self.after:
            change, self.change = self.change, None
            change()


def test_an_event_of_a_block_that_is_abandoned_while_it_is_read_is_not_kept(stream: Stream) -> None:
    fork = stream.world.control.snapshot()
    stream.mint(2)
    client = _changing(stream, "logs")

    def change() -> None:
        stream.world.control.revert(fork)
        stream.world.control.mine()

    client.change = change
    assert stream.watcher_of(client).step().added == 0
    stream.watcher_of(client).step()
    assert stream.amounts() == []
    assert stream.cursor().read_to == stream.world.client.head().number


def test_an_event_of_a_block_that_appears_while_it_is_read_is_not_missed(stream: Stream) -> None:
    stream.watcher().step()
    fork = stream.world.control.snapshot()
    stream.world.control.mine()
    client = _changing(stream, "logs")

    def change() -> None:
        stream.world.control.revert(fork)
        stream.mint(3)

    client.change = change
    stream.watcher_of(client).step()
    stream.watcher_of(client).step()
    assert stream.amounts() == [3]


def test_a_chain_that_changes_below_what_was_read_is_noticed(stream: Stream) -> None:
    fork = stream.world.control.snapshot()
    stream.mint(1)
    stream.watcher().step()
    stream.world.control.mine()
    client = _changing(stream, "block")  # right after the newest hash was compared

    def change() -> None:
        stream.world.control.revert(fork)
        stream.world.control.mine(3)

    client.change = change
    stream.watcher_of(client).step()
    stream.watcher_of(client).step()
    assert stream.amounts() == []


def _changing(stream: Stream, after: str) -> Changing:
    client = _narrow(stream, Changing)
    assert isinstance(client, Changing)
    client.after = after
    return client


def test_an_event_of_another_fork_is_not_kept(stream: Stream) -> None:
    class Forked(Narrow):
        """Half of the nodes behind this address follow another fork."""

        most = 1 << 20

        def logs(self, addresses: Sequence[str], first: int, last: int) -> list[Log]:
            return [replace(log, block_hash=bytes(32)) for log in super().logs(addresses, first, last)]

    stream.mint(1)
    assert stream.watcher_of(_narrow(stream, Forked)).step().added == 0
    assert stream.amounts() == []
    stream.watcher().step()
    assert stream.amounts() == [1]


def test_two_watchers_of_one_stream_keep_each_event_once(stream: Stream) -> None:
    stream.mint(1)
    watcher, other = stream.watcher(), stream.watcher()

    def meanwhile(point: str) -> None:
        other.step()

    watcher._boundary = meanwhile
    with pytest.raises(Unavailable, match="somebody else"):
        watcher.step()
    assert stream.amounts() == [1]


def test_an_event_of_another_form_is_corrupt(stream: Stream) -> None:
    stream.mint(1)

    class Lying(Narrow):
        most = 1 << 20

        def logs(self, addresses: Sequence[str], first: int, last: int) -> list[Log]:
            return [replace(log, data=log.data[:-1]) for log in super().logs(addresses, first, last)]

    with pytest.raises(Corrupt, match="event Transfer"):
        stream.watcher_of(_narrow(stream, Lying)).step()
    assert stream.amounts() == []


def test_a_stream_belongs_to_one_chain(stream: Stream) -> None:
    stream.watcher().step()
    node, chain_id = stream.world.client._rpc, stream.world.client.chain_id
    with stream.world.database.begin() as connection:
        ChainEvents(connection, stream.name).begin(1, bytes(32), 0)  # changes nothing: it has begun
    assert stream.cursor().chain_id == chain_id
    with pytest.raises(Corrupt, match="now serves chain 31337, not 1"):
        stream.watcher_of(ChainClient(node, 1, stream.world.client.genesis, DEPTH)).step()

    class Begun(ChainClient):
        """A chain of the same id that was begun anew."""

        def check_chain(self) -> None:
            return None

    with pytest.raises(Corrupt, match="began with 0000"):
        stream.watcher_of(Begun(node, chain_id, bytes(32), DEPTH)).step()
