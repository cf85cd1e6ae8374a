"""The package offers everything by its own name, and loads late what only some callers want."""

from __future__ import annotations

import subprocess
import sys

import pytest

import reputation

HEAVY = ("torch", "scipy", "sklearn", "pyarrow", "matplotlib", "pandas")


def test_every_name_that_the_package_offers_is_there() -> None:
    assert len(set(reputation.__all__)) == len(reputation.__all__)
    offered = {name: getattr(reputation, name) for name in reputation.__all__}
    assert all(value is not None for value in offered.values())
    assert set(reputation.__all__) <= set(dir(reputation))


def test_a_late_name_is_the_one_of_its_module() -> None:
    from reputation.attacks.verdict import settle_allowed
    from reputation.crowd.skill import skills
    from reputation.gold.infer import Gold, Inference, infer

    assert (reputation.infer, reputation.Gold, reputation.Inference) == (infer, Gold, Inference)
    assert (reputation.skills, reputation.settle_allowed) == (skills, settle_allowed)


def test_a_name_that_is_not_there_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'magic'"):
        _ = reputation.magic


def test_neither_importing_the_package_nor_any_of_its_names_loads_anything_heavy() -> None:
    program = (
        "import sys, reputation\n"
        "late = [n for n in sys.modules if n.startswith(('reputation.gold', 'reputation.attacks'))]\n"
        "from reputation import *\n"
        f"heavy = [n for n in {HEAVY!r} if n in sys.modules]\n"
        "print(late, heavy, infer.__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] [] infer"
