// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {ICampaignEscrowTypes} from "../ICampaignEscrowTypes.sol";

/// @title What is signed: the operator's statements and receipts, and a worker's word where its money shall go.
/// @notice EIP-712; signers are accounts with a key, or contracts by ERC-1271.
library Promises {
    bytes32 internal constant STATEMENT_TYPEHASH =
        keccak256("Statement(bytes32 campaign,address worker,uint256 amount,uint32 epoch,bytes32 run)");
    bytes32 internal constant RECEIPT_TYPEHASH =
        keccak256("Receipt(bytes32 leaf,uint64 index,uint64 deadline)");
    bytes32 internal constant CLAIM_TO_TYPEHASH =
        keccak256("ClaimTo(bytes32 campaign,address account,address to,uint256 amount,uint256 validUntil)");

    bytes32 internal constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

    /// @notice The EIP-712 domain of this contract as an escrow.
    function escrowDomain() internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                DOMAIN_TYPEHASH, keccak256("crowdledger escrow"), keccak256("1"), block.chainid, address(this)
            )
        );
    }

    /// @notice The digest that the operator signs for a statement.
    function digest(
        bytes32 domain,
        ICampaignEscrowTypes.Statement calldata statement
    ) internal pure returns (bytes32) {
        return _typed(domain, abi.encode(STATEMENT_TYPEHASH, statement));
    }

    /// @notice The digest that the operator signs for a receipt: `leaf` is entry `index` of the log, which a checkpoint
    /// will cover by `deadline`.
    function receipt(
        bytes32 domain,
        bytes32 leaf,
        uint64 index,
        uint64 deadline
    ) internal pure returns (bytes32) {
        return _typed(domain, abi.encode(RECEIPT_TYPEHASH, leaf, index, deadline));
    }

    /// @notice The digest that an account signs to have its money sent to `to`.
    function claimTo(
        bytes32 domain,
        bytes32 campaign,
        address account,
        address to,
        uint256 amount,
        uint256 validUntil
    ) internal pure returns (bytes32) {
        return _typed(domain, abi.encode(CLAIM_TO_TYPEHASH, campaign, account, to, amount, validUntil));
    }

    /// @notice Reverts with `WrongSignature` unless `signer` signed `digest_`.
    /// @dev A key's signature has 65 bytes, or the 64 of EIP-2098, and counts whatever code its account has or delegates
    /// to (EIP-7702): nobody takes a signature back by putting code behind it. Else the code is asked (ERC-1271).
    function check(
        address signer,
        bytes32 digest_,
        bytes memory signature
    ) internal view {
        bytes memory plain = signature.length == 64 ? _expand(signature) : signature;
        // What is left out says more about a signature that is refused; then only the refusal counts.
        // slither-disable-next-line unused-return
        (address recovered, ECDSA.RecoverError problem,) = ECDSA.tryRecover(digest_, plain);
        if (problem == ECDSA.RecoverError.NoError && recovered == signer) return;
        if (SignatureChecker.isValidERC1271SignatureNow(signer, digest_, signature)) return;
        revert ICampaignEscrowTypes.WrongSignature(signer);
    }

    /// @dev r ‖ (parity bit ‖ s) as r ‖ s ‖ v.
    function _expand(
        bytes memory compact
    ) private pure returns (bytes memory) {
        (uint256 r, uint256 vs) = abi.decode(compact, (uint256, uint256));
        return abi.encodePacked(r, vs & (2 ** 255 - 1), uint8(27 + (vs >> 255)));
    }

    function _typed(
        bytes32 domain,
        bytes memory encoded
    ) private pure returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(domain, keccak256(encoded));
    }
}
