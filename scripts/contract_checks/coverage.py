"""Every line and branch of `contracts/src` runs in the tests, or `contracts/coverage.toml` says why not."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.contract_checks import mutants, project
from scripts.contract_checks.outcome import Outcome

REASONS = project.CONTRACTS / "coverage.toml"
LEFT_OUT = ("src/local/",)
ASSEMBLY = re.compile(r"^(?P<indent> *)assembly .*?^(?P=indent)\}", re.MULTILINE | re.DOTALL)
# Without the optimizer, inline assembly does not reach all its variables unless compiled by way of Yul.
# The bars of the gas tests are those of optimised code; the invariants reach what others have reached.
OPTIONS = ("--ir-minimum", "--report", "lcov", "--report-file", "lcov.info")
CHOICE = ("--no-match-contract", "^Gas", "--no-match-test", "^invariant")
FEW_RUNS = {"FOUNDRY_FUZZ_RUNS": "32"}


@dataclass(frozen=True)
class Gap:
    """A line or a branch that no test reaches. `code` is the text of its line."""

    file: str
    line: int
    kind: str
    code: str


@dataclass(frozen=True)
class Reason:
    """Why the assembly in the function `assembly_of` of `file` seems unreached."""

    file: str
    assembly_of: str
    why: str

    def answers(self, gap: Gap, text: str) -> bool:
        """Whether the gap lies in that assembly; `text` is the whole source."""
        if self.file != gap.file:
            return False
        functions = [text[start:end] for start, end in mutants.bodies(text, self.assembly_of)]
        blocks = [block[0] for body in functions for block in ASSEMBLY.finditer(body)]
        return any(gap.line in lines_of(text, block) for block in blocks)


def lines_of(text: str, part: str) -> range:
    """The numbers of the lines on which a part of a text stands."""
    first = text[: text.index(part)].count("\n") + 1
    return range(first, first + part.count("\n") + 1)


def check() -> Outcome:
    """Measure, and compare with the reasons."""
    with project.alone("coverage") as folder:
        project.stage(folder)
        (folder / "lcov.info").unlink(missing_ok=True)
        ended = project.call([project.forge_binary(), "coverage", *OPTIONS, *CHOICE], folder, more=FEW_RUNS)
        if ended.status != 0 or not (folder / "lcov.info").exists():
            return Outcome("did not run", (ended.said[-4000:],))
        lcov = (folder / "lcov.info").read_text("utf-8")
        found, lines, branches = gaps(lcov, folder)
    reasons = load_reasons()
    texts = {gap.file: (project.CONTRACTS / gap.file).read_text("utf-8") for gap in found}
    open_gaps = [gap for gap in found if not any(one.answers(gap, texts[gap.file]) for one in reasons)]
    idle = [one for one in reasons if not any(one.answers(gap, texts[gap.file]) for gap in found)]
    wrong = [f"{gap.file}:{gap.line}: no test reaches this {gap.kind}: {gap.code}" for gap in open_gaps]
    wrong += [f"coverage.toml: {one.file}: {one.assembly_of}: it is reached by now" for one in idle]
    summary = (
        f"{lines} lines and {branches} branches, {len(open_gaps)} unreached, {len(reasons)} with a reason"
    )
    figures = {"lines": lines, "branches": branches, "unreached": len(open_gaps), "reasons": len(reasons)}
    return Outcome(summary, tuple(wrong), figures)


def gaps(lcov: str, folder: Path) -> tuple[list[Gap], int, int]:
    """What an LCOV report says is unreached, and how many lines and branches it knows."""
    found: list[Gap] = []
    file, code, lines, branches = "", [""], 0, 0
    for record in lcov.splitlines():
        kind, _, rest = record.partition(":")
        if kind == "SF":
            file = rest
            code = (folder / file).read_text("utf-8").splitlines()
        if not file.startswith("src/") or file.startswith(LEFT_OUT) or kind not in ("DA", "BRDA"):
            continue
        number, hits = int(rest.split(",")[0]), rest.rpartition(",")[2]
        lines, branches = lines + (kind == "DA"), branches + (kind == "BRDA")
        if hits in ("0", "-"):
            found.append(Gap(file, number, "line" if kind == "DA" else "branch", code[number - 1].strip()))
    return found, lines, branches


def load_reasons() -> Sequence[Reason]:
    """What `coverage.toml` says; nothing where there is no such file."""
    if not REASONS.exists():
        return []
    return [Reason(**one) for one in tomllib.loads(REASONS.read_text("utf-8")).get("unreached", [])]
