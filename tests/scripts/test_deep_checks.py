"""How the long checks of the contracts read what their tools say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.contract_checks import coverage, deep, gas, halmos, hardhat, project, slither
from scripts.contract_checks.outcome import Outcome
from scripts.programs import Stop

LCOV = """\
TN:
SF:src/A.sol
DA:1,4
DA:2,0
BRDA:1,0,0,7
BRDA:3,0,1,-
end_of_record
SF:test/A.t.sol
DA:1,0
end_of_record
SF:src/local/Coin.sol
DA:1,0
end_of_record
"""


def test_coverage_names_lines_and_branches_of_the_contracts_alone(tmp_path: Path) -> None:
    for name in ("src/A.sol", "test/A.t.sol", "src/local/Coin.sol"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one\n  two;\nthree\n")
    found, lines, branches = coverage.gaps(LCOV, tmp_path)
    assert (lines, branches) == (2, 2)
    assert found == [
        coverage.Gap("src/A.sol", 2, "line", "two;"),
        coverage.Gap("src/A.sol", 3, "branch", "three"),
    ]


def test_a_reason_answers_for_the_assembly_of_one_function() -> None:
    text = (
        "    function f() {\n        one();\n        assembly {\n            two\n        }\n    }\n"
        "    function g() {\n        assembly {\n            three\n        }\n    }\n"
    )
    reason = coverage.Reason("src/A.sol", "f", "the compiler does not say")
    lines = [n for n in range(1, 12) if reason.answers(coverage.Gap("src/A.sol", n, "line", ""), text)]
    assert lines == [3, 4, 5]
    assert not reason.answers(coverage.Gap("src/B.sol", 4, "line", ""), text)


def outcomes(**codes: int) -> dict[str, dict[str, Any]]:
    return {f"check_{name}": {"exitcode": code, "time": [1.26, 0, 0]} for name, code in codes.items()}


def test_halmos_has_to_prove_what_is_true_and_refute_what_is_not() -> None:
    expected = ["check_sum", "check_falseMustFail"]
    good = halmos.judge(expected, outcomes(sum=0, falseMustFail=1))
    assert good.wrong == ()
    assert good.summary == "1 theorems proved, 1 false ones refuted"
    vacuous = halmos.judge(expected, outcomes(sum=0, falseMustFail=0))
    assert vacuous.wrong == ("check_falseMustFail should be refuted, but: proved",)
    unsure = halmos.judge(expected, outcomes(sum=2, falseMustFail=1))
    assert unsure.wrong == ("check_sum should be proved, but: the solver gave up in time",)


def test_halmos_has_to_run_every_check_and_one_that_must_fail() -> None:
    assert halmos.judge(["check_sum"], outcomes(sum=0)).wrong == (
        "there is no check that must fail, so nothing shows that halmos looks at all",
    )
    assert halmos.judge(["check_sum", "check_xMustFail"], outcomes(xMustFail=1)).wrong == (
        "check_sum: halmos did not run it",
    )


def test_an_answer_to_slither_says_why(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "A.sol").write_text(
        "// Rounded down on purpose.\n"
        "// slither-disable-next-line divide-before-multiply\n"
        "a();\n"
        "b();\n"
        "// slither-disable-next-line timestamp\n"
        "c();\n"
    )
    assert list(slither.answers(tmp_path / "src")) == [("src/A.sol:2", True), ("src/A.sol:5", False)]


def test_hardhat_runs_as_forge_is_told() -> None:
    made: dict[str, Any] = hardhat.settings(None, None)
    told = project.settings()
    assert made["solidity"]["settings"]["evmVersion"] == told["profile"]["default"]["evm_version"]
    assert made["test"]["solidity"]["fuzz"]["runs"] == told["fuzz"]["runs"]
    assert made["test"]["solidity"]["invariant"]["depth"] == told["invariant"]["depth"]
    fewer: dict[str, Any] = hardhat.settings(8, 4)
    assert fewer["test"]["solidity"]["fuzz"]["runs"] == 8
    assert fewer["test"]["solidity"]["invariant"]["runs"] == 4


def suite(*logs: tuple[str, str]) -> dict[str, Any]:
    told = [{"topics": [topic], "data": data} for topic, data in logs]
    return {"test/Gas.t.sol:GasTest": {"test_results": {"test_claim()": {"logs": told}}}}


def measured(what: str, size: int, used: int) -> tuple[str, str]:
    words = [96, size, used, len(what)]
    text = what.encode().ljust(32, b"\0").hex()
    return gas.MEASURED, "0x" + "".join(f"{word:064x}" for word in words) + text


def test_measured_gas_is_read_by_test_and_name() -> None:
    found = gas.figures(suite(measured("claim", 7, 60_000), ("0xff", "0x"), measured("claim", 7, 40_000)))
    assert found == {"GasTest.test_claim: claim, 7": 60_000, "GasTest.test_claim: claim, 7 #2": 40_000}


def test_a_snapshot_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    found = {"GasTest.test_claim: claim, 7": 60_000, "GasTest.test_claim: a = b, 1": 1_234_567}
    path.write_text(gas.text(found))
    assert gas.load(path) == found
    assert gas.differences(found, found) == []
    changed = {"GasTest.test_claim: claim, 7": 60_001, "GasTest.test_new: x, 1": 1}
    assert gas.differences(found, changed) == [
        "GasTest.test_claim: claim, 7: 60,000 gas in the snapshot, 60,001 now",
        "GasTest.test_claim: a = b, 1: not measured any more",
        "GasTest.test_new: x, 1: not in the snapshot",
    ]
    with pytest.raises(Stop, match="cannot be read"):
        gas.load(tmp_path / "none")


def test_one_failed_step_fails_the_deep_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped() -> Outcome:
        raise Stop("no forge")

    steps = {"good": lambda: Outcome("3 passed"), "bad": lambda: Outcome("1 failed", ("x",)), "ugly": stopped}
    monkeypatch.setattr(deep, "STEPS", steps)
    assert deep.main(["--json"]) == 1
    said = capsys.readouterr()
    outcome = json.loads(said.out)
    assert outcome["bad"]["wrong"] == ["x"]
    assert outcome["ugly"]["wrong"] == ["no forge"]
    assert "failed: bad, ugly" in said.err
    assert deep.main(["--only", "good"]) == 0
