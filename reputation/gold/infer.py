"""Truth inference in one call: with what there is of gold, of features and of models' answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reputation.gold.choice import Mixture, fit_mixture
from reputation.gold.doubt import contradicted, doubt
from reputation.gold.features import ROUNDS, join_features
from reputation.gold.models import ModelVotes, join_models
from reputation.gold.panel import PANEL, STEPS_PER_FIT, fit_panel
from reputation.truth.default import WEIGHTS, default
from reputation.truth.methods import METHODS
from reputation.truth.run import Floats, Known, TruthRun
from reputation.votes import Ints, Votes

FOLDS = 5
ENOUGH = 20  # gold items from which the confidence counts as calibrated
DEFAULT = "default"
UNHELPFUL = "The features were left out: they do not make answers that were held out more probable."
Progress = Callable[[str, int, float], None]  # what is done, steps so far, share of the whole


@dataclass(frozen=True, eq=False)
class Gold(Known):
    """Items whose right answer is known beforehand; a random sample of the items serves best.

    Attributes:
        item, answer: [G] int64, aligned, the items distinct.

    Raises:
        ValueError: the arrays are not aligned integers, or an item appears twice.
    """


@dataclass(frozen=True, eq=False)
class Inference:
    """What is true, and how sure that is.

    Attributes:
        method: "default", "gold", or the method that was asked for.
        members: the models' runs. Their workers are the crowd's, then one for each model that was given, then
            the head that read the features where that helps.
        weights: of the members, 1 in all: of their posteriors without gold, of the logarithms with it.
        posterior: [I, K] float64, rows sum to 1; a gold item has its answer.
        answer: [I] int64, the most probable class.
        confidence: [I] float64, its probability.
        calibrated: whether confidence may be read as the chance of being right.
        temperature: what the members' posteriors were made less sure by (Guo et al. 2017); None without gold.
        notes: what one has to know to read the result rightly, as sentences.
        mixture: how gold weighs the members; None without gold.
    """

    method: str
    members: tuple[TruthRun, ...]
    weights: tuple[float, ...]
    posterior: Floats
    answer: Ints
    confidence: Floats
    calibrated: bool
    temperature: float | None
    notes: tuple[str, ...]
    mixture: Mixture | None = None


def infer(
    votes: Votes,
    *,
    gold: Gold | None = None,
    features: Floats | None = None,
    models: Sequence[ModelVotes] = (),
    method: str = DEFAULT,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Inference:
    """Infer the right answer of every item.

    1. Models' answers join the votes, each as one worker; features as one more (`features`).
    2. A ring that could have made the result is looked for: without gold a note says so, with gold the votes
       of the side that it refutes are left out (`doubt`).
    3. Without gold, the default's two models are averaged, or the method that was asked for runs alone. With
       it, the panel's models are fitted with gold clamped, once without each of five folds of it; what they
       then say about the fold weighs them, shifts the classes and sets the temperature (`choice`), and the
       result is that mixture of the fits with all gold. A method by name is only calibrated.

    Args:
        votes: at least one vote.
        gold: right answers that are known.
        features: [I, D] float, one row per item.
        models: answers of programs, one entry per model.
        method: "default", or a name in `METHODS`.
        seed: of all that is random: the same seed gives the same result.
        progress: called with what is done, its steps so far and the share of the whole.
    Raises:
        ValueError: no votes, an unknown method, or gold, features or models that do not fit the votes.
    """
    if method != DEFAULT and method not in METHODS:
        raise ValueError(f"there is no method {method!r}: {', '.join((DEFAULT, *METHODS))}")
    known = _usable(gold, votes)
    steps = _Steps(progress, ROUNDS * (features is not None) + _fits(known))
    joined, notes = _with_features(join_models(votes, models), features, seed, device, steps)
    doubted = doubt(joined, known)
    inference = _fitted(doubted.votes, known, method, seed, device, steps)
    return replace(inference, notes=(*notes, *doubted.notes, *inference.notes))


def _fitted(
    votes: Votes, known: Known | None, method: str, seed: int, device: str, steps: _Steps
) -> Inference:
    if known is None:
        return _without_gold(votes, method, seed, device, steps)
    return _with_gold(votes, known, method, seed, device, steps)


def _with_features(
    votes: Votes, features: Floats | None, seed: int, device: str, steps: _Steps
) -> tuple[Votes, tuple[str, ...]]:
    if features is None:
        return votes, ()
    found = join_features(votes, features, seed=seed, device=device, tick=lambda: steps("features"))
    return found.votes, () if found.helps else (UNHELPFUL,)


def _usable(gold: Known | None, votes: Votes) -> Known | None:
    """The same gold in the order of its items: folds are cut by place, and must not depend on how it came."""
    if gold is None or not gold.item.size:
        return None
    gold.check(votes)
    order = np.argsort(gold.item)
    return Known(gold.item[order], gold.answer[order])


class _Steps:
    """Counts what is done, for whoever watches."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def __call__(self, what: str) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(what, self._done, min(self._done / self._total, 1.0))


def _fits(known: Known | None) -> int:
    return 1 if known is None else (min(FOLDS, known.item.size) + 1) * STEPS_PER_FIT


def _without_gold(votes: Votes, method: str, seed: int, device: str, steps: _Steps) -> Inference:
    if method == DEFAULT:
        members: tuple[TruthRun, ...] = default(votes, device=device)
        weights: tuple[float, ...] = WEIGHTS
    else:
        members, weights = (run_method(method, votes, None, seed, device),), (1.0,)
    posterior = sum((w * run.posterior for w, run in zip(weights, members, strict=True)), np.float64(0))
    steps("models")
    notes = (
        "The confidence is not calibrated: without gold answers it is surer than it is right.",
        *_unconverged(members),
    )
    return _inference(method, members, weights, np.asarray(posterior), False, None, notes, None)


def run_method(method: str, votes: Votes, known: Known | None, seed: int, device: str) -> TruthRun:
    """A method by its name, with the known answers and the seed where it takes them."""
    import inspect

    function: Callable[..., TruthRun] = METHODS[method]
    offered = {"known": known, "seed": seed}
    taken = {name: offered[name] for name in offered if name in inspect.signature(function).parameters}
    return function(votes, device=device, **taken)


def _with_gold(votes: Votes, gold: Known, method: str, seed: int, device: str, steps: _Steps) -> Inference:
    def fit(known: Known) -> list[tuple[Floats, TruthRun]]:
        if method == DEFAULT:
            return list(fit_panel(votes, known, device, lambda: steps("models")))
        run = run_method(method, votes, known, seed, device)
        steps("models")
        return [(run.posterior, run)]

    fold = _folds(gold, seed)
    seen = np.zeros((len(PANEL) if method == DEFAULT else 1, gold.item.size, votes.classes))
    for one in range(int(fold.max()) + 1):
        out = fold == one
        fitted = fit(Known(gold.item[~out], gold.answer[~out]))
        for member, (posterior, _) in enumerate(fitted):
            seen[member, out] = posterior[gold.item[out]]
    mixture = fit_mixture(list(seen), gold.answer)
    fitted = fit(gold)
    posterior = mixture.apply([part for part, _ in fitted])
    posterior[gold.item] = np.eye(votes.classes)[gold.answer]
    runs = tuple(run for _, run in fitted)
    rest = np.delete(posterior.max(axis=1), gold.item)
    wrong = contradicted(rest, mixture.apply(list(seen)), gold)
    if gold.item.size < ENOUGH:
        wrong = _few(gold.item.size)
    calibrated, notes = wrong is None, () if wrong is None else (wrong,)
    name = "gold" if method == DEFAULT else method
    return _inference(name, runs, mixture.weights, posterior, calibrated, mixture.temperature, notes, mixture)


def _folds(gold: Known, seed: int) -> Ints:
    """Which fold each gold item is in; whatever the order in which the gold was given."""
    order = np.argsort(gold.item, kind="stable")
    fold = np.empty(gold.item.size, dtype=np.int64)
    random = np.random.default_rng([seed, 0x676F6C64])
    fold[order] = random.permutation(np.arange(gold.item.size) % min(FOLDS, gold.item.size))
    return fold


def _few(size: int) -> str:
    return (
        f"The confidence is not calibrated: {size} gold answer{'s' if size > 1 else ''} cannot tell how "
        f"often a given confidence is right; {ENOUGH} can."
    )


def _unconverged(members: Sequence[TruthRun]) -> tuple[str, ...]:
    return tuple(
        f"{run.method} had not converged after {run.iterations} iterations (its parameters still moved by "
        f"{run.movement_ppm:.0f} ppm)."
        for run in members
        if not run.converged
    )


def _inference(
    method: str,
    members: tuple[TruthRun, ...],
    weights: tuple[float, ...],
    posterior: Floats,
    calibrated: bool,
    temperature: float | None,
    notes: tuple[str, ...],
    mixture: Mixture | None,
) -> Inference:
    return Inference(
        method=method,
        members=members,
        weights=weights,
        posterior=posterior,
        answer=posterior.argmax(axis=1).astype(np.int64),
        confidence=posterior.max(axis=1),
        calibrated=calibrated,
        temperature=temperature,
        notes=notes,
        mixture=mixture,
    )
