"""The same fit over several processes: each has a shard of the items, worker statistics are added up.

An iteration exchanges one all-reduce of W x K x S numbers; posteriors never leave their shard. The numbers
are multiples of a power of two that all shards share, and small enough that float64 adds them exactly (see
`core`), so the order in which an all-reduce adds is of no consequence: one, two or four shards give the same
parameters bit for bit as a single process on the same kind of device, and so the same posteriors.

    torchrun --nproc-per-node 2 -m reputation.truth.sharded LABELS.parquet --out FOLDER

reads Parquet, each process its own items, and writes each process's answers as Parquet. `--help` says more.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reputation.truth.core import Expected, Layout, Start, unit_of
from reputation.truth.dawid_skene_ml import MaximumLikelihood
from reputation.truth.difficulty import Difficulty
from reputation.truth.hierarchical import Hierarchical
from reputation.truth.latent import Model, climb, refuse_dense, report
from reputation.truth.run import MAX_ITERATIONS, TOLERANCE_PPM, Known, TruthRun
from reputation.truth.stream import Shard, read_parquet
from reputation.votes import PPM, Votes

if TYPE_CHECKING:
    from torch import Tensor

MODELS: dict[str, Callable[[], tuple[Model, ...]]] = {
    "default": lambda: (Hierarchical(), Difficulty()),
    "hierarchical": lambda: (Hierarchical(),),
    "difficulty": lambda: (Difficulty(),),
    "dawid-skene-ml": lambda: (MaximumLikelihood(),),
}


@dataclass(frozen=True, eq=False)
class Reduced:
    """A shard's layout whose sums are those of all shards; a `latent.Statistics`."""

    layout: Layout

    @classmethod
    def of(cls, votes: Votes, device: str, known: Known | None = None) -> Reduced:
        """Agree on the unit of posteriors and on the shapes.

        Raises:
            ValueError: shards have different workers or classes, or none has a vote.
        """
        import torch
        from torch import distributed

        total = torch.tensor([len(votes)], dtype=torch.int64, device=device)
        distributed.all_reduce(total)
        shape = torch.tensor([votes.workers, votes.classes], dtype=torch.int64, device=device)
        most, least = shape.clone(), shape.clone()
        distributed.all_reduce(most, distributed.ReduceOp.MAX)
        distributed.all_reduce(least, distributed.ReduceOp.MIN)
        if not torch.equal(most, least):
            raise ValueError(f"shards have {least.tolist()} to {most.tolist()} workers and classes")
        if not int(total):
            raise ValueError("there is nothing to infer from: no votes")
        return cls(replace(Layout.of(votes, device, known), unit=unit_of(int(total))))

    @property
    def workers(self) -> int:
        """How many."""
        return self.layout.workers

    @property
    def classes(self) -> int:
        """How many."""
        return self.layout.classes

    def begin(self, start: Start, states: int) -> Expected:
        """See `Layout.begin`."""
        return _added(self.layout.begin(start, states))

    def sweep(self, table: Tensor, prior: Tensor) -> Expected:
        """See `Layout.sweep`."""
        return _added(self.layout.sweep(table, prior))


def _added(mine: Expected) -> Expected:
    import torch
    from torch import distributed

    evidence = torch.tensor([mine.evidence], dtype=torch.float64, device=mine.counts.device)
    flat = torch.cat([mine.counts.reshape(-1), mine.totals, evidence])
    distributed.all_reduce(flat)
    states = mine.totals.numel()
    counts = flat[: mine.counts.numel()].reshape(mine.counts.shape)
    return Expected(counts, flat[-1 - states : -1], float(flat[-1]))


def infer_sharded(
    model: Model,
    votes: Votes,
    *,
    known: Known | None = None,
    tolerance_ppm: int = TOLERANCE_PPM,
    max_iterations: int = MAX_ITERATIONS,
    device: str = "cpu",
) -> TruthRun:
    """Fit a model to the votes of all processes of torch.distributed's default group.

    Args:
        model: one whose start depends on an item's votes alone: any in `MODELS`.
        votes: this process's items, all their votes; the workers and classes of the whole crowd.
        known: of this process's items.
        tolerance_ppm, max_iterations, device: as in `hierarchical`.
    Returns:
        The posterior of this process's items, and parameters that are the same in all processes.
    Raises:
        ValueError: as `hierarchical`, or the shards do not fit together.
    """
    import torch

    if tolerance_ppm < 1 or max_iterations < 1:
        raise ValueError("tolerance_ppm and max_iterations must be at least 1")
    if known is not None:
        known.check(votes)
    refuse_dense(model.name, votes.workers, votes.classes, model.copies)
    tolerance = tolerance_ppm / PPM
    with torch.inference_mode():
        statistics = Reduced.of(votes, device, known)
        course = climb(model, statistics, tolerance, max_iterations)
        fit = course.fit
        posterior = statistics.layout.posterior(fit.table(), fit.log_prevalence)
        return report(model.name, course, posterior, tolerance, states=model.name != "dawid-skene-ml")


def main(argv: Sequence[str] | None = None) -> int:
    """The entry point for torchrun; the exit status."""
    arguments = _parser().parse_args(argv)
    import torch
    from torch import distributed

    on_gpu = torch.cuda.is_available()
    device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if on_gpu else "cpu"
    if on_gpu:
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if on_gpu else "gloo")
    try:
        rank, size = distributed.get_rank(), distributed.get_world_size()
        columns = (arguments.task, arguments.worker, arguments.label)
        shard = read_parquet(arguments.labels, columns=columns, shard=rank, shards=size)
        limits = {"tolerance_ppm": arguments.tolerance_ppm, "max_iterations": arguments.max_iterations}
        runs = [
            infer_sharded(model, shard.votes, device=device, known=None, **limits)
            for model in MODELS[arguments.method]()
        ]
        _write(arguments.out, shard, runs)
        if rank == 0:
            sys.stdout.write(json.dumps(_summary(arguments.method, runs, size)) + "\n")
    finally:
        distributed.destroy_process_group()
    return 0


def _write(folder: Path, shard: Shard, runs: Sequence[TruthRun]) -> None:
    """This shard's answers, and from the first process the workers' matrices of each model."""
    import pyarrow
    from pyarrow import parquet

    folder.mkdir(parents=True, exist_ok=True)
    posterior = sum((run.posterior for run in runs), np.zeros(())) / len(runs)
    best = posterior.argmax(axis=1) if len(shard.items) else np.empty(0, dtype=np.int64)
    table = pyarrow.table(
        {
            "task": pyarrow.array(shard.items),
            "label": pyarrow.array([shard.classes[k] for k in best]),
            "posterior": pyarrow.FixedSizeListArray.from_arrays(
                pyarrow.array(posterior.reshape(-1)), len(shard.classes)
            ),
        }
    )
    parquet.write_table(table, folder / f"answers-{shard.shard:05d}-of-{shard.shards:05d}.parquet")
    if shard.shard == 0:
        for run in runs:
            np.savez(folder / f"{run.method}.npz", confusion=run.confusion, prevalence=run.prevalence)


def _summary(method: str, runs: Sequence[TruthRun], size: int) -> dict[str, object]:
    members = [
        {
            "method": run.method,
            "iterations": run.iterations,
            "movement_ppm": run.movement_ppm,
            "converged": run.converged,
            "objective": run.log_likelihood[-1],
        }
        for run in runs
    ]
    return {"method": method, "processes": size, "members": members}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="torchrun -m reputation.truth.sharded",
        description="Infer true classes from votes in Parquet, over several processes.",
        epilog="Writes answers-RANK-of-SIZE.parquet (task, label, posterior) and, per model, the workers' "
        "matrices (.npz) into the folder; standard output gets one line of JSON from the first process. "
        "CUDA devices are used where there are any.",
    )
    parser.add_argument("labels", type=Path, help="a Parquet file, or a folder of them")
    parser.add_argument("--out", type=Path, required=True, help="the folder for the answers")
    parser.add_argument("--method", choices=sorted(MODELS), default="default", help="default: %(default)s")
    for column in ("task", "worker", "label"):
        parser.add_argument(f"--{column}", default=column, help="this column's name; default: %(default)s")
    parser.add_argument(
        "--tolerance-ppm", type=int, default=TOLERANCE_PPM, help="stop below this movement; %(default)s"
    )
    parser.add_argument("--max-iterations", type=int, default=MAX_ITERATIONS, help="default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())
