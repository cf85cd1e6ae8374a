"""Judging: truth inference, skill, review rules and pay. Pure functions: arrays in, dataclasses out.

Nothing here knows a database or a chain. Importing this package loads numpy and neither torch nor scipy; what
only some callers want is loaded when its name is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from reputation.committed import (
    COMMITTED_METHODS,
    DEFAULT_METHOD,
    AnyParameters,
    Certificate,
    CommittedRun,
    Fault,
    Judgement,
    MeanParameters,
    Parameters,
    Skill,
    certify,
    commit,
    compare,
    judge,
    method_document,
    parameters_document,
    parameters_from_document,
    quantise,
    skill,
)
from reputation.payments import LabelPay, PaymentRule, label_amounts, worker_totals
from reputation.priors import ConfusionPrior
from reputation.review import LabelFact, ReviewRules, Verdict, review
from reputation.truth.dawid_skene import dawid_skene
from reputation.truth.methods import METHODS
from reputation.truth.one_coin import OneCoinRun, one_coin_sparse
from reputation.truth.online import OnlineTruth, Reconciled
from reputation.truth.run import Known, Method, States, TruthRun
from reputation.truth.stream import Shard, read_parquet
from reputation.votes import MajorityRun, Votes, majority_vote

if TYPE_CHECKING:
    from reputation.answers import (
        Comparisons,
        LabelSets,
        Numbers,
        Spans,
        Tags,
        Texts,
        bradley_terry,
        crowd_bradley_terry,
        label_set_truth,
        numeric_mean,
        numeric_median,
        numeric_truth,
        span_truth,
        text_truth,
    )
    from reputation.attacks import (
        SettleVerdict,
        Suspicions,
        find_copying,
        find_rings,
        settle_allowed,
        spam_figures,
        suspicions,
        timing_figures,
    )
    from reputation.crowd.composite import composite
    from reputation.crowd.domains import domain_skills
    from reputation.crowd.drift import changes, recent_skill
    from reputation.crowd.explain import explain
    from reputation.crowd.similarity import similarity
    from reputation.crowd.skill import Skills, confusions, skills
    from reputation.gold.infer import Gold, Inference, infer
    from reputation.gold.models import ModelVotes
    from reputation.peer import (
        Determinants,
        Payments,
        TooFewLabels,
        correlated_agreement,
        determinant_payments,
        leave_one_out,
        output_agreement,
        peer_truth_serum,
        robust_peer_truth_serum,
    )

__all__ = [
    "COMMITTED_METHODS",
    "DEFAULT_METHOD",
    "METHODS",
    "AnyParameters",
    "Certificate",
    "CommittedRun",
    "Comparisons",
    "ConfusionPrior",
    "Determinants",
    "Fault",
    "Gold",
    "Inference",
    "Judgement",
    "Known",
    "LabelFact",
    "LabelPay",
    "LabelSets",
    "MajorityRun",
    "MeanParameters",
    "Method",
    "ModelVotes",
    "Numbers",
    "OneCoinRun",
    "OnlineTruth",
    "Parameters",
    "PaymentRule",
    "Payments",
    "Reconciled",
    "ReviewRules",
    "SettleVerdict",
    "Shard",
    "Skill",
    "Skills",
    "Spans",
    "States",
    "Suspicions",
    "Tags",
    "Texts",
    "TooFewLabels",
    "TruthRun",
    "Verdict",
    "Votes",
    "bradley_terry",
    "certify",
    "changes",
    "commit",
    "compare",
    "composite",
    "confusions",
    "correlated_agreement",
    "crowd_bradley_terry",
    "dawid_skene",
    "determinant_payments",
    "domain_skills",
    "explain",
    "find_copying",
    "find_rings",
    "infer",
    "judge",
    "label_amounts",
    "label_set_truth",
    "leave_one_out",
    "majority_vote",
    "method_document",
    "numeric_mean",
    "numeric_median",
    "numeric_truth",
    "one_coin_sparse",
    "output_agreement",
    "parameters_document",
    "parameters_from_document",
    "peer_truth_serum",
    "quantise",
    "read_parquet",
    "recent_skill",
    "review",
    "robust_peer_truth_serum",
    "settle_allowed",
    "similarity",
    "skill",
    "skills",
    "spam_figures",
    "span_truth",
    "suspicions",
    "text_truth",
    "timing_figures",
    "worker_totals",
]

_LATER = {
    "reputation.answers": (
        "Comparisons",
        "LabelSets",
        "Numbers",
        "Spans",
        "Tags",
        "Texts",
        "bradley_terry",
        "crowd_bradley_terry",
        "label_set_truth",
        "numeric_mean",
        "numeric_median",
        "numeric_truth",
        "span_truth",
        "text_truth",
    ),
    "reputation.attacks": (
        "SettleVerdict",
        "Suspicions",
        "find_copying",
        "find_rings",
        "settle_allowed",
        "spam_figures",
        "suspicions",
        "timing_figures",
    ),
    "reputation.crowd.composite": ("composite",),
    "reputation.crowd.domains": ("domain_skills",),
    "reputation.crowd.drift": (
        "changes",
        "recent_skill",
    ),
    "reputation.crowd.explain": ("explain",),
    "reputation.crowd.similarity": ("similarity",),
    "reputation.crowd.skill": (
        "Skills",
        "confusions",
        "skills",
    ),
    "reputation.gold.infer": (
        "Gold",
        "Inference",
        "infer",
    ),
    "reputation.gold.models": ("ModelVotes",),
    "reputation.peer": (
        "Determinants",
        "Payments",
        "TooFewLabels",
        "correlated_agreement",
        "determinant_payments",
        "leave_one_out",
        "output_agreement",
        "peer_truth_serum",
        "robust_peer_truth_serum",
    ),
}


def __getattr__(name: str) -> Any:
    """What is loaded late, from the module that has it.

    Raises:
        AttributeError: there is no such name.
    """
    for module, names in _LATER.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
