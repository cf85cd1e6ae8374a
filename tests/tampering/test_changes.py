"""No changed byte is accepted; what holds is. (`python -m tests.tampering 1000000` draws many more.)"""

from __future__ import annotations

import pytest

from tests.tampering.changes import Target, accepted, targets

TARGETS = targets()


@pytest.mark.parametrize("target", TARGETS, ids=[target.name for target in TARGETS])
def test_no_random_change_of_a_byte_is_accepted(target: Target) -> None:
    taken, refused = accepted(target, 5_000, seed=1)
    assert taken == []
    assert sum(refused.values()) == 5_000


def test_a_verifier_that_takes_anything_would_be_found() -> None:
    taken, _ = accepted(Target("careless", b"a label", lambda raw: None), 10, seed=1)
    assert len(taken) == 10
