// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Merkle proofs of RFC 9162 (the trees of RFC 6962), with the SHA-256 precompile.
/// @notice Pure checks: anyone may use them. Every function reverts with the values that differ.
/// @dev A proof must have exactly the length that its sizes give; the empty tree has no proofs here.
library Rfc9162 {
    /// @notice A tree of size zero has no leaf, and nothing is consistent with it.
    error EmptyTree();
    /// @notice The leaf's index is not below the size of the tree.
    error IndexOutOfRange(uint256 index, uint256 size);
    /// @notice An older tree cannot be larger than a newer one.
    error SizesOutOfOrder(uint256 first, uint256 second);
    /// @notice The proof has more or fewer hashes than the sizes require.
    error WrongProofLength(uint256 length);
    /// @notice The proof leads to another root.
    error RootMismatch(bytes32 computed, bytes32 expected);
    /// @notice The SHA-256 precompile did not answer (out of gas, or a chain without it).
    error HashFailed();

    /// @notice MTH of one entry: SHA-256(0x00 ‖ entry). RFC 9162, 2.1.1.
    function leafHash(
        bytes memory entry
    ) internal pure returns (bytes32) {
        return sha256(bytes.concat(hex"00", entry));
    }

    /// @notice MTH of two subtrees: SHA-256(0x01 ‖ left ‖ right). RFC 9162, 2.1.1.
    function nodeHash(
        bytes32 left,
        bytes32 right
    ) internal view returns (bytes32 hash) {
        bool answered;
        assembly ("memory-safe") {
            let preimage := mload(0x40)
            mstore8(preimage, 1)
            mstore(add(preimage, 1), left)
            mstore(add(preimage, 33), right)
            answered := and(eq(returndatasize(), 32), staticcall(gas(), 2, preimage, 65, 0, 32))
            hash := mload(0)
        }
        if (!answered) revert HashFailed();
    }

    /// @notice The root that an inclusion proof leads to. RFC 9162, 2.1.3.2, with the same names.
    /// @param hash The leaf hash.
    /// @param index Position of the leaf, from zero.
    /// @param size Number of leaves under the root.
    /// @param proof Sibling hashes from the leaf upwards.
    function inclusionRoot(
        bytes32 hash,
        uint256 index,
        uint256 size,
        bytes32[] calldata proof
    ) internal view returns (bytes32 r) {
        if (size == 0) revert EmptyTree();
        if (index >= size) revert IndexOutOfRange(index, size);
        uint256 fn = index;
        uint256 sn = size - 1;
        r = hash;
        for (uint256 i; i < proof.length; ++i) {
            if (sn == 0) revert WrongProofLength(proof.length);
            if (fn & 1 == 1 || fn == sn) {
                r = nodeHash(proof[i], r);
                while (fn & 1 == 0 && fn != 0) (fn, sn) = (fn >> 1, sn >> 1);
            } else {
                r = nodeHash(r, proof[i]);
            }
            (fn, sn) = (fn >> 1, sn >> 1);
        }
        if (sn != 0) revert WrongProofLength(proof.length);
    }

    /// @notice Checks that a leaf is at `index` under `root`. RFC 9162, 2.1.3.2.
    function verifyInclusion(
        bytes32 hash,
        uint256 index,
        uint256 size,
        bytes32[] calldata proof,
        bytes32 root
    ) internal view {
        bytes32 computed = inclusionRoot(hash, index, size, proof);
        if (computed != root) revert RootMismatch(computed, root);
    }

    /// @notice Checks that the tree of `second` leaves starts with the tree of `first` leaves. RFC 9162, 2.1.4.2.
    /// @dev Where the RFC leaves equal sizes out: their roots must be equal and the proof empty.
    /// @param first Size of the older tree, at least one.
    /// @param second Size of the newer tree, at least `first`.
    /// @param firstRoot Root of the older tree.
    /// @param secondRoot Root of the newer tree.
    /// @param proof The consistency path.
    function verifyConsistency(
        uint256 first,
        uint256 second,
        bytes32 firstRoot,
        bytes32 secondRoot,
        bytes32[] calldata proof
    ) internal view {
        if (first == 0) revert EmptyTree();
        if (first > second) revert SizesOutOfOrder(first, second);
        bytes32 fr = firstRoot;
        bytes32 sr = firstRoot;
        if (first != second) (fr, sr) = _consistencyRoots(first, second, firstRoot, proof);
        else if (proof.length != 0) revert WrongProofLength(proof.length);
        if (fr != firstRoot) revert RootMismatch(fr, firstRoot);
        if (sr != secondRoot) revert RootMismatch(sr, secondRoot);
    }

    /// @dev Both roots that a consistency path leads to, for first < second.
    function _consistencyRoots(
        uint256 first,
        uint256 second,
        bytes32 firstRoot,
        bytes32[] calldata proof
    ) private view returns (bytes32 fr, bytes32 sr) {
        uint256 next = 0; // the first hash of the path that the loop reads
        fr = firstRoot;
        if (first & (first - 1) != 0) {
            if (proof.length == 0) revert WrongProofLength(0);
            (fr, next) = (proof[0], 1);
        }
        uint256 fn = first - 1;
        uint256 sn = second - 1;
        while (fn & 1 == 1) (fn, sn) = (fn >> 1, sn >> 1);
        return _climb(fn, sn, fr, proof, next);
    }

    /// @dev Steps 5 and 6 of RFC 9162, 2.1.4.2, on which an anchor spends most of its computation: `at` walks over the
    /// hashes of the path, and one preimage, 0x01 ‖ left ‖ right, serves all nodes.
    function _climb(
        uint256 fn,
        uint256 sn,
        bytes32 seed,
        bytes32[] calldata proof,
        uint256 at
    ) private view returns (bytes32 fr, bytes32 sr) {
        bool answered = true;
        (fr, sr) = (seed, seed);
        assembly ("memory-safe") {
            let preimage := mload(0x40)
            mstore8(preimage, 1)
            let end := add(proof.offset, shl(5, proof.length))
            for { at := add(proof.offset, shl(5, at)) } lt(at, end) { at := add(at, 0x20) } {
                if iszero(sn) {
                    sn := 1 // the path is too long, which is refused below like one that is too short
                    break
                }
                switch or(and(fn, 1), eq(fn, sn))
                case 0 {
                    mstore(add(preimage, 1), sr)
                    mstore(add(preimage, 33), calldataload(at))
                }
                default {
                    mstore(add(preimage, 1), calldataload(at))
                    mstore(add(preimage, 33), fr)
                    answered := and(answered, staticcall(gas(), 2, preimage, 65, 0, 32))
                    fr := mload(0)
                    mstore(add(preimage, 33), sr)
                    for {} iszero(or(and(fn, 1), iszero(fn))) {} {
                        fn := shr(1, fn)
                        sn := shr(1, sn)
                    }
                }
                answered := and(answered, staticcall(gas(), 2, preimage, 65, 0, 32))
                answered := and(answered, eq(returndatasize(), 32))
                sr := mload(0)
                fn := shr(1, fn)
                sn := shr(1, sn)
            }
        }
        if (!answered) revert HashFailed();
        if (sn != 0) revert WrongProofLength(proof.length);
    }
}
