"""Each cross check of a payment's bundle, violated alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ledger_service import payroll
from ledger_service.entries import Statement
from ledger_service.errors import VerificationError
from ledger_service.log.receipts import sign_statement
from ledger_service.signing import Wallet
from ledger_service.verify.payment import PayrollOpening
from ledger_service.verify.verifier import CHAIN_NOTE, KEY_NOTE, POLICY_NOTE, verify_bundle
from tests.verify.refusals import refused_bundle
from tests.verify.test_label import change
from tests.verify.world import World, seeded, show

OTHER = Wallet(seeded("somebody else"))


def refused(world: World, step: int, what: str, openings: dict[str, Any] | None = None) -> VerificationError:
    return refused_bundle(world.payment_bundle(openings), step, what)


def test_a_payment_is_proved(world: World) -> None:
    verdict = verify_bundle(world.payment_bundle())
    assert [number for number, _ in verdict.steps] == list(range(1, 12))
    assert verdict.facts["worker"] == world.worker.address
    assert verdict.facts["amount"] == "110000"
    assert verdict.facts["labels"] == 2
    assert verdict.facts["final"] is True
    assert verdict.notes == (KEY_NOTE, POLICY_NOTE, CHAIN_NOTE)


def test_a_payment_is_proved_without_any_opening(world: World) -> None:
    verdict = verify_bundle(world.payment_bundle({}))
    assert verdict.facts["labels"] is verdict.facts["payroll_root"] is None


@pytest.mark.parametrize(
    ("order", "what"),
    [
        (("run", "campaign", "payout", "settlement"), "the campaign stands before the run"),
        (("campaign", "payout", "run", "settlement"), "the run stands before the payout"),
        (("campaign", "settlement", "run", "payout"), "the run stands before the settlement"),
    ],
)
def test_what_comes_before_stands_before(order: tuple[str, ...], what: str) -> None:
    refused(World(order=order), 6, what)


def test_settlement_and_payout_may_stand_in_either_order() -> None:
    built = World(order=("campaign", "label", "run", "settlement", "payout"))
    verify_bundle(built.payment_bundle())


def test_the_campaign_is_signed_by_its_requester() -> None:
    refused(World(signers={"campaign": OTHER}), 7, "signer of the campaign")


@pytest.mark.parametrize("role", ["run", "payout", "settlement"])
def test_all_entries_are_of_one_campaign(role: str) -> None:
    refused(World({role: change(campaign=seeded("other"))}), 8, f"campaign of the {role}")


@pytest.mark.parametrize("role", ["payout", "settlement"])
def test_payout_and_settlement_are_of_the_run(role: str) -> None:
    refused(World({role: change(run=seeded("other"))}), 8, f"run of the {role}")


def test_a_payout_is_part_of_the_settlement() -> None:
    refused(World({"settlement": change(total=109_999)}), 8, "amount of the payout")
    verify_bundle(World({"settlement": change(total=110_000)}).payment_bundle())


def test_a_run_reads_only_what_precedes_it() -> None:
    index = World().indices["run"]
    refused(World({"run": change(log_size=index + 1)}), 8, "entries that the run read")
    verify_bundle(World({"run": change(log_size=index)}).payment_bundle())


def test_the_statement_is_the_one_committed_to(world: World) -> None:
    other = world.statement() | {"amount": "110001"}
    refused(world, 9, "statement", {"statement": other})


LABELS = World().statement()["labels"]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"format": "crowdledger-statement@v2"}, "format"),
        ({"campaign": show(seeded("other"))}, "campaign of the statement"),
        ({"worker": OTHER.address}, "worker of the statement"),
        ({"run": show(seeded("other"))}, "run of the statement"),
        ({"amount": "110001"}, "amount of the statement"),
        ({"amount": "0110000"}, "amount"),
        ({"amount": 110_000}, "amount"),
        ({"more": 1}, "members of the statement"),
        ({"labels": LABELS[:1]}, "sum over the labels"),
        ({"labels": [LABELS[1], LABELS[1], {**LABELS[0], "amount": "10000"}]}, "amount of a label"),
        ({"labels": [LABELS[0], {**LABELS[0], "amount": "50000"}]}, "distinct labels"),
        ({"labels": [LABELS[0], {**LABELS[1], "amount": "50001"}]}, "amount of a label"),
        ({"labels": [LABELS[0], {**LABELS[1], "amount": "-1"}]}, "amount of a label"),
        ({"labels": [LABELS[0], {**LABELS[1], "label": "0x00"}]}, "a label of the statement"),
        ({"labels": {}}, "labels of the statement"),
    ],
)
def test_the_statement_says_what_the_payout_says(changes: dict[str, Any], what: str) -> None:
    refused(World({"statement": lambda document: document | changes}), 9, what)


def test_without_the_specification_only_the_sum_is_checked() -> None:
    odd = {"labels": [{**LABELS[0], "amount": "60001"}, {**LABELS[1], "amount": "49999"}]}
    built = World({"statement": lambda document: document | odd})
    openings = {"statement": built.statement()}
    assert verify_bundle(built.payment_bundle(openings)).facts["labels"] == 2
    refused(built, 9, "amount of a label", openings | {"specification": built.specification})


def payroll_openings(world: World, **changes: Any) -> dict[str, Any]:
    given = world.payment_openings()
    return given | {"payroll": given["payroll"] | changes}


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"index": 0}, "root of the payroll"),
        ({"index": 4}, "position in the payroll"),
        ({"index": "1"}, "index in the payroll"),
        ({"path": []}, "position in the payroll"),
        ({"path": ["0x" + "00" * 32] * 2}, "root of the payroll"),
        ({"path": ["0x" + "00" * 31] * 2}, "path in the payroll"),
        ({"path": ["0x" + "00" * 32] * 65}, "path in the payroll"),
        ({"root": show(seeded("other"))}, "root of the payroll"),
        ({"evidence": 43}, "evidence of the payroll"),
        ({"count": 3}, "members of the opening payroll"),
    ],
)
def test_the_payroll_owes_the_worker_this_amount(world: World, changes: dict[str, Any], what: str) -> None:
    refused(world, 10, what, payroll_openings(world, **changes))


@pytest.mark.parametrize("position", [("0x" + "12" * 20, 110_000), (World().worker.address, 109_999)])
def test_a_payroll_that_owes_something_else_is_refused(world: World, position: tuple[str, int]) -> None:
    owed = [world.owed()[0], position, world.owed()[2]]
    opening = PayrollOpening(
        1, tuple(payroll.path(world.campaign, owed, 1)), payroll.root(world.campaign, owed), world.size
    )
    refused(world, 10, "root of the payroll", payroll_openings(world, **opening.to_json()))


def test_a_payroll_of_another_campaign_is_refused(world: World) -> None:
    owed, other = world.owed(), seeded("other campaign")
    opening = PayrollOpening(1, tuple(payroll.path(other, owed, 1)), payroll.root(other, owed), world.size)
    refused(world, 10, "root of the payroll", payroll_openings(world, **opening.to_json()))


def test_no_payroll_holds_more_than_64_bits() -> None:
    """The path is right, and yet the escrow could not have computed that leaf."""
    for amount, sound in (((1 << 64) - 1, True), (1 << 64, False)):
        built = World({"payout": change(amount=amount), "settlement": change(total=amount)})
        owed = [(built.worker.address, amount)]
        opening = PayrollOpening(0, (), payroll.root(built.campaign, owed)).to_json()
        given = {"terms": built.terms.to_json(), "escrow": built.escrow, "payroll": opening}
        if sound:
            verify_bundle(built.payment_bundle(given))
        else:
            refused(built, 10, "amount in the payroll", given)


def test_a_payroll_need_not_name_its_evidence(world: World) -> None:
    openings = payroll_openings(world)
    del openings["payroll"]["evidence"]
    verify_bundle(world.payment_bundle(openings))


def signed_openings(world: World, signer: Wallet, **changes: Any) -> dict[str, Any]:
    struct = Statement(world.campaign, world.worker.address, 110_000, 1, world.leaf("run"))
    signature = sign_statement(replace(struct, **changes), world.domain, signer)
    opening = {"epoch": 1, "operator": signer.address, "signature": show(signature)}
    return world.payment_openings() | {"signed_statement": opening}


@pytest.mark.parametrize(
    "changes",
    [
        {"campaign": seeded("other")},
        {"worker": OTHER.address},
        {"amount": 109_999},
        {"epoch": 2},
        {"run": seeded("other")},
    ],
)
def test_the_operator_signed_for_this_payment(world: World, changes: dict[str, Any]) -> None:
    refused(world, 11, "signed by", signed_openings(world, world.operator, **changes))


def test_only_the_operator_of_the_terms_signs_statements(world: World) -> None:
    refused(world, 11, "operator", signed_openings(world, OTHER))
    given = signed_openings(world, OTHER)
    given["signed_statement"]["operator"] = world.operator.address
    refused(world, 11, "signed by", given)


@pytest.mark.parametrize("epoch", [0, 1 << 32])
def test_payrolls_are_numbered_from_one_in_32_bits(world: World, epoch: int) -> None:
    signed = signed_openings(world, world.operator, epoch=min(epoch, (1 << 32) - 1))
    signed["signed_statement"]["epoch"] = epoch
    refused(world, 11, "", signed)
