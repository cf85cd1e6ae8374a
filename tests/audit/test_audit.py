"""An honest log passes, and what cannot be checked is never called passed."""

from __future__ import annotations

import json
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger_service.audit.auditor import Pins, audit
from ledger_service.audit.report import Status, render
from ledger_service.audit.source import DirSource
from ledger_service.entries import Review
from ledger_service.log.tree import Tree
from tests.audit.builder import Builder, show
from tests.audit.conftest import Audited, pins

NAMES = [
    "log",
    "entries",
    "structure",
    "campaigns",
    "items",
    "reviews",
    "inference",
    "reputation",
    "payouts",
    "chain",
]
NEED_OPENINGS = {"items", "reviews", "inference", "reputation", "payouts"}


def test_an_honest_log_passes_every_step_but_the_chain_that_was_not_given(
    honest: Builder, tmp_path: Path
) -> None:
    report = audit(DirSource(honest.save(tmp_path)), pins=pins(honest))
    assert [step.name for step in report.steps] == NAMES
    assert {step.name for step in report.steps if step.status is Status.PASSED} == set(NAMES) - {"chain"}
    assert report.steps[-1].status is Status.NOT_CHECKED
    assert all(step.checked > 0 for step in report.steps[:-1])
    assert not report.failed
    assert not report.complete
    assert report.notes == ()


def in_parts(document: dict[str, Any], _: int) -> dict[str, Any]:
    """The same campaign as the second of two parts of a specification."""
    shared = {name: value for name, value in document.items() if name not in ("items", "gold")}
    own = {"items": document["items"], "gold": document["gold"]}
    other = own | {"items": {"count": 12, "root": "0x" + "11" * 32}}
    return shared | {"parts": [other, own]}


def test_a_campaign_that_is_one_part_of_a_specification_passes(tmp_path: Path) -> None:
    made = Builder(part=1, changes={"specification": in_parts})
    report = audit(DirSource(made.save(tmp_path)), pins=pins(made))
    assert {step.name for step in report.steps if step.status is Status.PASSED} == set(NAMES) - {"chain"}


@pytest.mark.parametrize(("part", "what"), [(0, "root of the items"), (2, "parts 0 to 1, not 2")])
def test_a_campaign_has_the_items_of_the_part_that_its_terms_name(
    tmp_path: Path, part: int, what: str
) -> None:
    changes = {"specification": in_parts, "terms": lambda terms, _: replace(terms, part=part)}
    made = Builder(part=1, changes=changes)
    report = audit(DirSource(made.save(tmp_path)), pins=pins(made))
    failed = next(step for step in report.steps if step.status is Status.FAILED)
    assert failed.name == "campaigns"
    assert what in failed.detail


def test_the_figures_are_those_of_the_log(honest: Builder, tmp_path: Path) -> None:
    report = audit(DirSource(honest.save(tmp_path)), pins=pins(honest))
    assert (report.log_size, report.labels, report.labels_verified) == (len(honest.entries), 48, 48)
    assert report.payouts_expected == report.payouts_logged == sum(honest.owed.values()) > 0
    assert report.payouts_onchain is None
    assert report.anchors is None
    (campaign,) = report.campaigns
    accepted = sum(
        isinstance(entry.struct, Review) and entry.struct.verdict == Review.ACCEPTED
        for entry in honest.entries
    )
    assert (campaign.items, campaign.truths, campaign.labels_accepted) == (12, 12, accepted)
    assert 0 < accepted < 48


def test_the_log_under_audit_exercises_every_review_rule(honest: Builder) -> None:
    assert {verdict.reason["rule"] for verdict in honest.verdicts} == {"accepted", "speed", "gold"}


def test_without_openings_the_steps_that_need_them_are_not_checked(audited: Audited) -> None:
    report = audited(openings=False)
    missing = {step.name for step in report.steps if step.status is Status.NOT_CHECKED}
    assert missing == NEED_OPENINGS | {"chain"}
    assert "no openings" in next(step for step in report.steps if step.name == "items").detail
    assert report.payouts_expected is None
    assert report.campaigns[0].payouts_expected is None
    assert not report.failed


def test_what_was_not_pinned_is_said(honest: Builder, tmp_path: Path) -> None:
    report = audit(DirSource(honest.save(tmp_path)))
    assert report.notes == ("taken from the source itself, not from you: --log-key, --log-address, --escrow",)


def test_another_escrow_than_the_pinned_one_is_named(honest: Builder, tmp_path: Path) -> None:
    pinned = Pins(str(honest.log_key.verifier), honest.place.log, "0x" + "11" * 20)
    report = audit(DirSource(honest.save(tmp_path)), pins=pinned)
    step = next(step for step in report.steps if step.status is Status.FAILED)
    assert (step.name, step.expected, step.found) == ("campaigns", "0x" + "11" * 20, honest.place.escrow)


def test_another_log_address_than_the_pinned_one_makes_the_signatures_fail(
    honest: Builder, tmp_path: Path
) -> None:
    pinned = Pins(str(honest.log_key.verifier), "0x" + "11" * 20, honest.place.escrow)
    report = audit(DirSource(honest.save(tmp_path)), pins=pinned)
    assert next(step for step in report.steps if step.status is Status.FAILED).name == "entries"


def test_the_report_is_one_json_object_with_amounts_as_strings(honest: Builder, tmp_path: Path) -> None:
    report = audit(DirSource(honest.save(tmp_path)), pins=pins(honest))
    value = json.loads(json.dumps(report.to_json()))
    assert value["ok"] is True
    assert value["complete"] is False
    assert value["payouts_expected"] == str(report.payouts_expected)
    assert value["campaigns"][0]["payouts_logged"] == str(report.payouts_logged)
    assert [step["status"] for step in value["steps"]] == ["passed"] * 9 + ["not checked"]
    assert set(value["seconds"]) == set(NAMES)


def test_the_report_reads_well(honest: Builder, tmp_path: Path) -> None:
    lines = list(render(audit(DirSource(honest.save(tmp_path)), pins=pins(honest))))
    assert lines[-1] == (
        "What was checked holds, but 1 of 10 steps was not checked: chain."
        " Needed: --rpc of a node of the chain."
    )
    assert any(line.startswith("ok    3 structure") for line in lines)
    assert any("'Which class is it?'" in line for line in lines)


def test_two_campaigns_in_one_log_are_both_replayed(honest: Builder, tmp_path: Path) -> None:
    both = Builder(place=replace(honest.place, now=honest.place.now + 1), earlier=honest)
    report = audit(DirSource(both.save(tmp_path)), pins=pins(both))
    assert [step.status for step in report.steps[:-1]] == [Status.PASSED] * 9
    assert [campaign.campaign for campaign in report.campaigns] == [
        show(honest.campaign),
        show(both.campaign),
    ]
    assert report.labels == 96
    assert report.payouts_expected == sum(honest.owed.values()) + sum(both.owed.values())


def test_a_campaign_that_is_not_shown_is_not_checked_while_another_is(
    honest: Builder, tmp_path: Path
) -> None:
    both = Builder(place=replace(honest.place, now=honest.place.now + 1), earlier=honest)
    folder = both.save(tmp_path, openings=False)
    both.save_openings(folder)
    report = audit(DirSource(folder), pins=pins(both))
    first, second = report.campaigns
    assert first.payouts_expected is None
    assert second.payouts_expected == sum(both.owed.values())
    assert report.payouts_expected is None
    step = report.steps[8]
    assert (step.status, step.checked) == (Status.NOT_CHECKED, len(both.owed) + 1)
    assert show(honest.campaign) in step.detail


def test_a_campaign_that_nobody_answered_passes(audited: Audited) -> None:
    report = audited({"pairs": lambda *_: []})
    assert [step.status for step in report.steps[:-1]] == [Status.PASSED] * 9
    assert (report.labels, report.payouts_expected) == (0, 0)


def test_the_last_line_says_what_was_not_checked_and_what_that_needs(audited: Audited) -> None:
    report = audited(openings=False)
    assert list(render(report))[-1] == (
        "What was checked holds, but 6 of 10 steps were not checked: items, reviews, inference, reputation,"
        " payouts, chain. No answer and no payment was computed again. Needed: --key of an auditor that the"
        " requester named (for a saved copy: when it is saved); --rpc of a node of the chain."
    )
    value = report.to_json()
    assert (value["ok"], value["complete"]) == (True, False)
    assert {step["name"] for step in value["steps"] if "--key" in step["needs"]} == set(NAMES[4:9])


def test_a_failed_step_is_not_blamed_on_the_reader(audited: Audited) -> None:
    report = audited({"listed items": lambda items, _: items[1:]})
    assert list(render(report))[-1] == "The log does not hold: items."
    assert [step.needs for step in report.steps[5:9]] == [""] * 4


def test_an_empty_log_passes(honest: Builder, tmp_path: Path) -> None:
    made = copy(honest)
    made.entries, made.openings, made.tree = [], [], Tree()
    report = audit(DirSource(made.save(tmp_path)), pins=pins(made))
    assert report.log_size == 0
    assert not report.failed


def test_a_copy_that_is_older_than_the_openings_is_audited_as_it_was(honest: Builder, tmp_path: Path) -> None:
    folder = honest.save(tmp_path)
    path = next((folder / "openings").iterdir())
    later = {"index": len(honest.entries), "leaf": "0x" + "22" * 32, "kind": "Label", "openings": {}}
    path.write_bytes(path.read_bytes() + json.dumps(later).encode() + b"\n")
    assert not audit(DirSource(folder), pins=pins(honest)).failed
