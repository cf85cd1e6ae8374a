// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Heads} from "../src/libraries/Heads.sol";
import {Base} from "./utils/Base.sol";
import {HeadTree} from "./utils/HeadTree.sol";

contract HeadsCaller {
    using Heads for mapping(uint256 level => bytes32);

    mapping(uint256 level => bytes32) public peaks;

    function append(
        uint256 count,
        Heads.Head calldata head
    ) external {
        peaks.append(count, head);
    }

    function holds(
        uint256 count,
        Heads.HeadProof calldata proof
    ) external view returns (bool) {
        return peaks.holds(count, proof);
    }

    function leaf(
        Heads.Head calldata head
    ) external pure returns (bytes32) {
        return Heads.leaf(head);
    }
}

contract HeadsTest is Base {
    uint256 internal constant MOST = 70;
    HeadsCaller internal caller = new HeadsCaller();

    /// @dev Heads of any sizes and times: the library does not ask that they grow.
    function made(
        uint256 count,
        uint256 seed
    ) internal pure returns (Heads.Head[] memory heads) {
        heads = new Heads.Head[](count);
        for (uint256 i; i < count; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            heads[i] = Heads.Head(uint64(random >> 192), keccak256(abi.encode(random)), uint64(random >> 128));
        }
    }

    function append(
        Heads.Head[] memory heads
    ) internal {
        for (uint256 i; i < heads.length; ++i) {
            caller.append(i, heads[i]);
        }
    }

    /// @dev Heads that were appended, and the right proof of one of them.
    function proved(
        uint256 count,
        uint256 position,
        uint256 seed
    ) internal returns (uint256, Heads.HeadProof memory) {
        count = bound(count, 1, MOST);
        Heads.Head[] memory heads = made(count, seed);
        append(heads);
        return (count, HeadTree.proof(heads, bound(position, 0, count - 1)));
    }

    function refused(
        uint256 count,
        Heads.HeadProof memory proof
    ) internal view {
        yes(!caller.holds(count, proof), "a wrong proof holds");
    }

    function testFuzz_a_leaf_is_the_hash_of_size_root_and_time(
        uint64 size,
        bytes32 root,
        uint64 time
    ) public view {
        bytes memory words = abi.encodePacked(bytes24(0), size, root, bytes24(0), time);
        same(words.length, 96, "length");
        same(caller.leaf(Heads.Head(size, root, time)), keccak256(words), "leaf");
    }

    function test_an_even_head_is_stored_on_level_zero() public {
        Heads.Head[] memory heads = made(7, 1);
        append(heads);
        (bytes32 one, bytes32 two) = (caller.peaks(1), caller.peaks(2));
        Heads.Head memory next = heads[0];
        caller.append(6, next); // in the place of the seventh
        same(caller.peaks(0), caller.leaf(next), "level 0");
        same(caller.peaks(1), one, "level 1");
        same(caller.peaks(2), two, "level 2");
        same(caller.peaks(3), 0, "level 3");
    }

    function test_full_levels_are_carried_to_the_one_above() public {
        Heads.Head[] memory heads = made(8, 2);
        append(heads);
        same(caller.peaks(3), HeadTree.perfect(heads, 0, 3), "level 3");
        // What is left over on the levels below stays as it was.
        same(caller.peaks(2), HeadTree.perfect(heads, 0, 2), "level 2");
        same(caller.peaks(1), HeadTree.perfect(heads, 4, 1), "level 1");
        same(caller.peaks(0), HeadTree.perfect(heads, 6, 0), "level 0");
        same(caller.peaks(4), 0, "level 4");
    }

    function testFuzz_the_peaks_are_the_perfect_trees_over_any_heads(
        uint256 count,
        uint256 seed
    ) public {
        Heads.Head[] memory heads = made(bound(count, 0, MOST), seed);
        append(heads);
        for (uint256 level; level < 8; ++level) {
            if ((heads.length >> level) & 1 == 0) continue;
            same(caller.peaks(level), HeadTree.peak(heads, level), "peak");
        }
    }

    function testFuzz_without_heads_nothing_holds(
        Heads.Head memory head,
        uint256 position,
        uint8 length
    ) public view {
        refused(0, Heads.HeadProof(head, position, new bytes32[](length % 32)));
        refused(0, Heads.HeadProof(head, 0, new bytes32[](0)));
    }

    /// @dev Level 1 of five heads is left over from when there were two.
    function test_a_level_that_is_not_in_use_holds_nothing() public {
        Heads.Head[] memory heads = made(5, 3);
        append(heads);
        bytes32[] memory path = new bytes32[](1);
        path[0] = caller.leaf(heads[1]);
        same(caller.peaks(1), HeadTree.perfect(heads, 0, 1), "left over");
        for (uint256 position; position < 8; ++position) {
            refused(5, Heads.HeadProof(heads[0], position, path));
        }
    }

    function test_a_path_longer_than_any_level_holds_nothing() public {
        (, Heads.HeadProof memory proof) = proved(1, 0, 4);
        for (uint256 length = 255; length < 258; ++length) {
            proof.path = new bytes32[](length);
            refused(1, proof);
            refused(type(uint256).max, proof);
        }
    }

    /// @dev The sibling of each of two peaks is right, the place among the peaks is not.
    function test_a_position_under_another_peak_holds_nothing() public {
        Heads.Head[] memory heads = made(6, 5);
        append(heads);
        Heads.HeadProof memory proof = HeadTree.proof(heads, 4);
        for (uint256 position; position < 64; ++position) {
            if (position == 4) continue;
            proof.position = position;
            refused(6, proof);
        }
        proof.position = 4 + (uint256(1) << 255);
        refused(6, proof);
    }

    function testFuzz_a_path_of_another_length_holds_nothing(
        uint256 count,
        uint256 position,
        bytes32 more
    ) public {
        Heads.HeadProof memory proof;
        (count, proof) = proved(count, position, uint256(more));
        bytes32[] memory path = proof.path;
        proof.path = new bytes32[](path.length + 1);
        for (uint256 i; i < path.length; ++i) {
            proof.path[i] = path[i];
        }
        proof.path[path.length] = more;
        refused(count, proof);
        if (path.length == 0) return;
        proof.path = new bytes32[](path.length - 1);
        for (uint256 i; i + 1 < path.length; ++i) {
            proof.path[i] = path[i];
        }
        refused(count, proof);
    }

    function testFuzz_another_head_does_not_hold(
        uint256 count,
        uint256 position,
        uint8 bit,
        uint8 field
    ) public {
        Heads.HeadProof memory proof;
        (count, proof) = proved(count, position, 6);
        if (field % 3 == 0) proof.head.size ^= uint64(1) << (bit % 64);
        else if (field % 3 == 1) proof.head.root ^= bytes32(uint256(1) << bit);
        else proof.head.time ^= uint64(1) << (bit % 64);
        refused(count, proof);
    }

    function testFuzz_another_sibling_does_not_hold(
        uint256 count,
        uint256 position,
        uint256 which,
        uint8 bit
    ) public {
        Heads.HeadProof memory proof;
        (count, proof) = proved(count, position, 7);
        vm.assume(proof.path.length != 0);
        proof.path[which % proof.path.length] ^= bytes32(uint256(1) << bit);
        refused(count, proof);
    }

    function testFuzz_another_position_does_not_hold(
        uint256 count,
        uint256 position,
        uint256 other
    ) public {
        Heads.HeadProof memory proof;
        (count, proof) = proved(count, position, 8);
        for (uint256 i; i < 2 * MOST; ++i) {
            if (i == proof.position) continue;
            Heads.HeadProof memory moved = Heads.HeadProof(proof.head, i, proof.path);
            refused(count, moved);
        }
        vm.assume(other != proof.position);
        refused(count, Heads.HeadProof(proof.head, other, proof.path));
    }

    /// @dev The nodes on the way up, and what hangs below them: nothing that a head can say makes a leaf of them.
    function testFuzz_an_inner_node_is_no_head(
        uint256 count,
        uint256 position,
        uint64 size,
        uint64 time
    ) public {
        Heads.HeadProof memory proof;
        (count, proof) = proved(count, position, 9);
        vm.assume(proof.path.length != 0);
        bytes32 node = caller.leaf(proof.head);
        bytes32[] memory path = proof.path;
        for (uint256 level; level < path.length; ++level) {
            bool right = (proof.position >> level) & 1 == 1;
            node = right ? keccak256(abi.encode(path[level], node)) : keccak256(abi.encode(node, path[level]));
            bytes32[] memory rest = new bytes32[](path.length - level - 1);
            for (uint256 i; i < rest.length; ++i) {
                rest[i] = path[level + 1 + i];
            }
            uint256 above = proof.position >> (level + 1);
            refused(count, Heads.HeadProof(Heads.Head(size, node, time), above, rest));
            refused(count, Heads.HeadProof(Heads.Head(size, node, time), above, path));
            refused(count, Heads.HeadProof(Heads.Head(size, node, time), proof.position, rest));
        }
    }

    /// @dev A proof made before more heads came is still good as long as its peak has not been carried away.
    function testFuzz_an_old_proof_holds_while_its_peak_stands(
        uint256 count,
        uint256 position,
        uint256 more
    ) public {
        Heads.Head[] memory heads = made(MOST, 10);
        count = bound(count, 1, MOST - 1);
        position = bound(position, 0, count - 1);
        Heads.Head[] memory before = new Heads.Head[](count);
        for (uint256 i; i < count; ++i) {
            before[i] = heads[i];
        }
        Heads.HeadProof memory proof = HeadTree.proof(before, position);
        more = bound(more, count + 1, MOST);
        for (uint256 i; i < more; ++i) {
            caller.append(i, heads[i]);
        }
        uint256 level = proof.path.length;
        same(caller.holds(more, proof) ? 1 : 0, more >> level == count >> level ? 1 : 0, "holds");
    }

    function test_every_head_holds_under_every_number_of_heads() public {
        Heads.Head[] memory heads = made(40, 11);
        for (uint256 count = 1; count <= heads.length; ++count) {
            Heads.Head[] memory some = new Heads.Head[](count);
            for (uint256 i; i < count; ++i) {
                some[i] = heads[i];
            }
            caller.append(count - 1, heads[count - 1]);
            for (uint256 i; i < count; ++i) {
                yes(caller.holds(count, HeadTree.proof(some, i)), "head");
            }
        }
    }
}
