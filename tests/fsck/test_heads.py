"""Heads: what was shown, what witnesses cosigned, and what the chain itself has."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from ledger_service.fsck.report import Difference
from ledger_service.heads import Head
from ledger_service.log.cosignature import WitnessKey, with_lines
from ledger_service.store.chain_events import ChainEvents
from tests.fsck.conftest import Life


@pytest.fixture
def heads(life: Life) -> list[Head]:
    """What the chain has, as it should be."""
    with life.world.store.begin() as uow:
        rows = [row for size in range(life.world.size() + 1) if (row := uow.anchors.get(size))]
    return [Head(row.size, row.root, 1_800_000_000 + row.size) for row in rows]


def test_the_chain_s_heads_agree(life: Life, heads: list[Head]) -> None:
    report = life.check(chain=heads)
    assert report.counts["chain"] == 2
    assert report.left_out == []


def test_a_head_that_the_chain_has_not_is_named(life: Life, heads: list[Head]) -> None:
    with pytest.raises(Difference) as caught:
        life.check(chain=heads[:1])
    assert (caught.value.table, caught.value.key, caught.value.column) == (
        "anchors", f"size {heads[1].size}", "final",
    )  # fmt: skip


def test_a_head_that_came_after_the_chain_was_read_is_no_difference(life: Life, heads: list[Head]) -> None:
    with life.world.store.begin() as uow:
        events = ChainEvents(uow.connection).after(0, 100, names=["Anchored"])
    before = events[1].event.block_number - 1
    assert life.check(chain=heads[:1], block=before).counts["chain"] == 1


def test_a_head_that_only_the_chain_has_is_named(life: Life, heads: list[Head]) -> None:
    more = Head(heads[1].size - 1, bytes(32), 0)
    with pytest.raises(Difference) as caught:
        life.check(chain=[heads[0], more, heads[1]])
    assert (caught.value.table, caught.value.key, caught.value.column) == (
        "anchors", f"size {more.size}", "row",
    )  # fmt: skip


def test_another_root_on_the_chain_is_named(life: Life, heads: list[Head]) -> None:
    with pytest.raises(Difference) as caught:
        life.check(chain=[heads[0], replace(heads[1], root=bytes(32))])
    assert (caught.value.table, caught.value.column) == ("the chain", "root")
    assert caught.value.expected == "0x" + heads[1].root.hex()


def test_a_shown_head_carries_its_witnesses_lines(life: Life) -> None:
    witnesses = [WitnessKey(name, hashlib.sha256(name.encode()).digest()) for name in ("w1", "w2")]
    with life.world.store.begin() as uow:
        head = uow.log.head()
    lines = [witness.cosign(head.checkpoint, 1_800_000_000) for witness in witnesses]
    note = with_lines(head.checkpoint, lines)
    vkeys = ", ".join(f'"{witness.verifier}"' for witness in witnesses)

    def shown(text: str, keys: str, time: int = 1_800_000_000) -> str:
        times = json.dumps({str(witness.verifier): time for witness in witnesses}).replace(":", "\\:")
        return (
            "INSERT INTO log_published (id, size, root, checkpoint, witnesses, times) "
            f"SELECT 1, size, root, '{text}', '[{keys}]', '{times}' FROM log_head"
        )

    assert life.check(shown(note, vkeys)).counts["log_published"] == 1
    with pytest.raises(Difference) as early:
        life.check(shown(note, vkeys, 1_799_999_999))
    assert early.value.column == f"times, {witnesses[0].verifier}"
    for wrong in (
        shown(note, vkeys.split(", ")[0]),
        shown(with_lines(head.checkpoint, lines[::-1]), vkeys),
        shown(with_lines(head.checkpoint, [lines[0], lines[0]]), vkeys),
        shown(note.replace("w1 ", "w3 "), vkeys),
        shown(head.checkpoint, vkeys),
        shown(note, ""),
        shown(note[:-8] + "AAAA" + note[-4:], vkeys),
    ):
        with pytest.raises(Difference) as caught:
            life.check(wrong)
        assert (caught.value.table, caught.value.key, caught.value.column) == (
            "log_published", "id 1", "checkpoint",
        )  # fmt: skip
