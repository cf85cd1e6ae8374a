// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {Entries} from "../../src/libraries/Entries.sol";
import {LabelledFixture} from "../utils/LabelledFixture.sol";
import {Signing, Wallet} from "../utils/Signing.sol";

contract RedeemReceiptsTest is LabelledFixture {
    uint64 internal constant PROMISED = uint64(START) + 1 hours;

    function test_no_receipt_is_redeemed_before_the_deadline() public {
        settledFirst();
        vm.warp(DEADLINE - 1);
        reverts(Types.TooEarly.selector, uint256(DEADLINE));
        redeemReceipts(2, receiptedLabels(5, PROMISED));
    }

    function test_no_receipt_is_redeemed_while_a_payroll_is_pending() public {
        deposit(BUDGET);
        vm.warp(DEADLINE - 1);
        bytes32 root = post(first());
        vm.warp(DEADLINE);
        reverts(Types.PayrollPending.selector, root);
        redeemReceipts(2, receiptedLabels(5, PROMISED));
    }

    function test_receipts_are_redeemed_for_a_window() public {
        silent();
        vm.warp(after0(1));
        reverts(Types.WindowClosed.selector, after0(1));
        redeemReceipts(2, receiptedLabels(5, PROMISED));
        vm.warp(after0(1) - 1);
        redeemReceipts(2, receiptedLabels(5, PROMISED));
        reservedIs(LABEL_PRICE);
    }

    function test_no_receipts_bring_nothing() public {
        silent();
        reverts(Types.NotIncreasing.selector, uint256(0), uint256(0));
        redeemReceipts(2, new Types.ReceiptedLabel[](0));
    }

    function test_receipts_without_a_price_bring_nothing() public {
        terms.labelPrice = 0;
        begin();
        silent();
        reverts(Types.NotIncreasing.selector, uint256(0), uint256(0));
        redeemReceipts(2, receiptedLabels(5, PROMISED));
    }

    function test_a_receipt_for_a_label_that_was_judged_brings_nothing() public {
        silentAfterFirst();
        reverts(Types.AlreadyJudged.selector, uint256(4), uint256(EVIDENCE));
        redeemReceipts(1, receiptedLabels(4, PROMISED));
        reverts(Types.AlreadyJudged.selector, uint256(4), uint256(EVIDENCE));
        redeemReceipts(1, two(7, 4));
    }

    function test_a_receipt_for_the_first_label_that_was_not_judged_brings_its_price() public {
        silentAfterFirst();
        redeemReceipts(2, receiptedLabels(EVIDENCE, PROMISED));
        reservedIs(LABEL_PRICE);
    }

    function test_a_receipt_is_for_its_place_in_the_log() public {
        silentAfterFirst();
        Types.ReceiptedLabel[] memory labels = receiptedLabels(4, PROMISED);
        labels[0].index = 5;
        reverts(Types.WrongSignature.selector, operator);
        redeemReceipts(1, labels);
    }

    function test_a_receipt_has_time_until_its_deadline() public {
        silent();
        reverts(Types.ReceiptNotDue.selector, uint256(DEADLINE) + 1);
        redeemReceipts(2, receiptedLabels(5, DEADLINE + 1));
    }

    function test_a_receipt_is_due_at_its_deadline() public {
        silent();
        vm.warp(DEADLINE + 1);
        emits();
        emit Types.Redeemed(id, workers[2], 0, LABEL_PRICE);
        redeemReceipts(2, receiptedLabels(5, DEADLINE + 1));
        reservedIs(LABEL_PRICE);
        accountIs(workers[2], 0, 0, 0, LABEL_PRICE);
    }

    function test_a_receipt_for_another_campaign_brings_nothing() public {
        silent();
        Types.ReceiptedLabel[] memory labels = receiptedLabels(5, PROMISED);
        labels[0].entry.campaign = "another";
        reverts(Types.OtherCampaign.selector, bytes32("another"), id);
        redeemReceipts(2, labels);
    }

    function test_a_receipt_of_another_worker_brings_nothing() public {
        silent();
        reverts(Types.NotWorker.selector, workers[1], workers[2]);
        redeemReceipts(1, receiptedLabels(5, PROMISED));
    }

    function test_a_receipted_label_without_a_signature_brings_nothing() public {
        silent();
        Types.ReceiptedLabel[] memory labels = receiptedLabels(5, PROMISED);
        labels[0].signature = "";
        reverts(Entries.SignatureMissing.selector);
        redeemReceipts(2, labels);
    }

    /// @dev Neither by the same receipt nor by another one for the same label.
    function test_a_receipted_label_is_redeemed_once() public {
        silent();
        redeemReceipts(2, receiptedLabels(5, PROMISED));
        reverts(Types.AlreadyRedeemed.selector, leaves[5]);
        redeemReceipts(2, receiptedLabels(5, PROMISED));
        reverts(Types.AlreadyRedeemed.selector, leaves[5]);
        redeemReceipts(2, receiptedLabels(5, PROMISED + 1));
        reservedIs(LABEL_PRICE);
    }

    function two(
        uint256 a,
        uint256 b
    ) internal view returns (Types.ReceiptedLabel[] memory labels) {
        labels = new Types.ReceiptedLabel[](2);
        (labels[0], labels[1]) = (receiptedLabel(a, PROMISED), receiptedLabel(b, PROMISED));
    }

    function test_a_receipted_label_is_named_once() public {
        silent();
        reverts(Types.AlreadyRedeemed.selector, leaves[5]);
        redeemReceipts(2, two(5, 5));
    }

    function test_a_label_that_was_redeemed_under_a_head_is_not_redeemed_by_its_receipt() public {
        silent();
        redeemLabels(2, anchoredLabels(5));
        reverts(Types.AlreadyRedeemed.selector, leaves[5]);
        redeemReceipts(2, receiptedLabels(5, PROMISED));
        reservedIs(LABEL_PRICE);
    }

    function wrongReceipt(
        bytes memory receipt
    ) internal {
        Types.ReceiptedLabel[] memory labels = receiptedLabels(5, PROMISED);
        labels[0].receipt = receipt;
        reverts(Types.WrongSignature.selector, terms.operator);
        redeemReceipts(2, labels);
    }

    function test_a_receipt_that_another_signed_brings_nothing() public {
        silent();
        wrongReceipt(sign(REQUESTER_KEY, Signing.receipt(logDomain(), leaves[5], 5, PROMISED)));
    }

    function test_a_receipt_for_something_else_brings_nothing() public {
        silent();
        wrongReceipt(receiptedLabel(8, PROMISED).receipt);
        wrongReceipt(receiptedLabel(5, PROMISED + 1).receipt);
    }

    function test_a_receipt_from_somewhere_else_brings_nothing() public {
        silent();
        bytes32 domain = Signing.domain("crowdledger", block.chainid + 1, address(log));
        wrongReceipt(sign(OPERATOR_KEY, Signing.receipt(domain, leaves[5], 5, PROMISED)));
        domain = Signing.domain("crowdledger", block.chainid, stranger);
        wrongReceipt(sign(OPERATOR_KEY, Signing.receipt(domain, leaves[5], 5, PROMISED)));
        wrongReceipt(sign(OPERATOR_KEY, Signing.receipt(escrowDomain(), leaves[5], 5, PROMISED)));
    }

    function test_a_malleated_receipt_brings_nothing() public {
        silent();
        bytes memory receipt = receiptedLabel(5, PROMISED).receipt;
        wrongReceipt(Signing.high(receipt));
        wrongReceipt("");
        wrongReceipt(bytes.concat(receipt, hex"00"));
    }

    function test_a_statement_is_no_receipt() public {
        silent();
        wrongReceipt(signed(stated(workers[2], LABEL_PRICE, 1)));
    }

    function test_a_compact_receipt_is_redeemed_too() public {
        silent();
        Types.ReceiptedLabel[] memory labels = receiptedLabels(5, PROMISED);
        labels[0].receipt = Signing.compact(labels[0].receipt);
        redeemReceipts(2, labels);
        reservedIs(LABEL_PRICE);
    }

    function test_code_behind_the_operators_account_takes_no_receipt_back() public {
        silent();
        vm.etch(operator, hex"00");
        redeemReceipts(2, receiptedLabels(5, PROMISED));
        reservedIs(LABEL_PRICE);
    }

    function test_a_contract_that_was_the_operator_keeps_its_receipts() public {
        terms.operator = address(new Wallet(operator));
        begin();
        silent();
        wrongReceipt(sign(REQUESTER_KEY, Signing.receipt(logDomain(), leaves[5], 5, PROMISED)));
        redeemReceipts(2, receiptedLabels(5, PROMISED));
        reservedIs(LABEL_PRICE);
    }

    function test_receipts_of_several_calls_add_up() public {
        silent();
        redeemReceipts(2, two(5, 8));
        emits();
        emit Types.Redeemed(id, workers[2], 0, 3 * LABEL_PRICE);
        redeemReceipts(2, receiptedLabels(11, PROMISED));
        reservedIs(3 * LABEL_PRICE);
    }

    function test_labels_and_receipts_add_up() public {
        silentAfterFirst();
        redeemLabels(2, anchoredLabels(5, 8));
        redeemReceipts(2, receiptedLabels(11, PROMISED));
        accountIs(workers[2], 0, 0, 0, 3 * LABEL_PRICE);
        reservedIs(3 * LABEL_PRICE);
    }

    function test_receipts_beyond_64_bits_are_refused() public {
        terms.labelPrice = type(uint64).max;
        begin();
        silent();
        reverts(Types.AmountTooLarge.selector, 2 * uint256(type(uint64).max));
        redeemReceipts(2, two(5, 8));
    }
}
