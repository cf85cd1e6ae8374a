"""Witnesses: a third party's, that cosigns our log; and ours, that a third party's client asks."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger_service.flow.cosign import Cosigning
from ledger_service.log.checkpoint import LogKey, VerifierKey, sign_checkpoint
from ledger_service.log.cosignature import CosignerKey
from ledger_service.log.hashing import leaf_hash
from ledger_service.log.policy import parse_policy
from ledger_service.log.tree import Tree
from ledger_service.store.store import Store
from ledger_service.witness.request import format_request
from scripts.interop.cases import Case, Material, b64
from scripts.interop.clients import PYTHON
from scripts.programs import ROOT, Stop, child_environment

NAME = "witness.example/aics"
START_SECONDS = 20.0


@dataclass(frozen=True)
class Witnessing:
    """A witness that runs: its submission prefix and its key."""

    url: str
    key: CosignerKey


@contextmanager
def third_party(folder: Path, log: VerifierKey) -> Iterator[Witnessing]:
    """`aics-witness serve`, as its manual says, with its own key and database.

    Raises:
        Stop: it does not start.
    """
    address = f"127.0.0.1:{_free_port()}"
    program = (str(PYTHON), "-I", "-m", "aics_witness")
    config = ("--config", str(folder / "witness.json"))
    vkey = _output([*program, "init", *config, "--name", NAME, "--listen", address]).strip().split("\n")[-1]
    _output([*program, "add-log", *config, "--origin", log.name, "--vkey", str(log)])
    with _running([*program, "serve", *config, "--log-level", "WARNING"], folder / "witness.log") as process:
        host, port = address.split(":")
        _await(lambda: _answers(host, int(port)), process, "aics-witness")
        yield Witnessing(f"http://{address}", CosignerKey.parse(vkey))


@contextmanager
def ours(folder: Path, log: VerifierKey) -> Iterator[Witnessing]:
    """`crowdledger witness`, as its manual says.

    Raises:
        Stop: it does not start.
    """
    state = ("--state", str(folder / "ours"), "--name", "witness.example/ours")
    command = [sys.executable, "-m", "scripts.cli", "witness", *state, "--log", str(log)]
    out = folder / "ours.log"
    with _running([*command, "--listen", "127.0.0.1:0"], out) as process:
        _await(lambda: out.read_text("utf-8").count("\n") >= 2, process, "crowdledger witness")
        vkey, policy = out.read_text("utf-8").split("\n")[:2]
        yield Witnessing(policy.split()[-1], CosignerKey.parse(vkey))


def publish(store: Store, witness: Witnessing) -> None:
    """Have the newest head cosigned by the service's own part for it, and shown to readers.

    Raises:
        Stop: the witness does not cosign it.
    """
    policy = parse_policy(f"witness w {witness.key} {witness.url}\nquorum w\n".encode())
    cosigning, give_up = Cosigning(store, policy), time.monotonic() + START_SECONDS
    try:
        while time.monotonic() < give_up:
            cosigning.step()
            with store.begin() as uow:
                shown, head = uow.log.published(), uow.log.head()
            if shown.size == head.size and shown.witnesses:
                return
    finally:
        cosigning.close()
    raise Stop("the third party's witness does not cosign the log's head")


def asked(material: Material, witness: Witnessing) -> dict[str, tuple[int, int]]:
    """What their witness answers to requests of ours: {what: (expected, found)} as HTTP status."""
    tree, key, head = Tree(_leaves(material)), material.key, material.head
    older = material.older.size
    bare, proof = material.bare, tree.consistency_proof(older)
    larger = sign_checkpoint(key.name, head.size + 1, bytes(32), key)
    fork = sign_checkpoint(key.name, head.size, bytes(32), key)
    stranger, other = LogKey("other.example/log", bytes(32)), LogKey(key.name, bytes(32))
    requests = {
        "the head that it knows, once more": (200, format_request(head.size, [], bare)),
        "an older size than it knows": (409, format_request(older, proof, bare)),
        "a larger head without a proof that holds": (422, format_request(head.size, [bytes(32)], larger)),
        "another root of the same size": (422, format_request(head.size, [], fork)),
        "an older head": (409, format_request(0, [], sign_checkpoint(key.name, 1, tree.root(1), key))),
        "a log that it does not know": (
            404,
            format_request(0, [], sign_checkpoint(stranger.name, 1, tree.root(1), stranger)),
        ),
        "a key of the log's name that it does not know": (
            403,
            format_request(0, [], sign_checkpoint(other.name, 1, tree.root(1), other)),
        ),
        "no request": (400, b"nonsense"),
    }
    return {name: (status, _post(witness.url, body)) for name, (status, body) in requests.items()}


def feeding_cases(material: Material, witness: Witnessing) -> list[Case]:
    """What a third party's client asks of our witness, in this order."""
    tree, key, older, newest = Tree(_leaves(material)), material.key, material.older, material.head
    grown = {str(older.size): [b64(value) for value in tree.consistency_proof(older.size)]}
    made_up = {str(newest.size): [b64(bytes(32))] * 3}

    def case(name: str, note: str, proofs: dict[str, list[str]], accept: bool = False) -> Case:
        return {
            "kind": "feeding",
            "name": f"witness asked: {name}",
            "accept": accept,
            "url": witness.url,
            "witness_key": str(witness.key),
            "witness_keys": [str(witness.key)],
            "log_key": str(key.verifier),
            "checkpoint": note,
            "proofs": proofs,
        }

    def signed(size: int, root: bytes, signer: LogKey = key) -> str:
        return sign_checkpoint(signer.name, size, root, signer)

    stranger, other_log = LogKey(key.name, bytes(32)), LogKey("other.example/log", bytes(32))
    return [
        case("the first head", signed(older.size, older.root), {}, True),
        case("a larger head without its proof", signed(newest.size, newest.root), {}),
        case("the newest head, with its proof", signed(newest.size, newest.root), grown, True),
        case("the same head again", signed(newest.size, newest.root), {}, True),
        case("an older head", signed(older.size, older.root), {}),
        case("another root of the same size", signed(newest.size, bytes(32)), {}),
        case("a larger head of another history", signed(newest.size + 1, bytes(32)), made_up),
        case("another log", signed(newest.size, newest.root, other_log), grown),
        case("another key of the same name", signed(newest.size, newest.root, stranger), grown),
    ]


def _leaves(material: Material) -> list[bytes]:
    return [leaf_hash(entry) for entry in material.entries]


def _post(url: str, body: bytes) -> int:
    request = urllib.request.Request(f"{url}/add-checkpoint", data=body, method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - http to this machine
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=child_environment(), timeout=60)
    if done.returncode:
        raise Stop(f"{' '.join(command[:4])} fails: {done.stderr.strip()[-300:]}")
    return done.stdout


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program whose standard output goes to a file, for the length of the block."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.DEVNULL, env=child_environment(), cwd=ROOT
        )
    with process:
        try:
            yield process
        finally:
            process.terminate()


def _await(ready: Callable[[], bool], process: subprocess.Popen[bytes], name: str) -> None:
    give_up, pause = time.monotonic() + START_SECONDS, threading.Event()
    while not ready():
        if process.poll() is not None or time.monotonic() > give_up:
            raise Stop(f"{name} does not start")
        pause.wait(0.05)


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port
