"""Reading a log from a running service."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TypeVar

import httpx

from ledger_service.audit.login import login_message
from ledger_service.audit.reading import as_count, as_object, as_text, member, parse_json
from ledger_service.audit.source import (
    MAX_HASHES_BYTES,
    MAX_JSON_BYTES,
    MAX_LINE_BYTES,
    MAX_TILE_BYTES,
    campaign_page,
    decode_text,
)
from ledger_service.bounded import BoundedClient
from ledger_service.commitments import Json
from ledger_service.errors import BadInput, NotYours, Refused, TooLarge, Unauthenticated, Unavailable
from ledger_service.log import tiles
from ledger_service.log.checkpoint import MAX_NOTE_BYTES
from ledger_service.signing import Wallet

T = TypeVar("T")
NEXT = "Crowdledger-Next"
TRIES = 4
MAX_CAMPAIGNS = 1 << 17
MAX_LISTED_BYTES = 512 << 20
MAX_SECONDS = 300
OPENINGS_PAGE = 1000
BUNDLES_PAGE = 200


class HttpSource:
    """A service, any C2SP log, or the files of a mirror, at a base URL; for several threads at once.

    With a wallet it logs in (EIP-4361) where that is needed, to see the openings that it may see.

    Answers are read up to a bound, in bounded time; what says "try again" is tried again, up to four times.
    """

    def __init__(self, url: str, wallet: Wallet | None = None, client: httpx.Client | None = None) -> None:
        self.name = url.rstrip("/")
        self._client = BoundedClient(MAX_SECONDS, self.name, client)
        self._wallet = wallet
        self._token: str | None = None
        self._signing_in = threading.Lock()

    def __enter__(self) -> HttpSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def checkpoint(self) -> str:
        """The signed note."""
        return decode_text(self._get("/checkpoint", MAX_NOTE_BYTES)[0], "the checkpoint")

    def tile(self, level: int, index: int, width: int) -> bytes:
        """A hash tile."""
        return self._get("/" + tiles.tile_path(level, index, width), MAX_HASHES_BYTES)[0]

    def entries(self, index: int, width: int) -> bytes:
        """An entry bundle."""
        return self._get("/" + tiles.entries_path(index, width), MAX_TILE_BYTES)[0]

    def info(self) -> dict[str, Json]:
        """GET /v1/info; where there is no service but a mirror's files, info.json.

        Raises:
            NotYours: neither is there: a log without a service like ours.
        """
        try:
            raw, _ = self._get("/v1/info", MAX_NOTE_BYTES)
        except NotYours:
            raw, _ = self._get("/info.json", MAX_NOTE_BYTES)
        return as_object(parse_json(raw, "/v1/info"), "/v1/info")

    def is_live(self) -> bool:
        """Whether a service answers, and not the files of a mirror, which may be old.

        Raises:
            Unavailable: nobody answers.
        """
        try:
            self._get("/v1/info", MAX_NOTE_BYTES)
        except Refused:
            return False
        return True

    def campaigns(self) -> list[dict[str, Json]]:
        """Every page of GET /v1/campaigns; where there is no service but a mirror's files, campaigns.json."""
        found: list[dict[str, Json]] = []
        after: dict[str, str] = {}
        read = 0
        while len(found) <= MAX_CAMPAIGNS and read <= MAX_LISTED_BYTES:
            try:
                raw, _ = self._get("/v1/campaigns", MAX_JSON_BYTES, after)
            except NotYours:
                raw, _ = self._get("/campaigns.json", MAX_JSON_BYTES)
            page, following = campaign_page(raw)
            found, read = found + page, read + len(raw)
            if following is None:
                return found
            if not page:
                break
            after = {"after": str(following)}
        raise BadInput("the list of campaigns does not end")

    def openings(self, campaign: bytes) -> Iterator[Json] | None:
        """Every page of GET /v1/campaigns/{id}/openings."""
        lines = self._pages(f"/v1/campaigns/0x{campaign.hex()}/openings", {"limit": str(OPENINGS_PAGE)})
        return None if lines is None else (parse_json(line, "openings") for line in lines)

    def bundles(self, campaign: bytes, kind: str) -> Iterator[bytes] | None:
        """Every page of GET /v1/campaigns/{id}/bundles."""
        query = {"kind": kind, "limit": str(BUNDLES_PAGE)}
        return self._pages(f"/v1/campaigns/0x{campaign.hex()}/bundles", query)

    def state(self) -> Iterator[bytes] | None:
        """Every page of GET /v1/operator/state."""
        return self._pages("/v1/operator/state", {"limit": str(OPENINGS_PAGE)})

    def label_bundle(self, leaf: bytes) -> bytes:
        """The bundle of one label, by its leaf hash (32 bytes); needs a wallet.

        Raises:
            NotYours: there is no such label, or it is not this account's to see.
        """
        return self._get_mine(f"/v1/labels/0x{leaf.hex()}/bundle", MAX_LINE_BYTES, {})[0]

    def _pages(self, path: str, query: dict[str, str]) -> Iterator[bytes] | None:
        """The lines of all pages; None when there is no wallet, or this one may not see them."""
        if self._wallet is None:
            return None
        try:
            first = self._page(path, query)
        except (NotYours, Unauthenticated):
            return None
        return self._following(path, query, first)

    def _following(
        self, path: str, query: dict[str, str], page: tuple[bytes, httpx.Headers]
    ) -> Iterator[bytes]:
        after = -1
        while True:
            raw, headers = page
            for line in raw.split(b"\n"):
                if len(line) > MAX_LINE_BYTES:
                    raise TooLarge(f"{path} has a line of more than {MAX_LINE_BYTES} bytes")
                if line:
                    yield line
            if NEXT not in headers:
                return
            after = _next_index(headers[NEXT], after)
            page = self._page(path, query | {"after": str(after)})

    def _page(self, path: str, query: dict[str, str]) -> tuple[bytes, httpx.Headers]:
        """One page; where its lines are long, one of fewer lines."""
        lines = int(query["limit"])
        while True:
            try:
                return self._get_mine(path, MAX_JSON_BYTES, query | {"limit": str(lines)})
            except TooLarge:
                if lines == 1:
                    raise
                lines = max(1, lines // 8)

    def _get(self, path: str, limit: int, query: dict[str, str] | None = None) -> tuple[bytes, httpx.Headers]:
        """What anybody may see: asked without a session, so that whatever lies between us may cache it."""
        return _again(lambda: self._exchange("GET", path, limit, params=query))

    def _get_mine(self, path: str, limit: int, query: dict[str, str]) -> tuple[bytes, httpx.Headers]:
        """What the wallet's account may see; a session that has ended meanwhile is begun anew."""
        try:
            return _again(lambda: self._as_account(path, limit, query))
        except Unauthenticated:
            if self._token is None:
                raise
            self._token = None
            return _again(lambda: self._as_account(path, limit, query))

    def _as_account(self, path: str, limit: int, query: dict[str, str]) -> tuple[bytes, httpx.Headers]:
        headers = {"Authorization": f"Bearer {self._login()}"}
        return self._exchange("GET", path, limit, params=query, headers=headers)

    def _exchange(self, method: str, path: str, limit: int, **more: Any) -> tuple[bytes, httpx.Headers]:
        answer = self._client.ask(method, path, self.name + path, limit, **more)
        _raise_for(answer.status, self.name + path, answer.body)
        return answer.body, answer.headers

    def _login(self) -> str:
        """The session's token; signs in when there is none yet."""
        if self._wallet is None:
            raise Unauthenticated("this needs an account: give its key")
        with self._signing_in:
            if self._token is None:
                self._token = self._sign_in(self._wallet)
            return self._token

    def _sign_in(self, wallet: Wallet) -> str:
        raw, _ = self._exchange("GET", "/v1/auth/nonce", MAX_NOTE_BYTES)
        nonce = as_text(member(as_object(parse_json(raw, "nonce"), "nonce"), "nonce", "nonce"), "nonce")
        raw, _ = self._exchange("GET", "/v1/info", MAX_NOTE_BYTES)
        info = as_object(parse_json(raw, "/v1/info"), "/v1/info")
        chain_id = as_count(member(info, "chain_id", "/v1/info"), "chain_id")
        message = login_message(self.name, wallet.address, chain_id, nonce, datetime.now(UTC))
        body = {"message": message, "signature": "0x" + wallet.sign_text(message).hex()}
        raw, _ = self._exchange("POST", "/v1/auth/login", MAX_NOTE_BYTES, json=body)
        session = as_object(parse_json(raw, "login"), "the login's answer")
        return as_text(member(session, "token", "the login's answer"), "token")


def _again(ask: Callable[[], T]) -> T:
    """The answer; what says "try again" is tried again, up to four times in all."""
    for attempt in range(TRIES - 1):
        try:
            return ask()
        except Unavailable:
            time.sleep(0.25 * 2**attempt)
    return ask()


def _raise_for(status: int, url: str, body: bytes) -> None:
    """Turn any status but success into one of our errors; the server's words are only ever shown."""
    if 200 <= status < 300:
        return
    words = body[:300].decode(errors="replace")
    if status in (408, 425, 429) or status >= 500:
        raise Unavailable(f"{url} answers {status}: {words}")
    if status in (401, 403):
        raise Unauthenticated(f"{url} answers {status}: {words}")
    if status == 404:
        raise NotYours(f"{url} answers 404: {words}")
    raise BadInput(f"{url} answers {status}: {words}")


def _next_index(header: str, after: int) -> int:
    if not header.isascii() or not header.isdigit() or len(header) > 15 or int(header) <= after:
        raise BadInput(f"{NEXT} is {header[:40]!r} after {after}: pages must go forward")
    return int(header)
