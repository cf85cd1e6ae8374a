"""A campaign's money from the permit to the refund: written by the chain writer, read back by the watcher."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import Engine

from ledger_service import payroll
from ledger_service.chain.contracts import (
    CampaignEscrow,
    Claim,
    Head,
    HeadProof,
    LocalToken,
    ProvenanceLog,
    Stage,
)
from ledger_service.chain.deploy import deploy
from ledger_service.chain.rpc import Reverted
from ledger_service.chain.signer import LocalSigner
from ledger_service.chain.watcher import ChainWatcher
from ledger_service.eip712 import encode_word
from ledger_service.signing import Wallet, keccak256
from ledger_service.store.chain import ChainEvents, State
from ledger_service.terms import Terms, campaign_id
from tests.chain.world import ETHER, World

DAY = 86_400
PERMIT = keccak256(b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)")
ENTRY = hashlib.sha256(b"\x00entry").digest()


@dataclass
class Campaign:
    """A campaign on contracts of its own, with two lanes: the operator's and the requester's."""

    operator: World
    requester: World
    log: ProvenanceLog
    escrow: CampaignEscrow
    token: LocalToken
    terms: Terms
    first_block: int
    stream: str

    @property
    def id(self) -> bytes:
        return campaign_id(self.terms, self.operator.client.chain_id, self.escrow.address)

    def state(self) -> Stage:
        return self.escrow.campaign(self.operator.client, self.id).stage

    def events(self) -> list[tuple[str, dict[str, object]]]:
        """What the watcher has written down of the contracts, in order."""
        watcher = ChainWatcher(
            self.operator.client,
            self.operator.database.begin,
            {self.log.address: self.log.artifact, self.escrow.address: self.escrow.artifact},
            stream=self.stream,
            first_block=self.first_block,
        )
        while watcher.step().behind:
            continue
        with self.operator.database.begin() as connection:
            stored = ChainEvents(connection, self.stream).after(0, 100, final_only=False)
        return [(one.event.name, one.event.args) for one in stored]

    def do(self, world: World, key: str, data: bytes, to: str | None = None) -> int:
        """Have it mined; the gas that it took."""
        world.enqueue(key, to or self.escrow.address, data)
        world.writer().step()
        world.writer().step()
        intent = world.intent(key)
        assert intent.state is State.MINED, intent.error
        assert intent.mined is not None
        return intent.mined.gas_used

    def fund(self, amount: int) -> None:
        """The requester deposits with a permit: one signature, no approval."""
        client, owner = self.requester.client, self.requester.signer.address
        self.do(self.requester, "mint", self.token.mint(owner, amount), self.token.address)
        words = [
            PERMIT,
            encode_word("address", owner),
            encode_word("address", self.escrow.address),
            *(
                encode_word("uint256", number)
                for number in (amount, self.token.permit_nonce(client, owner), self.terms.deadline)
            ),
        ]
        digest = keccak256(b"\x19\x01" + self.token.domain_separator(client) + keccak256(b"".join(words)))
        assert isinstance(self.requester.signer, LocalSigner)
        signature = self.requester.signer._wallet.sign(digest)
        v, s = 27 + (signature[32] >> 7), bytes([signature[32] & 0x7F]) + signature[33:]
        call = self.escrow.deposit_with_permit(self.terms, amount, self.terms.deadline, v, signature[:32], s)
        self.do(self.requester, "deposit", call)

    def after(self, seconds: int) -> None:
        self.operator.control.node.ask("evm_increaseTime", seconds)
        self.operator.control.mine()


@pytest.fixture
def campaign(world: World, database: Engine) -> Campaign:
    found = deploy(
        world.writer(), database.begin, world.artifacts, with_token=True, until_final=False, patience=60
    )
    assert found.token is not None
    wallet = Wallet(secrets.token_bytes(32))
    world.control.fund(wallet.address, 100 * ETHER)
    terms = Terms(
        requester=wallet.address,
        operator=found.operator,
        arbiter="0x" + "99" * 20,
        token=found.token,
        fee_bps=1_000,
        window=DAY,
        deadline=world.client.head().timestamp + 3 * DAY,
        bond=0,
        label_price=0,
        part=0,
        brief=bytes(range(32)),
    )
    return Campaign(
        operator=world,
        requester=replace(world, signer=LocalSigner(wallet)),
        log=ProvenanceLog(world.artifacts, found.provenance_log),
        escrow=CampaignEscrow(world.artifacts, found.escrow),
        token=LocalToken(world.artifacts, found.token),
        terms=terms,
        first_block=found.block,
        stream=f"escrow-{secrets.token_hex(4)}",
    )


def test_a_campaign_is_funded_paid_and_refunded(campaign: Campaign) -> None:
    operator, client, escrow = campaign.operator, campaign.operator.client, campaign.escrow
    workers = ["0x" + secrets.token_hex(20) for _ in range(3)]
    owed = list(zip(workers, (100, 200, 300), strict=True))
    campaign.fund(1_000)
    campaign.do(operator, "anchor", campaign.log.anchor(1, ENTRY, []), campaign.log.address)
    entries = payroll.encode_entries(payroll.PayrollEntry(worker, 0, amount) for worker, amount in owed)
    campaign.do(operator, "post", escrow.post(campaign.terms, entries, 1))
    assert campaign.state() is Stage.PENDING

    operator.enqueue("settle too early", escrow.address, escrow.settle(campaign.terms))
    operator.writer().step()
    assert "TooEarly(until=" in str(operator.intent("settle too early").error)
    campaign.after(DAY + 1)
    campaign.do(operator, "settle", escrow.settle(campaign.terms))

    claims = [
        Claim(index, worker, amount, tuple(payroll.path(campaign.id, owed, index)))
        for index, (worker, amount) in enumerate(owed)
    ]
    campaign.do(operator, "claim one", escrow.claim(campaign.terms, claims[1]))
    campaign.do(operator, "claims", escrow.claim_many(campaign.terms, claims))
    campaign.do(operator, "fee", escrow.collect_fee(campaign.terms))
    campaign.after(3 * DAY)
    campaign.do(campaign.requester, "refund", escrow.refund(campaign.terms))

    assert [campaign.token.balance_of(client, worker) for worker in workers] == [100, 200, 300]
    assert [escrow.claimed_of(client, campaign.id, worker) for worker in workers] == [100, 200, 300]
    assert campaign.token.balance_of(client, campaign.terms.operator) == 60
    assert campaign.token.balance_of(client, campaign.terms.requester) == 340
    state = escrow.campaign(client, campaign.id)
    assert state.settled_root == payroll.root(campaign.id, owed)
    assert (state.settled_total, state.claimed, state.fee_collected, state.refunded) == (600, 600, 60, 340)
    assert (state.closed, state.stage, state.epoch) == (True, Stage.EMPTY, 1)

    events = campaign.events()
    names = [
        "OperatorChanged",
        "Opened",
        "Deposited",
        "Anchored",
        "Posted",
        "Settled",
        "Claimed",
        "Claimed",
        "Claimed",
    ]
    assert [name for name, _ in events] == [*names, "FeeCollected", "Refunded"]
    by_name = dict(events)
    root = "0x" + payroll.root(campaign.id, owed).hex()
    about = {"id": "0x" + campaign.id.hex()}
    assert by_name["Posted"] == about | {
        "epoch": "1", "root": root, "total": "600", "count": "3", "evidence": "1"
    }  # fmt: skip
    assert by_name["Settled"] == about | {"epoch": "1", "root": root, "total": "600"}
    head = campaign.log.latest(client)
    assert head is not None
    assert by_name["Anchored"] == {"size": "1", "root": "0x" + ENTRY.hex(), "time": str(head.time)}
    operator_of_the_log = {"former": "0x" + "00" * 20, "next": campaign.terms.operator}
    assert by_name["OperatorChanged"] == operator_of_the_log
    assert by_name["Refunded"] == about | {"requester": campaign.terms.requester, "amount": "340"}
    assert by_name["Opened"]["terms"] == [
        value if isinstance(value, str) else str(value) for value in campaign.terms.to_json().values()
    ]


def test_a_disputed_payroll_is_void_when_the_arbiter_says_so(campaign: Campaign) -> None:
    wallet = Wallet(secrets.token_bytes(32))
    campaign.operator.control.fund(wallet.address, ETHER)
    arbiter = replace(campaign.operator, signer=LocalSigner(wallet))
    campaign.terms = replace(campaign.terms, arbiter=wallet.address)
    campaign.fund(1_000)
    entries = payroll.encode_entries([payroll.PayrollEntry("0x" + "77" * 20, 0, 5)])
    root = payroll.root(campaign.id, [("0x" + "77" * 20, 5)])
    campaign.do(campaign.operator, "anchor", campaign.log.anchor(1, ENTRY, []), campaign.log.address)
    campaign.do(campaign.operator, "post", campaign.escrow.post(campaign.terms, entries, 1))
    campaign.do(campaign.requester, "dispute", campaign.escrow.dispute(campaign.terms, 1, root, bytes(32)))
    assert campaign.state() is Stage.DISPUTED
    campaign.do(arbiter, "rule", campaign.escrow.rule(campaign.terms, 1, root, uphold=True))
    assert campaign.state() is Stage.EMPTY
    names = [name for name, _ in campaign.events()]
    assert names[:6] == ["OperatorChanged", "Opened", "Deposited", "Anchored", "Posted", "Disputed"]
    assert {"Ruled", "Voided"} <= set(names[6:])
    assert "Settled" not in names


@pytest.mark.parametrize("disputed", [False, True])
def test_the_time_at_which_a_payroll_settles_is_the_contracts(campaign: Campaign, disputed: bool) -> None:
    client, escrow, terms = campaign.operator.client, campaign.escrow, campaign.terms
    assert escrow.campaign(client, campaign.id).settles_at(terms.window) is None
    campaign.fund(1_000)
    entries = payroll.encode_entries([payroll.PayrollEntry("0x" + "77" * 20, 0, 5)])
    root = payroll.root(campaign.id, [("0x" + "77" * 20, 5)])
    campaign.do(campaign.operator, "anchor", campaign.log.anchor(1, ENTRY, []), campaign.log.address)
    campaign.do(campaign.operator, "post", escrow.post(terms, entries, 1))
    if disputed:
        campaign.after(1_000)
        campaign.do(campaign.requester, "dispute", escrow.dispute(terms, 1, root, bytes(32)))
    settles_at = escrow.campaign(client, campaign.id).settles_at(terms.window)
    assert settles_at is not None
    campaign.operator.enqueue("early", escrow.address, escrow.settle(terms))
    campaign.operator.writer().step()
    assert campaign.operator.intent("early").error == f"TooEarly(until={settles_at})"
    campaign.after(settles_at - client.head().timestamp)
    campaign.do(campaign.operator, "settle", escrow.settle(terms))
    assert escrow.campaign(client, campaign.id).settled_total == 5


def test_a_payroll_that_the_contract_cannot_rebuild_takes_no_nonce(campaign: Campaign) -> None:
    campaign.fund(1_000)
    campaign.do(campaign.operator, "anchor", campaign.log.anchor(1, ENTRY, []), campaign.log.address)
    nobody = payroll.encode_entries([payroll.PayrollEntry("0x" + "77" * 20, 5, 5)])  # was paid nothing so far
    call = campaign.escrow.post(campaign.terms, nobody, 1)
    spent = campaign.operator.spent()
    campaign.operator.enqueue("post", campaign.escrow.address, call)
    campaign.operator.writer().step()
    refused = campaign.operator.intent("post")
    assert refused.state is State.REJECTED
    assert refused.nonce is None
    assert refused.error is not None
    assert refused.error.endswith(")")  # one of the contracts' own errors, in words
    assert campaign.operator.spent() == spent


def test_a_view_that_reverts_is_told_apart(campaign: Campaign) -> None:
    with pytest.raises(Reverted):
        campaign.log.check_head(campaign.operator.client, HeadProof(Head(1, ENTRY, 1), 0, ()))
