"""Restores a world's mirror in a process that may be killed: WORLD_URL DATABASE_URL MIRROR."""

from __future__ import annotations

import sys
from pathlib import Path

from ledger_service.store.store import connect
from tests.flow.world import World
from tests.restore.world import restored


def say(word: str) -> None:
    """Tell who waits for it."""
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    world_url, database_url, folder = sys.argv[1:]
    world, database = World(connect(world_url)), connect(database_url)
    with database.connect():
        say("ready")
    with restored(world, Path(folder), database):
        say("done")
