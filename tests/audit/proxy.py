"""A node in front of a node, which answers less than it could."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class Proxy:
    """It leaves out events, and refuses to look at many blocks, or to list many events, at once.

    `asked` are the questions for events that it was asked.
    """

    def __init__(
        self,
        url: str,
        keep: Callable[[Any], bool] = lambda _: True,
        *,
        most_blocks: int = 1 << 60,
        most_events: int = 1 << 60,
    ) -> None:
        self.asked: list[Any] = []
        self._url, self._keep, self._most_blocks, self._most_events = url, keep, most_blocks, most_events
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = json.dumps(outer._answer(body)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Nothing on standard error."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, body: bytes) -> Any:
        asked = json.loads(body)
        refusal = {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32005, "message": "too many"}}
        if asked["method"] == "eth_getLogs":
            query = asked["params"][0]
            self.asked.append(query)
            if int(query["toBlock"], 16) - int(query["fromBlock"], 16) >= self._most_blocks:
                return refusal
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answered:
            answer = json.loads(answered.read())
        if asked["method"] == "eth_getLogs":
            if len(answer["result"]) > self._most_events:
                return refusal
            answer["result"] = [log for log in answer["result"] if self._keep(log)]
        return answer
