"""Attacks on a crowd: spam, rings, haste, copying; one suspicion per worker; whether a payroll may follow.

Nothing here needs known answers; where there are some, they decide between two camps.
"""

from reputation.attacks.copying import Copying, find_copying
from reputation.attacks.rings import Ring, RingSearch, find_rings
from reputation.attacks.spam import SpamFigures, spam_figures
from reputation.attacks.suspicion import Reason, Suspicions, suspicions
from reputation.attacks.timing import TimingFigures, timing_figures
from reputation.attacks.verdict import SettleVerdict, settle_allowed

__all__ = [
    "Copying",
    "Reason",
    "Ring",
    "RingSearch",
    "SettleVerdict",
    "SpamFigures",
    "Suspicions",
    "TimingFigures",
    "find_copying",
    "find_rings",
    "settle_allowed",
    "spam_figures",
    "suspicions",
    "timing_figures",
]
