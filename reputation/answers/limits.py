"""What every kind of answers refuses alike."""

from __future__ import annotations


def check(count: int, what: str, **limits: float) -> None:
    """There has to be something to infer from, and every limit has to be positive.

    Raises:
        ValueError: there is nothing, or a limit is not.
    """
    if not count:
        raise ValueError(f"there is nothing to infer from: no {what}")
    for name, limit in limits.items():
        if not limit > 0:
            raise ValueError(f"{name} must be positive, it is {limit!r}")
