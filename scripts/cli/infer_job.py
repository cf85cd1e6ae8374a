"""What `crowdledger infer` does between its arguments and its output."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from reputation.answers.files import read_known_numbers, read_numbers
from reputation.answers.numeric import numeric_mean, numeric_median, numeric_truth
from reputation.crowd.skill import Skills, skills
from reputation.files import KnownAnswers, LabelFile, place_known, read_known, read_labels, read_texts
from reputation.gold.calibration import expected_calibration_error, negative_log_likelihood
from reputation.gold.infer import Gold, Inference, infer
from reputation.plots import Checked, draw
from reputation.tracking import event_log
from reputation.truth.run import Floats
from reputation.votes import Votes

Show = Callable[[str, int, int], None]
NARROW = "The standard errors are somewhat too small: 1.645 of them on either side hold 83 to 88 %, not 90."
UNSETTLED = "The model had NOT converged."


@dataclass(frozen=True)
class Outcome:
    """What is printed: the whole, one row per task, one row per worker."""

    summary: dict[str, Any]
    answers: dict[str, dict[str, Any]]
    workers: dict[str, dict[str, Any]]


def infer_numbers(given: argparse.Namespace) -> Outcome:
    """Numeric answers: the value of each task.

    Raises:
        ValueError: a file does not fit.
    """
    file = read_numbers(given.labels)
    summary: dict[str, Any] = {
        "method": given.method,
        "tasks": len(file.tasks),
        "workers": len(file.workers),
        "labels": len(file.numbers.value),
    }
    error: Floats | None = None
    workers: dict[str, dict[str, Any]] = {}
    if given.method == "numeric":
        run = numeric_truth(file.numbers)
        value, error = run.estimate, run.standard_error
        columns = {"factor": run.factor, "bias": run.bias, "deviation": run.deviation}
        workers = _rows(file.workers, columns)
        summary["converged"] = run.converged
        summary["notes"] = [*([] if run.converged else [UNSETTLED]), NARROW]
    else:
        value = (numeric_mean if given.method == "mean" else numeric_median)(file.numbers)
    if given.truth:
        truth = file.place(read_known_numbers(given.truth))
        off = (value - truth)[np.isfinite(truth)]
        summary["truth"] = {"tasks": int(off.size)} | _errors(off)
    columns = {"value": value} if error is None else {"value": value, "standard_error": error}
    return Outcome(summary, _rows(file.tasks, columns), workers)


def _errors(off: Floats) -> dict[str, float]:
    if not off.size:
        return {}
    return {"mean_absolute_error": float(np.abs(off).mean()), "rmse": float(np.sqrt((off**2).mean()))}


def infer_classes(given: argparse.Namespace, show: Show) -> Outcome:
    """Answers that are one of several labels.

    Raises:
        ValueError: a file does not fit.
    """
    known = read_known(given.gold) if given.gold else {}
    file = _read(given.labels, known)
    gold, unknown = place_known(known, file)
    features = _features(given.tasks, file, show) if given.tasks else None
    found = infer(
        file.votes,
        gold=Gold(gold.item, gold.answer) if given.gold else None,
        features=features,
        method=given.method,
        seed=given.seed,
        device=given.device,
        progress=lambda what, done, share: show(what, done, round(done / share)),
    )
    truth = _truth(given.truth, file, gold) if given.truth else None
    summary = _summary(given, file, found, gold, unknown)
    if truth is not None:
        summary["truth"] = measure(found.posterior, truth)
    if given.plot:
        checked = None if truth is None else _checked(found.posterior, truth)
        confusion = found.members[0].confusion[: len(file.workers)]
        draw(given.plot, confusion, file.labels, f"{given.labels.name}, {found.method}", checked)
    if given.log_dir:
        _log(given.log_dir, found, summary)
    skill = skills(file.votes, found.posterior, gold=Gold(gold.item, gold.answer) if known else None)
    names = [file.labels[int(answer)] for answer in found.answer]
    answers = _rows(file.tasks, {"label": np.array(names), "confidence": found.confidence})
    return Outcome(summary, answers, _workers(file, skill))


def _read(path: Path, known: dict[str, str]) -> LabelFile:
    if path.suffix.lower() != ".parquet":
        return read_labels(path, known=known.values())
    from reputation.truth.stream import read_parquet

    try:
        found = read_parquet(path)
    except FileNotFoundError as error:
        raise ValueError(f"there is no file {path}") from error
    tasks, workers, labels = (tuple(map(str, names)) for names in (found.items, found.workers, found.classes))
    new = tuple(sorted(set(known.values()) - set(labels)))  # nobody gave these: they stand at the end
    votes = replace(found.votes, classes=len(labels) + len(new)) if new else found.votes
    return LabelFile(votes, tasks, workers, labels + new)


def _features(path: Path, file: LabelFile, show: Show) -> Floats:
    from matching_engine.encoder import Encoder
    from reputation.gold.texts import text_features

    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        show("texts", done, max(done, len(file.tasks)))

    return text_features(read_texts(path, file.tasks), Encoder(between=tick).encode)


def _truth(path: Path, file: LabelFile, gold: KnownAnswers) -> KnownAnswers:
    """The tasks to measure with: those of the file that are not gold."""
    truth, _ = place_known(read_known(path), file)
    new = ~np.isin(truth.item, gold.item)
    return KnownAnswers(truth.item[new], truth.answer[new])


def _checked(posterior: Floats, truth: KnownAnswers) -> Checked | None:
    some = truth.answer >= 0
    return Checked(posterior[truth.item[some]], truth.answer[some]) if some.any() else None


def measure(posterior: Floats, truth: KnownAnswers) -> dict[str, Any]:
    """Accuracy over all of these tasks; calibration and likelihood over those whose truth is a label."""
    if not truth.item.size:
        return {"tasks": 0}
    answer = posterior[truth.item].argmax(axis=1)
    figures: dict[str, Any] = {
        "tasks": int(truth.item.size),
        "accuracy": float((answer == truth.answer).mean()),
    }
    checked = _checked(posterior, truth)
    if checked is not None:
        figures["ece"] = expected_calibration_error(checked.posterior, checked.truth)
        figures["nll"] = negative_log_likelihood(checked.posterior, checked.truth)
    return figures


def _summary(
    given: argparse.Namespace, file: LabelFile, found: Inference, gold: KnownAnswers, unknown: int
) -> dict[str, Any]:
    votes: Votes = file.votes
    elsewhere = (f"{unknown} gold answers are of tasks that have no labels.",) if unknown else ()
    return {
        "method": found.method,
        "seed": given.seed,
        "tasks": votes.items,
        "workers": votes.workers,
        "labels": len(votes),
        "classes": list(file.labels),
        "gold": int(gold.item.size),
        "features": given.tasks is not None,
        "calibrated": found.calibrated,
        "temperature": found.temperature,
        "members": [
            {
                "method": run.method,
                "weight": weight,
                "iterations": run.iterations,
                "converged": run.converged,
            }
            for run, weight in zip(found.members, found.weights, strict=True)
        ],
        "notes": [*found.notes, *elsewhere],
    }


def _log(folder: Path, found: Inference, summary: dict[str, Any]) -> None:
    with event_log(folder) as log:
        log.settings({name: value for name, value in summary.items() if not isinstance(value, dict)})
        log.figures({name: float(value) for name, value in summary.get("truth", {}).items()})
        for run in found.members:
            log.trace(run.method, run.log_likelihood)


def _workers(file: LabelFile, skill: Skills) -> dict[str, dict[str, Any]]:
    low, high = skill.interval()
    count = file.votes.labels_per_worker()
    return _rows(file.workers, {"labels": count, "skill": skill.mean, "low": low, "high": high})


def _rows(names: tuple[str, ...], columns: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Name to the values of its row, numbers to six decimals."""
    lists = {key: _plain(values) for key, values in columns.items()}
    return {name: {key: values[row] for key, values in lists.items()} for row, name in enumerate(names)}


def _plain(values: Any) -> list[Any]:
    listed = np.asarray(values).tolist()
    return [(round(v, 6) if np.isfinite(v) else None) if isinstance(v, float) else v for v in listed]
