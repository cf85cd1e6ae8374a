"""The checkpoint cases that sigstore's conformance suite has for Rekor v2, with keys and heads of our own.

Its names (github.com/sigstore/sigstore-conformance, test/assets/bundle-verify), of which those that end in
`_fail` have to be refused; the facts are its, the notes are made here. A verifier that knows no witness
ignores them; one that knows them verifies them, which the suite says is to come.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from ledger_service.errors import VerificationError
from ledger_service.log.checkpoint import LogKey, open_checkpoint, sign_checkpoint
from ledger_service.log.cosignature import WitnessKey, open_cosignatures
from ledger_service.log.hashing import leaf_hash
from ledger_service.log.note import NoteSignature, parse_note
from ledger_service.log.proof import verify_inclusion
from ledger_service.log.tree import Tree

LOG = LogKey("log2025.rekor.example", bytes(range(32)))
ENTRIES = [f"entry {at}".encode() for at in range(736)]
TREE = Tree([leaf_hash(entry) for entry in ENTRIES])
GOOD = sign_checkpoint(LOG.name, len(TREE), TREE.root(), LOG)
BODY, LINE = GOOD.split("\n\n")
W0, W1, W2 = (WitnessKey(name, name.encode()[:1] * 32) for name in ("w0.example", "x/w1", "y/w2"))
COSIGNED = [key.cosign(GOOD, 1_755_640_000) for key in (W0, W1, W2)]


def from_origin_by_ecdsa() -> str:
    """A second line of the log's own name, of an ECDSA key that nobody here knows."""
    key = ec.derive_private_key(7, ec.SECP256R1())
    signature = key.sign((BODY + "\n").encode(), ec.ECDSA(hashes.SHA256()))
    return NoteSignature(LOG.name, b"\x9a\x2c\x63\x55", signature).line


def verifies(checkpoint: str) -> None:
    """As a client does that has the log's key, the entry and its path (index 735 of 736)."""
    head = open_checkpoint(checkpoint, LOG.verifier)
    verify_inclusion(leaf_hash(ENTRIES[735]), 735, head.size, TREE.inclusion_proof(735), head.root)


TAKEN = {
    "rekor2-happy-path": GOOD,
    "rekor2-checkpoint-cosigned": GOOD + COSIGNED[0],
    "rekor2-checkpoint-multiple-cosigs": GOOD + COSIGNED[1] + COSIGNED[2],
    "rekor2-checkpoint-origin-not-first": f"{BODY}\n\n{COSIGNED[0]}{LINE}",
    "rekor2-checkpoint-two-sigs-from-origin": GOOD + from_origin_by_ecdsa(),
    "rekor2-checkpoint-two-sigs-cosigned": GOOD + from_origin_by_ecdsa() + COSIGNED[0],
}


def without_line(at: int) -> str:
    lines = BODY.split("\n")
    return "\n".join([*lines[:at], *lines[at + 1 :]]) + f"\n\n{LINE}"


def resigned(change: Callable[[str], str]) -> str:
    """A changed body under the log's good signature of it, so that only its form can be the reason."""
    body = change(BODY + "\n")
    return f"{body}\n{NoteSignature(LOG.name, LOG.verifier.key_id, LOG.sign(body.encode())).line}"


def without(at: int) -> Callable[[str], str]:
    return lambda body: "".join(line for n, line in enumerate(body.splitlines(keepends=True)) if n != at)


REFUSED = {
    "rekor2-checkpoint-missing-log-signature_fail": f"{BODY}\n\n",
    "rekor2-checkpoint-missing-log-signature_fail, cosigned": f"{BODY}\n\n{COSIGNED[0]}",
    "rekor2-checkpoint-missing-origin_fail": without_line(0),
    "rekor2-checkpoint-missing-size_fail": without_line(1),
    "rekor2-checkpoint-missing-root-hash_fail": without_line(2),
    "rekor2-checkpoint-missing-origin_fail, signed": resigned(without(0)),
    "rekor2-checkpoint-missing-size_fail, signed": resigned(without(1)),
    "rekor2-checkpoint-missing-root-hash_fail, signed": resigned(without(2)),
    "rekor2-checkpoint-no-matching-signature_fail": GOOD.replace("rekor.example", "github.example"),
    "checkpoint-bad-keyhint_fail": BODY
    + "\n\n"
    + NoteSignature(LOG.name, bytes(4), parse_note(GOOD).signatures[0].signature).line,
    "checkpoint-wrong-roothash_fail": sign_checkpoint(LOG.name, 700, TREE.root(700), LOG),
    "invalid-checkpoint-signature_fail": BODY
    + "\n\n"
    + NoteSignature(LOG.name, LOG.verifier.key_id, bytes(63) + b"\x01").line,
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_checkpoint_of_the_suite_is_taken(name: str) -> None:
    verifies(TAKEN[name])


@pytest.mark.parametrize("name", REFUSED)
def test_a_checkpoint_of_the_suite_is_refused(name: str) -> None:
    with pytest.raises(VerificationError):
        verifies(REFUSED[name])


def test_an_inclusion_proof_of_the_suite_is_refused() -> None:
    """inclusion-proof-corrupted-hash, invalid-inclusion-proof (an old one), rekor2-no-inclusion-proof"""
    head, leaf, path = open_checkpoint(GOOD, LOG.verifier), leaf_hash(ENTRIES[735]), TREE.inclusion_proof(735)
    corrupted = [path[0][:31] + bytes([path[0][31] ^ 1]), *path[1:]]
    for wrong in (corrupted, TREE.inclusion_proof(600, 700), TREE.inclusion_proof(700, 701), []):
        with pytest.raises(VerificationError):
            verify_inclusion(leaf, 735, head.size, wrong, head.root)


@pytest.mark.parametrize("name", TAKEN)
def test_known_witnesses_are_verified_as_well(name: str) -> None:
    found = open_cosignatures(TAKEN[name], [W0.verifier, W1.verifier, W2.verifier])
    assert len(found) == {"rekor2-checkpoint-multiple-cosigs": 2}.get(name, int(COSIGNED[0] in TAKEN[name]))
