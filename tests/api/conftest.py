"""A database for the tests of the API that share one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.conftest import new_database


@pytest.fixture(scope="session")
def engine(server_url: str) -> Iterator[Engine]:
    """A database with the whole schema."""
    with new_database(server_url) as made:
        yield made
