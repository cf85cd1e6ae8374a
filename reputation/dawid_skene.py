"""Where Dawid-Skene was before it got company; its names stay importable from here."""

from reputation.truth.dawid_skene import dawid_skene
from reputation.truth.run import MAX_ITERATIONS, TOLERANCE_PPM, Floats, TruthRun

__all__ = ["MAX_ITERATIONS", "TOLERANCE_PPM", "Floats", "TruthRun", "dawid_skene"]
