"""Workers' scores from the committed parameters of the default method, in integers."""

from __future__ import annotations

import math

import numpy as np

from reputation.committed.counts import emission, weight
from reputation.committed.judgement import Judgement, Skill
from reputation.committed.mean import MEMBERS, MeanParameters, judge
from reputation.votes import PPM, Votes


def skill(votes: Votes, parameters: MeanParameters, judgement: Judgement | None = None) -> Skill:
    """How often each worker is right on a typical item, by the first model, and how far that may be off.

        share(k)  = weight[k] · 10^6 / Σ weight               rows and weights as in the E-step,
        right(k)  = rows[w, k, k] · 10^6 / Σ_a rows[w, k, a]  all divisions rounded down
        score     = Σ_k share(k) · right(k) / 10^6
        doubt     = Σ over the worker's labels of (10^6 − confidence of the item's answer) / (labels + 1)
        standard error = isqrt(score · (10^6 − score) / (labels + 1) + doubt²)

    The first term under the root is the binomial one, of a worker's luck; the second takes all doubt about
    the answers as if it counted against the worker. What a whole crowd gets wrong in unison it does not see.

    Args:
        judgement: of these votes and parameters, where it is known already.
    Raises:
        ValueError: votes and parameters are of different shapes.
    """
    known = judgement or judge(votes, parameters)
    counts, prior = parameters.members[0], MEMBERS[0]
    states, rows = weight(counts, prior), emission(counts, prior)
    share = states * PPM // states.sum()
    right = np.diagonal(rows, axis1=1, axis2=2) * PPM // rows.sum(axis=2)
    score = (right * share).sum(axis=1) // PPM
    labels = votes.labels_per_worker() + 1
    doubt = np.zeros(votes.workers, dtype=np.int64)
    np.add.at(doubt, votes.worker, PPM - known.confidence_ppm[votes.item])
    doubt //= labels
    variance = score * (PPM - score) // labels + doubt * doubt
    error = np.array([math.isqrt(int(value)) for value in variance], dtype=np.int64)
    return Skill(score, error)
