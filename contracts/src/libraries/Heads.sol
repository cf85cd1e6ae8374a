// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title All heads of a log in a few storage slots: a Merkle mountain range over them.
/// @notice Appending a head overwrites one slot, where keeping its root would cost a new one. Whoever has the
/// `Anchored` events of the log, which every node has, can prove each of its heads for ever.
/// @dev leaf = keccak(abi.encode(size, root, time)), 96 bytes; node = keccak(left ‖ right), 64 bytes, so neither can
/// be taken for the other. With `count` heads, peak l is in use where bit l of `count` is set, and is the root over
/// the 2^l heads that follow those of the higher peaks. What other slots hold is left over and never read.
library Heads {
    /// @notice A head of the log.
    struct Head {
        uint64 size; // number of entries
        bytes32 root; // RFC 9162 root over them
        uint64 time; // block time at which it was anchored, seconds
    }

    /// @notice A head, with the proof that the log holds it.
    struct HeadProof {
        Head head;
        uint256 position; // number of heads before it
        bytes32[] path; // siblings from its leaf up to its peak; empty for the latest head
    }

    /// @notice Appends a head.
    /// @param peaks The peaks, by level.
    /// @param count Number of heads so far.
    function append(
        mapping(uint256 level => bytes32) storage peaks,
        uint256 count,
        Head memory head
    ) internal {
        bytes32 node = leaf(head);
        uint256 level;
        for (; (count >> level) & 1 == 1; ++level) {
            node = _node(peaks[level], node);
        }
        peaks[level] = node;
    }

    /// @notice Whether a head is at its position among `count` heads.
    /// @dev The path has one length only: that of the one peak that the position lies under.
    function holds(
        mapping(uint256 level => bytes32) storage peaks,
        uint256 count,
        HeadProof calldata proof
    ) internal view returns (bool) {
        uint256 level = proof.path.length;
        uint256 position = proof.position;
        if ((count >> level) & 1 == 0) return false;
        if (position >> level != (count >> level) - 1) return false;
        bytes32 node = leaf(proof.head);
        for (uint256 i; i < level; ++i) {
            bytes32 sibling = proof.path[i];
            node = (position >> i) & 1 == 1 ? _node(sibling, node) : _node(node, sibling);
        }
        return node == peaks[level];
    }

    /// @notice The leaf of a head.
    function leaf(
        Head memory head
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(head));
    }

    function _node(
        bytes32 left,
        bytes32 right
    ) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            mstore(0, left)
            mstore(0x20, right)
            hash := keccak256(0, 0x40)
        }
    }
}
