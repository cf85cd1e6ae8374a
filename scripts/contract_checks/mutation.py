"""Runs the contracts' tests on mutants: a mutant that no test notices has survived.

Each mutant is put into a fresh copy of a project that is compiled already, so that little is compiled again:
the profile `mutants` of foundry.toml links tests to contracts as they run (a changed contract leaves the
tests' bytecode alone) and does not optimise. The test expected to notice is tried first, then the others.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from scripts.contract_checks import mutants, project, suite
from scripts.contract_checks.mutants import Mutant
from scripts.contract_checks.project import Results
from scripts.programs import Stop

PROFILE = "mutants"
WITHOUT_GAS = ("--no-match-contract", "^Gas")  # their bars are those of optimised code
# forge reads all sources once more to find out what a choice needs: the nearest are all that their copy has.
NEAREST: tuple[str, ...] = ()
UNITS = (*WITHOUT_GAS, "--no-match-test", "^invariant")
INVARIANTS = (*WITHOUT_GAS, "--match-test", "^invariant", "--fail-fast")
PATIENCE = 300.0  # seconds for one run of forge on a mutant; a loop without end is noticed this way
SLOWEST = 900.0  # seconds for all tests without a mutant, the first compilation included


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant.

    Attributes:
        result: "killed", "survived", or "invalid" where it does not compile.
        by: the test that noticed, `Contract.test`; empty where none did.
        why: the test's reason, or what the compiler said.
        seconds: wall time.
    """

    mutant: Mutant
    result: str
    by: str
    why: str
    seconds: float


def run(chosen: Sequence[Mutant], jobs: int, tell: Callable[[Verdict], None]) -> list[Verdict]:
    """Run the tests on each mutant, `jobs` at a time.

    Args:
        tell: called with each verdict as it is known.

    Returns:
        the verdicts, in the order of `chosen`.

    Raises:
        Stop: the list is stale, or the tests fail without any mutant.
    """
    if found := mutants.stale(chosen):
        raise Stop("the list of mutants is stale:\n  " + "\n  ".join(found))
    with project.alone("mutants") as folder:
        clean, copies = folder / "clean", folder / "copies"
        prepare(clean, chosen)
        project.remove(copies)
        try:
            return list(judged(chosen, clean, copies, jobs, tell))
        finally:
            project.remove(copies)


def prepare(clean: Path, chosen: Sequence[Mutant]) -> None:
    """The compiled copy that the others are made from; its tests have to pass.

    Where the killers of all chosen mutants are known, only they are run.

    Raises:
        Stop: they do not.
    """
    project.stage(clean)
    killers = [mutant.killer for mutant in chosen]
    options = matching(killers) if all(killers) else WITHOUT_GAS
    results = project.forge_test(clean, *options, profile=PROFILE, patience=SLOWEST)
    if results.problem or results.timed_out:
        raise Stop(f"the tests do not run:\n{results.problem or 'they take too long'}")
    if results.failed:
        failures = "\n  ".join(f"{name}: {why}" for name, why in results.failed.items())
        raise Stop(f"without any mutant, tests fail already:\n  {failures}")
    if missing := set(killers) - {""} - set(results.passed):
        raise Stop(f"these tests did not run: {', '.join(sorted(missing))}")


def matching(tests: Sequence[str]) -> tuple[str, ...]:
    """forge's options that select these tests, and few others."""
    contracts, names = zip(*(test.split(".") for test in tests), strict=True)
    one_of = ["|".join(sorted(set(parts))) for parts in (contracts, names)]
    return ("--match-contract", f"^({one_of[0]})$", "--match-test", f"^({one_of[1]})\\(")


def judged(
    chosen: Sequence[Mutant], clean: Path, copies: Path, jobs: int, tell: Callable[[Verdict], None]
) -> Iterator[Verdict]:
    """The verdicts in order; told as they come."""
    stop = threading.Event()
    known: dict[str, Verdict] = {}
    with ThreadPoolExecutor(jobs) as pool:
        waiting: list[Future[Verdict]] = [pool.submit(judge, m, clean, copies, stop) for m in chosen]
        try:
            for done in as_completed(waiting):
                known[done.result().mutant.name] = done.result()
                tell(done.result())
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    yield from (known[mutant.name] for mutant in chosen)


def judge(mutant: Mutant, clean: Path, copies: Path, stop: threading.Event) -> Verdict:
    """Run tests on one mutant until one notices: the nearest, all unit and fuzz tests, the invariants."""
    copy = copies / mutant.name
    seconds = 0.0
    try:
        for options in (NEAREST, UNITS, INVARIANTS):
            if options != INVARIANTS:  # which are run on the same copy as the units
                put(mutant, clean, copy, near=options == NEAREST)
            more = (*options, "--threads", "1")
            results = project.forge_test(copy, *more, profile=PROFILE, patience=PATIENCE, stop=stop)
            seconds += results.seconds
            if verdict := decided(mutant, results, seconds, clean):
                return verdict
    finally:
        project.remove(copy)
    return Verdict(mutant, "survived", "", "", seconds)


def put(mutant: Mutant, clean: Path, copy: Path, near: bool) -> None:
    """A fresh copy with the mutant in it, and with the nearest tests alone or with all."""
    project.remove(copy)
    shutil.copytree(clean, copy)
    if near:
        suite.keep_only(copy, nearest(mutant, copy))
    mutants.apply(mutant, copy)


def nearest(mutant: Mutant, folder: Path) -> list[Path]:
    """The test files to try first: the killer's, or those named like the source or the function."""
    homes = suite.homes(folder)
    if mutant.killer:
        return [homes[mutant.killer.partition(".")[0]]]
    words = [word.lower() for word in (Path(mutant.file).stem, mutant.within.strip("_")) if word]
    names = {test.partition(".")[0] for test in suite.known_tests(folder) if ".invariant" not in test}
    return [homes[n] for n in names if not n.startswith("Gas") and any(word in n.lower() for word in words)]


def decided(mutant: Mutant, results: Results, seconds: float, clean: Path) -> Verdict | None:
    """The verdict that one round of tests leads to, if it does."""
    if results.problem:
        return Verdict(mutant, "invalid", "", results.problem, seconds)
    if results.timed_out:
        return Verdict(mutant, "killed", mutant.killer, "the tests did not end", seconds)
    if not results.failed:
        return None
    by = mutant.killer if mutant.killer in results.failed else clearest(results.failed)
    contract, _, test = by.partition(".")
    if test == "setUp":  # none of its tests ran: each of them notices
        known = min(name for name in suite.known_tests(clean) if name.startswith(f"{contract}."))
        return Verdict(mutant, "killed", known, results.failed[by], seconds)
    return Verdict(mutant, "killed", by, results.failed[by], seconds)


def clearest(failed: dict[str, str]) -> str:
    """Of the tests that noticed, the one to keep: an example before a property, and a short name."""

    def rank(name: str) -> tuple[int, int, str]:
        test = name.partition(".")[2]
        kinds = ("test_", "testFuzz", "invariant")
        return next((i for i, kind in enumerate(kinds) if test.startswith(kind)), 3), len(name), name

    return min(failed, key=rank)


def workers() -> int:
    """How many mutants are run at a time, if nothing else is asked for: one per core."""
    return max(1, os.cpu_count() or 1)
