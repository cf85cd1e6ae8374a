"""The contracts: their own test suite, and what they share with the Python side."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from ledger_service import entries
from tests.hardhat_local.conftest import ROOT, node_binary

FORGE = ROOT / "hardhat_local" / "node_modules" / ".bin" / "forge"


def forge(*arguments: str) -> str:
    """Run forge on the contracts with the Node that the project uses; its output if it succeeds."""
    if not FORGE.exists():
        pytest.skip("hardhat_local is not installed: run npm ci there")
    path = f"{Path(node_binary()).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [str(FORGE), *arguments],
        cwd=ROOT / "contracts",
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=1_200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_contracts_pass_their_own_tests() -> None:
    summary = re.search(r"(\d+) tests passed, 0 failed, 0 skipped", forge("test"))
    assert summary is not None
    assert int(summary[1]) > 600  # or forge no longer sees them all


@pytest.mark.parametrize(
    "kind",
    [entries.Assignment, entries.Label, entries.Reputation, entries.Payout, entries.Dataset],
    ids=lambda k: k.__name__,
)
def test_chain_and_service_agree_on_an_entry_type(kind: type[entries.Struct]) -> None:
    source = (ROOT / "contracts" / "src" / "libraries" / "Entries.sol").read_text()
    assert f'"{entries.type_string(kind)}"' in source
    body = re.search(rf"struct {kind.__name__} {{(.*?)}}", source, re.DOTALL)
    assert body is not None
    members = ",".join(" ".join(line.split()) for line in body[1].split(";") if line.strip())
    assert entries.type_string(kind) == f"{kind.__name__}({members})"
