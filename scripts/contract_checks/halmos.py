"""Halmos: proofs, for all values, of the checks in `contracts/test/symbolic`.

A check whose name ends in `MustFail` states what is false: halmos has to find a counterexample, or the others
prove nothing either.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from scripts.contract_checks import project
from scripts.contract_checks.outcome import Outcome
from scripts.programs import VENV_DEEP

CHECK = re.compile(r"function (check_\w+)")
FALSE = "MustFail"
PROVED, REFUTED = 0, 1  # what halmos calls exit codes of a check
MEANINGS = {2: "the solver gave up in time", 3: "halmos met what it does not know", 4: "every path reverts"}
OPTIONS = ("--solver", "z3", "--solver-timeout-assertion", "10m")


def check() -> Outcome:
    """Prove every check, refute those that are false."""
    with project.alone("halmos") as folder:
        project.stage(folder)
        expected = known_checks(folder / "test" / "symbolic")
        report = folder / "report.json"
        report.unlink(missing_ok=True)
        tools = os.pathsep.join([str(VENV_DEEP / "bin"), project.environment()["PATH"]])
        ended = project.call(
            [VENV_DEEP / "bin" / "halmos", "--root", folder, *OPTIONS, "--json-output", report],
            folder,
            more={"PATH": tools},
        )
        if not report.exists():
            return Outcome("did not run", (ended.said,))
        results = json.loads(report.read_text("utf-8"))["test_results"]
    return judge(expected, {name: one for tests in results.values() for name, one in named(tests).items()})


def known_checks(folder: Path) -> list[str]:
    """The names of the checks that the sources have."""
    return [
        name for path in sorted(folder.glob("*.t.sol")) for name in CHECK.findall(path.read_text("utf-8"))
    ]


def named(tests: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """halmos' results of one contract, by the name of the check."""
    return {one["name"].partition("(")[0]: one for one in tests}


def judge(expected: list[str], results: dict[str, dict[str, Any]]) -> Outcome:
    """Whether every check came out as its name says."""
    wrong = [f"{name}: halmos did not run it" for name in expected if name not in results]
    if not any(name.endswith(FALSE) for name in expected):
        wrong.append("there is no check that must fail, so nothing shows that halmos looks at all")
    for name, one in results.items():
        wanted = REFUTED if name.endswith(FALSE) else PROVED
        code = one["exitcode"]
        if code != wanted:
            said = {PROVED: "proved", REFUTED: "refuted", **MEANINGS}.get(code, f"halmos says {code}")
            wrong.append(f"{name} should be {'refuted' if wanted else 'proved'}, but: {said}")
    proved = sum(not name.endswith(FALSE) and one["exitcode"] == PROVED for name, one in results.items())
    refuted = sum(name.endswith(FALSE) and one["exitcode"] == REFUTED for name, one in results.items())
    summary = f"{proved} theorems proved, {refuted} false ones refuted"
    figures = {
        name: {"exitcode": r["exitcode"], "seconds": seconds(r), "paths": r.get("num_paths")}
        for name, r in results.items()
    }
    return Outcome(summary, tuple(wrong), {"checks": figures})


def seconds(result: dict[str, Any]) -> float | None:
    """Wall time of one check."""
    times = result.get("time")
    return round(times[0], 1) if times else None
