"""A service and its witnesses end to end: real processes, real sockets, a policy, and one of them killed."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ledger_service.audit.http import HttpSource
from ledger_service.errors import BadInput, VerificationError
from ledger_service.flow.prove import Prover
from ledger_service.log.checkpoint import open_checkpoint
from ledger_service.log.cosignature import CosignerKey, open_cosignatures
from ledger_service.log.follow import Follower
from ledger_service.log.policy import Policy, Witnessed, open_under_policy, parse_policy
from ledger_service.verify import verifier
from tests.flow.test_cosign import grow
from tests.flow.world import LOG, World
from tests.witness.hostile import policy_text
from tests.witness.service import RunningService, serving
from tests.witness.world import RunningWitness, running

TWO_SECONDS = 2.0


@pytest.fixture
def world(database: Engine) -> Iterator[World]:
    made = World(database)
    yield made
    made.store.close()


def witness(stack: ExitStack, folder: Path, number: int, world: World, port: int = 0) -> RunningWitness:
    """A real witness process of the world's log."""
    vkey = str(world.store.log_key.verifier)
    name = f"witness.example/w{number}"
    return stack.enter_context(running(folder / f"w{number}", port=port, name=name, logs=(vkey,)))


def policy_of(
    witnesses: list[RunningWitness], quorum: str, folder: Path, world: World
) -> tuple[Path, Policy]:
    """A policy file, and what it says."""
    text = f"log {world.store.log_key.verifier}\n".encode()
    text += policy_text(quorum, {one.key: one.url for one in witnesses})
    (folder / "policy.txt").write_bytes(text)
    return folder / "policy.txt", parse_policy(text)


def shown(service: RunningService) -> str:
    """GET /checkpoint."""
    answer = service.client.get(f"{service.url}/checkpoint")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
    return answer.text


def until(done: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def satisfied(service: RunningService, policy: Policy, size: int) -> bool:
    """Whether the head that readers are shown is this one, and satisfies the policy."""
    try:
        found: Witnessed = open_under_policy(shown(service), policy)
    except VerificationError:
        return False
    return found.checkpoint.size == size


def test_two_of_two_witnesses_one_killed_and_back(world: World, tmp_path: Path) -> None:
    with ExitStack() as stack:
        first = witness(stack, tmp_path, 1, world)
        second = witness(stack, tmp_path, 2, world)
        path, policy = policy_of([first, second], "all", tmp_path, world)
        service = stack.enter_context(serving(world, tmp_path, path))
        size = grow(world.store, 3).size
        until(lambda: satisfied(service, policy, size))
        # One is gone: heads are shown, and no reader with the policy takes them for witnessed.
        second.kill()
        size = grow(world.store, 3).size
        key = world.store.log_key.verifier
        until(lambda: open_checkpoint(shown(service), key).size == size)
        assert not satisfied(service, policy, size)
        assert set(open_cosignatures(shown(service), policy.cosigners)) == {first.key}
        # It is back, and gets what it has missed.
        port = int(second.url.rsplit(":", 1)[1])
        again = witness(stack, tmp_path, 2, world, port)
        assert again.key == second.key
        until(lambda: satisfied(service, policy, size))
        size = grow(world.store, 300).size
        until(lambda: satisfied(service, policy, size))
        for one in (first, again):
            assert open_checkpoint(one.checkpoint(key.name).text, key).size == size
        follower = Follower(stack.enter_context(HttpSource(service.url)), key, policy)
        head, _ = follower.head()
        assert len(list(follower.entries(head, 0, head.size))) == size


def test_bundles_carry_the_cosignatures_that_a_policy_asks_for(world: World, tmp_path: Path) -> None:
    ask = world.ask()
    world.open(ask)
    for name in ("ada", "bob"):
        world.join(name, ask)
    world.match(ask)
    world.answer_all("ada", ask)
    size = world.size()
    with ExitStack() as stack:
        both = [witness(stack, tmp_path, number, world) for number in (1, 2)]
        path, policy = policy_of(both, "all", tmp_path, world)
        service = stack.enter_context(serving(world, tmp_path, path))
        until(lambda: satisfied(service, policy, size))
    with world.store.begin() as uow:
        rows = uow.labels.page(ask.campaign)
        (raw, *_) = Prover(uow, world.ledger, uow.campaigns.get(ask.campaign)).labels(rows)
    listed = json.loads(raw)["witnesses"]
    assert {CosignerKey.parse(vkey) for vkey in listed} == {one.key for one in both}
    verifier.verify_bundle(raw, log_key=None, log_address=LOG, chain=None, policy=policy)


def test_a_head_is_cosigned_within_two_seconds(world: World, tmp_path: Path) -> None:
    """From the commit of an append until a reader sees a checkpoint with it that 3 of 3 have cosigned."""
    with ExitStack() as stack:
        three = [witness(stack, tmp_path, number, world) for number in (1, 2, 3)]
        path, policy = policy_of(three, "all", tmp_path, world)
        service = stack.enter_context(serving(world, tmp_path, path))
        until(lambda: satisfied(service, policy, 0))
        waits = []
        for count in itertools.islice(itertools.cycle((1, 16, 64)), 100):
            size = grow(world.store, count).size
            started = time.monotonic()
            until(lambda size=size: satisfied(service, policy, size))  # type: ignore[misc]
            waits.append(time.monotonic() - started)
    assert sorted(waits)[98] < TWO_SECONDS


def test_without_a_policy_again_every_head_is_shown(world: World, tmp_path: Path) -> None:
    with ExitStack() as stack:
        one = witness(stack, tmp_path, 1, world)
        path, policy = policy_of([one], "all", tmp_path, world)
        size = grow(world.store, 3).size
        with serving(world, tmp_path, path) as service:
            until(lambda: satisfied(service, policy, size))
            one.kill()
        with serving(world, tmp_path, None) as service:
            head = grow(world.store, 3)
            assert shown(service) == head.checkpoint
    with serving(
        world, tmp_path, path
    ) as service:  # the witness is still gone; nothing that was shown is lost
        assert shown(service) == head.checkpoint


@pytest.mark.parametrize("text", [None, b"", b"quorum none\n", b"witness w\n"])
def test_a_policy_that_is_none_is_refused_at_the_start(
    world: World, tmp_path: Path, text: bytes | None
) -> None:
    path = tmp_path / "policy.txt"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(BadInput, match="policy"), serving(world, tmp_path, path):
        pytest.fail("it serves")
