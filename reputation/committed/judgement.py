"""What follows from committed parameters, and the unit in which their logarithms are added up."""

from __future__ import annotations

from dataclasses import dataclass

from reputation.votes import Ints

LOG_SCALE = 2.0**36  # a log of one part per million is 9.5e11 units: a million votes an item stay in int64


@dataclass(frozen=True, eq=False)
class Judgement:
    """An answer per item, [I] int64, and its probability in ppm, [I] int64."""

    answer: Ints
    confidence_ppm: Ints


@dataclass(frozen=True, eq=False)
class Skill:
    """A score per worker and its standard error, both [W] int64 ppm."""

    score_ppm: Ints
    standard_error_ppm: Ints
