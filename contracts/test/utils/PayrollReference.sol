// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title The payroll tree, plainly: all leaves in an array of a power of two, one level after the other.
/// @dev Independent of `Payroll`, which reads packed calldata and hashes in place: the two must agree.
library PayrollReference {
    struct Position {
        address account;
        uint64 soFar;
        uint64 increase;
    }

    /// @dev What `post` takes: 36 bytes a position.
    function pack(
        Position[] memory positions
    ) internal pure returns (bytes memory entries) {
        entries = new bytes(36 * positions.length);
        for (uint256 i; i < positions.length; ++i) {
            bytes memory one =
                abi.encodePacked(positions[i].account, positions[i].soFar, positions[i].increase);
            for (uint256 j; j < 36; ++j) {
                entries[36 * i + j] = one[j];
            }
        }
    }

    /// @dev What the payroll says after the update: increase added, nothing new.
    function settled(
        Position[] memory positions
    ) internal pure returns (Position[] memory next) {
        next = new Position[](positions.length);
        for (uint256 i; i < positions.length; ++i) {
            uint64 amount = positions[i].soFar + positions[i].increase;
            next[i] = Position(positions[i].account, amount, 0);
        }
    }

    /// @dev Sum of the amounts after the update.
    function total(
        Position[] memory positions
    ) internal pure returns (uint256 sum) {
        for (uint256 i; i < positions.length; ++i) {
            sum += uint256(positions[i].soFar) + positions[i].increase;
        }
    }

    /// @dev Root of the amounts after the update.
    function root(
        bytes32 campaign,
        Position[] memory positions
    ) internal pure returns (bytes32) {
        if (positions.length == 0) return 0;
        bytes32[] memory level = leaves(campaign, positions);
        while (level.length > 1) level = _up(level);
        return level[0];
    }

    /// @dev Siblings from the leaf upwards.
    function path(
        bytes32 campaign,
        Position[] memory positions,
        uint256 index
    ) internal pure returns (bytes32[] memory siblings) {
        bytes32[] memory level = leaves(campaign, positions);
        uint256 depth;
        while (level.length >> depth > 1) ++depth;
        siblings = new bytes32[](depth);
        for (uint256 i; i < depth; ++i) {
            siblings[i] = level[index ^ 1];
            (level, index) = (_up(level), index / 2);
        }
    }

    function leaves(
        bytes32 campaign,
        Position[] memory positions
    ) internal pure returns (bytes32[] memory level) {
        uint256 width = 1;
        while (width < positions.length) width *= 2;
        level = new bytes32[](width);
        for (uint256 i; i < positions.length; ++i) {
            uint256 amount = uint256(positions[i].soFar) + positions[i].increase;
            level[i] =
                keccak256(abi.encodePacked(keccak256(abi.encode(campaign, i, positions[i].account, amount))));
        }
    }

    function _up(
        bytes32[] memory level
    ) private pure returns (bytes32[] memory above) {
        above = new bytes32[](level.length / 2);
        for (uint256 i; i < above.length; ++i) {
            above[i] = keccak256(abi.encodePacked(level[2 * i], level[2 * i + 1]));
        }
    }
}
