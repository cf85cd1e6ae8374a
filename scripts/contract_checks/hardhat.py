"""The contracts' tests on Hardhat's EVM: another implementation than forge's, in a project of its own.

Hardhat reads contracts only from the folder of the nearest package.json, so they are copied into one.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from scripts.contract_checks import project
from scripts.contract_checks.outcome import Outcome

COUNT = re.compile(r"^ *(\d+) (passing|failing|skipped|pending)\b", re.MULTILINE)
FAILURES = re.compile(r"^ *\d+ failing\n(.*)", re.MULTILINE | re.DOTALL)


def check(fuzz_runs: int | None = None, invariant_runs: int | None = None) -> Outcome:
    """Run every test under Hardhat; as often as under forge where nothing else is said."""
    with project.alone("hardhat") as folder:
        prepare(folder, fuzz_runs, invariant_runs)
        cli = "node_modules/hardhat/dist/src/cli.js"
        ended = project.call(["node", cli, "test", "solidity"], folder)
    counts = {kind: int(number) for number, kind in COUNT.findall(ended.out)}
    passing, failing = counts.get("passing", 0), counts.get("failing", 0)
    summary = f"{passing} tests passed, {failing} failed"
    if ended.status == 0 and passing and not failing:
        return Outcome(summary, figures=counts)
    failures = FAILURES.search(ended.out)
    return Outcome(summary, (failures[1].rstrip() if failures else ended.said,), counts)


def prepare(folder: Path, fuzz_runs: int | None, invariant_runs: int | None) -> None:
    """A Hardhat project with the sources, the tests and forge's settings."""
    project.stage(folder)
    modules = folder / "node_modules"
    if not modules.is_symlink():
        modules.symlink_to(project.HARDHAT / "node_modules", target_is_directory=True)
    (folder / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
    config = json.dumps(settings(fuzz_runs, invariant_runs), indent=2)
    (folder / "hardhat.config.js").write_text(f"export default {config};\n")


def settings(fuzz_runs: int | None, invariant_runs: int | None) -> dict[str, object]:
    """Hardhat's configuration, from `contracts/foundry.toml` and the compiler that npm has."""
    forge = project.settings()
    profile, invariant = forge["profile"]["default"], forge["invariant"]
    packages = json.loads((project.HARDHAT / "package.json").read_text("utf-8"))["dependencies"]
    return {
        "solidity": {
            "version": packages["solc"],
            "path": str(project.HARDHAT / "node_modules" / "solc" / "soljson.js"),
            "settings": {
                "optimizer": {"enabled": profile["optimizer"], "runs": profile["optimizer_runs"]},
                "evmVersion": profile["evm_version"],
            },
        },
        "paths": {"sources": "./src", "tests": {"solidity": "./test"}},
        "test": {
            "solidity": {
                "memoryLimit": profile.get("memory_limit", 2**27),
                "fuzz": {"runs": fuzz_runs or forge["fuzz"]["runs"]},
                "invariant": {
                    "runs": invariant_runs or invariant["runs"],
                    "depth": invariant["depth"],
                    "failOnRevert": invariant["fail_on_revert"],
                },
            }
        },
    }
