"""The simulated crowd: repeatable, and as skilled as it says."""

from __future__ import annotations

import base64
import struct
import zlib

import pytest

from ledger_service.errors import BadInput
from scripts.demo_job.crowd import Crowd, Person
from scripts.demo_job.crowd_digits import simulate


@pytest.fixture(scope="module")
def crowd() -> Crowd:
    return simulate(None, None, "seed")


def right(crowd: Crowd, person: Person) -> float:
    return sum(person.answers[n] == item.truth for n, item in enumerate(crowd.items)) / len(crowd.items)


def test_the_same_seed_gives_the_same_crowd_and_another_one_another(crowd: Crowd) -> None:
    assert simulate(None, None, "seed") == crowd
    other = simulate(None, None, "another seed")
    assert [item.name for item in other.items] != [item.name for item in crowd.items]


def test_by_default_there_are_200_items_with_5_labels_from_24_people(crowd: Crowd) -> None:
    assert (len(crowd.items), crowd.labels_per_item, len(crowd.people)) == (200, 5, 24)
    assert crowd.expected_labels() == 1000
    assert len({person.name for person in crowd.people}) == 24
    assert len(crowd.gold("seed")) == 30


def test_fewer_items_are_the_first_of_more(crowd: Crowd) -> None:
    fewer = simulate(12, 3, "seed")
    assert fewer.items == crowd.items[:12]
    assert [dict(p.answers) for p in fewer.people] == [
        {position: p.answers[position] for position in range(12)} for p in crowd.people
    ]


def test_people_are_as_skilled_as_stated(crowd: Crowd) -> None:
    expected = {"skilled": (0.88, 1.0), "average": (0.68, 0.93), "weak": (0.35, 0.7), "spammer": (0.0, 0.2)}
    for person in crowd.people:
        low, high = expected[person.skill]
        assert low <= right(crowd, person) <= high, person.name


def test_spammers_are_of_three_kinds(crowd: Crowd) -> None:
    spammers = {person.name: person for person in crowd.people if person.skill == "spammer"}
    assert set(spammers["constant spammer"].answers.values()) == {"1"}
    assert spammers["hasty spammer"].seconds == (0, 0)
    assert len(set(spammers["random spammer 1"].answers.values())) == 10
    assert all(person.seconds[0] >= 2 for person in crowd.people if person.name != "hasty spammer")


def test_items_are_png_images_of_what_their_truth_says(crowd: Crowd) -> None:
    pictures = set()
    for item in crowd.items:
        head, _, body = item.content["image"].partition(",")
        raw = base64.b64decode(body)
        assert head == "data:image/png;base64"
        assert raw.startswith(b"\x89PNG\r\n\x1a\n")
        assert pixels_of(raw).count(255) > 0
        pictures.add(raw)
        assert item.truth in crowd.classes
    assert len(pictures) == len(crowd.items)


def pixels_of(raw: bytes) -> bytes:
    """The image data of a grey PNG, each checksum checked."""
    at, data = 8, b""
    while at < len(raw):
        (length,) = struct.unpack(">I", raw[at : at + 4])
        kind, body = raw[at + 4 : at + 8], raw[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack(">I", raw[at + 8 + length : at + 12 + length])
        assert zlib.crc32(kind + body) == checksum
        data += body if kind == b"IDAT" else b""
        at += 12 + length
    rows = zlib.decompress(data)
    assert len(rows) == 32 * 33
    return b"".join(rows[start + 1 : start + 33] for start in range(0, len(rows), 33))


def test_too_much_is_refused() -> None:
    with pytest.raises(BadInput, match="1797 digits"):
        simulate(2000, None, "seed")
    with pytest.raises(BadInput, match="24 simulated workers"):
        simulate(12, 25, "seed")
