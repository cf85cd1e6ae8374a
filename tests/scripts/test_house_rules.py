"""The house rules find what they are there to find."""

from __future__ import annotations

import pytest

from scripts.house_rules import problems

LONG = "def f() -> None:\n" + "    x = 1\n" * 40


@pytest.mark.parametrize(
    ("place", "text", "problem"),
    [
        ("api/x.py", "x = 1\n" * 401, "1: a module has at most 400 lines, this one has 401"),
        ("api/x.py", LONG, "1: f has 41 lines, a function at most 40"),
        (
            "api/x.py",
            "class A:\n    async def f(self) -> None:\n" + "        x = 1\n" * 40,
            "2: f has 41 lines",
        ),
        ("api/x.py", "try:\n    x = 1\nexcept ValueError:\n    pass\n", "3: an error is swallowed"),
        ("api/x.py", "def f() -> None:\n    import torch.nn\n", "2: torch is imported in reputation and"),
        ("ledger_service/flow/x.py", "from sqlalchemy.orm import Session\n", "1: sqlalchemy is imported in"),
        ("ledger_service/storeroom.py", "import sqlalchemy\n", "1: sqlalchemy is imported in"),
        (
            "ledger_service/log/x.py",
            "from pydantic import BaseModel\n",
            "1: pydantic is imported in api only",
        ),
    ],
)
def test_a_broken_rule_is_found(place: str, text: str, problem: str) -> None:
    found = list(problems(place, text))
    assert len(found) == 1
    assert found[0].startswith(problem)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("api/x.py", "x = 1\n" * 400),
        ("api/x.py", LONG.rsplit("    x", 1)[0]),
        ("api/x.py", "from pydantic import BaseModel\nfrom . import torch\n"),
        ("ledger_service/store/x.py", "from sqlalchemy import text\n"),
        ("reputation/x.py", "def f() -> None:\n    import torch\n"),
        ("api/x.py", "try:\n    x = 1\nexcept ValueError:\n    x = 2\n"),
    ],
)
def test_what_keeps_the_rules_passes(place: str, text: str) -> None:
    assert list(problems(place, text)) == []
