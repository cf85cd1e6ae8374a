"""Asking a witness that may do anything: nothing that it answers is believed, and nothing waits for ever."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ledger_service.errors import BadInput, Unavailable, VerificationError
from ledger_service.log.cosignature import WitnessKey
from ledger_service.witness.client import Cosigned, WitnessAhead, WitnessClient, WitnessRefuses
from ledger_service.witness.request import parse_request, read_head
from tests.witness.hostile import Answer, honest, key, scripted
from tests.witness.test_witness import WITNESS, Desk
from tests.witness.world import SmallLog

FIRST = key(1)


def ask(client: WitnessClient, log: SmallLog, size: int | None = None) -> Cosigned:
    """Have a head of the log cosigned."""
    size = log.size if size is None else size

    def prove(old: int) -> Sequence[bytes]:
        return log.tree.consistency_proof(old, size)

    note = log.checkpoint(size)
    head = read_head(parse_request(b"old 0\n\n" + note.encode()).note)
    return client.cosign(head, note, prove)


def asked_once(answer: Answer, log: SmallLog, *, deadline: float = 5.0) -> Cosigned:
    """Ask a witness that always answers the same."""
    with scripted(lambda _: answer) as witness:
        client = WitnessClient(FIRST.verifier, witness.url, deadline=deadline)
        try:
            return ask(client, log)
        finally:
            client.close()


def ok(text: str) -> Answer:
    return 200, {}, [text.encode()]


def line_of(signer: WitnessKey, log: SmallLog, at: int | None = None) -> str:
    return signer.cosign(log.checkpoint(), int(time.time()) if at is None else at)


def test_a_witness_is_asked_from_the_size_it_knows_over_one_connection(tmp_path: Path) -> None:
    desk, log = Desk(tmp_path, now=int(time.time())), SmallLog().grow(5)
    with scripted(honest(desk.start())) as witness:
        client = WitnessClient(WITNESS.verifier, witness.url)
        times = [ask(client, log.grow(7)).time for _ in range(4)]
        client.close()
        assert times == sorted(times)
        assert [parse_request(body).old for body in witness.asked] == [0, 12, 19, 26]
        assert len(witness.connections) == 1
        # After a restart of the log it is told the size once, and goes on from there.
        again = WitnessClient(WITNESS.verifier, witness.url)
        ask(again, log.grow(1))
        ask(again, log.grow(1))
        again.close()
        assert [parse_request(body).old for body in witness.asked[4:]] == [0, 33, 34]
        assert all(parse_request(body).proof for body in witness.asked[5:])


def test_a_witness_that_knows_a_larger_head_is_told_apart(tmp_path: Path) -> None:
    desk, log = Desk(tmp_path, now=int(time.time())), SmallLog().grow(50)
    running = desk.start()
    running.add_checkpoint(log.request(0))
    with scripted(honest(running)) as witness:
        client = WitnessClient(WITNESS.verifier, witness.url)
        for _ in range(2):
            with pytest.raises(WitnessAhead) as caught:
                ask(client, log, 49)
            assert caught.value.size == 50
        assert ask(client, log, 50).time
        client.close()


@pytest.mark.parametrize("status", [400, 403, 404, 413, 422, 301, 204])
def test_a_refusal_is_one(status: int) -> None:
    with pytest.raises(WitnessRefuses) as caught:
        asked_once((status, {"Location": "http://127.0.0.1:1/"}, []), SmallLog().grow(5))
    assert caught.value.status == status


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_witness_that_cannot_is_asked_again_later(status: int) -> None:
    with pytest.raises(Unavailable):
        asked_once((status, {}, [b"later"]), SmallLog().grow(5))


def test_only_its_own_line_is_taken_over() -> None:
    log = SmallLog().grow(5)
    mine = line_of(FIRST, log)
    others = line_of(key(2), log) + f"— {FIRST.name} AAAAAAAA\n"
    found = asked_once(ok(others + mine + line_of(key(3), log)), log)
    assert found.line == mine
    assert found.key == FIRST.verifier


def _answers(log: SmallLog) -> dict[str, str]:
    mine, now = line_of(FIRST, log), int(time.time())
    other = line_of(FIRST, log.branch(3).grow(2, "other"))
    return {
        "nothing": "",
        "an empty line": "\n",
        "no newline": mine[:-1],
        "carriage return": mine[:-1] + "\r\n",
        "only others'": line_of(key(2), log),
        "of another head": other,
        "twice": mine + mine,
        "time zero": line_of(FIRST, log, 0),
        "far ahead": line_of(FIRST, log, now + 100_000),
        "at the end of time": line_of(FIRST, log, (1 << 63) - 1),
        "a byte changed": mine.replace(mine[-20], "A" if mine[-20] != "A" else "B"),
        "a whole note": log.checkpoint() + mine,
        "html": "<html>",
        "too many": line_of(key(2), log) * 101 + mine,
    }


@pytest.mark.parametrize("name", list(_answers(SmallLog().grow(5))))
def test_what_is_no_cosignature_of_its_key_is_refused(name: str) -> None:
    log = SmallLog().grow(5)
    with pytest.raises(VerificationError):
        asked_once(ok(_answers(log)[name]), log)


@pytest.mark.parametrize(
    "body", [b"", b"5", b"05\n", b"-1\n", b"5\n5\n", b"x\n", b"\xff\n", b"9" * 30 + b"\n"]
)
def test_a_conflict_without_a_size_is_refused(body: bytes) -> None:
    with pytest.raises(VerificationError):
        asked_once((409, {}, [body]), SmallLog().grow(5))


def test_sizes_without_end_are_not_followed() -> None:
    sizes = iter(range(1, 10_000))
    log = SmallLog().grow(400)
    with scripted(lambda _: (409, {}, [f"{next(sizes)}\n".encode()])) as witness:
        client = WitnessClient(FIRST.verifier, witness.url)
        with pytest.raises(Unavailable):
            ask(client, log)
        client.close()
        assert len(witness.asked) < 10


def test_an_answer_that_does_not_end_is_refused() -> None:
    with pytest.raises(VerificationError):
        asked_once((200, {}, [b"x" * 70_000]), SmallLog().grow(5))


@pytest.mark.parametrize("kind", ["silent", "dripping", "gone"])
def test_nobody_is_waited_for_beyond_the_deadline(kind: str) -> None:
    def drip() -> Iterator[bytes]:
        while kind == "dripping":
            time.sleep(0.1)
            yield b"x"

    def slow(_: bytes) -> Answer:
        if kind == "silent":
            time.sleep(1.5)
        return 200, {"Content-Length": "1000"}, drip()

    with scripted(slow) as witness:
        url = "http://127.0.0.1:1" if kind == "gone" else witness.url
        client = WitnessClient(FIRST.verifier, url, deadline=0.6)
        started = time.monotonic()
        with pytest.raises(Unavailable):
            ask(client, SmallLog().grow(5))
        client.close()
        assert time.monotonic() - started < 1.4


@pytest.mark.parametrize(
    "url", ["", "witness.example", "ftp://witness.example/", "http://", "file:///etc/passwd"]
)
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(BadInput):
        WitnessClient(FIRST.verifier, url)
