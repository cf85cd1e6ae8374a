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

    function verifyConsistency(
        uint256 first,
        uint256 second,
        bytes32 firstRoot,
        bytes32 secondRoot,
        bytes32[] calldata proof
    ) external view {
        Rfc9162.verifyConsistency(first, second, firstRoot, secondRoot, proof);
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

    function test_inclusion_refuses_the_empty_tree_and_an_index_outside() public {
        bytes32[] memory none = new bytes32[](0);
        reverts(Rfc9162.EmptyTree.selector);
        rfc.inclusionRoot(0, 0, 0, none);
        reverts(Rfc9162.IndexOutOfRange.selector, 5, 5);
        rfc.inclusionRoot(0, 5, 5, none);
    }

    function test_consistency_proofs_of_the_wrong_length_are_refused() public {
        bytes32[] memory leaves = LogTree.leavesOf(8, 6);
        for (uint256 first = 1; first < 8; ++first) {
            bytes32[] memory proof = LogTree.consistency(leaves, first, 8);
            refuseConsistencyLength(leaves, first, resized(proof, proof.length - 1));
            refuseConsistencyLength(leaves, first, resized(proof, proof.length + 1));
            refuseConsistencyLength(leaves, first, new bytes32[](0));
        }
        refuseConsistencyLength(leaves, 8, new bytes32[](1));
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

    function test_consistency_refuses_the_empty_tree_and_sizes_out_of_order() public {
        bytes32[] memory none = new bytes32[](0);
        reverts(Rfc9162.EmptyTree.selector);
        rfc.verifyConsistency(0, 3, 0, 0, none);
        reverts(Rfc9162.SizesOutOfOrder.selector, 4, 3);
        rfc.verifyConsistency(4, 3, 0, 0, none);
    }

    /// @dev A call to an account without code succeeds and answers nothing.
    function test_a_chain_without_the_precompile_is_refused() public {
        bytes32[] memory leaves = LogTree.leavesOf(2, 8);
        bytes32[] memory proof = LogTree.inclusion(leaves, 0, 2);
        bytes32 newer = root(leaves, 2);
        vm.mockCall(address(2), "", "");
        reverts(Rfc9162.HashFailed.selector);
        rfc.inclusionRoot(leaves[0], 0, 2, proof);
        reverts(Rfc9162.HashFailed.selector);
        rfc.verifyConsistency(1, 2, leaves[0], newer, proof);
    }

    function test_a_precompile_that_fails_is_refused() public {
        bytes32[] memory leaves = LogTree.leavesOf(2, 8);
        bytes32[] memory proof = LogTree.inclusion(leaves, 0, 2);
        vm.mockCallRevert(address(2), "", "out of gas");
        reverts(Rfc9162.HashFailed.selector);
        rfc.inclusionRoot(leaves[0], 0, 2, proof);
        reverts(Rfc9162.HashFailed.selector);
        rfc.verifyConsistency(1, 2, leaves[0], leaves[1], proof);
    }

    function test_consistency_refuses_another_root_on_either_side() public {
        bytes32[] memory leaves = LogTree.leavesOf(7, 7);
        bytes32[] memory proof = LogTree.consistency(leaves, 3, 7);
        (bytes32 older, bytes32 newer) = (root(leaves, 3), root(leaves, 7));
        reverts(Rfc9162.RootMismatch.selector, older, bytes32("other"));
        rfc.verifyConsistency(3, 7, "other", newer, proof);
        reverts(Rfc9162.RootMismatch.selector, newer, bytes32("other"));
        rfc.verifyConsistency(3, 7, older, "other", proof);
        reverts(Rfc9162.RootMismatch.selector, older, newer);
        rfc.verifyConsistency(3, 3, older, newer, new bytes32[](0));
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
