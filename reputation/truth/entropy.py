"""Minimax conditional entropy: every worker and every item confuses classes in its own way."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reputation.truth.memory import refuse_beyond
from reputation.truth.run import TOLERANCE_PPM, Known, TruthRun, check
from reputation.truth.votewise import Votewise
from reputation.votes import PPM, Votes

if TYPE_CHECKING:
    from torch import Tensor

Bools = NDArray[np.bool_]
MAX_ITERATIONS = 200  # of these, not thousands: each climbs a convex problem several steps
STRENGTHS = (1.0, 1 / 4, 1 / 16, 1 / 64, 1 / 256)
_CLIMB = 8  # steps of L-BFGS in an iteration
_KEPT = 24  # tables that L-BFGS keeps, at most
_TRIAL = 10  # iterations for each strength that is tried
_FOLDS = 5  # one of so many votes is held out then


def minimax_entropy(
    votes: Votes,
    *,
    known: Known | None = None,
    strength: float | None = None,
    tolerance_ppm: int = TOLERANCE_PPM,
    max_iterations: int = MAX_ITERATIONS,
    device: str = "cpu",
) -> TruthRun:
    """Regularised minimax conditional entropy (Zhou, Liu, Platt & Meek, ICML 2014; arXiv:1503.07240).

    P(worker w answers k | item i is of class c) is proportional to exp(s_w[c, k] + t_i[c, k]). The labels are
    those under which the distribution of greatest entropy is the most certain; the dual is a penalised
    likelihood: alternately the posterior of the labels, each class as likely beforehand, and some steps of
    L-BFGS on s and t, which never lower it. The penalties are strength K^2 / 2 on the squares of s, and that
    times (labels per worker / labels per item) on those of t, as in the authors' program. The strength is
    chosen, as there, by the likelihood of held-out votes: short runs on four votes of five, for each of
    `STRENGTHS`. Takes about 6 K^2 numbers of memory per vote.

    Args:
        votes: at least one vote; items without votes get every class alike.
        known: items whose answer is known.
        strength: of the penalties, positive; chosen by held-out votes when None.
        tolerance_ppm: stop when no probability of a class of an item moves by more than this.
        max_iterations: stop there in any case; `converged` then says False.
        device: where torch computes, "cpu" or "cuda".
    Returns:
        a TruthRun: `confusion` is each worker's on an item that confuses nobody, `log_likelihood` the
        penalised one, in nats.
    Raises:
        ValueError: no votes, a limit below 1, known items that do not fit, or more memory than there is.
    """
    return _solve("minimax-entropy", votes, known, strength, tolerance_ppm, max_iterations, device)


def minimax_entropy_ordinal(
    votes: Votes,
    *,
    known: Known | None = None,
    strength: float | None = None,
    tolerance_ppm: int = TOLERANCE_PPM,
    max_iterations: int = MAX_ITERATIONS,
    device: str = "cpu",
) -> TruthRun:
    """Minimax conditional entropy for ordered classes (Zhou et al., ICML 2014, section 4).

    As `minimax_entropy`, but s_w and t_i only see on which sides of each threshold 1 to K - 1 the true class
    and the answer lie: 4 (K - 1) numbers instead of K^2, so classes far apart are confused through those
    between. Arguments, result and errors as there.
    """
    return _solve("minimax-entropy-ordinal", votes, known, strength, tolerance_ppm, max_iterations, device)


def _solve(
    method: str,
    votes: Votes,
    known: Known | None,
    strength: float | None,
    tolerance_ppm: int,
    limit: int,
    device: str,
) -> TruthRun:
    check(votes, tolerance_ppm, limit, known)
    k, ordinal = votes.classes, method.endswith("ordinal")
    needed = 8 * k * k * (6 * len(votes) + _KEPT * (votes.workers + votes.items))
    refuse_beyond(needed, f"{method} keeps {k} x {k} numbers a vote", "one_coin_sparse works with any number")
    if strength is None:
        strength = _choose(votes, known, device, ordinal)
    if not strength > 0:
        raise ValueError(f"strength must be positive, it is {strength!r}")
    data = Votewise.of(votes, device, known)
    dual = _Dual(votes, data, strength, ordinal=ordinal)
    posterior, trace, movement = _alternate(dual, data.shares(), tolerance_ppm / PPM, limit)
    return TruthRun(
        method=method,
        posterior=posterior.cpu().numpy(),
        confusion=dual.confusion().cpu().numpy(),
        prevalence=posterior.mean(0).cpu().numpy(),
        log_likelihood=tuple(trace),
        iterations=len(trace),
        movement_ppm=movement * PPM,
        converged=movement <= tolerance_ppm / PPM,
    )


def _alternate(
    dual: _Dual, posterior: Tensor, tolerance: float, limit: int
) -> tuple[Tensor, list[float], float]:
    """Climb and take the posterior in turn: the last one, the objective after each turn, the last
    movement."""
    trace: list[float] = []
    movement = float("inf")
    while len(trace) < limit and movement > tolerance:
        dual.climb(posterior)
        before = posterior
        posterior, value = dual.posterior()
        movement = float((posterior - before).abs().max())
        trace.append(value)
    return posterior, trace, movement


def _choose(votes: Votes, known: Known | None, device: str, ordinal: bool) -> float:
    """The strength under which a fifth of the votes, drawn by lot, is likeliest given the others."""
    lot = np.empty(len(votes), dtype=np.int64)
    # The lot of a vote follows from its place in a fixed order, not from the order in which votes came.
    order = np.lexsort((votes.answer, votes.worker, votes.item))
    lot[order] = np.random.default_rng(0).integers(_FOLDS, size=len(votes))
    kept, hidden = _part(votes, lot > 0), _part(votes, lot == 0)
    if not len(kept) or not len(hidden):
        return STRENGTHS[1]
    data, unseen = Votewise.of(kept, device, known), Votewise.of(hidden, device, None)
    likelihoods = []
    for strength in STRENGTHS:
        dual = _Dual(kept, data, strength, ordinal=ordinal)
        posterior, _, _ = _alternate(dual, data.shares(), TOLERANCE_PPM / PPM, _TRIAL)
        chance = (posterior[unseen.item] * dual.given(dual.table, unseen).exp()).sum(1)
        likelihoods.append(float(chance.log().sum()))
    return STRENGTHS[int(np.argmax(likelihoods))]


def _part(votes: Votes, which: Bools) -> Votes:
    triples = votes.item[which], votes.worker[which], votes.answer[which]
    return Votes(*triples, votes.items, votes.workers, votes.classes, votes.repeats)


class _Dual:
    """The dual variables, and the penalised likelihood that they maximise."""

    def __init__(self, votes: Votes, data: Votewise, strength: float, *, ordinal: bool) -> None:
        import torch

        self.data, self.classes = data, votes.classes
        self.workers, self.items = votes.workers, votes.items
        self.basis = _basis(votes.classes, ordinal).to(data.item.device)
        of_worker = votes.labels_per_worker()
        active, heard = int((of_worker > 0).sum()), int((votes.tally().sum(axis=1) > 0).sum())
        self.on_worker = strength * votes.classes**2
        self.on_item = self.on_worker * heard / active
        size = (votes.workers + votes.items, self.basis.shape[1])
        self.table = torch.zeros(size, dtype=torch.float64, device=data.item.device)

    def _log_chances(self, table: Tensor, data: Votewise) -> Tensor:
        """log P(any answer | each class) of the worker and item of each vote, [V, K, K]."""
        import torch

        both = table[: self.workers][data.worker] + table[self.workers :][data.item]
        logits = (both @ self.basis.T).reshape(-1, self.classes, self.classes)
        return torch.log_softmax(logits, dim=2)

    def given(self, table: Tensor, data: Votewise) -> Tensor:
        """log P(the vote's answer | each class), [V, K]."""
        return self._pick(self._log_chances(table, data), data)

    def _pick(self, log_chances: Tensor, data: Votewise) -> Tensor:
        index = data.answer[:, None, None].expand(-1, self.classes, 1)
        return log_chances.gather(2, index)[:, :, 0]

    def _penalty(self, table: Tensor) -> Tensor:
        squares = (table**2).sum(1)
        on_worker, on_item = squares[: self.workers].sum(), squares[self.workers :].sum()
        return (self.on_worker * on_worker + self.on_item * on_item) / 2

    def loss(self, table: Tensor, posterior: Tensor) -> tuple[Tensor, Tensor]:
        """The expected penalised log likelihood, negated, and its gradient."""
        import torch

        weight = posterior[self.data.item]
        log_chances = self._log_chances(table, self.data)
        value = self._penalty(table) - (weight * self._pick(log_chances, self.data)).sum()
        pull = -weight[:, :, None] * log_chances.exp()
        index = self.data.answer[:, None, None].expand(-1, self.classes, 1)
        pull.scatter_add_(2, index, weight[:, :, None])
        rows = pull.reshape(-1, self.classes**2) @ self.basis
        gradient = torch.cat(
            [
                self.on_worker * table[: self.workers] - self.data.per_worker(rows),
                self.on_item * table[self.workers :] - self.data.per_item(rows),
            ]
        )
        return value, gradient

    def climb(self, posterior: Tensor) -> None:
        """Some steps up; the last table is kept where they should not have helped."""
        import torch

        table = self.table.clone().requires_grad_()
        steps = torch.optim.LBFGS(
            [table], max_iter=_CLIMB, tolerance_grad=1e-9, history_size=8, line_search_fn="strong_wolfe"
        )

        def closure() -> Tensor:
            with torch.no_grad():
                value, table.grad = self.loss(table.detach(), posterior)
            return value

        steps.step(closure)  # type: ignore[no-untyped-call]
        found = table.detach()
        if float(self.loss(found, posterior)[0]) <= float(self.loss(self.table, posterior)[0]):
            self.table = found

    def posterior(self) -> tuple[Tensor, float]:
        """P(class) of each item [I, K], and the penalised log likelihood of the votes."""
        joint = self.data.per_item(self.given(self.table, self.data))
        posterior, evidence = self.data.posterior(joint - math.log(self.classes))
        return posterior, evidence - float(self._penalty(self.table))

    def confusion(self) -> Tensor:
        """[W, K, K] P(answer | class) of each worker by itself."""
        import torch

        logits = (self.table[: self.workers] @ self.basis.T).reshape(-1, self.classes, self.classes)
        return torch.softmax(logits, dim=2)


def _basis(classes: int, ordinal: bool) -> Tensor:
    """[K * K, F]: what of each cell (class, answer) the numbers of a worker or an item speak about."""
    import torch

    if not ordinal:
        return torch.eye(classes**2, dtype=torch.float64)
    grade = torch.arange(classes)
    columns = []
    for threshold in range(1, classes):
        above = grade >= threshold
        for true_side in (False, True):
            for answer_side in (False, True):
                cell = (above == true_side)[:, None] & (above == answer_side)[None]
                columns.append(cell.reshape(-1).to(torch.float64))
    return torch.stack(columns, dim=1)
