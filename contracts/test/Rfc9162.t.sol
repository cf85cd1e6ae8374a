// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Rfc9162} from "../src/libraries/Rfc9162.sol";
import {Base} from "./utils/Base.sol";
import {LogTree} from "./utils/LogTree.sol";

contract Rfc9162Caller {
    function leafHash(
        bytes calldata entry
    ) external pure returns (bytes32) {
        return Rfc9162.leafHash(entry);
    }

    function inclusionRoot(
        bytes32 leaf,
        uint256 index,
        uint256 size,
        bytes32[] calldata proof
    ) external view returns (bytes32) {
        return Rfc9162.inclusionRoot(leaf, index, size, proof);
    }

    function nodeHash(
        bytes32 left,
        bytes32 right
    ) external view returns (bytes32) {
        return Rfc9162.nodeHash(left, right);
    }

    function verifyInclusion(
        bytes32 leaf,
        uint256 index,
        uint256 size,
        bytes32[] calldata proof,
        bytes32 root
    ) external view {
        Rfc9162.verifyInclusion(leaf, index, size, proof, root);
    }

    function verifyConsistency(
        uint256 first,
        uint256 second,
        bytes32 firstRoot,
        bytes32 secondRoot,
        bytes32[] calldata proof
    ) external view {
        Rfc9162.verifyConsistency(first, second, firstRoot, secondRoot, proof);
    }

    /// @dev What was in memory before is there after.
    function verifyBesideOtherData(
        uint256 first,
        uint256 second,
        bytes32 firstRoot,
        bytes32 secondRoot,
        bytes32[] calldata proof
    ) external view returns (bytes memory before, bytes memory later) {
        before = abi.encodePacked(firstRoot, secondRoot);
        Rfc9162.verifyConsistency(first, second, firstRoot, secondRoot, proof);
        later = new bytes(65);
    }
}

contract Rfc9162Test is Base {
    uint256 internal constant LARGEST = 64;
    Rfc9162Caller internal rfc = new Rfc9162Caller();

    function root(
        bytes32[] memory leaves,
        uint256 size
    ) internal pure returns (bytes32) {
        return LogTree.root(leaves, 0, size);
    }

    function test_known_answers() public view {
        // SHA-256(0x00), and the root of the eight entries that the certificate transparency tests use.
        bytes32 empty = 0x6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d;
        same(rfc.leafHash(""), empty, "leaf hash of the empty entry");
        bytes[8] memory entries = [
            bytes(""),
            hex"00",
            hex"10",
            hex"2021",
            hex"3031",
            hex"40414243",
            hex"5051525354555657",
            hex"606162636465666768696a6b6c6d6e6f"
        ];
        bytes32[] memory leaves = new bytes32[](8);
        for (uint256 i; i < 8; ++i) {
            leaves[i] = rfc.leafHash(entries[i]);
        }
        bytes32 expected = 0x5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328;
        same(root(leaves, 8), expected, "root of eight");
        same(rfc.inclusionRoot(leaves[3], 3, 8, LogTree.inclusion(leaves, 3, 8)), expected, "leaf 3 of 8");
    }

    function test_every_leaf_of_every_tree_to_64_is_included() public view {
        bytes32[] memory leaves = LogTree.leavesOf(LARGEST, 1);
        for (uint256 size = 1; size <= LARGEST; ++size) {
            bytes32 expected = root(leaves, size);
            for (uint256 i; i < size; ++i) {
                bytes32 found = rfc.inclusionRoot(leaves[i], i, size, LogTree.inclusion(leaves, i, size));
                same(found, expected, "inclusion");
            }
        }
    }

    function test_every_two_trees_to_64_are_consistent() public view {
        bytes32[] memory leaves = LogTree.leavesOf(LARGEST, 2);
        for (uint256 second = 1; second <= LARGEST; ++second) {
            for (uint256 first = 1; first <= second; ++first) {
                checkConsistency(leaves, first, second);
            }
        }
    }

    function checkConsistency(
        bytes32[] memory leaves,
        uint256 first,
        uint256 second
    ) internal view {
        bytes32[] memory proof = LogTree.consistency(leaves, first, second);
        rfc.verifyConsistency(first, second, root(leaves, first), root(leaves, second), proof);
    }

    function testFuzz_a_changed_inclusion_proof_leads_elsewhere(
        uint256 size,
        uint256 index,
        uint256 seed
    ) public view {
        size = bound(size, 2, LARGEST);
        index = bound(index, 0, size - 1);
        bytes32[] memory leaves = LogTree.leavesOf(size, seed);
        bytes32[] memory proof = LogTree.inclusion(leaves, index, size);
        proof[seed % proof.length] ^= bytes32(uint256(1) << (seed % 256));
        yes(
            rfc.inclusionRoot(leaves[index], index, size, proof) != root(leaves, size),
            "forged proof accepted"
        );
    }

    function testFuzz_another_leaf_leads_elsewhere(
        uint256 size,
        uint256 index,
        uint256 other
    ) public view {
        size = bound(size, 2, LARGEST);
        index = bound(index, 0, size - 1);
        other = bound(other, 0, size - 1);
        bytes32[] memory leaves = LogTree.leavesOf(size, 4);
        bytes32[] memory proof = LogTree.inclusion(leaves, index, size);
        vm.assume(other != index);
        yes(
            rfc.inclusionRoot(leaves[other], index, size, proof) != root(leaves, size), "forged leaf accepted"
        );
    }

    function test_inclusion_proofs_of_the_wrong_length_are_refused() public {
        bytes32[] memory leaves = LogTree.leavesOf(7, 5);
        for (uint256 i; i < 7; ++i) {
            bytes32[] memory proof = LogTree.inclusion(leaves, i, 7);
            refuseInclusionLength(leaves[i], i, resized(proof, proof.length - 1));
            refuseInclusionLength(leaves[i], i, resized(proof, proof.length + 1));
            refuseInclusionLength(leaves[i], i, new bytes32[](0));
        }
    }

    function refuseInclusionLength(
        bytes32 leaf,
        uint256 index,
        bytes32[] memory proof
    ) internal {
        reverts(Rfc9162.WrongProofLength.selector, proof.length);
        rfc.inclusionRoot(leaf, index, 7, proof);
    }

    function test_inclusion_refuses_the_empty_tree() public {
        reverts(Rfc9162.EmptyTree.selector);
        rfc.inclusionRoot(0, 0, 0, new bytes32[](0));
    }

    function test_inclusion_refuses_an_index_outside() public {
        for (uint256 index = 5; index < 9; ++index) {
            reverts(Rfc9162.IndexOutOfRange.selector, index, 5);
            rfc.inclusionRoot(0, index, 5, new bytes32[](3));
        }
    }

    function test_another_root_is_not_that_of_the_leaf() public {
        bytes32[] memory leaves = LogTree.leavesOf(7, 9);
        bytes32[] memory proof = LogTree.inclusion(leaves, 4, 7);
        (bytes32 right, bytes32 other) = (root(leaves, 7), root(leaves, 6));
        reverts(Rfc9162.RootMismatch.selector, right, other);
        rfc.verifyInclusion(leaves[4], 4, 7, proof, other);
    }

    function test_the_root_is_that_of_each_leaf() public view {
        bytes32[] memory leaves = LogTree.leavesOf(7, 9);
        for (uint256 i; i < 7; ++i) {
            rfc.verifyInclusion(leaves[i], i, 7, LogTree.inclusion(leaves, i, 7), root(leaves, 7));
        }
    }

    function testFuzz_a_node_is_the_hash_of_one_left_and_right(
        bytes32 left,
        bytes32 right
    ) public view {
        same(rfc.nodeHash(left, right), sha256(abi.encodePacked(uint8(1), left, right)), "node");
    }

    function test_consistency_proofs_of_the_wrong_length_are_refused() public {
        bytes32[] memory leaves = LogTree.leavesOf(8, 6);
        for (uint256 first = 1; first < 8; ++first) {
            bytes32[] memory proof = LogTree.consistency(leaves, first, 8);
            refuseConsistencyLength(leaves, first, resized(proof, proof.length - 1));
            refuseConsistencyLength(leaves, first, resized(proof, proof.length + 1));
            refuseConsistencyLength(leaves, first, new bytes32[](0));
        }
    }

    function test_equal_trees_need_no_proof() public {
        bytes32[] memory leaves = LogTree.leavesOf(8, 6);
        refuseConsistencyLength(leaves, 8, new bytes32[](1));
        refuseConsistencyLength(leaves, 8, new bytes32[](4));
    }

    function refuseConsistencyLength(
        bytes32[] memory leaves,
        uint256 first,
        bytes32[] memory proof
    ) internal {
        bytes32 older = root(leaves, first);
        bytes32 newer = root(leaves, 8);
        reverts(Rfc9162.WrongProofLength.selector, proof.length);
        rfc.verifyConsistency(first, 8, older, newer, proof);
    }

    function test_consistency_refuses_the_empty_tree() public {
        for (uint256 second; second < 4; ++second) {
            reverts(Rfc9162.EmptyTree.selector);
            rfc.verifyConsistency(0, second, 0, 0, new bytes32[](0));
        }
    }

    function test_consistency_refuses_sizes_out_of_order() public {
        reverts(Rfc9162.SizesOutOfOrder.selector, 4, 3);
        rfc.verifyConsistency(4, 3, 0, 0, new bytes32[](0));
    }

    /// @dev A call to an account without code succeeds and answers nothing.
    function test_a_precompile_that_answers_nothing_is_refused() public {
        vm.mockCall(address(2), "", "");
        reverts(Rfc9162.HashFailed.selector);
        rfc.nodeHash("left", "right");
    }

    function test_a_precompile_that_fails_is_refused() public {
        vm.mockCallRevert(address(2), "", "out of gas");
        reverts(Rfc9162.HashFailed.selector);
        rfc.nodeHash("left", "right");
    }

    /// @dev Of the two paths through the loop, one hashes for the newer root only, the other for both.
    function test_consistency_without_the_precompile_is_refused() public {
        bytes32[] memory leaves = LogTree.leavesOf(3, 8);
        bytes32[] memory proof = LogTree.consistency(leaves, 1, 3);
        bytes32[] memory proof2 = LogTree.consistency(leaves, 2, 3);
        (bytes32 older, bytes32 newer) = (root(leaves, 2), root(leaves, 3));
        for (uint256 i; i < 2; ++i) {
            if (i == 0) vm.mockCall(address(2), "", "");
            else vm.mockCallRevert(address(2), "", "out of gas");
            reverts(Rfc9162.HashFailed.selector);
            rfc.verifyConsistency(1, 3, leaves[0], newer, proof);
            reverts(Rfc9162.HashFailed.selector);
            rfc.verifyConsistency(2, 3, older, newer, proof2);
        }
    }

    /// @dev Of three and four entries: the last hash of the path is hashed with the older and with the newer root.
    function test_consistency_is_refused_when_one_hash_fails() public {
        bytes32[] memory leaves = LogTree.leavesOf(4, 8);
        bytes32[] memory proof = LogTree.consistency(leaves, 3, 4);
        (bytes32 older, bytes32 newer) = (root(leaves, 3), root(leaves, 4));
        bytes32 right = sha256(abi.encodePacked(uint8(1), leaves[2], leaves[3]));
        bytes32[2] memory last = [leaves[2], right];
        for (uint256 i; i < 2; ++i) {
            // A refusal of 32 bytes, the length of an answer.
            vm.mockCallRevert(
                address(2),
                abi.encodePacked(uint8(1), proof[2], last[i]),
                abi.encodePacked(bytes32("refused"))
            );
            reverts(Rfc9162.HashFailed.selector);
            rfc.verifyConsistency(3, 4, older, newer, proof);
            vm.mockCall(
                address(2),
                abi.encodePacked(uint8(1), proof[2], last[i]),
                abi.encodePacked(i == 0 ? older : newer)
            );
            rfc.verifyConsistency(3, 4, older, newer, proof);
        }
    }

    function test_consistency_leaves_the_memory_as_it_was() public view {
        bytes32[] memory leaves = LogTree.leavesOf(7, 7);
        bytes32[] memory proof = LogTree.consistency(leaves, 3, 7);
        (bytes32 older, bytes32 newer) = (root(leaves, 3), root(leaves, 7));
        (bytes memory before, bytes memory later) = rfc.verifyBesideOtherData(3, 7, older, newer, proof);
        same(keccak256(before), keccak256(abi.encodePacked(older, newer)), "before");
        same(keccak256(later), keccak256(new bytes(65)), "what is allocated is zero");
    }

    function test_consistency_refuses_another_older_root() public {
        bytes32[] memory leaves = LogTree.leavesOf(7, 7);
        bytes32[] memory proof = LogTree.consistency(leaves, 3, 7);
        (bytes32 older, bytes32 newer) = (root(leaves, 3), root(leaves, 7));
        reverts(Rfc9162.RootMismatch.selector, older, bytes32("other"));
        rfc.verifyConsistency(3, 7, "other", newer, proof);
    }

    function test_consistency_refuses_another_newer_root() public {
        bytes32[] memory leaves = LogTree.leavesOf(8, 7);
        for (uint256 first = 1; first < 8; ++first) {
            bytes32[] memory proof = LogTree.consistency(leaves, first, 8);
            (bytes32 older, bytes32 newer) = (root(leaves, first), root(leaves, 8));
            reverts(Rfc9162.RootMismatch.selector, newer, bytes32("other"));
            rfc.verifyConsistency(first, 8, older, "other", proof);
        }
    }

    function test_consistency_refuses_two_roots_of_one_size() public {
        reverts(Rfc9162.RootMismatch.selector, bytes32("one"), bytes32("other"));
        rfc.verifyConsistency(3, 3, "one", "other", new bytes32[](0));
    }

    function testFuzz_a_changed_consistency_proof_is_refused(
        uint256 first,
        uint256 second,
        uint256 bit
    ) public view {
        second = bound(second, 2, LARGEST);
        first = bound(first, 1, second - 1);
        bytes32[] memory leaves = LogTree.leavesOf(second, bit);
        bytes32[] memory proof = LogTree.consistency(leaves, first, second);
        (bytes32 older, bytes32 newer) = (root(leaves, first), root(leaves, second));
        proof[bit % proof.length] ^= bytes32(uint256(1) << (bit % 256));
        (bool accepted, bytes memory answer) = address(rfc)
            .staticcall(abi.encodeCall(rfc.verifyConsistency, (first, second, older, newer, proof)));
        yes(!accepted && bytes4(answer) == Rfc9162.RootMismatch.selector, "a changed proof");
    }

    function testFuzz_a_rewritten_history_is_refused(
        uint256 first,
        uint256 second,
        uint256 changed,
        uint256 seed
    ) public {
        second = bound(second, 2, LARGEST);
        first = bound(first, 1, second - 1);
        changed = bound(changed, 0, first - 1);
        bytes32[] memory leaves = LogTree.leavesOf(second, seed);
        bytes32 older = root(leaves, first);
        leaves[changed] = ~leaves[changed];
        bytes32 rewritten = root(leaves, second);
        bytes32[] memory proof = LogTree.consistency(leaves, first, second);
        (bool accepted,) =
            address(rfc).call(abi.encodeCall(rfc.verifyConsistency, (first, second, older, rewritten, proof)));
        yes(!accepted, "rewritten history accepted");
    }

    function resized(
        bytes32[] memory proof,
        uint256 length
    ) internal pure returns (bytes32[] memory other) {
        other = new bytes32[](length);
        for (uint256 i; i < length && i < proof.length; ++i) {
            other[i] = proof[i];
        }
    }
}
