from __future__ import annotations

import pytest

from tests.verify.world import World


@pytest.fixture(scope="session")
def world() -> World:
    """The campaign as it should be. Nobody changes it."""
    return World()
