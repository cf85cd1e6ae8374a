// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CampaignEscrow} from "../../src/CampaignEscrow.sol";
import {ICampaignEscrowTypes} from "../../src/ICampaignEscrowTypes.sol";
import {ProvenanceLog} from "../../src/ProvenanceLog.sol";
import {Entries} from "../../src/libraries/Entries.sol";
import {Heads} from "../../src/libraries/Heads.sol";
import {LocalToken} from "../../src/local/LocalToken.sol";
import {EscrowFixture} from "./EscrowFixture.sol";
import {LogTree} from "./LogTree.sol";
import {PayrollReference} from "./PayrollReference.sol";
import {Signing} from "./Signing.sol";

/// @title A campaign whose log holds twelve labels, in turn of the three workers, and what its operator signed.
/// @dev The first head covers `EVIDENCE` of them, which `first()` judges; the second covers all.
abstract contract LabelledFixture is EscrowFixture {
    uint64 internal constant ENTRIES = 12;

    /// @dev Kept, with the proofs under the latest head: a hash by a precompile is a call, and a test expects of its
    /// next call that it reverts.
    bytes32[] internal leaves;
    bytes32[][] internal proofs;
    Heads.Head[2] internal heads;

    function setUp() public virtual override {
        vm.warp(START);
        use(new LocalToken());
        begin();
    }

    /// @dev A new log and a new escrow, for the terms as they are now.
    function begin() internal {
        log = new ProvenanceLog(operator);
        escrow = new CampaignEscrow(log);
        id = escrow.idOf(terms);
        provide(requester, BUDGET);
        provide(disputer, BOND);
        provide(stranger, 4 * BOND);
        delete leaves;
        delete proofs;
        for (uint256 i; i < ENTRIES; ++i) {
            leaves.push(leafOf(i));
        }
        bytes32[] memory all = leaves;
        for (uint256 i; i < ENTRIES; ++i) {
            proofs.push(LogTree.inclusion(all, i, ENTRIES));
        }
        heads[0] = Heads.Head(EVIDENCE, LogTree.root(all, 0, EVIDENCE), uint64(block.timestamp));
        heads[1] = Heads.Head(ENTRIES, LogTree.root(all, 0, ENTRIES), uint64(block.timestamp));
        bytes32[] memory proof = LogTree.consistency(all, EVIDENCE, ENTRIES);
        vm.startPrank(operator);
        log.anchor(EVIDENCE, heads[0].root, new bytes32[](0));
        log.anchor(ENTRIES, heads[1].root, proof);
        vm.stopPrank();
    }

    function labelOf(
        uint256 index
    ) internal view returns (Entries.Label memory) {
        return Entries.Label({
            campaign: id,
            item: bytes32(index),
            worker: workers[index % 3],
            answer: "answer",
            suggestion: "suggestion",
            madeAt: uint64(START)
        });
    }

    /// @dev The escrow does not check session keys: their signature is only a part of the leaf.
    function sessionSignature(
        uint256 index
    ) internal pure returns (bytes memory) {
        return
            abi.encodePacked(keccak256(abi.encode("r", index)), keccak256(abi.encode("s", index)), uint8(27));
    }

    function leafOf(
        uint256 index
    ) internal view returns (bytes32) {
        bytes32 kind = keccak256(
            "Label(bytes32 campaign,bytes32 item,address worker,bytes32 answer,bytes32 suggestion,uint64 madeAt)"
        );
        bytes memory entry = abi.encodePacked(kind, abi.encode(labelOf(index)), sessionSignature(index));
        return sha256(abi.encodePacked(hex"00", entry));
    }

    /// @dev The latest of the two heads, with its proof among two.
    function latestHead() internal view returns (Heads.HeadProof memory) {
        return headProof(1);
    }

    function headProof(
        uint256 position
    ) internal view returns (Heads.HeadProof memory) {
        bytes32[] memory path = new bytes32[](1);
        path[0] = keccak256(abi.encode(heads[1 - position]));
        return Heads.HeadProof(heads[position], position, path);
    }

    function anchoredLabel(
        uint256 index
    ) internal view returns (ICampaignEscrowTypes.AnchoredLabel memory) {
        bytes32[] memory proof = proofs[index];
        return
            ICampaignEscrowTypes.AnchoredLabel(labelOf(index), sessionSignature(index), uint64(index), proof);
    }

    function anchoredLabels(
        uint256 a
    ) internal view returns (ICampaignEscrowTypes.AnchoredLabel[] memory labels) {
        labels = new ICampaignEscrowTypes.AnchoredLabel[](1);
        labels[0] = anchoredLabel(a);
    }

    function anchoredLabels(
        uint256 a,
        uint256 b
    ) internal view returns (ICampaignEscrowTypes.AnchoredLabel[] memory labels) {
        labels = new ICampaignEscrowTypes.AnchoredLabel[](2);
        (labels[0], labels[1]) = (anchoredLabel(a), anchoredLabel(b));
    }

    function receiptedLabel(
        uint256 index,
        uint64 deadline
    ) internal view returns (ICampaignEscrowTypes.ReceiptedLabel memory) {
        uint64 at = uint64(index);
        bytes memory receipt = sign(OPERATOR_KEY, Signing.receipt(logDomain(), leaves[index], at, deadline));
        return
            ICampaignEscrowTypes.ReceiptedLabel(
                labelOf(index), sessionSignature(index), at, deadline, receipt
            );
    }

    function receiptedLabels(
        uint256 index,
        uint64 deadline
    ) internal view returns (ICampaignEscrowTypes.ReceiptedLabel[] memory labels) {
        labels = new ICampaignEscrowTypes.ReceiptedLabel[](1);
        labels[0] = receiptedLabel(index, deadline);
    }

    /// @dev Nothing was ever posted, and the deadline is now: R0.
    function silent() internal {
        deposit(BUDGET);
        vm.warp(DEADLINE);
    }

    /// @dev The first payroll settled long ago (600 million, a fee of 60: 340 are free), and the deadline is now: R0.
    function silentAfterFirst() internal returns (PayrollReference.Position[] memory list) {
        list = settledFirst();
        vm.warp(DEADLINE);
    }

    /// @dev This many windows after R0, which is the deadline, and some seconds.
    function after0(
        uint256 windows
    ) internal pure returns (uint256) {
        return DEADLINE + windows * WINDOW;
    }

    function redeem(
        uint256 worker,
        uint256 amount
    ) internal {
        ICampaignEscrowTypes.Statement memory s = stated(workers[worker], amount, 1);
        bytes memory signature = signed(s);
        vm.prank(workers[worker]);
        escrow.redeem(terms, s, signature);
    }

    function redeemLabels(
        uint256 worker,
        ICampaignEscrowTypes.AnchoredLabel[] memory labels
    ) internal {
        Heads.HeadProof memory head = latestHead();
        vm.prank(workers[worker]);
        escrow.redeemLabels(terms, head, labels);
    }

    function redeemReceipts(
        uint256 worker,
        ICampaignEscrowTypes.ReceiptedLabel[] memory labels
    ) internal {
        vm.prank(workers[worker]);
        escrow.redeemReceipts(terms, labels);
    }

    /// @dev The stranger disputes, so that a bond of the disputer is never mistaken for it.
    function disputeRedemption(
        uint256 worker
    ) internal {
        vm.prank(stranger);
        escrow.disputeRedemption(terms, workers[worker], "reason");
    }

    function ruleRedemption(
        uint256 worker,
        bool uphold
    ) internal {
        vm.prank(arbiter);
        escrow.ruleRedemption(terms, workers[worker], uphold);
    }

    /// @dev What was redeemed, with no position shown.
    function claimRedeemed(
        uint256 worker
    ) internal returns (uint256) {
        return escrow.claim(terms, 0, workers[worker], 0, new bytes32[](0));
    }

    function reservedIs(
        uint256 expected
    ) internal view {
        same(state().reserved, expected, "reserved");
    }
}
