"""Judging: truth inference, skill, review rules and pay. Pure functions: arrays in, dataclasses out.

Nothing here knows a database or a chain, and importing this package does not load torch.
"""

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

__all__ = [
    "COMMITTED_METHODS",
    "DEFAULT_METHOD",
    "METHODS",
    "AnyParameters",
    "Certificate",
    "CommittedRun",
    "ConfusionPrior",
    "Fault",
    "Judgement",
    "Known",
    "LabelFact",
    "LabelPay",
    "MajorityRun",
    "MeanParameters",
    "Method",
    "OneCoinRun",
    "OnlineTruth",
    "Parameters",
    "PaymentRule",
    "Reconciled",
    "ReviewRules",
    "Shard",
    "Skill",
    "States",
    "TruthRun",
    "Verdict",
    "Votes",
    "certify",
    "commit",
    "compare",
    "dawid_skene",
    "judge",
    "label_amounts",
    "majority_vote",
    "method_document",
    "one_coin_sparse",
    "parameters_document",
    "parameters_from_document",
    "quantise",
    "read_parquet",
    "review",
    "skill",
    "worker_totals",
]
