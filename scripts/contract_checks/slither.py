"""Slither's static analysis: every finding of medium impact or more is answered in the source, with a reason.

An answer is a comment `// slither-disable-next-line DETECTOR` before the line, below one that says why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.contract_checks import project
from scripts.contract_checks.outcome import Outcome
from scripts.programs import VENV_DEEP

GRAVE = ("High", "Medium")
DIRECTIVE = re.compile(r"//\s*slither-disable")
REASON = re.compile(r"(//|\*).*\w+ \w+")


def check() -> Outcome:
    """Run every detector on the sources, without the tests and the libraries of others."""
    with project.alone("slither") as folder:
        project.stage(folder, ("src",))
        report = folder / "report.json"
        report.unlink(missing_ok=True)
        options = ("--filter-paths", "node_modules", "--json", str(report), "--no-fail-pedantic")
        ended = project.call([VENV_DEEP / "bin" / "slither", ".", *options], folder)
        if not report.exists():
            return Outcome("did not run", (ended.said,))
        found = json.loads(report.read_text("utf-8"))
    if not found["success"]:
        return Outcome("did not run", (str(found["error"]),))
    findings = found["results"].get("detectors", [])
    answered = list(answers(project.CONTRACTS / "src"))
    grave = [text(finding) for finding in findings if finding["impact"] in GRAVE]
    bare = [
        f"{place}: above this answer to slither no comment says why" for place, good in answered if not good
    ]
    counts = {
        impact: sum(finding["impact"] == impact for finding in findings)
        for impact in (*GRAVE, "Low", "Informational", "Optimization")
    }
    summary = f"{len(grave)} findings of medium impact or more, {len(answered)} answered in the source"
    return Outcome(summary, (*grave, *bare), {**counts, "answered": len(answered)})


def text(finding: dict[str, Any]) -> str:
    """A finding as slither puts it, under its impact and the detector's name."""
    return f"{finding['impact']}: {finding['check']}: {finding['description'].strip()}"


def answers(folder: Path) -> Iterator[tuple[str, bool]]:
    """Where the sources answer slither, and whether a comment says why."""
    for path in sorted(folder.rglob("*.sol")):
        lines = path.read_text("utf-8").splitlines()
        for number, line in enumerate(lines):
            if not DIRECTIVE.search(line):
                continue
            above = number - 1
            while above > 0 and DIRECTIVE.search(lines[above]):
                above -= 1
            name = path.relative_to(folder.parent)
            yield f"{name}:{number + 1}", bool(REASON.match(lines[above].strip()))
