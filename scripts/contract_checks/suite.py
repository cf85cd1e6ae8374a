"""What tests the contracts' test folder has, read from its text, and copies of it with some of them alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

CONTRACT = re.compile(r"^(?:abstract )?contract (\w+)", re.MULTILINE)
TEST = re.compile(r"function ((?:test|invariant)\w+)")
IMPORT = re.compile(r'^import\s[^;]*?"(\.[^"]+)";', re.MULTILINE)


def known_tests(folder: Path) -> set[str]:
    """`Contract.test` of every test of a project; what a contract inherits counts as its own too."""
    own: dict[str, set[str]] = {}
    parents: dict[str, list[str]] = {}
    for _, name, body in _contracts(folder):
        own[name] = set(TEST.findall(body))
        parents[name] = re.findall(r"\w+", re.sub(r"^\s*is\b", "", body.partition("{")[0]))
    return {f"{name}.{test}" for name in own for test in _inherited(name, own, parents)}


def homes(folder: Path) -> dict[str, Path]:
    """The file of every test contract of a project, by its name."""
    return {name: path for path, name, _ in _contracts(folder)}


def keep_only(folder: Path, wanted: Iterable[Path]) -> None:
    """Delete the test files that none of `wanted` needs, itself or through what it imports."""
    waiting, needed = list(wanted), set()
    while waiting:
        path = waiting.pop().resolve()
        if path not in needed:
            needed.add(path)
            waiting += [path.parent / name for name in IMPORT.findall(path.read_text("utf-8"))]
    for path in sorted((folder / "test").rglob("*.sol")):
        if path.resolve() not in needed:
            path.unlink()


def _contracts(folder: Path) -> Iterator[tuple[Path, str, str]]:
    """File, name and text of every contract below the test folder."""
    for path in sorted((folder / "test").rglob("*.sol")):
        pieces = CONTRACT.split(path.read_text("utf-8"))
        for name, body in zip(pieces[1::2], pieces[2::2], strict=True):
            yield path, name, body


def _inherited(name: str, own: dict[str, set[str]], parents: dict[str, list[str]]) -> set[str]:
    """The tests of a contract and of all that it inherits from."""
    return own.get(name, set()).union(*(_inherited(p, own, parents) for p in parents.get(name, [])))
