"""Runs a scenario once for every fault that can befall it, each time in processes of its own.

A scenario acts; a fault stops it somewhere; another process goes on with it as after a restart; and what is
there then is checked against what was said to the outside meanwhile.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.faults.points import Fault, Points

Say = Callable[[dict[str, Any]], None]
Begin = Callable[[], None]
CHECKED = "checked"
# Threads do not go the same way each time: a run may end before the operation of its fault.
UNREACHED = "unreached"
ALARM_SECONDS = 60


class Scenario(Protocol):
    """Something that is done in several steps, and may be stopped between any two of them."""

    name: str

    def prepare(self, folder: Path) -> None:
        """Make, once, what all cases start from."""

    def fresh(self, folder: Path) -> None:
        """Make what a case starts from; other things than files go by the folder's name."""

    def act(self, folder: Path, begin: Begin, say: Say) -> None:
        """Do it, and say what is acknowledged at the moment it is. May raise what a fault raises.

        Faults befall what is done after `begin()`, in this process.
        """

    def resume(self, folder: Path, say: Say) -> None:
        """Do what was not done, as after a restart."""

    def check(self, folder: Path, said: list[dict[str, Any]]) -> list[str]:
        """What is wrong with what is there now, or was said: sentences."""

    def remove(self, folder: Path) -> None:
        """Take a case away."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one fault. `point`: the operation it befell. `ended`: how the act ended."""

    fault: Fault
    point: str
    ended: str
    problems: list[str]


@dataclass(frozen=True, slots=True)
class Table:
    """All faults of one scenario."""

    scenario: str
    points: list[str]
    outcomes: list[Outcome]

    @property
    def failed(self) -> list[Outcome]:
        """Those after which something was wrong."""
        return [one for one in self.outcomes if one.problems]

    def to_json(self) -> dict[str, Any]:
        """For reports."""
        return {
            "scenario": self.scenario,
            "points": self.points,
            "faults": len(self.outcomes),
            "killed": sum(one.ended == "killed" for one in self.outcomes),
            "unreached": sum(one.point == UNREACHED for one in self.outcomes),
            "failed": [asdict(one) for one in self.failed],
        }


def once(scenario: Scenario, folder: Path) -> None:
    """Prepare a scenario, in a process of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    _, ended = _in_process(lambda say: scenario.prepare(folder))
    if ended != "finished":
        raise AssertionError(f"{scenario.name} cannot be prepared: {ended}")


def run(scenario: Scenario, folder: Path, every: int = 1) -> Table:
    """All faults of a scenario, or every so-manyth of them."""
    folder.mkdir(parents=True, exist_ok=True)
    points, untouched = _case(scenario, folder / "case-none", None)
    if untouched.problems:
        raise AssertionError(f"{scenario.name} fails by itself: {untouched.problems}")
    outcomes = []
    for number, fault in enumerate(_faults(len(points))):
        if number % every == 0:
            seen, outcome = _case(scenario, folder / f"case-{number}", fault)
            name = seen[fault.at] if fault.at < len(seen) else UNREACHED
            outcomes.append(Outcome(fault, name, outcome.ended, outcome.problems))
    return Table(scenario.name, points, outcomes)


def _faults(count: int) -> Iterator[Fault]:
    for at, when, how in itertools.product(range(count), ("before", "after"), ("error", "kill")):
        yield Fault(at, when, how)  # type: ignore[arg-type]


def _case(scenario: Scenario, folder: Path, fault: Fault | None) -> tuple[list[str], Outcome]:
    _in_process(lambda say: scenario.fresh(folder))
    try:
        words, ended = _in_process(lambda say: _act(scenario, folder, fault, say))
        if ended not in ("finished", "killed"):
            return [], Outcome(fault or Fault(0, "before", "error"), "", ended, [f"the act {ended}"])
        more, resumed = _in_process(lambda say: scenario.resume(folder, say))
        problems = [] if resumed == "finished" else [f"after the restart: {resumed}"]
        said = [word["said"] for word in words + more if "said" in word]
        checks, checked = _in_process(lambda say: _check(scenario, folder, said, say))
        found = [word["said"] for word in checks if "said" in word]
        problems += found[0][CHECKED] if found else [f"the check {checked}"]
    finally:
        _in_process(lambda say: scenario.remove(folder))
    points = [word["point"] for word in words if "point" in word]
    return points, Outcome(fault or Fault(0, "before", "error"), "", ended, problems)


def _check(scenario: Scenario, folder: Path, said: list[dict[str, Any]], say: Say) -> None:
    say({CHECKED: scenario.check(folder, said)})


def _act(scenario: Scenario, folder: Path, fault: Fault | None, say: Say) -> None:
    points = Points(folder, fault, lambda name: say({"": name}))
    try:
        scenario.act(folder, points.install, say)
    except Exception:
        if fault is None or fault.how != "error":
            raise


def _in_process(work: Callable[[Say], None]) -> tuple[list[dict[str, Any]], str]:
    """Do something in a fork of this process: what it said, and how it ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _child(work, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        lines = pipe.read().split(b"\n")
    _, status = os.waitpid(child, 0)
    words = [json.loads(line) for line in lines if line]
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return words, "killed" if number == signal.SIGKILL else f"ended by signal {number}"
    if os.WEXITSTATUS(status):
        told = next((word["error"] for word in words if "error" in word), "without a word")
        return words, f"failed: {told}"
    return words, "finished"


def _child(work: Callable[[Say], None], writing: int) -> None:
    # Written by system calls of its own, which no fault counts: what was said before a kill has been said.
    write = os.write

    def send(value: dict[str, Any]) -> None:
        write(writing, json.dumps(value).encode() + b"\n")

    def say(value: dict[str, Any]) -> None:
        send({"point": value[""]} if "" in value else {"said": value})

    signal.alarm(ALARM_SECONDS)  # a case that hangs is a case that failed
    status = 1
    try:
        work(say)
        status = 0
    except BaseException:
        send({"error": traceback.format_exc()[-2000:]})
    finally:
        sys.stderr.flush()
        os._exit(status)
