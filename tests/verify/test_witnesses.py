"""Bundles whose checkpoint witnesses cosigned, and policies that ask for them (steps 1 to 3)."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger_service import commitments
from ledger_service.errors import BadInput
from ledger_service.log.checkpoint import LogKey
from ledger_service.log.cosignature import WitnessKey
from ledger_service.log.policy import Policy, parse_policy
from ledger_service.verify import bundle as bundles
from ledger_service.verify.command import HOLDS, REFUSED, UNUSABLE, Options, run
from ledger_service.verify.verdict import Memory
from ledger_service.verify.verifier import KEY_NOTE, POLICY_NOTE, verify_bundle
from tests.verify.test_bundle import edited, refused
from tests.verify.world import NOW, World, seeded

FIRST, SECOND, THIRD = (
    WitnessKey(f"witness-{name}.example", seeded(f"witness {name}")) for name in ("a", "b", "c")
)


@pytest.fixture(scope="module")
def witnessed() -> World:
    return World(witnesses=(FIRST, SECOND))


def policy(world: World, quorum: str, *, log: bool = True) -> Policy:
    return parse_policy(policy_text(world, quorum, log=log))


def policy_text(world: World, quorum: str, *, log: bool = True) -> bytes:
    lines = [f"log {world.log_key.verifier}"] if log else []
    lines += [f"witness {at} {key.verifier}" for at, key in zip("ABC", (FIRST, SECOND, THIRD), strict=True)]
    return "\n".join([*lines, *quorum.split("; "), ""]).encode()


QUORUMS = [
    ("quorum none", True),
    ("quorum A", True),
    ("quorum C", False),
    ("group g all A B; quorum g", True),
    ("group g all A B C; quorum g", False),
    ("group g 2 A B C; quorum g", True),
    ("group g any B C; quorum g", True),
    ("group g any A B; group h all g C; quorum h", False),
]


@pytest.mark.parametrize("kind", ["label", "payment"])
def test_a_bundle_says_who_cosigned_and_when(witnessed: World, kind: str) -> None:
    raw = witnessed.label_bundle() if kind == "label" else witnessed.payment_bundle()
    verdict = verify_bundle(raw)
    assert verdict.facts["witnesses"] == [
        {"key": str(FIRST.verifier), "time": NOW + 700, "trusted": False},
        {"key": str(SECOND.verifier), "time": NOW + 701, "trusted": False},
    ]
    assert POLICY_NOTE in verdict.notes


@pytest.mark.parametrize(("quorum", "holds"), QUORUMS)
@pytest.mark.parametrize("log", [True, False])
def test_a_policys_quorum_decides(witnessed: World, quorum: str, holds: bool, log: bool) -> None:
    asked, raw = policy(witnessed, quorum, log=log), witnessed.label_bundle()
    if not holds:
        refused(raw, 3, "cosignatures that the policy asks for", policy=asked)
        return
    verdict = verify_bundle(raw, policy=asked)
    assert POLICY_NOTE not in verdict.notes
    assert (KEY_NOTE in verdict.notes) == (not log)
    assert [found["trusted"] for found in verdict.facts["witnesses"]] == [True, True]


def test_without_witnesses_only_the_policy_that_asks_for_none_is_content(world: World) -> None:
    assert verify_bundle(world.label_bundle(), policy=policy(world, "quorum none")).facts["witnesses"] == []
    refused(world.label_bundle(), 3, "found none of its witnesses'", policy=policy(world, "quorum A"))


def test_the_log_has_to_be_one_of_the_policys(witnessed: World) -> None:
    other = LogKey(witnessed.log_key.name, seeded("other log key"))
    asked = parse_policy(f"log {other.verifier}\nquorum none\n".encode())
    refused(witnessed.label_bundle(), 2, "log key among the policy's logs", policy=asked)


def test_a_memory_of_one_policy_does_not_answer_for_another(witnessed: World) -> None:
    memory, raw = Memory(), witnessed.label_bundle()
    verify_bundle(raw, memory=memory)
    verify_bundle(raw, memory=memory, policy=policy(witnessed, "quorum A"))
    refused(raw, 3, "the quorum `C`", memory=memory, policy=policy(witnessed, "quorum C"))


def test_a_witness_of_the_same_name_with_another_key_does_not_count(world: World) -> None:
    impostor = WitnessKey(FIRST.name, seeded("impostor"))
    raw = World(witnesses=(impostor,)).label_bundle()
    verify_bundle(raw)
    refused(raw, 3, "cosignatures that the policy asks for", policy=policy(world, "quorum A"))


def witnesses(*keys: Any) -> Callable[[Any], object]:
    return lambda bundle: bundle.update(witnesses=[key if key is None else str(key) for key in keys])


@pytest.mark.parametrize(
    ("edit", "step", "what"),
    [
        (lambda b: b.update(witnesses=[]), 1, "witnesses"),
        (lambda b: b.update(witnesses=None), 1, "witnesses"),
        (lambda b: b.update(witnesses="x"), 1, "witnesses"),
        (lambda b: b.update(witnesses=[1]), 1, "a witness"),
        (witnesses("nonsense"), 2, "not a verifier key"),
        (witnesses(FIRST.verifier, LogKey("a.example", seeded("log")).verifier), 2, "0x01"),
        (witnesses(FIRST.verifier, FIRST.verifier), 2, "different keys of witnesses"),
        (lambda b: b.pop("witnesses"), 3, "signatures on the checkpoint: expected 1, found 3"),
        (witnesses(FIRST.verifier), 3, "signatures on the checkpoint"),
        (witnesses(SECOND.verifier, FIRST.verifier), 3, "order of the signatures"),
        (witnesses(FIRST.verifier, THIRD.verifier), 3, "order of the signatures"),
        (witnesses(FIRST.verifier, SECOND.verifier, THIRD.verifier), 3, "signatures on the checkpoint"),
    ],
)
def test_the_list_of_witnesses_has_one_form(
    witnessed: World, edit: Callable[[Any], object], step: int, what: str
) -> None:
    refused(edited(witnessed.label_bundle(), edit), step, what)


def moved(raw: bytes, order: tuple[int, ...]) -> bytes:
    """The bundle with the signature lines of its checkpoint in another order."""
    document = json.loads(raw)
    for part in document["entries"].values():
        proof, gap, lines = part["proof"].rpartition("\n\n")
        split = lines.splitlines(keepends=True)
        part["proof"] = proof + gap + "".join(split[at] for at in order)
    return commitments.canonical(document)


def test_the_lines_stand_in_one_order_and_none_twice(witnessed: World) -> None:
    raw = witnessed.label_bundle()
    assert moved(raw, (0, 1, 2)) == raw
    for order in ((1, 0, 2), (0, 2, 1), (2, 1, 0), (0, 1, 1)):
        refused(moved(raw, order), 3, "order of the signatures")
    refused(moved(raw, (1, 2)), 3, "signatures on the checkpoint")
    refused(moved(raw, (0, 1, 2, 2)), 3, "signatures on the checkpoint")
    refused(moved(raw, (1, 1, 2)), 3, "not signed by the log")


def test_what_is_built_is_not_proved_but_has_the_form(witnessed: World) -> None:
    parts = {role: witnessed.logged(role) for role in bundles.UNJUDGED}
    build = (
        bundles.LABEL,
        witnessed.domain,
        str(witnessed.log_key.verifier),
        witnessed.checkpoint,
        parts,
        {},
    )
    assert "witnesses" not in json.loads(bundles.build(*build, []))
    with pytest.raises(BadInput, match="a witness"):
        bundles.build(*build, [7])  # type: ignore[list-item]


@pytest.fixture
def files(witnessed: World, tmp_path: Path) -> Path:
    (tmp_path / "label.json").write_bytes(witnessed.label_bundle() + b"\n")
    (tmp_path / "two").write_bytes(policy_text(witnessed, "group g all A B; quorum g"))
    (tmp_path / "three").write_bytes(policy_text(witnessed, "group g all A B C; quorum g"))
    (tmp_path / "broken").write_bytes(policy_text(witnessed, "group g 4 A B C; quorum g"))
    return tmp_path


def outcome(files: Path, policy: str, **options: Any) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    asked = Options(policy=str(files / policy), **options)
    return run([str(files / "label.json")], asked, out, err), out.getvalue(), err.getvalue()


def test_the_command_takes_a_policy(files: Path) -> None:
    status, out, _ = outcome(files, "two")
    assert status == HOLDS
    assert f"cosigned by {FIRST.name}, {SECOND.name}" in out
    assert KEY_NOTE not in out
    assert POLICY_NOTE not in out
    status, out, _ = outcome(files, "three")
    assert status == REFUSED
    assert "REFUSED at step 3: cosignatures that the policy asks for" in out


def test_the_command_names_the_witnesses_in_json(files: Path) -> None:
    status, out, _ = outcome(files, "two", as_json=True)
    assert status == HOLDS
    assert json.loads(out)["witnesses"] == [
        {"key": str(FIRST.verifier), "time": NOW + 700, "trusted": True},
        {"key": str(SECOND.verifier), "time": NOW + 701, "trusted": True},
    ]


@pytest.mark.parametrize(("name", "words"), [("broken", "line 5 of the policy"), ("missing", "No such file")])
def test_a_policy_that_cannot_be_used_is_the_callers_mistake(files: Path, name: str, words: str) -> None:
    status, out, err = outcome(files, name)
    assert (status, out) == (UNUSABLE, "")
    assert words in err
    assert name in err
