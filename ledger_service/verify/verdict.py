"""What a verification says, and what it remembers from one bundle to the next."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from ledger_service.commitments import Json

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bundle that holds.

    Attributes:
        kind: label or payment.
        facts: what is now proved, by name (campaign, worker, item, answer, amount, …).
        steps: the steps that were taken, as (number, words).
        notes: what was not checked and how it could be, in plain sentences.
    """

    kind: str
    facts: dict[str, Json]
    steps: tuple[tuple[int, str], ...]
    notes: tuple[str, ...]

    def to_json(self) -> Json:
        """One object, as `crowdledger verify --json` prints it."""
        return {
            "ok": True,
            "kind": self.kind,
            **self.facts,
            "steps": [number for number, _ in self.steps],
            "notes": list(self.notes),
        }


class Memory:
    """Results of checks that bundles of one run share: the checkpoint, a campaign, a grant. Bounded.

    Only what held is remembered, under all the bytes that it depends on.
    """

    def __init__(self, capacity: int = 8192) -> None:
        self._capacity = capacity
        self._known: OrderedDict[Hashable, Any] = OrderedDict()

    def recall(self, key: Hashable, check: Callable[[], _T]) -> _T:
        """The result of `check` for this key; `check` runs once while the key is remembered."""
        if key in self._known:
            self._known.move_to_end(key)
            known: _T = self._known[key]
            return known
        found = self._known[key] = check()
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)
        return found
