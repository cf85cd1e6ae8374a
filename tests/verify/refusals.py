"""What tests of refusals say: which struct is changed, which step refuses the bundle, and for what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ledger_service.errors import VerificationError
from ledger_service.verify.verifier import verify_bundle
from tests.verify.world import World


def change(**values: Any) -> Any:
    """A change of a struct's fields."""
    return lambda struct: replace(struct, **values)


def refused(world: World, step: int, what: str, openings: dict[str, Any] | None = None) -> VerificationError:
    """The label's bundle is refused by this step, for this."""
    return refused_bundle(world.label_bundle(openings), step, what)


def refused_bundle(raw: bytes, step: int, what: str) -> VerificationError:
    """A bundle is refused by this step, for this."""
    with pytest.raises(VerificationError) as caught:
        verify_bundle(raw)
    assert caught.value.step == step, str(caught.value)
    assert what in caught.value.what, str(caught.value)
    return caught.value
