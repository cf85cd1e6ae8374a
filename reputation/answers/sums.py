"""A sum that several kinds of answers need, added up in the order of its rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reputation.votes import Ints

Floats = NDArray[np.float64]


def row_sums(place: Ints, rows: Floats, places: int) -> Floats:
    """The sum of the rows [V, C] of each place, [places, C]."""
    from scipy.sparse import csr_array

    ones = np.ones(place.size)
    which = csr_array((ones, (place, np.arange(place.size))), shape=(places, place.size))
    total: Floats = which @ rows
    return total
