"""Restores a world's mirror in processes that may be killed, one for each line of its input:
WORLD_URL DATABASE_URL MIRROR.

A process says its number when it is ready, `done` when it is, and this one `ended` once it is gone.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ledger_service.store.store import connect
from tests.flow.world import World
from tests.restore.world import restored


def say(word: object) -> None:
    """Tell who waits for it."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def work(world_url: str, database_url: str, folder: Path) -> None:
    """Restore it."""
    world, database = World(connect(world_url)), connect(database_url)
    with database.connect():
        say(os.getpid())
    with restored(world, folder, database):
        say("done")


def forked(world_url: str, database_url: str, folder: str) -> None:
    """Restore it in a process that has everything imported."""
    child = os.fork()
    if child == 0:
        try:
            work(world_url, database_url, Path(folder))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    say("ended")


if __name__ == "__main__":
    for _ in sys.stdin:
        forked(*sys.argv[1:])
