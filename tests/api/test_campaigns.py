"""What a campaign's page says: its part, who can join, its payroll's fate; and the operator's repost."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from ledger_service.flow import repost, settle
from tests.api import test_routes
from tests.api.test_routes import Caller, show
from tests.flow.test_judge import anchored
from tests.flow.world import Ask, World, wallet

world = test_routes.world
client = test_routes.client
judged = test_routes.judged

DISPUTER, REASON = wallet("disputer").address, "0x" + "5e" * 32
POSTED_AT = 1_800_000_000


def page(client: TestClient, ask: Ask) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/v1/campaigns/{show(ask.campaign)}").json()
    return found


def test_campaigns_of_one_specification_are_found_by_its_digest_and_name_one_another(
    world: World, client: TestClient
) -> None:
    single, parts = world.ask(), world.ask_in_parts(3, items=4)
    world.publish(single)
    world.open(parts[0])
    world.publish(parts[2])
    world.draft(parts[1])
    found = client.get("/v1/campaigns", params={"brief": show(parts[0].terms.brief)}).json()["campaigns"]
    assert [(one["campaign"], one["part"], one["parts"]) for one in found] == [
        (show(parts[0].campaign), 0, 3),
        (show(parts[2].campaign), 2, 3),
    ]
    assert found[0]["others"] == [
        {"campaign": show(parts[2].campaign), "part": 2, "state": "published", "takes_workers": True}
    ]
    assert [one["campaign"] for one in found[1]["others"]] == [show(parts[0].campaign)]
    assert (page(client, single)["others"], page(client, single)["parts"]) == ([], 1)
    assert client.get("/v1/campaigns", params={"brief": "0x" + "11" * 32}).json()["campaigns"] == []
    assert client.get("/v1/campaigns", params={"brief": "0x11"}).status_code == 422
    first = client.get("/v1/campaigns", params={"brief": show(parts[0].terms.brief), "limit": 1}).json()
    after = {"brief": show(parts[0].terms.brief), "after": first["next"]}
    (rest,) = client.get("/v1/campaigns", params=after).json()["campaigns"]
    assert rest["campaign"] == show(parts[2].campaign)


def test_somebody_elses_campaign_of_the_same_specification_is_not_one_of_its_parts(
    world: World, client: TestClient
) -> None:
    ask, other = world.ask_in_parts(2)
    world.publish(ask)
    world.publish(other)
    with world.store.begin() as uow:
        uow.campaigns.change(other.campaign, requester=wallet("stranger").address)
    assert page(client, ask)["others"] == []


def test_who_comes_to_a_full_campaign_is_told_where_to_go(
    world: World, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger_service.specification.MAX_WORKERS", 2)
    first, second = world.ask_in_parts(2, items=4)
    for ask in (first, second):
        world.open(ask)
    for name in ("ada", "bob"):
        world.join(name, first)
    assert (page(client, first)["workers"], page(client, first)["most_workers"]) == (0, 2)
    world.match(first)
    assert page(client, first)["workers"] == 2
    assert page(client, second)["others"][0]["takes_workers"] is False
    cyd = Caller(client, wallet("cyd"))
    cyd.call("PUT", "/v1/workers/me", {"skills": [], "languages": ["en"], "capacity": 5})
    refused = cyd.call("PUT", f"/v1/campaigns/{show(first.campaign)}/offers", {"items": None})
    assert refused.status_code == 409
    assert show(second.campaign) in refused.json()["detail"]
    joined = cyd.call("PUT", f"/v1/campaigns/{show(second.campaign)}/offers", {"items": None})
    assert joined.json() == {"offers": 4}


def happens(world: World, ask: Ask, name: str, **args: Any) -> None:
    world.event(name, id=show(ask.campaign), **args)


def post(world: World, ask: Ask) -> None:
    """The payroll is on the chain."""
    anchored(world)
    with world.store.begin() as uow:
        assert settle.post(uow, world.ledger, ask.campaign)
        row = uow.payouts.payroll(ask.campaign)
    assert row is not None
    happens(world, ask, "Posted", epoch="1", root=show(row.root))
    with world.store.begin() as uow:
        assert settle.posted(uow, world.ledger, ask.campaign)
        uow.payouts.set_times(ask.campaign, 1, POSTED_AT, None)


def test_a_payrolls_way_is_shown_from_the_queue_to_its_ruling(
    world: World, client: TestClient, judged: Ask
) -> None:
    assert page(client, judged)["payroll"] is None
    post(world, judged)
    found = page(client, judged)["payroll"]
    assert (found["state"], found["settles_at"]) == ("posted", POSTED_AT + 86_400)
    assert found["dispute"] is found["enforced"] is found["repost_until"] is None

    happens(world, judged, "Disputed", epoch="1", disputer=DISPUTER, reason=REASON)
    found = page(client, judged)["payroll"]
    assert found["dispute"] == {"disputer": DISPUTER, "reason": REASON, "upheld": None}
    assert (found["state"], found["settles_at"]) == ("disputed", None)
    with world.store.begin() as uow:
        uow.payouts.set_times(judged.campaign, 1, POSTED_AT, POSTED_AT + 500)
    assert page(client, judged)["payroll"]["settles_at"] == POSTED_AT + 500 + 2 * 86_400

    happens(world, judged, "Ruled", epoch="1", upheld=False)
    found = page(client, judged)["payroll"]
    assert (found["state"], found["dispute"]["upheld"]) == ("confirmed", False)
    assert found["settles_at"] == POSTED_AT + 86_400
    happens(world, judged, "Settled", epoch="1")
    assert page(client, judged)["payroll"]["state"] == "settled"


def test_a_void_payroll_says_why_and_until_when_the_operator_can_post_anew(
    world: World, client: TestClient, judged: Ask
) -> None:
    post(world, judged)
    happens(world, judged, "Enforced", epoch="1", account=wallet("ada").address, amount="360000")
    happens(world, judged, "Voided", epoch="1")
    with world.store.begin() as uow:
        assert repost.note_void(uow, judged.campaign)
    found = page(client, judged)
    assert (found["state"], found["payroll"]["state"]) == ("void", "void")
    assert found["payroll"]["enforced"] == {"worker": wallet("ada").address, "stated": "360000"}
    assert found["payroll"]["repost_until"] == judged.terms.deadline

    path = f"/v1/campaigns/{show(judged.campaign)}/repost"
    for name in ("stranger", "ada"):
        assert Caller(client, wallet(name)).call("POST", path).status_code == 404
    assert Caller(client, world.requester).call("POST", path).status_code == 404
    operator = Caller(client, world.operator)
    answer = operator.call("POST", path)
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "payable"
    assert (answer.json()["payroll"]["epoch"], answer.json()["payroll"]["state"]) == (2, "queued")
    assert operator.call("POST", path).status_code == 409


def test_from_the_deadline_on_nothing_is_posted_anew(world: World, client: TestClient, judged: Ask) -> None:
    post(world, judged)
    happens(world, judged, "Voided", epoch="1")
    with world.store.begin() as uow:
        repost.note_void(uow, judged.campaign)
    world.clock.time = judged.terms.deadline
    assert page(client, judged)["payroll"]["repost_until"] is None
    refused = Caller(client, world.operator).call("POST", f"/v1/campaigns/{show(judged.campaign)}/repost")
    assert refused.status_code == 409
    assert str(judged.terms.deadline) in refused.json()["detail"]


def test_what_was_redeemed_is_shown_with_its_disputes(world: World, client: TestClient, judged: Ask) -> None:
    ada, bob = wallet("ada").address, wallet("bob").address
    happens(world, judged, "Redeemed", account=ada, statement="1000", labels="0")
    happens(world, judged, "Redeemed", account=bob, statement="0", labels="50000")
    happens(world, judged, "Redeemed", account=ada, statement="1000", labels="100000")
    happens(world, judged, "RedemptionDisputed", account=bob, disputer=DISPUTER, reason=REASON)
    assert page(client, judged)["redemptions"] == [
        {"account": ada, "statement": "1000", "labels": "100000", "dispute": None},
        {
            "account": bob,
            "statement": "0",
            "labels": "50000",
            "dispute": {"disputer": DISPUTER, "reason": REASON, "upheld": None},
        },
    ]
    happens(world, judged, "RedemptionRuled", account=bob, upheld=True)
    assert page(client, judged)["redemptions"][1]["dispute"]["upheld"] is True
