"""The log's side of cosigning: a real database, witnesses over real sockets that are honest, dead, slow,
lying."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ledger_service import entries
from ledger_service.errors import BadInput, Corrupt, LedgerError, VerificationError
from ledger_service.flow import anchor
from ledger_service.flow.cosign import Cosigning
from ledger_service.log.checkpoint import LogKey, sign_checkpoint
from ledger_service.log.cosignature import CosignerKey, open_cosignatures, with_lines
from ledger_service.log.policy import open_under_policy, parse_policy
from ledger_service.store.log import Head
from ledger_service.store.store import Store
from ledger_service.witness.evidence import EvidenceFiles
from ledger_service.witness.records import Records
from ledger_service.witness.request import format_request
from ledger_service.witness.witness import Witness
from tests.flow.world import World
from tests.witness.hostile import Answer, honest, key, policy_text, scripted

LOG = LogKey("example.org/log", bytes(range(32)))
URL = "http://a.example"


def grow(store: Store, count: int = 1) -> Head:
    """Append entries; the head."""
    with store.begin() as uow:
        first = uow.log.head().size
        uow.log.append(
            [
                entries.encode(entries.Erasure(hashlib.sha256(str(n).encode()).digest(), n))
                for n in range(first, first + count)
            ]
        )
    with store.begin() as uow:
        return uow.log.head()


def shown(store: Store) -> Head:
    """The head that readers are shown."""
    with store.begin() as uow:
        return uow.log.published()


@pytest.fixture
def store(database: Engine) -> Iterator[Store]:
    made = Store(database, LOG, bytes(32))
    with made.begin() as uow:
        uow.log.initialise()
    yield made
    made.close()


@dataclass
class Surroundings:
    """Witnesses that listen, which can be taken away and come back."""

    folder: Path
    stack: ExitStack
    witnesses: dict[int, Witness] = field(default_factory=dict)
    away: set[int] = field(default_factory=set)
    delays: dict[int, float] = field(default_factory=dict)
    clock: Callable[[], int] = lambda: int(time.time())
    moment: Callable[[], float] = time.monotonic

    def listening(self, number: int) -> tuple[CosignerKey, str]:
        """A witness with a state of its own, over a socket."""
        folder = self.folder / str(number)
        folder.mkdir()
        signer = key(number)
        self.witnesses[number] = Witness(
            signer,
            {LOG.name: [LOG.verifier]},
            Records(folder, signer.verifier),
            EvidenceFiles(folder),
            lambda: self.clock(),
            lambda _: None,
        )

        def answer(body: bytes) -> Answer:
            time.sleep(self.delays.get(number, 0))
            return (503, {}, [b"away"]) if number in self.away else honest(self.witnesses[number])(body)

        return signer.verifier, self.stack.enter_context(scripted(answer)).url

    def policy(self, quorum: str, *numbers: int) -> bytes:
        """A policy file of new witnesses."""
        return policy_text(quorum, dict(self.listening(number) for number in numbers))

    def start(self, store: Store, policy: bytes, again: float = 300.0) -> Cosigning:
        """As after a start of the service."""
        made = Cosigning(store, parse_policy(policy), again=again, monotonic=lambda: self.moment())
        self.stack.callback(made.close)
        return made


@pytest.fixture
def around(tmp_path: Path) -> Iterator[Surroundings]:
    with ExitStack() as stack:
        yield Surroundings(tmp_path, stack)


def until(cosigning: Cosigning, done: Callable[[], bool], seconds: float = 15.0) -> None:
    """Step until it is so."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not happen"
        if not cosigning.step():
            time.sleep(0.01)


def test_a_head_is_shown_once_the_quorum_has_cosigned_it(
    store: Store, around: Surroundings, caplog: pytest.LogCaptureFixture
) -> None:
    policy = around.policy("all", 1, 2, 3)
    cosigning = around.start(store, policy)
    for count in (1, 5, 250, 300):
        head = grow(store, count)
        until(cosigning, lambda head=head: shown(store).size == head.size)  # type: ignore[misc]
        witnessed = open_under_policy(shown(store).checkpoint, parse_policy(policy), LOG.verifier)
        assert (witnessed.checkpoint.size, witnessed.checkpoint.root) == (head.size, head.root)
        assert set(shown(store).witnesses) == {str(key(number).verifier) for number in (1, 2, 3)}
    assert not caplog.records


def test_until_then_the_head_before_is_shown(store: Store, around: Surroundings) -> None:
    cosigning = around.start(store, around.policy("all", 1))
    first = grow(store)
    until(cosigning, lambda: shown(store).size == first.size)
    around.delays[1] = 0.3
    second = grow(store)
    cosigning.step()
    assert shown(store).size == first.size
    until(cosigning, lambda: shown(store).size == second.size)


def test_after_a_second_it_is_shown_with_what_there_is_and_that_is_said_once(
    store: Store, around: Surroundings, caplog: pytest.LogCaptureFixture
) -> None:
    policy = around.policy("all", 1, 2)
    around.away.add(2)
    cosigning = around.start(store, policy)
    for _ in range(3):
        head, started = grow(store), time.monotonic()
        until(cosigning, lambda head=head: shown(store).size == head.size)  # type: ignore[misc]
        assert 0.9 < time.monotonic() - started < 3
        assert shown(store).witnesses == (str(key(1).verifier),)
        with pytest.raises(VerificationError):
            open_under_policy(shown(store).checkpoint, parse_policy(policy), LOG.verifier)
    assert sum("without the quorum" in record.message for record in caplog.records) == 1
    assert sum("503" in record.message for record in caplog.records) == 1
    around.away.clear()  # it comes back: the same head gets its line
    until(cosigning, lambda: len(shown(store).witnesses) == 2)
    assert open_under_policy(shown(store).checkpoint, parse_policy(policy), LOG.verifier)
    assert sum("again with the quorum" in record.message for record in caplog.records) == 1


def test_lines_that_come_late_are_added(store: Store, around: Surroundings) -> None:
    around.delays[3] = 0.5
    cosigning = around.start(store, around.policy("2", 1, 2, 3))
    head = grow(store)
    until(cosigning, lambda: shown(store).size == head.size)
    assert len(shown(store).witnesses) == 2
    until(cosigning, lambda: len(shown(store).witnesses) == 3)
    assert shown(store).size == head.size


def times(store: Store) -> set[int]:
    """The times in the head that is shown."""
    note = shown(store).checkpoint
    return set(open_cosignatures(note, [CosignerKey.parse(vkey) for vkey in shown(store).witnesses]).values())


def test_a_head_that_no_other_follows_is_cosigned_again_at_the_interval(
    store: Store, around: Surroundings
) -> None:
    now, moment = int(time.time()), 0.0
    around.clock, around.moment = lambda: now, lambda: moment
    cosigning = around.start(store, around.policy("all", 1, 2), again=100.0)
    head = grow(store, 3)
    until(cosigning, lambda: len(shown(store).witnesses) == 2)
    assert times(store) == {now}
    now, moment = now + 99, 99.0
    assert not cosigning.step()  # nobody is asked
    moment = 101.0
    around.away.add(2)
    until(cosigning, lambda: times(store) == {now, now - 99})  # the older line stays with the head
    assert (shown(store).size, len(shown(store).witnesses)) == (head.size, 2)
    around.away.clear()
    moment = 120.0
    until(cosigning, lambda: times(store) == {now})
    assert shown(store).size == head.size
    head = grow(store)
    until(cosigning, lambda: (shown(store).size, len(shown(store).witnesses)) == (head.size, 2))


def test_a_head_from_before_a_start_is_cosigned_again_at_the_interval(
    store: Store, around: Surroundings
) -> None:
    now, moment = int(time.time()), 0.0
    around.clock, around.moment = lambda: now, lambda: moment
    policy = around.policy("all", 1)
    first = around.start(store, policy, again=100.0)
    head = grow(store, 3)
    until(first, lambda: len(shown(store).witnesses) == 1)
    second = around.start(store, policy, again=100.0)
    now, moment = now + 100, 100.0
    until(second, lambda: times(store) == {now})
    assert shown(store).size == head.size


def test_a_witness_whose_clock_went_back_keeps_its_older_line(store: Store, around: Surroundings) -> None:
    moment = 0.0
    around.moment = lambda: moment
    cosigning = around.start(store, around.policy("all", 1), again=100.0)
    grow(store, 3)
    until(cosigning, lambda: len(shown(store).witnesses) == 1)
    before, late = shown(store), around.witnesses[1]
    late._clock, late._newest_time = (lambda: 1_000), 0
    moment = 100.0
    for _ in range(30):
        cosigning.step()
    assert late._newest_time == 1_000  # it was asked
    assert shown(store) == before


def test_a_slow_witness_outside_the_quorum_holds_up_nothing(store: Store, around: Surroundings) -> None:
    around.delays[3] = 1.0
    cosigning = around.start(store, around.policy("2", 1, 2, 3))
    started = time.monotonic()
    for _ in range(10):
        head = grow(store)
        until(cosigning, lambda head=head: shown(store).size == head.size)  # type: ignore[misc]
    assert time.monotonic() - started < 3


def test_the_next_start_goes_on(store: Store, around: Surroundings) -> None:
    policy = around.policy("all", 1, 2)
    head = grow(store, 3)
    first = around.start(store, policy)
    until(first, lambda: len(shown(store).witnesses) == 2)
    before = shown(store)
    second = around.start(store, policy)
    assert shown(store) == before
    head = grow(store, 3)
    until(second, lambda: shown(store).size == head.size)


def test_a_cosignature_that_a_crash_lost_is_asked_for_again(store: Store, around: Surroundings) -> None:
    """The witness has cosigned a head, and the service ended before it was shown."""
    policy = around.policy("all", 1)
    head = grow(store, 3)
    around.witnesses[1].add_checkpoint(b"old 0\n\n" + head.checkpoint.encode())
    cosigning = around.start(store, policy)
    until(cosigning, lambda: len(shown(store).witnesses) == 1)
    assert shown(store).size == 3


def test_a_witness_that_knows_entries_which_we_lost_is_an_alarm(
    store: Store, around: Surroundings, caplog: pytest.LogCaptureFixture
) -> None:
    policy = around.policy("all", 1)
    lost = sign_checkpoint(LOG.name, 100, bytes(32), LOG)
    around.witnesses[1].add_checkpoint(b"old 0\n\n" + lost.encode())
    cosigning = around.start(store, policy)
    grow(store, 3)
    until(cosigning, lambda: shown(store).size == 3)
    assert any("larger head" in r.message and r.levelno == logging.ERROR for r in caplog.records)
    head = grow(store, 200)  # and where the log grows beyond it, the fork cannot be cosigned
    until(cosigning, lambda: shown(store).size == head.size)
    until(cosigning, lambda: any("422" in record.message for record in caplog.records))
    assert shown(store).witnesses == ()


def test_anybody_may_have_a_newer_head_cosigned_and_that_is_no_loss(
    store: Store, around: Surroundings, caplog: pytest.LogCaptureFixture
) -> None:
    """POST /v1/labels gives out the newest signed head, and a witness takes it from everybody."""
    policy = around.policy("all", 1, 2)
    cosigning = around.start(store, policy)
    first = grow(store, 3)
    until(cosigning, lambda: shown(store).size == first.size)
    for _ in range(5):
        before = shown(store)
        grow(store)
        cosigning._next_round()
        newest = grow(store)
        with store.begin() as uow:
            proof = uow.log.tree(newest.size).consistency_proof(before.size)
        around.witnesses[1].add_checkpoint(format_request(before.size, proof, newest.checkpoint))
        started = time.monotonic()
        until(cosigning, lambda before=before: shown(store).size > before.size)  # type: ignore[misc]
        assert time.monotonic() - started < 0.9
        assert shown(store).size == newest.size
        assert open_under_policy(shown(store).checkpoint, parse_policy(policy), LOG.verifier)
    assert not caplog.records


def test_a_newer_head_gets_no_more_time(store: Store, around: Surroundings) -> None:
    """However often the round has to go on with a newer head, something is shown after a second."""
    around.away.add(2)
    cosigning = around.start(store, around.policy("all", 1, 2))
    first = grow(store, 3)
    until(cosigning, lambda: shown(store).size == first.size)
    last = first
    grow(store)
    cosigning._next_round()
    started = time.monotonic()
    while shown(store).size == first.size:
        newest = grow(store)
        with store.begin() as uow:
            proof = uow.log.tree(newest.size).consistency_proof(last.size)
        with suppress(LedgerError):  # ours may have been first
            around.witnesses[1].add_checkpoint(format_request(last.size, proof, newest.checkpoint))
            last = newest
        cosigning.step()
        assert time.monotonic() - started < 3


def test_a_witness_whose_clock_goes_back_is_left_out(store: Store, around: Surroundings) -> None:
    """Ours never does that; a stranger's may."""
    policy = around.policy("any", 1, 2)
    cosigning = around.start(store, policy)
    head = grow(store)
    until(cosigning, lambda: len(shown(store).witnesses) == 2)
    late = around.witnesses[2]
    late._clock, late._newest_time = (lambda: 1_000), 0
    times = open_cosignatures(shown(store).checkpoint, [key(2).verifier])
    head = grow(store)
    until(cosigning, lambda: shown(store).size == head.size)
    for _ in range(30):
        cosigning.step()
    assert shown(store).witnesses == (str(key(1).verifier),)
    late._clock = lambda: times[key(2).verifier]
    until(cosigning, lambda: len(shown(store).witnesses) == 2)


def test_what_is_shown_only_ever_moves_forward_while_many_append(store: Store, around: Surroundings) -> None:
    policy = around.policy("2", 1, 2, 3)
    cosigning = around.start(store, policy)
    seen: list[Head] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.append(shown(store))

    def append() -> None:
        for count in range(1, 25):
            grow_alone(count % 4 + 1)
            time.sleep(0.01)

    turn = threading.Lock()

    def grow_alone(count: int) -> None:
        with turn:
            grow(store, count)

    threads = [threading.Thread(target=read), *(threading.Thread(target=append) for _ in range(2))]
    for thread in threads:
        thread.start()
    until(cosigning, lambda: not any(thread.is_alive() for thread in threads[1:]), 60)
    with store.begin() as uow:
        last = uow.log.head()
    until(cosigning, lambda: shown(store).size == last.size)
    stop.set()
    threads[0].join()
    times: dict[CosignerKey, int] = {}
    roots: dict[int, bytes] = {}
    assert [head.size for head in seen] == sorted(head.size for head in seen)
    for head in {head.checkpoint: head for head in seen}.values():
        assert roots.setdefault(head.size, head.root) == head.root
        for signer, at in open_cosignatures(head.checkpoint, [key(n).verifier for n in (1, 2, 3)]).items():
            assert at >= times.get(signer, 0)
            times[signer] = at
    assert len(roots) > 3


def cosigned(store: Store, head: Head, *numbers: int, at: int = 1_800_000_000) -> Head:
    """A head with these witnesses' lines."""
    lines = [key(number).cosign(head.checkpoint, at) for number in numbers]
    vkeys = tuple(str(key(number).verifier) for number in numbers)
    return Head(head.size, head.root, with_lines(head.checkpoint, lines), vkeys)


def publish(store: Store, head: Head) -> bool:
    with store.begin() as uow:
        return uow.log.publish(head)


def test_rows_refuse_to_take_anything_back(store: Store) -> None:
    small, head = grow(store, 2), grow(store, 2)
    assert not publish(store, cosigned(store, small, 1))  # the newest is shown where nothing is published
    assert publish(store, head)
    assert publish(store, cosigned(store, head, 1))
    assert shown(store).witnesses == (str(key(1).verifier),)
    assert not publish(store, cosigned(store, head, 1))
    assert not publish(store, cosigned(store, head, 2))  # another one instead of the first
    assert not publish(store, head)
    assert not publish(store, cosigned(store, head, 1, 2, at=1_799_999_999))
    assert not publish(store, cosigned(store, small, 1, 2))
    assert publish(store, cosigned(store, head, 1, 2))
    more = grow(store)
    assert not publish(store, cosigned(store, more, 1, at=1_799_999_999))
    assert publish(store, more)
    later = grow(store)
    assert not publish(store, cosigned(store, later, 2, at=1_799_999_999))  # also after a head without it
    assert publish(store, cosigned(store, later, 2))


def test_rows_refuse_what_is_not_verified(store: Store) -> None:
    head = grow(store, 2)
    good = cosigned(store, head, 1, 2)
    for wrong in (
        Head(head.size, head.root, good.checkpoint, good.witnesses[::-1]),
        Head(head.size, head.root, good.checkpoint, good.witnesses[:1]),
        Head(head.size, head.root, head.checkpoint, good.witnesses[:1]),
        Head(head.size, head.root, good.checkpoint[:-8] + "AAAAAA==\n", good.witnesses),
    ):
        with pytest.raises((VerificationError, BadInput)):
            publish(store, wrong)
    with pytest.raises(Corrupt):
        publish(store, Head(3, head.root, head.checkpoint))
    assert publish(store, head)
    other = sign_checkpoint(LOG.name, head.size, bytes(32), LOG)
    with pytest.raises(Corrupt):
        publish(store, Head(head.size, bytes(32), other))


def test_without_a_policy_every_head_is_shown(store: Store, around: Surroundings) -> None:
    assert grow(store) == shown(store)
    around.start(store, around.policy("all", 1))
    before = shown(store)
    head = grow(store)
    assert shown(store) == before
    with store.begin() as uow:
        uow.log.unpublish()
    assert shown(store) == head
    assert grow(store) == shown(store)


def _other_log() -> bytes:
    log = f"log {LogKey('b.example', bytes(32)).verifier}\n"
    return log.encode() + policy_text("any", {key(1).verifier: URL})


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (b"quorum none\n", "nobody to ask"),
        (policy_text("all", {key(1).verifier: None}), "nobody to ask"),
        (policy_text("all", {key(1).verifier: URL, key(2).verifier: None}), "cannot be reached"),
        (policy_text("any", {key(1).verifier: "ftp://a.example"}), "http"),
        (_other_log(), "other logs"),
    ],
)
def test_a_policy_that_cannot_be_met_is_refused_at_the_start(store: Store, policy: bytes, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Cosigning(store, parse_policy(policy))


def test_what_is_anchored_is_what_is_shown(world: World) -> None:
    head = grow(world.store, 3)
    signer = key(1)
    note = with_lines(head.checkpoint, [signer.cosign(head.checkpoint, 1_800_000_000)])
    with world.store.begin() as uow:
        assert uow.log.publish(Head(head.size, head.root, note, (str(signer.verifier),)))
    grow(world.store, 3)  # not shown yet
    with world.store.begin() as uow:
        assert anchor.anchor(uow, world.ledger) == 3
        row = uow.anchors.newest()
    assert row is not None
    assert (row.size, row.checkpoint, row.witnesses) == (3, note, (str(signer.verifier),))
