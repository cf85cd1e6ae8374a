// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ProvenanceLog} from "../src/ProvenanceLog.sol";
import {Base} from "./utils/Base.sol";

/// @title Trees of a million equal leaves: their roots and proofs cost a few hashes, and gas the same as real ones.
library UniformTree {
    bytes32 internal constant LEAF = keccak256("leaf");

    function root(
        uint256 size
    ) internal pure returns (bytes32) {
        uint256 k = 1;
        bytes32 hash = LEAF;
        for (; k * 2 <= size; k *= 2) {
            hash = _hash(hash, hash);
        }
        return k == size ? hash : _hash(hash, root(size - k));
    }

    /// @dev PROOF(first, D[size]) of RFC 6962, 2.1.2.
    function consistency(
        uint256 first,
        uint256 size,
        bool known
    ) internal pure returns (bytes32[] memory) {
        if (first == size) {
            bytes32[] memory base = new bytes32[](known ? 0 : 1);
            if (!known) base[0] = root(size);
            return base;
        }
        uint256 k = 1;
        while (k * 2 < size) k *= 2;
        if (first <= k) return _push(consistency(first, k, known), root(size - k));
        return _push(consistency(first - k, size - k, false), root(k));
    }

    function _hash(
        bytes32 left,
        bytes32 right
    ) private pure returns (bytes32) {
        return sha256(abi.encodePacked(uint8(1), left, right));
    }

    function _push(
        bytes32[] memory list,
        bytes32 item
    ) private pure returns (bytes32[] memory longer) {
        longer = new bytes32[](list.length + 1);
        for (uint256 i; i < list.length; ++i) {
            longer[i] = list[i];
        }
        longer[list.length] = item;
    }
}

/// @dev Gas of whole transactions, as forge's isolation measures them: intrinsic gas and calldata included.
/// forge-config: default.isolate = true
contract GasTest is Base {
    ProvenanceLog internal log = new ProvenanceLog(address(this));

    function anchor(
        uint64 from,
        uint64 to
    ) internal returns (uint256) {
        bytes32 root = UniformTree.root(to);
        bytes32[] memory proof = from == 0 ? new bytes32[](0) : UniformTree.consistency(from, to, true);
        log.anchor(to, root, proof);
        return vm.lastCallGas().gasTotalUsed;
    }

    event Measured(uint256 hashes, uint256 gas);

    function test_an_anchor_at_a_million() public {
        uint64[9] memory sizes = [
            uint64(990_000),
            1_000_000,
            1_000_001,
            1_000_010,
            1_001_000,
            1_010_000,
            1_010_007,
            1_048_575,
            1_058_575
        ];
        anchor(0, sizes[0]);
        for (uint256 i = 1; i < sizes.length; ++i) {
            uint256 hashes = UniformTree.consistency(sizes[i - 1], sizes[i], true).length;
            emit Measured(hashes, anchor(sizes[i - 1], sizes[i]));
        }
    }
}
