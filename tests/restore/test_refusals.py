"""What is not whole, not ours, or contradicts the chain is not restored, and nothing of it is left behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Engine, text

from ledger_service.chain.client import Block
from ledger_service.errors import BadInput, Conflict, LedgerError, Unavailable, VerificationError
from ledger_service.fsck.database import check_database
from ledger_service.fsck.report import Difference
from ledger_service.restore.chain import Chain
from ledger_service.restore.copy import Copy
from ledger_service.store.integrity import snapshot
from tests.flow.world import World, seeded
from tests.fsck.conftest import Life, lived
from tests.fsck.paid import anchored
from tests.restore.test_broken_off import is_empty
from tests.restore.world import mirror_world, restored


@pytest.fixture
def world(database: Engine) -> Iterator[World]:
    made = World(database)
    yield made
    made.store.close()


def test_a_copy_that_is_older_than_the_chain_is_refused(world: World, empty: Engine, tmp_path: Path) -> None:
    life = lived(world)
    mirror_world(world, tmp_path / "old")
    world.answer_all("bob", life.running)
    anchored(world)
    with pytest.raises(Conflict, match="restore from a newer copy"), restored(world, tmp_path / "old", empty):
        pass
    assert is_empty(empty)
    mirror_world(world, tmp_path / "new")
    with restored(world, tmp_path / "new", empty) as again:
        assert again.world.size() == world.size()


def test_another_chain_s_head_is_refused(world: World, empty: Engine, tmp_path: Path) -> None:
    lived(world)
    mirror_world(world, tmp_path / "copy")
    with world.engine.begin() as connection:
        other = json.dumps({"root": "0x" + "ab" * 32})
        change = "UPDATE chain_events SET args = args || CAST(:other AS jsonb) WHERE name = 'Anchored'"
        connection.execute(text(change), {"other": other})
    with (
        pytest.raises(VerificationError, match="root of the anchored head"),
        restored(world, tmp_path / "copy", empty),
    ):
        pass
    assert is_empty(empty)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO sessions VALUES (decode(repeat('00', 32), 'hex'), '0x', 1)",
        "INSERT INTO workers VALUES ('0x', '[]', '[]', 1)",
        "INSERT INTO log_head VALUES (1, 1, '', '')",
        "CREATE TABLE somebody_elses (id int)",
    ],
)
def test_only_an_empty_database_is_filled(life: Life, mirrored: Path, empty: Engine, statement: str) -> None:
    with empty.begin() as connection:
        connection.execute(text(statement))
    with pytest.raises(Conflict, match="empty one"), restored(life.world, mirrored, empty):
        pass


def test_a_database_without_any_table_is_filled(life: Life, mirrored: Path, empty: Engine) -> None:
    with empty.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
    with restored(life.world, mirrored, empty) as again:
        assert again.world.size() == life.world.size()


def test_the_log_s_own_key_is_needed(mirrored: Path) -> None:
    with pytest.raises(VerificationError):
        Copy(mirrored, seeded("another log key"))


def test_a_stranger_s_mirror_is_refused_and_the_campaigns_are_named(life: Life, copy: Path) -> None:
    (copy / "service.ndjson").unlink()
    with pytest.raises(BadInput) as refused:
        Copy(copy, seeded("log key"))
    assert "crowdledger mirror --key operator.key" in str(refused.value)
    for ask in (life.paid, life.running):
        assert ask.campaign.hex() in str(refused.value)


def test_a_cut_off_copy_is_refused(copy: Path) -> None:
    whole = (copy / "service.ndjson").read_bytes().splitlines(keepends=True)
    (copy / "service.ndjson").write_bytes(b"".join(whole[:-1]))
    with pytest.raises(BadInput, match="not whole"):
        Copy(copy, seeded("log key"))


def test_campaigns_without_openings_are_named_or_left_out(life: Life, copy: Path, empty: Engine) -> None:
    missing = f"0x{life.paid.campaign.hex()}"
    (copy / "openings" / f"{missing}.ndjson").unlink()
    with pytest.raises(BadInput, match=missing), restored(life.world, copy, empty):
        pass
    assert is_empty(empty)
    with restored(life.world, copy, empty, partial=True) as again:
        assert again.result.left_out == (life.paid.campaign,)
        with again.world.store.begin() as uow:
            assert uow.campaigns.get(life.running.campaign).state == "open"
            assert uow.log.head().size == life.world.size()
        given = [
            again.world.submission("bob", life.running, item, "cat") for item in again.world.tasks("bob")
        ]
        assert again.world.hand_in("bob", given)[0].receipt.index == life.world.size()
        with snapshot(empty) as now, pytest.raises(Difference) as found:
            check_database(now, life.known)
        assert (found.value.table, found.value.column) == ("campaigns", "row")


@dataclass(frozen=True)
class Damage:
    """A change to one line of a file of a mirror: the first that `which` takes."""

    name: str
    which: Callable[[dict[str, Any]], bool]
    change: Callable[[dict[str, Any]], None]


def kind(name: str) -> Callable[[dict[str, Any]], bool]:
    """The first line of a kind."""
    return lambda line: bool(line["kind"] == name)


def put(member: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Give a member another value."""
    return lambda line: line.__setitem__(member, value)


def raise_(member: str, by: int = 1) -> Callable[[dict[str, Any]], None]:
    """Make a number larger."""
    return lambda line: line.__setitem__(member, type(line[member])(int(line[member]) + by))


def flip(member: str) -> Callable[[dict[str, Any]], None]:
    """Change the last hex digit of a member."""

    def change(line: dict[str, Any]) -> None:
        line[member] = line[member][:-1] + ("0" if line[member][-1] != "0" else "1")

    return change


def inside(member: str, change: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    """Change something within a member."""
    return lambda line: change(line[member])


def lose(member: str) -> Callable[[dict[str, Any]], None]:
    """Take a member away."""
    return lambda line: line.pop(member)


def drop(line: dict[str, Any]) -> None:
    """Take the line away."""
    line.clear()


OPENINGS = "openings/{paid}.ndjson"
DAMAGES = [
    Damage("service.ndjson", kind("campaign"), flip("signature")),
    Damage("service.ndjson", kind("campaign"), flip("campaign")),
    Damage("service.ndjson", kind("campaign"), raise_("created_at")),
    Damage("service.ndjson", kind("campaign"), raise_("budget")),
    Damage("service.ndjson", kind("campaign"), raise_("index")),
    Damage("service.ndjson", kind("campaign"), put("requester", "0x" + "ab" * 20)),
    Damage("service.ndjson", kind("campaign"), inside("terms", raise_("deadline"))),
    Damage("service.ndjson", kind("campaign"), inside("specification", put("title", "Another"))),
    Damage("service.ndjson", kind("campaign"), drop),
    Damage("service.ndjson", kind("item"), inside("content", put("text", "another"))),
    Damage("service.ndjson", kind("item"), flip("salt")),
    Damage("service.ndjson", kind("item"), flip("commitment")),
    Damage("service.ndjson", kind("item"), raise_("position", 50)),
    Damage("service.ndjson", kind("item"), drop),
    Damage("service.ndjson", kind("gold"), inside("content", put("label", "eel"))),
    Damage("service.ndjson", kind("gold"), flip("item")),
    Damage("service.ndjson", kind("gold"), drop),
    Damage("service.ndjson", kind("matching"), put("prices", ["1"])),
    Damage("service.ndjson", kind("matching"), put("workers", [])),
    Damage("service.ndjson", kind("matching"), raise_("index")),
    Damage("service.ndjson", kind("matching"), drop),
    Damage("service.ndjson", kind("label"), flip("receipt")),
    Damage("service.ndjson", kind("label"), raise_("deadline")),
    Damage("service.ndjson", kind("label"), flip("grant_leaf")),
    Damage("service.ndjson", kind("label"), flip("assignment")),
    Damage("service.ndjson", kind("label"), drop),
    Damage("service.ndjson", kind("anchor"), flip("checkpoint")),
    Damage("service.ndjson", kind("anchor"), put("witnesses", ["w+00000000+AAAA"])),
    Damage("service.ndjson", kind("anchor"), raise_("size")),
    Damage(OPENINGS, kind("Label"), inside("openings", inside("answer", flip("salt")))),
    Damage(OPENINGS, kind("Label"), flip("leaf")),
    Damage(OPENINGS, kind("Label"), drop),
    Damage(OPENINGS, kind("Review"), inside("openings", inside("reason", flip("salt")))),
    Damage(OPENINGS, kind("Review"), drop),
    Damage(OPENINGS, kind("InferenceRun"), inside("openings", inside("method", raise_("version")))),
    Damage(OPENINGS, kind("InferenceRun"), inside("openings", drop)),
    Damage(OPENINGS, kind("Truth"), inside("openings", inside("truth", flip("salt")))),
    Damage(OPENINGS, kind("Truth"), drop),
    Damage(OPENINGS, kind("Payout"), inside("openings", inside("statement", put("amount", "1")))),
    Damage(OPENINGS, kind("Payout"), inside("openings", inside("signed_statement", flip("signature")))),
    Damage(OPENINGS, kind("Payout"), inside("openings", inside("signed_statement", raise_("epoch")))),
    Damage(OPENINGS, kind("Payout"), drop),
    Damage(OPENINGS, kind("Payout"), lose("openings")),
    Damage(OPENINGS, kind("Label"), put("openings", [])),
    Damage(OPENINGS, kind("Label"), put("index", "1")),
    Damage(OPENINGS, kind("Truth"), lose("leaf")),
    Damage("service.ndjson", kind("campaign"), lose("index")),
    Damage("service.ndjson", kind("campaign"), lose("signature")),
    Damage("service.ndjson", kind("campaign"), put("terms", None)),
    Damage("service.ndjson", kind("item"), put("position", "first")),
    Damage("service.ndjson", kind("item"), put("content", "text")),
    Damage("service.ndjson", kind("worker"), lose("skills")),
    Damage("service.ndjson", kind("worker"), put("capacity", {})),
    Damage("service.ndjson", kind("offer"), put("campaign", 7)),
    Damage("service.ndjson", kind("label"), put("deadline", None)),
    Damage("service.ndjson", kind("label"), put("index", None)),
    Damage("service.ndjson", kind("intent"), lose("attempts")),
    Damage("service.ndjson", kind("intent"), put("attempts", ["no hex"])),
    Damage("service.ndjson", kind("anchor"), lose("checkpoint")),
]


@pytest.mark.parametrize("damage", DAMAGES, ids=range(len(DAMAGES)))
def test_a_damaged_line_is_not_restored(life: Life, copy: Path, empty: Engine, damage: Damage) -> None:
    path = copy / damage.name.replace("{paid}", f"0x{life.paid.campaign.hex()}")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    damage.change(next(line for line in lines if damage.which(line)))
    path.write_text("".join(json.dumps(line) + "\n" for line in lines if line))
    with pytest.raises(LedgerError), restored(life.world, copy, empty):
        pass
    assert is_empty(empty)


def test_transactions_under_way_are_waited_for(life: Life, mirrored: Path) -> None:
    class Node:
        def finalized(self) -> Block:
            return Block(7, bytes(32), bytes(32), 0, 0)

        def transaction_count(self, account: str, at: object) -> int:
            assert account == life.world.operator.address
            return 7 if at == "pending" else 5

    ledger = life.world.ledger
    chain = Chain(cast(Any, Node()), ledger.provenance_log, ledger.escrow)
    with pytest.raises(Unavailable, match=r"2 transactions of the operator .* are not final yet"):
        chain.heads(Copy(mirrored, seeded("log key")))


@pytest.mark.parametrize("folder", ["0", "entries"])
def test_a_damaged_tile_is_not_restored(life: Life, copy: Path, empty: Engine, folder: str) -> None:
    (path,) = [one for one in (copy / "tile" / folder).rglob("*") if one.is_file()]
    raw = bytearray(path.read_bytes())
    raw[100] ^= 1
    path.write_bytes(raw)
    with pytest.raises(VerificationError), restored(life.world, copy, empty):
        pass
    assert is_empty(empty)
