// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ProvenanceLog} from "../src/ProvenanceLog.sol";
import {Entries} from "../src/libraries/Entries.sol";
import {Heads} from "../src/libraries/Heads.sol";
import {GasMeter} from "./utils/GasMeter.sol";
import {HeadTree} from "./utils/HeadTree.sol";
import {UniformTree} from "./utils/UniformTree.sol";

/// @title What the log costs at a million entries, anchored 10,000 at a time.
/// forge-config: default.isolate = true
contract GasLogTest is GasMeter {
    uint256 internal constant BATCH = 10_000;
    uint256 internal constant MILLION = 1_000_000;
    uint256 internal constant BASE = 21_000;

    ProvenanceLog internal log = new ProvenanceLog(address(this));
    UniformTree.Marked internal marked;
    Heads.Head[] internal heads;

    /// @dev Anchors the tree of this size and returns the gas.
    function anchor(
        uint256 size
    ) internal returns (uint256) {
        UniformTree.Marked memory tree = marked;
        uint256 before = log.size();
        bytes32 root = UniformTree.root(tree, size);
        bytes32[] memory proof = before == 0 ? new bytes32[](0) : UniformTree.consistency(tree, before, size);
        log.anchor(uint64(size), root, proof);
        uint256 used = lastGas();
        heads.push(Heads.Head(uint64(size), root, uint64(block.timestamp)));
        return used;
    }

    /// @dev Anchors every batch up to `size` entries, without it.
    function anchorUpTo(
        uint256 size
    ) internal {
        for (uint256 next = log.size() + BATCH; next < size; next += BATCH) {
            anchor(next);
        }
    }

    function test_the_first_anchors() public {
        announce("first anchor", 1, anchor(BATCH), 76_500);
    }

    /// @dev The hundredth head, as many as lead to a million, and those after it, up to the one that opens a level of
    /// the heads' tree: a new slot, once for each doubling of their number.
    function test_anchors_of_10000_from_a_million_on() public {
        anchorUpTo(MILLION);
        announce("anchor at a million, by heads before", 99, anchor(MILLION), 65_000);
        (uint256 sum, uint256 most) = (0, 0);
        for (uint256 count = 100; count < 127; ++count) {
            uint256 used = anchor((count + 1) * BATCH);
            sum += used;
            if (used > most) most = used;
        }
        announce("27 anchors after it, on average", 27, sum / 27, 60_000);
        announce("27 anchors after it, the dearest", 27, most, 70_000);
        announce("an anchor that opens a level, by heads before", 127, anchor(128 * BATCH), 94_500);
    }

    /// @dev Batches of 5,000 to 15,000 entries, whose proofs have up to as many hashes as there can be.
    function test_anchors_of_any_size_near_a_million() public {
        for (uint256 i; i < 64; ++i) {
            anchor(log.size() + 12_000 + i);
        }
        (uint256 sum, uint256 most, uint256 count) = (0, 0, 0);
        while (heads.length < 127) {
            uint256 random = uint256(keccak256(abi.encode(heads.length)));
            uint256 used = anchor(log.size() + 5_000 + random % 10_001);
            if (heads.length == 65) continue; // opened a level
            (sum, count) = (sum + used, count + 1);
            if (used > most) most = used;
        }
        announce("uneven anchors, on average", count, sum / count, 65_000);
        announce("uneven anchors, the dearest", count, most, 75_500);
    }

    function label(
        bytes32 suggestion
    ) internal pure returns (Entries.Label memory) {
        return Entries.Label(
            keccak256("campaign"),
            keccak256("item"),
            named("worker"),
            keccak256("answer"),
            suggestion,
            1_800_000_000
        );
    }

    /// @dev As the log keeps signatures: 64 bytes (EIP-2098).
    function sign(
        Entries.Label memory entry
    ) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(7, keccak256(abi.encode(entry)));
        return abi.encodePacked(r, uint256(s) | (uint256(v - 27) << 255));
    }

    /// @dev A label in the left half, where proofs are the longest: 20 hashes.
    function proveLabel(
        bytes32 suggestion,
        uint256 position
    ) internal returns (uint256) {
        Entries.Label memory entry = label(suggestion);
        bytes memory signature = sign(entry);
        Heads.Head[] memory all = heads;
        bytes32[] memory path = UniformTree.inclusion(marked, marked.at, all[position].size);
        same(path.length, 20, "hashes");
        bool last = position + 1 == all.length;
        Heads.HeadProof memory head = last ? HeadTree.latest(all) : HeadTree.proof(all, position);
        // A transaction of its own: a view that is called as one is none.
        (bool done,) = address(log)
            .call(abi.encodeCall(log.proveLabel, (entry, signature, uint64(marked.at), head, path)));
        yes(done, "proved");
        return lastGas() - BASE;
    }

    function mark(
        bytes32 suggestion
    ) internal {
        marked.at = 123_456;
        Entries.Label memory entry = label(suggestion);
        marked.leaves.push(Entries.leaf(entry, sign(entry)));
        anchorUpTo(MILLION);
        anchor(MILLION);
    }

    function test_a_label_of_a_million() public {
        mark(0);
        announce("label under the latest head, above the base", MILLION, proveLabel(0, 99), 40_000);
        anchor(MILLION + BATCH);
        announce("label under an old head, above the base", MILLION, proveLabel(0, 99), 42_500);
    }

    function test_a_label_with_a_suggestion() public {
        bytes32 suggestion = keccak256("suggestion");
        mark(suggestion);
        announce("suggested label, above the base", MILLION, proveLabel(suggestion, 99), 40_300);
    }

    function test_a_change_of_operator() public {
        log.proposeOperator(named("next"));
        measure("proposeOperator", 1, 49_000);
        log.proposeOperator(named("other"));
        measure("proposeOperator again", 1, 31_500);
        vm.warp(block.timestamp + 7 days);
        vm.prank(named("other"));
        log.acceptOperator();
        measure("acceptOperator", 1, 29_200);
    }
}
