// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Entries} from "../../src/libraries/Entries.sol";
import {Heads} from "../../src/libraries/Heads.sol";
import {HeadTree} from "../utils/HeadTree.sol";
import {LogTree} from "../utils/LogTree.sol";
import {World} from "./World.sol";

/// @title A real log of labels: leaves, heads, and proofs of both.
abstract contract LogWorld is World {
    uint256 internal constant MOST_LABELS = 30;

    struct Logged {
        bytes32 id;
        uint256 campaign;
        address worker;
    }

    Logged[] internal logged;
    bytes32[] internal leaves;
    Heads.Head[] internal heads;

    constructor() {
        for (uint256 i; i < 3; ++i) {
            append(i, actors[i]);
        }
        anchor();
    }

    /// @dev The operator appends up to three labels and anchors them.
    function stepAnchor(
        uint256 seed
    ) external {
        vm.assume(leaves.length + 3 <= MOST_LABELS);
        for (uint256 i; i <= seed % 3; ++i) {
            append((seed >> (8 + i)) % CAMPAIGNS, actors[(seed >> (16 + 2 * i)) % ACCOUNTS]);
        }
        anchor();
    }

    function append(
        uint256 k,
        address worker
    ) internal {
        logged.push(Logged(ghosts[k].id, k, worker));
        uint256 index = leaves.length;
        leaves.push(leafOf(ghosts[k].id, worker, index));
    }

    function leafOf(
        bytes32 id,
        address worker,
        uint256 number
    ) internal pure returns (bytes32) {
        return Entries.leaf(labelOf(id, worker, number), signatureOf(number));
    }

    function anchor() internal {
        bytes32[] memory known = leaves;
        uint64 size = uint64(known.length);
        uint256 last = log.size();
        bytes32[] memory proof;
        if (last != 0) proof = LogTree.consistency(known, last, size);
        bytes32 root = LogTree.root(known, 0, size);
        vm.prank(operator);
        log.anchor(size, root, proof);
        heads.push(Heads.Head(size, root, uint64(block.timestamp)));
    }

    /// @dev The label that is entry `number` of the log, or one like it that never came into the log.
    function labelOf(
        bytes32 id,
        address worker,
        uint256 number
    ) internal pure returns (Entries.Label memory) {
        return Entries.Label(id, bytes32(number), worker, "answer", "suggestion", uint64(START));
    }

    /// @dev Who signed a label is not the chain's to judge.
    function signatureOf(
        uint256 number
    ) internal pure returns (bytes memory) {
        return abi.encodePacked("signature", number);
    }

    function headProof(
        uint256 position
    ) internal view returns (Heads.HeadProof memory) {
        return HeadTree.proof(heads, position);
    }

    function inclusionOf(
        uint256 index,
        uint256 size
    ) internal view returns (bytes32[] memory) {
        return LogTree.inclusion(leaves, index, size);
    }
}
