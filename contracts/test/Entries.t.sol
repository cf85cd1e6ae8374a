// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Entries} from "../src/libraries/Entries.sol";
import {Base} from "./utils/Base.sol";

contract EntriesCaller {
    function leaf(
        Entries.Label calldata entry,
        bytes calldata signature
    ) external pure returns (bytes32) {
        return Entries.leaf(entry, signature);
    }

    function leaf(
        Entries.Dataset calldata entry,
        bytes calldata signature
    ) external pure returns (bytes32) {
        return Entries.leaf(entry, signature);
    }
}

/// @dev Every leaf is rebuilt here word by word, so a moved, missing or widened field shows.
contract EntriesTest is Base {
    EntriesCaller internal caller = new EntriesCaller();

    function test_type_hashes_are_those_of_the_literal_type_strings() public pure {
        same(
            Entries.ASSIGNMENT_TYPEHASH,
            keccak256(
                "Assignment(bytes32 campaign,bytes32 item,address worker,bytes32 run,uint64 assignedAt,uint64 dueAt)"
            ),
            "Assignment"
        );
        same(
            Entries.LABEL_TYPEHASH,
            keccak256(
                "Label(bytes32 campaign,bytes32 item,address worker,bytes32 answer,bytes32 suggestion,uint64 madeAt)"
            ),
            "Label"
        );
        same(
            Entries.REPUTATION_TYPEHASH,
            keccak256(
                "Reputation(address worker,bytes32 domain,uint32 score,uint32 standardError,bytes32 run)"
            ),
            "Reputation"
        );
        same(
            Entries.PAYOUT_TYPEHASH,
            keccak256("Payout(bytes32 campaign,address worker,uint256 amount,bytes32 statement,bytes32 run)"),
            "Payout"
        );
        same(
            Entries.DATASET_TYPEHASH,
            keccak256(
                "Dataset(bytes32 dataset,bytes32 campaign,uint32 version,bytes32 root,bytes32 manifest,address owner,uint64 madeAt)"
            ),
            "Dataset"
        );
    }

    function testFuzz_assignment(
        Entries.Assignment memory e
    ) public pure {
        bytes memory entry = abi.encodePacked(Entries.ASSIGNMENT_TYPEHASH, e.campaign, e.item);
        entry = abi.encodePacked(entry, bytes12(0), e.worker, e.run, uint256(e.assignedAt), uint256(e.dueAt));
        same(entry.length, 7 * 32, "length");
        same(Entries.leaf(e), sha256(bytes.concat(hex"00", entry)), "leaf");
    }

    function testFuzz_label(
        Entries.Label memory e,
        bytes memory signature
    ) public pure {
        vm.assume(signature.length != 0);
        bytes memory entry =
            abi.encodePacked(Entries.LABEL_TYPEHASH, e.campaign, e.item, bytes12(0), e.worker);
        entry = abi.encodePacked(entry, e.answer, e.suggestion, uint256(e.madeAt));
        same(entry.length, 7 * 32, "length");
        same(Entries.leaf(e, signature), sha256(bytes.concat(hex"00", entry, signature)), "leaf");
    }

    function test_a_label_without_signature_is_no_entry() public {
        Entries.Label memory e;
        reverts(Entries.SignatureMissing.selector);
        caller.leaf(e, "");
    }

    function testFuzz_reputation(
        Entries.Reputation memory e
    ) public pure {
        bytes memory entry = abi.encodePacked(Entries.REPUTATION_TYPEHASH, bytes12(0), e.worker, e.domain);
        entry = abi.encodePacked(entry, uint256(e.score), uint256(e.standardError), e.run);
        same(entry.length, 6 * 32, "length");
        same(Entries.leaf(e), sha256(bytes.concat(hex"00", entry)), "leaf");
    }

    function testFuzz_payout(
        Entries.Payout memory e
    ) public pure {
        bytes memory entry = abi.encodePacked(Entries.PAYOUT_TYPEHASH, e.campaign, bytes12(0), e.worker);
        entry = abi.encodePacked(entry, e.amount, e.statement, e.run);
        same(entry.length, 6 * 32, "length");
        same(Entries.leaf(e), sha256(bytes.concat(hex"00", entry)), "leaf");
    }

    function testFuzz_dataset(
        Entries.Dataset memory e,
        bytes memory signature
    ) public pure {
        vm.assume(signature.length != 0);
        bytes memory entry =
            abi.encodePacked(Entries.DATASET_TYPEHASH, e.dataset, e.campaign, uint256(e.version), e.root);
        entry = abi.encodePacked(entry, e.manifest, bytes12(0), e.owner, uint256(e.madeAt));
        same(entry.length, 8 * 32, "length");
        same(Entries.leaf(e, signature), sha256(bytes.concat(hex"00", entry, signature)), "leaf");
    }

    function test_a_dataset_without_signature_is_no_entry() public {
        Entries.Dataset memory e;
        reverts(Entries.SignatureMissing.selector);
        caller.leaf(e, "");
    }

    /// @dev One word after the other, and the signature: no two ways to say the same.
    function testFuzz_any_other_bit_is_another_leaf(
        Entries.Label memory e,
        bytes memory signature,
        uint256 bit
    ) public pure {
        vm.assume(signature.length != 0);
        bytes32 leaf = Entries.leaf(e, signature);
        yes(Entries.leaf(e, bytes.concat(signature, hex"00")) != leaf, "longer signature");
        uint256 at = bit % signature.length;
        signature[at] ^= bytes1(uint8(1 << (bit % 8)));
        yes(Entries.leaf(e, signature) != leaf, "signature");
        signature[at] ^= bytes1(uint8(1 << (bit % 8)));
        bytes32 mask = bytes32(uint256(1) << (bit % 256));
        e.campaign ^= mask;
        yes(Entries.leaf(e, signature) != leaf, "campaign");
        (e.campaign, e.item) = (e.campaign ^ mask, e.item ^ mask);
        yes(Entries.leaf(e, signature) != leaf, "item");
        (e.item, e.answer) = (e.item ^ mask, e.answer ^ mask);
        yes(Entries.leaf(e, signature) != leaf, "answer");
        (e.answer, e.suggestion) = (e.answer ^ mask, e.suggestion ^ mask);
        yes(Entries.leaf(e, signature) != leaf, "suggestion");
        (e.suggestion, e.madeAt) = (e.suggestion ^ mask, e.madeAt ^ uint64(1 << (bit % 64)));
        yes(Entries.leaf(e, signature) != leaf, "time");
        e.madeAt ^= uint64(1 << (bit % 64));
        e.worker = address(uint160(e.worker) ^ uint160(1 << (bit % 160)));
        yes(Entries.leaf(e, signature) != leaf, "worker");
    }

    function testFuzz_another_type_is_another_leaf(
        bytes32[2] memory words,
        address[2] memory accounts,
        uint64[2] memory times,
        bytes memory signature
    ) public pure {
        vm.assume(signature.length != 0);
        bytes32 person = bytes32(uint256(uint160(accounts[1])));
        Entries.Assignment memory a =
            Entries.Assignment(words[0], words[1], accounts[0], person, times[0], times[1]);
        Entries.Label memory l =
            Entries.Label(words[0], words[1], accounts[0], person, bytes32(uint256(times[0])), times[1]);
        same(keccak256(abi.encode(a)), keccak256(abi.encode(l)), "words");
        yes(Entries.leaf(l, signature) != Entries.leaf(a), "assignment and label");
        // What the assignment's bytes would be if they were a label that ends with a signature.
        bytes32 signed = sha256(bytes.concat(hex"00", abi.encode(Entries.ASSIGNMENT_TYPEHASH, a), signature));
        yes(Entries.leaf(l, signature) != signed, "a signed assignment");
    }
}
