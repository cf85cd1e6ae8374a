"""A mirror of a service: what it shows beside its log, and that all of it is of use without the service."""

from __future__ import annotations

import functools
import json
import shutil
import stat
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from ledger_service.audit.auditor import audit
from ledger_service.audit.http import HttpSource
from ledger_service.audit.source import DirSource
from ledger_service.entries import Label, Payout
from ledger_service.errors import BadInput, VerificationError
from ledger_service.log import tiles
from ledger_service.log.checkpoint import VerifierKey, open_checkpoint, sign_checkpoint
from ledger_service.log.cosignature import WitnessKey, with_lines
from ledger_service.log.follow import Follower
from ledger_service.log.policy import parse_policy
from ledger_service.log.proof import verify_inclusion
from ledger_service.log.tlog_proof import parse_proof
from ledger_service.log.tree import Tree
from ledger_service.mirror.mirroring import Mirrored, mirror
from ledger_service.mirror.proving import make_bundle, make_proof
from ledger_service.signing import Wallet
from ledger_service.verify.verifier import verify_bundle
from scripts.cli import main
from tests.audit.builder import LOG_ADDRESS, Builder, opened, seeded, show
from tests.audit.conftest import pins
from tests.audit.server import LogServer
from tests.mirror.plain import contents
from tests.mirror.served import save_served

AUDITOR = Wallet(seeded("auditor"))


@pytest.fixture(scope="module")
def built() -> Builder:
    return Builder(items=40)


@pytest.fixture(scope="module")
def key(built: Builder) -> VerifierKey:
    return built.log_key.verifier


@pytest.fixture(scope="module")
def saved(built: Builder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_served(built, tmp_path_factory.mktemp("saved") / "log")


@pytest.fixture
def server(saved: Path, tmp_path: Path) -> Iterator[LogServer]:
    """A server of its own for each test, which may change what it serves."""
    shutil.copytree(saved, tmp_path / "served")
    with LogServer(tmp_path / "served", AUDITOR.address) as running:
        yield running


@pytest.fixture
def copied(server: LogServer, tmp_path: Path, key: VerifierKey) -> Path:
    """A mirror with all that the auditor may see; the service answers no more."""
    fetch(server, tmp_path / "copy", key)
    return tmp_path / "copy"


def fetch(server: LogServer, folder: Path, key: VerifierKey, wallet: Wallet | None = AUDITOR) -> Mirrored:
    with HttpSource(server.url, wallet) as source:
        return mirror(source, folder, key=key)


def test_an_auditors_copy_is_audited_without_the_service(copied: Path, built: Builder) -> None:
    report = audit(DirSource(copied), pins=pins(built))
    assert [step.status.value for step in report.steps] == ["passed"] * 9 + ["not checked"]
    source = DirSource(copied)
    for kind in ("label", "payment"):
        lines = list(source.bundles(built.campaign, kind) or ())
        assert lines
        for line in lines:
            verify_bundle(line, log_key=str(built.log_key.verifier), log_address=LOG_ADDRESS)


def test_what_was_secret_only_its_owner_can_read(copied: Path, built: Builder) -> None:
    private = [path for path in copied.rglob("*.ndjson")]
    assert len(private) == 3
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in private)
    assert stat.S_IMODE((copied / "checkpoint").stat().st_mode) == 0o644


def test_without_a_key_only_what_is_public_is_copied(
    server: LogServer, tmp_path: Path, key: VerifierKey
) -> None:
    done = fetch(server, tmp_path / "copy", key, None)
    assert (done.state.openings, done.state.bundles, done.state.state) == (None, None, None)
    assert not list((tmp_path / "copy").rglob("*.ndjson"))
    assert not any("openings" in path or "auth" in path for path in server.requests)


def test_the_operators_state_is_saved_where_it_is_shown(
    server: LogServer, tmp_path: Path, key: VerifierKey
) -> None:
    lines = b'{"kind":"worker","worker":"0x01"}\n{"kind":"draft"}\n'
    server.answers["/v1/operator/state"] = [(200, {}, lines)]
    done = fetch(server, tmp_path / "copy", key)
    path = tmp_path / "copy" / "service.ndjson"
    assert done.state.state == 2
    assert path.read_bytes() == lines
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(DirSource(tmp_path / "copy").state() or ()) == lines.splitlines()


def lines_of(server: LogServer, built: Builder, name: str) -> tuple[Path, list[dict[str, Any]]]:
    path = server.folder / name.format(show(built.campaign))
    return path, [json.loads(line) for line in path.read_bytes().splitlines()]


def write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in lines))


def of_kind(lines: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next(line for line in lines if line["kind"] == kind)


CHANGES: dict[str, Any] = {
    "another answer": lambda lines: of_kind(lines, "Label")["openings"].update(answer=opened("2", "x")),
    "another reason": lambda lines: of_kind(lines, "Review")["openings"].update(reason=opened("no", "x")),
    "another truth": lambda lines: of_kind(lines, "Truth")["openings"].update(truth=opened("2", "x")),
    "another statement": lambda lines: of_kind(lines, "Payout")["openings"].update(statement={"amount": "0"}),
    "another method": lambda lines: of_kind(lines, "InferenceRun")["openings"].update(method={}),
    "another specification": lambda lines: of_kind(lines, "Campaign")["openings"].update(specification={}),
    "an item less": lambda lines: of_kind(lines, "Campaign")["openings"]["items"].pop(),
    "another leaf": lambda lines: lines[0].update(leaf=show(bytes(32))),
    "another kind": lambda lines: lines[0].update(kind="Truth"),
    "another order": lambda lines: lines.reverse(),
    "one twice": lambda lines: lines.insert(0, lines[0]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_an_opening_of_something_else_is_refused(
    change: Any, server: LogServer, built: Builder, tmp_path: Path, key: VerifierKey
) -> None:
    path, lines = lines_of(server, built, "openings/{}.ndjson")
    change(lines)
    write_lines(path, lines)
    with pytest.raises(VerificationError):
        fetch(server, tmp_path / "copy", key)
    assert "checkpoint" not in contents(tmp_path / "copy")
    assert not list((tmp_path / "copy").rglob("*.ndjson"))


def test_openings_beyond_the_head_are_left_for_the_next_run(
    server: LogServer, built: Builder, tmp_path: Path, key: VerifierKey
) -> None:
    path, lines = lines_of(server, built, "openings/{}.ndjson")
    whole = path.read_bytes()
    write_lines(path, [*lines, lines[-1] | {"index": len(built.entries), "leaf": "nonsense"}])
    fetch(server, tmp_path / "copy", key)
    saved = tmp_path / "copy" / "openings" / path.name
    assert [json.loads(line) for line in saved.read_bytes().splitlines()] == [
        json.loads(line) for line in whole.splitlines()
    ]


@pytest.mark.parametrize("kind", ["label", "payment"])
def test_a_bundle_that_does_not_hold_is_refused(
    kind: str, server: LogServer, built: Builder, tmp_path: Path, key: VerifierKey
) -> None:
    path = server.folder / "bundles" / f"{show(built.campaign)}.{kind}.ndjson"
    lines = path.read_bytes().splitlines(keepends=True)
    for wrong in (
        [lines[1].replace(b"tlog-proof", b"tlog-prooe"), *lines[2:]],
        [lines[1], lines[0]],
        [lines[0], lines[0]],
        [lines[0][:-40] + b"\n"],
    ):
        path.write_bytes(b"".join(wrong))
        with pytest.raises((VerificationError, BadInput)):
            fetch(server, tmp_path / "copy", key)
    assert not list((tmp_path / "copy" / "bundles").glob(f"*.{kind}.ndjson"))


def test_bundles_of_the_other_kind_or_campaign_are_refused(
    server: LogServer, built: Builder, tmp_path: Path, key: VerifierKey
) -> None:
    label, payment = (
        server.folder / "bundles" / f"{show(built.campaign)}.{kind}.ndjson" for kind in ("label", "payment")
    )
    shutil.copy(payment, label)
    with pytest.raises(VerificationError, match="what a bundle is about"):
        fetch(server, tmp_path / "copy", key)


def test_a_bundle_under_a_forked_head_betrays_the_log(
    server: LogServer, built: Builder, tmp_path: Path, key: VerifierKey
) -> None:
    """The checkpoint is of one history, the bundles are of another; the log's key has signed both."""
    other = Builder(items=40, changes={"label": lambda struct, at: None if at == 159 else struct})
    forked = save_served(other, tmp_path / "forked")
    for kind in ("label", "payment"):
        name = f"bundles/{show(built.campaign)}.{kind}.ndjson"
        shutil.copy(forked / name, server.folder / name)
    with pytest.raises(VerificationError, match="forked"):
        fetch(server, tmp_path / "copy", key)


def test_a_service_with_another_key_than_it_signs_with_is_refused(
    server: LogServer, tmp_path: Path, built: Builder
) -> None:
    info = built.info() | {"log_key": str(Builder().log_key.verifier).replace("31337", "31338")}
    (server.folder / "info.json").write_text(json.dumps(info))
    with HttpSource(server.url) as source, pytest.raises(BadInput):
        mirror(source, tmp_path / "copy")


@pytest.fixture
def static(copied: Path) -> Iterator[str]:
    """The copy behind Python's own web server, as `python -m http.server` has it."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing on standard error."""

    handler = functools.partial(Quiet, directory=str(copied.parent))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/{copied.name}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_copy_behind_any_web_server_is_a_log(
    static: str, copied: Path, built: Builder, tmp_path: Path, key: VerifierKey
) -> None:
    with HttpSource(static) as source:
        follower = Follower(source, key)
        head, _ = follower.head()
        raws = [raw for _, raw in follower.entries(head, 0, head.size)]
        assert raws == [entry.raw for entry in built.entries]
        assert not audit(source, pins=pins(built)).failed
        mirror(source, tmp_path / "second", key=key)
    public = {name: raw for name, raw in contents(copied).items() if not name.endswith(".ndjson")}
    assert contents(tmp_path / "second") == public


def test_every_label_and_payout_is_proved_from_the_copy_alone(
    copied: Path, built: Builder, key: VerifierKey
) -> None:
    source = DirSource(copied)
    wanted = [n for n, entry in enumerate(built.entries) if isinstance(entry.struct, Label | Payout)]
    for index in (*wanted[:5], *wanted[-5:]):
        verdict = verify_bundle(make_bundle(source, key, index), log_key=str(key), log_address=LOG_ADDRESS)
        assert verdict.facts["index"] == index
        opened_to = "answer" if verdict.kind == "label" else "amount"
        assert verdict.facts[opened_to] is not None


def test_any_entry_has_a_tlog_proof_from_the_copy_alone(
    copied: Path, built: Builder, key: VerifierKey
) -> None:
    for index in (0, 255, 256, len(built.entries) - 1):
        proof = parse_proof(make_proof(DirSource(copied), key, index))
        head = open_checkpoint(proof.checkpoint, key)
        verify_inclusion(built.entries[index].leaf, proof.index, head.size, proof.path, head.root)
        assert proof.index == index
    with pytest.raises(BadInput, match="no leaf"):
        make_proof(DirSource(copied), key, len(built.entries))


def test_only_labels_and_payouts_have_bundles(copied: Path, key: VerifierKey) -> None:
    with pytest.raises(BadInput, match="is a Campaign"):
        make_bundle(DirSource(copied), key, 0)
    with pytest.raises(BadInput, match="there is no entry"):
        make_bundle(DirSource(copied), key, 10_000)


def test_a_bundle_keeps_the_cosignatures_of_the_witnesses_that_are_trusted(
    copied: Path, built: Builder, key: VerifierKey
) -> None:
    ours, stranger = (WitnessKey(f"witness.example/{n}", bytes([n]) * 32) for n in (1, 2))
    note = (copied / "checkpoint").read_text()
    lines = [witness.cosign(note, 1_770_000_000) for witness in (stranger, ours)]
    (copied / "checkpoint").write_text(with_lines(note, lines))
    policy = parse_policy(f"log {key}\nwitness w {ours.verifier}\nquorum w\n".encode())
    index = next(n for n, entry in enumerate(built.entries) if isinstance(entry.struct, Label))
    verdict = verify_bundle(make_bundle(DirSource(copied), key, index, policy), policy=policy)
    assert [one["key"] for one in verdict.facts["witnesses"]] == [str(ours.verifier)]
    plain = verify_bundle(make_bundle(DirSource(copied), key, index))
    assert plain.facts["witnesses"] == []


def test_the_command_copies_and_proves(
    server: LogServer, built: Builder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = str(tmp_path / "copy")
    assert main(["mirror", server.url, copy]) == 0
    assert "is pinned from now on" in capsys.readouterr().out
    assert main(["mirror", server.url, copy, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["size"], facts["size_before"]) == (len(built.entries), len(built.entries))
    index = next(n for n, entry in enumerate(built.entries) if isinstance(entry.struct, Label))
    assert main(["mirror", copy, "--prove", str(index)]) == 0
    (tmp_path / "bundle.json").write_text(capsys.readouterr().out)
    assert main(["verify", str(tmp_path / "bundle.json")]) == 0
    capsys.readouterr()
    assert main(["mirror", "--prove", "0", "--tlog-proof", copy]) == 0
    assert parse_proof(capsys.readouterr().out).index == 0


def test_the_command_refuses_a_fork_with_1_and_says_where_the_evidence_is(
    server: LogServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = str(tmp_path / "copy")
    assert main(["mirror", server.url, copy]) == 0
    other = Builder(items=40, changes={"label": lambda struct, at: None if at == 159 else struct})
    shutil.rmtree(server.folder)
    other.save(server.folder)
    before = contents(tmp_path / "copy")
    assert main(["mirror", server.url, copy]) == 1
    assert "evidence/" in capsys.readouterr().err
    after = contents(tmp_path / "copy")
    assert {name for name in after if name not in before} == {
        name for name in after if name.startswith("evidence/")
    }
    assert before.items() <= after.items()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["only-a-folder"],
        ["http://127.0.0.1:1", "folder", "--prove", "1"],
        ["http://127.0.0.1:1", "folder", "--tlog-proof"],
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["mirror", *arguments])
    assert caught.value.code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["/nonexistent", "copy"],
        ["http://127.0.0.1:1", "copy", "--policy", "/nonexistent"],
        ["http://127.0.0.1:1", "copy", "--log-key", "nonsense"],
        ["--prove", "1", "/nonexistent"],
    ],
)
def test_what_cannot_be_read_exits_with_2(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(tmp_path / one) if one == "copy" else one for one in arguments]
    assert main(["mirror", *arguments]) == 2
    assert capsys.readouterr().err.startswith("crowdledger: ")


def test_a_copy_is_copied_with_all_that_is_in_it(copied: Path, tmp_path: Path, key: VerifierKey) -> None:
    mirror(DirSource(copied), tmp_path / "second", key=key)
    assert contents(tmp_path / "second") == contents(copied)


def test_a_bundle_under_a_newer_head_than_a_copy_has_is_taken_for_its_signature(
    copied: Path, built: Builder, tmp_path: Path, key: VerifierKey
) -> None:
    """As when the service has gone on while it was mirrored."""
    entries = built.entries[:-1]
    tree = Tree(entry.leaf for entry in entries)
    note = sign_checkpoint(built.log_key.name, len(entries), tree.root(), built.log_key)
    older = tmp_path / "older"
    made, _ = tiles.append(tiles.MemoryTiles({}), 0, [entry.leaf for entry in entries])
    shutil.copytree(copied, older)
    shutil.rmtree(older / "tile")
    for (level, index), row in made.items():
        write(older / tiles.tile_path(level, index, len(row) // 32), row)
    for start in range(0, len(entries), 256):
        part = [entry.raw for entry in entries[start : start + 256]]
        write(older / tiles.entries_path(start // 256, len(part)), tiles.encode_bundle(part))
    (older / "checkpoint").write_text(note)
    done = mirror(DirSource(older), tmp_path / "second", key=key)
    assert (done.head.size, done.state.bundles) == (len(entries), 9 + 4)


def write(path: Path, raw: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)


@pytest.mark.parametrize("line", [b"[]", b"{", b"7", b"\xff"])
def test_a_state_that_is_no_objects_is_refused(
    line: bytes, server: LogServer, tmp_path: Path, key: VerifierKey
) -> None:
    server.answers["/v1/operator/state"] = [(200, {}, b"{}\n" + line + b"\n")]
    with pytest.raises(BadInput):
        fetch(server, tmp_path / "copy", key)
    assert not (tmp_path / "copy" / "service.ndjson").exists()


def test_a_campaign_that_is_listed_twice_is_refused(
    server: LogServer, built: Builder, tmp_path: Path, key: VerifierKey
) -> None:
    listed = json.dumps({"campaigns": [built.listed(), built.listed()], "next": None}).encode()
    server.answers["/v1/campaigns"] = [(200, {}, listed)]
    with pytest.raises(BadInput, match="twice"):
        fetch(server, tmp_path / "copy", key)
