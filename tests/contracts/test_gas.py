"""What every call costs is what `contracts/.gas-snapshot` says, to the unit."""

from __future__ import annotations

import pytest

from scripts.contract_checks import gas, project


def test_no_call_costs_more_or_less_than_the_snapshot_says() -> None:
    if not (project.HARDHAT / "node_modules" / "@foundry-rs").is_dir():
        pytest.skip("hardhat_local is not installed: run npm ci there")
    kept = gas.load()
    assert len(kept) > 50
    # Where a change is meant: python -m scripts.contract_checks.gas --write
    assert gas.differences(kept, gas.measured()) == []
