"""House rules that no common tool checks: sizes, swallowed errors, and where a library may be used."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("api", "ledger_service", "matching_engine", "reputation", "scripts")
LONGEST_MODULE = 400
LONGEST_FUNCTION = 40

# A library that one part of the program is built on is imported nowhere else.
CONFINED = {
    "sqlalchemy": ("ledger_service/store",),
    "alembic": ("ledger_service/store",),
    "torch": ("reputation", "matching_engine"),
    "transformers": ("matching_engine",),
    "sentence_transformers": ("matching_engine",),
    "fastapi": ("api", "scripts/interop"),  # which puts itself between a log and its readers
    "starlette": ("api", "scripts/interop"),
    "pydantic": ("api",),
}


def broken(root: Path) -> list[str]:
    """What breaks the rules below `root`, one sentence each, in the order of the files."""
    found = []
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            place = path.relative_to(root).as_posix()
            text = path.read_text("utf-8")
            found += [f"{place}:{problem}" for problem in problems(place, text)]
    return found


def problems(place: str, text: str) -> Iterator[str]:
    """What breaks the rules in one file: line and sentence."""
    lines = len(text.splitlines())
    if lines > LONGEST_MODULE:
        yield f"1: a module has at most {LONGEST_MODULE} lines, this one has {lines}"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            if size > LONGEST_FUNCTION:
                yield f"{node.lineno}: {node.name} has {size} lines, a function at most {LONGEST_FUNCTION}"
        elif isinstance(node, ast.ExceptHandler) and all(isinstance(step, ast.Pass) for step in node.body):
            yield f"{node.lineno}: an error is swallowed; say with contextlib.suppress which, and why"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from _misplaced(place, node)


def _misplaced(place: str, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        names = [node.module or ""] if node.level == 0 else []
    for name in names:
        library = name.partition(".")[0]
        homes = CONFINED.get(library)
        if homes and not place.startswith(tuple(home + "/" for home in homes)):
            yield f"{node.lineno}: {library} is imported in {' and '.join(homes)} only"
