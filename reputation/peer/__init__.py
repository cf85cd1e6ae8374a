"""Statistics to pay by when nobody knows the truth: each with its paper, and the labels from which it works.

Arrays in, scores out, in the unit of the paper; a score is no money. Which of them are proof against lazy
answers, and which only where others are honest, each function says.
"""

from reputation.peer.agreement import output_agreement, peer_truth_serum, robust_peer_truth_serum
from reputation.peer.correlated import Determinants, correlated_agreement, determinant_payments
from reputation.peer.overlap import Payments, TooFewLabels
from reputation.peer.posterior import leave_one_out

__all__ = [
    "Determinants",
    "Payments",
    "TooFewLabels",
    "correlated_agreement",
    "determinant_payments",
    "leave_one_out",
    "output_agreement",
    "peer_truth_serum",
    "robust_peer_truth_serum",
]
