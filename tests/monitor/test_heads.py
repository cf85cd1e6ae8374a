"""Heads: a log that forks, shrinks, hides, is not anchored or not witnessed in time, or does not answer."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from ledger_service.errors import VerificationError
from ledger_service.heads import ANCHORED
from ledger_service.log.checkpoint import LogKey, open_checkpoint, sign_checkpoint
from ledger_service.log.cosignature import WitnessKey, with_lines
from ledger_service.log.policy import parse_policy
from ledger_service.mirror.evidence import Evidence, check_fork
from ledger_service.monitor.look import Limits
from ledger_service.monitor.papers import HttpPapers, WitnessPrefix
from tests.audit.builder import Builder, seeded
from tests.audit.proxy import Proxy
from tests.audit.server import LogServer
from tests.monitor.world import Watched, publish


def other(made: Builder) -> Builder:
    """The same place with another history."""
    return Builder(place=made.place, changes={"matching": lambda struct, _: replace(struct, primal=1)})


def evidence(watched: Watched, alarm: dict[str, object]) -> list[str]:
    names = alarm["evidence"]
    assert isinstance(names, list)
    return [(watched.state / name).read_text() for name in names]


@pytest.mark.parametrize("size", [150, None], ids=["same size", "larger"])
def test_a_fork_is_found_with_both_signed_heads(watched: Watched, made: Builder, size: int | None) -> None:
    watched.publish(made, 150)
    watched.look()
    publish(other(made), watched.folder, size)
    watched.look(60)
    (alarm,) = [one for one in watched.alarms() if one["kind"] == "fork"]
    (text,) = evidence(watched, alarm)
    proof = Evidence.from_json(json.loads(text))
    check_fork(proof, made.log_key.verifier)
    ours, theirs = (open_checkpoint(note, made.log_key.verifier) for note in (proof.old, proof.new))
    assert ours.root == made.tree.root(150)
    assert theirs.root == other(made).tree.root(theirs.size)


def test_a_fork_is_raised_once_and_the_head_is_not_taken(watched: Watched, made: Builder) -> None:
    watched.publish(made, 150)
    watched.look()
    publish(other(made), watched.folder)
    for _ in range(3):
        watched.look(60)
    assert watched.kinds().count("fork") == 1
    watched.publish(made)
    watched.look(60)
    assert watched.kinds() == ["fork"]  # the honest log goes on from what was seen before; the proof stays


def test_a_log_that_shrinks_is_behind_until_it_is_back(watched: Watched, made: Builder) -> None:
    watched.look()
    watched.publish(made, 100)
    watched.look(60)
    assert "behind" in watched.kinds()
    watched.publish(made)
    look = watched.look(60)
    assert watched.alarms() == []
    assert any(change.what == "cleared" for change in look.changes)


def test_a_smaller_head_of_another_history_is_a_fork(watched: Watched, made: Builder) -> None:
    watched.look()
    publish(other(made), watched.folder, 150)
    watched.look(60)
    # The tiles of what it showed before are gone, so nobody can compute the beginning: both heads are kept.
    (alarm,) = watched.alarms()
    assert alarm["kind"] == "behind"
    sizes = [open_checkpoint(note, made.log_key.verifier).size for note in evidence(watched, alarm)]
    assert sizes == [len(made.tree), 150]


def test_a_smaller_head_beside_the_old_tiles_is_a_fork(watched: Watched, made: Builder) -> None:
    watched.look()
    forked = other(made)
    note = sign_checkpoint(made.log_key.name, 150, forked.tree.root(150), made.log_key)
    (watched.folder / "checkpoint").write_text(note)
    watched.look(60)
    assert watched.kinds() == ["fork"]


def test_a_new_head_without_its_tiles_is_not_taken(watched: Watched, made: Builder) -> None:
    watched.publish(made, 150)
    watched.look()
    forked = other(made)
    note = sign_checkpoint(made.log_key.name, len(forked.tree), forked.tree.root(), made.log_key)
    watched.publish(made)
    (watched.folder / "checkpoint").write_text(note)
    watched.look(60)
    assert "tiles" in watched.kinds()


def test_a_checkpoint_of_another_key_is_refused(watched: Watched, made: Builder) -> None:
    watched.look()
    key = LogKey(made.log_key.name, seeded("another key"))
    note = sign_checkpoint(key.name, len(made.tree), made.tree.root(), key)
    (watched.folder / "checkpoint").write_text(note)
    watched.look(60)
    assert watched.kinds() == ["checkpoint"]


def test_entries_that_are_not_under_the_head_are_refused(watched: Watched, made: Builder) -> None:
    watched.publish(made, 100)
    path = next((watched.folder / "tile" / "entries").rglob("*100"))
    raw = path.read_bytes()
    path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    watched.look()
    assert "tiles" in watched.kinds()
    watched.publish(made)
    watched.look()
    assert watched.alarms() == []


def test_the_chain_holds_another_history(watched: Watched, made: Builder) -> None:
    forked = other(made)
    publish(forked, watched.folder)
    watched.look()
    forks = [alarm for alarm in watched.alarms() if alarm["kind"] == "fork"]
    assert {alarm["expected"] for alarm in forks} >= {
        "0x" + made.tree.root(len(made.tree)).hex(),
        "0x" + made.tree.root(100).hex(),
    }
    assert '"size": 100' in "".join(evidence(watched, forks[0])) + "".join(evidence(watched, forks[1]))


def test_entries_that_only_the_chain_knows_of_are_hidden(watched: Watched, made: Builder) -> None:
    watched.publish(made, 120)
    watched.look()
    assert watched.kinds() == ["hidden"]
    watched.publish(made)
    watched.look(60)
    assert watched.alarms() == []


def test_a_head_that_is_not_anchored_in_time(watched: Watched, made: Builder) -> None:
    more = Builder(earlier=made, place=made.place, part=0, items=13)
    watched.publish(more)
    watched.limits = Limits(anchor=900)
    watched.look()
    watched.look(900)
    assert watched.alarms() == []
    watched.look(1)
    assert watched.kinds() == ["unanchored"]
    proof = more.tree.consistency_proof(len(made.tree), len(more.tree))
    call = watched.world.artifacts["ProvenanceLog"].call("anchor", len(more.tree), more.tree.root(), proof)
    watched.world.send(watched.world.operator, watched.world.log, call)
    watched.look(1)
    assert watched.alarms() == []


def test_a_log_that_does_not_answer(watched: Watched) -> None:
    watched.limits = Limits(silence=100)
    watched.look()
    watched.server.down = True
    watched.look(60)
    assert watched.alarms() == []
    look = watched.look(101)
    assert watched.kinds() == ["silent"]
    assert look.unseen
    watched.server.down = False
    watched.look(1)
    assert watched.alarms() == []


def test_a_mirror_with_another_history_proves_a_fork(watched: Watched, made: Builder, tmp_path: Path) -> None:
    folder = publish(other(made), tmp_path / "mirror", 150)
    with LogServer(folder, "") as mirror, HttpPapers(mirror.url) as source:
        watched.places = (source,)
        watched.look()
    (alarm,) = watched.alarms()
    assert alarm["kind"] == "fork"
    assert mirror.url in alarm["words"]


def test_an_honest_mirror_that_is_behind_is_no_alarm(watched: Watched, made: Builder, tmp_path: Path) -> None:
    folder = publish(made, tmp_path / "mirror", 150)
    with LogServer(folder, "") as mirror, HttpPapers(mirror.url) as source:
        watched.places = (source,)
        watched.look()
    assert watched.alarms() == []


def test_what_a_mirror_has_and_the_log_hides_is_an_alarm_in_time(
    watched: Watched, made: Builder, tmp_path: Path
) -> None:
    more = Builder(earlier=made, place=made.place, items=13)
    folder = publish(more, tmp_path / "mirror")
    with LogServer(folder, "") as mirror, HttpPapers(mirror.url) as source:
        watched.places = (source,)
        watched.look()
        assert watched.alarms() == []
        watched.look(601)
        assert watched.kinds() == ["hidden"]
        watched.publish(more)
        watched.look(60)
    assert watched.alarms() == []


def test_a_larger_head_elsewhere_is_compared_once_the_log_reaches_it(
    watched: Watched, made: Builder, tmp_path: Path
) -> None:
    forked = other(made)
    folder = publish(forked, tmp_path / "mirror")
    watched.publish(made, 15)
    with LogServer(folder, "") as mirror, HttpPapers(mirror.url) as source:
        watched.places = (source,)
        watched.look()
        assert "fork" not in watched.kinds()
        publish(made, folder)  # the mirror shows good order by now; what it showed before is remembered
        watched.publish(made)
        watched.look(60)
    assert "fork" in watched.kinds()


def test_a_witness_is_asked_at_its_monitoring_prefix(watched: Watched, made: Builder, tmp_path: Path) -> None:
    witness = WitnessKey("witness.example", seeded("witness"))
    forked = other(made)
    note = sign_checkpoint(made.log_key.name, 150, forked.tree.root(150), made.log_key)
    with LogServer(tmp_path, "") as server:
        place = WitnessPrefix(server.url + "/", made.log_key.name)
        watched.places = (place,)
        look = watched.look()
        assert watched.alarms() == []
        assert "404" in look.lacking[0]  # it has never cosigned: no alarm
        folder = tmp_path / hashlib.sha256(made.log_key.name.encode()).hexdigest()
        folder.mkdir()
        (folder / "checkpoint").write_text(with_lines(note, [witness.cosign(note, watched.now)]))
        watched.look(60)
        place.close()
    assert watched.kinds() == ["fork"]


def test_too_few_witnesses_for_too_long(watched: Watched, made: Builder) -> None:
    witness = WitnessKey("witness.example", seeded("witness"))
    lines = f"log {made.log_key.verifier}\nwitness w {witness.verifier}\nquorum w\n"
    watched.policy = parse_policy(lines.encode())
    watched.look()
    watched.look(600)
    assert watched.alarms() == []
    watched.look(1)
    assert watched.kinds() == ["witnesses"]
    path = watched.folder / "checkpoint"
    note = path.read_text()
    path.write_text(with_lines(note, [witness.cosign(note, watched.now)]))
    watched.look(60)
    assert watched.alarms() == []


def test_a_node_that_hides_anchors_is_found_out(watched: Watched, made: Builder, node_url: str) -> None:
    with Proxy(node_url, lambda log: log["topics"][0] != "0x" + ANCHORED.hex()) as url:
        watched.node_url = url
        watched.look()
    assert watched.kinds() == ["node"]
    watched.node_url = node_url
    watched.look(60)
    assert watched.alarms() == []


def test_a_node_that_invents_an_anchor_accuses_nobody(watched: Watched, made: Builder, node_url: str) -> None:
    def invented(log: dict[str, str | list[str]]) -> bool:
        if log["topics"][0] == "0x" + ANCHORED.hex() and int(log["topics"][1], 16) == 100:
            log["data"] = "0x" + "66" * 32 + str(log["data"])[66:]
        return True

    with Proxy(node_url, invented) as url:
        watched.node_url = url
        for _ in range(2):
            look = watched.look(60)
            assert watched.kinds() == ["node"]
            assert look.unseen
    watched.node_url = node_url
    watched.look(60)
    assert watched.alarms() == []
    publish(other(made), watched.folder)  # and who is accused then, is so with reason
    watched.state = watched.state.with_name("another")
    watched.look()
    assert "fork" in watched.kinds()


def test_a_head_that_somebody_put_into_the_folder_is_refused(watched: Watched, made: Builder) -> None:
    watched.look()
    sql = sqlite3.connect(watched.state / "monitor.db")
    sql.execute("UPDATE meta SET value = replace(value, '— ', '— x') WHERE name = 'head_note'")
    sql.commit()
    sql.close()
    with pytest.raises(VerificationError):
        watched.look(60)
