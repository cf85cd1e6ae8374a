"""`scripts/bench truth`: how right, how well calibrated and how fast truth inference is, beside crowd-kit."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.programs import ROOT, Stop, say

if TYPE_CHECKING:
    from scripts.benches.report import Report, Row

DATA = ROOT.parent / "shared" / "data"
DESCRIBED = {
    "accuracy": "every method, ours and crowd-kit's, on every crowd: accuracy, F1, calibration, time",
    "gold": "the same crowds with 50 gold answers: accuracy gained, calibration error, likelihood",
    "features": "crowds whose items have texts or images: accuracy with and without these",
    "answers": "answers that are not one of a few classes: numbers and others, beside crowd-kit",
    "attacks": "real crowds with bad workers put among them: how well these are found",
    "workers": "intervals of workers' skills, and screening of workers from their neighbours",
    "speed": "an EM iteration's time and memory on one thread, beside crowd-kit's",
}
# A part is there when its module is.
PARTS = tuple(part for part in DESCRIBED if importlib.util.find_spec(f"{__name__}.{part}"))

DESCRIPTION = """\
Measure truth inference on real crowds and on this machine, in {count} parts:

{parts}

The crowds are read from --data: one folder for each, with labels.csv (task,worker,label), truth.csv
(task,label) and, where there are, tasks.csv (task,text) or features.npz. Nothing of the truth is shown to a
method, but for the gold answers of the part of that name. Peers run in an environment of their own, each in a
process with a limit of memory and of time; what one of them does not finish is said and left out.
"""
EPILOG = """\
examples:
  scripts/bench truth > truth.json
  scripts/bench truth --only accuracy --sets rte,dog --no-peers
  scripts/bench truth --only gold --draws 5

Exit status: 0 all bars met; 1 a bar missed; 2 the input or the surroundings do not allow it.
"""


def parser() -> argparse.ArgumentParser:
    """The bench's arguments."""
    parts = "\n".join(f"  {part:<9} {DESCRIBED[part]}" for part in PARTS)
    made = argparse.ArgumentParser(
        prog="scripts/bench truth",
        description=DESCRIPTION.format(count=len(PARTS), parts=parts),
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    listed = ", ".join(PARTS)
    made.add_argument(
        "--only", type=_parts, default=PARTS, metavar="PART,…", help=f"these parts alone, of {listed}"
    )
    made.add_argument(
        "--data", type=Path, default=DATA, metavar="DIR", help="where the crowds are (default: %(default)s)"
    )
    made.add_argument(
        "--sets", type=_names, default=(), metavar="NAME,…", help="these crowds alone; bars on means go"
    )
    made.add_argument(
        "--draws",
        type=_positive,
        default=None,
        metavar="N",
        help="draws of gold answers (default: 5), and of attacks (default: 2)",
    )
    made.add_argument(
        "--labels",
        type=_sizes,
        default=None,
        metavar="N,…",
        help="sizes of the part speed, in labels; 100000000 has to be asked for",
    )
    made.add_argument("--no-peers", action="store_true", help="only ours, and no network")
    return made


def run(argv: Sequence[str]) -> Report:
    """Measure; the report, after its table on standard error.

    Raises:
        Stop: there are no crowds at --data, or a peer cannot be installed.
    """
    given = parser().parse_args(argv)
    from scripts.benches import surroundings
    from scripts.benches.report import Report

    begun = time.monotonic()
    check_data(given)
    rows: list[Row] = []
    seconds: dict[str, float] = {}
    for part in given.only:
        started = time.monotonic()
        say(f"part {part}")
        rows += importlib.import_module(f"{__name__}.{part}").rows(given, say)
        seconds[part] = round(time.monotonic() - started, 1)
    report = Report(
        bench="truth",
        conditions={
            "parts": list(given.only),
            "crowds": list(given.sets) or "all",
            "draws of gold": given.draws,
            "seconds by part": seconds,
        },
        rows=rows,
        versions=surroundings.versions() | _libraries(),
        machine=surroundings.machine(),
        seconds=round(time.monotonic() - begun, 1),
    )
    report.show()
    return report


def check_data(given: argparse.Namespace) -> None:
    """Refuse to begin without the crowds that were asked for.

    Raises:
        Stop: a folder or a file is missing.
    """
    if set(given.only) <= {"speed"}:
        return
    if not given.data.is_dir():
        raise Stop(f"there are no crowds at {given.data}: name their folder with --data, or --only speed")
    for name in given.sets:
        if not (given.data / name / "labels.csv").is_file():
            raise Stop(f"there is no crowd {name} in {given.data}")


def _libraries() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("numpy", "torch", "scipy", "scikit-learn")}


def _parts(text: str) -> tuple[str, ...]:
    wanted = _names(text)
    unknown = [part for part in wanted if part not in PARTS]
    if unknown or not wanted:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown) or 'nothing'} is none of {', '.join(PARTS)}")
    return tuple(part for part in PARTS if part in wanted)


def _names(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not at least 1")
    return value


def _sizes(text: str) -> tuple[int, ...]:
    sizes = tuple(int(float(part)) for part in _names(text))
    if not sizes or min(sizes) < 100_000 or max(sizes) > 500_000_000:
        raise argparse.ArgumentTypeError("sizes must be between 100,000 and 500,000,000 labels")
    return sizes
