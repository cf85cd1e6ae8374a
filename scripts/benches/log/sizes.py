"""How much is measured. The bars are for the sizes that `--entries` has by default."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.benches.log import ENTRIES

BATCHES = (256, 1_024)
CONNECTIONS = (1, 16, 128)
WORKERS = (1, 2)


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of a run.

    Attributes:
        entries: of the big log.
        rounds: how often each way of appending has its turn.
        a_round: entries in a turn, a whole number of the largest batches.
        single: entries in a turn where each is a commit of its own.
        posts: the most labels posted in one load.
        seconds: how long a load over HTTP lasts.
        labels: of the big log's campaign, each with a bundle.
        turns: in how many places of the big log they stand.
    """

    entries: int
    rounds: int
    a_round: int
    single: int
    posts: int
    seconds: float
    labels: int
    turns: int


def sizes_for(entries: int) -> Sizes:
    """All sizes that follow from the size of the big log."""
    share = entries / ENTRIES
    return Sizes(
        entries=entries,
        rounds=15 if share >= 1 else 3,
        a_round=_within(2 * max(BATCHES), int(share * 2 * 32_768), 32_768) // max(BATCHES) * max(BATCHES),
        single=_within(20, int(share * 1_000), 500),
        posts=_within(100, int(share * 12_000), 12_000),
        seconds=8.0 if share >= 1 else 1.0 if share >= 0.001 else 0.3,
        labels=_within(100, int(share * 10_000), 10_000),
        turns=_within(5, int(share * 500), 500),
    )


def _within(least: int, value: int, most: int) -> int:
    return max(least, min(value, most))
