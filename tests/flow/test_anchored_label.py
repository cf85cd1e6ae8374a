"""What a worker redeems with: its label under a head that is on the chain, judged or not."""

from __future__ import annotations

import json

import pytest

from ledger_service.errors import Conflict
from ledger_service.flow.prove import Prover
from ledger_service.log.checkpoint import open_checkpoint
from ledger_service.verify.verifier import verify_bundle
from tests.flow.test_judge import anchored
from tests.flow.world import Ask, World


def bundle_of(world: World, ask: Ask) -> bytes:
    with world.store.begin() as uow:
        prover = Prover(uow, world.ledger, uow.campaigns.get(ask.campaign))
        (row,) = uow.labels.page(ask.campaign, limit=1)
        return prover.anchored_label(row, uow.labels.around([row.leaf])[row.leaf])


def test_it_leads_to_an_anchored_head_also_when_the_judgement_does_not(world: World) -> None:
    ask = world.ask()
    world.open(ask)
    for name in ("ada", "bob", "cy"):
        world.join(name, ask)
    world.match(ask)
    for name in ("ada", "bob", "cy"):
        world.answer_all(name, ask)
    with pytest.raises(Conflict, match="covers this label yet"):
        bundle_of(world, ask)
    size = anchored(world)
    key = str(world.store.log_key.verifier)

    world.judge(ask)
    made = bundle_of(world, ask)
    verify_bundle(made, log_key=key)
    found = json.loads(made)
    assert set(found["entries"]) == {"campaign", "grant", "matching", "assignment", "label"}
    assert open_checkpoint(found["entries"]["label"]["proof"].split("\n\n", 1)[1], key).size == size

    later = anchored(world)
    made = bundle_of(world, ask)
    verify_bundle(made, log_key=key)
    found = json.loads(made)
    assert {"review", "run", "truth"} <= set(found["entries"])
    assert open_checkpoint(found["entries"]["label"]["proof"].split("\n\n", 1)[1], key).size == later > size
