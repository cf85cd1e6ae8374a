// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ProvenanceLog} from "../src/ProvenanceLog.sol";
import {Entries} from "../src/libraries/Entries.sol";
import {Heads} from "../src/libraries/Heads.sol";
import {Rfc9162} from "../src/libraries/Rfc9162.sol";
import {HeadTree} from "./utils/HeadTree.sol";
import {LogFixture} from "./utils/LogFixture.sol";
import {LogTree} from "./utils/LogTree.sol";

/// @dev The entry is number 11 of 20; heads of 20, 25 and 30 entries are anchored.
contract ProvenanceLogProveTest is LogFixture {
    bytes internal constant SIGNATURE = abi.encodePacked(keccak256("r"), keccak256("s"));
    Heads.HeadProof internal head;
    bytes32[] internal path;

    function place(
        bytes32 leaf
    ) internal {
        leaves[11] = leaf;
        anchor(20, 777);
        anchor(25, 888);
        anchor(30, 999);
        path = LogTree.inclusion(leaves, 11, 20);
        head = proofOf(0);
    }

    /// @dev Expects that this leaf at index 11 of 20 leads to another root.
    function refused(
        bytes32 leaf
    ) internal {
        bytes32 expected = head.head.root;
        bytes32 kept = leaves[11];
        leaves[11] = leaf;
        bytes32 computed = root(20);
        leaves[11] = kept;
        reverts(Rfc9162.RootMismatch.selector, computed, expected);
    }

    function assignment() internal pure returns (Entries.Assignment memory) {
        return Entries.Assignment("c", "i", named("worker"), "run", 10, 20);
    }

    function test_an_assignment_is_proved() public {
        place(Entries.leaf(assignment()));
        same(log.proveAssignment(assignment(), 11, head, path), 777, "time");
    }

    function test_another_assignment_is_not() public {
        place(Entries.leaf(assignment()));
        Entries.Assignment memory e = assignment();
        e.dueAt = 21;
        refused(Entries.leaf(e));
        log.proveAssignment(e, 11, head, path);
    }

    function label() internal pure returns (Entries.Label memory) {
        return Entries.Label("c", "i", named("worker"), "a", "s", 15);
    }

    function test_a_label_is_proved() public {
        place(Entries.leaf(label(), SIGNATURE));
        same(log.proveLabel(label(), SIGNATURE, 11, head, path), 777, "time");
    }

    function test_another_label_or_signature_is_not() public {
        place(Entries.leaf(label(), SIGNATURE));
        Entries.Label memory e = label();
        e.answer = "b";
        refused(Entries.leaf(e, SIGNATURE));
        log.proveLabel(e, SIGNATURE, 11, head, path);
        bytes memory other = SIGNATURE;
        other[63] ^= 0x01;
        refused(Entries.leaf(label(), other));
        log.proveLabel(label(), other, 11, head, path);
    }

    function test_a_label_without_signature_is_not_proved() public {
        place(Entries.leaf(label(), SIGNATURE));
        reverts(Entries.SignatureMissing.selector);
        log.proveLabel(label(), "", 11, head, path);
    }

    function reputation() internal pure returns (Entries.Reputation memory) {
        return Entries.Reputation(named("worker"), "d", 900_000, 20_000, "run");
    }

    function test_a_reputation_is_proved() public {
        place(Entries.leaf(reputation()));
        same(log.proveReputation(reputation(), 11, head, path), 777, "time");
    }

    function test_another_reputation_is_not() public {
        place(Entries.leaf(reputation()));
        Entries.Reputation memory e = reputation();
        e.score = 900_001;
        refused(Entries.leaf(e));
        log.proveReputation(e, 11, head, path);
    }

    function payout() internal pure returns (Entries.Payout memory) {
        return Entries.Payout("c", named("worker"), 5_000_000, "statement", "run");
    }

    function test_a_payout_is_proved() public {
        place(Entries.leaf(payout()));
        same(log.provePayout(payout(), 11, head, path), 777, "time");
    }

    function test_another_payout_is_not() public {
        place(Entries.leaf(payout()));
        Entries.Payout memory e = payout();
        e.amount += 1;
        refused(Entries.leaf(e));
        log.provePayout(e, 11, head, path);
    }

    function dataset() internal pure returns (Entries.Dataset memory) {
        return Entries.Dataset("d", "c", 1, "root", "manifest", named("owner"), 15);
    }

    function test_a_dataset_is_proved() public {
        place(Entries.leaf(dataset(), SIGNATURE));
        same(log.proveDataset(dataset(), SIGNATURE, 11, head, path), 777, "time");
    }

    function test_another_dataset_or_signature_is_not() public {
        place(Entries.leaf(dataset(), SIGNATURE));
        Entries.Dataset memory e = dataset();
        e.owner = stranger;
        refused(Entries.leaf(e, SIGNATURE));
        log.proveDataset(e, SIGNATURE, 11, head, path);
        bytes memory other = bytes.concat(SIGNATURE, hex"1b");
        refused(Entries.leaf(dataset(), other));
        log.proveDataset(dataset(), other, 11, head, path);
    }

    function test_a_dataset_without_signature_is_not_proved() public {
        place(Entries.leaf(dataset(), SIGNATURE));
        reverts(Entries.SignatureMissing.selector);
        log.proveDataset(dataset(), "", 11, head, path);
    }

    /// @dev An RFC 9162 root and path that are right are not enough.
    function test_nothing_is_proved_under_a_head_that_is_not_anchored() public {
        place(Entries.leaf(payout()));
        bytes32[] memory inclusion = LogTree.inclusion(leaves, 11, 24);
        Heads.Head memory honest = Heads.Head(24, root(24), 888);
        for (uint256 position; position < 3; ++position) {
            Heads.HeadProof memory proof = proofOf(position);
            proof.head = honest;
            reverts(ProvenanceLog.NotAnchored.selector, 24);
            log.provePayout(payout(), 11, proof, inclusion);
        }
    }

    function test_an_index_is_below_the_size_of_the_head() public {
        place(Entries.leaf(payout()));
        for (uint64 index = 20; index < 23; ++index) {
            reverts(Rfc9162.IndexOutOfRange.selector, index, 20);
            log.provePayout(payout(), index, head, path);
        }
    }

    function test_a_path_has_one_length() public {
        place(Entries.leaf(payout()));
        for (uint256 length; length < path.length + 3; ++length) {
            if (length == path.length) continue;
            bytes32[] memory other = new bytes32[](length);
            for (uint256 i; i < length && i < path.length; ++i) {
                other[i] = path[i];
            }
            reverts(Rfc9162.WrongProofLength.selector, length);
            log.provePayout(payout(), 11, head, other);
        }
    }

    function test_an_entry_is_at_one_index() public {
        place(Entries.leaf(payout()));
        for (uint64 index; index < 20; ++index) {
            (bool accepted,) =
                address(log).staticcall(abi.encodeCall(log.provePayout, (payout(), index, head, path)));
            yes(accepted == (index == 11), "index");
        }
    }

    /// @dev A payout and a reputation have the same five words of data.
    function test_an_entry_has_one_type() public {
        Entries.Reputation memory r =
            Entries.Reputation(address(1), bytes32(uint256(2)), 3, 4, bytes32(uint256(5)));
        Entries.Payout memory p =
            Entries.Payout(bytes32(uint256(1)), address(2), 3, bytes32(uint256(4)), bytes32(uint256(5)));
        same(keccak256(abi.encode(r)), keccak256(abi.encode(p)), "words");
        place(Entries.leaf(r));
        log.proveReputation(r, 11, head, path);
        refused(Entries.leaf(p));
        log.provePayout(p, 11, head, path);
    }

    function test_every_head_that_covers_an_entry_proves_it() public {
        place(Entries.leaf(payout()));
        for (uint256 i; i < heads.length; ++i) {
            bytes32[] memory inclusion = LogTree.inclusion(leaves, 11, heads[i].size);
            same(log.provePayout(payout(), 11, proofOf(i), inclusion), heads[i].time, "time");
        }
        bytes32[] memory under30 = LogTree.inclusion(leaves, 11, 30);
        same(log.provePayout(payout(), 11, HeadTree.latest(heads), under30), 999, "time");
    }
}
