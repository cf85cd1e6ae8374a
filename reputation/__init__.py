"""Judging: truth inference, skill, review rules and pay. Pure functions: arrays in, dataclasses out.

Nothing here knows a database or a chain, and importing this package does not load torch.
"""

from reputation.committed import (
    Judgement,
    Parameters,
    Skill,
    certify,
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
from reputation.truth.run import Known, Method, States, TruthRun
from reputation.votes import MajorityRun, Votes, majority_vote

__all__ = [
    "METHODS",
    "ConfusionPrior",
    "Judgement",
    "Known",
    "LabelFact",
    "LabelPay",
    "MajorityRun",
    "Method",
    "Parameters",
    "PaymentRule",
    "ReviewRules",
    "Skill",
    "States",
    "TruthRun",
    "Verdict",
    "Votes",
    "certify",
    "dawid_skene",
    "judge",
    "label_amounts",
    "majority_vote",
    "method_document",
    "parameters_document",
    "parameters_from_document",
    "quantise",
    "review",
    "skill",
    "worker_totals",
]
