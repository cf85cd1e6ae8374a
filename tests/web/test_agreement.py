"""The verifiers in Python and in JavaScript say the same of every bundle: whether it holds, and which step
refuses it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from ledger_service.errors import BadInput, VerificationError
from ledger_service.log.policy import parse_policy
from ledger_service.verify.bundle import MAX_BUNDLE_BYTES
from ledger_service.verify.verdict import Memory
from ledger_service.verify.verifier import verify_bundle
from tests.verify.world import World, opened
from tests.web.javascript import ask, b64
from tests.web.mutations import Sample, plain, samples, sound

SAMPLES = 10_000
SEED = 20_260_101

Answer = tuple[bool | None, int, str]


def by_python(sample: Sample, memory: Memory) -> Answer:
    policy = parse_policy(sample.policy) if sample.policy is not None else None
    try:
        verify_bundle(
            sample.raw,
            log_key=sample.log_key,
            log_address=sample.log_address,
            policy=policy,
            memory=memory,
        )
    except VerificationError as error:
        return False, error.step, error.what
    except BadInput as error:
        return None, 0, str(error)
    return True, 0, ""


def question(sample: Sample) -> dict[str, Any]:
    trusted = {"logKey": sample.log_key, "logAddress": sample.log_address}
    asked = {name: value for name, value in trusted.items() if value is not None}
    if sample.policy is not None:
        asked["policy"] = b64(sample.policy)
    return {"ask": "bundle", "raw": b64(sample.raw), **asked}


def by_javascript(given: Iterable[Sample]) -> list[Answer]:
    return [(answer["ok"], answer["step"], answer["what"]) for answer in ask(map(question, given))]


def test_python_and_javascript_agree_on_ten_thousand_mutations() -> None:
    given, memory = list(samples(SEED, SAMPLES)), Memory()
    python = [by_python(sample, memory) for sample in given]
    javascript = by_javascript(given)
    differ = [
        (sample.how, ours, theirs)
        for sample, ours, theirs in zip(given, python, javascript, strict=True)
        if ours[:2] != theirs[:2]
    ]
    assert not differ, f"{len(differ)} of {SAMPLES}, the first: {differ[:3]}"
    steps = Counter(step for ok, step, _ in python if ok is False)
    assert set(steps) == set(range(1, 14)), steps  # every step has refused something


def test_python_and_javascript_agree_on_what_holds() -> None:
    given = [Sample(raw, "sound") for raw in sound()]
    assert [answer[0] for answer in by_javascript(given)] == [True] * len(given)


def test_python_and_javascript_agree_on_what_is_too_long() -> None:
    """A bundle has at most 8 MiB; one that would hold otherwise is refused for its length, in step 1."""
    world = plain()
    begin = len(world.label_bundle({"item": opened({"text": ""}, "item")}))
    given = []
    for length in (MAX_BUNDLE_BYTES, MAX_BUNDLE_BYTES + 1):
        text = {"text": "x" * (length - begin)}
        long = World({"opened item": lambda opening, text=text: opening | {"content": text}})
        raw = long.label_bundle({"item": long.item})
        assert len(raw) == length
        given.append(Sample(raw, "long"))
    python = [by_python(sample, Memory()) for sample in given]
    assert [answer[:2] for answer in python] == [(True, 0), (False, 1)]
    assert [answer[:2] for answer in by_javascript(given)] == [(True, 0), (False, 1)]
