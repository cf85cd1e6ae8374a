"""What fails is tried again ever more rarely, and said once."""

from __future__ import annotations

import logging

import pytest

from ledger_service.errors import Corrupt, Unavailable
from ledger_service.retries import Retries


class Part:
    """Work that fails as it is told, at a time that the test sets."""

    def __init__(self, longest: float = 600.0) -> None:
        self.seconds, self.tries, self.error = 0.0, 0, None  # type: float, int, Exception | None
        self.retries = Retries(longest=longest, monotonic=lambda: self.seconds)

    def step(self) -> bool:
        self.tries += 1
        if self.error is not None:
            raise self.error
        return True

    def tried(self, seconds: int) -> list[float]:
        """Attempt it every second for so long; when it was tried."""
        times, begun = [], self.seconds
        for _ in range(seconds):
            before = self.tries
            self.retries.attempt("the part", self.step)
            if self.tries > before:
                times.append(self.seconds - begun)
            self.seconds += 1
        return times


def test_what_fails_waits_twice_as_long_each_time() -> None:
    part = Part(longest=10)
    part.error = MemoryError()
    assert part.tried(40) == [0, 1, 3, 7, 15, 25, 35]


def test_what_goes_well_again_is_forgiven_after_as_long_as_it_waited() -> None:
    part = Part()
    part.error = KeyError("x")
    assert part.tried(7) == [0, 1, 3]  # it is to wait until 7
    part.error = None
    assert part.tried(10) == list(range(10))
    part.error = KeyError("x")
    assert part.tried(7) == [0, 1, 3]


def test_what_fails_between_two_good_steps_is_not_forgiven() -> None:
    part = Part()
    part.error = KeyError("x")
    part.tried(7)
    part.error = None
    assert part.tried(1) == [0]
    part.error = KeyError("x")
    assert part.tried(20) == [0, 8]


def test_what_does_not_answer_is_asked_again_at_once() -> None:
    part = Part()
    part.error = Unavailable("nobody")
    assert part.tried(5) == [0, 1, 2, 3, 4]


def test_a_failure_is_said_once_while_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    part = Part(longest=1)
    for error in (Unavailable("nobody"), Corrupt("one"), Corrupt("other"), RuntimeError("torch")):
        part.error = error
        part.tried(5)
    said = [(record.levelno, type(record.exc_info and record.exc_info[1])) for record in caplog.records]
    assert said == [
        (logging.WARNING, type(None)),
        (logging.ERROR, Corrupt),
        (logging.ERROR, Corrupt),
        (logging.ERROR, RuntimeError),
    ]


def test_whether_it_moved_is_what_the_step_says() -> None:
    retries = Retries()
    assert retries.attempt("one", lambda: True)
    assert not retries.attempt("one", lambda: False)
