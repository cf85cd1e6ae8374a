// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ProvenanceLog} from "../src/ProvenanceLog.sol";
import {Entries} from "../src/libraries/Entries.sol";
import {Rfc9162} from "../src/libraries/Rfc9162.sol";
import {Base} from "./utils/Base.sol";
import {LogTree} from "./utils/LogTree.sol";

contract ProvenanceLogTest is Base {
    event Anchored(uint64 indexed size, bytes32 root);

    address internal operator = named("operator");
    ProvenanceLog internal log = new ProvenanceLog(operator);
    bytes32[] internal leaves = LogTree.leavesOf(64, 1);

    function root(
        uint256 size
    ) internal view returns (bytes32) {
        return LogTree.root(leaves, 0, size);
    }

    /// @dev Anchors `size` at `time` with an honest proof.
    function anchor(
        uint64 size,
        uint256 time
    ) internal {
        (uint64 last,,) = log.latest();
        bytes32[] memory proof = last == 0 ? new bytes32[](0) : LogTree.consistency(leaves, last, size);
        bytes32 newRoot = root(size);
        vm.warp(time);
        vm.prank(operator);
        log.anchor(size, newRoot, proof);
    }

    function test_the_operator_is_not_zero() public {
        reverts(ProvenanceLog.NoOperator.selector);
        new ProvenanceLog(address(0));
        same(log.operator(), operator, "operator");
    }

    function test_before_the_first_head_there_is_none() public {
        (uint64 size, bytes32 latestRoot, uint64 time) = log.latest();
        yes(size == 0 && latestRoot == 0 && time == 0, "latest");
        same(log.heads(), 0, "heads");
        reverts(ProvenanceLog.NotAnchored.selector, 0);
        log.head(0);
    }

    /// @dev Enough heads for several pages; each is found again after each, and sizes between them are not.
    function test_every_head_stays_readable() public {
        uint64[13] memory sizes = [uint64(1), 2, 3, 5, 8, 9, 16, 20, 31, 32, 33, 63, 64];
        for (uint256 n = 1; n <= sizes.length; ++n) {
            anchor(sizes[n - 1], 1_000_000 + n * n);
            same(log.heads(), n, "heads");
            (uint64 size, bytes32 latestRoot, uint64 time) = log.latest();
            yes(size == sizes[n - 1] && time == 1_000_000 + n * n, "latest");
            same(latestRoot, root(size), "latest root");
            for (uint256 i = 1; i <= n; ++i) {
                bytes32 found;
                (found, time) = log.head(sizes[i - 1]);
                same(found, root(sizes[i - 1]), "root");
                same(time, 1_000_000 + i * i, "time");
            }
        }
        reverts(ProvenanceLog.NotAnchored.selector, 4);
        log.head(4);
        reverts(ProvenanceLog.NotAnchored.selector, 65);
        log.head(65);
    }

    function test_a_head_is_announced() public {
        bytes32 first = root(7);
        vm.expectEmit(true, false, false, true, address(log));
        emit Anchored(7, first);
        vm.prank(operator);
        log.anchor(7, first, new bytes32[](0));
    }

    function test_only_the_operator_anchors() public {
        reverts(ProvenanceLog.NotOperator.selector, named("stranger"), operator);
        vm.prank(named("stranger"));
        log.anchor(1, "root", new bytes32[](0));
    }

    function test_sizes_only_grow() public {
        anchor(5, 100);
        for (uint64 size; size <= 5; ++size) {
            reverts(ProvenanceLog.SizeNotGrowing.selector, size, 5);
            vm.prank(operator);
            log.anchor(size, "root", new bytes32[](0));
        }
    }

    function test_the_first_head_is_not_empty_and_has_no_proof() public {
        vm.startPrank(operator);
        reverts(ProvenanceLog.SizeNotGrowing.selector, 0, uint256(0));
        log.anchor(0, "root", new bytes32[](0));
        reverts(ProvenanceLog.FirstProofNotEmpty.selector, 1);
        log.anchor(1, "root", new bytes32[](1));
    }

    function test_a_root_is_not_zero() public {
        reverts(ProvenanceLog.NoRoot.selector);
        vm.prank(operator);
        log.anchor(1, 0, new bytes32[](0));
    }

    function test_sizes_are_below_2_to_the_38() public {
        vm.startPrank(operator);
        reverts(ProvenanceLog.SizeTooLarge.selector, 1 << 38);
        log.anchor(1 << 38, "root", new bytes32[](0));
        log.anchor((1 << 38) - 1, "root", new bytes32[](0));
        (bytes32 found,) = log.head((1 << 38) - 1);
        same(found, "root", "root");
    }

    function test_times_are_below_2_to_the_34() public {
        anchor(5, (1 << 34) - 1);
        bytes32 next = root(9);
        bytes32[] memory proof = LogTree.consistency(leaves, 5, 9);
        for (uint256 shift = 34; shift < 64; shift += 29) {
            vm.warp(1 << shift);
            reverts(ProvenanceLog.TimeTooLarge.selector, 1 << shift);
            vm.prank(operator);
            log.anchor(9, next, proof);
        }
        (uint64 size, bytes32 latestRoot, uint64 time) = log.latest();
        yes(size == 5 && time == (1 << 34) - 1, "latest");
        same(latestRoot, root(5), "latest root");
    }

    function test_a_history_cannot_be_rewritten() public {
        anchor(5, 100);
        bytes32 old = root(5);
        bytes32[] memory proof = LogTree.consistency(leaves, 5, 9);
        leaves[2] = "another entry";
        bytes32[] memory forged = LogTree.consistency(leaves, 5, 9);
        (bytes32 rewritten, bytes32 computed) = (root(9), root(5));
        vm.startPrank(operator);
        reverts(Rfc9162.RootMismatch.selector, computed, old);
        log.anchor(9, rewritten, forged);
        leaves = LogTree.leavesOf(64, 1);
        reverts(Rfc9162.RootMismatch.selector, root(9), rewritten);
        log.anchor(9, rewritten, proof);
        reverts(Rfc9162.WrongProofLength.selector, 0);
        log.anchor(9, rewritten, new bytes32[](0));
    }

    /// @dev A head must follow the latest one; an older one is not enough.
    function test_a_head_follows_the_latest() public {
        anchor(3, 100);
        anchor(5, 200);
        bytes32 honest = root(9);
        bytes32[] memory fromOlder = LogTree.consistency(leaves, 3, 9);
        vm.prank(operator);
        (bool accepted,) = address(log).call(abi.encodeCall(log.anchor, (9, honest, fromOlder)));
        yes(!accepted, "a proof from an older head was accepted");
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

    function test_an_assignment_is_proved() public {
        Entries.Assignment memory e = Entries.Assignment("c", "i", named("worker"), "run", 10, 20);
        bytes32[] memory proof = place(Entries.leaf(e), 11);
        same(log.proveAssignment(e, 11, 20, proof), 777, "time");
        e.dueAt = 21;
        refused(Entries.leaf(e));
        log.proveAssignment(e, 11, 20, proof);
    }

    function test_a_label_is_proved() public {
        Entries.Label memory e = Entries.Label("c", "i", named("worker"), "a", "s", 15);
        bytes memory signature = abi.encodePacked(bytes32("r"), bytes32("s"));
        bytes32[] memory proof = place(Entries.leaf(e, signature), 11);
        same(log.proveLabel(e, signature, 11, 20, proof), 777, "time");
        signature[63] = 0x01;
        refused(Entries.leaf(e, signature));
        log.proveLabel(e, signature, 11, 20, proof);
        reverts(Entries.SignatureMissing.selector);
        log.proveLabel(e, "", 11, 20, proof);
    }

    function test_a_reputation_is_proved() public {
        Entries.Reputation memory e = Entries.Reputation(named("worker"), "d", 900_000, 20_000, "run");
        bytes32[] memory proof = place(Entries.leaf(e), 11);
        same(log.proveReputation(e, 11, 20, proof), 777, "time");
        e.score = 900_001;
        refused(Entries.leaf(e));
        log.proveReputation(e, 11, 20, proof);
    }

    function test_a_payout_is_proved() public {
        Entries.Payout memory e = Entries.Payout("c", named("worker"), 5_000_000, "statement", "run");
        bytes32[] memory proof = place(Entries.leaf(e), 11);
        same(log.provePayout(e, 11, 20, proof), 777, "time");
        e.amount += 1;
        refused(Entries.leaf(e));
        log.provePayout(e, 11, 20, proof);
    }

    function test_proofs_need_an_anchored_head_and_an_index_inside() public {
        Entries.Payout memory e = Entries.Payout("c", named("worker"), 5_000_000, "statement", "run");
        bytes32[] memory proof = place(Entries.leaf(e), 11);
        reverts(ProvenanceLog.NotAnchored.selector, 19);
        log.provePayout(e, 11, 19, proof);
        reverts(Rfc9162.IndexOutOfRange.selector, 20, 20);
        log.provePayout(e, 20, 20, proof);
    }

    /// @dev Puts a leaf into the tree, anchors the tree of 20 and then 30 entries; the proof under 20.
    function place(
        bytes32 leaf,
        uint256 index
    ) internal returns (bytes32[] memory) {
        leaves[index] = leaf;
        anchor(20, 777);
        anchor(30, 888);
        return LogTree.inclusion(leaves, index, 20);
    }

    /// @dev Expects that this leaf at index 11 of 20 leads to another root.
    function refused(
        bytes32 leaf
    ) internal {
        bytes32 expected = root(20);
        leaves[11] = leaf;
        bytes32 computed = root(20);
        reverts(Rfc9162.RootMismatch.selector, computed, expected);
    }
}
