"""Fixtures of the monitor's tests: a log over HTTP, a real chain, a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audit.builder import Builder
from tests.audit.chain_world import ChainWorld
from tests.chains import made, node_url, world
from tests.monitor.world import MonitorServer, Watched

__all__ = ["made", "node_url", "world"]


@pytest.fixture
def watched(world: ChainWorld, made: Builder, node_url: str, tmp_path: Path) -> Iterator[Watched]:
    """An honest log, and somebody who watches it; its openings are shown to its requester."""
    with MonitorServer(tmp_path / "log", made.requester.address) as server:
        found = Watched(world, node_url, tmp_path / "log", server, tmp_path / "state")
        found.escrow = world.escrow
        found.publish(made)
        yield found
