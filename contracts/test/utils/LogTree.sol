// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title The trees and proofs of RFC 6962, section 2.1, by their recursive definitions.
/// @dev Independent of `Rfc9162`, which follows the iterative checks of RFC 9162: the two must agree.
library LogTree {
    /// @dev MTH(D[low:high]) over leaf hashes.
    function root(
        bytes32[] memory leaves,
        uint256 low,
        uint256 high
    ) internal pure returns (bytes32) {
        if (high - low == 1) return leaves[low];
        uint256 k = _split(high - low);
        return hashOf(root(leaves, low, low + k), root(leaves, low + k, high));
    }

    /// @dev PATH(index, D[0:size]).
    function inclusion(
        bytes32[] memory leaves,
        uint256 index,
        uint256 size
    ) internal pure returns (bytes32[] memory) {
        return _path(leaves, index, 0, size);
    }

    /// @dev PROOF(first, D[0:second]), 0 < first <= second.
    function consistency(
        bytes32[] memory leaves,
        uint256 first,
        uint256 second
    ) internal pure returns (bytes32[] memory) {
        return _subproof(leaves, first, 0, second, true);
    }

    /// @dev Distinct leaf hashes.
    function leavesOf(
        uint256 size,
        uint256 seed
    ) internal pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](size);
        for (uint256 i; i < size; ++i) {
            leaves[i] = sha256(abi.encodePacked(uint8(0), seed, i));
        }
    }

    function _path(
        bytes32[] memory leaves,
        uint256 index,
        uint256 low,
        uint256 high
    ) private pure returns (bytes32[] memory) {
        if (high - low == 1) return new bytes32[](0);
        uint256 k = _split(high - low);
        if (index < k) {
            return pushed(_path(leaves, index, low, low + k), root(leaves, low + k, high));
        }
        return pushed(_path(leaves, index - k, low + k, high), root(leaves, low, low + k));
    }

    function _subproof(
        bytes32[] memory leaves,
        uint256 first,
        uint256 low,
        uint256 high,
        bool known
    ) private pure returns (bytes32[] memory) {
        uint256 size = high - low;
        if (first == size) {
            return known ? new bytes32[](0) : pushed(new bytes32[](0), root(leaves, low, high));
        }
        uint256 k = _split(size);
        if (first <= k) {
            return pushed(_subproof(leaves, first, low, low + k, known), root(leaves, low + k, high));
        }
        return pushed(_subproof(leaves, first - k, low + k, high, false), root(leaves, low, low + k));
    }

    /// @dev The largest power of two below `size`.
    function _split(
        uint256 size
    ) private pure returns (uint256 k) {
        k = 1;
        while (k * 2 < size) k *= 2;
    }

    /// @dev A node over two.
    function hashOf(
        bytes32 left,
        bytes32 right
    ) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(uint8(1), left, right));
    }

    /// @dev The list with one item more.
    function pushed(
        bytes32[] memory list,
        bytes32 item
    ) internal pure returns (bytes32[] memory longer) {
        longer = new bytes32[](list.length + 1);
        for (uint256 i; i < list.length; ++i) {
            longer[i] = list[i];
        }
        longer[list.length] = item;
    }
}
