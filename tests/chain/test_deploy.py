"""A deployment through the chain writer: done once, resumed after a crash, good for anchors and campaigns."""

from __future__ import annotations

import hashlib

import pytest

from ledger_service.chain.client import ChainClient
from ledger_service.chain.contracts import CampaignEscrow, DatasetRights, LocalToken, ProvenanceLog
from ledger_service.chain.deploy import Deployment, deploy
from ledger_service.chain.rpc import Reverted
from ledger_service.chain.writer import ChainWriter
from ledger_service.errors import Conflict, Unavailable
from ledger_service.heads import Head, HeadProof
from ledger_service.store.chain import State
from ledger_service.terms import Terms, campaign_id
from tests.chain.conftest import DEPTH
from tests.chain.world import Crash, World

HEAD = (1, hashlib.sha256(b"\x00entry").digest())


def _deploy(world: World, writer: ChainWriter, patience: float = 30.0) -> Deployment:
    return deploy(
        writer,
        world.database.begin,
        world.artifacts,
        with_token=True,
        patience=patience,
        pause=world.control.mine,
    )


def test_the_contracts_are_deployed_and_know_each_other(world: World) -> None:
    found = _deploy(world, world.writer())
    assert found.operator == world.signer.address
    assert found.token is not None
    log = ProvenanceLog(world.artifacts, found.provenance_log)
    escrow = CampaignEscrow(world.artifacts, found.escrow)
    assert log.operator(world.client) == found.operator
    assert log.latest(world.client) is None
    assert escrow.provenance(world.client) == found.provenance_log
    assert LocalToken(world.artifacts, found.token).balance_of(world.client, found.operator) == 0
    assert DatasetRights(world.artifacts, found.dataset_rights).escrow(world.client) == found.escrow
    assert world.intent("deploy/dataset-rights").state is State.FINAL
    first = world.client.code(found.provenance_log, found.block)
    assert first
    assert not world.client.code(found.provenance_log, found.block - 1)


def test_a_deployment_that_is_done_is_read_from_the_rows(world: World) -> None:
    found = _deploy(world, world.writer())
    spent = world.spent()
    assert _deploy(world, world.writer()) == found
    assert world.spent() == spent


@pytest.mark.parametrize("point", ["signed", "committed", "sent"])
def test_a_deployment_that_crashed_goes_on(world: World, point: str) -> None:
    for _ in range(4):  # four processes end at this point, the fifth is left alone
        with pytest.raises(Crash):
            _deploy(world, world.writer(crash_at=point))
    found = _deploy(world, world.writer())
    assert world.spent() == 4
    assert world.client.code(found.escrow)
    names = ("provenance-log", "token", "escrow", "dataset-rights")
    assert [len(world.attempts(f"deploy/{name}")) for name in names] == [1, 1, 1, 1]


def test_a_deployment_without_money_gives_up_with_the_reason_and_goes_on_later(world: World) -> None:
    world.control.fund(world.signer.address, 0)
    with pytest.raises(Unavailable, match="deploy/provenance-log"):
        _deploy(world, world.writer(), patience=0)
    world.control.fund(world.signer.address, 10**18)
    assert world.client.code(_deploy(world, world.writer()).escrow)


def test_a_refused_contract_is_a_conflict(world: World) -> None:
    escrow = CampaignEscrow.creation(world.artifacts, world.signer.address)  # an account is no log
    world.enqueue("other/escrow", None, escrow)
    with pytest.raises(Conflict, match="NoCode"):
        deploy(world.writer(), world.database.begin, world.artifacts, name="other", pause=world.control.mine)


def test_a_head_is_anchored_through_the_writer(world: World) -> None:
    found = _deploy(world, world.writer())
    log = ProvenanceLog(world.artifacts, found.provenance_log)
    world.enqueue("anchor/1", found.provenance_log, log.anchor(*HEAD, []))
    world.enqueue("anchor/1 again", found.provenance_log, log.anchor(*HEAD, []))
    for _ in range(3):
        world.writer().step()
    head = log.latest(world.client)
    assert head is not None
    assert (head.size, head.root) == HEAD
    log.check_head(world.client, HeadProof(head, 0, ()))
    assert world.intent("anchor/1 again").state is State.REJECTED
    assert "SizeNotGrowing(size=1, latest=1)" in str(world.intent("anchor/1 again").error)
    with pytest.raises(Reverted):
        log.check_head(world.client, HeadProof(Head(2, *HEAD[1:], head.time), 1, ()))


def test_a_campaign_has_the_same_id_here_and_there(world: World) -> None:
    found = _deploy(world, world.writer())
    escrow = CampaignEscrow(world.artifacts, found.escrow)
    terms = _terms(world, found)
    campaign = campaign_id(terms, found.chain_id, found.escrow)
    assert escrow.id_of(world.client, terms) == campaign
    state = escrow.campaign(world.client, campaign)
    assert (state.deposited, state.epoch, state.closed) == (0, 0, False)
    assert escrow.claimed_of(world.client, campaign, found.operator) == 0


def _terms(world: World, found: Deployment) -> Terms:
    assert found.token is not None
    return Terms(
        requester="0x" + "11" * 20,
        operator=found.operator,
        arbiter="0x" + "22" * 20,
        token=found.token,
        fee_bps=100,
        window=86_400,
        deadline=world.client.head().timestamp + 1_000,
        bond=0,
        label_price=0,
        part=0,
        brief=bytes(range(32)),
    )


def test_finality_is_the_node_s_word_or_a_depth(world: World) -> None:
    world.control.mine(5)
    head = world.client.head().number
    assert world.client.finalized().number == head - DEPTH
    by_word = ChainClient(world.client._rpc, world.client.chain_id, world.client.genesis)
    assert by_word.finalized().number == head  # nothing abandons a block of the local chain
