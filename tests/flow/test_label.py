"""An answer is accepted once, from the one it was assigned to, signed by a key that was allowed to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from ledger_service import entries, signing
from ledger_service.errors import BadInput, BadSignature, Conflict, NotYours
from ledger_service.flow import enrol
from ledger_service.log.receipts import SignedReceipt, check_receipt
from tests.flow.world import START, Ask, World, wallet


@pytest.fixture
def ask(world: World) -> Ask:
    """A campaign that is open, with everything assigned to ada and bob."""
    made = world.ask()
    world.open(made)
    world.join("ada", made)
    world.join("bob", made)
    assert world.match(made) == 12
    return made


def test_an_accepted_label_is_in_the_log_and_its_receipt_is_the_operators(world: World, ask: Ask) -> None:
    item = world.tasks("ada")[0]
    (receipt,) = world.hand_in("ada", [world.submission("ada", ask, item, "cat")])
    check_receipt(receipt, world.ledger.domain, world.operator.address)
    with world.store.begin() as uow:
        row = uow.labels.find([receipt.receipt.leaf])[receipt.receipt.leaf]
        head = uow.log.head()
        assert uow.log.tree(head.size).leaf(row.index) == receipt.receipt.leaf
    assert item not in world.tasks("ada")
    assert receipt.receipt.deadline == START + 60


def test_the_same_label_again_gets_the_same_receipt(world: World, ask: Ask) -> None:
    given = [world.submission("ada", ask, item, "cat") for item in world.tasks("ada")[:3]]
    first = world.hand_in("ada", given)
    size = world.size()
    world.clock.time += 100
    assert world.hand_in("ada", given) == first
    assert world.size() == size


def test_a_retry_that_has_more_than_before_adds_only_what_is_new(world: World, ask: Ask) -> None:
    given = [world.submission("ada", ask, item, "cat") for item in world.tasks("ada")[:3]]
    first = world.hand_in("ada", given[:2])
    size = world.size()
    assert world.hand_in("ada", given)[:2] == first
    assert world.size() == size + 1


def test_the_same_label_sent_many_times_at_once_is_one_label(world: World, ask: Ask) -> None:
    given = [world.submission("ada", ask, item, "cat") for item in world.tasks("ada")]
    size = world.size()
    with ThreadPoolExecutor(8) as pool:
        answers: list[list[SignedReceipt]] = list(pool.map(lambda _: world.hand_in("ada", given), range(16)))
    assert all(answer == answers[0] for answer in answers)
    assert world.size() == size + len(given)


def test_another_answer_for_the_same_item_is_refused(world: World, ask: Ask) -> None:
    item = world.tasks("ada")[0]
    world.hand_in("ada", [world.submission("ada", ask, item, "cat")])
    with pytest.raises(Conflict, match="another answer"):
        world.hand_in("ada", [world.submission("ada", ask, item, "dog")])


def test_all_of_a_request_is_accepted_or_none(world: World, ask: Ask) -> None:
    good, bad = world.tasks("ada")[:2]
    size = world.size()
    with pytest.raises(BadInput):
        world.hand_in(
            "ada", [world.submission("ada", ask, good, "cat"), world.submission("ada", ask, bad, "fox")]
        )
    assert world.size() == size
    assert good in world.tasks("ada")


def test_an_item_that_is_not_assigned_cannot_be_answered(world: World, ask: Ask) -> None:
    world.join("eve", ask)
    with pytest.raises(NotYours, match="not assigned"):
        world.hand_in("eve", [world.submission("eve", ask, ask.items[0].commitment, "cat")])


def test_a_key_without_a_grant_cannot_label(world: World, ask: Ask) -> None:
    given = world.submission("ada", ask, world.tasks("ada")[0], "cat", key="other key")
    with pytest.raises(BadSignature, match="no grant"):
        world.hand_in("ada", [given])


def test_a_grant_of_somebody_else_does_not_cover(world: World, ask: Ask) -> None:
    given = world.submission("ada", ask, world.tasks("ada")[0], "cat")
    forged = world.submission("bob", ask, given.item, "cat")
    with pytest.raises(BadSignature):
        world.hand_in("ada", [replace(given, signature=forged.signature)])


def test_a_grant_for_another_campaign_does_not_cover(world: World, ask: Ask) -> None:
    worker, key = wallet("ada"), wallet("ada's narrow key")
    struct = entries.SessionGrant(worker.address, key.address, b"\x01" * 32, START, START + 1000)
    with world.store.begin() as uow:
        enrol.grant(uow, world.ledger, struct, worker.sign(entries.digest(struct, world.ledger.domain)))
    given = world.submission("ada", ask, world.tasks("ada")[0], "cat", key="narrow key")
    with pytest.raises(BadSignature, match="no grant"):
        world.hand_in("ada", [given])


@pytest.mark.parametrize("seconds", [-1, 61])
def test_a_time_before_the_assignment_or_in_the_future_is_refused(
    world: World, ask: Ask, seconds: int
) -> None:
    given = world.submission("ada", ask, world.tasks("ada")[0], "cat", made_at=START + seconds)
    with pytest.raises(BadInput, match="made_at"):
        world.hand_in("ada", [given])


def test_an_overdue_answer_is_refused_and_its_item_is_assigned_again(world: World, ask: Ask) -> None:
    late = world.submission("ada", ask, world.tasks("ada")[0], "cat")
    world.clock.time = START + 3601
    with pytest.raises(Conflict, match="was due"):
        world.hand_in("ada", [late])
    world.join("cyd", ask)
    world.join("dan", ask)
    assert world.match(ask) == 12  # neither ada nor bob gets again what they let lapse
    assert len(world.tasks("cyd")) + len(world.tasks("dan")) == 12


def test_no_more_workers_take_part_than_one_run_can_hold(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger_service.specification.MAX_WORKERS", 3)
    made = world.ask(items=4, labels_per_item=3)
    world.open(made)
    for name in ("ada", "bob", "cyd", "dan", "eve"):
        world.join(name, made)
    assert world.match(made) == 12
    first = {name for name in ("ada", "bob", "cyd", "dan", "eve") if world.tasks(name)}
    assert len(first) == 3


def test_nothing_is_assigned_once_labelling_is_to_end(world: World, ask: Ask) -> None:
    world.join("cyd", ask)
    world.clock.time = ask.document["closes_at"]
    assert world.match(ask) == 0


def test_the_answer_is_not_in_the_log(world: World, ask: Ask) -> None:
    item = world.tasks("ada")[0]
    world.hand_in("ada", [world.submission("ada", ask, item, "cat")])
    with world.store.begin() as uow:
        logged = b"".join(uow.log.entries(0, world.size()))
    assert b"cat" not in logged
    assert b"animal" not in logged


def test_a_grant_sent_again_is_the_same_entry(world: World, ask: Ask) -> None:
    size = world.size()
    world.join("ada", ask)
    assert world.size() == size


def test_the_same_grant_sent_many_times_at_once_is_one_entry(world: World) -> None:
    struct = entries.SessionGrant(
        wallet("ada").address, wallet("key").address, entries.ZERO32, START, START + 10
    )
    signature = wallet("ada").sign(entries.digest(struct, world.ledger.domain))

    def send(_: int) -> int:
        with world.store.begin() as uow:
            return enrol.grant(uow, world.ledger, struct, signature).index

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(16))) == {0}
    assert world.size() == 1


def test_labels_and_a_matching_at_once_do_not_block_each_other(world: World) -> None:
    ask = world.ask(items=30, labels_per_item=2)
    world.open(ask)
    world.join("ada", ask, capacity=25)
    world.match(ask)
    given = [world.submission("ada", ask, item, "cat") for item in world.tasks("ada")]
    world.join("bob", ask, capacity=25)
    world.join("cyd", ask, capacity=25)
    with ThreadPoolExecutor(2) as pool:
        labels = [pool.submit(world.hand_in, "ada", [one]) for one in given]
        matched = pool.submit(world.match, ask)
        assert all(len(one.result()) == 1 for one in labels)
        assert matched.result() == 35


def test_workers_join_only_while_there_is_something_to_do(world: World, ask: Ask) -> None:
    with world.store.begin() as uow:
        uow.campaigns.change(ask.campaign, closing=True)
    with pytest.raises(Conflict, match="no workers"):
        world.join("eve", ask)
    with world.store.begin() as uow:
        uow.campaigns.change(ask.campaign, closing=False)
    world.clock.time = ask.document["closes_at"]
    with pytest.raises(Conflict, match="no workers"), world.store.begin() as uow:
        enrol.offer(uow, world.ledger, wallet("ada").address, ask.campaign, None)


def test_a_grant_has_to_be_signed_by_the_worker(world: World) -> None:
    struct = entries.SessionGrant(
        wallet("ada").address, wallet("key").address, entries.ZERO32, START, START + 10
    )
    signature = wallet("eve").sign(entries.digest(struct, world.ledger.domain))
    with pytest.raises(BadSignature), world.store.begin() as uow:
        enrol.grant(uow, world.ledger, struct, signature)


@pytest.mark.parametrize("seconds", [0, -5, 366 * 86_400 + 1])
def test_a_grant_of_no_or_endless_duration_is_refused(world: World, seconds: int) -> None:
    struct = entries.SessionGrant(
        wallet("ada").address, wallet("key").address, entries.ZERO32, START, START + seconds
    )
    signature = wallet("ada").sign(entries.digest(struct, world.ledger.domain))
    with pytest.raises(BadInput), world.store.begin() as uow:
        enrol.grant(uow, world.ledger, struct, signature)


def test_no_signature_is_looked_at_for_what_is_not_assigned(
    world: World, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody may sign in and hand in a hundred signatures of nothing: that must not hold up the others."""
    looked: list[bytes] = []
    recover = signing.recover

    def counted(digest: bytes, signature: bytes) -> str:
        looked.append(digest)
        return recover(digest, signature)

    monkeypatch.setattr(signing, "recover", counted)
    given = world.submission("ada", ask, world.tasks("ada")[0], "cat")
    with pytest.raises(NotYours, match="not assigned"):
        world.hand_in("ada", [replace(given, item=bytes([n]) * 32) for n in range(1, 51)])
    assert not looked
    assert world.hand_in("ada", [given])
    assert len(looked) == 1
