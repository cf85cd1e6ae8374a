"""A sound database passes, and whatever is changed in it is named, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from sqlalchemy import insert, select, text

from ledger_service import entries
from ledger_service.errors import Conflict
from ledger_service.fsck.database import check_database
from ledger_service.fsck.known import Known
from ledger_service.fsck.report import Difference
from ledger_service.store.integrity import ROWS_OF, Snapshot
from ledger_service.store.store import UnitOfWork
from ledger_service.store.tables import log_entries
from tests.flow.world import World
from tests.fsck.conftest import Life


def test_a_whole_life_is_clean(life: Life) -> None:
    report = life.check()
    assert report.size == life.world.size()
    assert report.erased == 0
    assert [line for line in report.left_out if "chain" not in line] == []
    assert report.counts["labels"] == 27 + 4
    assert report.counts["payrolls"] == 1
    assert report.counts["anchors"] == report.counts["chain_events"] == 2
    assert report.counts["items"] == 9 + 4 + 3
    assert report.counts["subject_keys"] == 4


def test_an_empty_log_is_clean(world: World) -> None:
    life = Life(world, world.ask(), world.ask(), world.ask())
    assert life.check().size == 0


def test_what_is_not_known_is_left_out_and_said(life: Life) -> None:
    report = life.check(known=Known())
    assert len(report.left_out) == 5
    assert report.counts["labels"] == 31


def test_an_erased_subject_is_counted_and_no_difference(life: Life) -> None:
    whose = "subject = (SELECT worker FROM labels ORDER BY index LIMIT 1)"
    report = life.check("DELETE FROM subject_keys WHERE " + whose)
    assert report.erased == 9 + 9 + 4  # labels and reviews of the paid campaign, labels of the running one


@pytest.mark.parametrize("kind", ["Erasure", "Label", "Truth"])
def test_an_entry_that_was_appended_twice_is_named(life: Life, kind: str) -> None:
    store = life.world.store
    with store.engine.connect() as connection, connection.begin() as transaction:
        log = UnitOfWork(connection, store).log
        if kind == "Erasure":  # a type that has no rows
            log.append([entries.encode(entries.Erasure(bytes(32), 1))])
        query = select(log_entries.c.index, log_entries.c.raw).where(log_entries.c.kind == kind)
        index, raw = connection.execute(query.order_by(log_entries.c.index).limit(1)).one()
        (again,) = log.append_raw([(kind, raw)])
        with Snapshot(connection) as now, pytest.raises(Difference) as found:
            check_database(now, life.known)
        transaction.rollback()
    named = found.value.to_json()
    assert (named["table"], named["key"], named["column"]) == ("log_entries", f"index {again}", "leaf")
    assert named["expected"] == f"another than that of index {index}"


@pytest.mark.parametrize("kind", ROWS_OF)
def test_no_entry_that_has_a_row_can_get_another_one(life: Life, kind: str) -> None:
    store, table, size = life.world.store, ROWS_OF[kind], life.world.size()
    query = select(table).where(table.c.index.is_not(None)).order_by(table.c.index).limit(1)
    with store.begin() as uow:
        row = {**uow.connection.execute(query).one()._mapping}
        raw = uow.log.at([(row["index"], row["leaf"])])[row["index"]]
    row.pop("number", None)  # of campaigns, given out in order

    def append_again() -> None:
        with store.begin() as uow:
            (index,) = uow.log.append_raw([(kind, raw)])
            uow.connection.execute(insert(table).values(row | {"index": index}))

    with pytest.raises(Conflict):
        append_again()
    assert life.world.size() == size


@dataclass(frozen=True)
class Row:
    """One corruption, and how it is named."""

    statement: str
    table: str
    key: str
    column: str
    expected: str = ""
    found: str = ""


FLIPPED = "set_byte({0}, {1}, get_byte({0}, {1}) # 1)"


def flip(table: str, column: str, where: str, byte: int = 0) -> str:
    """Change one bit of a column of bytes."""
    return f"UPDATE {table} SET {column} = {FLIPPED.format(column, byte)} WHERE {where}"


def one(table: str, order: str = "index", where: str = "true") -> str:
    """A condition that one row of a table meets."""
    return f"ctid = (SELECT ctid FROM {table} WHERE {where} ORDER BY {order} LIMIT 1)"


def shift(table: str) -> str:
    """Give the newest row of a table the next index."""
    return f"UPDATE {table} SET index = index + 1000 WHERE " + one(table, "index DESC")


def delete(table: str, order: str = "index DESC") -> str:
    return f"DELETE FROM {table} WHERE " + one(table, order)


def change(table: str, assignment: str, order: str = "index", where: str = "true") -> str:
    return f"UPDATE {table} SET {assignment} WHERE " + one(table, order, where)


ZERO = "decode(repeat('00', 32), 'hex')"
OTHER = "decode(repeat('ab', 32), 'hex')"
SOMEBODY = "'0x" + "ab" * 20 + "'"
A_LABEL = "kind = 'Label'"
WITH_INDEX = (
    "grants", "matchings", "assignments", "labels", "reviews", "runs", "truths", "reputations", "payouts",
    "settlements",
)  # fmt: skip

# fmt: off
# ruff: noqa: E501  (one corruption a line)
ROWS = [
    # The log.
    Row(flip("log_entries", "raw", "index = 5", 40), "log_entries", "index 5", "leaf"),
    Row(flip("log_entries", "raw", "index = 5"), "log_entries", "index 5", "raw", "an entry", "unknown entry type"),
    Row("UPDATE log_entries SET raw = raw || '\\x00' WHERE index = 3", "log_entries", "index 3", "leaf"),
    Row("UPDATE log_entries SET raw = '' WHERE index = 3", "log_entries", "index 3", "raw"),
    Row(flip("log_entries", "leaf", "index = 7"), "log_entries", "index 7", "leaf"),
    Row("UPDATE log_entries SET kind = 'Truth' WHERE index = 0", "log_entries", "index 0", "kind", "Campaign", "Truth"),
    Row("DELETE FROM log_entries WHERE index = 9", "log_entries", "index 9", "row", "an entry", "none"),
    Row("DELETE FROM log_entries WHERE index = 0", "log_entries", "index 0", "row", "an entry", "none"),
    Row(delete("log_entries"), "log_entries", "index {last}", "row", "an entry", "none"),
    Row(
        "INSERT INTO log_entries SELECT index + 1, " + OTHER + ", kind, raw FROM log_entries WHERE " + one("log_entries", "index DESC"),
        "log_entries", "index {size}", "row", "none: the head has {size}", "an entry",
    ),
    Row("INSERT INTO log_entries SELECT -1, " + OTHER + ", kind, raw FROM log_entries WHERE index = 0", "log_entries", "index -1", "row"),
    Row("INSERT INTO log_entries SELECT index + 1000, " + OTHER + ", kind, raw FROM log_entries WHERE index = 0", "log_entries", "index 1000", "row"),
    Row("UPDATE log_entries SET leaf = (SELECT leaf FROM log_entries WHERE index = 4) WHERE index = 8", "log_entries", "index 8", "leaf", "another than that of index 4"),
    Row(flip("log_tiles", "hashes", "level = 0", 33), "log_tiles", "tile 0/0", "hash 1"),
    Row("UPDATE log_tiles SET hashes = hashes || hashes WHERE level = 0", "log_tiles", "tile 0/0", "hashes"),
    Row("UPDATE log_tiles SET hashes = substring(hashes for 64) WHERE level = 0", "log_tiles", "tile 0/0", "hashes"),
    Row("DELETE FROM log_tiles WHERE level = 0", "log_tiles", "tile 0/0", "row"),
    Row("INSERT INTO log_tiles VALUES (0, 1, " + ZERO + ")", "log_tiles", "tile 0/1", "row", "none: the log has {size} entries", "a tile"),
    Row("INSERT INTO log_tiles VALUES (1, 0, " + ZERO + ")", "log_tiles", "tile 1/0", "row"),
    # Heads.
    Row("DELETE FROM log_head", "log_head", "id 1", "row", "a head", "none"),
    Row("UPDATE log_head SET size = size + 1", "log_head", "id 1", "checkpoint"),
    Row("UPDATE log_head SET size = size - 1", "log_head", "id 1", "checkpoint"),
    Row(flip("log_head", "root", "true"), "log_head", "id 1", "checkpoint"),
    Row("UPDATE log_head SET checkpoint = replace(checkpoint, 'crowdledger', 'crowdladder')", "log_head", "id 1", "checkpoint"),
    Row("UPDATE log_head SET checkpoint = checkpoint || substring(checkpoint from '\n\n(.*)')", "log_head", "id 1", "checkpoint"),
    Row("UPDATE log_head SET checkpoint = (SELECT checkpoint FROM anchors ORDER BY size LIMIT 1)", "log_head", "id 1", "checkpoint"),
    Row("UPDATE log_head SET (size, root, checkpoint) = (SELECT size, root, checkpoint FROM anchors ORDER BY size DESC LIMIT 1)", "log_entries", "index {anchor}", "row", "none: the head has {anchor}", "an entry"),
    Row(change("anchors", "size = size + 1", "size"), "anchors", "size {first+1}", "checkpoint"),
    Row(flip("anchors", "root", one("anchors", "size")), "anchors", "size {first}", "checkpoint"),
    Row(change("anchors", "checkpoint = ''", "size DESC"), "anchors", "size {anchor}", "checkpoint"),
    Row(change("anchors", "final = false", "size"), "anchors", "size {first}", "final"),
    Row(delete("anchors", "size"), "anchors", "size {first}", "row"),
    Row("DELETE FROM chain_events WHERE name = 'Anchored'", "anchors", "size {first}", "final"),
    Row("UPDATE chain_events SET args = args || jsonb_build_object('root', '0x' || repeat('ab', 32)) WHERE name = 'Anchored'", "chain_events", "Anchored {first}", "root"),
    # Rows of entries, each kind.
    *(Row(delete(table), table, "leaf {newest:" + table + "}", "row") for table in WITH_INDEX),
    *(Row(shift(table), table, "leaf {newest:" + table + "}", "index") for table in WITH_INDEX),
    *(Row(flip(table, "leaf", one(table)), table, "leaf {oldest:" + table + "}", "leaf") for table in WITH_INDEX),
    Row("INSERT INTO grants SELECT " + OTHER + ", index + 1, worker, session_key, scope, valid_from, valid_until FROM grants WHERE " + one("grants", "index DESC"), "grants", "leaf 0x" + "ab" * 32, "entry"),
    Row("INSERT INTO reputations SELECT " + OTHER + ", index + 1000, worker, domain, score, standard_error FROM reputations WHERE " + one("reputations"), "reputations", "leaf 0x" + "ab" * 32, "entry"),
    # Fields.
    Row(change("grants", f"worker = {SOMEBODY}"), "grants", "leaf {oldest:grants}", "worker"),
    Row(change("grants", f"session_key = {SOMEBODY}"), "grants", "leaf {oldest:grants}", "session_key"),
    Row(change("grants", "scope = " + OTHER), "grants", "leaf {oldest:grants}", "scope"),
    Row(change("grants", "valid_from = valid_from + 1"), "grants", "leaf {oldest:grants}", "valid_from"),
    Row(change("grants", "valid_until = valid_until + 1"), "grants", "leaf {oldest:grants}", "valid_until"),
    Row(change("campaigns", f"requester = {SOMEBODY}"), "campaigns", "leaf {oldest:campaigns}", "requester"),
    Row(change("campaigns", "created_at = created_at + 1"), "campaigns", "leaf {oldest:campaigns}", "created_at"),
    Row(change("campaigns", "budget = budget + 1"), "campaigns", "leaf {oldest:campaigns}", "budget"),
    Row(change("campaigns", "workers = workers + 1"), "campaigns", "campaign {paid}", "workers"),
    Row(flip("campaigns", "signature", one("campaigns")), "campaigns", "leaf {oldest:campaigns}", "signature"),
    Row(change("campaigns", """terms = terms || '{"window": 86401}'"""), "campaigns", "leaf {oldest:campaigns}", "terms"),
    Row(change("campaigns", "terms = '{}'"), "campaigns", "leaf {oldest:campaigns}", "terms"),
    Row(change("campaigns", """specification = specification || '{"title": "Another"}'"""), "campaigns", "leaf {oldest:campaigns}", "specification"),
    Row(change("campaigns", "state = 'open'"), "campaigns", "campaign {paid}", "state"),
    Row(change("campaigns", "state = 'inferred'"), "campaigns", "campaign {paid}", "state"),
    Row(change("campaigns", "state = 'reviewed'", "index DESC", "index IS NOT NULL"), "campaigns", "campaign {running}", "state"),
    Row("UPDATE campaigns SET state = 'open' WHERE state = 'draft'", "campaigns", "campaign {draft}", "state"),
    Row(change("matchings", """prices = '["0"]'"""), "matchings", "leaf {oldest:matchings}", "prices"),
    Row(change("matchings", "prices = '[null]'"), "matchings", "leaf {oldest:matchings}", "prices"),
    Row(change("matchings", "workers = '[]'"), "matchings", "leaf {oldest:matchings}", "workers"),
    Row(change("assignments", "item = " + OTHER), "assignments", "leaf {oldest:assignments}", "item"),
    Row(change("assignments", f"worker = {SOMEBODY}"), "assignments", "leaf {oldest:assignments}", "worker"),
    Row(change("assignments", "run = " + OTHER), "assignments", "leaf {oldest:assignments}", "run"),
    Row(change("assignments", "assigned_at = 0"), "assignments", "leaf {oldest:assignments}", "assigned_at"),
    Row(change("assignments", "due_at = due_at - 1"), "assignments", "leaf {oldest:assignments}", "due_at"),
    Row(change("assignments", "state = 'open'"), "assignments", "leaf {oldest:assignments}", "state", "done", "open"),
    Row(change("assignments", "state = 'done'", "index", "state = 'open'"), "assignments", "leaf 0x{open}", "state"),
    Row(change("labels", "item = " + OTHER), "labels", "leaf {oldest:labels}", "item"),
    Row(change("labels", f"worker = {SOMEBODY}"), "labels", "leaf {oldest:labels}", "worker"),
    Row(change("labels", "made_at = made_at + 1"), "labels", "leaf {oldest:labels}", "made_at"),
    Row(change("labels", "grant_leaf = " + OTHER), "labels", "leaf {oldest:labels}", "grant_leaf"),
    Row(change("labels", "grant_leaf = (SELECT g.leaf FROM grants g WHERE g.worker <> labels.worker LIMIT 1)"), "labels", "leaf {oldest:labels}", "grant_leaf"),
    Row(change("labels", "deadline = deadline + 1"), "labels", "leaf {oldest:labels}", "receipt"),
    Row(flip("labels", "receipt", one("labels"), 3), "labels", "leaf {oldest:labels}", "receipt"),
    Row(flip("labels", "opening", one("labels"), 20), "labels", "leaf {oldest:labels}", "opening"),
    Row(change("labels", "opening = ''"), "labels", "leaf {oldest:labels}", "opening"),
    Row("UPDATE labels SET opening = o.opening FROM labels o WHERE labels.leaf <> o.leaf AND labels.worker = o.worker", "labels", "leaf {oldest:labels}", "opening"),
    Row(change("reviews", "verdict = 3 - verdict"), "reviews", "leaf {oldest:reviews}", "verdict"),
    Row(change("reviews", "label = " + OTHER), "reviews", "leaf {oldest:reviews}", "label"),
    Row(change("reviews", "campaign = (SELECT campaign FROM campaigns c WHERE c.campaign <> reviews.campaign LIMIT 1)"), "reviews", "leaf {oldest:reviews}", "campaign"),
    Row(flip("reviews", "opening", one("reviews"), 20), "reviews", "leaf {oldest:reviews}", "opening"),
    Row(change("runs", """method = method || '{"version": 3}'"""), "runs", "leaf {oldest:runs}", "method"),
    Row(change("runs", "parameters = '{}'"), "runs", "leaf {oldest:runs}", "parameters"),
    Row(change("truths", "confidence = confidence - 1"), "truths", "leaf {oldest:truths}", "confidence"),
    Row(change("truths", "run = " + OTHER), "truths", "leaf {oldest:truths}", "run"),
    Row(flip("truths", "opening", one("truths"), 20), "truths", "leaf {oldest:truths}", "opening"),
    Row(change("reputations", "score = score + 1"), "reputations", "leaf {oldest:reputations}", "score"),
    Row(change("reputations", "standard_error = 0"), "reputations", "leaf {oldest:reputations}", "standard_error"),
    Row(change("reputations", "domain = " + OTHER), "reputations", "leaf {oldest:reputations}", "domain"),
    Row(change("payouts", "amount = amount + 1"), "payouts", "leaf {oldest:payouts}", "amount"),
    Row(change("payouts", """statement = statement || '{"amount": "1"}'"""), "payouts", "leaf {oldest:payouts}", "statement"),
    Row(change("payouts", "epoch = 2"), "payouts", "leaf {oldest:payouts}", "signature"),
    Row(flip("payouts", "signature", one("payouts"), 3), "payouts", "leaf {oldest:payouts}", "signature"),
    Row(change("payouts", "position = 7"), "payouts", "leaf {oldest:payouts}", "position", "0", "7"),
    Row(change("settlements", "total = total + 1"), "settlements", "leaf {oldest:settlements}", "total"),
    # What no entry names row by row.
    Row("DELETE FROM items WHERE campaign = (SELECT campaign FROM campaigns ORDER BY number LIMIT 1) AND position = 8", "items", "campaign {paid}", "rows", "9", "8"),
    Row("UPDATE items SET position = 100 WHERE campaign = (SELECT campaign FROM campaigns ORDER BY number LIMIT 1) AND position = 0", "items", "campaign {paid}", "root"),
    Row(flip("items", "opening", "campaign = (SELECT campaign FROM campaigns ORDER BY number LIMIT 1) AND position = 4", 20), "items", "campaign {paid}, position 4", "opening"),
    Row(flip("items", "opening", "campaign = (SELECT campaign FROM campaigns WHERE state = 'draft') AND position = 1", 20), "items", "campaign {draft}, position 1", "opening"),
    Row("DELETE FROM gold WHERE campaign = (SELECT campaign FROM campaigns ORDER BY number LIMIT 1)", "gold", "campaign {paid}", "rows", "2", "0"),
    Row(flip("payrolls", "root", "true"), "payrolls", "campaign {paid}, epoch 1", "root"),
    Row(flip("payrolls", "entries", "true", 35), "payrolls", "campaign {paid}, epoch 1", "entries"),
    Row("UPDATE payrolls SET entries = substring(entries for 35)", "payrolls", "campaign {paid}, epoch 1", "entries"),
    Row("UPDATE payrolls SET count = count + 1", "payrolls", "campaign {paid}, epoch 1", "count"),
    Row("UPDATE payrolls SET total = total + 1", "payrolls", "campaign {paid}, epoch 1", "total"),
    Row("UPDATE payrolls SET evidence = evidence + 1", "payrolls", "campaign {paid}, epoch 1", "evidence"),
    Row("DELETE FROM payrolls", "campaigns", "campaign {paid}", "state", "finished or payable", "settled"),
    Row(flip("subject_keys", "wrapped", one("subject_keys", "subject"), 20), "", "", ""),
]
# fmt: on


def named(life: Life, pattern: str) -> str:
    """The key that a pattern stands for in this life."""

    def ask(query: str) -> object:
        with life.world.engine.connect() as connection:
            return connection.execute(text(query)).scalar_one()

    waiting = ask("SELECT encode(leaf, 'hex') FROM assignments WHERE state = 'open' ORDER BY index LIMIT 1")
    known = {
        "open": waiting,
        "size": life.world.size(),
        "last": life.world.size() - 1,
        "paid": "0x" + life.paid.campaign.hex(),
        "running": "0x" + life.running.campaign.hex(),
        "draft": "0x" + life.draft.campaign.hex(),
        "first": ask("SELECT min(size) FROM anchors"),
        "first+1": ask("SELECT min(size) + 1 FROM anchors"),
        "anchor": ask("SELECT max(size) FROM anchors"),
    }
    for name, value in known.items():
        pattern = pattern.replace("{" + name + "}", str(value))
    if "{" in pattern:
        which, table = pattern[pattern.index("{") + 1 : -1].split(":")
        order = "DESC" if which == "newest" else ""
        leaf = ask(f"SELECT leaf FROM {table} WHERE index IS NOT NULL ORDER BY index {order} LIMIT 1")
        assert isinstance(leaf, bytes)
        pattern = pattern[: pattern.index("{")] + "0x" + leaf.hex()
    return pattern


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.statement[:90])
def test_what_is_changed_is_named(life: Life, row: Row) -> None:
    row = replace(
        row,
        key=named(life, row.key),
        expected=named(life, row.expected),
        found=named(life, row.found),
    )
    with pytest.raises(Difference) as caught:
        life.check(row.statement)
    error = caught.value
    if row.table:
        assert (error.table, error.key, error.column) == (row.table, row.key, row.column), str(error)
    assert row.expected in ("", error.expected)
    assert error.found.startswith(row.found)
