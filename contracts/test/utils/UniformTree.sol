// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {LogTree} from "./LogTree.sol";

/// @title Trees of a million entries (RFC 6962, 2.1), equal but for a few side by side: their roots and proofs cost
/// few hashes, and gas the same as any others.
library UniformTree {
    bytes32 internal constant LEAF = keccak256("leaf");

    /// @dev The entries that are not all the same, and the position of the first of them.
    struct Marked {
        bytes32[] leaves;
        uint256 at;
    }

    /// @dev MTH(D[0:size]).
    function root(
        Marked memory marked,
        uint256 size
    ) internal pure returns (bytes32) {
        return root(marked, 0, size);
    }

    /// @dev MTH(D[low:high]).
    function root(
        Marked memory marked,
        uint256 low,
        uint256 high
    ) internal pure returns (bytes32) {
        uint256 size = high - low;
        if (high <= marked.at || low >= marked.at + marked.leaves.length) return uniform(size);
        if (size == 1) return marked.leaves[low - marked.at];
        uint256 k = split(size);
        return LogTree.hashOf(root(marked, low, low + k), root(marked, low + k, high));
    }

    /// @dev Root of `size` equal leaves.
    function uniform(
        uint256 size
    ) internal pure returns (bytes32) {
        uint256 k = 1;
        bytes32 hash = LEAF;
        for (; k * 2 <= size; k *= 2) {
            hash = LogTree.hashOf(hash, hash);
        }
        return k == size ? hash : LogTree.hashOf(hash, uniform(size - k));
    }

    /// @dev PATH(index, D[0:size]).
    function inclusion(
        Marked memory marked,
        uint256 index,
        uint256 size
    ) internal pure returns (bytes32[] memory) {
        return _path(marked, index, 0, size);
    }

    /// @dev PROOF(first, D[0:second]), 0 < first <= second.
    function consistency(
        Marked memory marked,
        uint256 first,
        uint256 second
    ) internal pure returns (bytes32[] memory) {
        return _subproof(marked, first, 0, second, true);
    }

    /// @dev The largest power of two below `size`.
    function split(
        uint256 size
    ) internal pure returns (uint256 k) {
        k = 1;
        while (k * 2 < size) k *= 2;
    }

    function _path(
        Marked memory marked,
        uint256 index,
        uint256 low,
        uint256 high
    ) private pure returns (bytes32[] memory) {
        if (high - low == 1) return new bytes32[](0);
        uint256 middle = low + split(high - low);
        if (index < middle) {
            return LogTree.pushed(_path(marked, index, low, middle), root(marked, middle, high));
        }
        return LogTree.pushed(_path(marked, index, middle, high), root(marked, low, middle));
    }

    function _subproof(
        Marked memory marked,
        uint256 first,
        uint256 low,
        uint256 high,
        bool known
    ) private pure returns (bytes32[] memory) {
        if (first == high) {
            return known ? new bytes32[](0) : LogTree.pushed(new bytes32[](0), root(marked, low, high));
        }
        uint256 middle = low + split(high - low);
        if (first <= middle) {
            return LogTree.pushed(_subproof(marked, first, low, middle, known), root(marked, middle, high));
        }
        return LogTree.pushed(_subproof(marked, first, middle, high, false), root(marked, low, middle));
    }
}
