"""The committed form of an inference run: integers that anyone can judge, check and score from.

What follows from committed parameters (answers, confidence, skill) is computed from them only, without torch.
"""

from reputation.committed.counts import Counts
from reputation.committed.dawid_skene import Parameters, quantise
from reputation.committed.judgement import Judgement, Skill
from reputation.committed.mean import MeanParameters
from reputation.committed.run import (
    COMMITTED_METHODS,
    DAWID_SKENE,
    DEFAULT_METHOD,
    AnyParameters,
    Certificate,
    CommittedRun,
    Fault,
    certify,
    commit,
    compare,
    judge,
    method_document,
    parameters_document,
    parameters_from_document,
    skill,
)

__all__ = [
    "COMMITTED_METHODS",
    "DAWID_SKENE",
    "DEFAULT_METHOD",
    "AnyParameters",
    "Certificate",
    "CommittedRun",
    "Counts",
    "Fault",
    "Judgement",
    "MeanParameters",
    "Parameters",
    "Skill",
    "certify",
    "commit",
    "compare",
    "judge",
    "method_document",
    "parameters_document",
    "parameters_from_document",
    "quantise",
    "skill",
]
