// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Rfc9162} from "./Rfc9162.sol";

/// @title The entries of the log that the chain can prove: their types and their leaf hashes.
/// @notice entry = typeHash ‖ encodeData(struct) ‖ signature (EIP-712); leaf hash = SHA-256(0x00 ‖ entry).
/// @dev All fields are static, so `abi.encode(typeHash, struct)` is typeHash ‖ encodeData. References to other
/// entries (`run`) are leaf hashes; shares and scores are parts per million; times are seconds.
library Entries {
    /// @notice An entry that its signer has to sign came without a signature.
    error SignatureMissing();

    /// @notice `item` was given to `worker`; `run` is the leaf hash of the matching run.
    struct Assignment {
        bytes32 campaign;
        bytes32 item;
        address worker;
        bytes32 run;
        uint64 assignedAt;
        uint64 dueAt;
    }

    /// @notice A worker's committed answer, signed by its session key.
    struct Label {
        bytes32 campaign;
        bytes32 item;
        address worker;
        bytes32 answer;
        bytes32 suggestion;
        uint64 madeAt;
    }

    /// @notice Skill of a worker in a domain, with its standard error, both in parts per million.
    struct Reputation {
        address worker;
        bytes32 domain;
        uint32 score;
        uint32 standardError;
        bytes32 run;
    }

    /// @notice Cumulative earnings of a worker in a campaign, in token minor units.
    struct Payout {
        bytes32 campaign;
        address worker;
        uint256 amount;
        bytes32 statement;
        bytes32 run;
    }

    /// @notice A version of a dataset and the root of its records, signed by its owner.
    struct Dataset {
        bytes32 dataset;
        bytes32 campaign;
        uint32 version;
        bytes32 root;
        bytes32 manifest;
        address owner;
        uint64 madeAt;
    }

    bytes32 internal constant ASSIGNMENT_TYPEHASH = keccak256(
        "Assignment(bytes32 campaign,bytes32 item,address worker,bytes32 run,uint64 assignedAt,uint64 dueAt)"
    );
    bytes32 internal constant LABEL_TYPEHASH = keccak256(
        "Label(bytes32 campaign,bytes32 item,address worker,bytes32 answer,bytes32 suggestion,uint64 madeAt)"
    );
    bytes32 internal constant REPUTATION_TYPEHASH =
        keccak256("Reputation(address worker,bytes32 domain,uint32 score,uint32 standardError,bytes32 run)");
    bytes32 internal constant PAYOUT_TYPEHASH =
        keccak256("Payout(bytes32 campaign,address worker,uint256 amount,bytes32 statement,bytes32 run)");

    bytes32 internal constant DATASET_TYPEHASH = keccak256(
        "Dataset(bytes32 dataset,bytes32 campaign,uint32 version,bytes32 root,bytes32 manifest,address owner,uint64 madeAt)"
    );

    /// @notice Leaf hash of an `Assignment` (not signed).
    function leaf(
        Assignment memory entry
    ) internal pure returns (bytes32) {
        return Rfc9162.leafHash(abi.encode(ASSIGNMENT_TYPEHASH, entry));
    }

    /// @notice Leaf hash of a `Label` with the session key's signature as it stands in the log.
    /// @dev The signature is part of the leaf; whose it is, the log's readers check against the session grant.
    function leaf(
        Label memory entry,
        bytes memory signature
    ) internal pure returns (bytes32) {
        return _signed(abi.encode(LABEL_TYPEHASH, entry), signature);
    }

    /// @notice Leaf hash of a `Dataset` with its owner's signature as it stands in the log.
    function leaf(
        Dataset memory entry,
        bytes memory signature
    ) internal pure returns (bytes32) {
        return _signed(abi.encode(DATASET_TYPEHASH, entry), signature);
    }

    /// @notice Leaf hash of a `Reputation` (not signed).
    function leaf(
        Reputation memory entry
    ) internal pure returns (bytes32) {
        return Rfc9162.leafHash(abi.encode(REPUTATION_TYPEHASH, entry));
    }

    /// @notice Leaf hash of a `Payout` (not signed).
    function leaf(
        Payout memory entry
    ) internal pure returns (bytes32) {
        return Rfc9162.leafHash(abi.encode(PAYOUT_TYPEHASH, entry));
    }

    function _signed(
        bytes memory encoded,
        bytes memory signature
    ) private pure returns (bytes32) {
        if (signature.length == 0) revert SignatureMissing();
        return Rfc9162.leafHash(bytes.concat(encoded, signature));
    }
}
