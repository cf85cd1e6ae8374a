"""The contracts' tests notice wrongs: the list is complete, and none of its quick mutants survives."""

from __future__ import annotations

import pytest

from scripts.contract_checks import mutants, mutation, project, sites


@pytest.fixture(autouse=True)
def installed() -> None:
    if not (project.HARDHAT / "node_modules" / "@foundry-rs").is_dir():
        pytest.skip("hardhat_local is not installed: run npm ci there")


def test_the_list_of_mutants_fits_the_sources_and_the_tests() -> None:
    assert mutants.stale(mutants.load()) == []


def test_every_refusal_state_write_and_call_has_a_mutant() -> None:
    assert sites.uncovered(mutants.load()) == []  # scripts/mutants --suggest writes what is missing


def test_every_mutant_names_the_test_that_notices_it() -> None:
    assert [mutant.name for mutant in mutants.load() if not mutant.killer] == []


def test_no_quick_mutant_survives() -> None:
    quick = [mutant for mutant in mutants.load() if mutant.quick]
    assert len(quick) >= 12
    verdicts = mutation.run(quick, mutation.workers(), lambda verdict: None)
    assert [(one.mutant.name, one.result, one.why) for one in verdicts if one.result != "killed"] == []
