"""The digamma function in a fixed order of double-precision operations.

Committed parameters are judged from its values, so whoever judges again needs the same ones: a formula that
is written down, not a library's. (Abramowitz & Stegun, Handbook of Mathematical Functions, 6.3.5 and 6.3.18.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SHIFT = 10
# B_2n / 2n of the asymptotic series, from 1 / y^2 on; the first one left out is below 1e-15 from y = 10 on.
_SERIES = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760)


def digamma(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """ψ(x) for x > 0: the recurrence ψ(x) = ψ(x + 10) − 1/x − 1/(x + 1) − … − 1/(x + 9), then the series

        ψ(y) = ln y − 1/(2y) − z/12 + z²/120 − z³/252 + z⁴/240 − z⁵/132 + 691·z⁶/32760,   z = 1/y²

    The fractions are added from 1/x on, the polynomial is evaluated by Horner's rule from its last term.
    """
    fractions = 1.0 / values
    for step in range(1, _SHIFT):
        fractions = fractions + 1.0 / (values + step)
    far = values + _SHIFT
    z = 1.0 / (far * far)
    tail = np.zeros_like(far)
    for term in reversed(_SERIES):
        tail = z * (term + tail)
    result: NDArray[np.float64] = ((np.log(far) - 0.5 / far) - tail) - fractions
    return result
