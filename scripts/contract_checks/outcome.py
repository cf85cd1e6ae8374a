"""What a long check found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """The outcome of one step of `scripts/check-deep`.

    Attributes:
        summary: one line that says it all where the step succeeded.
        wrong: what is wrong, one text each; none where the step succeeded.
        figures: for `--json`.
    """

    summary: str
    wrong: tuple[str, ...] = ()
    figures: Mapping[str, object] = field(default_factory=dict)
