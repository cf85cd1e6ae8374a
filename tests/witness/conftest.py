"""A witness process that the tests of one module share, each with a log of its own."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator

import pytest

from ledger_service.log.checkpoint import LogKey
from tests.witness.world import RunningWitness, SmallLog, running

COUNT = 64
_next = itertools.count()


def log_key(number: int) -> LogKey:
    """The key of one of the logs that the shared witness follows."""
    return LogKey(f"log.example/{number}", hashlib.sha256(f"log {number}".encode()).digest())


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningWitness]:
    logs = tuple(str(log_key(number).verifier) for number in range(COUNT))
    with running(tmp_path_factory.mktemp("witness"), logs=logs) as made:
        yield made


@pytest.fixture
def log() -> SmallLog:
    """A log of ten entries that the shared witness has not seen yet."""
    return SmallLog(log_key(next(_next) % COUNT)).grow(10)
