"""A simulated crowd over the handwritten digits that ship inside scikit-learn (8 by 8 pixels, 1,797 of them).

Skills are stated here and nowhere told to the service: what it learns about a worker, it learns from labels.
"""

from __future__ import annotations

import base64
import random
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from ledger_service.errors import BadInput
from scripts.demo_job.crowd import Crowd, Item, Person, sampler

DIGITS = tuple("0123456789")
# What a digit is taken for when it is taken for another one, most likely first.
LOOKALIKES = {
    "0": "698", "1": "749", "2": "731", "3": "582", "4": "917",
    "5": "368", "6": "085", "7": "149", "8": "369", "9": "475",
}  # fmt: skip
DEFAULT_ITEMS, DEFAULT_LABELS_PER_ITEM = 200, 5
CHANCE = 1 / len(DIGITS)
ZOOM = 4


@dataclass(frozen=True, slots=True)
class _Habit:
    """How somebody answers: right with probability `accuracy`, else mostly a look-alike; or always one."""

    skill: str
    accuracy: float
    seconds: tuple[int, int] = (3, 9)
    always: str | None = None

    def answer(self, choice: random.Random, truth: str) -> str:
        if self.always is not None:
            return self.always
        if choice.random() < self.accuracy:
            return truth
        if choice.random() < 0.8:
            return choice.choices(LOOKALIKES[truth], weights=(5, 3, 2))[0]
        return choice.choice([digit for digit in DIGITS if digit != truth])


def simulate(items: int | None, labels_per_item: int | None, seed: str) -> Crowd:
    """The digits crowd, the same for the same arguments.

    Raises:
        BadInput: more items than there are digits, or more labels an item than workers.
    """
    people = tuple(_people(seed))
    count = items or DEFAULT_ITEMS
    each = labels_per_item or DEFAULT_LABELS_PER_ITEM
    if each > len(people):
        raise BadInput(f"there are {len(people)} simulated workers; --labels-per-item can be no more")
    chosen = tuple(_items(count, seed))
    return Crowd(
        title="Handwritten digits",
        instructions="Which digit from 0 to 9 is in the image? Choose the nearest if you are not sure.",
        domain="image/digits",
        skills=("digits",),
        classes=DIGITS,
        items=chosen,
        people=tuple(_person(name, habit, chosen, seed) for name, habit in people),
        labels_per_item=each,
        restricted=False,
        gold_share=0.15,
    )


def _people(seed: str) -> Iterator[tuple[str, _Habit]]:
    """Each worker's name and habit."""
    choice = sampler(seed, "skills")
    groups = (("skilled", 8, 0.92, 0.98), ("average", 8, 0.75, 0.88), ("weak", 4, 0.45, 0.6))
    for skill, count, low, high in groups:
        for number in range(1, count + 1):
            yield f"{skill} {number}", _Habit(skill, choice.uniform(low, high))
    for number in (1, 2):
        yield f"random spammer {number}", _Habit("spammer", CHANCE, (2, 4))
    yield "constant spammer", _Habit("spammer", CHANCE, (2, 4), always="1")
    yield "hasty spammer", _Habit("spammer", CHANCE, (0, 0))


def _person(name: str, habit: _Habit, items: tuple[Item, ...], seed: str) -> Person:
    """A person with its answer to every item, independent of the order in which it is asked."""
    answers = {
        position: habit.answer(sampler(seed, f"answer of {name} to {item.name}"), str(item.truth))
        for position, item in enumerate(items)
    }
    return Person(name, habit.skill, answers, habit.seconds)


def _items(count: int, seed: str) -> Iterator[Item]:
    from sklearn.datasets import load_digits  # takes a second to import, so only when it is used

    digits = load_digits()
    if count > len(digits.target):
        raise BadInput(f"there are {len(digits.target)} digits; --items can be no more")
    order = sampler(seed, "items").sample(range(len(digits.target)), count)
    for number in order:
        pixels = [[int(value) for value in row] for row in digits.images[number]]
        yield Item(f"digit {number}", {"image": _png_url(pixels)}, str(int(digits.target[number])))


def _png_url(pixels: list[list[int]]) -> str:
    """A data URL of a grey PNG (PNG specification, third edition), dark ink on white, values 0 to 16."""
    width, height = len(pixels[0]) * ZOOM, len(pixels) * ZOOM
    rows = b"".join(
        (b"\x00" + b"".join(bytes([255 - min(255, value * 16)]) * ZOOM for value in row)) * ZOOM
        for row in pixels
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    raw = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)
    return "data:image/png;base64," + base64.b64encode(raw).decode()


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data).to_bytes(4, "big")
    return len(data).to_bytes(4, "big") + kind + data + checksum
