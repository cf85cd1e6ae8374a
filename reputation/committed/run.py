"""An inference run as it is committed: made once, certified by anyone from the votes.

Two methods have a committed form: "latent-class-mean", the default, and "dawid-skene", which came first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reputation.committed import dawid_skene, documents, mean, standing
from reputation.committed.dawid_skene import Parameters
from reputation.committed.judgement import Judgement, Skill
from reputation.committed.mean import MeanParameters
from reputation.priors import ConfusionPrior
from reputation.truth.run import MAX_ITERATIONS, TruthRun
from reputation.votes import Votes

DEFAULT_METHOD = documents.METHOD
DAWID_SKENE = "dawid-skene"
COMMITTED_METHODS = (DEFAULT_METHOD, DAWID_SKENE)
AnyParameters = Parameters | MeanParameters


@dataclass(frozen=True, eq=False)
class CommittedRun:
    """What an inference run says of itself.

    Attributes:
        method: one of `COMMITTED_METHODS`.
        parameters: as they are committed.
        labels: how many it read.
        iterations: how many M-steps it made after the first, of all its models together.
        residual_ppm: how far one more step moves a parameter, in ppm, rounded up; at most 2^32 - 1.
    """

    method: str
    parameters: AnyParameters
    labels: int
    iterations: int
    residual_ppm: int


@dataclass(frozen=True)
class Fault:
    """What does not hold about a run, with the two values that differ."""

    what: str
    expected: object
    found: object


@dataclass(frozen=True)
class Certificate:
    """What one EM step from committed parameters says of a run.

    Attributes:
        residual_ppm: how far the step moves a parameter; None where the parameters do not fit the votes.
        faults: what does not hold; none for a run that is accepted.
    """

    residual_ppm: int | None
    faults: tuple[Fault, ...]

    @property
    def holds(self) -> bool:
        """Whether the run is accepted."""
        return not self.faults


def models_of(method: str) -> int:
    """How many models a method fits.

    Raises:
        ValueError: there is no such method.
    """
    if method not in COMMITTED_METHODS:
        raise ValueError(f"there is no committed method {method!r}; there are {', '.join(COMMITTED_METHODS)}")
    return len(mean.MEMBERS) if method == DEFAULT_METHOD else 1


def commit(votes: Votes, method: str = DEFAULT_METHOD, *, device: str = "cpu") -> CommittedRun:
    """Infer the truth and commit to what was found: the slow part, in torch.

    Args:
        votes: at least one vote.
        device: where torch computes, "cpu" or "cuda"; what is committed is made from it on the CPU.
    Raises:
        ValueError: no votes, or no such method.
    """
    models_of(method)
    if method == DEFAULT_METHOD:
        from reputation.truth.default import default

        runs: Sequence[TruthRun] = default(votes, device=device)
        parameters: AnyParameters = mean.quantise(votes, [run.states for run in runs if run.states])
    else:
        from reputation.truth.dawid_skene import dawid_skene as infer

        runs = [infer(votes, device=device)]
        parameters = dawid_skene.quantise(runs[0])
    moves = min(_residual(votes, parameters), (1 << 32) - 1)
    return CommittedRun(method, parameters, len(votes), sum(run.iterations for run in runs), moves)


def judge(votes: Votes, parameters: AnyParameters) -> Judgement:
    """One E-step from committed parameters: what the truth entries of a run are made from.

    Equal evidence is exactly equal whatever the order of the votes, and the lowest class wins it.

    Raises:
        ValueError: votes and parameters are of different shapes.
    """
    if isinstance(parameters, MeanParameters):
        return mean.judge(votes, parameters)
    return dawid_skene.judge(votes, parameters)


def skill(votes: Votes, parameters: AnyParameters) -> Skill:
    """How often each worker is right on a typical item, with a standard error, in integers.

    Raises:
        ValueError: votes and parameters are of different shapes.
    """
    if isinstance(parameters, MeanParameters):
        return standing.skill(votes, parameters)
    return dawid_skene.skill(votes, parameters)


def certify(run: CommittedRun, votes: Votes, *, tolerance_ppm: int) -> Certificate:
    """Check a run against the votes that it read, in one pass over them in numpy, whatever the run cost.

     1. Its method has a committed form, its parameters are of that form, and it read as many labels as there
        are.
     2. Its parameters are of these workers and classes; those of the default count exactly these votes.
     3. One more EM step moves none of them by more than the tolerance, and by what the run says (to 1 ppm:
        it is rounded up from a float).
     4. It made at least one step, and no more than its method allows.

    It cannot tell votes apart that lead to the same parameters within the tolerance: where two answers of one
    worker are exchanged, every sum stays, and only the step can show it.

    Args:
        tolerance_ppm: what the campaign allows.
    """
    other = _method_fault(run)
    if other is not None:
        return Certificate(None, (other,))
    faults = []
    if run.labels != len(votes):
        faults.append(Fault("labels that the run read", len(votes), run.labels))
    try:
        uncounted = _miscounted(votes, run.parameters)
        residual = None if uncounted else _residual(votes, run.parameters)
    except ValueError as error:
        uncounted, residual = str(error), None
    if uncounted:
        faults.append(Fault("votes that the parameters count", "those of the log", uncounted))
    if residual is not None:
        faults += _movement_faults(run.residual_ppm, residual, tolerance_ppm)
    most = MAX_ITERATIONS * models_of(run.method)
    if not 1 <= run.iterations <= most:
        faults.append(Fault("iterations of the run", f"1 to {most}", run.iterations))
    return Certificate(residual, tuple(faults))


def _method_fault(run: CommittedRun) -> Fault | None:
    if run.method not in COMMITTED_METHODS:
        return Fault("method of the run", ", ".join(COMMITTED_METHODS), run.method)
    form = MeanParameters if run.method == DEFAULT_METHOD else Parameters
    if not isinstance(run.parameters, form):
        found = type(run.parameters).__name__
        return Fault(f"form of the parameters of {run.method}", form.__name__, found)
    return None


def _movement_faults(stated: int, residual: int, tolerance: int) -> list[Fault]:
    if residual > tolerance:
        return [Fault("movement of one more step, in ppm", f"at most {tolerance}", residual)]
    if abs(stated - residual) > 1:
        return [Fault("residual that the run states, in ppm", residual, stated)]
    return []


def _residual(votes: Votes, parameters: AnyParameters) -> int:
    if isinstance(parameters, MeanParameters):
        return mean.residual(votes, parameters)
    return dawid_skene.residual(votes, parameters, ConfusionPrior())


def _miscounted(votes: Votes, parameters: AnyParameters) -> str:
    return mean.miscounted(votes, parameters) if isinstance(parameters, MeanParameters) else ""


def compare(run: CommittedRun, other: CommittedRun, *, tolerance_ppm: int) -> tuple[Fault, ...]:
    """What differs between a run and another on the same votes, as from a rerun on another device.

    Their parameters lie within the tolerance of each other, and their iterations differ by one for each model
    at most: where a step moves just as much as stops it, the last bit of a sum decides.

    Raises:
        ValueError: the runs are of different methods or shapes.
    """
    if run.method != other.method:
        raise ValueError(f"runs of {run.method} and {other.method}")
    faults = []
    distance = _distance(run.parameters, other.parameters)
    if distance > tolerance_ppm:
        faults.append(Fault("distance from a rerun, in ppm", f"at most {tolerance_ppm}", distance))
    if abs(run.iterations - other.iterations) > models_of(run.method):
        faults.append(Fault("iterations of the run", other.iterations, run.iterations))
    return tuple(faults)


def _distance(one: AnyParameters, other: AnyParameters) -> int:
    if isinstance(one, MeanParameters) and isinstance(other, MeanParameters):
        return mean.apart(one, other)
    if isinstance(one, MeanParameters) or isinstance(other, MeanParameters):
        raise ValueError("parameters of different methods")
    if one.confusion.shape != other.confusion.shape:
        raise ValueError(f"parameters of shapes {one.confusion.shape} and {other.confusion.shape}")
    return max(
        int(np.abs(one.prevalence - other.prevalence).max()),
        int(np.abs(one.confusion - other.confusion).max(initial=0)),
    )


def method_document(method: str = DEFAULT_METHOD) -> dict[str, Any]:
    """Everything that determines a run besides its votes, as integers and names.

    Raises:
        ValueError: there is no such method.
    """
    models_of(method)
    return documents.method_document() if method == DEFAULT_METHOD else dawid_skene.method_document()


def parameters_document(
    method: str, parameters: AnyParameters | None, workers: Sequence[str]
) -> dict[str, Any]:
    """The JSON form whose digest an inference run commits to; of no parameters where there were no votes.

    Raises:
        ValueError: not one distinct name per worker, or the parameters are of another method.
    """
    if method == DEFAULT_METHOD and not isinstance(parameters, Parameters):
        return documents.parameters_document(parameters, workers)
    if method == DAWID_SKENE and not isinstance(parameters, MeanParameters):
        return dawid_skene.parameters_document(parameters, workers)
    raise ValueError(f"these are no parameters of {method}")


def parameters_from_document(
    method: str, document: Mapping[str, Any], workers: Sequence[str], classes: int
) -> AnyParameters:
    """The parameters of a document about so many classes, in the given order of its workers.

    Raises:
        ValueError: another method's format, unknown keys, other workers, or numbers that are no parameters.
    """
    models_of(method)
    if method == DEFAULT_METHOD:
        return documents.parameters_from_document(document, workers, classes)
    return dawid_skene.parameters_from_document(document, workers, classes)
