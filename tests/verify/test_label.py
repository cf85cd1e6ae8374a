"""Each cross check of a label's bundle, violated alone: everything else is consistent and properly signed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ledger_service.entries import ZERO32, Review
from ledger_service.errors import VerificationError
from ledger_service.signing import Wallet
from ledger_service.verify.verifier import CHAIN_NOTE, KEY_NOTE, POLICY_NOTE, UNJUDGED_NOTE, verify_bundle
from tests.verify.refusals import change, refused
from tests.verify.world import NOW, World, committed, opened, seeded, show

OTHER = Wallet(seeded("somebody else"))
ALL = {"grant": lambda grant: replace(grant, scope=ZERO32)}


def test_a_label_is_proved(world: World) -> None:
    verdict = verify_bundle(world.label_bundle())
    assert [number for number, _ in verdict.steps] == list(range(1, 14))
    assert verdict.facts["worker"] == world.worker.address
    assert verdict.facts["leaf"] == show(world.leaf("label"))
    assert verdict.facts["verdict"] == "accepted"
    assert verdict.facts["answer"] == verdict.facts["truth"] == {"label": "1"}
    assert verdict.notes == (KEY_NOTE, POLICY_NOTE, CHAIN_NOTE)


def test_a_label_is_proved_without_any_opening(world: World) -> None:
    verdict = verify_bundle(world.label_bundle({}))
    assert verdict.facts["answer"] is verdict.facts["truth"] is verdict.facts["item_content"] is None


def test_a_label_that_is_not_judged_is_proved_so_far(world: World) -> None:
    verdict = verify_bundle(world.label_bundle(judged=False))
    assert verdict.facts["verdict"] is None
    assert [number for number, _ in verdict.steps] == list(range(1, 12))
    assert UNJUDGED_NOTE in verdict.notes


@pytest.mark.parametrize("name", ["reason", "truth"])
def test_what_is_not_judged_has_no_reason_and_no_truth(world: World, name: str) -> None:
    roles = ("campaign", "grant", "matching", "assignment", "label")
    raw = world.bundle("label", roles, {name: world.label_openings()[name]})
    with pytest.raises(VerificationError, match="not judged"):
        verify_bundle(raw)


WRONG_ON_GOLD = {
    "rule": "gold", "answers": 3, "correct": 1, "min_answers": 3, "min_accuracy_ppm": 600_000
}  # fmt: skip
TOO_FAST = {"rule": "speed", "seconds": 0, "min_seconds": 1}


def test_a_rejected_label_is_proved_with_its_reason() -> None:
    rejected = {
        "review": change(verdict=Review.REJECTED),
        "opened reason": lambda _: opened(WRONG_ON_GOLD, "reason"),
        "opened answer": lambda _: opened({"label": "not in the schema"}, "answer"),
    }
    verdict = verify_bundle(World(rejected).label_bundle())
    assert verdict.facts["verdict"] == "rejected"
    assert verdict.facts["reason"] == WRONG_ON_GOLD


def test_a_grant_for_all_campaigns_covers_this_one() -> None:
    verify_bundle(World(ALL).label_bundle())


@pytest.mark.parametrize("moment", [NOW, NOW + 1000])
def test_the_ends_of_the_grants_time_belong_to_it(moment: int) -> None:
    verify_bundle(
        World(
            {
                "label": change(made_at=moment),
                "assignment": change(assigned_at=moment, due_at=moment),
            }
        ).label_bundle()
    )


ORDER = World.order


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("campaign", "matching"),
        ("matching", "assignment"),
        ("assignment", "label"),
        ("label", "review"),
        ("grant", "label"),
        ("run", "truth"),
    ],
)
def test_what_comes_before_stands_before(first: str, second: str) -> None:
    order = [role for role in ORDER if role != first]
    order.insert(order.index(second) + 1, first)
    built = World({"run": change(log_size=30)}, order=tuple(order))
    refused(built, 6, f"the {first} stands before the {second}")


def test_the_campaign_is_signed_by_its_requester() -> None:
    error = refused(World(signers={"campaign": OTHER}), 7, "signer of the campaign")
    assert error.found == OTHER.address


def test_the_grant_is_signed_by_the_workers_wallet() -> None:
    refused(World(signers={"grant": OTHER}), 8, "signer of the grant")


def test_the_label_is_signed_by_the_session_key() -> None:
    error = refused(World(signers={"label": OTHER}), 9, "signer of the label")
    assert error.found == OTHER.address


def test_the_wallet_itself_is_no_session_key() -> None:
    refused(World(signers={"label": World().worker}), 9, "signer of the label")


def test_the_grant_is_of_the_labels_worker() -> None:
    built = World({"grant": change(worker=OTHER.address)}, signers={"grant": OTHER})
    refused(built, 9, "worker of the grant")


def test_a_grant_for_another_campaign_does_not_cover_this_one() -> None:
    refused(World({"grant": change(scope=seeded("other campaign"))}), 9, "scope of the grant")


@pytest.mark.parametrize("times", [{"valid_from": NOW + 101}, {"valid_until": NOW + 99}])
def test_the_label_is_made_within_the_grants_time(times: dict[str, int]) -> None:
    refused(World({"grant": change(**times)}), 9, "within the grant")


@pytest.mark.parametrize("role", ["label", "assignment", "matching"])
def test_all_entries_are_of_one_campaign(role: str) -> None:
    built = World(ALL | {role: change(campaign=seeded("other campaign"))})
    refused(built, 10, f"campaign of the {role}")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"item": seeded("other item")}, "item of the assignment"),
        ({"worker": OTHER.address}, "worker of the assignment"),
        ({"run": seeded("other run")}, "matching run"),
        ({"assigned_at": NOW + 101}, "within the assignment"),
        ({"due_at": NOW + 99}, "within the assignment"),
    ],
)
def test_the_assignment_is_of_this_label(changes: dict[str, Any], what: str) -> None:
    refused(World({"assignment": change(**changes)}), 10, what)


@pytest.mark.parametrize("name", ["item", "answer"])
def test_item_and_answer_are_those_committed_to(world: World, name: str) -> None:
    given = world.label_openings()
    other_content = given[name] | {"content": {"label": "0"}}
    refused(world, 11, f"commitment of the {name}", {name: other_content})
    other_salt = given[name] | {"salt": show(seeded("other salt"))}
    refused(world, 11, f"commitment of the {name}", {name: other_salt})
    refused(world, 11, "salt", {name: given[name] | {"salt": "0x00"}})
    refused(world, 11, f"members of the opening {name}", {name: given[name] | {"more": 1}})


def test_the_review_is_of_this_label() -> None:
    refused(World({"review": change(label=seeded("other label"))}), 12, "label of the review")


@pytest.mark.parametrize("verdict", [0, 3])
def test_a_verdict_accepts_or_rejects(verdict: int) -> None:
    refused(World({"review": change(verdict=verdict)}), 12, "verdict")


def test_the_reason_is_the_one_committed_to(world: World) -> None:
    other = world.reason | {"content": {"rule": "speed"}}
    refused(world, 12, "commitment of the reason", {"reason": other})


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        (Review.REJECTED, {"rule": "accepted"}),
        (Review.ACCEPTED, TOO_FAST),
        (Review.ACCEPTED, WRONG_ON_GOLD),
    ],
)
def test_reason_and_verdict_agree(verdict: int, reason: Any) -> None:
    built = World({"review": change(verdict=verdict), "opened reason": lambda _: opened(reason, "reason")})
    refused(built, 12, "whether the reason accepts")


@pytest.mark.parametrize(
    ("reason", "what"),
    [
        ({}, "rule of the reason"),
        ({"rule": "mood"}, "rule of the reason"),
        ({"rule": ["speed"]}, "rule of the reason"),
        ({"rule": "speed"}, "members of the reason"),
        ({"rule": "schema", "answers": 2, "more": 1}, "members of the reason"),
        (TOO_FAST | {"seconds": -1}, "seconds of the reason"),
        (TOO_FAST | {"seconds": "0"}, "seconds of the reason"),
        (WRONG_ON_GOLD | {"correct": 0.5}, "correct of the reason"),
        (WRONG_ON_GOLD | {"correct": True}, "correct of the reason"),
    ],
)
def test_a_reason_is_one_of_the_known_forms(reason: Any, what: str) -> None:
    changes = {"review": change(verdict=Review.REJECTED), "opened reason": lambda _: opened(reason, "reason")}
    refused(World(changes), 12, what)


def test_an_accepted_answer_is_one_that_the_schema_has() -> None:
    built = World({"opened answer": lambda _: opened({"label": "2"}, "answer")})
    refused(built, 12, "answer within the schema")


ODD_ANSWERS = [{"label": ["1"]}, {"label": "1", "more": 1}, {"label": 1}, {"foo": "1"}, {}]


@pytest.mark.parametrize("content", ODD_ANSWERS)
@pytest.mark.parametrize(("name", "step"), [("answer", 12), ("truth", 13)])
def test_an_accepted_answer_and_the_truth_have_their_form(content: Any, name: str, step: int) -> None:
    """With the specification, and without it."""
    built = World({f"opened {name}": lambda _: opened(content, name)})
    refused(built, step, f"form of the {name}")
    refused(built, step, f"form of the {name}", {name: getattr(built, name)})


@pytest.mark.parametrize("content", ODD_ANSWERS)
def test_a_rejected_or_unjudged_answer_may_be_anything(content: Any) -> None:
    changes = {
        "review": change(verdict=Review.REJECTED),
        "opened reason": lambda _: opened({"rule": "schema", "answers": 2}, "reason"),
        "opened answer": lambda _: opened(content, "answer"),
    }
    assert verify_bundle(World(changes).label_bundle()).facts["answer"] == content
    assert verify_bundle(World(changes).label_bundle(judged=False)).facts["answer"] == content


@pytest.mark.parametrize("content", [None, "1", ["1"], 1])
def test_what_is_committed_to_is_an_object(content: Any) -> None:
    built = World({"opened answer": lambda _: opened(content, "answer")})
    refused(built, 11, "content of the answer")


@pytest.mark.parametrize(
    ("role", "changes", "what"),
    [
        ("truth", {"campaign": seeded("other campaign")}, "campaign of the truth"),
        ("truth", {"item": seeded("other item")}, "item of the truth"),
        ("truth", {"run": seeded("other run")}, "run of the truth"),
        ("run", {"campaign": seeded("other campaign")}, "campaign of the run"),
        ("run", {"log_size": 16}, "entries that the run read"),
        ("run", {"log_size": 29}, "entries that the run read"),
    ],
)
def test_the_truth_is_of_this_label(role: str, changes: dict[str, Any], what: str) -> None:
    built = World({role: change(**changes)})
    assert (built.indices["label"], built.indices["run"]) == (16, 28)
    refused(built, 13, what)


@pytest.mark.parametrize("log_size", [17, 28])
def test_a_run_reads_at_least_the_label_and_at_most_what_precedes_it(log_size: int) -> None:
    verify_bundle(World({"run": change(log_size=log_size)}).label_bundle())


def test_the_truth_is_the_one_committed_to(world: World) -> None:
    other = world.truth | {"content": {"label": "0"}}
    refused(world, 13, "commitment of the truth", {"truth": other})


def test_the_truth_is_one_that_the_schema_has() -> None:
    built = World({"opened truth": lambda _: opened({"label": "2"}, "truth")})
    assert committed(built.truth) != committed(World().truth)
    refused(built, 13, "truth within the schema")
