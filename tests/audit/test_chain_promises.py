"""What the operator signed is enforced and redeemed on a real chain, and an audit follows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger_service import payroll
from ledger_service.audit.auditor import Pins, audit
from ledger_service.audit.chain_reading import ChainReader
from ledger_service.audit.escrow_events import CLAIMED, REDEEMED, REDEMPTION_RULED
from ledger_service.audit.report import AuditReport, Redemption, Status, Step, render
from ledger_service.audit.source import DirSource
from ledger_service.chain.client import ChainClient
from ledger_service.chain.contracts import (
    AnchoredLabel,
    CampaignEscrow,
    Claim,
    HeadProof,
    ProvenanceLog,
    ReceiptedLabel,
)
from ledger_service.chain.rpc import Reverted
from ledger_service.entries import Entry, Label, Statement, digest, encode
from ledger_service.log.receipts import promise, sign_statement
from ledger_service.signing import Wallet
from tests.audit.builder import Builder, seeded
from tests.audit.chain_world import DAY, ETHER, ChainWorld
from tests.audit.proxy import Proxy


class Escrow:
    """A funded campaign whose log is anchored, and what its workers do with their papers."""

    def __init__(self, world: ChainWorld, made: Builder) -> None:
        self.world, self.made = world, made
        self.escrow = CampaignEscrow(world.artifacts, world.escrow)
        for wallet in (*made.wallets, made.arbiter):
            world.node.ask("hardhat_setBalance", wallet.address, hex(ETHER))

    def do(self, sender: Wallet, call: bytes) -> None:
        self.world.send(sender, self.world.escrow, call)

    def statement(self, worker: str, amount: int, epoch: int = 1) -> tuple[Statement, bytes]:
        """What the operator signs."""
        said = Statement(self.made.campaign, worker, amount, epoch, self.made.run)
        return said, sign_statement(said, self.made.domain, self.made.operator)

    def redeem(self, wallet: Wallet, amount: int) -> None:
        self.do(wallet, self.escrow.redeem(self.made.terms, *self.statement(wallet.address, amount)))

    def labels(self, wallet: Wallet) -> list[tuple[int, Entry, Label]]:
        """The worker's labels in the log."""
        return [
            (index, entry, entry.struct)
            for index, entry in enumerate(self.made.entries)
            if isinstance(entry.struct, Label) and entry.struct.worker == wallet.address
        ]

    def redeem_labels(self, wallet: Wallet, count: int) -> None:
        latest = ProvenanceLog(self.world.artifacts, self.world.log).latest(self.world.client)
        assert latest is not None
        chosen = [
            AnchoredLabel(
                label, entry.signature, index, tuple(self.made.tree.inclusion_proof(index, latest.size))
            )
            for index, entry, label in self.labels(wallet)[:count]
        ]
        self.do(wallet, self.escrow.redeem_labels(self.made.terms, HeadProof(latest, 2, ()), chosen))

    def redeem_receipts(self, wallet: Wallet, count: int) -> None:
        deadline = self.made.place.now + DAY
        chosen = []
        for index, entry, label in self.labels(wallet)[:count]:
            receipt = promise(entry.leaf, index, deadline, self.made.domain, self.made.operator)
            chosen.append(ReceiptedLabel(label, entry.signature, index, deadline, receipt.signature))
        self.do(wallet, self.escrow.redeem_receipts(self.made.terms, chosen))

    def claim_redeemed(self, wallet: Wallet) -> None:
        """Fetch what was redeemed, with no position of a payroll."""
        self.do(self.world.stranger, self.escrow.claim(self.made.terms, Claim(0, wallet.address, 0, ())))

    def to_silence(self) -> None:
        """The deadline has passed."""
        self.world.later(self.made.terms.deadline - self.world.client.head().timestamp)

    def audited(self, folder: Path, chain: ChainReader | None = None) -> AuditReport:
        pins = Pins(str(self.made.log_key.verifier), self.world.log, self.world.escrow)
        return audit(DirSource(self.made.save(folder)), pins=pins, chain=chain or self.world.reader())


@pytest.fixture
def escrow(world: ChainWorld, made: Builder) -> Escrow:
    return Escrow(world, made)


def failure(report: AuditReport) -> Step:
    (step,) = [step for step in report.steps if step.status is Status.FAILED]
    assert step.name == "chain"
    return step


def test_redemptions_after_the_operator_s_silence_are_followed_to_the_unit(
    escrow: Escrow, tmp_path: Path
) -> None:
    """No payroll was ever posted: one worker has its statement, one its labels in the log, one receipts."""
    made, world = escrow.made, escrow.world
    price = made.terms.label_price
    nothing, by_statement, by_labels, by_receipts = made.wallets
    stated = made.owed[by_statement.address]
    escrow.to_silence()
    escrow.redeem(by_statement, stated)
    escrow.redeem_labels(by_labels, 3)
    escrow.redeem_receipts(by_receipts, 2)
    redeemed = escrow.audited(tmp_path / "redeemed")
    assert redeemed.complete, redeemed.steps
    (campaign,) = redeemed.campaigns
    assert campaign.redeemed == {
        by_statement.address: Redemption(stated, 0),
        by_labels.address: Redemption(0, 3 * price),
        by_receipts.address: Redemption(0, 2 * price),
    }
    assert (campaign.reserved, campaign.claimed) == (stated + 5 * price, 0)
    assert f"    redeemed by 3 workers, {stated + 5 * price} beyond the settled payroll" in render(redeemed)
    value: Any = redeemed.to_json()
    assert value["campaigns"][0]["redeemed"][by_labels.address] == {
        "statement": "0",
        "labels": str(3 * price),
    }
    assert value["campaigns"][0]["reserved"] == str(stated + 5 * price)

    world.later(2 * DAY)
    for wallet in (by_statement, by_labels):
        escrow.claim_redeemed(wallet)
    assert escrow.audited(tmp_path / "claimed").complete
    world.later(DAY)
    world.on_escrow(world.requester, "refund", tuple(getattr(made.terms, n) for n in made.terms.__slots__))
    escrow.claim_redeemed(by_receipts)
    paid = escrow.audited(tmp_path / "paid")
    assert paid.complete, paid.steps
    (campaign,) = paid.campaigns
    assert campaign.claims == {
        by_statement.address: stated, by_labels.address: 3 * price, by_receipts.address: 2 * price
    }  # fmt: skip
    assert campaign.deposited is not None
    assert campaign.refunded == campaign.deposited - stated - 5 * price
    assert nothing.address not in campaign.claims
    assert paid.payouts_onchain == stated + 5 * price


def test_labels_that_the_operator_kept_out_of_the_log_come_on_top_of_the_payroll(
    escrow: Escrow, tmp_path: Path
) -> None:
    made, world = escrow.made, escrow.world
    wallet, session = made.wallets[2], made.sessions[2]
    world.post(made, made.owed, len(made.entries))
    world.settle(made)
    escrow.to_silence()
    hidden, deadline = [], made.place.now + DAY
    for number in range(2):
        index, answer = len(made.entries) + number, seeded(f"hidden answer {number}")
        label = Label(made.campaign, made.item_ids[0], wallet.address, answer, bytes(32), made.place.now)
        entry = encode(label, session.sign(digest(label, made.domain)))
        receipt = promise(entry.leaf, index, deadline, made.domain, made.operator)
        hidden.append(ReceiptedLabel(label, entry.signature, index, deadline, receipt.signature))
    escrow.do(wallet, escrow.escrow.redeem_receipts(made.terms, hidden))
    with pytest.raises(Reverted):  # what the payroll judged is not redeemed once more
        escrow.redeem_receipts(wallet, 1)
    world.later(2 * DAY)
    owed = list(made.owed.items())
    index = [account for account, _ in owed].index(wallet.address)
    path = tuple(payroll.path(made.campaign, owed, index))
    amount = made.owed[wallet.address]
    escrow.do(world.stranger, escrow.escrow.claim(made.terms, Claim(index, wallet.address, amount, path)))
    report = escrow.audited(tmp_path)
    assert report.complete, report.steps
    assert report.campaigns[0].claims == {wallet.address: amount + 2 * made.terms.label_price}
    (note,) = [note for note in report.notes if "redeemed" in note]
    assert f"{wallet.address} redeemed 2 labels, and the log has 0 of it that no settled payroll" in note


def test_a_redemption_that_the_arbiter_voids_is_none(escrow: Escrow, tmp_path: Path) -> None:
    made, world = escrow.made, escrow.world
    honest, greedy = made.wallets[1], made.wallets[2]
    escrow.to_silence()
    escrow.redeem(honest, made.owed[honest.address])
    escrow.redeem(greedy, made.owed[greedy.address])
    world.later(DAY)
    for wallet in (honest, greedy):
        escrow.do(world.stranger, escrow.escrow.dispute_redemption(made.terms, wallet.address, bytes(32)))
    escrow.do(made.arbiter, escrow.escrow.rule_redemption(made.terms, greedy.address, uphold=True))
    escrow.do(made.arbiter, escrow.escrow.rule_redemption(made.terms, honest.address, uphold=False))
    world.later(2 * DAY)
    escrow.claim_redeemed(honest)
    report = escrow.audited(tmp_path)
    assert report.complete, report.steps
    (campaign,) = report.campaigns
    assert list(campaign.redeemed) == [honest.address]
    assert campaign.claims == {honest.address: made.owed[honest.address]}


def test_a_statement_that_the_log_does_not_have_is_named(escrow: Escrow, tmp_path: Path) -> None:
    """The operator signs a friend an amount that no entry says: within the deposit the escrow pays it."""
    made = escrow.made
    friend = made.wallets[1]
    escrow.to_silence()
    escrow.redeem(friend, made.owed[friend.address] + 7)
    step = failure(escrow.audited(tmp_path))
    assert f"statement that {friend.address} redeemed" in step.detail
    due = made.owed[friend.address]
    assert (step.expected, step.found) == (str(due), str(due + 7))


def test_a_payroll_that_pays_less_than_was_signed_is_void_and_noted(escrow: Escrow, tmp_path: Path) -> None:
    made, world = escrow.made, escrow.world
    owed = list(made.owed.items())
    worker, amount = owed[1]
    world.post(made, made.owed, len(made.entries))
    path = payroll.path(made.campaign, owed, 1)
    said, signature = escrow.statement(worker, amount + 1)
    escrow.do(world.stranger, escrow.escrow.enforce(made.terms, said, signature, 1, amount, path))
    report = escrow.audited(tmp_path)
    assert report.complete, report.steps
    (note,) = report.notes
    assert f"payroll 1 is void, because the operator had signed {amount + 1} for {worker}" in note
    world.post(made, made.owed, len(made.entries))
    absent, signature = escrow.statement("0x" + "88" * 20, 5, 2)
    table = payroll.encode_entries(payroll.PayrollEntry(account, 0, due) for account, due in owed)
    escrow.do(world.stranger, escrow.escrow.enforce_absent(made.terms, absent, signature, table))
    assert len(escrow.audited(tmp_path / "again").notes) == 2


@pytest.mark.parametrize(
    ("hidden", "words"),
    [(REDEEMED, "paid to"), (REDEMPTION_RULED, "account of"), (CLAIMED, "claimed")],
    ids=["redemptions", "rulings", "claims"],
)
def test_a_node_that_hides_what_was_redeemed_is_found_out(
    escrow: Escrow, node_url: str, tmp_path: Path, hidden: bytes, words: str
) -> None:
    made, world = escrow.made, escrow.world
    voided, paid = made.wallets[2], made.wallets[1]
    escrow.to_silence()
    escrow.redeem_labels(paid, 3)
    escrow.redeem(voided, made.owed[voided.address])
    world.later(DAY)
    escrow.do(world.stranger, escrow.escrow.dispute_redemption(made.terms, voided.address, bytes(32)))
    escrow.do(made.arbiter, escrow.escrow.rule_redemption(made.terms, voided.address, uphold=True))
    world.later(2 * DAY)
    escrow.claim_redeemed(paid)
    with Proxy(node_url, lambda log: log["topics"][0] != "0x" + hidden.hex()) as url:
        client = ChainClient.connect(url, finality_depth=0)
        report = escrow.audited(tmp_path, ChainReader(client))
        client.close()
    assert words in failure(report).detail
