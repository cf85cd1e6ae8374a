"""Matching: texts to vectors, vectors to values, values to an assignment. Pure functions: arrays in,
dataclasses out.

Nothing here knows a database or a chain, and importing this package does not load torch or transformers.
"""

from matching_engine.assign import assign
from matching_engine.encoder import Encoder, encode, model_digest
from matching_engine.problem import (
    Assignment,
    Certificate,
    Problem,
    certify,
    prices_digest,
    problem_digest,
)
from matching_engine.scoring import score

__all__ = [
    "Assignment",
    "Certificate",
    "Encoder",
    "Problem",
    "assign",
    "certify",
    "encode",
    "model_digest",
    "prices_digest",
    "problem_digest",
    "score",
]
