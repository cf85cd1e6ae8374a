"""Bundles made by somebody who knows the format: whatever they hold, they get a verdict or a refusal."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_service import commitments
from ledger_service.errors import BadInput, VerificationError
from ledger_service.verify.verdict import Memory
from ledger_service.verify.verifier import verify_bundle
from tests.verify.world import World

odd_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "0x", "0x00", "-1", "0", "0" * 100, "\n", "é", "0x" + "ff" * 32, "0x" + "00" * 20])
    | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a JSON document, but for the document itself."""
    found = []
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, inner in members:
        found += [(*here, key), *places(inner, (*here, key))]
    return found


def put(document: Any, place: tuple[Any, ...], value: Any) -> None:
    for key in place[:-1]:
        document = document[key]
    document[place[-1]] = value


@pytest.mark.parametrize("kind", ["label", "payment"])
@given(data=st.data())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_in_any_place_is_answered(world: World, kind: str, data: st.DataObject) -> None:
    raw = world.label_bundle() if kind == "label" else world.payment_bundle()
    document = json.loads(raw)
    place = data.draw(st.sampled_from(places(document)))
    put(document, place, data.draw(odd_values))
    changed = commitments.canonical(document)
    if changed == raw or document["openings"] == {}:  # a bundle without openings is one, too
        return
    with pytest.raises((VerificationError, BadInput)):
        verify_bundle(changed)


def test_any_specification_that_the_requester_signed_is_answered() -> None:
    """The requester may sign what makes no sense: a refusal, or a verdict, and nothing else."""
    sound = World().specification
    for place in places(sound):
        for value in (None, 0, -1.5, "x", [], {}, [[]], {"type": "categorical"}, "99999999999999999999"):
            document = json.loads(json.dumps(sound))
            put(document, place, value)
            built = World({"specification": lambda _, document=document: document})
            for raw in (built.label_bundle(), built.payment_bundle()):
                answered(raw)


def answered(raw: bytes) -> None:
    failed = 0
    try:
        verify_bundle(raw)
    except VerificationError as error:
        failed = error.step
    assert failed == 0 or failed >= 7


def test_memory_forgets_the_oldest_and_never_a_failure(world: World) -> None:
    memory = Memory(capacity=2)
    calls = []

    def compute(key: str) -> str:
        calls.append(key)
        if key == "bad":
            raise VerificationError("bad")
        return key.upper()

    for key in ("a", "b", "a", "c", "a", "b"):
        assert memory.recall(key, lambda key=key: compute(key)) == key.upper()
    assert calls == ["a", "b", "c", "b"]
    for _ in range(2):
        with pytest.raises(VerificationError):
            memory.recall("bad", lambda: compute("bad"))
    assert calls[-2:] == ["bad", "bad"]


def test_what_one_bundle_proved_proves_nothing_for_another(world: World) -> None:
    """With one memory, in either order, a forged bundle next to a true one stays refused."""
    true, forged = world.label_bundle(), World(signers={"grant": world.session}).label_bundle()
    for order in ((true, forged, true), (forged, true, forged)):
        memory = Memory()
        for raw in order:
            if raw == true:
                verify_bundle(raw, memory=memory)
            else:
                with pytest.raises(VerificationError, match="step 8"):
                    verify_bundle(raw, memory=memory)
