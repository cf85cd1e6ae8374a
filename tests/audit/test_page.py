"""docs/formats.md is enough for a second audit: one written from it finds what the service logged."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matching_engine
import reputation
from ledger_service import commitments, entries, specification
from ledger_service.errors import BadInput
from ledger_service.specification import Specification
from tests.audit import second_audit
from tests.audit.builder import Builder, show
from tests.audit.test_audit import in_parts

PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()
SPECIFICATION = PAGE.split("## 5. ")[1].split("\n## ")[0]


def _opened(made: Builder, kind: str) -> list[tuple[Any, dict[str, Any]]]:
    lines = [line for line in made.openings if line["kind"] == kind]
    return [(made.entries[line["index"]], line["openings"]) for line in lines]


def _of(made: Builder, kind: type[Any]) -> list[Any]:
    return [entry.struct for entry in made.entries if isinstance(entry.struct, kind)]


def _labels(made: Builder) -> list[second_audit.Label]:
    assigned = {(one.item, one.worker): one.assigned_at for one in _of(made, entries.Assignment)}
    schema = made.spec_document["schema"]["labels"]
    return [
        second_audit.Label(
            leaf=entry.leaf,
            item=entry.struct.item,
            worker=entry.struct.worker,
            answer=schema.index(given) if (given := opens["answer"]["content"]["label"]) in schema else None,
            made_at=entry.struct.made_at,
            assigned_at=assigned[entry.struct.item, entry.struct.worker],
        )
        for entry, opens in _opened(made, "Label")
    ]


def _unknown(content: Any, position: int) -> Any:
    return {"label": "none of them"} if position == 7 else content


def _second(
    labels: list[second_audit.Label], opens: dict[str, Any]
) -> second_audit.Run | second_audit.FirstRun:
    if opens["method"]["version"] == 1:
        return second_audit.FirstRun(labels, opens["parameters"])
    run = second_audit.Run(labels, opens["parameters"], opens["method"])
    assert run.sums()
    return run


@pytest.mark.parametrize("method", reputation.COMMITTED_METHODS)
@pytest.mark.parametrize("changes", [{}, {"answer": _unknown}], ids=["as it is", "an answer of no schema"])
def test_an_audit_from_the_page_alone_finds_what_was_logged(changes: dict[str, Any], method: str) -> None:
    made = Builder(items=40, changes=changes, method=method)
    labels, document = _labels(made), made.spec_document
    schema = document["schema"]["labels"]
    (campaign, _), (run, opens) = _opened(made, "Campaign")[0], _opened(made, "InferenceRun")[0]
    gold = {
        bytes.fromhex(one["item"][2:]): schema.index(one["content"]["label"])
        for one in _opened(made, "Campaign")[0][1]["gold"]
    }

    given = second_audit.reasons(labels, gold, document["review"], len(schema))
    assert given == [opens["reason"]["content"] for _, opens in _opened(made, "Review")]
    assert {reason["rule"] for reason in given} >= {"accepted", "speed", "gold"}
    assert ("schema" in {reason["rule"] for reason in given}) == bool(changes)

    assert second_audit.digest(opens["method"]) == run.struct.method
    assert second_audit.digest(opens["parameters"]) == run.struct.parameters
    second = _second(labels, opens)
    truth = second.truth()
    assert run.struct.labels == len(second.votes)
    assert abs(run.struct.residual - second.residual()) <= 1
    assert truth == {
        entry.struct.item: (schema.index(opens["truth"]["content"]["label"]), entry.struct.confidence)
        for entry, opens in _opened(made, "Truth")
    }
    found = {one.worker: (one.score, one.standard_error) for one in _of(made, entries.Reputation)}
    assert found == second.standing()

    paid = second_audit.statements(
        show(campaign.struct.campaign), show(run.leaf), labels, given, truth, document["payment"]
    )
    payouts = _opened(made, "Payout")
    assert [opens["statement"] for _, opens in payouts] == list(paid.values())
    assert [entry.struct.statement for entry, _ in payouts] == [
        second_audit.digest(statement) for statement in paid.values()
    ]


def test_the_methods_on_the_page_are_those_of_the_code() -> None:
    texts = re.split(r"`InferenceRun.method` is (?:then )?the digest of\n\n```json\n", PAGE)[1:]
    found = [commitments.parse(text.split("```")[0].encode()) for text in texts]
    assert found == [reputation.method_document(method) for method in reputation.COMMITTED_METHODS]


def test_the_rules_on_the_page_are_those_of_the_example() -> None:
    blocks = [text.split("```")[0] for text in SPECIFICATION.split("```json\n")[1:]]
    document = commitments.parse(blocks[0].replace('"0x…"', '"0x' + "11" * 32 + '"').encode())
    assert (
        commitments.digest(commitments.parse(blocks[2].encode()))
        == Specification.from_json(document, 0).reviewer
    )


@pytest.mark.parametrize("part", [0, 1])
def test_a_campaign_is_founded_on_what_the_page_says(part: int) -> None:
    made = Builder(part=part, changes={"specification": in_parts} if part else {})
    listed = made.listed()
    given = (listed["terms"], made.place.chain_id, listed["escrow"])
    assert "0x" + second_audit.campaign_id(*given).hex() == listed["campaign"]
    items, gold = second_audit.share(listed["specification"], listed["terms"]["part"])
    entry = made.entries[0].struct
    assert isinstance(entry, entries.Campaign)
    assert (items["count"], items["root"]) == (entry.item_count, "0x" + entry.items.hex())
    assert (gold["count"], gold["root"]) == (entry.gold_count, "0x" + entry.gold.hex())
    assert listed["terms"]["brief"] == "0x" + second_audit.digest(listed["specification"]).hex()
    assert listed["terms"]["labelPrice"] == listed["specification"]["payment"]["per_label"]


def test_the_digests_of_a_matching_are_those_on_the_page() -> None:
    luck = np.random.default_rng(5)
    problem = matching_engine.Problem(
        values=luck.integers(0, 1_000_001, (7, 5)),
        eligible=luck.random((7, 5)) < 0.7,
        demand=luck.integers(1, 4, 7),
        capacity=luck.integers(1, 4, 5),
        seed=b"\x05" * 32,
    )
    solved = matching_engine.assign(problem)
    values, eligible = problem.values.tolist(), problem.eligible.tolist()
    demand, capacity, prices = problem.demand.tolist(), problem.capacity.tolist(), solved.prices.tolist()
    inputs = second_audit.problem_digest(values, eligible, demand, capacity, problem.seed)
    assert inputs == matching_engine.problem_digest(problem)
    assert second_audit.prices_digest(prices) == matching_engine.prices_digest(solved.prices)
    assert second_audit.dual(values, eligible, demand, capacity, prices, len(solved.pairs)) == solved.dual


def _document(**changes: Any) -> dict[str, Any]:
    """A specification in which nothing is near a bound, with members changed by their path."""
    document = deepcopy(Builder().spec_document) | {"labels_per_item": 1}
    document["schema"]["labels"] = ["a", "b"]
    document["items"]["count"] = document["gold"]["count"] = 1
    document["payment"] = {"per_label": "0", "agreement_bonus": "0"}
    for path, value in changes.items():
        *outer, last = path.split("__")
        target = document
        for name in outer:
            target = target[name]
        target[last] = value
    return document


NUMBERS = {
    "labels_per_item": (1, 1_000),
    "review__min_seconds_per_label": (0, 86_400),
    "review__gold__min_answers": (1, 1_000_000),
    "review__gold__min_accuracy_ppm": (0, 1_000_000),
    "inference__tolerance_ppm": (100, 1_000_000),
    "assignment_seconds": (60, 31_622_400),
}


@pytest.mark.parametrize(("path", "bounds"), NUMBERS.items())
def test_the_bounds_on_the_page_are_those_of_the_code(path: str, bounds: tuple[int, int]) -> None:
    low, high = bounds
    assert re.search(rf"`{path.split('__')[-1]}`[^|]*?(\| )?.*?{low:,} to {high:,}", SPECIFICATION)
    for value in bounds:
        Specification.from_json(_document(**{path: value}), 0)
    for value in (low - 1, high + 1, float(low)):
        with pytest.raises(BadInput):
            Specification.from_json(_document(**{path: value}), 0)


def test_the_times_and_counts_on_the_page_are_those_of_the_code() -> None:
    most = 1 << 40
    Specification.from_json(_document(opens_at=0, closes_at=most, items__count=90_000, gold__count=0), 0)
    for changes in (
        {"opens_at": -1},
        {"closes_at": most + 1},
        {"opens_at": 5, "closes_at": 5},
        {"items__count": 0, "gold__count": 0},
        {"items__count": 90_001},
        {"gold__count": 2},
        {"unknown": 1},
        {"title": ""},
        {"title": "x" * 20_001},
        {"instructions": "ß" * 20_000, "licence": "ß" * 20_000},
        {"skills": ["x"] * 201},
        {"skills": [""]},
        {"schema__labels": [str(n) for n in range(201)]},
        {"schema__labels": ["a", "a"]},
        {"payment__per_label": str(1 << 64)},
        {"payment__per_label": str((1 << 64) // 5 * 4 + 5)},
    ):
        with pytest.raises(BadInput):
            Specification.from_json(_document(**changes), 0)
    Specification.from_json(_document(title="x" * 20_000, skills=["x"] * 200, languages=[]), 0)
    Specification.from_json(_document(payment__per_label=str((1 << 64) // 5 * 4)), 0)


def test_the_sizes_on_the_page_are_those_of_the_code() -> None:
    assert f"at most {specification.MAX_BYTES:,} bytes in JCS" in SPECIFICATION
    words = f"the smaller of {specification.MAX_WORKERS:,} and"
    for method, parameters in specification.MAX_PARAMETERS.items():
        words += f" ⌊{parameters:,} / K²⌋ (`{method}`) or"
    assert words.removesuffix(" or") in SPECIFICATION
    labels = [str(n) for n in range(100)]
    for method, most in (("latent-class-mean", 100), ("dawid-skene", 400)):
        of = {"schema__labels": labels, "inference__method": method}
        Specification.from_json(_document(**of, labels_per_item=most), 0)
        with pytest.raises(BadInput):
            Specification.from_json(_document(**of, labels_per_item=most + 1), 0)
