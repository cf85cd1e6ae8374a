"""Folders for tests that run the embedded database."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder of the test's own that is not below pytest's.

    As root, the database's user has to pass through the folders above; every pytest session that starts takes
    that permission away from pytest's common folder again.
    """
    folder = Path(tempfile.mkdtemp(prefix="crowdledger-test-")).resolve()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
