"""Who answers what: a crowd, replayed from files or simulated over scikit-learn's handwritten digits."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

GOLD_AT_LEAST = 10


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to label: its name in the source, what workers see, and the true answer where it is known."""

    name: str
    content: Mapping[str, str]
    truth: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """One worker: the answer it gives to each item that it may be asked (by position), and its pace.

    `seconds` is the range of seconds between two answers; (0, 0) for somebody who does not look at all.
    """

    name: str
    skill: str
    answers: Mapping[int, str] = field(repr=False)
    seconds: tuple[int, int] = (3, 9)


@dataclass(frozen=True, slots=True)
class Crowd:
    """Items, classes in their order, people, and how many labels each item should get at most.

    `restricted` says that a person can only be asked the items that it has an answer to.
    """

    title: str
    instructions: str
    domain: str
    skills: tuple[str, ...]
    classes: tuple[str, ...]
    items: tuple[Item, ...]
    people: tuple[Person, ...]
    labels_per_item: int
    restricted: bool
    gold_share: float = 0.05
    notes: tuple[str, ...] = ()

    def expected_labels(self) -> int:
        """How many labels there are when every item got what it can get."""
        counts = [0] * len(self.items)
        for person in self.people:
            for position in person.answers:
                counts[position] += 1
        return sum(min(count, self.labels_per_item) for count in counts)

    def capacity(self, person: Person) -> int:
        """The most labels that a person takes: all it has, or half as much again as its even share."""
        if self.restricted:
            return len(person.answers)
        return -(-3 * self.expected_labels() // (2 * len(self.people)))

    def gold(self, seed: str) -> list[int]:
        """Positions of the hidden gold items: a sample of those with a known truth, the same for a seed.

        The stated share of them, at least ten where that is no more than a quarter.
        """
        known = [position for position, item in enumerate(self.items) if item.truth is not None]
        count = max(round(self.gold_share * len(known)), min(GOLD_AT_LEAST, len(known) // 4))
        return sorted(sampler(seed, "gold").sample(known, min(count, len(known))))


def sampler(seed: str, purpose: str) -> random.Random:
    """A source of choices that is the same for the same seed and purpose; never for secrets."""
    return random.Random(f"{seed}/{purpose}")  # noqa: S311


def sort_classes(names: Sequence[str]) -> tuple[str, ...]:
    """Classes in a stable order: by number where all are numbers, else by text."""
    try:
        return tuple(sorted(set(names), key=lambda name: (float(name), name)))
    except ValueError:
        return tuple(sorted(set(names)))
