"""Signing in over HTTP: real signatures, a real database."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Connection, Engine, func, select

from api import problems, siwe
from api.auth import Caller
from api.routes import auth
from ledger_service.signing import Wallet
from ledger_service.store.session_tables import login_nonces, sessions
from ledger_service.store.sessions import NONCE_SECONDS, SESSION_SECONDS, Sessions

DOMAIN = "ledger.example:8443"
CHAIN = 31337
START = 1_780_000_000
WALLET = Wallet(bytes(31) + b"\x07")
OTHER = Wallet(bytes(31) + b"\x08")


@dataclass
class Clock:
    seconds: int = START

    def __call__(self) -> int:
        return self.seconds

    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)


@dataclass(frozen=True)
class Transaction:
    connection: Connection
    sessions: Sessions


@dataclass(frozen=True)
class Settings:
    domains: tuple[str, ...] = ("localhost:8000", DOMAIN)
    chain_id: int = CHAIN


@dataclass(frozen=True)
class Service:
    """The part of the service that signing in uses, on the real database, by a clock that tests can move."""

    engine: Engine
    clock: Clock
    settings: Settings = Settings()

    @property
    def store(self) -> Service:
        return self

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        with self.engine.begin() as connection:
            yield Transaction(connection, Sessions(connection, clock=self.clock))

    def count(self, table: Any) -> int:
        with self.begin() as transaction:
            return int(transaction.connection.execute(select(func.count()).select_from(table)).scalar_one())


@pytest.fixture
def service(engine: Engine) -> Iterator[Service]:
    made = Service(engine, Clock())
    yield made
    with made.begin() as transaction:
        transaction.sessions.purge(2**62)


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    app = FastAPI()
    problems.install(app)
    app.include_router(auth.router)
    app.state.service = service

    @app.get("/whoami")
    def whoami(address: Caller) -> str:
        return address

    with TestClient(app, base_url=f"https://{DOMAIN}") as made:
        yield made


def nonce_of(client: TestClient) -> str:
    answer = client.get("/v1/auth/nonce")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return str(answer.json()["nonce"])


def message(nonce: str, **changes: Any) -> str:
    fields: dict[str, Any] = {
        "domain": DOMAIN,
        "address": WALLET.address,
        "uri": f"https://{DOMAIN}/",
        "chain_id": CHAIN,
        "nonce": nonce,
        "issued_at": datetime.fromtimestamp(START, UTC),
    }
    return siwe.build(**(fields | changes))


def login(client: TestClient, text: str, wallet: Wallet = WALLET) -> Any:
    signature = "0x" + wallet.sign_text(text).hex()
    return client.post("/v1/auth/login", json={"message": text, "signature": signature})


def token_of(client: TestClient) -> str:
    answer = login(client, message(nonce_of(client)))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["token"])


def whoami(client: TestClient, token: str) -> Any:
    return client.get("/whoami", headers={"Authorization": f"Bearer {token}"})


def is_problem(answer: Any, status: int, slug: str, word: str = "") -> bool:
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, body["status"], body["type"]) == (status, status, f"/problems/{slug}"), body
    return word in body["detail"]


def test_a_wallet_signs_in_and_is_known_by_its_token(client: TestClient) -> None:
    answer = login(client, message(nonce_of(client)))
    body = answer.json()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert body == {
        "token": body["token"],
        "address": WALLET.address,
        "expires_at": START + SESSION_SECONDS,
    }
    assert whoami(client, body["token"]).json() == WALLET.address


def test_two_sessions_of_two_accounts_are_kept_apart(client: TestClient) -> None:
    mine = token_of(client)
    text = message(
        nonce_of(client), address=OTHER.address, domain="localhost:8000", uri="http://localhost:8000"
    )
    theirs = login(client, text, OTHER).json()["token"]
    assert mine != theirs
    assert whoami(client, mine).json() == WALLET.address
    assert whoami(client, theirs).json() == OTHER.address


def test_the_database_holds_the_hash_of_a_token_and_not_the_token(
    client: TestClient, service: Service
) -> None:
    token = token_of(client)
    with service.begin() as transaction:
        (row,) = transaction.connection.execute(select(sessions)).all()
    assert row.token_hash == hashlib.sha256(token.encode()).digest()
    assert token not in repr(tuple(row))


def test_a_nonce_is_good_for_one_login(client: TestClient, service: Service) -> None:
    text = message(nonce_of(client))
    assert login(client, text).status_code == 200
    assert is_problem(login(client, text), 422, "sign-in-refused", "nonce")
    assert service.count(sessions) == 1


def test_a_nonce_of_the_callers_own_making_is_refused(client: TestClient, service: Service) -> None:
    assert is_problem(login(client, message("a" * 32)), 422, "sign-in-refused", "nonce")
    assert service.count(sessions) == 0


def test_a_nonce_ends(client: TestClient, service: Service) -> None:
    text, late = message(nonce_of(client)), message(nonce_of(client))
    service.clock.seconds += NONCE_SECONDS - 1
    assert login(client, text).status_code == 200
    service.clock.seconds += 1
    assert is_problem(login(client, late), 422, "sign-in-refused", "nonce")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"domain": "ledger.example"}, "domain"),
        ({"domain": "evil.example:8443"}, "domain"),
        ({"domain": f"user@{DOMAIN}"}, "domain"),
        ({"uri": "https://evil.example/"}, "uri"),
        ({"uri": f"https://{DOMAIN}@evil.example/"}, "uri"),
        ({"uri": "urn:x:y"}, "uri"),
        ({"chain_id": 1}, "chain-id"),
        ({"expiration_time": datetime.fromtimestamp(START, UTC)}, "expiration-time"),
        ({"not_before": datetime.fromtimestamp(START + 1, UTC)}, "not-before"),
        ({"address": OTHER.address}, "signature"),
    ],
)
def test_a_message_for_another_place_time_or_account_is_refused_and_leaves_the_nonce(
    client: TestClient, changes: dict[str, Any], word: str
) -> None:
    nonce = nonce_of(client)
    assert is_problem(login(client, message(nonce, **changes)), 422, "sign-in-refused", f"{word}: ")
    assert login(client, message(nonce)).status_code == 200


def test_a_message_that_bounds_its_own_time_is_accepted_within(client: TestClient, service: Service) -> None:
    moment = service.clock.moment()
    text = message(nonce_of(client), not_before=moment, expiration_time=moment + timedelta(seconds=1))
    assert login(client, text).status_code == 200


def test_a_changed_message_is_refused(client: TestClient) -> None:
    text = message(nonce_of(client), statement="Sign in")
    body = {"message": text.replace("Sign in", "Sign up"), "signature": "0x" + WALLET.sign_text(text).hex()}
    assert "Sign up" in body["message"]
    assert is_problem(client.post("/v1/auth/login", json=body), 422, "sign-in-refused", "signature")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"message": "x"},
        {"message": "x", "signature": "00"},
        {"message": "x", "signature": "0x0"},
        {"message": "x", "signature": "0x" + "00" * 1_025},
        {"message": "x" * 4_097, "signature": "0x00"},
        {"message": "x", "signature": "0x00", "address": WALLET.address},
        {"message": 1, "signature": "0x00"},
        ["0x00"],
    ],
)
def test_a_body_that_is_not_a_login_is_refused(client: TestClient, body: Any) -> None:
    assert is_problem(client.post("/v1/auth/login", json=body), 422, "invalid-request")


@pytest.mark.parametrize("text", ["", "x", "a\x00b", "é", "\n" * 4_096, "0x" * 2_000])
def test_a_message_that_is_no_sign_in_is_refused(client: TestClient, text: str) -> None:
    assert is_problem(login(client, text), 422, "sign-in-refused")


def test_without_a_session_nobody_is_known(client: TestClient) -> None:
    token = token_of(client)
    headers: list[dict[str, str]] = [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": token},
        {"Authorization": f"Basic {token}"},
        {"Authorization": f"Bearer {token[:-1]}"},
        {"Authorization": f"Bearer {token}x"},
        {"Authorization": f"Bearer {token.swapcase()}"},
        {"Authorization": "Bearer " + "A" * 43},
        {"Authorization": "Bearer " + hashlib.sha256(token.encode()).hexdigest()},
    ]
    for one in headers:
        answer = client.get("/whoami", headers=one)
        assert is_problem(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert whoami(client, token).status_code == 200


def test_a_session_ends(client: TestClient, service: Service) -> None:
    token = token_of(client)
    service.clock.seconds += SESSION_SECONDS - 1
    assert whoami(client, token).status_code == 200
    service.clock.seconds += 1
    assert is_problem(whoami(client, token), 401, "unauthenticated")


def test_signing_out_ends_this_session_and_no_other(client: TestClient) -> None:
    here, there = token_of(client), token_of(client)
    headers = {"Authorization": f"Bearer {here}"}
    answer = client.post("/v1/auth/logout", headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert is_problem(whoami(client, here), 401, "unauthenticated")
    assert is_problem(client.post("/v1/auth/logout", headers=headers), 401, "unauthenticated")
    assert whoami(client, there).json() == WALLET.address


def test_concurrent_logins_with_one_nonce_make_exactly_one_session(
    client: TestClient, service: Service
) -> None:
    text = message(nonce_of(client))
    together = Barrier(6)

    def race(_: int) -> int:
        together.wait(timeout=30)
        return int(login(client, text).status_code)

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(race, range(6)))
    assert statuses == [200, 422, 422, 422, 422, 422]
    assert service.count(sessions) == 1


def test_the_second_user_of_a_nonce_waits_for_the_first(service: Service) -> None:
    with service.begin() as transaction:
        undone, done = transaction.sessions.issue_nonce(), transaction.sessions.issue_nonce()

    def consume(nonce: str) -> bool:
        with service.begin() as transaction:
            return transaction.sessions.consume_nonce(nonce)

    with ThreadPoolExecutor(1) as pool:
        with service.begin() as transaction:
            assert transaction.sessions.consume_nonce(done)
            late = pool.submit(consume, done)
        assert not late.result(timeout=30)
        with service.begin() as transaction:
            assert transaction.sessions.consume_nonce(undone)
            early = pool.submit(consume, undone)
            transaction.connection.rollback()
        assert early.result(timeout=30)


def test_what_has_ended_is_cleared_away_and_nothing_else(client: TestClient, service: Service) -> None:
    token_of(client)
    nonce_of(client)
    service.clock.seconds += NONCE_SECONDS
    kept = token_of(client)  # issues a nonce, which clears the ended one away, and uses it up
    assert service.count(login_nonces) == 0
    service.clock.seconds = START + SESSION_SECONDS
    nonce_of(client)
    with service.begin() as transaction:
        assert transaction.sessions.purge() == 1
        assert transaction.sessions.purge(START) == 0
    assert whoami(client, kept).status_code == 200
    assert (service.count(sessions), service.count(login_nonces)) == (1, 1)


def test_randomness_comes_from_where_it_was_told_to(service: Service) -> None:
    asked: list[int] = []

    def source(count: int) -> bytes:
        asked.append(count)
        return bytes([len(asked)]) * count

    with service.begin() as transaction:
        repository = Sessions(transaction.connection, clock=service.clock, random=source)
        nonce = repository.issue_nonce()
        opened = repository.open(WALLET.address)
        assert (nonce, asked) == ("01" * 16, [16, 32])
        assert len(opened.token) == 43
        assert opened.token not in repr(opened)
        assert repository.find(opened.token) == WALLET.address
        assert repository.find(opened.token, START + SESSION_SECONDS) is None
        assert repository.close(opened.token)
        assert not repository.close(opened.token)
        assert not repository.close("no token")


def test_the_document_says_how_to_sign_in(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    (scheme,) = document["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert "security" in document["paths"]["/v1/auth/logout"]["post"]
    assert "security" not in document["paths"]["/v1/auth/login"]["post"]
    assert set(document["paths"]["/v1/auth/logout"]["post"]["responses"]) == {"204", "401", "503", "default"}
    for name in ("Login", "Session", "Nonce"):
        assert document["components"]["schemas"][name]["examples"]


def test_the_example_in_the_document_is_a_message(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    (example,) = document["components"]["schemas"]["Login"]["examples"]
    assert siwe.parse(example["message"]).text() == example["message"]
    assert is_problem(client.post("/v1/auth/login", json=example), 422, "sign-in-refused", "domain")
