"""What a witness remembers and when: time, evidence, and a state directory that was tampered with."""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ledger_service.errors import BadInput, Corrupt, Unavailable
from ledger_service.log.checkpoint import LogKey, open_checkpoint, sign_checkpoint
from ledger_service.log.cosignature import WitnessKey, open_cosignatures
from ledger_service.log.note import parse_note
from ledger_service.mirror.evidence import Evidence, check_fork
from ledger_service.witness.alarms import Alarm
from ledger_service.witness.evidence import EvidenceFiles
from ledger_service.witness.records import Records, origin_hash
from ledger_service.witness.refusals import Inconsistent, WrongOldSize
from ledger_service.witness.request import format_request
from ledger_service.witness.witness import Witness
from tests.witness.world import KEY, ORIGIN, SmallLog

WITNESS = WitnessKey("witness.example/w1", bytes([7]) * 32)
NOW = 1_800_000_000


@dataclass
class Desk:
    """A witness in this process, on a folder, with a clock that can be set."""

    folder: Path
    now: int = NOW
    alarms: list[Alarm] = field(default_factory=list)

    def start(self, *keys: LogKey) -> Witness:
        """As after a start of the process."""
        logs = {key.name: [key.verifier] for key in keys or (KEY,)}
        records = Records(self.folder, WITNESS.verifier)
        return Witness(
            WITNESS, logs, records, EvidenceFiles(self.folder), lambda: self.now, self.alarms.append
        )

    @property
    def evidence(self) -> list[Path]:
        return sorted(self.folder.glob("evidence/*/*.json"))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def proved(path: Path) -> Evidence:
    """What the file proves to anybody: that the log is forked."""
    found = Evidence.from_json(json.loads(path.read_bytes()))
    check_fork(found, KEY.verifier)
    return found


def time_of(log: SmallLog, line: str) -> int:
    return open_cosignatures(log.checkpoint() + line, [WITNESS.verifier])[WITNESS.verifier]


def test_no_time_goes_back_when_the_clock_does(desk: Desk) -> None:
    log, witness = SmallLog().grow(3), desk.start()
    assert time_of(log, witness.add_checkpoint(log.request(0))) == NOW
    desk.now -= 1000
    assert time_of(log, witness.add_checkpoint(log.request(3))) == NOW
    assert time_of(log.grow(1), witness.add_checkpoint(log.request(3))) == NOW
    desk.now = NOW + 5
    assert time_of(log.grow(1), witness.add_checkpoint(log.request(4))) == NOW + 5


def test_no_time_goes_back_over_a_restart_and_between_logs(desk: Desk) -> None:
    log, other = SmallLog().grow(3), SmallLog(LogKey("log.example/other", bytes(32))).grow(3)
    assert time_of(log, desk.start(KEY, other.key).add_checkpoint(log.request(0))) == NOW
    desk.now -= 86_400
    witness = desk.start(KEY, other.key)
    assert time_of(log, witness.add_checkpoint(log.request(3))) == NOW
    assert time_of(other, witness.add_checkpoint(other.request(0))) == NOW


@pytest.mark.parametrize("now", [0, -1, -(10**9)])
def test_no_time_is_zero(desk: Desk, now: int) -> None:
    desk.now = now
    log = SmallLog().grow(3)
    assert time_of(log, desk.start().add_checkpoint(log.request(0))) == 1


def test_two_roots_of_one_size_are_proof_of_a_fork(desk: Desk) -> None:
    log, witness = SmallLog().grow(9), desk.start()
    witness.add_checkpoint(log.request(0))
    other = log.branch(4).grow(5, "other")
    with pytest.raises(Inconsistent):
        witness.add_checkpoint(format_request(9, [], other.checkpoint()))
    assert [alarm.kind for alarm in desk.alarms] == ["fork"]
    (path,) = desk.evidence
    assert desk.alarms[0].evidence == str(path)
    kept = proved(path)
    heads = [open_checkpoint(text, KEY.verifier).root for text in (kept.old, kept.new)]
    assert heads == [log.tree.root(), other.tree.root()]
    for _ in range(3):  # asked again, also with another old size: kept and told once
        with pytest.raises(WrongOldSize):
            witness.add_checkpoint(other.request(0))
    assert len(desk.evidence) == len(desk.alarms) == 1


def test_an_empty_tree_with_a_root_is_proof_too(desk: Desk) -> None:
    witness = desk.start()
    wrong = sign_checkpoint(ORIGIN, 0, bytes(32), KEY)
    with pytest.raises(Inconsistent):
        witness.add_checkpoint(format_request(0, [], wrong))
    proved(desk.evidence[0])


def test_a_wrong_proof_is_kept_as_a_suspicion_and_is_no_proof(desk: Desk) -> None:
    log, witness = SmallLog().grow(9), desk.start()
    witness.add_checkpoint(log.request(0))
    log.grow(200)
    for size in range(
        10, 110
    ):  # whoever has the log's checkpoints can send these: they must not fill the disk
        with pytest.raises(Inconsistent):
            witness.add_checkpoint(format_request(9, [bytes(32)], log.checkpoint(size)))
    assert {alarm.kind for alarm in desk.alarms} == {"suspect"}
    assert len(desk.evidence) == len(desk.alarms) == 32
    with pytest.raises(BadInput):
        proved(desk.evidence[0])


@pytest.mark.parametrize("content", [b"", b"not a note", b"\xff", None])
def test_a_damaged_record_is_never_taken_for_a_new_log(desk: Desk, content: bytes | None) -> None:
    log = SmallLog().grow(5)
    desk.start().add_checkpoint(log.request(0))
    path = desk.folder / "checkpoints" / origin_hash(ORIGIN)
    # None: a checkpoint of the log that this witness has not cosigned.
    path.write_bytes(log.checkpoint().encode() if content is None else content)
    with pytest.raises(Corrupt):
        desk.start()


def test_every_byte_of_a_record_counts(desk: Desk) -> None:
    log = SmallLog().grow(5)
    desk.start().add_checkpoint(log.request(0))
    path = desk.folder / "checkpoints" / origin_hash(ORIGIN)
    whole = path.read_bytes()
    ours = len(parse_note(whole.decode()).text.encode())
    for at in (*range(ours), len(whole) - 1, len(whole) - 40):
        changed = bytearray(whole)
        changed[at] ^= 1
        path.write_bytes(changed)
        with pytest.raises(Corrupt):
            desk.start()


def test_a_record_of_another_log_is_refused(desk: Desk) -> None:
    other = SmallLog(LogKey("log.example/other", bytes(32))).grow(5)
    desk.start(other.key).add_checkpoint(other.request(0))
    folder = desk.folder / "checkpoints"
    (folder / origin_hash(other.key.name)).rename(folder / origin_hash(ORIGIN))
    with pytest.raises(Corrupt):
        desk.start()


def test_what_cannot_be_written_is_not_answered(desk: Desk) -> None:
    log, witness = SmallLog().grow(5), desk.start()
    witness.add_checkpoint(log.request(0))
    folder = desk.folder / "checkpoints"
    folder.rename(desk.folder / "away")
    log.grow(3)
    with pytest.raises(Unavailable):
        witness.add_checkpoint(log.request(5))
    (desk.folder / "away").rename(folder)
    assert witness.records.latest(ORIGIN) is not None
    assert time_of(log, witness.add_checkpoint(log.request(5))) >= NOW


def test_half_written_records_are_cleared_away(desk: Desk) -> None:
    log = SmallLog().grow(5)
    desk.start().add_checkpoint(log.request(0))
    left = desk.folder / "checkpoints" / f".{origin_hash(ORIGIN)}-x1y2"
    left.write_bytes(b"half")
    desk.start().add_checkpoint(log.grow(1).request(5))
    assert not left.exists()


def test_a_log_that_is_no_longer_followed_is_still_remembered(desk: Desk) -> None:
    log, other = SmallLog().grow(5), SmallLog(LogKey("log.example/other", bytes(32))).grow(5)
    desk.start().add_checkpoint(log.request(0))
    without = desk.start(other.key)
    assert without.records.by_hash(origin_hash(ORIGIN)) is not None
    with pytest.raises(Inconsistent):
        desk.start().add_checkpoint(format_request(5, [], log.branch(2).grow(3, "other").checkpoint()))


def test_threads_from_one_size_are_granted_once(desk: Desk) -> None:
    log, witness = SmallLog().grow(100), desk.start()
    bodies = [log.request(0, size) for size in range(1, 33)]
    gate, granted = threading.Barrier(len(bodies)), []

    def ask(body: bytes) -> None:
        gate.wait()
        with contextlib.suppress(WrongOldSize):  # as all but one have to be told
            granted.append(witness.add_checkpoint(body))

    threads = [threading.Thread(target=ask, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == 1
