"""What many hand in at once becomes few batches, and everybody gets what is theirs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import event, text

from ledger_service import entries
from ledger_service.errors import BadInput, BadSignature, Conflict, Overloaded, Unauthenticated, Unavailable
from ledger_service.flow import label
from ledger_service.flow.sequencer import Answers, Enrolment, Handed, Sequencer
from ledger_service.log.checkpoint import open_checkpoint
from ledger_service.log.proof import verify_inclusion
from ledger_service.log.receipts import check_receipt
from ledger_service.store.store import Store
from tests.flow.world import START, Ask, World, wallet

PEOPLE = ("ada", "bob", "cyd", "dan")


@dataclass
class Desk:
    """A sequencer over a campaign in which four workers have eight items each."""

    world: World
    ask: Ask
    sequencer: Sequencer
    tokens: dict[str, str] = field(default_factory=dict)

    def answers(self, name: str, first: int, count: int = 1, answer: str = "cat") -> Answers:
        """Answers of somebody to a run of its items."""
        items = [one.commitment for one in self.ask.items][first : first + count]
        return Answers(
            self.tokens[name], [self.world.submission(name, self.ask, one, answer) for one in items]
        )

    def commits(self) -> int:
        """How many transactions this database has committed that changed the head."""
        with self.world.engine.connect() as connection:
            return int(connection.scalar(text("SELECT count(*) FROM head_changes")) or 0)


@pytest.fixture
def desk(world: World) -> Iterator[Desk]:
    ask = world.ask(items=8, labels_per_item=len(PEOPLE))
    world.open(ask)
    made = Desk(world, ask, Sequencer(world.store, world.ledger))
    for name in PEOPLE:
        world.join(name, ask)
        with world.store.begin() as uow:
            made.tokens[name] = uow.sessions.open(wallet(name).address).token
    assert world.match(ask) == 8 * len(PEOPLE)
    with world.engine.begin() as connection:
        connection.execute(text("CREATE TABLE head_changes (size bigint)"))
        connection.execute(
            text(
                "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN INSERT INTO head_changes VALUES (new.size); RETURN new; END $$"
            )
        )
        connection.execute(
            text("CREATE TRIGGER noted AFTER UPDATE ON log_head FOR EACH ROW EXECUTE FUNCTION noted()")
        )
    yield made
    made.sequencer.close()


def check(desk: Desk, handed: Handed, given: Answers) -> None:
    """The receipts are for what was given, and the checkpoint includes them."""
    log = desk.world.store.log_key.verifier
    head = open_checkpoint(handed.checkpoint, log)
    assert len(handed.accepted) == len(given.submissions)
    with desk.world.store.begin() as uow:
        tree = uow.log.tree(head.size)
        for one, submission in zip(handed.accepted, given.submissions, strict=True):
            struct = entries.decode(one.entry).struct
            assert isinstance(struct, entries.Label)
            assert struct.item == submission.item
            receipt = one.receipt.receipt
            assert receipt.leaf == entries.leaf_hash(one.entry)
            check_receipt(one.receipt, desk.world.ledger.domain, desk.world.operator.address)
            proof = tree.inclusion_proof(receipt.index)
            verify_inclusion(receipt.leaf, receipt.index, head.size, proof, head.root)


def held(desk: Desk) -> Any:
    """A transaction that holds the log's head, so that what is submitted meanwhile waits."""
    return desk.world.store.begin()


def test_what_waits_is_one_batch_with_one_head(desk: Desk) -> None:
    size, before = desk.world.size(), desk.commits()
    given = [desk.answers(name, position) for position in range(8) for name in PEOPLE]
    with held(desk) as uow:
        uow.log.lock()
        first = desk.sequencer.hand_in(given[0])
        while not first.running():  # the first batch is on its way, and waits for the head
            threading.Event().wait(0.01)
        rest = [desk.sequencer.hand_in(one) for one in given[1:]]
    handed = [future.result(30) for future in [first, *rest]]
    for one, answers in zip(handed, given, strict=True):
        check(desk, one, answers)
    assert desk.world.size() == size + 32
    assert desk.commits() == before + 2
    assert len({one.checkpoint for one in handed[1:]}) == 1
    indices = sorted(found.receipt.receipt.index for one in handed for found in one.accepted)
    assert indices == list(range(size, size + 32))


def test_many_threads_each_get_their_own(desk: Desk) -> None:
    given = [desk.answers(name, first, 2) for first in range(0, 8, 2) for name in PEOPLE]
    size = desk.world.size()
    with ThreadPoolExecutor(16) as pool:
        for answers, handed in zip(given, pool.map(_handing_in(desk.sequencer), given), strict=True):
            check(desk, handed, answers)
    assert desk.world.size() == size + 32


def test_two_sequencers_over_one_log_lose_and_double_nothing(desk: Desk) -> None:
    # As two processes: each with its own connections and its own memory of the log's edge.
    store = Store(desk.world.engine, desk.world.store.log_key, desk.world.store.storage_key)
    second = Sequencer(store, desk.world.ledger)
    size = desk.world.size()
    given = [desk.answers(name, first, 2) for first in range(0, 8, 2) for name in PEOPLE]
    with ThreadPoolExecutor(32) as pool:  # everything is handed in to both
        ours = [pool.submit(_handing_in(desk.sequencer), one) for one in given]
        theirs = [pool.submit(_handing_in(second), one) for one in given]
        for mine, other, answers in zip(ours, theirs, given, strict=True):
            check(desk, mine.result(), answers)
            assert [one.receipt for one in mine.result().accepted] == [
                one.receipt for one in other.result().accepted
            ]
    second.close()
    assert desk.world.size() == size + 32
    with desk.world.store.begin() as uow:
        tree = uow.log.tree(size + 32)
        assert uow.log.head().root == tree.root()
        assert [entries.leaf_hash(raw) for raw in uow.log.entries(0, size + 32)] == [
            tree.leaf(index) for index in range(size + 32)
        ]


def test_each_error_is_its_own_submitters(desk: Desk) -> None:
    good = desk.answers("ada", 0, 2)
    unsigned = desk.answers("bob", 0)
    unsigned = replace(unsigned, submissions=desk.answers("cyd", 0).submissions)
    # all of them are pooled: the head is held until everything has been handed in
    wanted: list[tuple[Answers | Enrolment, type[Exception] | None]] = [
        (desk.answers("dan", 7), None),
        (good, None),
        (unsigned, BadSignature),
        (desk.answers("cyd", 1, answer="fox"), BadInput),
        (good, None),
        (desk.answers("ada", 1, answer="dog"), Conflict),
        (replace(desk.answers("dan", 2), token="A" * 43), Unauthenticated),
        (_enrolment(desk, "ada", 10), None),
        (_enrolment(desk, "ada", -1), BadInput),
    ]
    size = desk.world.size()
    with held(desk) as uow:
        uow.log.lock()
        futures = [_submit(desk, work) for work, _ in wanted]
    for future, (_, error) in zip(futures, wanted, strict=True):
        if error is None:
            assert future.exception(30) is None
        else:
            assert type(future.exception(30)) is error
    assert futures[1].result().accepted == futures[4].result().accepted
    assert desk.world.size() == size + 4


def test_what_a_refused_request_had_does_not_count_for_the_next(desk: Desk) -> None:
    twice = desk.answers("ada", 0)
    bad = Answers(twice.token, [*twice.submissions, *desk.answers("ada", 1, answer="fox").submissions])
    with held(desk) as uow:
        uow.log.lock()
        waiting = desk.sequencer.hand_in(desk.answers("bob", 0))
        futures = [desk.sequencer.hand_in(one) for one in (bad, twice)]
    assert isinstance(futures[0].exception(30), BadInput)
    check(desk, futures[1].result(30), twice)
    assert waiting.exception(30) is None


def test_an_error_of_the_database_falls_on_the_one_whose_it_is(desk: Desk) -> None:
    poisoned = desk.answers("cyd", 3)
    with desk.world.engine.begin() as connection:
        item = "\\x" + poisoned.submissions[0].item.hex()
        worker = wallet("cyd").address
        connection.execute(text(f"ALTER TABLE labels ADD CHECK (worker <> '{worker}' OR item <> '{item}')"))
    size = desk.world.size()
    given = [desk.answers("ada", 0), poisoned, desk.answers("bob", 3), desk.answers("cyd", 4)]
    with held(desk) as uow:
        uow.log.lock()
        waiting = desk.sequencer.hand_in(desk.answers("dan", 0))
        futures = [desk.sequencer.hand_in(one) for one in given]
    assert waiting.exception(30) is None
    assert [type(one.exception(30)) for one in futures] == [type(None), Conflict, type(None), type(None)]
    for answers, future in zip(given, futures, strict=True):
        if answers is not poisoned:
            check(desk, future.result(), answers)
    assert desk.world.size() == size + 4


def test_a_connection_that_is_killed_in_the_middle_costs_nobody_anything(desk: Desk) -> None:
    given = [desk.answers(name, 0, 4) for name in PEOPLE]
    size = desk.world.size()
    killed = threading.Event()

    def kill(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO labels") and not killed.is_set():
            killed.set()  # once: rows and head of the batch are written, and not committed
            pid = cursor.connection.info.backend_pid
            with desk.world.engine.connect() as other:
                other.execute(text(f"SELECT pg_terminate_backend({pid}, 5000)"))

    event.listen(desk.world.engine, "before_cursor_execute", kill)
    try:
        futures = [desk.sequencer.hand_in(one) for one in given]
        errors = [future.exception(30) for future in futures]
    finally:
        event.remove(desk.world.engine, "before_cursor_execute", kill)
    assert killed.is_set()
    assert {type(error) for error in errors} <= {type(None), Unavailable}
    for answers in given:  # who was told to try again does so; who was not gets the same again
        check(desk, desk.sequencer.hand_in(answers).result(30), answers)
    assert desk.world.size() == size + 16


def test_who_comes_when_too_much_waits_is_told_to_come_again(world: World, desk: Desk) -> None:
    narrow = Sequencer(world.store, world.ledger, most_waiting=5)
    with held(desk) as uow:
        uow.log.lock()
        first = narrow.hand_in(desk.answers("ada", 0))
        while not first.running():
            threading.Event().wait(0.01)
        second = narrow.hand_in(desk.answers("bob", 0, 4))
        with pytest.raises(Overloaded, match="4 entries wait"):
            narrow.hand_in(desk.answers("cyd", 0, 2))
        third = narrow.hand_in(desk.answers("dan", 0))
    assert [one.exception(30) for one in (first, second, third)] == [None] * 3
    check(desk, narrow.hand_in(desk.answers("cyd", 0, 2)).result(30), desk.answers("cyd", 0, 2))
    narrow.close()


def test_a_batch_has_an_end(world: World, desk: Desk) -> None:
    before = desk.commits()
    narrow = Sequencer(world.store, world.ledger, most_pooled=3)
    with held(desk) as uow:
        uow.log.lock()
        first = narrow.hand_in(desk.answers("ada", 0))
        while not first.running():
            threading.Event().wait(0.01)
        rest = [narrow.hand_in(desk.answers(name, 1, 2)) for name in PEOPLE]
        large = narrow.hand_in(desk.answers("ada", 3, 5))
    assert [one.exception(30) for one in (first, *rest, large)] == [None] * 6
    assert desk.commits() == before + 6
    narrow.close()


def test_at_the_end_what_waits_is_answered_and_nothing_more_is_taken(desk: Desk) -> None:
    given = [desk.answers(name, 0) for name in PEOPLE]
    futures = [desk.sequencer.hand_in(one) for one in given]
    desk.sequencer.close()
    for answers, future in zip(given, futures, strict=True):
        check(desk, future.result(0), answers)
    with pytest.raises(Unavailable, match="ending"):
        desk.sequencer.hand_in(given[0])


def test_what_is_taken_back_in_time_is_not_appended(desk: Desk) -> None:
    size = desk.world.size()
    with held(desk) as uow:
        uow.log.lock()
        first = desk.sequencer.hand_in(desk.answers("ada", 0))
        while not first.running():
            threading.Event().wait(0.01)
        second = desk.sequencer.hand_in(desk.answers("bob", 0))
        assert second.cancel()
        assert not first.cancel()
    assert first.result(30)
    desk.sequencer.close()
    assert desk.world.size() == size + 1


def test_a_specification_is_read_once_and_the_oldest_is_forgotten(
    world: World, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label, "MOST_SPECIFICATIONS", 1)
    known = label.Specifications()
    other = world.ask(name="plant")
    world.open(other)
    with world.store.begin() as uow:
        first = known.of(uow, desk.ask.campaign)
        assert known.of(uow, desk.ask.campaign) is first
        assert known.of(uow, other.campaign).document == other.document
        assert known.of(uow, desk.ask.campaign) is not first


def _handing_in(sequencer: Sequencer) -> Callable[[Answers], Handed]:
    return lambda answers: sequencer.hand_in(answers).result(30)


def _submit(desk: Desk, work: Answers | Enrolment) -> Any:
    return desk.sequencer.hand_in(work) if isinstance(work, Answers) else desk.sequencer.enrol(work)


def _enrolment(desk: Desk, name: str, seconds: int) -> Enrolment:
    worker, key = wallet(name), wallet(name + "'s second session")
    struct = entries.SessionGrant(worker.address, key.address, entries.ZERO32, START, START + seconds)
    signature = worker.sign(entries.digest(struct, desk.world.ledger.domain)) if seconds > 0 else bytes(64)
    return Enrolment(desk.tokens[name], key.address, entries.ZERO32, START, START + seconds, signature)
