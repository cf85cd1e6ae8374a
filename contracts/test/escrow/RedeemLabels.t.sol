// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {ProvenanceLog} from "../../src/ProvenanceLog.sol";
import {Entries} from "../../src/libraries/Entries.sol";
import {Heads} from "../../src/libraries/Heads.sol";
import {Rfc9162} from "../../src/libraries/Rfc9162.sol";
import {LabelledFixture} from "../utils/LabelledFixture.sol";
import {LogTree} from "../utils/LogTree.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";

/// @dev Labels 0 to 11 are those of workers 0, 1, 2, 0, 1, 2, …; `first()` judges those below 5.
contract RedeemLabelsTest is LabelledFixture {
    function test_no_label_is_redeemed_before_the_deadline() public {
        settledFirst();
        vm.warp(DEADLINE - 1);
        reverts(Types.TooEarly.selector, uint256(DEADLINE));
        redeemLabels(2, anchoredLabels(5));
    }

    function test_no_label_is_redeemed_while_a_payroll_is_pending() public {
        deposit(BUDGET);
        vm.warp(DEADLINE - 1);
        bytes32 root = post(first());
        vm.warp(DEADLINE);
        reverts(Types.PayrollPending.selector, root);
        redeemLabels(2, anchoredLabels(5));
    }

    function test_labels_are_redeemed_for_a_window() public {
        silentAfterFirst();
        vm.warp(after0(1));
        reverts(Types.WindowClosed.selector, after0(1));
        redeemLabels(2, anchoredLabels(5));
        vm.warp(after0(1) - 1);
        redeemLabels(2, anchoredLabels(5));
        reservedIs(LABEL_PRICE);
    }

    function test_labels_are_under_an_anchored_head() public {
        silent();
        Types.AnchoredLabel[] memory labels = anchoredLabels(5);
        Heads.HeadProof memory head = latestHead();
        head.head.time += 1;
        reverts(ProvenanceLog.NotAnchored.selector, uint256(ENTRIES));
        vm.prank(workers[2]);
        escrow.redeemLabels(terms, head, labels);
        head = latestHead();
        head.position = 0;
        reverts(ProvenanceLog.NotAnchored.selector, uint256(ENTRIES));
        vm.prank(workers[2]);
        escrow.redeemLabels(terms, head, labels);
    }

    /// @dev A 13th label, of worker 0, under a third head that is anchored at this time.
    function anchorAnother(
        uint256 time
    ) internal returns (Heads.HeadProof memory head, Types.AnchoredLabel[] memory labels) {
        vm.warp(time);
        leaves.push(leafOf(ENTRIES));
        bytes32[] memory all = leaves;
        bytes32 root = LogTree.root(all, 0, ENTRIES + 1);
        bytes32[] memory proof = LogTree.consistency(all, ENTRIES, ENTRIES + 1);
        vm.prank(operator);
        log.anchor(ENTRIES + 1, root, proof);
        head = Heads.HeadProof(Heads.Head(ENTRIES + 1, root, uint64(time)), 2, new bytes32[](0));
        proof = LogTree.inclusion(all, ENTRIES, ENTRIES + 1);
        labels = new Types.AnchoredLabel[](1);
        labels[0] = Types.AnchoredLabel(labelOf(ENTRIES), sessionSignature(ENTRIES), ENTRIES, proof);
    }

    function redeemAnother(
        Heads.HeadProof memory head,
        Types.AnchoredLabel[] memory labels
    ) internal {
        vm.prank(workers[0]);
        escrow.redeemLabels(terms, head, labels);
    }

    function test_a_head_that_was_anchored_in_the_silence_does_not_count() public {
        deposit(BUDGET);
        (Heads.HeadProof memory head, Types.AnchoredLabel[] memory labels) = anchorAnother(DEADLINE);
        reverts(Types.HeadTooLate.selector, uint256(DEADLINE), uint256(DEADLINE));
        redeemAnother(head, labels);
    }

    function test_a_head_that_was_anchored_before_the_silence_counts() public {
        deposit(BUDGET);
        (Heads.HeadProof memory head, Types.AnchoredLabel[] memory labels) = anchorAnother(DEADLINE - 1);
        vm.warp(DEADLINE);
        redeemAnother(head, labels);
        reservedIs(LABEL_PRICE);
    }

    function test_the_silence_that_heads_come_before_follows_the_last_payroll() public {
        deposit(BUDGET);
        vm.warp(DEADLINE - 1);
        post(first());
        (Heads.HeadProof memory head, Types.AnchoredLabel[] memory labels) = anchorAnother(after0(1) - 2);
        vm.warp(after0(1) - 1);
        redeemAnother(head, labels);
        reservedIs(LABEL_PRICE);
    }

    function test_no_labels_bring_nothing() public {
        silent();
        reverts(Types.NotIncreasing.selector, uint256(0), uint256(0));
        redeemLabels(2, new Types.AnchoredLabel[](0));
        redeemLabels(2, anchoredLabels(5));
        reverts(Types.NotIncreasing.selector, uint256(LABEL_PRICE), uint256(LABEL_PRICE));
        redeemLabels(2, new Types.AnchoredLabel[](0));
    }

    function test_labels_without_a_price_bring_nothing() public {
        terms.labelPrice = 0;
        begin();
        silent();
        reverts(Types.NotIncreasing.selector, uint256(0), uint256(0));
        redeemLabels(2, anchoredLabels(5));
    }

    function test_a_label_that_was_judged_brings_nothing() public {
        silentAfterFirst();
        reverts(Types.AlreadyJudged.selector, uint256(4), uint256(EVIDENCE));
        redeemLabels(1, anchoredLabels(4));
        reverts(Types.AlreadyJudged.selector, uint256(1), uint256(EVIDENCE));
        redeemLabels(1, anchoredLabels(7, 1));
    }

    function test_the_first_label_that_was_not_judged_brings_its_price() public {
        silentAfterFirst();
        Types.Campaign memory expected = state();
        expected.reserved = LABEL_PRICE;
        emits();
        emit Types.Redeemed(id, workers[2], 0, LABEL_PRICE);
        redeemLabels(2, anchoredLabels(EVIDENCE));
        stateIs(expected);
        accountIs(workers[2], 0, 0, 0, LABEL_PRICE);
    }

    function test_a_label_that_only_a_void_payroll_judged_brings_its_price() public {
        deposit(BUDGET);
        post(first());
        dispute();
        rule(true);
        vm.warp(DEADLINE);
        redeemLabels(0, anchoredLabels(0));
        reservedIs(LABEL_PRICE);
    }

    function test_a_label_of_another_campaign_brings_nothing() public {
        silent();
        Types.AnchoredLabel[] memory labels = anchoredLabels(5);
        labels[0].entry.campaign = "another";
        reverts(Types.OtherCampaign.selector, bytes32("another"), id);
        redeemLabels(2, labels);
    }

    function test_a_label_of_another_worker_brings_nothing() public {
        silent();
        reverts(Types.NotWorker.selector, workers[1], workers[2]);
        redeemLabels(1, anchoredLabels(5));
    }

    function test_a_label_without_a_signature_brings_nothing() public {
        silent();
        Types.AnchoredLabel[] memory labels = anchoredLabels(5);
        labels[0].signature = "";
        reverts(Entries.SignatureMissing.selector);
        redeemLabels(2, labels);
    }

    function test_a_label_is_redeemed_once() public {
        silent();
        redeemLabels(2, anchoredLabels(5));
        reverts(Types.AlreadyRedeemed.selector, leaves[5]);
        redeemLabels(2, anchoredLabels(5));
        reverts(Types.AlreadyRedeemed.selector, leaves[5]);
        redeemLabels(2, anchoredLabels(8, 5));
        reservedIs(LABEL_PRICE);
    }

    function test_a_label_is_named_once() public {
        silent();
        reverts(Types.AlreadyRedeemed.selector, leaves[5]);
        redeemLabels(2, anchoredLabels(5, 5));
    }

    function test_a_label_that_was_redeemed_by_its_receipt_is_not_redeemed_again() public {
        silent();
        redeemReceipts(2, receiptedLabels(5, uint64(START)));
        reverts(Types.AlreadyRedeemed.selector, leaves[5]);
        redeemLabels(2, anchoredLabels(5));
        reservedIs(LABEL_PRICE);
    }

    function test_a_label_has_its_place_in_the_log() public {
        silent();
        Types.AnchoredLabel[] memory labels = anchoredLabels(5);
        labels[0].index = 8;
        labels[0].proof = LogTree.inclusion(leaves, 8, ENTRIES);
        refusedInside(labels);
    }

    /// @dev Refused with `RootMismatch`, whatever the root that the wrong proof leads to.
    function refusedInside(
        Types.AnchoredLabel[] memory labels
    ) internal {
        Heads.HeadProof memory head = latestHead();
        vm.prank(workers[2]);
        (bool accepted, bytes memory answer) =
            address(escrow).call(abi.encodeCall(escrow.redeemLabels, (terms, head, labels)));
        yes(!accepted && bytes4(answer) == Rfc9162.RootMismatch.selector, "root mismatch");
        bytes32 expected;
        assembly ("memory-safe") {
            expected := mload(add(answer, 0x44))
        }
        same(expected, heads[1].root, "the head's root");
        reservedIs(0);
    }

    function test_a_label_beyond_the_head_brings_nothing() public {
        silent();
        Types.AnchoredLabel[] memory labels = anchoredLabels(5);
        labels[0].index = ENTRIES;
        reverts(Rfc9162.IndexOutOfRange.selector, uint256(ENTRIES), uint256(ENTRIES));
        redeemLabels(2, labels);
    }

    function test_a_label_needs_its_whole_proof() public {
        silent();
        Types.AnchoredLabel[] memory labels = anchoredLabels(5);
        labels[0].proof = new bytes32[](0);
        reverts(Rfc9162.WrongProofLength.selector, uint256(0));
        redeemLabels(2, labels);
    }

    function test_a_changed_label_brings_nothing() public {
        silent();
        Types.AnchoredLabel[] memory labels = anchoredLabels(5);
        labels[0].entry.item = "another";
        refusedInside(labels);
        labels = anchoredLabels(5);
        labels[0].entry.answer = "another";
        refusedInside(labels);
        labels = anchoredLabels(5);
        labels[0].signature = sessionSignature(8);
        refusedInside(labels);
    }

    function test_a_label_can_be_under_an_older_head() public {
        silent();
        Types.AnchoredLabel[] memory labels = anchoredLabels(2);
        labels[0].proof = LogTree.inclusion(leaves, 2, EVIDENCE);
        Heads.HeadProof memory head = headProof(0);
        vm.prank(workers[2]);
        escrow.redeemLabels(terms, head, labels);
        reservedIs(LABEL_PRICE);
    }

    function test_each_label_brings_its_price() public {
        silent();
        emits();
        emit Types.Redeemed(id, workers[2], 0, 2 * LABEL_PRICE);
        redeemLabels(2, anchoredLabels(5, 11));
        reservedIs(2 * LABEL_PRICE);
        accountIs(workers[2], 0, 0, 0, 2 * LABEL_PRICE);
    }

    function test_labels_of_several_calls_add_up() public {
        silent();
        redeemLabels(2, anchoredLabels(5, 11));
        redeemLabels(1, anchoredLabels(7));
        emits();
        emit Types.Redeemed(id, workers[2], 0, 3 * LABEL_PRICE);
        redeemLabels(2, anchoredLabels(8));
        reservedIs(4 * LABEL_PRICE);
        accountIs(workers[1], 0, 0, 0, LABEL_PRICE);
    }

    function test_labels_below_a_statement_reserve_nothing_more() public {
        silent();
        redeem(2, 2 * LABEL_PRICE);
        redeemLabels(2, anchoredLabels(5, 8));
        reservedIs(2 * LABEL_PRICE);
        redeemLabels(2, anchoredLabels(11));
        reservedIs(3 * LABEL_PRICE);
        accountIs(workers[2], 0, 0, 2 * LABEL_PRICE, 3 * LABEL_PRICE);
    }

    function test_labels_are_on_top_of_what_is_settled() public {
        PayrollReference.Position[] memory list = silentAfterFirst();
        claim(list, 2);
        redeemLabels(2, anchoredLabels(5));
        reservedIs(LABEL_PRICE);
        accountIs(workers[2], 100_000_000, 100_000_000, 0, LABEL_PRICE);
    }

    function test_labels_beyond_64_bits_are_refused() public {
        terms.labelPrice = type(uint64).max;
        begin();
        silent();
        reverts(Types.AmountTooLarge.selector, 2 * uint256(type(uint64).max));
        redeemLabels(2, anchoredLabels(5, 8));
        redeemLabels(2, anchoredLabels(5));
        reservedIs(type(uint64).max);
    }

    /// @dev So that a claim which shows what is settled for the worker always fits.
    function test_labels_and_what_is_settled_fit_64_bits() public {
        terms.labelPrice = type(uint64).max - 600_000_000 + 1;
        begin();
        silentAfterFirst();
        reverts(Types.AmountTooLarge.selector, uint256(type(uint64).max) + 1);
        redeemLabels(2, anchoredLabels(5));
    }
}
