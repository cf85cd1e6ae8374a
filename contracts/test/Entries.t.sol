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
}
