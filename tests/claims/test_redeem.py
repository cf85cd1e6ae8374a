"""`crowdledger redeem` on a real chain: the operator is silent, workers have its word in writing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger_service.heads import ANCHORED
from ledger_service.log.receipts import promise
from ledger_service.payroll import PayrollEntry, encode_entries
from tests.audit.builder import Builder
from tests.audit.chain_world import DAY, ChainWorld
from tests.claims.liar import liar
from tests.claims.papers import Silent, save
from tests.claims.test_lies import of_event, word
from tests.claims.world import ARBITER, balance, crowdledger, key_file, of, unnamed

PRICE = 50_000
SIZES = (20, 106, 140)


@pytest.fixture
def silent(world: ChainWorld) -> Silent:
    """A funded campaign with a log of which several heads are anchored, and no payroll."""
    made = Builder(place=world.place)
    world.fund(made)
    world.anchor(made, *SIZES, len(made.entries))
    world.node.ask("hardhat_setBalance", ARBITER.address, hex(10**18))
    return Silent(world, made, (*SIZES, len(made.entries)))


def to_deadline(silent: Silent, windows: float = 0) -> None:
    """Let time pass until so many windows after the deadline."""
    moment = silent.made.terms.deadline + int(windows * silent.made.terms.window) + 60
    silent.world.node.ask("evm_setNextBlockTimestamp", hex(moment))
    silent.world.node.ask("evm_mine")


def test_labels_are_redeemed_and_paid_after_their_windows(
    silent: Silent, node_url: str, tmp_path: Path
) -> None:
    ada, mine = silent.worker(1), silent.labels(1)
    early = [index for index in mine if index < 106]
    assert len(early) == len(mine) == 12
    own = of(silent.campaign, node_url, key_file(tmp_path, ada))
    first = save(tmp_path / "first.json", *[silent.label_bundle(index, 106) for index in mine[:5]])
    second = save(tmp_path / "second.json", *[silent.label_bundle(index, 140) for index in mine[4:]])

    soon = crowdledger("redeem", *own, "--labels", first, second)
    assert soon.status == 2
    assert "the operator can post payrolls until" in soon.err
    to_deadline(silent)
    unpaid = crowdledger("claim", *own)
    assert unpaid.status == 2
    assert (
        "no payroll has settled in this campaign; its deadline has passed, and redeeming is open"
        in unpaid.err
    )
    dry = crowdledger("redeem", *own, "--labels", first, second, "--dry-run")
    assert (dry.status, dry.err) == (0, "")
    assert "would ask for 4 labels, 50000" in dry.out  # the fifth stands in both files, and counts once
    assert "would ask for 8 labels, 50000" in dry.out
    assert f"it would be due {12 * PRICE / 10**6:g} LUSD more" in dry.out
    assert silent.campaign.balance(ada.address) == 0

    alone = unnamed(silent.campaign, node_url, key_file(tmp_path, ada))
    dry = crowdledger("redeem", *alone, "--labels", first, "--dry-run")
    assert (dry.status, dry.err) == (0, "")
    assert f"the campaign is in the escrow {silent.world.escrow}: its id proves that" in dry.out
    said = crowdledger("redeem", *alone, "--labels", first, second, "--json")
    assert (said.status, said.err) == (0, "")
    found = said.json()
    assert found["escrow"] == silent.world.escrow
    assert found["redeemed"] == {"statement": "0", "labels": str(12 * PRICE)}
    assert found["due"] == str(12 * PRICE)
    assert found["phases"]["opens"] == silent.made.terms.deadline
    again = crowdledger("redeem", *own, "--labels", first)
    assert (again.status, again.err) == (0, "")
    assert again.out.count("redeemed before") == 5
    assert "there is nothing to ask for" in again.out

    waits = crowdledger("claim", *own)
    assert waits.status == 2
    assert f"it has redeemed {12 * PRICE} (minor units), paid from" in waits.err
    to_deadline(silent, 1)
    late = crowdledger("redeem", *own, "--labels", first)
    assert late.status == 2
    assert "redeeming closed at" in late.err
    to_deadline(silent, 2)
    paid = crowdledger("claim", *own, "--json")
    assert (paid.status, paid.err) == (0, "")
    assert paid.json()["paid"][0]["amount"] == str(12 * PRICE)
    assert silent.campaign.balance(ada.address) == 12 * PRICE
    done = crowdledger("claim", *own)
    assert (done.status, "all of it has been received before" in done.out) == (0, True)


@pytest.mark.parametrize("saved", ["bundle", "answer"])
def test_a_statement_is_redeemed_and_everybody_claims(
    silent: Silent, node_url: str, tmp_path: Path, saved: str
) -> None:
    bob, address = silent.worker(2), silent.made.wallets[2].address
    stated = silent.made.owed[address]
    own = of(silent.campaign, node_url, key_file(tmp_path, bob))
    document = silent.payment_bundle(2) if saved == "bundle" else silent.payout(2)
    paper = save(tmp_path / "payment.json", document)
    bundles = save(tmp_path / "labels.json", *[silent.label_bundle(i, 106) for i in silent.labels(2)[:2]])
    to_deadline(silent)
    said = crowdledger("redeem", *own, "--statement", paper, "--labels", bundles, "--json")
    assert (said.status, said.err) == (0, "")
    found = said.json()
    assert found["redeemed"] == {"statement": str(stated), "labels": str(2 * PRICE)}
    assert found["due"] == str(max(stated, 2 * PRICE))
    again = crowdledger("redeem", *own, "--statement", paper)
    assert (again.status, "was redeemed before" in again.out) == (0, True)
    to_deadline(silent, 2)
    stranger = key_file(tmp_path, silent.worker(3))
    paid = crowdledger("claim", *of(silent.campaign, node_url, stranger), "--everybody")
    assert (paid.status, paid.err) == (0, "")
    assert silent.campaign.balance(address) == stated


def test_receipts_of_labels_that_were_kept_out_of_the_log(
    silent: Silent, node_url: str, tmp_path: Path
) -> None:
    ada, made, now = silent.worker(1), silent.made, silent.made.place.now
    own = of(silent.campaign, node_url, key_file(tmp_path, ada))
    receipts = [silent.receipt(1, answer, now + 60) for answer in ("one", "two")]
    late = silent.receipt(1, "three", silent.made.terms.deadline + 2 * DAY)
    logged = silent.labels(1)[0]
    again = promise(made.entries[logged].leaf, logged, now, made.domain, made.operator).to_json()
    again["entry"] = "0x" + made.entries[logged].raw.hex()
    listed = save(tmp_path / "receipts.json", {"receipts": [*receipts, again]})
    bundle = save(tmp_path / "label.json", silent.label_bundle(logged, 106))
    mixed = save(tmp_path / "mixed.json", receipts[0], late, silent.receipt(2, "bob's", now))
    to_deadline(silent)
    said = crowdledger("redeem", *own, "--receipts", listed, mixed, "--labels", bundle)
    assert (said.status, said.err) == (0, "")
    assert "asked for 1 label, 50000" in said.out
    assert "its bundle is here too" in said.out
    assert "asked for 2 labels, 50000" in said.out
    assert "the operator has until" in said.out
    assert "it is of another worker" in said.out
    to_deadline(silent, 2)
    assert crowdledger("claim", *own).status == 0
    assert silent.campaign.balance(ada.address) == 3 * PRICE


def test_papers_that_do_not_hold(silent: Silent, node_url: str, tmp_path: Path) -> None:
    ada, now = silent.worker(1), silent.made.place.now
    own = of(silent.campaign, node_url, key_file(tmp_path, ada))
    to_deadline(silent)
    mine = silent.labels(1)

    def refused(status: int, words: str, kind: str, *documents: object) -> None:
        said = crowdledger("redeem", *own, f"--{kind}", save(tmp_path / "paper", *documents))
        assert (said.status, words in said.err or words in said.out) == (status, True), said

    good = silent.label_bundle(mine[0], 106)
    refused(1, "the bundle does not hold", "labels", good.replace(b'"kind":"label"', b'"kind":"lapel"'))
    refused(2, "is a bundle of a payment, not of a label", "labels", silent.payment_bundle(1))
    refused(2, "is a bundle of a label, not of a payment", "statement", good)
    refused(2, "this is no crowdledger bundle", "labels", {"a": 1})
    refused(0, "was not anchored: it was saved too early", "labels", silent.label_bundle(mine[0], 107))
    refused(0, "it is of another worker", "labels", silent.label_bundle(silent.labels(2)[0], 106))
    refused(2, "no statement of", "statement", silent.payout(2))
    refused(2, "holds no payment bundle, and no answer of", "statement", {"a": 1})
    more = silent.payout(1) | {"amount": "999999999"}
    refused(1, "Statement has to be signed by", "statement", more)
    receipt = silent.receipt(1, "one", now)
    refused(1, "leaf hash of the entry beside the receipt", "receipts", receipt | {
        "entry": silent.receipt(1, "two", now)["entry"]})  # fmt: skip
    refused(1, "Receipt has to be signed by", "receipts", silent.receipt(1, "one", now, silent.made.arbiter))
    bare = {name: value for name, value in receipt.items() if name != "entry"}
    refused(2, 'lacks its label: add the signed Label entry that was sent, as "entry"', "receipts", bare)
    refused(2, "holds no receipt", "receipts", {"a": 1})
    nothing = crowdledger("redeem", *own)
    assert (nothing.status, "give --statement, --labels or --receipts" in nothing.err) == (2, True)
    missing = crowdledger("redeem", *own, "--labels", tmp_path / "missing")
    assert (missing.status, "cannot read" in missing.err) == (2, True)
    assert silent.campaign.balance(ada.address) == 0


def test_what_a_settled_payroll_has_judged_is_not_redeemed(
    silent: Silent, node_url: str, tmp_path: Path
) -> None:
    """A payroll on the evidence of 80 entries settles with the first redemption; labels after it are open."""
    world, made, ada = silent.world, silent.made, silent.worker(1)
    mine, own = silent.labels(1), of(silent.campaign, node_url, key_file(tmp_path, ada))
    world.node.ask("evm_setNextBlockTimestamp", hex(made.terms.deadline - DAY // 2))
    entries = encode_entries(
        [PayrollEntry(made.wallets[2].address, 0, 3), PayrollEntry(ada.address, 0, 70_000)]
    )
    world.on_escrow(made.operator, "post", silent.campaign.values, entries, 80)
    to_deadline(silent)
    bundles = save(tmp_path / "labels.json", *[silent.label_bundle(index, 106) for index in mine])
    pending = crowdledger("redeem", *own, "--labels", bundles)
    assert pending.status == 2
    assert (
        "nothing can be redeemed while a payroll is pending: payroll 1 can be disputed until" in pending.err
    )

    to_deadline(silent, 0.6)
    said = crowdledger("redeem", *own, "--labels", bundles, "--json")
    assert (said.status, said.err) == (0, "")
    found, after = said.json(), len([index for index in mine if index >= 80])
    assert 0 < after < 12
    assert len([note for note in found["notes"] if "the settled payroll has judged it" in note]) == 12 - after
    assert found["earned"] == "70000"
    assert "the settled payroll owes 70000 (minor units) that were not fetched" in found["notes"][-1]
    assert found["redeemed"]["labels"] == str(after * PRICE)
    assert found["phases"]["opens"] == made.terms.deadline + DAY // 2
    assert crowdledger("claim", *own).status == 0  # the payroll's part is paid at once
    assert silent.campaign.balance(ada.address) == 70_000

    stated = made.owed[ada.address]
    assert stated > 70_000
    statement = save(tmp_path / "payment.json", silent.payment_bundle(1))
    assert crowdledger("redeem", *own, "--statement", statement).status == 0
    small = silent.worker(2)
    to_deadline(silent, 3)
    assert crowdledger("claim", *own).status == 0
    assert silent.campaign.balance(ada.address) == max(stated, 70_000 + after * PRICE)
    assert crowdledger("claim", *of(silent.campaign, node_url, key_file(tmp_path, small))).status == 0
    assert silent.campaign.balance(small.address) == 3


def test_a_statement_that_the_payroll_keeps_is_claimed_and_not_redeemed(
    silent: Silent, node_url: str, tmp_path: Path
) -> None:
    world, made, ada = silent.world, silent.made, silent.worker(1)
    world.post(made, made.owed, len(made.entries))
    world.settle(made)
    to_deadline(silent)
    statement = save(tmp_path / "payment.json", silent.payment_bundle(1))
    own = of(silent.campaign, node_url, key_file(tmp_path, ada))
    said = crowdledger("redeem", *own, "--statement", statement)
    assert (said.status, said.err) == (0, "")
    assert "which the settled payroll owes: claim it" in said.out
    assert crowdledger("claim", *own).status == 0
    assert silent.campaign.balance(ada.address) == made.owed[ada.address]


def test_disputed_redemptions_and_more_than_there_is(
    world: ChainWorld, node_url: str, tmp_path: Path
) -> None:
    """The deposit has less than both ask for: paid in proportion, after the last window."""
    made = Builder(place=world.place)
    token, requester = world.artifacts["LocalToken"], world.requester
    world.send(requester, made.terms.token, token.call("mint", requester.address, 10 * PRICE))
    world.send(requester, made.terms.token, token.call("approve", world.escrow, 10 * PRICE))
    silent = Silent(world, made, (106,))
    world.on_escrow(requester, "deposit", silent.campaign.values, 10 * PRICE)
    world.anchor(made, 106)
    to_deadline(silent)
    for number in (1, 2):
        own = of(silent.campaign, node_url, key_file(tmp_path, silent.worker(number)))
        labels = save(tmp_path / "labels", *[silent.label_bundle(i, 106) for i in silent.labels(number)[:10]])
        said = crowdledger("redeem", *own, "--labels", labels)
        assert said.status == 0
    assert "all redemptions ask for 1 LUSD so far and the deposit has 0.5 LUSD for them" in said.out
    to_deadline(silent, 1)
    world.on_escrow(
        world.stranger, "disputeRedemption", silent.campaign.values, made.wallets[1].address, bytes(32)
    )
    to_deadline(silent, 2)
    ada = of(silent.campaign, node_url, key_file(tmp_path, silent.worker(1)))
    waits = crowdledger("claim", *ada)
    assert waits.status == 2
    assert (
        f"in proportion, since all redemptions ask for {20 * PRICE} and {10 * PRICE} are there" in waits.err
    )
    to_deadline(silent, 3)
    assert crowdledger("claim", *ada).status == 0
    assert silent.campaign.balance(made.wallets[1].address) == 5 * PRICE
    again = crowdledger("claim", *ada)
    assert (again.status, "all of it has been received before" in again.out) == (0, True)
    other = of(silent.campaign, node_url, key_file(tmp_path, silent.worker(2)))
    assert crowdledger("claim", *other).status == 0
    assert balance(world, world.token, world.escrow) == 0


def test_a_node_that_lies_about_heads(silent: Silent, node_url: str, tmp_path: Path) -> None:
    ada = silent.worker(1)
    to_deadline(silent)
    labels = save(tmp_path / "labels", silent.label_bundle(silent.labels(1)[0], 106))
    for change, words in (
        (lambda event: None, "anchored heads in the node's events"),
        (lambda event: word(event, 1, 5), "of the anchored heads"),
        (lambda event: word(event, 0, 5), "of the anchored heads"),
    ):
        with liar(node_url, of_event(ANCHORED, change)) as (url, asked):
            own = of(silent.campaign, url, key_file(tmp_path, ada))
            said = crowdledger("redeem", *own, "--labels", labels)
        assert (said.status, words in said.err) == (1, True), said
        assert "eth_sendRawTransaction" not in asked


def test_a_head_from_after_the_silence_began_does_not_count(
    world: ChainWorld, node_url: str, tmp_path: Path
) -> None:
    made = Builder(place=world.place)
    world.fund(made)
    world.anchor(made, 106)
    silent = Silent(world, made, (106, 140))
    to_deadline(silent)
    proof = made.tree.consistency_proof(106, 140)
    late = world.artifacts["ProvenanceLog"].call("anchor", 140, made.tree.root(140), proof)
    world.send(made.operator, world.log, late)
    ada, (first, second, *_) = silent.worker(1), silent.labels(1)
    own = of(silent.campaign, node_url, key_file(tmp_path, ada))
    labels = save(tmp_path / "labels", silent.label_bundle(first, 106), silent.label_bundle(second, 140))
    said = crowdledger("redeem", *own, "--labels", labels)
    assert (said.status, said.err) == (0, "")
    assert "asked for 1 label, 50000" in said.out
    assert "when the operator had fallen silent: that does not count" in said.out
