"""Checking Merkle proofs (RFC 9162, 2.1.3.2 and 2.1.4.2), in the RFC's own names and steps."""

from __future__ import annotations

from collections.abc import Sequence

from ledger_service.errors import VerificationError
from ledger_service.log.hashing import HASH_BYTES, node_hash


def verify_inclusion(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that `leaf_hash` is leaf `index` of the tree of `size` leaves with this `root`.

    Raises:
        VerificationError: it is not, the proof has the wrong length, or a hash is not 32 bytes.
    """
    _check_hashes([leaf_hash, root, *proof])
    if not 0 <= index < size:  # step 1
        raise VerificationError("leaf index", expected=f"less than {size}", found=str(index))
    fn, sn, r = index, size - 1, leaf_hash  # steps 2 and 3
    for p in proof:  # step 4
        if sn == 0:
            raise VerificationError("inclusion proof is too long", found=f"{len(proof)} hashes")
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:  # step 5
        raise VerificationError("inclusion proof is too short", found=f"{len(proof)} hashes")
    _check_equal("root of the inclusion proof", root, r)


def verify_consistency(size1: int, size2: int, root1: bytes, root2: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree (`size2`, `root2`) begins with the tree (`size1`, `root1`).

    Raises:
        VerificationError: it does not, `size1` is zero, the proof has the wrong length, or a hash of
            two different trees is not 32 bytes.
    """
    if not 0 < size1 <= size2:
        raise VerificationError("tree sizes", expected=f"1 to {size2}", found=str(size1))
    if size1 == size2:  # step 1: nothing is hashed, so the two roots are only compared
        if proof:
            raise VerificationError("consistency proof of a tree with itself", expected="empty")
        return _check_equal("root", root1, root2)
    _check_hashes([root1, root2, *proof])
    if not proof:
        raise VerificationError("consistency proof is empty")
    path = list(proof)
    if size1 & (size1 - 1) == 0:  # step 2: a power of two is a node of the larger tree
        path.insert(0, root1)
    _fold_consistency(size1, size2, root1, root2, path)
    return None


def _fold_consistency(size1: int, size2: int, root1: bytes, root2: bytes, path: list[bytes]) -> None:
    fn, sn = size1 - 1, size2 - 1  # step 3
    while fn & 1:  # step 4
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]  # step 5
    for c in path[1:]:  # step 6
        if sn == 0:
            raise VerificationError("consistency proof is too long", found=f"{len(path)} hashes")
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:  # step 7
        raise VerificationError("consistency proof is too short", found=f"{len(path)} hashes")
    _check_equal("root of the smaller tree", root1, fr)
    _check_equal("root of the larger tree", root2, sr)


def _check_hashes(hashes: Sequence[bytes]) -> None:
    for value in hashes:
        if len(value) != HASH_BYTES:
            raise VerificationError("length of a hash", expected=str(HASH_BYTES), found=str(len(value)))


def _check_equal(what: str, expected: bytes, found: bytes) -> None:
    if expected != found:
        raise VerificationError(what, expected="0x" + expected.hex(), found="0x" + found.hex())
