"""Bundles put together as text are those that are built as values, byte for byte."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from sqlalchemy import update

from ledger_service import commitments
from ledger_service.commitments import Json
from ledger_service.entries import Domain
from ledger_service.errors import Corrupt
from ledger_service.flow.bundle_texts import BundleTexts, ProofHead
from ledger_service.flow.prove import Prover
from ledger_service.log.paths import PathCache, path_lines
from ledger_service.log.tiles import MemoryTiles, TiledTree
from ledger_service.log.tlog_proof import format_proof, parse_proof
from ledger_service.store.labels import LabelRow
from ledger_service.store.tables import labels, log_entries
from ledger_service.verify import bundle
from ledger_service.verify.verifier import verify_bundle
from tests.flow.world import CHAIN, LOG, Ask, World
from tests.log.test_tiles import grown

NAMES = ("ada", "bob")


@pytest.fixture
def ask(world: World) -> Ask:
    """A campaign of which every item is answered twice, with texts that JSON has to escape."""
    made = world.ask(items=5, name='"quoted" \\ \u00e4 \u2028 \U0001f431')
    world.open(made)
    for name in NAMES:
        world.join(name, made)
    assert world.match(made) == 10
    return made


def fill(world: World, first: int, count: int) -> None:
    """Entries of others."""
    with world.store.begin() as uow:
        uow.log.append_raw([("Erasure", f"filler {n}".encode()) for n in range(first, first + count)])


def built_as_values(world: World, made: bytes) -> bytes:
    """A bundle from the same entries, paths and openings by way of `bundle.build`."""
    body = commitments.parse(made)
    proofs = {role: parse_proof(part["proof"]) for role, part in body["entries"].items()}
    (checkpoint,) = {proof.checkpoint for proof in proofs.values()}
    size = int(checkpoint.split("\n")[1])
    with world.store.begin() as uow:
        tree = uow.log.tree(size)
        parts = {
            role: bundle.Logged(
                uow.log.entries(proof.index, 1)[0], proof.index, tree.inclusion_proof(proof.index)
            )
            for role, proof in proofs.items()
        }
    openings: dict[str, Json] = body["openings"]
    domain, log_key = world.ledger.domain, str(world.store.log_key.verifier)
    return bundle.build("label", domain, log_key, checkpoint, parts, openings)


def test_every_bundle_of_a_long_log_is_the_one_that_is_built_as_values(world: World, ask: Ask) -> None:
    fill(world, 0, 700)
    world.answer_all("ada", ask)
    fill(world, 1000, 1)
    world.answer_all("bob", ask)
    check(world, ask, 5)  # not judged yet: five entries each
    world.judge(ask)
    check(world, ask, 8)
    fill(world, 2000, 66_000)  # the same labels under a tree with three levels of tiles
    check(world, ask, 8)


def check(world: World, ask: Ask, parts: int) -> None:
    """All bundles of the campaign, each also by itself."""
    rows, made = bundles(world, ask)
    assert len(made) == 10
    for row, one in zip(rows, made, strict=True):
        assert one == built_as_values(world, one)
        assert one.count(b'"proof"') == parts
        verify_bundle(one, log_key=str(world.store.log_key.verifier), log_address=LOG)
        with world.store.begin() as uow:
            prover = Prover(uow, world.ledger, uow.campaigns.get(ask.campaign))
            assert prover.labels([row]) == [one]


def bundles(world: World, ask: Ask) -> tuple[list[LabelRow], list[bytes]]:
    with world.store.begin() as uow:
        rows = uow.labels.page(ask.campaign)
        return rows, Prover(uow, world.ledger, uow.campaigns.get(ask.campaign)).labels(rows)


def test_an_entry_of_another_kind_than_its_row_says_is_noticed(world: World, ask: Ask) -> None:
    world.answer_all("ada", ask)
    with world.store.begin() as uow:
        (first, *_) = uow.labels.page(ask.campaign)
        (assigned, *_) = uow.assignments.of_campaign(ask.campaign)
        uow.connection.execute(
            update(labels).where(labels.c.leaf == first.leaf).values(index=assigned.index, leaf=assigned.leaf)
        )
        changed = replace(first, index=assigned.index, leaf=assigned.leaf)
        with pytest.raises(Corrupt, match="another kind"):
            Prover(uow, world.ledger, uow.campaigns.get(ask.campaign)).labels([changed])


def test_an_entry_that_is_not_the_one_of_its_row_is_noticed(world: World, ask: Ask) -> None:
    world.answer_all("ada", ask)
    with world.store.begin() as uow:
        (first, second, *_) = uow.labels.page(ask.campaign)
        prover = Prover(uow, world.ledger, uow.campaigns.get(ask.campaign))
        with pytest.raises(Corrupt, match="a row names"):
            prover.labels([replace(first, index=second.index)])
        other = uow.log.at([(second.index, second.leaf)])[second.index]
        uow.connection.execute(
            update(log_entries).where(log_entries.c.index == first.index).values(raw=other)
        )
        with pytest.raises(Corrupt, match="a row names"):
            prover.labels([first])


@pytest.mark.parametrize("witnesses", [(), ("witness+00000000+AAAA", "other+11111111+BBBB")])
def test_witnesses_stand_where_the_canonical_form_has_them(witnesses: tuple[str, ...]) -> None:
    size, domain = 70_000, Domain(CHAIN, LOG)
    tree = TiledTree(MemoryTiles(grown([size])), size)
    head = ProofHead(size, 'o"rigin\n70000\n\n— key AA==\n', witnesses, tree)
    logged = {role: (n * 9_000, bytes([n]) * 40) for n, role in enumerate(sorted(bundle.UNJUDGED))}
    openings = {"item": {"content": "ä", "salt": "0x00"}, "answer": {"content": 1, "salt": "0x01"}}
    texts = BundleTexts("label", domain, "log+00000000+AA", PathCache(), frozenset({"grant"}))
    parts = {
        role: bundle.Logged(raw, index, tree.inclusion_proof(index)) for role, (index, raw) in logged.items()
    }
    wanted = bundle.build("label", domain, "log+00000000+AA", head.checkpoint, parts, openings, witnesses)
    canonical = {name: commitments.canonical(value) for name, value in openings.items()}
    assert texts.build(head, logged, canonical) == wanted
    assert texts.build(head, logged, canonical) == wanted


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 1000, 65_536, 65_537, 70_000])
def test_paths_as_text_are_those_of_the_tree(size: int) -> None:
    tree = TiledTree(MemoryTiles(grown([size])), size)
    cache = PathCache(capacity=2)
    for index in sorted({0, 1, 254, 255, 256, 257, 65_535, size // 2, size - 2, size - 1}):
        if 0 <= index < size:
            text = format_proof(index, tree.inclusion_proof(index), "checkpoint")
            lines = path_lines(tree, index, cache).decode()
            assert f"{text.splitlines()[0]}\nindex {index}\n{lines}\ncheckpoint" == text


def test_upper_parts_of_paths_are_kept_for_a_size_and_only_so_many() -> None:
    tiles = MemoryTiles(grown([70_000]))
    cache = PathCache(capacity=3)
    for size in (1024, 2000, 70_000):
        tree = TiledTree(tiles, size)
        for index in range(0, 1024, 64):
            lines = path_lines(tree, index, cache).decode().splitlines()
            assert [base64.b64decode(line) for line in lines] == tree.inclusion_proof(index)
    assert len(cache) == 3
