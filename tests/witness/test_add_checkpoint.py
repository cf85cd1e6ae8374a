"""add-checkpoint and the monitoring prefix, sentence by sentence of C2SP tlog-witness, over real sockets."""

from __future__ import annotations

import http.client
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from ledger_service.log.checkpoint import LogKey, open_checkpoint, sign_checkpoint
from ledger_service.log.cosignature import open_cosignatures
from ledger_service.log.hashing import EMPTY_ROOT
from ledger_service.log.note import Note, NoteSignature, b64, parse_note
from ledger_service.witness.request import MAX_BODY_BYTES, format_request
from tests.witness.world import RunningWitness, SmallLog, running

HASH = b64(bytes(32))


def time_of(witness: RunningWitness, log: SmallLog, answer: httpx.Response, size: int | None = None) -> int:
    """The time of the cosignature in an answer, which is verified."""
    assert answer.status_code == 200, answer.text
    return open_cosignatures(log.checkpoint(size) + answer.text, [witness.key])[witness.key]


def assert_refused(
    witness: RunningWitness, log: SmallLog, body: bytes, status: int, size: int | None = None
) -> None:
    """The request is refused, and what the witness has cosigned stays as it was."""
    before = witness.checkpoint(log.key.name)
    answer = witness.add(body)
    assert answer.status_code == status, answer.text
    assert f"— {witness.key.name} " not in answer.text
    if status == 409:
        assert answer.headers["content-type"] == "text/x.tlog.size"
        assert answer.content == f"{size}\n".encode()
    after = witness.checkpoint(log.key.name)
    assert (after.status_code, after.text) == (before.status_code, before.text)


def test_a_first_checkpoint_is_cosigned_and_served(witness: RunningWitness, log: SmallLog) -> None:
    assert witness.checkpoint(log.key.name).status_code == 404
    before = int(time.time())
    answer = witness.add(log.request(0))
    assert before <= time_of(witness, log, answer) <= time.time()
    assert answer.text.startswith("— witness.example/w1 ")
    assert answer.text.endswith("\n")
    assert answer.text.count("\n") == 1
    served = witness.checkpoint(log.key.name)
    assert served.headers["content-type"] == "text/plain; charset=utf-8"
    assert served.text == log.checkpoint() + answer.text
    assert open_checkpoint(served.text, log.key.verifier).size == 10


def test_what_extends_it_is_cosigned_and_no_time_goes_back(witness: RunningWitness, log: SmallLog) -> None:
    times = [time_of(witness, log, witness.add(log.request(0)))]
    for more in (1, 1, 4, 240, 1, 300):
        old = log.size
        answer = witness.add(log.grow(more).request(old))
        times.append(time_of(witness, log, answer))
    assert times == sorted(times)
    assert open_checkpoint(witness.checkpoint(log.key.name).text, log.key.verifier).size == log.size


def test_the_same_checkpoint_is_cosigned_again_with_an_empty_proof(
    witness: RunningWitness, log: SmallLog
) -> None:
    first = time_of(witness, log, witness.add(log.request(0)))
    again = witness.add(format_request(10, [], log.checkpoint()))
    assert time_of(witness, log, again) >= first


def test_an_empty_tree_is_cosigned_once_it_has_the_root_of_one(
    witness: RunningWitness, log: SmallLog
) -> None:
    wrong = sign_checkpoint(log.key.name, 0, bytes(32), log.key)
    assert_refused(witness, log, format_request(0, [], wrong), 422)
    right = sign_checkpoint(log.key.name, 0, EMPTY_ROOT, log.key)
    assert witness.add(format_request(0, [], right)).status_code == 200
    assert witness.add(format_request(0, [], right)).status_code == 200
    assert witness.add(log.request(0)).status_code == 200


def test_another_old_size_is_answered_with_the_size_that_is_known(
    witness: RunningWitness, log: SmallLog
) -> None:
    for old in (1, 10):  # never cosigned: the size is zero
        assert_refused(witness, log, log.request(old), 409, 0)
    assert witness.add(log.request(0, 7)).status_code == 200
    for old in (0, 1, 6, 8, 10):
        assert_refused(witness, log, log.request(old), 409, 7)
    assert witness.add(log.request(7)).status_code == 200


def test_a_smaller_checkpoint_is_a_conflict(witness: RunningWitness, log: SmallLog) -> None:
    assert witness.add(log.request(0)).status_code == 200
    assert_refused(witness, log, log.request(3, 9), 409, 10)


def test_an_old_size_beyond_the_checkpoint_is_bad(witness: RunningWitness, log: SmallLog) -> None:
    assert_refused(witness, log, format_request(11, [], log.checkpoint()), 400)
    assert witness.add(log.request(0)).status_code == 200
    assert_refused(witness, log, format_request(10, [], log.checkpoint(9)), 400)


def test_from_size_zero_the_proof_is_empty(witness: RunningWitness, log: SmallLog) -> None:
    assert_refused(witness, log, format_request(0, [bytes(32)], log.checkpoint()), 422)


def test_a_proof_that_does_not_hold_is_refused(witness: RunningWitness, log: SmallLog) -> None:
    assert witness.add(log.request(0)).status_code == 200
    log.grow(7)
    proof = log.tree.consistency_proof(10, 17)
    wrong = [
        [],
        proof[:-1],
        [*proof, bytes(32)],
        [bytes(32), *proof[1:]],
        proof[::-1],
        log.tree.consistency_proof(9, 17),
        [bytes(32)] * 63,
    ]
    for hashes in wrong:
        assert_refused(witness, log, format_request(10, hashes, log.checkpoint()), 422)
    assert_refused(witness, log, log.branch(9).grow(8, "other").request(10), 422)
    assert witness.add(log.request(10)).status_code == 200


def test_another_root_of_the_same_size_is_refused(witness: RunningWitness, log: SmallLog) -> None:
    assert witness.add(log.request(0)).status_code == 200
    other = log.branch(9).grow(1, "other")
    assert_refused(witness, log, format_request(10, [], other.checkpoint()), 422)
    assert_refused(witness, log, format_request(10, [bytes(32)], log.checkpoint()), 422)


def test_an_unknown_origin_is_not_found(witness: RunningWitness, log: SmallLog) -> None:
    stranger = SmallLog(LogKey("stranger.example/log", bytes(32))).grow(3)
    assert_refused(witness, stranger, stranger.request(0), 404)
    # Signed by a key that is known, under an origin that is not.
    text = parse_note(stranger.checkpoint()).text
    signature = NoteSignature(log.key.name, log.key.verifier.key_id, log.key.sign(text.encode()))
    body = format_request(0, [], Note(text, (signature,)).to_text())
    assert_refused(witness, stranger, body, 404)


def test_a_checkpoint_that_no_trusted_key_signed_is_forbidden(witness: RunningWitness, log: SmallLog) -> None:
    note = parse_note(log.checkpoint())
    good = note.signatures[0]
    stranger = LogKey(log.key.name, bytes(32))  # the origin's name, another key
    theirs = parse_note(sign_checkpoint(log.key.name, 10, log.tree.root(), stranger)).signatures[0]
    wrong = NoteSignature(good.name, good.key_id, bytes(64))
    short = NoteSignature(good.name, good.key_id, bytes(3))
    renamed = NoteSignature("other.example", good.key_id, good.signature)
    for lines in ((theirs,), (wrong,), (short,), (renamed,), (good, wrong), (wrong, good)):
        body = format_request(0, [], Note(note.text, lines).to_text())
        assert_refused(witness, log, body, 403)
    # Unknown lines beside a good one are ignored, and not served.
    answer = witness.add(format_request(0, [], Note(note.text, (theirs, renamed, good)).to_text()))
    time_of(witness, log, answer)
    assert witness.checkpoint(log.key.name).text == log.checkpoint() + answer.text


def test_a_log_may_have_several_keys(tmp_path: Path) -> None:
    old, new = (LogKey("log.example/rotating", bytes([n]) * 32) for n in (1, 2))
    log, later = SmallLog(old).grow(5), SmallLog(new).grow(8)
    with running(tmp_path, logs=(str(old.verifier), str(new.verifier))) as witness:
        assert witness.add(log.request(0)).status_code == 200
        assert witness.add(later.request(5)).status_code == 200
        both = parse_note(log.grow(3).checkpoint())
        lines = (*both.signatures, *parse_note(later.checkpoint()).signatures)
        answer = witness.add(format_request(8, [], Note(both.text, lines).to_text()))
        assert answer.status_code == 200
        served = parse_note(witness.checkpoint("log.example/rotating").text)
        assert served.signatures[:2] == lines
        broken = NoteSignature(lines[1].name, lines[1].key_id, bytes(64))
        note = Note(both.text, (lines[0], broken)).to_text()
        assert witness.add(format_request(8, [], note)).status_code == 403


def test_extension_lines_are_cosigned_with_the_rest(witness: RunningWitness, log: SmallLog) -> None:
    text = parse_note(log.checkpoint()).text + "extended by this\nand that\n"
    signature = NoteSignature(log.key.name, log.key.verifier.key_id, log.key.sign(text.encode()))
    note = Note(text, (signature,)).to_text()
    answer = witness.add(format_request(0, [], note))
    assert answer.status_code == 200
    assert open_cosignatures(note + answer.text, [witness.key])
    assert witness.checkpoint(log.key.name).text == note + answer.text


@pytest.mark.parametrize(
    ("change", "to"),
    [
        (b"old 0\n", b"old 00\n"),
        (b"old 0\n", b"old +0\n"),
        (b"old 0\n", b"old  0\n"),
        (b"old 0\n", b"old -1\n"),
        (b"old 0\n", b"old 0 \n"),
        (b"old 0\n", b"Old 0\n"),
        (b"old 0\n", b"old 0\r\n"),
        (b"old 0\n", b"old \xd9\xa0\n"),
        (b"old 0\n", b"old 9223372036854775808\n"),
        (b"old 0\n", b"old " + b"9" * 5000 + b"\n"),
        (b"old 0\n", b""),
        (b"old 0\n", b"\nold 0\n"),
        (b"old 0\n\n", b"old 0\n"),
        (b"old 0\n\n", b"old 0\n\n\n"),
        (b"old 0\n\n", b"old 0\n" + HASH.encode() + b" \n\n"),
        (b"old 0\n\n", b"old 0\n" + HASH[:-1].encode() + b"\n\n"),
        (b"old 0\n\n", b"old 0\n" + HASH[:-2].encode() + b"B=\n\n"),  # not canonical: spare bits are set
        (b"old 0\n\n", b"old 0\n" + b64(bytes(31)).encode() + b"\n\n"),
        (b"old 0\n\n", b"old 0\n" + b64(bytes(33)).encode() + b"\n\n"),
        (b"old 0\n\n", b"old 0\n" + (HASH.encode() + b"\n") * 64 + b"\n"),
        (b"\n10\n", b"\n010\n"),
        (b"\n10\n", b"\n\xc2\xb2\n"),
        (b"\n10\n", b"\n18446744073709551616\n"),
        (b"\n10\n", b"\n"),
        (b"\n\xe2\x80\x94", b"\n-"),
        (b"\n\xe2\x80\x94", b"\n\x00\xe2\x80\x94"),
        (b"\n\xe2\x80\x94", b"\n\xff\xe2\x80\x94"),
    ],
)
def test_a_body_of_another_form_is_bad(
    witness: RunningWitness, log: SmallLog, change: bytes, to: bytes
) -> None:
    body = log.request(0)
    assert change in body
    assert_refused(witness, log, body.replace(change, to, 1), 400)


def test_a_body_without_its_end_is_bad(witness: RunningWitness, log: SmallLog) -> None:
    body = log.request(0)
    for length in range(0, len(body), 7):
        assert_refused(witness, log, body[:length], 400)
    assert_refused(witness, log, body[:-1], 400)


def test_a_body_beyond_any_request_is_refused_as_it_arrives(witness: RunningWitness, log: SmallLog) -> None:
    body = log.request(0)
    huge = httpx.post(f"{witness.url}/add-checkpoint", content=body + b"x" * MAX_BODY_BYTES, timeout=20)
    assert huge.status_code == 413
    drip = httpx.post(f"{witness.url}/add-checkpoint", content=(b"x" * 65_536 for _ in range(64)), timeout=20)
    assert drip.status_code == 413
    assert witness.add(body).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/add-checkpoint", 405),
        ("PUT", "/add-checkpoint", 405),
        ("POST", "/sign-subtree", 404),
        ("GET", "/", 404),
        ("GET", "/" + "0" * 64 + "/checkpoint", 404),
        ("GET", "/../keys/witness.key", 404),
        ("GET", "/%2e%2e%2fkeys/checkpoint", 404),
        ("POST", "/" + "0" * 64 + "/checkpoint", 405),
    ],
)
def test_other_requests_are_refused(witness: RunningWitness, method: str, path: str, status: int) -> None:
    parts = urlsplit(witness.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    connection.request(method, path)
    assert connection.getresponse().status == status
    connection.close()


def test_the_origin_hash_is_lower_case(witness: RunningWitness, log: SmallLog) -> None:
    assert witness.add(log.request(0)).status_code == 200
    path = witness.checkpoint(log.key.name).url.path
    assert httpx.get(witness.url + path.upper().replace("CHECKPOINT", "checkpoint")).status_code == 404


def test_one_connection_serves_many_requests(witness: RunningWitness, log: SmallLog) -> None:
    parts = urlsplit(witness.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    connection.connect()
    socket = connection.sock
    for old, status in ((0, 200), (0, 409), (10, 200), (11, 400)):
        connection.request("POST", "/add-checkpoint", format_request(old, [], log.checkpoint()))
        answer = connection.getresponse()
        answer.read()
        assert (answer.status, connection.sock) == (status, socket)
    connection.close()


def test_of_concurrent_requests_from_one_size_no_later_one_rolls_back(
    witness: RunningWitness, log: SmallLog
) -> None:
    """The race of the specification: N and N+K are checked at once, and N must not be stored over N+K."""
    assert witness.add(log.request(0)).status_code == 200
    log.grow(64)
    bodies = [log.request(10, size) for size in range(11, 75)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(witness.add, bodies))
    sizes = [11 + at for at, answer in enumerate(answers) if answer.status_code == 200]
    assert len(sizes) == 1  # from one old size one request is granted, whichever it is
    assert {answer.status_code for answer in answers} == {200, 409}
    assert all(answer.text == f"{sizes[0]}\n" for answer in answers if answer.status_code == 409)
    served = witness.checkpoint(log.key.name).text
    assert open_checkpoint(served, log.key.verifier).size == sizes[0]


def test_concurrent_logs_only_ever_grow(witness: RunningWitness, log: SmallLog) -> None:
    """Many clients that go on from the size they are told: what is served never gets smaller."""
    log.grow(90)
    bodies = {(old, size): log.request(old, size) for size in range(1, 101) for old in range(size + 1)}
    seen: list[int] = []

    def push(start: int) -> None:
        old = 0
        for size in range(start, 101, 8):
            answer = witness.add(bodies[old, size]) if old <= size else None
            if answer is not None and answer.status_code == 409:
                old = int(answer.text)
                answer = witness.add(bodies[old, size]) if old <= size else None
            if answer is not None and answer.status_code == 200:
                old = size
            served = witness.checkpoint(log.key.name)
            if served.status_code == 200:
                seen.append(open_checkpoint(served.text, log.key.verifier).size)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(push, range(1, 9)))
    final = open_checkpoint(witness.checkpoint(log.key.name).text, log.key.verifier)
    assert final.size == max(seen)
    assert final.root == log.tree.root(final.size)
