"""A life, mirrored by its operator, and databases to restore it into."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.conftest import new_database
from tests.flow.world import World
from tests.fsck.conftest import Life, lived
from tests.restore.world import mirror_world


@pytest.fixture(scope="session")
def life(server_url: str) -> Iterator[Life]:
    """A paid campaign, a running one and a draft."""
    with new_database(server_url) as database:
        made = World(database)
        yield lived(made)
        made.store.close()


@pytest.fixture(scope="session")
def mirrored(life: Life, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its mirror, which no test changes."""
    folder = tmp_path_factory.mktemp("mirrored")
    mirror_world(life.world, folder)
    return folder


@pytest.fixture
def copy(mirrored: Path, tmp_path: Path) -> Path:
    """A mirror of its own for a test that changes it."""
    return Path(shutil.copytree(mirrored, tmp_path / "copy"))


@pytest.fixture
def empty(server_url: str) -> Iterator[Engine]:
    """Where to restore it."""
    with new_database(server_url) as made:
        yield made
