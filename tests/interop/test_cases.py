"""The cases that third parties' clients are given, judged by our own verifier; no client is needed."""

from __future__ import annotations

from collections import Counter

import pytest

from ledger_service.errors import VerificationError
from ledger_service.log.checkpoint import VerifierKey, open_checkpoint, sign_checkpoint
from ledger_service.log.cosignature import CosignerKey, WitnessKey, open_cosignatures, with_lines
from ledger_service.log.hashing import leaf_hash
from ledger_service.log.proof import verify_consistency, verify_inclusion
from ledger_service.log.tree import Tree, root_of_data
from scripts.interop import cases
from scripts.interop.cases import Case, Material, unb64
from scripts.interop.clients import CLIENTS
from scripts.interop.log import BATCHES, KEY, made_entry

WITNESS = WitnessKey("witness.example/w1", bytes([3]) * 32)


def made() -> Material:
    """What would be read over HTTP from the log that the clients read."""
    entries = tuple(made_entry(number).raw for number in range(sum(BATCHES)))
    tree = Tree([leaf_hash(entry) for entry in entries])
    notes = []
    for at, size in enumerate((BATCHES[0], len(entries))):
        signed = sign_checkpoint(KEY.name, size, tree.root(size), KEY)
        notes.append(with_lines(signed, [WITNESS.cosign(signed, 1_770_000_000 + at)]))
    return Material(notes[1], notes[0], entries, KEY, WITNESS.verifier)


CASES = cases.build(made())


def head(case: Case, note: str) -> tuple[int, bytes]:
    """Size and root, once the log and the witnesses that the case asks for have signed."""
    found = open_checkpoint(note, VerifierKey.parse(case["log_key"]))
    keys = [CosignerKey.parse(key) for key in case.get("witness_keys", [])]
    if len(open_cosignatures(note, keys)) < case.get("quorum", 0):
        raise VerificationError("cosignatures")
    return found.size, found.root


def judge(case: Case) -> None:
    """Our verifier's word on a case.

    Raises:
        VerificationError: refused.
    """
    if case["kind"] == "entries":
        for size, root in case["heads"]:
            if root_of_data([unb64(entry) for entry in case["entries"][:size]]) != unb64(root):
                raise VerificationError("root")
        return
    size, root = head(case, case["checkpoint"])
    hashes = [unb64(value) for value in case["hashes"]]
    if case["kind"] == "consistency":
        old_size, old_root = head(case, case["old_checkpoint"])
        verify_consistency(old_size, size, old_root, root, hashes)
    else:
        verify_inclusion(leaf_hash(unb64(case["entry"])), case["index"], size, hashes, root)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_our_verifier_accepts_and_refuses_what_it_has_to(case: Case) -> None:
    if case["accept"]:
        judge(case)
        return
    with pytest.raises(VerificationError):
        judge(case)


def test_the_cases_are_many_and_named_once() -> None:
    names = Counter(case["name"] for case in CASES)
    assert max(names.values()) == 1
    kinds = Counter((case["kind"], case["accept"]) for case in CASES)
    assert kinds == {
        ("checkpoint", True): 6,
        ("checkpoint", False): 15,
        ("inclusion", True): 6,
        ("inclusion", False): 54,
        ("consistency", True): 5,
        ("consistency", False): 25,
        ("entries", True): 1,
        ("entries", False): 2,
    }


def test_every_client_has_cases_of_both_sorts_and_a_pinned_version() -> None:
    for client in CLIENTS:
        mine = [case["accept"] for case in CASES if client.checks(case)]
        assert any(mine)
        assert not all(mine)
        assert client.version.count(".") == 2, client.package
