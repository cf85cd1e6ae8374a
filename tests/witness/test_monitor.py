"""A witness that reads a log itself: from plain C2SP tiles over real sockets, honest and not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from ledger_service.audit.http import HttpSource
from ledger_service.errors import Corrupt, Refused, Unavailable
from ledger_service.log import tiles
from ledger_service.log.checkpoint import LogKey, open_checkpoint
from ledger_service.log.cosignature import open_cosignatures
from ledger_service.log.follow import TlogSource
from ledger_service.log.hashing import leaf_hash
from ledger_service.log.note import Note, NoteSignature, parse_note
from ledger_service.log.tree import Tree
from ledger_service.mirror.evidence import Evidence, check_fork
from ledger_service.witness.alarms import Alarm
from ledger_service.witness.evidence import EvidenceFiles
from ledger_service.witness.frontier import Frontier
from ledger_service.witness.monitor import Misbehaves, Monitor
from ledger_service.witness.records import Records
from ledger_service.witness.watch import Watch
from ledger_service.witness.witness import Witness
from tests.witness.test_process import ended
from tests.witness.test_witness import WITNESS
from tests.witness.world import KEY, ORIGIN, SmallLog, command, running, serving

NOW = 1_800_000_000
SECRET = bytes(range(32))


@dataclass
class Site:
    """A log's files, the server that gives them, and a monitoring witness beside it."""

    folder: Path
    url: str
    state: Path
    alarms: list[Alarm] = field(default_factory=list)
    sources: ExitStack = field(default_factory=ExitStack)

    def show(self, log: SmallLog) -> SmallLog:
        """Serve this log, and nothing else."""
        shutil.rmtree(self.folder)
        log.save(self.folder)
        return log

    def start(self) -> Monitor:
        """The witness, as after a start of its process."""
        witness = Witness(
            WITNESS,
            {ORIGIN: [KEY.verifier]},
            Records(self.state, WITNESS.verifier),
            EvidenceFiles(self.state),
            lambda: NOW,
            self.alarms.append,
        )
        self.witness = witness
        source = self.sources.enter_context(HttpSource(self.url))
        return self.reading(source, lambda _: None)

    def reading(self, source: TlogSource, sleep: Callable[[float], object]) -> Monitor:
        """The monitor beside the witness that was started last."""
        alarm = self.alarms.append
        return Monitor(source, [KEY.verifier], self.witness, self.state, lambda: NOW, alarm, sleep)

    def cosigned(self) -> int:
        """The size that the witness has cosigned last."""
        record = self.witness.records.latest(ORIGIN)
        assert record is not None
        assert open_cosignatures(record.note, [WITNESS.verifier])
        return record.head.size

    def evidence(self) -> list[Path]:
        return sorted(self.state.glob("evidence/*/*.json"))


def proved(path: Path) -> None:
    """The file proves to anybody that the log is forked."""
    check_fork(Evidence.from_json(json.loads(path.read_bytes())), KEY.verifier)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    folder, state = tmp_path / "site", tmp_path / "state"
    folder.mkdir()
    state.mkdir()
    with serving(folder) as url:
        made = Site(folder, url, state)
        with made.sources:
            yield made


@pytest.mark.parametrize("steps", [[1], [256, 1], [3, 253, 1], [255, 600, 1], [700, 3_000]])
def test_a_log_that_grows_is_read_and_cosigned(site: Site, steps: list[int]) -> None:
    log, monitor = SmallLog(), site.start()
    for count in steps:
        site.show(log.grow(count))
        look = monitor.look()
        assert (look.size, look.read, look.cosigned) == (log.size, count, True)
        assert site.cosigned() == log.size
    assert monitor.look().read == 0
    assert not monitor.look().cosigned
    assert site.start().look().read == 0  # nothing is read twice, also after a restart
    assert site.alarms == []


def test_a_log_may_sign_with_another_of_its_keys_and_extend_its_heads(site: Site) -> None:
    log, other = SmallLog().grow(20), LogKey(ORIGIN, bytes([9]) * 32)
    site.show(log)
    site.start().look()
    text = parse_note(SmallLog(other, log.entries).grow(5).checkpoint()).text + "an extension\n"
    line = NoteSignature(ORIGIN, other.verifier.key_id, other.sign(text.encode()))
    site.show(log)
    (site.folder / "checkpoint").write_text(Note(text, (line,)).to_text())
    keys = {ORIGIN: [KEY.verifier, other.verifier]}
    records, files = Records(site.state, WITNESS.verifier), EvidenceFiles(site.state)
    site.witness = Witness(WITNESS, keys, records, files, lambda: NOW, site.alarms.append)
    source = site.sources.enter_context(HttpSource(site.url))
    both = Monitor(source, keys[ORIGIN], site.witness, site.state, lambda: NOW, site.alarms.append)
    assert both.look().cosigned
    assert parse_note((site.witness.records.latest(ORIGIN) or pytest.fail("none")).note).text == text
    with pytest.raises(Misbehaves):
        site.reading(source, lambda _: None).look()  # with the first key alone


def test_an_empty_log_is_cosigned(site: Site) -> None:
    site.show(SmallLog())
    assert site.start().look().cosigned
    site.show(SmallLog().grow(3))
    assert site.start().look().read == 3


@pytest.mark.parametrize(
    ("common", "first", "second"), [(0, 10, 10), (9, 10, 10), (9, 10, 400), (300, 400, 401)]
)
def test_a_fork_is_proved_told_and_never_cosigned(site: Site, common: int, first: int, second: int) -> None:
    log = site.show(SmallLog().grow(first))
    monitor = site.start()
    monitor.look()
    other = site.show(log.branch(common).grow(second - common, "other"))
    for _ in range(2):
        with pytest.raises(Misbehaves) as caught:
            monitor.look()
        assert caught.value.kind == "fork"
    assert [alarm.kind for alarm in site.alarms] == ["fork"]
    (path,) = site.evidence()
    assert site.alarms[0].evidence == str(path)
    proved(path)
    kept = Evidence.from_json(json.loads(path.read_bytes()))
    heads = [open_checkpoint(text, KEY.verifier).root for text in (kept.old, kept.new)]
    assert heads == [log.tree.root(), other.tree.root()]
    assert site.cosigned() == first
    with pytest.raises(Misbehaves):
        site.start().look()  # nor after a restart, which tells of it again
    assert len(site.evidence()) == 1
    assert len(site.alarms) == 2
    site.show(log.grow(5))
    assert site.start().look().cosigned  # the history that it has cosigned goes on


def test_a_rollback_is_told_and_nothing_is_taken_back(site: Site) -> None:
    log = site.show(SmallLog().grow(300))
    monitor = site.start()
    monitor.look()
    site.show(log.branch(280))
    with pytest.raises(Misbehaves) as caught:
        monitor.look()
    assert caught.value.kind == "rollback"
    assert [alarm.kind for alarm in site.alarms] == ["rollback"]
    assert site.evidence() == []  # an old head proves nothing
    assert site.cosigned() == 300
    site.show(log.grow(1))
    assert monitor.look().read == 1


def test_a_smaller_head_of_another_history_is_a_fork_while_the_tiles_are_there(site: Site) -> None:
    log = site.show(SmallLog().grow(300))
    monitor = site.start()
    monitor.look()
    other = log.branch(100).grow(100, "other")
    (site.folder / "checkpoint").write_text(other.checkpoint())
    with pytest.raises(Misbehaves) as caught:
        monitor.look()
    assert caught.value.kind == "fork"
    proved(site.evidence()[0])


def test_a_head_that_is_behind_for_a_moment_is_no_alarm(site: Site) -> None:
    log = site.show(SmallLog().grow(300))
    site.start().look()
    (site.folder / "checkpoint").write_text(log.checkpoint(280))
    source = site.sources.enter_context(HttpSource(site.url))
    monitor = site.reading(source, lambda _: (site.folder / "checkpoint").write_text(log.checkpoint()))
    assert monitor.look().size == 300  # the cache has caught up while it waited
    assert site.alarms == []


def _flip(path: Path, at: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: _flip(folder / tiles.tile_path(0, 0), 100),
        lambda folder: _flip(folder / tiles.tile_path(0, 1, 44), 100),
        lambda folder: _flip(folder / tiles.tile_path(1, 0, 1), 3),
        lambda folder: _flip(folder / tiles.entries_path(0), 50),
        lambda folder: _flip(folder / tiles.entries_path(1, 44), 1),
        lambda folder: _flip(folder / "checkpoint", 25),
        lambda folder: (folder / "checkpoint").write_text("nothing\n"),
        lambda folder: (folder / "checkpoint").write_text(
            SmallLog(LogKey(ORIGIN, bytes(32))).grow(300).checkpoint()
        ),
        lambda folder: (folder / tiles.entries_path(0)).write_bytes(tiles.encode_bundle([b"x"] * 256)),
        lambda folder: (folder / tiles.entries_path(0)).write_bytes(b""),
    ],
)
def test_what_does_not_hash_to_the_head_is_not_cosigned(site: Site, spoil: Callable[[Path], Any]) -> None:
    site.show(SmallLog().grow(300))
    spoil(site.folder)
    monitor = site.start()
    with pytest.raises(Misbehaves) as caught:
        monitor.look()
    assert caught.value.kind == "broken"
    assert [alarm.kind for alarm in site.alarms] == ["broken"]
    assert site.witness.records.latest(ORIGIN) is None
    site.show(SmallLog().grow(300))
    assert monitor.look().cosigned


def test_a_log_that_lacks_a_tile_is_read_when_it_is_there(site: Site) -> None:
    log = site.show(SmallLog().grow(600))
    missing = site.folder / tiles.entries_path(1)
    raw = missing.read_bytes()
    missing.unlink()
    monitor = site.start()
    with pytest.raises(Refused):
        monitor.look()
    assert site.witness.records.latest(ORIGIN) is None
    missing.write_bytes(raw)
    assert monitor.look().read == log.size - 256  # what was read before is not read again


def test_a_request_of_the_log_and_the_monitors_own_look_agree(site: Site) -> None:
    log = site.show(SmallLog().grow(20))
    monitor = site.start()
    site.witness.add_checkpoint(log.request(0, 10))
    assert monitor.look().cosigned  # from 10 to 20, with a proof from the tiles
    site.witness.add_checkpoint(log.grow(10).request(20))  # ahead of what is served
    assert not monitor.look().cosigned
    assert site.cosigned() == 30
    assert site.alarms == []


def test_a_fork_between_what_is_asked_and_what_is_served_is_found(site: Site) -> None:
    log = site.show(SmallLog().grow(20))
    monitor = site.start()
    site.witness.add_checkpoint(log.branch(5).grow(10, "asked").request(0))
    with pytest.raises(Misbehaves) as caught:
        monitor.look()
    assert caught.value.kind == "fork"
    proved(site.evidence()[0])
    assert site.cosigned() == 15


@pytest.mark.parametrize("change", [b"", b"{}", b'{"note": 1}', b"null"])
def test_a_damaged_record_of_the_monitor_is_refused(site: Site, change: bytes) -> None:
    site.show(SmallLog().grow(20))
    site.start().look()
    (path,) = (site.state / "monitor").glob("*.json")
    path.write_bytes(change)
    with pytest.raises(Corrupt):
        site.start()


def test_a_record_whose_hashes_are_not_its_heads_is_refused(site: Site) -> None:
    site.show(SmallLog().grow(20))
    site.start().look()
    (path,) = (site.state / "monitor").glob("*.json")
    record = json.loads(path.read_bytes())
    for change in ({"size": 19}, {"hashes": record["hashes"][::-1]}, {"size": 21}, {"hashes": []}):
        path.write_text(json.dumps(record | change))
        with pytest.raises(Corrupt):
            site.start()


def test_the_frontier_is_the_root_of_a_tree() -> None:
    frontier, leaves = Frontier(), [leaf_hash(str(n).encode()) for n in range(300)]
    for count, leaf in enumerate(leaves):
        assert frontier.root() == Tree(leaves[:count]).root()
        assert frontier.is_whole()
        frontier.append(leaf)


class Silent:
    """A log that does not answer."""

    name = "silent"

    def checkpoint(self) -> str:
        raise Unavailable("no answer")

    def tile(self, level: int, index: int, width: int) -> bytes:
        raise Unavailable("no answer")

    def entries(self, index: int, width: int) -> bytes:
        raise Unavailable("no answer")


def test_a_silent_log_is_asked_ever_more_rarely_and_told_once(site: Site) -> None:
    site.start()
    monitor = site.reading(Silent(), lambda _: None)
    times = iter(range(0, 10_000, 100))
    watch = Watch(monitor, 15.0, lambda _: None, site.alarms.append, lambda: float(next(times)))
    pauses = [watch.step() for _ in range(12)]
    assert pauses[:5] == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert pauses[-1] == 300.0
    assert [alarm.kind for alarm in site.alarms] == ["unavailable"]


@contextmanager
def receiver(status: int = 204) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A webhook's URL, and what it has been sent."""
    sent: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + body
            expected = base64.b64encode(hmac.digest(SECRET, signed, hashlib.sha256)).decode()
            assert self.headers["webhook-signature"] == f"v1,{expected}"
            sent.append(json.loads(body) | {"id": self.headers["webhook-id"]})
            self.send_response(status if len(sent) > 1 else 500)  # the first try fails
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on standard error."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", sent
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_once_is_an_exit_status_and_a_webhook(site: Site) -> None:
    log = site.show(SmallLog().grow(50))
    line = command(site.state, "--log", f"{KEY.verifier}={site.url}", "--once")
    good = ended(line)
    assert good.returncode == 0
    assert json.loads(good.stdout) == {
        "type": "witness.look", "origin": ORIGIN, "size": 50, "read": 50, "cosigned": True,
    }  # fmt: skip
    site.show(log.branch(40).grow(30, "other"))
    secret = site.state.parent / "secret"
    secret.write_text("whsec_" + base64.b64encode(SECRET).decode())
    secret.chmod(0o600)
    with receiver() as (hook, sent):
        forked = ended([*line, "--webhook", hook, "--webhook-secret", str(secret)])
    assert forked.returncode == 1
    assert "fork" in forked.stderr
    assert json.loads(forked.stdout)["type"] == "witness.fork"
    assert [one["type"] for one in sent] == ["witness.fork"] * 2
    assert sent[0] == sent[1]  # the first try was answered with 500
    proved(Path(sent[1]["data"]["evidence"]))
    shutil.rmtree(site.folder)
    unread = ended(line)
    assert unread.returncode == 2
    said = json.loads(unread.stdout)
    assert (said["type"], said["data"]["origin"]) == ("witness.unavailable", ORIGIN)
    assert f"{ORIGIN} cannot be read" in said["data"]["words"]
    assert said["data"]["words"] in unread.stderr


def test_a_running_witness_reads_asks_and_tells(site: Site) -> None:
    log = site.show(SmallLog().grow(50))
    more = ("--every", "1")
    with running(site.state, *more, logs=(f"{KEY.verifier}={site.url}",)) as witness:
        _until(lambda: witness.checkpoint().status_code == 200)
        log.grow(3)
        assert witness.add(log.request(50)).status_code == 200
        assert open_checkpoint(witness.checkpoint().text, KEY.verifier).size == 53
        site.show(log.branch(20).grow(50, "other"))
        assert witness.process.stderr is not None
        _until(lambda: bool(site.evidence()))
        assert witness.add(log.grow(1).request(53)).status_code == 200
    proved(site.evidence()[0])


def _until(done: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
