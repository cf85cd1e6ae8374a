"""`crowdledger infer`: what is true, from a crowd's answers in a CSV file; needs no service and no chain."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.cli import arguments
from scripts.cli.progress import progress_bar

if TYPE_CHECKING:
    from scripts.cli.infer_job import Outcome

DESCRIPTION = """\
Infer the right answer of every task, and how sure it is, from who answered what. LABELS.csv has the columns
task, worker and label (or is a .parquet file with them); any text names a task, a worker or a label; a worker
answers a task once.

Without --gold the best single default is taken, and its confidence is not calibrated: it is far too sure, as
everything is that only looks at labels. With --gold (task,label: right answers that are known beforehand; 20
to 50 are a great help) those choose and weigh the models, and calibrate the confidence. With --tasks
(task,text) the text joins as one more annotator. --truth (task,label) is looked at only afterwards, to
measure the outcome; what is in --gold is left out there.

With --method numeric, mean or median labels are numbers: each task gets a value.

The same files, method and seed give the same answers, whatever the order of the rows.
"""
EXAMPLES = """\
  crowdledger infer labels.csv --out answers.csv
  crowdledger infer labels.csv --gold gold.csv --tasks tasks.csv --truth truth.csv --plot run.png
  crowdledger infer labels.csv --method dawid-skene --json | jq .answers
  crowdledger infer labels.csv --log-dir runs/1 && tensorboard --logdir runs
  crowdledger infer ratings.csv --method numeric --truth truth.csv

Methods for labels, {labels}; for numbers, {numbers}.

Exit status: 0 inferred; 2 the input does not allow it.
"""
# Written out, so that the help needs no more than this file.
METHODS = (
    "default", "majority", "dawid-skene-ml", "dawid-skene", "hierarchical", "difficulty", "one-coin",
    "subtypes", "minimax-entropy", "minimax-entropy-ordinal", "glad",
)  # fmt: skip
NUMERIC_METHODS = ("numeric", "mean", "median")


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    examples = EXAMPLES.format(labels=", ".join(METHODS), numbers=", ".join(NUMERIC_METHODS))
    made = arguments.parser("infer", DESCRIPTION, examples)
    made.add_argument("labels", type=Path, metavar="LABELS.csv", help="task,worker,label")
    made.add_argument("--gold", type=Path, metavar="FILE", help="task,label: right answers to learn from")
    made.add_argument("--truth", type=Path, metavar="FILE", help="task,label: right answers to measure with")
    made.add_argument("--tasks", type=Path, metavar="FILE", help="task,text: what was asked")
    made.add_argument(
        "--method",
        choices=(*METHODS, *NUMERIC_METHODS),
        default=METHODS[0],
        metavar="NAME",
        help="see below",
    )
    made.add_argument("--seed", type=arguments.natural, default=0, metavar="N", help="of what is random (0)")
    made.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where torch computes")
    made.add_argument("--out", type=Path, metavar="FILE", help="write task,label,confidence as CSV")
    made.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw confusion, and calibration with --truth"
    )
    made.add_argument("--log-dir", type=Path, metavar="DIR", help="write TensorBoard event files")
    made.add_argument("--json", action="store_true", help="print everything as one JSON object")
    return made


def run(argv: Sequence[str]) -> int:
    """Infer; the exit status."""
    given = parser().parse_args(argv)
    from ledger_service.errors import BadInput
    from scripts.cli.infer_job import infer_classes, infer_numbers

    numeric = given.method in NUMERIC_METHODS
    try:
        _check(given, numeric)
        with progress_bar() as show:
            outcome = infer_numbers(given) if numeric else infer_classes(given, show)
        if given.out:
            _write(given.out, outcome)
    except ValueError as error:  # the library's word for input that does not fit
        raise BadInput(str(error)) from error
    if given.json:
        whole = outcome.summary | {"answers": outcome.answers, "crowd": outcome.workers}
        print(json.dumps(whole, ensure_ascii=False))
    else:
        sys.stdout.writelines(line + "\n" for line in _sentences(outcome, given.out))
    return 0


def _check(given: argparse.Namespace, numeric: bool) -> None:
    """Say no before anything is computed.

    Raises:
        ValueError: an option that the method has no use for, or a file that cannot be written.
    """
    if numeric:
        unused = [name for name in ("gold", "tasks", "plot", "log_dir") if getattr(given, name)]
        if unused:
            raise ValueError(f"--method {given.method} takes no --{unused[0].replace('_', '-')}")
    if given.device == "cuda":
        from reputation.truth.device import gpu_name

        if gpu_name() is None:
            raise ValueError("--device cuda: torch finds no GPU here")
    for path in (given.out, given.plot):
        if path and not path.absolute().parent.is_dir():
            raise ValueError(f"cannot write {path}: there is no folder {path.absolute().parent}")


def _write(path: Path, outcome: Outcome) -> None:
    """The answers as CSV: task, then what is known of it."""
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            columns = list(next(iter(outcome.answers.values())))
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["task", *columns])
            writer.writerows([task, *row.values()] for task, row in outcome.answers.items())
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror}") from error


def _sentences(outcome: Outcome, out: Path | None) -> Iterator[str]:
    found = outcome.summary
    sizes = f"{found['labels']} labels by {found['workers']} workers on {found['tasks']} tasks"
    yield f"{sizes}: {found['method']}"
    for member in found.get("members", ()):
        state = "converged" if member["converged"] else "NOT converged"
        yield f"  {member['weight']:.2f} {member['method']}, {state} after {member['iterations']} iterations"
    if found.get("calibrated"):
        temperature = f"temperature {found['temperature']:.2f}"
        yield f"confidence calibrated with {found['gold']} gold answers ({temperature})"
    yield from found.get("notes", ())
    if "truth" in found:
        figures = {name: value for name, value in found["truth"].items() if name != "tasks"}
        words = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in figures.items())
        yield f"measured on {found['truth']['tasks']} tasks: {words}"
    if out:
        yield f"answers written to {out}"
    else:
        yield "answers: --out FILE writes them, --json prints them"
