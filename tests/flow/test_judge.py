"""From the last answer to the payroll: every amount follows from the log, and everything can be proved."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sqlalchemy import text

from ledger_service import entries, payroll
from ledger_service.errors import Corrupt, NotYours
from ledger_service.flow import anchor, infer, openings, review, settle
from ledger_service.flow.prove import Prover
from ledger_service.log.checkpoint import open_checkpoint
from ledger_service.log.proof import verify_consistency
from ledger_service.log.receipts import check_statement
from ledger_service.verify.verifier import verify_bundle
from tests.flow.world import LABELS, Ask, World, wallet


@pytest.fixture
def ask(world: World) -> Ask:
    """A judged campaign: ada and bob answered well, eve (too fast, on other items) badly."""
    made = world.ask(items=9, labels_per_item=3)
    world.open(made)
    for name in ("ada", "bob", "eve"):
        world.join(name, made)
    assert world.match(made) == 27
    world.answer_all("ada", made)
    world.answer_all("bob", made)
    world.answer_all("eve", made, wrong=True, pace=0)
    world.judge(made)
    return made


def anchored(world: World) -> int:
    """Anchor the head and let the chain confirm it."""
    with world.store.begin() as uow:
        size = anchor.anchor(uow, world.ledger)
        assert size is not None
        root = uow.log.head().root
    world.event("Anchored", size=str(size), root="0x" + root.hex())
    with world.store.begin() as uow:
        assert anchor.anchored(uow, world.ledger) == size
    return size


def test_rejected_labels_earn_nothing_and_good_ones_their_price_and_bonus(world: World, ask: Ask) -> None:
    with world.store.begin() as uow:
        paid = {row.worker: row.amount for row in uow.payouts.of_campaign(ask.campaign)}
        settlement = uow.payouts.settlement(ask.campaign)
    assert paid == {wallet("ada").address: 540_000, wallet("bob").address: 540_000, wallet("eve").address: 0}
    assert settlement is not None
    assert settlement.total == 1_080_000


def test_the_majority_of_good_workers_decides(world: World, ask: Ask) -> None:
    with world.store.begin() as uow:
        truth = settle.truth_of(uow, uow.campaigns.get(ask.campaign))
    assert truth == {one.commitment: i % len(LABELS) for i, one in enumerate(ask.items)}


def test_each_step_done_twice_is_done_once(world: World, ask: Ask) -> None:
    size = world.size()
    with world.store.begin() as uow:
        review.review(uow, world.ledger, ask.campaign)
        infer.infer(uow, infer.read(uow, ask.campaign), infer.conclude(infer.read(uow, ask.campaign)))
        settle.settle(uow, world.ledger, ask.campaign)
    assert world.size() == size
    assert world.state(ask) == "payable"


def test_every_label_and_payment_is_proved_offline(world: World, ask: Ask) -> None:
    with world.store.begin() as uow:
        prover = Prover(uow, world.ledger, uow.campaigns.get(ask.campaign))
        labels = prover.labels(uow.labels.page(ask.campaign))
        payments = prover.payments(uow.payouts.of_campaign(ask.campaign))
        key = str(uow.log.key.verifier)
    assert (len(labels), len(payments)) == (27, 3)
    for made in [*labels, *payments]:
        verify_bundle(made, log_key=key, log_address=world.ledger.domain.verifying_contract, chain=None)
    assert all(set(json.loads(made)["openings"]) >= {"item", "answer", "reason", "truth"} for made in labels)


def test_a_label_is_proved_before_it_is_judged(world: World) -> None:
    made = world.ask()
    world.open(made)
    world.join("ada", made)
    world.match(made)
    world.answer_all("ada", made)
    with world.store.begin() as uow:
        (first, *_) = Prover(uow, world.ledger, uow.campaigns.get(made.campaign)).labels(
            uow.labels.page(made.campaign)
        )
    verify_bundle(first, log_key=None, log_address=None, chain=None)
    assert "review" not in json.loads(first)["entries"]


def test_bundles_lead_to_the_anchored_head_once_it_covers_them(world: World, ask: Ask) -> None:
    size = anchored(world)
    with world.store.begin() as uow:
        (made, *_) = Prover(uow, world.ledger, uow.campaigns.get(ask.campaign)).labels(
            uow.labels.page(ask.campaign, limit=1)
        )
        key = str(uow.log.key.verifier)
    note = json.loads(made)["entries"]["label"]["proof"].split("\n\n", 1)[1]
    assert open_checkpoint(note, key).size == size


def test_the_payroll_waits_for_an_anchored_head_that_holds_it(world: World, ask: Ask) -> None:
    with world.store.begin() as uow:
        assert not settle.post(uow, world.ledger, ask.campaign)
        assert settle.waits_for_anchor(uow)
    size = anchored(world)
    with world.store.begin() as uow:
        assert not settle.waits_for_anchor(uow)
        assert settle.post(uow, world.ledger, ask.campaign)
        assert not settle.post(uow, world.ledger, ask.campaign)
        row = uow.payouts.payroll(ask.campaign)
        (intent,) = [i for i in uow.intents.queued(world.ledger.lane, 10) if i.key.startswith("post:")]
    assert row is not None
    assert (row.evidence, row.count, row.total) == (size, 3, 1_080_000)
    owed = [(entry.account, entry.cumulative) for entry in payroll.parse_entries(row.entries)]
    assert row.root == payroll.root(ask.campaign, owed)
    assert intent.data == world.ledger.escrow.post(ask.terms, row.entries, size)


def test_statements_are_signed_by_the_operator(world: World, ask: Ask) -> None:
    with world.store.begin() as uow:
        rows = uow.payouts.of_campaign(ask.campaign)
    assert len(rows) == 3
    for row in rows:
        statement = entries.Statement(ask.campaign, row.worker, row.amount, row.epoch, row.run)
        check_statement(statement, row.signature, world.ledger.domain, world.operator.address)


def test_openings_come_in_log_order_and_page_without_gaps(world: World, ask: Ask) -> None:
    with world.store.begin() as uow:
        campaign = uow.campaigns.get(ask.campaign)
        everything = openings.page(uow, world.ledger, campaign, -1, 1000)
        paged: list[openings.Line] = []
        while page := openings.page(uow, world.ledger, campaign, paged[-1].index if paged else -1, 7):
            paged += page
    assert paged == everything
    kinds = [line.kind for line in everything]
    assert kinds[0] == "Campaign"
    assert (kinds.count("Label"), kinds.count("Review"), kinds.count("Truth")) == (27, 27, 9)
    assert (kinds.count("InferenceRun"), kinds.count("Payout")) == (1, 3)


def test_an_erased_subject_cannot_be_read_and_its_log_entries_stay(world: World, ask: Ask) -> None:
    with world.store.begin() as uow:
        uow.connection.execute(
            text("DELETE FROM subject_keys WHERE subject = :who"), {"who": wallet("ada").address}
        )
    size = world.size()
    with world.store.begin() as uow:
        rows = [row for row in uow.labels.page(ask.campaign) if row.worker == wallet("ada").address]
        prover = Prover(uow, world.ledger, uow.campaigns.get(ask.campaign))
        with pytest.raises(NotYours, match="erased"):
            prover.labels(rows)
        assert len(uow.log.entries(0, size)) == size


def test_anchors_follow_one_another_by_proof(world: World, ask: Ask) -> None:
    first = anchored(world)
    with world.store.begin() as uow:
        assert anchor.anchor(uow, world.ledger) is None  # nothing new
        root1 = uow.log.head().root
    later = world.ask(items=3, title="Another")
    world.publish(later)
    second = anchored(world)
    with world.store.begin() as uow:
        head, tree = uow.log.head(), uow.log.tree(second)
        verify_consistency(first, second, root1, head.root, tree.consistency_proof(first))


def test_a_head_that_was_on_its_way_goes_on_with_the_log_s_new_key(world: World, ask: Ask) -> None:
    anchored(world)
    world.publish(world.ask(items=3, title="Another"))
    with world.store.begin() as uow:
        size = anchor.anchor(uow, world.ledger)
        assert size is not None
        (sent,) = [one for one in uow.intents.queued(world.ledger.lane, 10) if one.key == f"anchor:{size}"]
    new = replace(world.ledger, lane=replace(world.ledger.lane, account=wallet("new operator").address))
    with world.store.begin() as uow:
        assert anchor.anchored(uow, new) is None
        assert anchor.anchor(uow, new) == size
        (again,) = uow.intents.queued(new.lane, 10)
        assert (again.key, again.to, again.data) == (sent.key, sent.to, sent.data)
    with world.store.begin() as uow:
        assert anchor.anchor(uow, new) is None, "it is on its way now"
        assert len(uow.intents.queued(new.lane, 10)) == 1


def test_another_root_on_the_chain_than_the_one_sent_is_an_alarm(world: World, ask: Ask) -> None:
    with world.store.begin() as uow:
        size = anchor.anchor(uow, world.ledger)
    world.event("Anchored", size=str(size), root="0x" + "11" * 32)
    with pytest.raises(Corrupt, match="we sent"), world.store.begin() as uow:
        anchor.anchored(uow, world.ledger)


def test_a_campaign_that_nobody_worked_for_owes_nothing_and_can_be_refunded(world: World) -> None:
    made = world.ask()
    world.open(made)
    world.clock.time += 86_401
    world.judge(made)
    assert world.state(made) == "settled"
    with world.store.begin() as uow:
        assert uow.payouts.of_campaign(made.campaign) == []
    world.event("Refunded", id="0x" + made.campaign.hex(), amount="1", requester=world.requester.address)
    with world.store.begin() as uow:
        assert settle.finish(uow, made.campaign)


def test_the_way_from_posted_to_finished_follows_the_chain(world: World, ask: Ask) -> None:
    anchored(world)
    name = "0x" + ask.campaign.hex()
    with world.store.begin() as uow:
        assert settle.post(uow, world.ledger, ask.campaign)
        assert not settle.posted(uow, world.ledger, ask.campaign)
        row = uow.payouts.payroll(ask.campaign)
    assert row is not None
    world.event("Posted", id=name, epoch="1", root="0x" + row.root.hex())
    with world.store.begin() as uow:
        assert settle.posted(uow, world.ledger, ask.campaign)
        settle.close_window(uow, world.ledger, ask.campaign)
        settle.close_window(uow, world.ledger, ask.campaign)
        assert not settle.settled(uow, world.ledger, ask.campaign)
    world.event("Settled", id=name, epoch="1")
    with world.store.begin() as uow:
        assert settle.settled(uow, world.ledger, ask.campaign)
        keys = [intent.key.split(":")[0] for intent in uow.intents.queued(world.ledger.lane, 10)]
    assert keys == ["anchor", "post", "settle", "fee"]


def test_a_payroll_that_the_contract_refuses_is_an_alarm(world: World, ask: Ask) -> None:
    anchored(world)
    with world.store.begin() as uow:
        assert settle.post(uow, world.ledger, ask.campaign)
        (intent,) = [i for i in uow.intents.queued(world.ledger.lane, 10) if i.key.startswith("post:")]
        uow.intents.refused(intent, "DeadlinePassed(1800172800)", world.clock.now())
    with pytest.raises(Corrupt, match="DeadlinePassed"), world.store.begin() as uow:
        settle.posted(uow, world.ledger, ask.campaign)
