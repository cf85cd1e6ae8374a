"""Each check is broken by itself, the rest rebuilt and signed as a malicious service would, and named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reputation
from ledger_service import entries
from ledger_service.audit import steps_replay
from ledger_service.audit.auditor import audit
from ledger_service.audit.ledger import Row
from ledger_service.audit.report import Mismatch, Status
from ledger_service.audit.source import DirSource
from ledger_service.entries import Entry
from ledger_service.signing import Wallet
from reputation import MeanParameters
from reputation.committed import Counts
from reputation.votes import PPM, Ints
from tests.audit.builder import NOW, Builder, Change, opened, seeded, show
from tests.audit.conftest import Audited, pins

STRANGER = Wallet(seeded("stranger"))


def at(position: int, change: Change) -> Change:
    """The change for one of the things of a role only."""
    return lambda value, n: change(value, n) if n == position else value


def field(position: int, **values: Any) -> Change:
    """Other values in one struct."""
    return at(position, lambda struct, _: replace(struct, **values))


def more(position: int, **values: int) -> Change:
    """Numbers added in one struct."""
    return at(
        position,
        lambda struct, _: replace(
            struct, **{name: getattr(struct, name) + value for name, value in values.items()}
        ),
    )


def twice(position: int, **values: Any) -> Change:
    """One struct logged again, with other values."""
    return at(position, lambda struct, _: [struct, replace(struct, **values)])


def dropped(position: int) -> Change:
    return at(position, lambda struct, _: None)


def flip_byte(raws: list[bytes], _: int) -> list[bytes]:
    raws[7] = raws[7][:40] + bytes([raws[7][40] ^ 1]) + raws[7][41:]
    return raws


def nudged(parameters: MeanParameters, _: int) -> MeanParameters:
    """A fifth of the first worker's labels with one answer moved to another class: they still sum up."""
    labels = np.array(parameters.members[0].labels)
    column = labels[0, :, 0]
    moved = int(column.max()) // 5
    column[column.argmax()] -= moved
    column[column.argmin()] += moved
    return replace_counts(parameters, labels)


def padded(parameters: MeanParameters, _: int) -> MeanParameters:
    """A label more of the first worker than there is."""
    labels = np.array(parameters.members[0].labels)
    labels[0, 0, 0] += PPM
    return replace_counts(parameters, labels)


def replace_counts(parameters: MeanParameters, labels: Ints) -> MeanParameters:
    first, *others = parameters.members
    return MeanParameters((Counts(first.items, labels), *others))


def accept(verdict: reputation.Verdict, _: int) -> reputation.Verdict:
    return reputation.Verdict(verdict.leaf, True, {"rule": "accepted"})


def raised(lines: list[reputation.LabelPay], _: int) -> list[reputation.LabelPay]:
    return [replace(lines[0], amount=lines[0].amount + 1), *lines[1:]]


def junk(struct: Any, _: int) -> list[Any]:
    return [struct, Entry(struct, b"", b"\x00" * 64)]


def other_item(struct: Any, _: int) -> Any:
    return replace(struct, item=seeded("an item of nobody"))


ZERO = bytes(32)
CASES: dict[str, tuple[dict[str, Change], str, str]] = {
    "a byte of an entry": ({"bytes of entries": flip_byte}, "log", "root over all entries"),
    "an entry left out": ({"bytes of entries": lambda raws, _: raws[:-1]}, "log", "entries in bundle 0"),
    "an entry too many": (
        {"bytes of entries": lambda raws, _: [*raws, raws[-1]]},
        "log",
        "entries in bundle 0",
    ),
    "a bundle that breaks off": ({"entry bundle": lambda raw, _: raw[:-1]}, "log", "cannot be read"),
    "a checkpoint that nobody signed": (
        {"checkpoint": lambda text, _: text[:-8] + "AAAAAA=\n"},
        "log",
        "signature",
    ),
    "bytes that are no entry": ({"matching": junk}, "entries", "does not decode"),
    "a campaign signed by another": ({"signer of campaign": lambda *_: STRANGER}, "entries", "signer"),
    "a grant signed by another": ({"signer of grant": at(1, lambda *_: STRANGER)}, "entries", "signer"),
    "a label signed by another": ({"signer of label": at(9, lambda *_: STRANGER)}, "entries", "session key"),
    "a grant for another campaign": ({"grant": field(1, scope=seeded("another"))}, "entries", "session key"),
    "a grant that had ended": ({"grant": field(1, valid_until=NOW + 5)}, "entries", "time within the grant"),
    "a grant that is not there": ({"grant": dropped(1)}, "entries", "session key"),
    "a second campaign entry": ({"campaign": twice(0, created_at=5)}, "structure", "second entry"),
    "a campaign entry that is not there": ({"campaign": dropped(0)}, "structure", "comes after"),
    "an assignment of no matching": ({"assignment": field(3, run=ZERO)}, "structure", "matching run"),
    "an assignment too few": ({"assignment": dropped(3)}, "structure", "number of its assignments"),
    "an assignment given twice": (
        {"assignment": twice(3, due_at=NOW + 9), "matching": more(0, assignments=1)},
        "structure",
        "second assignment",
    ),
    "an assignment from before its matching": (
        {"matching": more(0, made_at=1)}, "structure", "(Assignment): time of its assignment",
    ),
    "an assignment due before it begins": ({"assignment": field(3, due_at=NOW - 1)}, "structure", "due time"),
    "a label that was never assigned": (
        {"assignment": field(3, worker=STRANGER.address)},
        "structure",
        "Label): assignment",
    ),
    "a label made too late": ({"label": field(3, made_at=NOW + 86_401)}, "structure", "time within its"),
    "a label made too early": (
        {"assignment": field(3, assigned_at=NOW + 80_000)},
        "structure",
        "(Label): time within its",
    ),
    "a label given twice": ({"label": twice(3, made_at=NOW + 77)}, "structure", "second answer"),
    "a suggestion never shown": ({"label": field(3, suggestion=seeded("x"))}, "structure", "suggestion"),
    "a review given twice": ({"review": twice(3, made_at=NOW + 90_000)}, "structure", "second review"),
    "a review of no label": ({"review": field(3, label=seeded("x"))}, "structure", "label it names"),
    "a review that is not there": ({"review": dropped(3)}, "structure", "review"),
    "a review from before its label": (
        {"review": field(3, made_at=NOW - 1)}, "structure", "(Review): time of the review",
    ),
    "a verdict that is none": ({"review": field(3, verdict=3)}, "structure", "verdict"),
    "a run that read the future": ({"run": more(0, log_size=1000)}, "structure", "entries that the run read"),
    "a run of more labels than there are": ({"run": more(0, labels=1)}, "structure", "labels that the run"),
    "a truth of no run": ({"truth entry": field(2, run=seeded("x"))}, "structure", "inference run"),
    "a truth given twice": ({"truth entry": twice(2, confidence=5)}, "structure", "second truth"),
    "a reputation of no run": ({"reputation": field(1, run=seeded("x"))}, "structure", "run it names"),
    "a reputation given twice": ({"reputation": twice(1, score=5)}, "structure", "second reputation"),
    "a payout given twice": ({"payout": twice(1)}, "structure", "second payout"),
    "a settlement of too much": ({"settlement": more(0, total=1)}, "structure", "total of the settlement"),
    "a settlement given twice": ({"settlement": twice(0)}, "structure", "second settlement"),
    "a label that the run left out": (
        {"run": more(0, log_size=-49, labels=-1)},
        "structure",
        "(InferenceRun): entries that the run read, with every label before it",
    ),
    "another specification": (
        {"listed": lambda it, _: it | {"specification": it["specification"] | {"title": "Other"}}},
        "campaigns",
        "specification",
    ),
    "an entry about other items": ({"campaign": field(0, item_count=11)}, "campaigns", "number of items"),
    "an id that is no hash of terms": ({"campaign id": lambda *_: seeded("id")}, "campaigns", "campaign id"),
    "terms of another requester": (
        {"terms": lambda terms, _: replace(terms, requester=STRANGER.address)},
        "campaigns",
        "requester",
    ),
    "terms with another price of a label": (
        {"terms": field(0, label_price=49_999)}, "campaigns", "price of a label",
    ),
    "terms for another brief": ({"terms": field(0, brief=ZERO)}, "campaigns", "brief"),
    "an assignment before labelling opens": (
        {"specification": lambda it, _: it | {"opens_at": NOW + 1}}, "campaigns", "time of its assignment",
    ),
    "an assignment after labelling closed": (
        {"specification": lambda it, _: it | {"opens_at": NOW - 9, "closes_at": NOW}},
        "campaigns",
        "time of its assignment",
    ),
    "an assignment for too long": (
        {"assignment": field(3, due_at=NOW + 86_401)},
        "campaigns",
        "due time",
    ),
    "an item labelled too often": ({"labels wanted": lambda n, _: n - 1}, "campaigns", "labels of its item"),
    "items in another order": ({"listed items": lambda items, _: items[::-1]}, "items", "root of the items"),
    "an item listed twice": ({"listed items": lambda items, _: [*items[:-1], items[0]]}, "items", "distinct"),
    "another gold answer": (
        {"listed gold": lambda gold, _: [gold[0] | opened({"label": "2"}, "x"), *gold[1:]]},
        "items",
        "root of the gold answers",
    ),
    "a gold answer left out": ({"listed gold": lambda gold, _: gold[1:]}, "items", "root of the gold"),
    "an item that the campaign never had": (
        {"assignment": at(3, other_item), "label": at(3, other_item)},
        "items",
        "(Assignment): item",
    ),
    "an answer opened as another": (
        {"opened answer": at(3, lambda it, _: it | {"content": {"label": "9"}})},
        "reviews",
        "commitment of its answer",
    ),
    "an answer that is not opened": ({"opened answer": at(3, lambda *_: None)}, "reviews", "opening of its"),
    "a label accepted wrongly": ({"verdict": at(5, accept)}, "reviews", "verdict by the rule speed"),
    "another reason": ({"reason": at(3, lambda *_: {"rule": "schema"})}, "reviews", "reason"),
    "a reason opened as another": (
        {"opened reason": at(3, lambda it, _: it | {"salt": show(ZERO)})},
        "reviews",
        "commitment of its reason",
    ),
    "another reviewer": ({"review": field(3, reviewer=ZERO)}, "reviews", "reviewer"),
    "another method": ({"method": lambda it, _: it | {"max_iterations": 1}}, "inference", "method"),
    "labels that inference left out": ({"run": more(0, labels=-1)}, "inference", "labels that the run read"),
    "parameters opened as others": (
        {"opened parameters": lambda it, _: it | {"members": it["members"][::-1]}},
        "inference",
        "digest of its parameters",
    ),
    "parameters that are not converged": ({"parameters": nudged}, "inference", "movement of one more step"),
    "parameters of other votes": ({"parameters": padded}, "inference", "votes that the parameters count"),
    "a residual that is not so": ({"run": more(0, residual=500)}, "inference", "residual"),
    "more iterations than there were": ({"run": more(0, iterations=3)}, "inference", "iterations of the run"),
    "no iterations": ({"run": field(0, iterations=0)}, "inference", "iterations of the run"),
    "another truth": ({"truth": at(2, lambda n, _: (n + 1) % 3)}, "inference", "inferred answer"),
    "more confidence": ({"truth entry": more(2, confidence=1)}, "inference", "confidence"),
    "a truth that is not there": ({"truth entry": dropped(2)}, "inference", "items with a truth"),
    "a better score": ({"reputation": more(1, score=1)}, "reputation", "score"),
    "a smaller error": ({"reputation": more(1, standard_error=-1)}, "reputation", "standard error"),
    "a reputation in another domain": ({"reputation": field(1, domain=ZERO)}, "reputation", "domain"),
    "a reputation that is not there": ({"reputation": dropped(1)}, "reputation", "workers with a reputation"),
    "a unit more for one worker": ({"lines": at(1, raised)}, "payouts", "amount of"),
    "another statement": ({"payout": field(1, statement=ZERO)}, "payouts", "digest of the statement"),
    "a statement signed for less": ({"signed amount": at(1, lambda n, _: n - 1)}, "payouts", "signed by"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_tampering_is_named(name: str, audited: Audited) -> None:
    changes, step_name, words = CASES[name]
    report = audited(changes)
    failed = [step for step in report.steps if step.status is Status.FAILED]
    assert [step.name for step in failed] == [step_name], failed
    assert words in failed[0].detail
    assert report.failed
    earlier = report.steps[: report.steps.index(failed[0])]
    assert all(step.status is Status.PASSED for step in earlier)


@pytest.mark.parametrize("name", ["a unit more for one worker", "more confidence", "a label made too late"])
def test_the_first_entry_and_the_two_values_are_named(name: str, audited: Audited) -> None:
    changes, step_name, _ = CASES[name]
    step = next(step for step in audited(changes).steps if step.name == step_name)
    assert step.entry is not None
    assert step.expected
    assert step.found
    assert step.expected != step.found
    assert f"entry {step.entry}" in step.detail


def test_what_builds_on_a_step_that_fails_is_not_called_passed(audited: Audited) -> None:
    report = audited(CASES["another truth"][0])
    status = {step.name: step.status for step in report.steps}
    assert status["inference"] is Status.FAILED
    assert status["reputation"] is status["payouts"] is Status.NOT_CHECKED
    assert report.payouts_expected is None
    payouts = next(step for step in report.steps if step.name == "payouts")
    assert payouts.detail.endswith("inference does not hold")


def test_a_wrong_reputation_does_not_keep_the_payouts_from_being_checked(audited: Audited) -> None:
    report = audited(CASES["a better score"][0])
    assert next(step for step in report.steps if step.name == "payouts").status is Status.PASSED


def test_an_assignment_of_another_campaigns_matching_is_named(honest: Builder, tmp_path: Path) -> None:
    theirs = next(entry for entry in honest.entries if isinstance(entry.struct, entries.Matching))
    made = Builder(
        place=replace(honest.place, now=NOW + 1),
        earlier=honest,
        changes={"assignment": field(3, run=theirs.leaf)},
    )
    report = audit(DirSource(made.save(tmp_path)), pins=pins(made))
    step = next(step for step in report.steps if step.status is Status.FAILED)
    assert "campaign of its matching run" in step.detail
    assert (step.expected, step.found) == (show(made.campaign), show(honest.campaign))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("kind", "Review", "kind that its opening names"), ("openings", None, "documents in the openings")],
)
def test_openings_that_contradict_the_log_are_named(
    name: str, value: object, words: str, tmp_path: Path
) -> None:
    made = Builder()
    founding = made.openings[0]
    founding[name] = value or founding[name] | {"escrow": "0x" + "11" * 20}
    report = audit(DirSource(made.save(tmp_path)), pins=pins(made))
    step = next(step for step in report.steps if step.status is Status.FAILED)
    assert step.name == "items"
    assert words in step.detail


def test_a_payout_to_a_stranger_is_named(audited: Audited) -> None:
    def add(struct: entries.Payout, _: int) -> list[entries.Payout]:
        return [struct, replace(struct, worker=STRANGER.address, amount=1)]

    report = audited({"payout": at(1, add), "settlement": more(0, total=1)})
    step = next(step for step in report.steps if step.status is Status.FAILED)
    assert (step.name, step.found) == ("payouts", STRANGER.address)


def test_nothing_follows_the_last_settlement(audited: Audited) -> None:
    first: list[bytes] = []

    def two_runs(struct: entries.InferenceRun, _: int) -> list[entries.InferenceRun]:
        first.append(entries.encode(struct).leaf)
        return [struct, replace(struct, iterations=struct.iterations + 1)]

    def two_settlements(struct: entries.Settlement, _: int) -> list[entries.Settlement]:
        return [struct, replace(struct, run=first[0])]

    report = audited({"run": two_runs, "settlement": two_settlements})
    step = next(step for step in report.steps if step.status is Status.FAILED)
    assert step.name == "structure"
    assert "nothing after the last settlement" in step.expected


def test_a_label_that_the_last_settled_run_never_read_is_named(honest: Builder, tmp_path: Path) -> None:
    kept: list[entries.Label] = []

    def hold_back(struct: entries.Label, _: int) -> None:
        kept.append(struct)

    def add(struct: entries.Settlement, _: int) -> list[Any]:
        (late,) = kept
        session = honest.sessions[[wallet.address for wallet in honest.wallets].index(late.worker)]
        signature = session.sign(entries.digest(late, honest.domain))
        return [entries.encode(late, signature), struct]

    made = Builder(changes={"label": at(7, hold_back), "settlement": add})
    report = audit(DirSource(made.save(tmp_path)), pins=pins(made))
    step = next(step for step in report.steps if step.status is Status.FAILED)
    assert step.name == "structure"
    assert "before what the last settlement" in step.detail


def test_a_worker_left_unpaid_is_named(audited: Audited) -> None:
    kept: list[int] = []

    def leave_out(struct: entries.Payout, _: int) -> None:
        kept.append(struct.amount)

    def less(struct: entries.Settlement, _: int) -> entries.Settlement:
        return replace(struct, total=struct.total - kept[0])

    report = audited({"payout": at(2, leave_out), "settlement": less})
    step = next(step for step in report.steps if step.status is Status.FAILED)
    assert (step.name, step.expected, step.found) == ("payouts", str(kept[0]), "none")


def test_an_opening_that_names_another_leaf_is_refused(tmp_path: Path) -> None:
    made = Builder()
    made.openings[9]["index"] += 1
    report = audit(DirSource(made.save(tmp_path)), pins=pins(made))
    step = next(step for step in report.steps if step.status is Status.FAILED)
    assert (step.name, step.entry) == ("items", made.openings[9]["index"])


def test_a_run_that_ends_elsewhere_is_named(honest: Builder) -> None:
    """No fixed point that the inference does not reach can be made on purpose, so the comparison is asked."""
    found = next(entry.struct for entry in honest.entries if isinstance(entry.struct, entries.InferenceRun))
    row = Row(7, seeded("run"), found, b"", b"")
    check = steps_replay.check_rerun
    check(row, honest.spec, honest.crowd, honest.committed)
    assert isinstance(honest.committed.parameters, MeanParameters)
    elsewhere = replace(honest.committed, parameters=nudged(honest.committed.parameters, 0))
    with pytest.raises(Mismatch, match="distance from a rerun") as caught:
        check(row, honest.spec, honest.crowd, elsewhere)
    assert caught.value.entry == 7
    assert int(caught.value.found) >= 49_000


def nothing(*_: Any) -> dict[str, str]:
    return {"label": "neither"}


@pytest.mark.parametrize("method", reputation.COMMITTED_METHODS)
def test_a_run_that_had_no_votes_passes(method: str, tmp_path: Path) -> None:
    made = Builder(changes={"answer": nothing}, method=method)
    report = audit(DirSource(made.save(tmp_path)), pins=pins(made))
    assert {step.name for step in report.steps if step.status is not Status.PASSED} == {"chain"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"run": more(0, iterations=1)}, "iterations and residual without votes"),
        ({"run": more(0, residual=1)}, "iterations and residual without votes"),
        ({"document": lambda it, _: it | {"members": [{}]}}, "parameters without votes"),
    ],
)
def test_a_run_that_had_no_votes_says_that_it_found_nothing(
    changes: dict[str, Change], words: str, audited: Audited
) -> None:
    report = audited({"answer": nothing, **changes})
    step = next(step for step in report.steps if step.status is Status.FAILED)
    assert step.name == "inference"
    assert words in step.detail
