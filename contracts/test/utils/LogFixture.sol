// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ProvenanceLog} from "../../src/ProvenanceLog.sol";
import {Heads} from "../../src/libraries/Heads.sol";
import {Base} from "./Base.sol";
import {HeadTree} from "./HeadTree.sol";
import {LogTree} from "./LogTree.sol";

/// @title A log of 64 entries, and its heads as they are anchored.
abstract contract LogFixture is Base {
    address internal operator = named("operator");
    address internal stranger = named("stranger");
    ProvenanceLog internal log = new ProvenanceLog(operator);
    bytes32[] internal leaves = LogTree.leavesOf(64, 1);
    Heads.Head[] internal heads;
    bytes32[] internal none;

    function root(
        uint256 size
    ) internal view returns (bytes32) {
        return LogTree.root(leaves, 0, size);
    }

    /// @dev The consistency path from the latest head.
    function pathTo(
        uint64 size
    ) internal view returns (bytes32[] memory) {
        uint64 last = log.size();
        return last == 0 ? none : LogTree.consistency(leaves, last, size);
    }

    /// @dev Anchors `size` at `time` with an honest proof.
    function anchor(
        uint64 size,
        uint256 time
    ) internal {
        bytes32 newRoot = root(size);
        bytes32[] memory proof = pathTo(size);
        vm.warp(time);
        vm.prank(log.operator());
        log.anchor(size, newRoot, proof);
        heads.push(Heads.Head(size, newRoot, uint64(time)));
    }

    /// @dev The proof of the head at `position`, with its siblings.
    function proofOf(
        uint256 position
    ) internal view returns (Heads.HeadProof memory) {
        return HeadTree.proof(heads, position);
    }

    function isLatest(
        uint64 size,
        bytes32 root_,
        uint256 time
    ) internal view {
        (uint64 foundSize, bytes32 foundRoot, uint64 foundTime) = log.latest();
        same(foundSize, size, "latest size");
        same(foundRoot, root_, "latest root");
        same(foundTime, time, "latest time");
        same(log.size(), size, "size");
    }
}
