"""A real HTTP server that gives a saved log as the service does: tiles, lists, sign-in, NDJSON pages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from api import siwe
from ledger_service.errors import LedgerError

NONCE, TOKEN = "3a5f0c7be1d94826af1b20c94d7e6f58", "token-of-the-session"
PAGE = 7
Answer = tuple[int, dict[str, str], bytes]


class LogServer:
    """Serves a folder to anybody, and its openings to one account.

    `answers` are given for a path before anything else, one after the other, and then no more; `requests` are
    the paths that were asked for.
    """

    def __init__(self, folder: Path, auditor: str) -> None:
        self.folder, self.auditor = folder, auditor
        self.answers: dict[str, list[Answer]] = {}
        self.requests: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(outer.get(self.path, self.headers.get("Authorization", "")))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._send(outer.login(body))

            def _send(self, answer: Answer) -> None:
                status, headers, body = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing on standard error."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self.authority = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.authority}"

    def __enter__(self) -> LogServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def get(self, target: str, authorization: str) -> Answer:
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        self.requests.append(target)
        if self.answers.get(path):
            return self.answers[path].pop(0)
        if path == "/v1/auth/nonce":
            return _json({"nonce": NONCE})
        if path.startswith("/v1/campaigns/"):
            signed_in = authorization == f"Bearer {TOKEN}"
            return self._lines(path, query) if signed_in else (401, {}, b"")
        names = {"/v1/info": "info.json", "/v1/campaigns": "campaigns.json"}
        return self._file(self.folder / names.get(path, path[1:]))

    def login(self, body: dict[str, Any]) -> Answer:
        try:
            siwe.verify(
                body["message"], body["signature"], domain=self.authority, nonce=NONCE, now=datetime.now(UTC)
            )
        except LedgerError as error:
            return error.status, {}, str(error).encode()
        message = siwe.parse(body["message"])
        if message.address.lower() != self.auditor or message.chain_id != 31337:
            return 422, {}, b"not an auditor"
        return _json({"token": TOKEN, "address": self.auditor, "expires_at": 1})

    def _lines(self, path: str, query: dict[str, list[str]]) -> Answer:
        """A page of an NDJSON file; the position of a line in the file stands in for its index in the log."""
        campaign, kind = path.split("/")[3:5]
        name = campaign if kind == "openings" else f"{campaign}.{query['kind'][0]}"
        file = self.folder / kind / f"{name}.ndjson"
        if not file.is_file():
            return 404, {}, b""
        after = int(query.get("after", ["-1"])[0])
        lines = file.read_bytes().splitlines(keepends=True)
        page = lines[after + 1 : after + 1 + PAGE]
        headers = {"Crowdledger-Next": str(after + PAGE)} if len(page) == PAGE else {}
        return 200, headers, b"".join(page)

    def _file(self, path: Path) -> Answer:
        return (200, {}, path.read_bytes()) if path.is_file() else (404, {}, b"")


def _json(value: Any) -> Answer:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()
