"""`scripts/check-deep`: the checks that take too long for every change, or need others' programs."""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import sys
import time
from collections.abc import Callable, Sequence

from scripts import long_checks
from scripts.contract_checks import coverage, halmos, hardhat, mutants, mutation, project, slither
from scripts.contract_checks.outcome import Outcome
from scripts.programs import Stop, say

ABOUT = """\
The checks that take too long for every change, one after the other; the first six are of the contracts:

  fuzz      the tests, with the many runs of the profile deep in contracts/foundry.toml
  mutants   no wrong of contracts/mutants.toml survives the tests (scripts/mutants)
  hardhat   the same tests on Hardhat's EVM
  halmos    the checks of contracts/test/symbolic are proved, and what must fail is refuted
  slither   static analysis: every finding of medium impact or more is answered in the source
  coverage  every line and branch of contracts/src runs, or contracts/coverage.toml says why not
  faults    an error and a kill at every commit, write and file operation; each bit of a bundle changed
  bytes     a million random changes of bytes, none of which a verifier accepts (tests/tampering)
  interop   third parties' clients accept our log and refuse it tampered with (python -m scripts.interop)
"""


def fuzz() -> Outcome:
    """forge's tests with many runs."""
    with project.alone("fuzz") as folder:
        project.stage(folder)
        results = project.forge_test(folder, profile="deep")
    if results.problem:
        return Outcome("did not run", (results.problem,))
    calls = sum(results.calls.values())
    summary = (
        f"{len(results.passed)} tests passed, {len(results.failed)} failed; {calls:,} calls under invariants"
    )
    wrong = tuple(f"{name}: {why}" for name, why in results.failed.items())
    return Outcome(summary, wrong, {"passed": len(results.passed), "calls of invariants": results.calls})


def all_mutants() -> Outcome:
    """Every mutant of the list."""

    def tell(verdict: mutation.Verdict) -> None:
        if verdict.result != "killed":
            say(f"  {verdict.result}: {verdict.mutant.name}")

    verdicts = mutation.run(mutants.load(), mutation.workers(), tell)
    wrong = tuple(f"{v.result}: {v.mutant.name}: {v.mutant.about}" for v in verdicts if v.result != "killed")
    killers = {verdict.mutant.name: verdict.by for verdict in verdicts}
    summary = f"{len(verdicts) - len(wrong)} of {len(verdicts)} killed"
    return Outcome(summary, wrong, {"killed by": killers})


def interop() -> Outcome:
    """Third parties' readers and witness of transparency logs, on our log."""
    from scripts.interop import clients, rows  # which bring the service with them

    clients.install()
    found = rows.run()
    wrong = tuple(f"{row.client}: {name}: {what}" for row in found for name, what in row.wrong.items())
    figures = {
        f"{row.client} {row.version}: {row.api}": [len(row.accepted), len(row.refused)] for row in found
    }
    summary = ", ".join(f"{row.client} {len(row.accepted)} and {len(row.refused)}" for row in found)
    return Outcome(f"accepted and refused as they have to be: {summary}", wrong, figures)


STEPS: dict[str, Callable[[], Outcome]] = {
    "fuzz": fuzz,
    "mutants": all_mutants,
    "hardhat": hardhat.check,
    "halmos": halmos.check,
    "slither": slither.check,
    "coverage": coverage.check,
    "faults": long_checks.faults,
    "bytes": long_checks.tampering,
    "interop": interop,
}


def main(argv: Sequence[str]) -> int:
    """Run the steps; 1 when any fails."""
    made = argparse.ArgumentParser(
        prog="scripts/check-deep",
        description=ABOUT,
        epilog="exit status: 0 all is well; 1 a step failed",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--only", action="append", choices=STEPS, metavar="STEP", help="this step; repeatable")
    made.add_argument("--json", action="store_true", help="the outcome as one JSON object on standard output")
    given = made.parse_args(argv)
    outcomes = {}
    for name in STEPS:
        if not given.only or name in given.only:
            outcomes[name] = perform(name)
    if given.json:
        print(json.dumps(outcomes, indent=2))
    failed = [name for name, outcome in outcomes.items() if outcome["wrong"]]
    say("failed: " + ", ".join(failed) if failed else f"{len(outcomes)} steps: all is well")
    return 1 if failed else 0


def perform(name: str) -> dict[str, object]:
    """Run one step and tell its outcome, which is returned as it stands in the JSON."""
    begin = time.monotonic()
    say(f"{name}: at work …")
    try:
        outcome = STEPS[name]()
    except Stop as reason:
        outcome = Outcome("did not run", (str(reason),))
    took = round(time.monotonic() - begin, 1)
    say(f"{name}: {'FAILED' if outcome.wrong else 'ok'} in {took} s: {outcome.summary}")
    for text in outcome.wrong:
        say("\n".join(f"    {line}" for line in text.splitlines()))
    return {**dataclasses.asdict(outcome), "seconds": took}


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no forge is left behind
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(130)
