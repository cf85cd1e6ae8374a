// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ProvenanceLog} from "../src/ProvenanceLog.sol";
import {Heads} from "../src/libraries/Heads.sol";
import {Rfc9162} from "../src/libraries/Rfc9162.sol";
import {HeadTree} from "./utils/HeadTree.sol";
import {LogFixture} from "./utils/LogFixture.sol";
import {LogTree} from "./utils/LogTree.sol";

contract ProvenanceLogTest is LogFixture {
    // The slots after the two strings of OpenZeppelin's EIP712.
    bytes32 internal constant STATE_SLOT = bytes32(uint256(2));
    bytes32 internal constant ROOT_SLOT = bytes32(uint256(3));
    uint256 internal constant PEAKS_SLOT = 4;
    uint64[13] internal sizes = [uint64(1), 2, 3, 5, 8, 9, 16, 20, 31, 32, 33, 63, 64];

    function anchorAll() internal {
        for (uint256 i; i < sizes.length; ++i) {
            anchor(sizes[i], 1_000_000 + i * i);
        }
    }

    function slot(
        bytes32 at
    ) internal view returns (bytes32) {
        return vm.load(address(log), at);
    }

    function peakSlot(
        uint256 level
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(level, PEAKS_SLOT));
    }

    function packed(
        uint256 count,
        uint256 size,
        uint256 time
    ) internal view returns (bytes32) {
        return bytes32((((size << 34) | time) << 184) | (count << 160) | uint160(operator));
    }

    function test_constructor_refuses_the_zero_address() public {
        reverts(ProvenanceLog.NoOperator.selector);
        new ProvenanceLog(address(0));
    }

    function test_constructor_names_the_operator() public {
        vm.expectEmit(true, true, false, true);
        emit ProvenanceLog.OperatorChanged(address(0), stranger);
        ProvenanceLog other = new ProvenanceLog(stranger);
        same(other.operator(), stranger, "operator");
    }

    function test_anchor_refuses_anybody_but_the_operator() public {
        reverts(ProvenanceLog.NotOperator.selector, stranger, operator);
        vm.prank(stranger);
        log.anchor(1, "root", none);
    }

    function test_anchor_refuses_the_zero_root() public {
        reverts(ProvenanceLog.NoRoot.selector);
        vm.prank(operator);
        log.anchor(1, 0, none);
    }

    function test_anchor_refuses_a_size_from_2_to_the_38_on() public {
        vm.startPrank(operator);
        for (uint256 shift = 38; shift < 64; ++shift) {
            reverts(ProvenanceLog.SizeTooLarge.selector, 1 << shift);
            log.anchor(uint64(1 << shift), "root", none);
        }
    }

    function test_anchor_refuses_a_time_from_2_to_the_34_on() public {
        anchor(5, (1 << 34) - 1);
        bytes32 next = root(9);
        bytes32[] memory proof = pathTo(9);
        for (uint256 shift = 34; shift < 64; shift += 29) {
            vm.warp(1 << shift);
            reverts(ProvenanceLog.TimeTooLarge.selector, 1 << shift);
            vm.prank(operator);
            log.anchor(9, next, proof);
        }
        isLatest(5, root(5), (1 << 34) - 1);
    }

    /// @dev Nobody can anchor so many in a test: the counter is set.
    function test_anchor_refuses_more_heads_than_can_be_counted() public {
        anchor(5, 100);
        same(slot(STATE_SLOT), packed(1, 5, 100), "state");
        vm.store(address(log), STATE_SLOT, packed((1 << 24) - 2, 5, 100));
        anchor(8, 200);
        same(log.heads(), (1 << 24) - 1, "heads");
        same(slot(STATE_SLOT), packed((1 << 24) - 1, 8, 200), "state");
        (bytes32 next, bytes32[] memory proof) = (root(9), pathTo(9));
        reverts(ProvenanceLog.TooManyHeads.selector);
        vm.prank(operator);
        log.anchor(9, next, proof);
    }

    function test_anchor_refuses_a_size_that_does_not_grow() public {
        anchor(5, 100);
        vm.startPrank(operator);
        for (uint64 size; size <= 5; ++size) {
            reverts(ProvenanceLog.SizeNotGrowing.selector, size, 5);
            log.anchor(size, "root", none);
        }
    }

    function test_anchor_refuses_a_first_head_of_no_entries() public {
        reverts(ProvenanceLog.SizeNotGrowing.selector, 0, uint256(0));
        vm.prank(operator);
        log.anchor(0, "root", none);
    }

    function test_anchor_refuses_a_proof_for_the_first_head() public {
        vm.startPrank(operator);
        for (uint256 length = 1; length < 4; ++length) {
            reverts(ProvenanceLog.FirstProofNotEmpty.selector, length);
            log.anchor(1, "root", new bytes32[](length));
        }
    }

    function test_anchor_stores_and_announces_the_first_head() public {
        bytes32 first = root(7);
        vm.warp(123);
        vm.expectEmit(true, false, false, true, address(log));
        emit ProvenanceLog.Anchored(7, first, 123);
        vm.prank(operator);
        log.anchor(7, first, none);
        isLatest(7, first, 123);
        same(log.heads(), 1, "heads");
        same(log.peak(0), Heads.leaf(Heads.Head(7, first, 123)), "peak");
        same(log.operator(), operator, "operator");
    }

    function test_anchor_refuses_a_proof_of_another_length() public {
        anchor(5, 100);
        (bytes32 next, bytes32[] memory proof) = (root(9), pathTo(9));
        vm.startPrank(operator);
        for (uint256 length; length < proof.length + 3; ++length) {
            if (length == proof.length) continue;
            bytes32[] memory other = new bytes32[](length);
            for (uint256 i; i < length && i < proof.length; ++i) {
                other[i] = proof[i];
            }
            reverts(Rfc9162.WrongProofLength.selector, length);
            log.anchor(9, next, other);
        }
    }

    function test_anchor_refuses_another_old_root() public {
        anchor(5, 100);
        bytes32 old = root(5);
        leaves[2] = "another entry";
        (bytes32 rewritten, bytes32 computed) = (root(9), root(5));
        bytes32[] memory forged = LogTree.consistency(leaves, 5, 9);
        reverts(Rfc9162.RootMismatch.selector, computed, old);
        vm.prank(operator);
        log.anchor(9, rewritten, forged);
    }

    function test_anchor_refuses_another_new_root() public {
        anchor(5, 100);
        (bytes32 honest, bytes32[] memory proof) = (root(9), pathTo(9));
        reverts(Rfc9162.RootMismatch.selector, honest, bytes32("other"));
        vm.prank(operator);
        log.anchor(9, "other", proof);
        same(log.heads(), 1, "heads");
    }

    function test_anchor_refuses_a_proof_from_an_older_head() public {
        anchor(3, 100);
        anchor(5, 200);
        bytes32 honest = root(9);
        bytes32[] memory fromOlder = LogTree.consistency(leaves, 3, 9);
        vm.prank(operator);
        (bool accepted,) = address(log).call(abi.encodeCall(log.anchor, (9, honest, fromOlder)));
        yes(!accepted, "a proof from an older head was accepted");
        isLatest(5, root(5), 200);
    }

    function test_anchor_stores_the_largest_size() public {
        uint64 size = (1 << 38) - 1;
        vm.warp((1 << 34) - 1);
        vm.prank(operator);
        log.anchor(size, "root", none);
        isLatest(size, "root", (1 << 34) - 1);
        same(slot(STATE_SLOT), packed(1, size, (1 << 34) - 1), "state");
        same(log.operator(), operator, "operator");
    }

    function test_anchor_stores_and_announces_every_head() public {
        for (uint256 i; i < sizes.length; ++i) {
            (bytes32 next, bytes32[] memory proof) = (root(sizes[i]), pathTo(sizes[i]));
            vm.warp(777 + i);
            vm.expectEmit(true, false, false, true, address(log));
            emit ProvenanceLog.Anchored(sizes[i], next, uint64(777 + i));
            vm.prank(operator);
            log.anchor(sizes[i], next, proof);
            isLatest(sizes[i], next, 777 + i);
            same(log.heads(), i + 1, "heads");
        }
    }

    function test_anchor_changes_the_latest_head_the_count_and_one_peak() public {
        for (uint256 n; n < sizes.length; ++n) {
            bytes32[5] memory before;
            for (uint256 level; level < 5; ++level) {
                before[level] = slot(peakSlot(level));
            }
            anchor(sizes[n], 100 + n);
            same(slot(STATE_SLOT), packed(n + 1, sizes[n], 100 + n), "state");
            same(slot(ROOT_SLOT), root(sizes[n]), "root");
            uint256 written;
            while ((n >> written) & 1 == 1) ++written;
            for (uint256 level; level < 5; ++level) {
                bytes32 expected = level == written ? HeadTree.peak(heads, level) : before[level];
                same(slot(peakSlot(level)), expected, "peak");
            }
            same(slot(bytes32(uint256(5))), 0, "proposal");
        }
    }

    function test_before_the_first_head_all_is_zero() public view {
        isLatest(0, 0, 0);
        same(log.heads(), 0, "heads");
        for (uint256 level; level < 300; ++level) {
            same(log.peak(level), 0, "peak");
        }
    }

    function test_peak_returns_the_root_over_the_heads_under_it() public {
        for (uint256 n; n < sizes.length; ++n) {
            anchor(sizes[n], 100 + n);
            for (uint256 level; level < 5; ++level) {
                if ((heads.length >> level) & 1 == 0) continue;
                same(log.peak(level), HeadTree.peak(heads, level), "peak");
            }
        }
    }

    function test_peak_returns_zero_where_the_level_is_not_in_use() public {
        for (uint256 n; n < sizes.length; ++n) {
            anchor(sizes[n], 100 + n);
            for (uint256 level; level < 300; ++level) {
                if ((heads.length >> level) & 1 == 0) same(log.peak(level), 0, "peak");
            }
        }
        same(log.peak(type(uint256).max), 0, "peak");
        yes(slot(peakSlot(1)) != 0, "nothing was left over, so nothing was tested");
    }

    function refused(
        Heads.HeadProof memory proof
    ) internal {
        reverts(ProvenanceLog.NotAnchored.selector, proof.head.size);
        log.checkHead(proof);
    }

    function test_checkHead_refuses_all_before_the_first_head() public {
        Heads.Head memory zero;
        refused(Heads.HeadProof(zero, 0, none));
        refused(Heads.HeadProof(zero, type(uint256).max, none));
        refused(Heads.HeadProof(Heads.Head(5, root(5), 100), 0, none));
        refused(Heads.HeadProof(Heads.Head(5, root(5), 100), 0, new bytes32[](1)));
    }

    function test_checkHead_takes_the_latest_without_a_path() public {
        for (uint256 n; n < sizes.length; ++n) {
            anchor(sizes[n], 100 + n);
            log.checkHead(HeadTree.latest(heads));
        }
    }

    function test_checkHead_takes_no_other_position_without_a_path() public {
        for (uint256 n; n < sizes.length; ++n) {
            anchor(sizes[n], 100 + n);
            Heads.HeadProof memory proof = HeadTree.latest(heads);
            for (uint256 position; position < n + 4; ++position) {
                if (position == n) continue;
                proof.position = position;
                refused(proof);
                if (position < n) refused(Heads.HeadProof(heads[position], position, none));
                if (position < n) refused(Heads.HeadProof(heads[position], n, none));
            }
            proof.position = type(uint256).max;
            refused(proof);
        }
    }

    function test_checkHead_takes_no_other_head_without_a_path() public {
        for (uint256 n; n < 4; ++n) {
            anchor(sizes[n], 100 + n);
            Heads.HeadProof memory proof = HeadTree.latest(heads);
            proof.head.size += 1;
            refused(proof);
            proof.head.size -= 1;
            proof.head.root ^= bytes32(uint256(1));
            refused(proof);
            proof.head.root ^= bytes32(uint256(1));
            proof.head.time += 1;
            refused(proof);
            proof.head.time -= 1;
            log.checkHead(proof);
        }
    }

    function test_checkHead_takes_every_head_that_was_anchored() public {
        for (uint256 n; n < sizes.length; ++n) {
            anchor(sizes[n], 100 + n * n);
            for (uint256 i; i <= n; ++i) {
                log.checkHead(proofOf(i));
            }
        }
    }

    function testFuzz_checkHead_takes_no_other_head_position_or_path(
        uint256 position,
        uint8 what,
        uint256 bit
    ) public {
        anchorAll();
        position = bound(position, 0, 11); // the last has no siblings
        Heads.HeadProof memory proof = proofOf(position);
        log.checkHead(proof);
        if (what % 5 == 0) proof.head.size ^= uint64(1 << (bit % 64));
        if (what % 5 == 1) proof.head.root ^= bytes32(uint256(1) << (bit % 256));
        if (what % 5 == 2) proof.head.time ^= uint64(1 << (bit % 64));
        if (what % 5 == 3) proof.position ^= uint256(1) << (bit % 256);
        if (what % 5 == 4) proof.path[bit % proof.path.length] ^= bytes32(uint256(1) << (bit % 256));
        refused(proof);
    }

    function test_the_domain_is_that_of_the_entries() public view {
        bytes32 kind =
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        bytes32 expected = keccak256(
            abi.encode(kind, keccak256("crowdledger"), keccak256("1"), block.chainid, address(log))
        );
        same(log.domainSeparator(), expected, "separator");
        (, string memory name, string memory version, uint256 chain, address contract_,,) = log.eip712Domain();
        same(keccak256(bytes(name)), keccak256("crowdledger"), "name");
        same(keccak256(bytes(version)), keccak256("1"), "version");
        same(chain, block.chainid, "chain");
        same(contract_, address(log), "contract");
    }
}
