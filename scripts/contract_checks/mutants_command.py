"""`scripts/mutants`: do the contracts' tests notice every wrong of `contracts/mutants.toml`?"""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import sys
import time
from collections.abc import Sequence

from scripts.contract_checks import mutants, mutation, sites, suggest
from scripts.contract_checks.mutants import Mutant
from scripts.contract_checks.mutation import Verdict
from scripts.programs import Stop, say

ABOUT = """\
Puts small wrongs into copies of the contracts, one at a time, and runs the contracts' tests on each: a wrong
that no test notices has survived, and a test is missing. contracts/mutants.toml lists the wrongs, each with
the test that should notice: it is tried first, all others after it.

  scripts/mutants                      every mutant
  scripts/mutants --quick              those that every run of scripts/test tries
  scripts/mutants --only refund-twice  this one; may be given several times
  scripts/mutants --lint               is the list sound, has every refusal, state write and call a mutant?
  scripts/mutants --suggest            entries for the places that have none, to look at and add to the list
  scripts/mutants --record             every mutant; writes the tests that noticed into the list
"""
EPILOG = """\
exit status: 0 all were noticed; 1 some survived, or places have no mutant; 2 the list is stale, a mutant does
not compile, or the tests fail without any mutant.
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="scripts/mutants",
        description=ABOUT,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--quick", action="store_true", help="only the mutants marked quick")
    made.add_argument("--only", action="append", default=[], metavar="NAME", help="only the mutant NAME")
    made.add_argument("--jobs", type=int, default=mutation.workers(), metavar="N", help="mutants at a time")
    made.add_argument("--json", action="store_true", help="the outcome as one JSON object on standard output")
    other = made.add_mutually_exclusive_group()
    other.add_argument("--record", action="store_true", help="write the tests that noticed into the list")
    other.add_argument("--lint", action="store_true", help="run no tests, check the list")
    other.add_argument("--suggest", action="store_true", help="run no tests, print entries that are missing")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the command; see EPILOG for what it returns."""
    given = parser().parse_args(argv)
    try:
        listed = mutants.load()
        if given.suggest:
            return show_suggestions(listed)
        if given.lint:
            return lint(listed)
        return run(chosen(listed, given.only, given.quick), given)
    except Stop as reason:
        say(str(reason))
        return 2


def chosen(listed: Sequence[Mutant], only: Sequence[str], quick: bool) -> list[Mutant]:
    """The mutants that were asked for. Raises Stop when there are none of a name."""
    if unknown := set(only) - {mutant.name for mutant in listed}:
        raise Stop(f"contracts/mutants.toml has no {', '.join(sorted(unknown))}")
    return [m for m in listed if (not only or m.name in only) and (m.quick or not quick)]


def lint(listed: Sequence[Mutant]) -> int:
    """Whether the list fits the sources, and lacks nothing."""
    found = mutants.stale(listed)
    found += [
        f"{place.file}: {place.contract}.{place.function} has no mutant for the {place.kind} {place.what}"
        for place in ([] if found else sites.uncovered(listed))
    ]
    for fault in found:
        print(fault)
    say(f"{len(listed)} mutants; " + (f"{len(found)} faults" if found else "every place has one"))
    return 1 if found else 0


def show_suggestions(listed: Sequence[Mutant]) -> int:
    """Print entries for the places that have none."""
    made = suggest.suggestions(sites.uncovered(listed), [mutant.name for mutant in listed])
    print("\n".join(map(suggest.entry, made)), end="")
    say(f"{len(made)} places have no mutant")
    return 0


def run(wanted: Sequence[Mutant], given: argparse.Namespace) -> int:
    """Run the tests on the mutants, and say which survived."""
    begin, done = time.monotonic(), 0
    say(f"{len(wanted)} mutants, {given.jobs} at a time; compiling and testing the contracts without any … ")

    def tell(verdict: Verdict) -> None:
        nonlocal done
        done += 1
        by = f" by {verdict.by}" if verdict.by else ""
        name = verdict.mutant.name
        say(f"[{done:3}/{len(wanted)}] {verdict.result:8} {name}{by} ({verdict.seconds:.1f} s)")

    verdicts = mutation.run(wanted, given.jobs, tell)
    if given.record:
        count = suggest.record(mutants.kept(), {v.mutant.name: v.by for v in verdicts if v.by})
        say(f"{count} entries of the list have another killer now")
    summary = summarise(verdicts, time.monotonic() - begin)
    if given.json:
        print(json.dumps(summary, indent=2))
    show_failures(verdicts)
    say(f"{summary['killed']} of {len(verdicts)} mutants killed in {summary['seconds']} s")
    invalid = any(verdict.result == "invalid" for verdict in verdicts)
    return 2 if invalid else 0 if summary["killed"] == len(verdicts) else 1


def summarise(verdicts: Sequence[Verdict], seconds: float) -> dict[str, object]:
    """The outcome, for scripts."""
    return {
        "killed": sum(verdict.result == "killed" for verdict in verdicts),
        "survived": [verdict.mutant.name for verdict in verdicts if verdict.result == "survived"],
        "invalid": [verdict.mutant.name for verdict in verdicts if verdict.result == "invalid"],
        "seconds": round(seconds, 1),
        "mutants": [
            {**dataclasses.asdict(verdict), "mutant": verdict.mutant.name, "about": verdict.mutant.about}
            for verdict in verdicts
        ],
    }


def show_failures(verdicts: Sequence[Verdict]) -> None:
    """What survived or does not compile, with the change it makes."""
    for verdict in verdicts:
        mutant = verdict.mutant
        if verdict.result != "killed":
            say(f"\n{verdict.result.upper()} {mutant.name}: {mutant.about}\n  {mutant.file} {mutant.within}")
            say("\n".join(f"  - {line}" for line in mutant.before.splitlines()))
            say("\n".join(f"  + {line}" for line in mutant.after.splitlines()))
            say("\n".join(f"    {line}" for line in verdict.why.splitlines()))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no forge is left behind
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(130)
