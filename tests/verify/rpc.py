"""A JSON-RPC endpoint on a free port that answers as it is told, also as no honest node would."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[str, list[Any]], Any]


class Refusal(Exception):
    """Answer with this JSON-RPC error."""


@contextmanager
def endpoint(
    answer: Answer, *, refusal_status: int = 200
) -> Iterator[tuple[str, list[tuple[str, list[Any]]]]]:
    """Serve; yields the URL and the list of calls received. Bytes are sent as they are."""
    calls: list[tuple[str, list[Any]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            calls.append((request["method"], request["params"]))
            status = 200
            try:
                found = answer(request["method"], request["params"])
                body = {"jsonrpc": "2.0", "id": request["id"], "result": found}
            except Refusal as error:
                body = {"jsonrpc": "2.0", "id": request["id"], "error": error.args[0]}
                status = refusal_status
            if isinstance(body.get("result"), Iterator):
                return self.drip(found)
            raw = found if isinstance(body.get("result"), bytes) else json.dumps(body).encode()
            self.send_response(302 if raw.startswith(b"Location") else status)
            if raw.startswith(b"Location"):
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(raw)
            return None

        def drip(self, chunks: Iterator[bytes]) -> None:
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):  # the client gives up: that is the point
                for chunk in chunks:
                    self.wfile.write(chunk)

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", calls
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
