"""Kept, pending, broken, or not to be said: receipts against logs that keep them, lie, or are silent."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger_service.audit.http import HttpSource
from ledger_service.audit.source import DirSource
from ledger_service.entries import Domain, Label
from ledger_service.errors import BadInput, VerificationError
from ledger_service.log.checkpoint import LogKey, open_checkpoint, sign_checkpoint
from ledger_service.log.follow import Follower
from ledger_service.log.policy import parse_policy
from ledger_service.log.proof import verify_inclusion
from ledger_service.log.receipts import SignedReceipt, promise
from ledger_service.log.tlog_proof import parse_proof
from ledger_service.receipts.checking import Checker, Finding, State, Terms
from ledger_service.receipts.exchange import exchange
from ledger_service.receipts.identity import Operators, Pins, identify
from ledger_service.receipts.reading import SavedReceipt, read_receipts
from ledger_service.signing import Wallet
from ledger_service.verify.endpoint import Endpoint
from scripts.cli import main
from tests.audit.builder import CHAIN_ID, LOG_ADDRESS, Builder, seeded, show
from tests.audit.server import LogServer
from tests.conftest import local_chain
from tests.mirror.served import save_served

WORKER, STRANGER = Wallet(seeded("worker 0")), Wallet(seeded("stranger"))
NOW = 1_770_000_000
LEAF = seeded("a leaf that is nowhere")
FUTURE = int(time.time()) + 3600
Write = Callable[..., Path]


@pytest.fixture(scope="module")
def built() -> Builder:
    return Builder(items=40)


@pytest.fixture(scope="module")
def saved(built: Builder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_served(built, tmp_path_factory.mktemp("saved") / "log")


@pytest.fixture
def server(saved: Path) -> Iterator[LogServer]:
    with LogServer(saved, WORKER.address) as running:
        yield running


def labels(built: Builder) -> list[int]:
    return [index for index, entry in enumerate(built.entries) if isinstance(entry.struct, Label)]


def promised(
    built: Builder, leaf: bytes, index: int, deadline: int, signer: Wallet | None = None
) -> SignedReceipt:
    return promise(leaf, index, deadline, Domain(CHAIN_ID, LOG_ADDRESS), signer or built.operator)


def kept(built: Builder, index: int, signer: Wallet | None = None) -> dict[str, Any]:
    """As the API returns it: with its entry."""
    entry = built.entries[index]
    return {**promised(built, entry.leaf, index, NOW, signer).to_json(), "entry": show(entry.raw)}  # type: ignore[dict-item]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to(*receipts: Any, name: str = "receipts.json") -> Path:
        lines = [json.dumps(one.to_json() if isinstance(one, SignedReceipt) else one) for one in receipts]
        (tmp_path / name).write_text("\n".join(lines))
        return tmp_path / name

    return to


def checker(source: Any, built: Builder, *, now: int = NOW, live: bool = True, **more: Any) -> Checker:
    key = built.log_key.verifier
    operators = Operators(pinned=built.operator.address)
    terms = Terms(Domain(CHAIN_ID, LOG_ADDRESS), operators, now, live)
    return Checker(Follower(source, key, **more), key, terms)


def of(signed: SignedReceipt) -> SavedReceipt:
    return SavedReceipt(signed, None, "a file")


def test_every_receipt_of_an_honest_log_is_kept_and_proved(saved: Path, built: Builder) -> None:
    check = checker(DirSource(saved), built)
    for index in labels(built):
        entry = built.entries[index]
        found = check.check(of(promised(built, entry.leaf, index, NOW)))
        assert found.state is State.KEPT
        assert found.proof is not None
        proof = parse_proof(found.proof)
        head = open_checkpoint(proof.checkpoint, built.log_key.verifier)
        verify_inclusion(entry.leaf, index, head.size, proof.path, head.root)


def test_another_entry_at_the_index_breaks_the_promise_at_once(saved: Path, built: Builder) -> None:
    for source, live in ((DirSource(saved), False), (DirSource(saved), True)):
        found = checker(source, built, now=NOW, live=live).check(of(promised(built, LEAF, 7, NOW + 60)))
        assert found.state is State.BROKEN
        check_evidence(found, built)


def check_evidence(found: Finding, built: Builder) -> None:
    """As a stranger would: from the saved evidence alone."""
    assert found.evidence is not None
    kept_there = json.loads(json.dumps(found.evidence))
    signed = SignedReceipt.from_json(kept_there["receipt"])
    domain = Domain(kept_there["domain"]["chainId"], kept_there["domain"]["verifyingContract"])
    assert signed == promise(
        signed.receipt.leaf, signed.receipt.index, signed.receipt.deadline, domain, built.operator
    )
    head = open_checkpoint(kept_there["checkpoint"], kept_there["log_key"])
    if "proof" in kept_there:
        proof, leaf = parse_proof(kept_there["proof"]), bytes.fromhex(kept_there["leaf"][2:])
        assert proof.index == signed.receipt.index
        assert leaf != signed.receipt.leaf
        verify_inclusion(leaf, proof.index, head.size, proof.path, head.root)
    else:
        assert head.size <= signed.receipt.index
        assert kept_there["seen_at"] >= signed.receipt.deadline


@pytest.mark.parametrize(
    ("now", "live", "state"),
    [
        (NOW - 1, True, State.PENDING),
        (NOW, True, State.BROKEN),  # the escrow takes a receipt from its deadline on
        (NOW + 1, True, State.BROKEN),
        (NOW - 1, False, State.PENDING),
        (NOW, False, State.UNKNOWN),
    ],
)
def test_a_log_that_is_too_short(now: int, live: bool, state: State, saved: Path, built: Builder) -> None:
    size = len(built.entries)
    for index in (size, size + 1, 1 << 40):
        found = checker(DirSource(saved), built, now=now, live=live).check(
            of(promised(built, LEAF, index, NOW))
        )
        assert found.state is state
        assert (found.evidence is not None) == (state is State.BROKEN)
        if state is State.BROKEN:
            check_evidence(found, built)


def test_a_forged_receipt_promises_nothing(saved: Path, built: Builder) -> None:
    index = labels(built)[0]
    honest = promised(built, built.entries[index].leaf, index, NOW)
    strangers = promised(built, built.entries[index].leaf, index, NOW, STRANGER)
    for forged in (
        strangers,
        replace(strangers, operator=built.operator.address),
        replace(honest, operator=STRANGER.address),
        replace(honest, receipt=replace(honest.receipt, index=7)),
        replace(honest, receipt=replace(honest.receipt, leaf=LEAF)),
        replace(honest, receipt=replace(honest.receipt, deadline=NOW - 10_000)),
        replace(honest, signature=bytes(64)),
        replace(honest, signature=b"\xff" * 64),
    ):
        found = checker(DirSource(saved), built).check(of(forged))
        assert (found.state, found.evidence) == (State.UNKNOWN, None)
        assert "no promise of the operator" in found.reason


def test_receipts_of_another_log_or_chain_are_none_of_this_one(saved: Path, built: Builder) -> None:
    index = labels(built)[0]
    for domain in (Domain(CHAIN_ID + 1, LOG_ADDRESS), Domain(CHAIN_ID, "0x" + "11" * 20)):
        other = promise(built.entries[index].leaf, index, NOW, domain, built.operator)
        assert checker(DirSource(saved), built).check(of(other)).state is State.UNKNOWN


def test_a_log_that_proves_nothing_says_nothing(server: LogServer, built: Builder) -> None:
    index = labels(built)[0]
    receipt = of(promised(built, built.entries[index].leaf, index, NOW))
    stranger = LogKey(built.log_key.name, bytes(32))
    forged = sign_checkpoint(stranger.name, 3, bytes(32), stranger).encode()
    lies = {"/checkpoint": forged, "/tile/0/000": b"x" * 8192, "/tile/1/000.p/2": b"x" * 64}
    for path, body in lies.items():
        server.answers[path] = [(200, {}, body)]
        with HttpSource(server.url) as source:
            found = checker(source, built).check(receipt)
        assert (found.state, found.evidence) == (State.UNKNOWN, None), path
        assert "nothing that can be checked" in found.reason


def test_a_head_without_the_witnesses_of_the_policy_says_nothing(saved: Path, built: Builder) -> None:
    from ledger_service.log.cosignature import WitnessKey

    witness = WitnessKey("witness.example/w", bytes(32)).verifier
    policy = parse_policy(f"log {built.log_key.verifier}\nwitness w {witness}\nquorum w\n".encode())
    index = labels(built)[0]
    receipt = of(promised(built, built.entries[index].leaf, index, NOW))
    assert checker(DirSource(saved), built, policy=policy).check(receipt).state is State.UNKNOWN


def test_the_terms_of_the_campaign_name_its_operator_and_the_service_cannot(
    server: LogServer, built: Builder, write: Write
) -> None:
    info = built.info() | {"operator": STRANGER.address}
    index = labels(built)[0]
    with HttpSource(server.url) as source:
        for signer, state in ((built.operator, State.KEPT), (STRANGER, State.UNKNOWN)):
            receipts = read_receipts(write(kept(built, index, signer)))
            server.answers["/v1/info"] = [(200, {}, json.dumps(info).encode())]
            known = identify(source, Pins(), receipts)
            terms = Terms(known.domain, known.operators, NOW, True)
            assert Checker(Follower(source, known.key), known.key, terms).check(receipts[0]).state is state


def test_receipts_are_read_as_the_api_gives_them(built: Builder, write: Write) -> None:
    first, second = (kept(built, index) for index in labels(built)[:2])
    bare = {name: value for name, value in first.items() if name != "entry"}
    for values in (
        [first],
        [first, second],
        [{"receipts": [first, second], "checkpoint": "a note"}],
        [[first, second]],
        [bare],
    ):
        found = read_receipts(write(*values))
        assert found[0].signed.to_json() == bare
        assert (found[0].label is None) == (values == [bare])


@pytest.mark.parametrize(
    "value",
    [
        {}, [], 7, "x", {"receipts": []}, {"receipts": [7]}, {"leaf": "0x"},
        {"leaf": "0x", "index": 0, "deadline": 0, "operator": "0x", "signature": "0x"},
    ],
)  # fmt: skip
def test_what_is_no_receipt_is_refused(value: Any, write: Write) -> None:
    with pytest.raises(BadInput):
        read_receipts(write(value))


def test_an_entry_beside_a_receipt_has_to_be_its_label(built: Builder, write: Write) -> None:
    first, second = labels(built)[:2]
    with pytest.raises(BadInput, match="is another"):
        read_receipts(write(kept(built, first) | {"entry": show(built.entries[second].raw)}))
    with pytest.raises(BadInput, match="is no label"):
        read_receipts(write(kept(built, 0)))
    with pytest.raises(BadInput):
        read_receipts(write(kept(built, first) | {"entry": "0x00"}))


def run(built: Builder, *arguments: str) -> int:
    return main(["receipt", "check", *arguments, "--operator", built.operator.address])


def test_the_exit_status_says_the_worst(
    server: LogServer, built: Builder, write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size, index = len(built.entries), labels(built)[0]
    cases = {
        "kept": (kept(built, index), 0),
        "broken": (promised(built, LEAF, 3, NOW), 1),
        "cannot say": (promised(built, LEAF, 3, NOW, STRANGER), 2),
        "pending": (promised(built, LEAF, size, FUTURE), 3),
    }
    for name, (receipt, status) in cases.items():
        path = str(write(receipt))
        assert run(built, path, "--log", server.url) == status
        assert capsys.readouterr().out.startswith(name)
    mixed = [str(write(receipt, name=f"{name}.json")) for name, (receipt, _) in cases.items()]
    for most, status in ((4, 1), (1, 0)):
        evidence = tmp_path / "evidence"
        assert run(built, *mixed[:most], "--log", server.url, "--json", "--save", str(evidence)) == status
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [line["state"] for line in lines] == list(cases)[:most]
    (found,) = evidence.iterdir()
    assert json.loads(found.read_text())["receipt"]["index"] == 3
    assert run(built, mixed[0], mixed[3], "--log", server.url) == 3
    assert run(built, mixed[2], mixed[3], "--log", server.url) == 2


def test_a_log_that_does_not_answer_cannot_say(
    built: Builder, write: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ledger_service.audit import http

    monkeypatch.setattr(http, "TRIES", 1)
    path = str(write(kept(built, labels(built)[0])))
    assert run(built, path, "--log", "http://127.0.0.1:1", "--json") == 2
    found = json.loads(capsys.readouterr().out)
    assert (found["state"], "does not answer" in found["reason"]) == ("cannot say", True)


def test_receipts_are_checked_against_a_mirror_with_the_service_stopped(
    server: LogServer, built: Builder, write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = str(tmp_path / "copy")
    assert main(["mirror", server.url, copy]) == 0
    server.folder = Path("/nonexistent")
    everything = [kept(built, index) for index in labels(built)]
    assert main(["receipt", "check", str(write(*everything)), "--log", copy, "--json"]) == 0
    late = promised(built, LEAF, len(built.entries), NOW)
    assert run(built, str(write(late)), "--log", copy) == 2
    assert "may be older than the deadline" in capsys.readouterr().out


def test_a_receipt_is_exchanged_for_its_bundle(
    server: LogServer, built: Builder, saved: Path, write: Write, tmp_path: Path
) -> None:
    lines = list(DirSource(saved).bundles(built.campaign, "label") or ())
    first = labels(built)[0]
    key = tmp_path / "worker.key"
    key.write_text(WORKER.secret().hex())
    key.chmod(0o600)
    asked = f"/v1/labels/{show(built.entries[first].leaf)}/bundle"
    out = tmp_path / "bundle.json"
    arguments = ["receipt", "exchange", str(write(kept(built, first))), "--log", server.url]
    arguments += ["--key", str(key), "-o", str(out)]
    server.answers[asked] = [(200, {}, lines[1])]
    assert main(arguments) == 1  # it proves another label
    server.answers[asked] = [(200, {}, lines[0].replace(b"v1", b"v2", 1))]
    assert main(arguments) == 1
    server.answers[asked] = [(200, {}, next(iter(DirSource(saved).bundles(built.campaign, "payment") or ())))]
    assert main(arguments) == 1
    server.answers[asked] = [(404, {}, b"")]
    assert main(arguments) == 2
    assert not out.exists()
    server.answers[asked] = [(200, {}, lines[0])]
    assert main(arguments) == 0
    assert out.read_bytes() == lines[0] + b"\n"
    assert out.stat().st_mode & 0o777 == 0o600
    assert main(["verify", str(out)]) == 0


def test_an_exchange_is_one_json_object_however_it_ends(
    server: LogServer,
    built: Builder,
    saved: Path,
    write: Write,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = next(iter(DirSource(saved).bundles(built.campaign, "label") or ()))
    first = labels(built)[0]
    leaf, key, out = built.entries[first].leaf, tmp_path / "worker.key", tmp_path / "bundle.json"
    key.write_text(WORKER.secret().hex())
    key.chmod(0o600)
    asked = f"/v1/labels/{show(leaf)}/bundle"
    arguments = ["receipt", "exchange", str(write(kept(built, first))), "--log", server.url, "--json"]
    arguments += ["--key", str(key), "-o", str(out)]
    server.answers[asked] = [(200, {}, line.replace(b"v1", b"v2", 1))]
    assert main(arguments) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], set(found)) == (False, {"ok", "error"})
    server.answers[asked] = [(404, {}, b"")]
    assert main(arguments) == 2
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], set(found)) == (None, {"ok", "error"})
    server.answers[asked] = [(200, {}, line)]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out) == {
        "ok": True,
        "output": str(out),
        "proved": [{"leaf": show(leaf), "index": first}],
    }
    assert out.read_bytes() == line + b"\n"


def test_a_bundle_at_another_index_than_promised_is_refused(built: Builder, saved: Path) -> None:
    line = next(iter(DirSource(saved).bundles(built.campaign, "label") or ()))

    class Source:
        def label_bundle(self, leaf: bytes) -> bytes:
            return line

    index, key, domain = labels(built)[0], built.log_key.verifier, Domain(CHAIN_ID, LOG_ADDRESS)
    leaf = built.entries[index].leaf
    assert exchange(of(promised(built, leaf, index, NOW)), Source(), key, domain) == line
    with pytest.raises(VerificationError, match="index of the bundle's label"):
        exchange(of(promised(built, leaf, index + 1, NOW)), Source(), key, domain)
    with pytest.raises(VerificationError, match="leaf hash of the bundle's label"):
        exchange(of(promised(built, LEAF, index, NOW)), Source(), key, domain)
    with pytest.raises(VerificationError):
        exchange(of(promised(built, leaf, index, NOW)), Source(), LogKey("other", bytes(32)).verifier, domain)
    with pytest.raises(VerificationError, match="chain of the bundle"):
        exchange(of(promised(built, leaf, index, NOW)), Source(), key, Domain(CHAIN_ID + 1, LOG_ADDRESS))


def test_exchanging_needs_the_service(saved: Path, built: Builder, write: Write, tmp_path: Path) -> None:
    path, key = str(write(kept(built, labels(built)[0]))), tmp_path / "key"
    key.write_text(WORKER.secret().hex())
    key.chmod(0o600)
    arguments = [path, "--log", str(saved), "--key", str(key), "-o", str(tmp_path / "out")]
    assert main(["receipt", "exchange", *arguments]) == 2


def test_a_service_that_hides_the_campaign_cannot_name_its_operator(
    server: LogServer, built: Builder, write: Write
) -> None:
    receipts = read_receipts(write(kept(built, labels(built)[0], STRANGER)))
    hidden = json.dumps({"campaigns": [], "next": None}).encode()
    false = json.dumps({"campaigns": [built.listed() | {"escrow": "0x" + "11" * 20}], "next": None}).encode()
    broken = json.dumps({"campaigns": [built.listed() | {"terms": {}}], "next": None}).encode()
    info = json.dumps(built.info() | {"operator": STRANGER.address}).encode()
    for listed in (hidden, false, broken):
        server.answers["/v1/info"] = [(200, {}, info)]
        server.answers["/v1/campaigns"] = [(200, {}, listed)]
        with HttpSource(server.url) as source:
            known = identify(source, Pins(), receipts)
            terms = Terms(known.domain, known.operators, NOW, True)
            found = Checker(Follower(source, known.key), known.key, terms).check(receipts[0])
        assert (found.state, "nothing proves" in found.reason) == (State.UNKNOWN, True)


def test_of_a_receipt_without_its_label_the_service_says_who_the_operator_is(
    server: LogServer, built: Builder, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = {name: value for name, value in kept(built, labels(built)[0]).items() if name != "entry"}
    path = str(write(bare))
    assert main(["receipt", "check", path, "--log", server.url]) == 2  # nor does the service say it
    info = json.dumps(built.info() | {"operator": built.operator.address}).encode()
    server.answers["/v1/info"] = [(200, {}, info)]
    assert main(["receipt", "check", path, "--log", server.url]) == 0
    assert "--operator" in capsys.readouterr().err


def test_the_time_can_be_the_chains(
    server: LogServer, built: Builder, write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with local_chain(tmp_path / "chain") as url:
        block = Endpoint(url).ask("eth_getBlockByNumber", "latest", False)
        now = int(block["timestamp"], 16)
        for deadline, status in ((now + 1, 3), (now, 1)):
            path = str(write(promised(built, LEAF, len(built.entries), deadline)))
            assert run(built, path, "--log", server.url, "--rpc", url) == status
    capsys.readouterr()
