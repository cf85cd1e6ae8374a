"""Every route over a real database with real signatures: who may see what, and what is refused."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, delete

from api import siwe
from api.app import create_app
from ledger_service import entries
from ledger_service.chain.client import ChainClient
from ledger_service.chain.contracts import ProvenanceLog
from ledger_service.chain.rpc import Rpc
from ledger_service.chain.signer import LocalSigner
from ledger_service.chain.watcher import ChainWatcher
from ledger_service.chain.writer import ChainWriter
from ledger_service.flow.label import Submission
from ledger_service.flow.sequencer import Answers, Sequencer
from ledger_service.log import tiles
from ledger_service.log.checkpoint import open_checkpoint
from ledger_service.log.tree import Tree
from ledger_service.service import Service
from ledger_service.signing import Wallet
from ledger_service.store.tables import subject_keys
from ledger_service.verify.verifier import verify_bundle
from tests.flow.world import CHAIN, LOG, Ask, World, wallet

DOMAIN = "ledger.example"
NOWHERE = "http://127.0.0.1:1"
PUBLIC = {
    "/v1/info", "/livez", "/readyz", "/v1/auth/nonce", "/v1/auth/login", "/checkpoint", "/tile/{path}",
    "/v1/campaigns", "/v1/campaigns/{campaign}",
}  # fmt: skip


@pytest.fixture
def world(database: Engine) -> Iterator[World]:
    made = World(database)
    yield made
    made.store.close()


@pytest.fixture
def client(world: World, tmp_path: Path) -> Iterator[TestClient]:
    """The application; the chain's node does not answer, as happens."""
    node = ChainClient(Rpc(NOWHERE, 0.5), CHAIN, bytes(32))
    settings = world.settings(tmp_path, NOWHERE, domains=(DOMAIN,))
    log: ProvenanceLog = world.ledger.provenance_log
    service = Service(
        settings=settings,
        store=world.store,
        ledger=world.ledger,
        client=node,
        writer=ChainWriter(node, LocalSigner(world.operator), world.engine.begin, world.clock),
        watcher=ChainWatcher(node, world.engine.begin, {log.address: log.artifact}),
    )
    with TestClient(create_app(service), base_url=f"https://{DOMAIN}") as made:
        yield made
    node.close()


class Caller:
    """Somebody with a session."""

    def __init__(self, client: TestClient, who: Wallet) -> None:
        self.client = client
        text = siwe.build(
            domain=DOMAIN,
            address=who.address,
            uri=f"https://{DOMAIN}/",
            chain_id=CHAIN,
            nonce=client.get("/v1/auth/nonce").json()["nonce"],
            issued_at=siwe.timestamp("2026-01-01T00:00:00Z"),
        )
        answer = client.post(
            "/v1/auth/login", json={"message": text, "signature": "0x" + who.sign_text(text).hex()}
        )
        self.headers = {"Authorization": f"Bearer {answer.json()['token']}"}

    def call(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        return self.client.request(method, path, json=body, headers=self.headers, params=params)


def show(raw: bytes) -> str:
    return "0x" + raw.hex()


def drafted(world: World, ask: Ask) -> dict[str, Any]:
    struct = entries.Campaign(
        ask.campaign,
        world.requester.address,
        ask.terms.brief,
        bytes.fromhex(ask.document["items"]["root"][2:]),
        ask.document["items"]["count"],
        bytes.fromhex(ask.document["gold"]["root"][2:]),
        ask.document["gold"]["count"],
        world.clock.now(),
    )
    return {
        "terms": ask.terms.to_json(),
        "specification": ask.document,
        "created_at": world.clock.now(),
        "signature": show(world.requester.sign(entries.digest(struct, world.ledger.domain))),
    }


@pytest.fixture
def judged(world: World) -> Ask:
    """A campaign with two workers, judged."""
    ask = world.ask()
    world.open(ask)
    for name in ("ada", "bob"):
        world.join(name, ask)
    world.match(ask)
    for name in ("ada", "bob"):
        world.answer_all(name, ask)
    world.judge(ask)
    return ask


def test_a_requester_publishes_over_http(world: World, client: TestClient) -> None:
    ask, requester = world.ask(), Caller(client, world.requester)
    answer = requester.call("POST", "/v1/campaigns", drafted(world, ask))
    assert answer.status_code == 201, answer.text
    assert answer.json() == {"campaign": show(ask.campaign), "state": "draft", "budget": "738000"}
    path = f"/v1/campaigns/{show(ask.campaign)}"
    items = [{"position": i, **one.to_json()} for i, one in enumerate(ask.items)]
    assert requester.call("PUT", f"{path}/items", {"items": items}).json() == {"received": 6}
    gold = [{"item": show(one.item), **one.opening.to_json()} for one in ask.gold]
    assert requester.call("PUT", f"{path}/gold", {"gold": gold}).json() == {"received": 2}
    assert requester.call("POST", f"{path}/publish").json()["state"] == "published"
    assert [one["campaign"] for one in client.get("/v1/campaigns").json()["campaigns"]] == [
        show(ask.campaign)
    ]
    assert client.get(path).json()["specification"] == ask.document


def test_a_worker_labels_over_http_and_can_prove_it(world: World, client: TestClient) -> None:
    ask = world.ask()
    world.open(ask)
    worker, key = wallet("ada"), wallet("ada's session")
    ada = Caller(client, worker)
    profile = {"skills": ["animals"], "languages": ["en"], "capacity": 50}
    assert ada.call("PUT", "/v1/workers/me", profile).json() == profile
    now = world.clock.now()
    grant = entries.SessionGrant(worker.address, key.address, entries.ZERO32, now, now + 1000)
    body = {
        "session_key": key.address,
        "scope": show(entries.ZERO32),
        "valid_from": now,
        "valid_until": now + 1000,
        "signature": show(worker.sign(entries.digest(grant, world.ledger.domain))),
    }
    granted = ada.call("POST", "/v1/grants", body)
    assert granted.status_code == 201
    assert (
        open_checkpoint(granted.json()["checkpoint"], world.store.log_key.verifier).size
        > (granted.json()["index"])
    )
    path = f"/v1/campaigns/{show(ask.campaign)}"
    assert ada.call("PUT", f"{path}/offers", {"items": None}).json() == {"offers": 6}
    world.match(ask)
    task = ada.call("GET", "/v1/tasks", limit=1).json()["tasks"][0]
    given = world.submission("ada", ask, bytes.fromhex(task["item"][2:]), "cat")
    answer = ada.call("POST", "/v1/labels", {"labels": [label_body(given)]})
    assert answer.status_code == 201, answer.text
    (receipt,) = answer.json()["receipts"]
    head = open_checkpoint(answer.json()["checkpoint"], world.store.log_key.verifier)
    assert head.size == receipt["index"] + 1
    assert ada.call("GET", f"/v1/labels/{receipt['leaf']}/receipt").json() == receipt
    assert show(entries.leaf_hash(bytes.fromhex(receipt["entry"][2:]))) == receipt["leaf"]
    bundle = ada.call("GET", f"/v1/labels/{receipt['leaf']}/bundle").content
    verify_bundle(bundle, log_key=None, log_address=LOG, chain=None)


def test_without_a_session_everything_but_the_public_routes_is_refused(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    closed = 0
    for template, operations in document["paths"].items():
        if template in PUBLIC:
            continue
        path = template.replace("{campaign}", "0x" + "11" * 32).replace("{leaf}", "0x" + "11" * 32)
        path = path.replace("{address}", "0x" + "22" * 20)
        for method in operations:
            answer = client.request(method.upper(), path, json={})
            assert answer.status_code == 401, (method, path, answer.status_code)
            closed += 1
    assert client.post("/v1/campaigns", json={}).status_code == 401
    assert closed >= 18


@pytest.mark.parametrize("name", ["stranger", "bob"])
def test_only_requester_and_auditors_read_a_campaigns_content(
    world: World, client: TestClient, judged: Ask, name: str
) -> None:
    path = f"/v1/campaigns/{show(judged.campaign)}"
    pages = [f"{path}/{page}" for page in ("items", "openings", "bundles", "results")]
    other, requester = Caller(client, wallet(name)), Caller(client, world.requester)
    assert [other.call("GET", page).status_code for page in pages] == [404] * 4
    assert [requester.call("GET", page).status_code for page in pages] == [200] * 4
    assert requester.call("PUT", f"{path}/auditors/{wallet(name).address}").status_code == 204
    assert [other.call("GET", page).status_code for page in pages] == [200] * 4


def test_a_draft_is_not_shown_to_anybody(world: World, client: TestClient) -> None:
    ask = world.ask()
    world.draft(ask)
    assert client.get(f"/v1/campaigns/{show(ask.campaign)}").status_code == 404


def test_a_text_that_cannot_be_stored_is_refused(client: TestClient) -> None:
    profile = {"skills": ["a\x00b"], "languages": ["en"], "capacity": 1}
    assert Caller(client, wallet("ada")).call("PUT", "/v1/workers/me", profile).status_code == 400


def test_a_stranger_changes_nothing_of_a_campaign(world: World, client: TestClient) -> None:
    ask = world.ask()
    world.draft(ask)
    path, stranger = f"/v1/campaigns/{show(ask.campaign)}", Caller(client, wallet("stranger"))
    items = {"items": [{"position": 0, **ask.items[0].to_json()}]}
    gold = {"gold": [{"item": show(ask.gold[0].item), **ask.gold[0].opening.to_json()}]}
    for method, page, body in (
        ("PUT", "items", items),
        ("PUT", "gold", gold),
        ("POST", "publish", None),
        ("POST", "close", None),
        ("PUT", f"auditors/{wallet('stranger').address}", None),
    ):
        assert stranger.call(method, f"{path}/{page}", body).status_code == 404
    assert stranger.call("POST", "/v1/campaigns", drafted(world, ask)).status_code == 400


def test_a_label_is_read_by_its_worker_and_not_by_another(
    world: World, client: TestClient, judged: Ask
) -> None:
    with world.store.begin() as uow:
        rows = uow.labels.page(judged.campaign)
    leaf = show(next(row.leaf for row in rows if row.worker == wallet("ada").address))
    for page in ("receipt", "bundle"):
        path = f"/v1/labels/{leaf}/{page}"
        assert Caller(client, wallet("ada")).call("GET", path).status_code == 200
        assert Caller(client, wallet("bob")).call("GET", path).status_code == 404


def test_a_bundle_by_itself_is_the_one_among_all(world: World, client: TestClient, judged: Ask) -> None:
    with world.store.begin() as uow:
        rows = uow.labels.page(judged.campaign)
    requester = Caller(client, world.requester)
    page = requester.call("GET", f"/v1/campaigns/{show(judged.campaign)}/bundles").content.splitlines()
    for row, line in zip(rows, page, strict=True):
        assert requester.call("GET", f"/v1/labels/{show(row.leaf)}/bundle").content == line
    assert requester.call("GET", f"/v1/labels/{show(bytes(32))}/bundle").status_code == 404


def test_a_key_that_is_destroyed_and_a_session_that_ends_count_at_once(
    world: World, client: TestClient, judged: Ask
) -> None:
    ada = Caller(client, wallet("ada"))
    with world.store.begin() as uow:
        row = next(row for row in uow.labels.page(judged.campaign) if row.worker == wallet("ada").address)
    path = f"/v1/labels/{show(row.leaf)}/bundle"
    assert ada.call("GET", path).status_code == 200
    with world.store.begin() as uow:
        uow.connection.execute(delete(subject_keys).where(subject_keys.c.subject == row.worker))
    assert ada.call("GET", path).status_code == 404
    assert ada.call("POST", "/v1/auth/logout").status_code == 204
    assert ada.call("GET", path).status_code == 401


def test_bundles_and_openings_page_to_the_end(world: World, client: TestClient, judged: Ask) -> None:
    path, requester = f"/v1/campaigns/{show(judged.campaign)}", Caller(client, world.requester)
    for page, params, total in (
        ("bundles", {"kind": "label", "limit": 5}, 12),
        ("bundles", {"kind": "payment", "limit": 1}, 2),
        ("openings", {"limit": 4}, 1 + 12 + 12 + 1 + 6 + 2),
    ):
        lines, after = [], "-1"
        while after:
            answer = requester.call("GET", f"{path}/{page}", after=after, **params)
            lines += answer.content.splitlines()
            after = answer.headers.get("crowdledger-next")
        assert len(lines) == len(set(lines)) == total


def test_a_worker_learns_what_it_earned(world: World, client: TestClient, judged: Ask) -> None:
    path = f"/v1/campaigns/{show(judged.campaign)}/payouts/me"
    body = Caller(client, wallet("ada")).call("GET", path).json()
    assert body["amount"] == body["statement"]["amount"] == "360000"
    assert (body["state"], body["path"]) == ("payable", None)
    bundle = Caller(client, wallet("ada")).call("GET", f"{path}/bundle").content
    verify_bundle(bundle, log_key=None, log_address=LOG, chain=None)
    assert Caller(client, wallet("stranger")).call("GET", path).status_code == 404


def test_who_hands_in_when_too_much_waits_is_told_to_come_again(world: World, client: TestClient) -> None:
    ask = world.ask()
    world.open(ask)
    world.join("ada", ask)
    world.join("bob", ask)
    world.match(ask)
    ada, (first, second, third) = Caller(client, wallet("ada")), world.tasks("ada")[:3]
    with world.store.begin() as uow:
        token = uow.sessions.open(wallet("ada").address).token
    narrow = Sequencer(world.store, world.ledger, most_waiting=1)
    object.__setattr__(client.app.state.service, "sequencer", narrow)  # type: ignore[attr-defined]
    body = {"labels": [label_body(world.submission("ada", ask, third, "cat"))]}
    with world.store.begin() as uow:
        uow.log.lock()  # the first waits for the head, and the second for the first
        begun = narrow.hand_in(Answers(token, [world.submission("ada", ask, first, "cat")]))
        while not begun.running():
            time.sleep(0.01)
        waiting = narrow.hand_in(Answers(token, [world.submission("ada", ask, second, "cat")]))
        answer = ada.call("POST", "/v1/labels", body)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/overloaded")
    assert answer.headers["retry-after"] == "1"
    assert [one.exception(30) for one in (begun, waiting)] == [None, None]
    assert ada.call("POST", "/v1/labels", body).status_code == 201
    narrow.close()
    assert ada.call("POST", "/v1/labels", body).json()["type"] == "/problems/unavailable"


def label_body(given: Submission) -> dict[str, Any]:
    """An answer as it is sent."""
    return {
        "campaign": show(given.campaign),
        "item": show(given.item),
        **given.opening.to_json(),
        "made_at": given.made_at,
        "signature": show(given.signature),
    }


def test_results_are_the_inferred_answers_by_position(world: World, client: TestClient, judged: Ask) -> None:
    path, requester = f"/v1/campaigns/{show(judged.campaign)}/results", Caller(client, world.requester)
    first = requester.call("GET", path, limit=4).json()
    rest = requester.call("GET", path, limit=4, after=first["next"]).json()
    assert [one["label"] for one in first["results"] + rest["results"]] == ["cat", "dog", "eel"] * 2
    assert rest["next"] is None


def test_the_log_is_served_as_tiles_that_give_the_checkpoints_root(
    world: World, client: TestClient, judged: Ask
) -> None:
    note = client.get("/checkpoint")
    head = open_checkpoint(note.text, world.store.log_key.verifier)
    entries_tile = client.get("/" + tiles.entries_path(0, head.size))
    assert entries_tile.headers["cache-control"] == "public, max-age=31536000, immutable"
    raw = tiles.parse_bundle(entries_tile.content)
    assert Tree(entries.leaf_hash(one) for one in raw).root() == head.root
    hashes = client.get("/" + tiles.tile_path(0, 0, head.size)).content
    assert hashes == b"".join(entries.leaf_hash(one) for one in raw)


def test_pages_of_others_may_read_the_log(client: TestClient, judged: Ask) -> None:
    for path in ("/checkpoint", "/tile/0/000.p/3", "/tile/entries/000.p/3"):
        assert client.get(path).headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in client.get("/v1/info").headers


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("br;q=1.0, GZIP ; q=0.5", True),
        ("x-gzip", True),
        ("identity", False),
        ("gzip;q=0", False),
        ("deflate, gzip; q=0.000", False),
        ("", False),
    ],
)
def test_entry_bundles_are_packed_for_those_who_take_it(
    client: TestClient, judged: Ask, accepted: str, packed: bool
) -> None:
    with client.stream("GET", "/tile/entries/000.p/20", headers={"Accept-Encoding": accepted}) as answer:
        raw = b"".join(answer.iter_raw())
        headers = answer.headers
    assert headers["vary"] == "Accept-Encoding"
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert ("content-encoding" in headers) == packed
    entries_tile = gzip.decompress(raw) if packed else raw
    assert len(tiles.parse_bundle(entries_tile)) == 20
    hashes = client.get("/tile/0/000.p/20", headers={"Accept-Encoding": accepted})
    assert "content-encoding" not in hashes.headers
    assert hashes.content == b"".join(map(entries.leaf_hash, tiles.parse_bundle(entries_tile)))


@pytest.mark.parametrize(
    "path",
    [
        "/tile/0/001",
        "/tile/0/000",
        "/tile/64/000",
        "/tile/0/0",
        "/tile/x/000",
        "/tile/entries/000.p/256",
        "/tile/0/" + "x999/" * 8 + "999",
        "/tile/entries/" + "x999/" * 8 + "999",
    ],
)
def test_a_tile_that_is_not_there_is_a_404(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("name", ["0x12", "0x" + "AB" * 32, "x", "0x" + "00" * 33])
def test_a_name_that_is_none_is_a_404(client: TestClient, name: str) -> None:
    answer = client.get(f"/v1/campaigns/{name}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "change",
    [{"salt": "0x00"}, {"salt": "0x" + "AB" * 32}, {"made_at": -1}, {"made_at": "1"}, {"unknown": 1}],
)
def test_a_body_of_another_form_is_refused_field_by_field(
    world: World, client: TestClient, change: dict[str, Any]
) -> None:
    label = {
        "campaign": show(bytes(32)),
        "item": show(bytes(32)),
        "content": {"label": "cat"},
        "salt": show(bytes(32)),
        "made_at": 1,
        "signature": show(bytes(64)),
    }
    answer = Caller(client, wallet("ada")).call("POST", "/v1/labels", {"labels": [label | change]})
    if change == {"made_at": "1"}:
        assert answer.status_code in (404, 422)  # a number as a text is taken, then the item is not assigned
    else:
        assert answer.status_code == 422
        assert next(iter(change)) in json.dumps(answer.json()["errors"])


def test_a_body_beyond_the_bound_is_refused_before_it_is_read(client: TestClient) -> None:
    answer = client.post("/v1/auth/login", content=b"x", headers={"Content-Length": str(33 << 20)})
    assert answer.status_code == 413
    assert answer.json()["type"] == "/problems/content-too-large"


def test_a_body_that_grows_beyond_the_bound_is_refused(client: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(33):
            yield b"x" * (1 << 20)

    assert client.post("/v1/auth/login", content=chunks()).status_code == 413


def test_the_service_says_when_its_chain_does_not_answer(client: TestClient) -> None:
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 503
