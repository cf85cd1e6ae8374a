// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Heads} from "../../src/libraries/Heads.sol";

/// @title The mountain range over a log's heads, plainly: each peak is the root of a perfect tree over its heads.
/// @dev Independent of `Heads`, which keeps one node a level and carries: the two must agree.
library HeadTree {
    /// @dev The peak of `level` over these heads; zero where that bit of their number is not set.
    function peak(
        Heads.Head[] memory heads,
        uint256 level
    ) internal pure returns (bytes32) {
        uint256 count = heads.length;
        if ((count >> level) & 1 == 0) return 0;
        return perfect(heads, (count >> (level + 1)) << (level + 1), level);
    }

    /// @dev The proof of the head at `position`: the siblings below the peak that it lies under.
    function proof(
        Heads.Head[] memory heads,
        uint256 position
    ) internal pure returns (Heads.HeadProof memory) {
        uint256 level = levelOf(heads.length, position);
        bytes32[] memory path = new bytes32[](level);
        for (uint256 i; i < level; ++i) {
            path[i] = perfect(heads, ((position >> i) ^ 1) << i, i);
        }
        return Heads.HeadProof(_copy(heads[position]), position, path);
    }

    /// @dev The short proof of the latest head: the log knows it as it is.
    function latest(
        Heads.Head[] memory heads
    ) internal pure returns (Heads.HeadProof memory) {
        uint256 position = heads.length - 1;
        return Heads.HeadProof(_copy(heads[position]), position, new bytes32[](0));
    }

    /// @dev The level of the peak over a position: peaks lie side by side, the highest first.
    function levelOf(
        uint256 count,
        uint256 position
    ) internal pure returns (uint256 level) {
        uint256 end;
        for (level = 255;; --level) {
            if ((count >> level) & 1 == 0) continue;
            end += uint256(1) << level;
            if (position < end) return level;
        }
    }

    /// @dev Root of the perfect tree over the 2^level heads from `from` on.
    function perfect(
        Heads.Head[] memory heads,
        uint256 from,
        uint256 level
    ) internal pure returns (bytes32) {
        if (level == 0) {
            Heads.Head memory one = heads[from];
            return keccak256(abi.encodePacked(uint256(one.size), one.root, uint256(one.time)));
        }
        bytes32 left = perfect(heads, from, level - 1);
        bytes32 right = perfect(heads, from + (uint256(1) << (level - 1)), level - 1);
        return keccak256(abi.encodePacked(left, right));
    }

    /// @dev Whoever changes a proof does not change the list.
    function _copy(
        Heads.Head memory head
    ) private pure returns (Heads.Head memory) {
        return Heads.Head(head.size, head.root, head.time);
    }
}
