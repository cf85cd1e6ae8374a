"""What the operator alone may read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from tests.api.test_routes import Caller
from tests.api.test_routes import client as client
from tests.api.test_routes import world as world
from tests.flow.world import World, wallet
from tests.fsck.conftest import Life, lived

KINDS = [
    "service", "campaign", "item", "gold", "worker", "offer", "matching", "label", "anchor", "payroll",
    "intent", "end",
]  # fmt: skip


@pytest.fixture
def past(world: World) -> Life:
    """A paid campaign, a running one and a draft."""
    return lived(world)


def lines(caller: Caller, limit: int) -> Iterator[dict[str, Any]]:
    """All pages."""
    after = "-1"
    while True:
        answer = caller.call("GET", "/v1/operator/state", after=after, limit=limit)
        assert answer.status_code == 200, answer.text
        found = [json.loads(line) for line in answer.text.splitlines()]
        assert len(found) <= limit
        yield from found
        if "Crowdledger-Next" not in answer.headers:
            return
        assert int(answer.headers["Crowdledger-Next"]) > int(after)
        after = answer.headers["Crowdledger-Next"]


def test_pages_of_any_length_give_the_same_lines(client: TestClient, past: Life) -> None:
    operator = Caller(client, past.world.operator)
    whole = list(lines(operator, 1000))
    kinds = [line["kind"] for line in whole]
    assert list(dict.fromkeys(kinds)) == KINDS
    assert {kind: kinds.count(kind) for kind in ("campaign", "item", "gold", "label", "anchor")} == {
        "campaign": 3, "item": 16, "gold": 6, "label": 31, "anchor": 2,
    }  # fmt: skip
    assert list(lines(operator, 1)) == list(lines(operator, 7)) == whole


def test_it_is_for_the_operator_alone(client: TestClient, past: Life) -> None:
    assert client.get("/v1/operator/state").status_code == 401
    for who in (past.world.requester, wallet("ada")):
        assert Caller(client, who).call("GET", "/v1/operator/state").status_code == 404


def test_the_operator_reads_every_published_campaign(client: TestClient, past: Life) -> None:
    operator, stranger = Caller(client, past.world.operator), Caller(client, wallet("ada"))
    for what in ("openings", "bundles", "results"):
        path = f"/v1/campaigns/0x{past.paid.campaign.hex()}/{what}"
        assert operator.call("GET", path).status_code == 200
        assert stranger.call("GET", path).status_code == 404
        hidden = f"/v1/campaigns/0x{past.draft.campaign.hex()}/{what}"
        assert operator.call("GET", hidden).status_code == 404


def test_what_was_erased_leaves_the_rest_readable(client: TestClient, past: Life) -> None:
    with past.world.engine.begin() as connection:
        for who in (wallet("ada").address, past.world.requester.address):
            connection.execute(text("DELETE FROM subject_keys WHERE subject = :who"), {"who": who})
    operator = Caller(client, past.world.operator)
    items = [line for line in lines(operator, 1000) if line["kind"] == "item"]
    assert len(items) == 16
    assert all("content" not in line and "salt" not in line for line in items)
