"""A campaign is what its requester signed, or it is not published."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ledger_service import entries
from ledger_service.errors import BadInput, BadSignature, Conflict, NotYours
from ledger_service.flow import fund, publish
from ledger_service.specification import Specification
from tests.flow.world import LABELS, START, World, opening, wallet


def test_a_published_campaign_is_one_signed_entry(world: World) -> None:
    ask = world.ask()
    world.publish(ask)
    with world.store.begin() as uow:
        row = uow.campaigns.get(ask.campaign)
        assert row.leaf is not None
        assert (row.index, row.state) == (0, "published")
        raw = uow.log.at([(0, row.leaf)])[0]
    entry = entries.decode(raw)
    assert isinstance(entry.struct, entries.Campaign)
    assert entry.struct.item_count == 6
    assert entry.struct.gold_count == 2
    entries.check_signer(entry.struct, entry.signature, world.ledger.domain, world.requester.address)


def test_publishing_twice_is_publishing_once(world: World) -> None:
    ask = world.ask()
    world.publish(ask)
    with world.store.begin() as uow:
        publish.publish(uow, world.ledger, world.requester.address, ask.campaign)
    assert world.size() == 1


def test_a_draft_sent_again_is_the_same_campaign(world: World) -> None:
    ask = world.ask()
    assert world.draft(ask) == world.draft(ask) == ask.campaign


def test_somebody_elses_signature_makes_no_draft(world: World) -> None:
    with pytest.raises(BadSignature):
        world.draft(world.ask(), signer=wallet("stranger"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"requester": wallet("stranger").address}, "another requester"),
        ({"operator": wallet("stranger").address}, "name the operator"),
        ({"fee_bps": 1}, "basis points"),
        ({"bond": 0}, "bond"),
        ({"label_price": 49_999}, "price of a label"),
        ({"arbiter": wallet("friend of the requester").address}, "arbiter"),
        ({"token": "0x" + "ee" * 20}, "pay in"),
        ({"brief": bytes(32)}, "brief"),
        ({"window": 60}, "window"),
        ({"deadline": START + 86_400 + 3_599}, "before the deadline"),
    ],
)
def test_terms_that_contradict_the_service_are_refused(
    world: World, change: dict[str, Any], sentence: str
) -> None:
    ask = world.ask()
    with pytest.raises(BadInput, match=sentence):
        world.draft(ask, terms=replace(ask.terms, **change))


def test_a_campaign_that_would_have_closed_already_is_refused(world: World) -> None:
    ask = world.ask()
    world.clock.time = START + 86_400
    with pytest.raises(BadInput, match="past"):
        world.draft(ask)


def test_an_entry_dated_otherwise_than_now_is_refused(world: World) -> None:
    with pytest.raises(BadInput, match="created_at"):
        world.draft(world.ask(), created_at=START - 601)


def test_a_missing_item_keeps_a_campaign_from_being_published(world: World) -> None:
    ask = world.ask()
    world.draft(ask)
    items = [publish.Item(position, one) for position, one in enumerate(ask.items[:-1])]
    with world.store.begin() as uow:
        assert publish.put_items(uow, world.requester.address, ask.campaign, items) == 5
    with pytest.raises(Conflict, match="of 6 items 5 are here"), world.store.begin() as uow:
        publish.publish(uow, world.ledger, world.requester.address, ask.campaign)
    assert world.size() == 0


def test_other_items_than_the_signed_ones_are_not_published(world: World) -> None:
    ask = world.ask()
    world.draft(ask)
    world.fill(ask)
    with world.store.begin() as uow:
        other = publish.Item(3, opening({"text": "another animal"}, "other"))
        publish.put_items(uow, world.requester.address, ask.campaign, [other])
    with pytest.raises(Conflict, match="items root"), world.store.begin() as uow:
        publish.publish(uow, world.ledger, world.requester.address, ask.campaign)


def test_other_gold_than_the_signed_one_is_not_published(world: World) -> None:
    ask = world.ask()
    world.draft(ask)
    world.fill(ask)
    with world.store.begin() as uow:
        other = publish.GoldAnswer(ask.gold[0].item, opening({"label": LABELS[2]}, "other"))
        publish.put_gold(uow, world.requester.address, ask.campaign, [other])
    with pytest.raises(Conflict, match="gold root"), world.store.begin() as uow:
        publish.publish(uow, world.ledger, world.requester.address, ask.campaign)


def test_items_of_somebody_elses_campaign_cannot_be_changed(world: World) -> None:
    ask = world.ask()
    world.draft(ask)
    with pytest.raises(NotYours), world.store.begin() as uow:
        publish.put_items(uow, wallet("stranger").address, ask.campaign, [publish.Item(0, ask.items[0])])


def test_items_are_fixed_once_published(world: World) -> None:
    ask = world.ask()
    world.publish(ask)
    with pytest.raises(Conflict, match="fixed"):
        world.fill(ask)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"text": ""},
        {"html": "<b>"},
        {"text": 3},
        ["text"],
        {"image": "https://example.org/a.png"},
        {"image": "data:text/html;base64,AAAA"},
        {"text": "x" * 200_001},
        {"text": "é" * 100_001},
    ],
)
def test_content_that_cannot_be_shown_is_refused(content: Any) -> None:
    with pytest.raises(BadInput):
        publish.check_content(content)


def test_gold_outside_the_schema_is_refused(world: World) -> None:
    ask = world.ask()
    world.draft(ask)
    answer = publish.GoldAnswer(ask.items[0].commitment, opening({"label": "fox"}, "gold"))
    with pytest.raises(BadInput, match="schema"), world.store.begin() as uow:
        publish.put_gold(uow, world.requester.address, ask.campaign, [answer])


def test_a_campaign_opens_only_with_its_whole_budget(world: World) -> None:
    ask = world.ask()
    world.publish(ask)
    budget = Specification.from_json(ask.document, 0).budget(250)
    assert budget == 6 * 2 * 60_000 * 10_250 // 10_000
    world.event("Deposited", id="0x" + ask.campaign.hex(), amount=str(budget - 1))
    with world.store.begin() as uow:
        assert not fund.fund(uow, world.ledger, ask.campaign)
    world.event("Deposited", id="0x" + ask.campaign.hex(), amount="1")
    with world.store.begin() as uow:
        assert fund.fund(uow, world.ledger, ask.campaign)
    assert world.state(ask) == "open"


def test_a_campaign_that_is_not_funded_in_time_expires(world: World) -> None:
    ask = world.ask()
    world.publish(ask)
    world.clock.time = ask.document["closes_at"]
    with world.store.begin() as uow:
        assert fund.fund(uow, world.ledger, ask.campaign)
        assert uow.campaigns.unfinished() == []
    assert world.state(ask) == "expired"


def test_gold_for_an_unknown_item_is_refused(world: World) -> None:
    ask = world.ask()
    world.draft(ask)
    with pytest.raises(BadInput, match="send the items first"), world.store.begin() as uow:
        publish.put_gold(uow, world.requester.address, ask.campaign, ask.gold)


def test_gold_that_was_a_mistake_can_be_cleared(world: World) -> None:
    ask = world.ask()
    world.draft(ask)
    world.fill(ask)
    stray = publish.GoldAnswer(ask.items[5].commitment, opening({"label": LABELS[0]}, "stray"))
    with world.store.begin() as uow:
        assert publish.put_gold(uow, world.requester.address, ask.campaign, [stray]) == 3
    with pytest.raises(Conflict), world.store.begin() as uow:
        publish.publish(uow, world.ledger, world.requester.address, ask.campaign)
    with world.store.begin() as uow:
        publish.clear_gold(uow, world.requester.address, ask.campaign)
    world.fill(ask)
    with world.store.begin() as uow:
        publish.publish(uow, world.ledger, world.requester.address, ask.campaign)
    assert world.state(ask) == "published"


def test_items_can_change_places_and_stay_single(world: World) -> None:
    ask = world.ask()
    world.draft(ask)
    world.fill(ask)

    def put(*items: publish.Item) -> None:
        with world.store.begin() as uow:
            publish.put_items(uow, world.requester.address, ask.campaign, items)

    put(publish.Item(0, ask.items[1]), publish.Item(1, ask.items[0]))
    with pytest.raises(Conflict):
        put(publish.Item(2, ask.items[0]))
    with world.store.begin() as uow:
        ids = [one.commitment for one in ask.items]
        assert uow.items.ids(ask.campaign) == [ids[1], ids[0], *ids[2:]]


def test_drafts_are_limited_for_each_requester(world: World) -> None:
    asks = [world.ask(items=1, labels_per_item=1, gold=0, title=f"Campaign {i}") for i in range(101)]
    for ask in asks[:100]:
        world.draft(ask)
    with pytest.raises(Conflict, match="drafts"):
        world.draft(asks[100])
    assert world.draft(asks[0]) == asks[0].campaign
