"""Beside each test of the contracts lies a tree that says in words what it tests, leaf by leaf."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.hardhat_local.conftest import ROOT

FOLDER = ROOT / "contracts" / "test"
SOURCES = sorted(FOLDER.rglob("*.t.sol"))
LEAF = re.compile(r"^[│ ]*[├└]── it should ", re.MULTILINE)
TEST = re.compile(r"^ {4}function ((?:test|invariant|check)_\w+|testFuzz\w*|afterInvariant)\b", re.MULTILINE)
"""What forge or halmos runs by its name."""


def tree_of(source: Path) -> Path:
    """X.tree of X.t.sol."""
    return source.with_name(source.name.removesuffix(".t.sol") + ".tree")


def test_every_tree_belongs_to_a_test() -> None:
    assert len(SOURCES) > 40
    assert set(FOLDER.rglob("*.tree")) == {tree_of(source) for source in SOURCES}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_every_leaf_has_a_test(source: Path) -> None:
    leaves = LEAF.findall(tree_of(source).read_text("utf-8"))
    tests = TEST.findall(source.read_text("utf-8"))
    assert 0 < len(leaves) <= len(tests), f"{len(leaves)} leaves, {len(tests)} tests: {', '.join(tests)}"


def test_no_line_of_a_tree_is_neither_a_branch_nor_a_leaf() -> None:
    wrong = [
        f"{path.relative_to(FOLDER)}: {line}"
        for path in FOLDER.rglob("*.tree")
        for line in path.read_text("utf-8").splitlines()
        if line.startswith(tuple("│├└ ")) and not re.search(r"── (when|given|it should) ", line)
    ]
    assert not wrong
