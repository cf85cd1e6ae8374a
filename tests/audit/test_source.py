"""Reading from a server and from a folder: neither is trusted, and both give the same audit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger_service.audit import http
from ledger_service.audit.auditor import audit
from ledger_service.audit.http import HttpSource
from ledger_service.audit.login import checksummed, read_key
from ledger_service.audit.report import Status
from ledger_service.audit.source import DirSource, tile_widths
from ledger_service.errors import BadInput, NotYours, Unauthenticated, Unavailable
from ledger_service.log.checkpoint import MAX_NOTE_BYTES
from ledger_service.mirror.mirroring import mirror
from ledger_service.signing import Wallet
from tests.audit.builder import Builder, seeded, show
from tests.audit.conftest import pins
from tests.audit.server import LogServer
from tests.mirror.served import save_served

AUDITOR = Wallet(seeded("auditor"))
STRANGER = Wallet(seeded("stranger"))


@pytest.fixture
def server(honest: Builder, tmp_path: Path) -> Iterator[LogServer]:
    """The honest log over HTTP, with some of its bundles."""
    with LogServer(save_served(honest, tmp_path / "served"), AUDITOR.address) as running:
        yield running


@pytest.fixture
def fast_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait between tries."""
    monkeypatch.setattr(http.time, "sleep", lambda _: None)


def test_an_audit_over_http_passes_as_from_a_folder(server: LogServer, honest: Builder) -> None:
    with HttpSource(server.url, AUDITOR) as source:
        report = audit(source, pins=pins(honest))
    assert [step.status for step in report.steps[:-1]] == [Status.PASSED] * 9
    assert report.source == server.url


def test_without_a_key_nothing_secret_is_asked_for(server: LogServer, honest: Builder) -> None:
    with HttpSource(server.url + "/") as source:
        report = audit(source, pins=pins(honest))
        assert source.bundles(honest.campaign, "label") is None
    assert not report.failed
    assert report.steps[4].status is Status.NOT_CHECKED
    assert not any("openings" in path or "auth" in path for path in server.requests)


def test_an_account_that_may_not_sign_in_is_told_so_where_it_has_to(server: LogServer) -> None:
    with HttpSource(server.url, STRANGER) as source:
        assert source.checkpoint()
        with pytest.raises(BadInput, match="not an auditor"):
            source.openings(seeded("any campaign"))


def test_a_campaign_that_is_not_shown_has_no_openings(server: LogServer) -> None:
    with HttpSource(server.url, AUDITOR) as source:
        assert source.openings(seeded("another campaign")) is None


def test_a_download_can_be_audited_without_the_service(
    server: LogServer, honest: Builder, tmp_path: Path
) -> None:
    seen: list[tuple[str, int, int]] = []
    with HttpSource(server.url, AUDITOR) as source:
        head = mirror(source, tmp_path / "saved", progress=lambda *args: seen.append(args)).head
    report = audit(DirSource(tmp_path / "saved"), pins=pins(honest))
    assert head.size == report.log_size == len(honest.entries)
    assert not report.failed
    assert report.steps[8].status is Status.PASSED
    assert ("tiles", 1, 1) in seen
    assert ("campaigns", 1, 1) in seen
    assert not list((tmp_path / "saved").rglob("*.new"))


def test_every_page_of_bundles_is_saved(server: LogServer, honest: Builder, tmp_path: Path) -> None:
    with HttpSource(server.url, AUDITOR) as source:
        mirror(source, tmp_path / "saved")
    for kind in ("label", "payment"):
        lines = DirSource(tmp_path / "saved").bundles(honest.campaign, kind)
        assert lines is not None
        assert list(lines) == list(DirSource(server.folder).bundles(honest.campaign, kind) or ())


def test_a_download_that_broke_off_is_not_taken_for_a_log(
    server: LogServer, tmp_path: Path, fast_retries: None
) -> None:
    server.answers["/v1/campaigns"] = [(503, {}, b"later")] * http.TRIES
    with HttpSource(server.url, AUDITOR) as source, pytest.raises(Unavailable, match="503"):
        mirror(source, tmp_path / "saved")
    with pytest.raises(BadInput, match="did not finish"):
        DirSource(tmp_path / "saved")
    with HttpSource(server.url, AUDITOR) as source:
        mirror(source, tmp_path / "saved")
    assert DirSource(tmp_path / "saved").checkpoint()


def test_a_folder_of_another_log_is_not_written_to(honest: Builder, tmp_path: Path) -> None:
    other = Builder(place=replace(honest.place, chain_id=5))
    folder = other.save(tmp_path / "other")
    before = (folder / "checkpoint").read_bytes()
    with pytest.raises(BadInput, match="choose another folder"):
        mirror(DirSource(honest.save(tmp_path / "honest")), folder)
    assert (folder / "checkpoint").read_bytes() == before


def test_what_says_try_again_is_tried_again(server: LogServer, fast_retries: None) -> None:
    server.answers["/checkpoint"] = [(503, {}, b""), (429, {}, b"")]
    with HttpSource(server.url) as source:
        assert source.checkpoint().startswith("crowdledger.local/")
    assert server.requests.count("/checkpoint") == 3


def test_a_server_that_is_not_there_is_unavailable(fast_retries: None) -> None:
    with HttpSource("http://127.0.0.1:1") as source, pytest.raises(Unavailable, match="does not answer"):
        source.checkpoint()


@pytest.mark.parametrize(
    ("status", "error"), [(404, NotYours), (401, Unauthenticated), (302, BadInput), (400, BadInput)]
)
def test_every_other_status_is_an_error(server: LogServer, status: int, error: type[Exception]) -> None:
    server.answers["/checkpoint"] = [(status, {"Location": "http://127.0.0.1:1/"}, b"words")]
    with HttpSource(server.url) as source, pytest.raises(error):
        source.checkpoint()


def test_an_answer_that_is_too_large_is_not_read_to_its_end(server: LogServer) -> None:
    server.answers["/checkpoint"] = [(200, {}, b"x" * (MAX_NOTE_BYTES + 1))]
    with HttpSource(server.url) as source, pytest.raises(BadInput, match=f"more than {MAX_NOTE_BYTES} bytes"):
        source.checkpoint()


def test_pages_whose_lines_are_long_are_asked_for_with_fewer_lines(
    server: LogServer, honest: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HttpSource(server.url, AUDITOR) as source:
        whole = list(source.openings(honest.campaign) or ())
        monkeypatch.setattr(http, "MAX_JSON_BYTES", 12_000)
        path = f"/v1/campaigns/{show(honest.campaign)}/openings"
        server.answers[path] = [(200, {"Crowdledger-Next": "6"}, b"x" * 12_001)] * 2
        server.requests.clear()
        assert list(source.openings(honest.campaign) or ()) == whole
    limits = [request.split("limit=")[1].split("&")[0] for request in server.requests if path in request]
    assert limits[:3] == ["1000", "125", "15"]


@pytest.mark.parametrize("header", ["-1", "0", "x", "9" * 16, "٣"])
def test_pages_have_to_go_forward(server: LogServer, honest: Builder, header: str) -> None:
    path = f"/v1/campaigns/{show(honest.campaign)}/openings"
    first = (200, {"Crowdledger-Next": "0"}, b"{}\n")
    again = (200, {"Crowdledger-Next": header.encode().decode("latin-1")}, b"{}\n")
    server.answers[path] = [first, again]
    with HttpSource(server.url, AUDITOR) as source:
        lines = source.openings(honest.campaign)
        assert lines is not None
        with pytest.raises(BadInput, match="pages must go forward"):
            list(lines)


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'{"campaigns": {}}', b"\xff", b"[" * 60_000])
def test_what_is_no_list_of_campaigns_is_refused(server: LogServer, body: bytes) -> None:
    server.answers["/v1/campaigns"] = [(200, {}, body)]
    with HttpSource(server.url) as source, pytest.raises(BadInput):
        source.campaigns()


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"\xff", b"[" * 60_000])
def test_what_is_no_object_is_no_information(server: LogServer, body: bytes) -> None:
    server.answers["/v1/info"] = [(200, {}, body)]
    with HttpSource(server.url) as source, pytest.raises(BadInput):
        source.info()


@pytest.mark.parametrize(
    "line",
    [
        '{"index":0}',
        '{"index":-1,"leaf":"0x","openings":{}}',
        '{"index":1e3,"leaf":"0x","openings":{}}',
        '{"index":true,"leaf":"0x","openings":{}}',
        "[]",
        "7",
    ],
)
def test_malformed_openings_are_unusable_and_never_passed(honest: Builder, tmp_path: Path, line: str) -> None:
    folder = honest.save(tmp_path)
    path = next((folder / "openings").iterdir())
    path.write_text(line + "\n" + path.read_text())
    with pytest.raises(BadInput):
        audit(DirSource(folder), pins=pins(honest))


def test_a_file_that_is_too_large_is_refused(honest: Builder, tmp_path: Path) -> None:
    folder = honest.save(tmp_path)
    (folder / "checkpoint").write_bytes(b"x" * (MAX_NOTE_BYTES + 1))
    with pytest.raises(BadInput, match="larger than"):
        DirSource(folder).checkpoint()


def test_a_tile_that_is_missing_is_unusable(honest: Builder, tmp_path: Path) -> None:
    folder = honest.save(tmp_path)
    next((folder / "tile" / "entries").rglob("172")).unlink()
    with pytest.raises(BadInput, match="cannot read"):
        audit(DirSource(folder), pins=pins(honest))


def test_the_key_file_has_to_be_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("0x" + AUDITOR.secret().hex() + "\n")
    path.chmod(0o644)
    with pytest.raises(BadInput, match="chmod 600"):
        read_key(path)
    path.chmod(0o600)
    assert read_key(path).address == AUDITOR.address


@pytest.mark.parametrize("text", ["", "0x12", "zz" * 32, "00" * 32, "11" * 33])
def test_a_key_file_holds_a_key(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(BadInput, match="32 bytes"):
        read_key(path)


def test_checksums_are_those_of_the_eip() -> None:
    for address in (  # EIP-55, "Test Cases"
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ):
        assert checksummed(address.lower()) == address


def test_the_widths_of_tiles_are_those_of_the_log() -> None:
    assert list(tile_widths(0)) == []
    assert list(tile_widths(256)) == [(0, 256)]
    assert list(tile_widths(700)) == [(0, 256), (1, 256), (2, 188)]


def test_a_session_that_has_ended_is_begun_anew(server: LogServer, honest: Builder) -> None:
    with HttpSource(server.url, AUDITOR) as source:
        whole = list(source.openings(honest.campaign) or ())
        path = f"/v1/campaigns/{show(honest.campaign)}/openings"
        server.answers[path] = [(401, {}, b"the session has ended")]
        assert list(source.openings(honest.campaign) or ()) == whole
        assert server.requests.count("/v1/auth/nonce") == 2
        server.answers[path] = [(401, {}, b"not for you")] * 2
        assert source.openings(honest.campaign) is None


def test_a_list_of_campaigns_without_end_is_refused(
    server: LogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = json.dumps({"campaigns": [{}] * 3, "next": "again"}).encode()
    server.answers["/v1/campaigns"] = [(200, {}, page)] * 9
    for name, bound in (("MAX_CAMPAIGNS", 7), ("MAX_LISTED_BYTES", 100)):
        monkeypatch.setattr(http, name, bound)
        with HttpSource(server.url) as source, pytest.raises(BadInput, match="does not end"):
            source.campaigns()


def test_anybodys_tiles_are_asked_for_without_a_session(server: LogServer) -> None:
    with HttpSource(server.url, AUDITOR) as source:
        source.checkpoint()
        source.tile(0, 0, 172)
        source.entries(0, 172)
    assert not any("auth" in path for path in server.requests)
