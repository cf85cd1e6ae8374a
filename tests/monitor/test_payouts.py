"""Payouts that the replay does not give: to a worker, with and without its key, and to a requester."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ledger_service.monitor.look import Look, Me
from ledger_service.signing import Wallet
from tests.audit.builder import Builder, Change, show
from tests.audit.chain_world import ChainWorld
from tests.monitor.world import Watched

Role = Callable[[Watched, Builder], None]
SECOND = 2


@pytest.fixture
def made(world: ChainWorld) -> Builder:
    """Nothing is anchored here: what is tampered with is the log itself."""
    return Builder(place=world.place)


def as_worker(watched: Watched, made: Builder) -> None:
    watched.me = Me(frozenset({made.wallets[SECOND].address}))


def as_worker_with_key(watched: Watched, made: Builder) -> None:
    watched.wallet = made.wallets[SECOND]
    watched.server.auditor = made.wallets[SECOND].address


def as_requester(watched: Watched, made: Builder) -> None:
    watched.me = Me(frozenset({made.requester.address}))


def as_requester_with_key(watched: Watched, made: Builder) -> None:
    watched.wallet = made.requester


def look(watched: Watched, role: Role, **changes: Change) -> tuple[Look, list[dict[str, Any]]]:
    made = Builder(
        place=watched.log.place, changes={name.replace("_", " "): one for name, one in changes.items()}
    )
    watched.publish(made)
    role(watched, made)
    found = watched.look()
    alarms = watched.alarms()
    assert {alarm["kind"] for alarm in alarms} <= {"payout"}
    return found, alarms


def position(made: Builder) -> int:
    """Where the second worker stands among the payouts."""
    return list(made.owed).index(made.wallets[SECOND].address)


def less(watched: Watched, by: int) -> Change:
    """Its payout is less by an amount, taken from its last label that earned anything; all else follows."""
    where = position(watched.log)

    def change(lines: Any, n: int) -> Any:
        if n != where:
            return lines
        last = max(i for i, line in enumerate(lines) if line.amount)
        return [replace(line, amount=line.amount - by) if i == last else line for i, line in enumerate(lines)]

    return change


ALL = [as_worker, as_worker_with_key, as_requester, as_requester_with_key]


@pytest.mark.parametrize("role", ALL)
def test_a_unit_less_than_was_earned(watched: Watched, role: Role) -> None:
    _, (alarm,) = look(watched, role, lines=less(watched, 1))
    assert "amount of" in alarm["words"]
    assert alarm["campaign"] == show(watched.log.campaign)


@pytest.mark.parametrize("role", [as_worker_with_key, as_requester_with_key])
def test_a_bonus_that_was_earned_and_not_paid(watched: Watched, role: Role) -> None:
    _, (alarm,) = look(watched, role, lines=less(watched, 10_000))
    due = watched.log.owed[watched.log.wallets[SECOND].address] + 10_000
    assert (alarm["expected"], alarm["found"]) == (str(due), str(due - 10_000))


def test_without_a_key_a_bonus_cannot_be_compared_and_that_is_said(watched: Watched) -> None:
    found, alarms = look(watched, as_worker, lines=less(watched, 10_000))
    assert alarms == []
    assert any("not compared: their bonus (needs --key" in change.words for change in found.changes)


@pytest.mark.parametrize("role", ALL)
def test_a_payout_that_is_missing(watched: Watched, role: Role) -> None:
    where = position(watched.log)
    _, alarms = look(watched, role, payout=lambda struct, n: None if n == where else struct)
    assert any("payout of" in alarm["words"] or "total" in alarm["words"] for alarm in alarms)


@pytest.mark.parametrize("role", ALL)
def test_two_payouts_of_one_run(watched: Watched, role: Role) -> None:
    where = position(watched.log)
    _, alarms = look(watched, role, payout=lambda struct, n: [struct, struct] if n == where else struct)
    assert any("second payout" in alarm["words"] for alarm in alarms)


def test_a_payout_of_somebody_who_did_nothing(watched: Watched) -> None:
    idle = Wallet(bytes(31) + b"\x07").address

    def more(struct: Any, n: int) -> Any:
        return [struct, replace(struct, worker=idle)] if n == 0 else struct

    _, alarms = look(watched, as_requester, payout=more)
    assert any("one who answered" in alarm["expected"] for alarm in alarms)


@pytest.mark.parametrize("role", [as_worker, as_worker_with_key, as_requester_with_key])
def test_a_settlement_that_is_not_the_sum(watched: Watched, role: Role) -> None:
    _, alarms = look(watched, role, settlement=lambda struct, _: replace(struct, total=struct.total + 1))
    assert any("total of the settlement" in alarm["words"] for alarm in alarms)


def own_label(made: Builder, accepted: bool = True) -> int:
    """The position of one of the second worker's labels with this verdict."""
    return next(
        n
        for n, verdict in enumerate(made.verdicts)
        if made.facts[n].worker == made.wallets[SECOND].address and verdict.accepted is accepted
    )


@pytest.mark.parametrize("role", [as_worker_with_key, as_requester_with_key])
def test_a_label_rejected_by_no_rule(watched: Watched, role: Role) -> None:
    where = own_label(watched.log)
    rejected = {"rule": "speed", "seconds": 1, "min_seconds": 2}
    _, alarms = look(
        watched,
        role,
        verdict=lambda one, n: replace(one, accepted=False, reason=rejected) if n == where else one,
    )
    assert len(alarms) == 1
    assert "(Review)" in alarms[0]["words"]


def test_a_rejection_by_gold_answers_whose_figures_do_not_reject(watched: Watched) -> None:
    where = own_label(watched.log)
    reason = {"rule": "gold", "answers": 3, "correct": 2, "min_answers": 3, "min_accuracy_ppm": 600_000}
    _, (alarm,) = look(
        watched,
        as_worker_with_key,
        verdict=lambda one, n: replace(one, accepted=False, reason=reason) if n == where else one,
    )
    assert "a rule of the specification" in alarm["expected"]


def test_a_rejection_by_gold_answers_is_said_to_be_believed(watched: Watched) -> None:
    where = own_label(watched.log)
    reason = {"rule": "gold", "answers": 3, "correct": 1, "min_answers": 3, "min_accuracy_ppm": 600_000}
    found, alarms = look(
        watched,
        as_worker_with_key,
        verdict=lambda one, n: replace(one, accepted=False, reason=reason) if n == where else one,
    )
    assert alarms == []
    assert any("gold answers, which are not shown to workers" in change.words for change in found.changes)


@pytest.mark.parametrize("role", ALL)
def test_a_label_that_came_too_soon_and_was_accepted(watched: Watched, role: Role) -> None:
    made = watched.log
    fast = next(n for n, verdict in enumerate(made.verdicts) if verdict.reason["rule"] == "speed")
    assert made.facts[fast].worker == made.wallets[SECOND].address
    _, alarms = look(
        watched,
        role,
        verdict=lambda one, n: replace(one, accepted=True, reason={"rule": "accepted"}) if n == fast else one,
    )
    assert any("verdict by the rule speed" in alarm["words"] for alarm in alarms)


@pytest.mark.parametrize("role", ALL)
def test_a_label_that_nobody_reviewed(watched: Watched, role: Role) -> None:
    where = own_label(watched.log)
    _, alarms = look(watched, role, review=lambda struct, n: None if n == where else struct)
    assert any("review" in alarm["words"] for alarm in alarms)


def test_a_verdict_that_is_neither(watched: Watched) -> None:
    where = own_label(watched.log)
    _, alarms = look(
        watched, as_worker, review=lambda struct, n: replace(struct, verdict=7) if n == where else struct
    )
    assert any("verdict" in alarm["words"] and alarm["found"] == "7" for alarm in alarms)


def test_a_specification_that_the_log_does_not_hold_the_digest_of(watched: Watched) -> None:
    made = watched.log
    as_worker(watched, made)
    path = watched.folder / "campaigns.json"
    listed = json.loads(path.read_bytes())
    listed["campaigns"][0]["specification"]["payment"]["per_label"] = "40000"
    path.write_bytes(json.dumps(listed).encode())
    watched.look()
    (alarm,) = watched.alarms()
    assert "specification" in alarm["words"]


def test_a_service_that_shows_no_specification_is_said_so(watched: Watched) -> None:
    as_worker(watched, watched.log)
    (watched.folder / "campaigns.json").write_bytes(b'{"campaigns": [], "next": null}')
    found = watched.look()
    assert watched.alarms() == []
    assert any(
        "not compared: specification and terms (the service shows no specification" in change.words
        for change in found.changes
    )


def test_the_specification_is_remembered_when_the_service_shows_it_no_more(watched: Watched) -> None:
    made = watched.log
    as_worker(watched, made)
    settled = next(n for n, entry in enumerate(made.entries) if type(entry.struct).__name__ == "Payout")
    watched.publish(made, settled)
    watched.look()
    watched.publish(made)
    found = watched.look(60)
    (watched.folder / "campaigns.json").write_bytes(b'{"campaigns": [], "next": null}')
    assert any("compared sums; specification and terms" in change.words for change in found.changes)
    watched.look(60)
    assert watched.alarms() == []


def test_a_bundle_that_does_not_hold_is_an_alarm(watched: Watched) -> None:
    made = watched.log
    as_worker_with_key(watched, made)
    for name, raw in watched.server.bundles.items():
        watched.server.bundles[name] = raw.replace(b'"accepted"', b'"rejected"')
    watched.look()
    (alarm,) = watched.alarms()
    assert "its bundle" in alarm["words"]


def test_bundles_that_are_not_shown_are_said_so(watched: Watched) -> None:
    as_worker_with_key(watched, watched.log)
    watched.server.bundles = {}
    found = watched.look()
    assert watched.alarms() == []
    assert any("shows us no bundle of the label" in change.words for change in found.changes)


def test_a_truth_that_does_not_follow_is_found_with_the_openings(watched: Watched) -> None:
    def turned(answer: int, n: int) -> int:
        return (answer + 1) % 3 if n == 0 else answer

    _, (alarm,) = look(watched, as_requester_with_key, truth=turned)
    assert "inferred answer" in alarm["words"]


def test_what_does_not_answer_is_asked_again(watched: Watched) -> None:
    made = watched.log
    as_requester_with_key(watched, made)
    path = f"/v1/campaigns/{show(made.campaign)}/openings"
    watched.server.answers[path] = [(503, {}, b"busy")] * 4
    found = watched.look()
    assert found.unseen
    assert watched.alarms() == []
    found = watched.look(60)
    assert any("everything judged again" in change.words for change in found.changes)
