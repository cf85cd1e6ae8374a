"""Witnesses over real sockets that do what a test asks of them: honest, slow, lying."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ledger_service.errors import LedgerError
from ledger_service.log.cosignature import CosignerKey, WitnessKey
from ledger_service.witness.refusals import WrongOldSize
from ledger_service.witness.witness import Witness

# Status, headers, body in the pieces in which it is sent.
Answer = tuple[int, dict[str, str], Iterable[bytes]]
Script = Callable[[bytes], Answer]


@dataclass
class Scripted:
    """Where it listens, and what it was asked."""

    url: str
    asked: list[bytes] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)


def honest(witness: Witness) -> Script:
    """Answers as a witness does."""

    def answer(body: bytes) -> Answer:
        try:
            return 200, {}, [witness.add_checkpoint(body).encode()]
        except WrongOldSize as error:
            return 409, {"Content-Type": "text/x.tlog.size"}, [f"{error.size}\n".encode()]
        except LedgerError as error:
            return error.status, {}, [str(error).encode()]

    return answer


@contextmanager
def scripted(script: Script) -> Iterator[Scripted]:
    """A witness that answers as the script says, for the length of the block."""
    made = Scripted("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.asked.append(body)
            made.connections.add(self.client_address)
            status, headers, pieces = script(body)
            self.send_response(status)
            if isinstance(pieces, list):
                headers = {"Content-Length": str(sum(map(len, pieces)))} | headers
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            for piece in pieces:
                self.wfile.write(piece)
                self.wfile.flush()

        def log_message(self, *_: object) -> None:
            """Nothing on standard error."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *_: object) -> None:
            """A client that has gone is no error here."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}/prefix"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def key(number: int) -> WitnessKey:
    """One of any number of witnesses' keys."""
    return WitnessKey(f"witness.example/{number}", bytes([number]) * 32)


def policy_text(quorum: str, urls: dict[CosignerKey, str | None]) -> bytes:
    """A policy of these witnesses; `quorum` is all, any, none or a number of them."""
    lines = [f"witness w{at} {vkey} {url or ''}" for at, (vkey, url) in enumerate(urls.items())]
    names = " ".join(f"w{at}" for at in range(len(urls)))
    ending = ["quorum none"] if quorum == "none" else [f"group g {quorum} {names}", "quorum g"]
    return "".join(line + "\n" for line in [*lines, *ending]).encode()
