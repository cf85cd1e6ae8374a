// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {ICampaignEscrowTypes} from "../../src/ICampaignEscrowTypes.sol";

/// @title What is signed, written out from EIP-712, and the forms that one signature can take.
/// @dev Independent of `Promises`: the two must agree.
library Signing {
    uint256 private constant CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    function domain(
        string memory name,
        uint256 chain,
        address verifier
    ) internal pure returns (bytes32) {
        bytes32 kind =
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        return keccak256(abi.encode(kind, keccak256(bytes(name)), keccak256("1"), chain, verifier));
    }

    function statement(
        bytes32 separator,
        ICampaignEscrowTypes.Statement memory s
    ) internal pure returns (bytes32) {
        bytes32 kind =
            keccak256("Statement(bytes32 campaign,address worker,uint256 amount,uint32 epoch,bytes32 run)");
        return typed(separator, abi.encode(kind, s.campaign, s.worker, s.amount, s.epoch, s.run));
    }

    function receipt(
        bytes32 separator,
        bytes32 leaf,
        uint64 index,
        uint64 deadline
    ) internal pure returns (bytes32) {
        bytes32 kind = keccak256("Receipt(bytes32 leaf,uint64 index,uint64 deadline)");
        return typed(separator, abi.encode(kind, leaf, index, deadline));
    }

    function claimTo(
        bytes32 separator,
        bytes32 campaign,
        address account,
        address to,
        uint256 amount,
        uint256 validUntil
    ) internal pure returns (bytes32) {
        bytes32 kind = keccak256(
            "ClaimTo(bytes32 campaign,address account,address to,uint256 amount,uint256 validUntil)"
        );
        return typed(separator, abi.encode(kind, campaign, account, to, amount, validUntil));
    }

    function typed(
        bytes32 separator,
        bytes memory encoded
    ) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", separator, keccak256(encoded)));
    }

    /// @dev The 64 bytes of EIP-2098 for r ‖ s ‖ v.
    function compact(
        bytes memory signature
    ) internal pure returns (bytes memory) {
        (uint256 r, uint256 s, uint8 v) = split(signature);
        return abi.encodePacked(r, s | (uint256(v - 27) << 255));
    }

    /// @dev The other signature that recovers to the same key: s in the upper half.
    function high(
        bytes memory signature
    ) internal pure returns (bytes memory) {
        (uint256 r, uint256 s, uint8 v) = split(signature);
        return abi.encodePacked(r, CURVE_ORDER - s, uint8(55 - v));
    }

    function split(
        bytes memory signature
    ) internal pure returns (uint256 r, uint256 s, uint8 v) {
        v = uint8(signature[64]);
        assembly ("memory-safe") {
            r := mload(add(signature, 0x20))
            s := mload(add(signature, 0x40))
        }
    }
}

/// @dev A contract that signs by its owner's key (ERC-1271, 65 bytes only) and calls what its owner asks it to.
contract Wallet {
    address public immutable owner;

    constructor(
        address owner_
    ) {
        owner = owner_;
    }

    function isValidSignature(
        bytes32 hash,
        bytes calldata signature
    ) external view returns (bytes4) {
        (address signer, ECDSA.RecoverError refused,) = ECDSA.tryRecover(hash, signature);
        bool valid = refused == ECDSA.RecoverError.NoError && signer == owner;
        return valid ? this.isValidSignature.selector : bytes4(0xffffffff);
    }
}
