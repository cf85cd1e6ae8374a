// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {LabelledFixture} from "../utils/LabelledFixture.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";

/// @dev The first payroll has 300, 200 and 100 million; beyond it and its fee 340 of the budget of 1,000 are free.
contract ClaimRedeemedTest is LabelledFixture {
    function nothingDue(
        uint256 worker
    ) internal {
        reverts(Types.NothingDue.selector, workers[worker], uint256(0));
        claimRedeemed(worker);
    }

    function test_what_was_redeemed_can_be_disputed_before_it_is_paid() public {
        silent();
        redeem(1, 50);
        nothingDue(1);
        vm.warp(after0(2) - 1);
        nothingDue(1);
    }

    function test_what_was_redeemed_is_paid_after_two_windows() public {
        silent();
        redeem(1, 50);
        vm.warp(after0(2));
        emits();
        emit Types.Claimed(id, workers[1], workers[1], 50);
        same(claimRedeemed(1), 50, "paid");
        same(token.balanceOf(workers[1]), 50, "worker");
        accountIs(workers[1], 50, 0, 50, 0);
        same(state().claimed, 50, "claimed");
        reservedIs(50);
    }

    function test_what_was_redeemed_late_is_paid_late() public {
        deposit(BUDGET);
        vm.warp(DEADLINE - 1);
        post(first());
        vm.warp(after0(1) - 1);
        redeem(1, 200_000_050);
        vm.warp(after0(3) - 2);
        nothingDue(1);
        vm.warp(after0(3) - 1);
        same(claimRedeemed(1), 200_000_050, "paid");
    }

    function disputed() internal {
        silent();
        redeem(1, 50);
        redeem(2, 60);
        vm.warp(after0(1));
        disputeRedemption(1);
    }

    function test_a_disputed_redemption_waits_for_the_arbiter() public {
        disputed();
        vm.warp(after0(3) - 1);
        nothingDue(1);
        vm.warp(after0(3));
        same(claimRedeemed(1), 50, "paid");
    }

    function test_a_redemption_that_stands_early_is_paid_with_the_others() public {
        disputed();
        ruleRedemption(1, false);
        vm.warp(after0(2) - 1);
        nothingDue(1);
        vm.warp(after0(2));
        same(claimRedeemed(1), 50, "paid");
    }

    function test_a_redemption_that_stands_late_is_paid_at_once() public {
        disputed();
        vm.warp(after0(3) - 2);
        nothingDue(1);
        ruleRedemption(1, false);
        same(claimRedeemed(1), 50, "paid");
    }

    function test_a_void_redemption_is_never_paid() public {
        disputed();
        ruleRedemption(1, true);
        vm.warp(after0(2));
        nothingDue(1);
        vm.warp(after0(3));
        nothingDue(1);
        vm.warp(after0(100));
        nothingDue(1);
    }

    function test_the_dispute_of_another_redemption_delays_nothing() public {
        disputed();
        vm.warp(after0(2));
        same(claimRedeemed(2), 60, "paid");
    }

    /// @dev 900 and 600 million of the 1,000 that there are.
    function tooMuch() internal {
        silent();
        redeem(1, 900_000_000);
        redeem(2, 600_000_000);
        vm.warp(after0(1));
    }

    function test_redemptions_beyond_the_funds_wait_for_all_rulings() public {
        tooMuch();
        vm.warp(after0(3) - 1);
        nothingDue(1);
        nothingDue(2);
    }

    function test_redemptions_beyond_the_funds_are_paid_in_proportion() public {
        tooMuch();
        vm.warp(after0(3));
        same(claimRedeemed(2), 400_000_000, "600 of 1,500");
        nothingDue(2);
        same(claimRedeemed(1), 600_000_000, "900 of 1,500");
        nothingDue(1);
        same(token.balanceOf(address(escrow)), 0, "nothing is left");
        accountIs(workers[1], 600_000_000, 0, 900_000_000, 0);
        reservedIs(1_500_000_000);
    }

    function test_shares_are_rounded_down() public {
        silent();
        for (uint256 i; i < 3; ++i) {
            redeem(i, BUDGET);
        }
        vm.warp(after0(3));
        for (uint256 i; i < 3; ++i) {
            same(claimRedeemed(i), 333_333_333, "a third of 1,000,000,000");
        }
        same(token.balanceOf(address(escrow)), 1, "left over");
        same(escrow.refund(terms), 0, "refund");
    }

    function test_a_void_redemption_makes_room_for_the_others() public {
        tooMuch();
        disputeRedemption(1);
        vm.warp(after0(2) + 5);
        nothingDue(2);
        ruleRedemption(1, true);
        same(claimRedeemed(2), 600_000_000, "all of it");
    }

    /// @dev Statements of 500 and 300 million, of which the payroll has 300 and 200: 300 are beyond, of the 340 free.
    function unshown() internal returns (PayrollReference.Position[] memory list) {
        list = silentAfterFirst();
        redeem(0, 500_000_000);
        redeem(1, 300_000_000);
        reservedIs(800_000_000);
    }

    function test_claims_that_show_what_is_settled_make_room() public {
        PayrollReference.Position[] memory list = unshown();
        vm.warp(after0(2));
        nothingDue(0);
        nothingDue(1);
        same(claim(list, 0), 300_000_000, "500 are reserved, so only the payroll");
        same(claim(list, 1), 300_000_000, "300 are reserved, so all");
        same(claimRedeemed(0), 200_000_000, "now all of this one too");
        reservedIs(300_000_000);
    }

    function test_shares_that_were_paid_grow_when_claims_make_room() public {
        PayrollReference.Position[] memory list = unshown();
        vm.warp(after0(3));
        same(claimRedeemed(0), 212_500_000, "500 * 340 / 800");
        same(claimRedeemed(1), 127_500_000, "300 * 340 / 800");
        same(claim(list, 0), 300_000_000 + 136_000_000 - 212_500_000, "200 * 340 / 500 beyond the payroll");
        same(claim(list, 1), 300_000_000 - 127_500_000, "300 are reserved, so all");
        same(claimRedeemed(0), 500_000_000 - 436_000_000, "and all of the other");
        same(claim(list, 2), 100_000_000, "who redeemed nothing has its payroll");
        same(escrow.collectFee(terms), 60_000_000, "fee");
        same(escrow.refund(terms), 40_000_000, "340 - 300");
        same(token.balanceOf(address(escrow)), 0, "nothing is left");
    }

    function test_redemptions_of_exactly_the_funds_are_paid_after_two_windows() public {
        silent();
        redeem(1, 900_000_000);
        redeem(2, 100_000_000);
        vm.warp(after0(2));
        same(claimRedeemed(2), 100_000_000, "paid");
        same(claimRedeemed(1), 900_000_000, "paid");
    }

    function test_a_statement_contains_what_is_settled() public {
        PayrollReference.Position[] memory list = silentAfterFirst();
        redeem(1, 200_000_050);
        vm.warp(after0(2));
        same(claim(list, 1), 200_000_050, "paid");
        accountIs(workers[1], 200_000_050, 200_000_000, 200_000_050, 0);
        reservedIs(50);
        nothingDue(1);
    }

    function test_a_statement_is_paid_beyond_what_was_paid() public {
        PayrollReference.Position[] memory list = silentAfterFirst();
        claim(list, 1);
        redeem(1, 200_000_050);
        vm.warp(after0(2));
        same(claimRedeemed(1), 50, "paid");
        same(token.balanceOf(workers[1]), 200_000_050, "worker");
    }

    function test_a_statement_that_was_paid_contains_what_is_shown_later() public {
        PayrollReference.Position[] memory list = silentAfterFirst();
        redeem(1, 200_000_050);
        vm.warp(after0(2));
        same(claimRedeemed(1), 200_000_050, "paid");
        bytes32[] memory path = PayrollReference.path(id, list, 1);
        reverts(Types.NothingDue.selector, workers[1], uint256(200_000_000));
        escrow.claim(terms, 1, workers[1], 200_000_000, path);
        same(token.balanceOf(workers[1]), 200_000_050, "worker");
    }

    function test_a_statement_below_what_is_settled_takes_nothing_from_it() public {
        PayrollReference.Position[] memory list = silentAfterFirst();
        redeem(1, 150_000_000);
        vm.warp(after0(2));
        same(claimRedeemed(1), 150_000_000, "paid");
        same(claim(list, 1), 50_000_000, "the rest of the payroll");
        reservedIs(0);
        accountIs(workers[1], 200_000_000, 200_000_000, 150_000_000, 0);
    }

    function test_labels_are_paid_on_top_of_what_is_settled() public {
        PayrollReference.Position[] memory list = silentAfterFirst();
        redeemLabels(2, anchoredLabels(5, 8));
        vm.warp(after0(2));
        same(claimRedeemed(2), 2 * LABEL_PRICE, "labels");
        same(claim(list, 2), 100_000_000, "payroll");
        reservedIs(2 * LABEL_PRICE);
        accountIs(workers[2], 100_000_000 + 2 * LABEL_PRICE, 100_000_000, 0, 2 * LABEL_PRICE);
    }

    function test_a_higher_statement_contains_the_labels() public {
        PayrollReference.Position[] memory list = silentAfterFirst();
        redeemLabels(2, anchoredLabels(5, 8));
        redeem(2, 100_000_000 + 2 * LABEL_PRICE + 1);
        vm.warp(after0(2));
        same(claim(list, 2), 100_000_000 + 2 * LABEL_PRICE + 1, "paid");
        reservedIs(2 * LABEL_PRICE + 1);
    }

    function test_a_lower_statement_takes_nothing_from_the_labels() public {
        PayrollReference.Position[] memory list = silentAfterFirst();
        redeemLabels(2, anchoredLabels(5, 8));
        redeem(2, 100_000_000 + 2 * LABEL_PRICE - 1);
        vm.warp(after0(2));
        same(claim(list, 2), 100_000_000 + 2 * LABEL_PRICE, "paid");
        reservedIs(2 * LABEL_PRICE);
    }

    function test_what_is_settled_is_paid_in_the_meantime() public {
        PayrollReference.Position[] memory list = silentAfterFirst();
        redeem(1, 200_000_050);
        vm.warp(after0(1));
        disputeRedemption(1);
        same(claim(list, 1), 200_000_000, "payroll");
        nothingDue(1);
        vm.warp(after0(3));
        same(claimRedeemed(1), 50, "the rest");
    }

    function test_what_was_redeemed_is_paid_once() public {
        silent();
        redeem(1, 50);
        vm.warp(after0(2));
        claimRedeemed(1);
        nothingDue(1);
        vm.warp(after0(3));
        nothingDue(1);
    }

    function test_what_was_redeemed_is_kept_from_fee_and_refund() public {
        PayrollReference.Position[] memory list = silentAfterFirst();
        redeem(1, 200_000_050);
        vm.warp(after0(3));
        same(escrow.collectFee(terms), 60_000_000, "fee");
        same(escrow.refund(terms), 340_000_000 - 200_000_050, "refund");
        same(claimRedeemed(1), 200_000_050, "paid");
        same(claim(list, 0), 300_000_000, "paid");
        same(claim(list, 2), 100_000_000, "paid");
        same(token.balanceOf(address(escrow)), 200_000_000, "what no claim has shown yet");
        Types.Claim[] memory shown = new Types.Claim[](1);
        shown[0] = claimOf(list, 1);
        same(escrow.claimMany(terms, shown), 0, "shown");
        same(escrow.refund(terms), 200_000_000, "refund");
        same(token.balanceOf(address(escrow)), 0, "nothing is left");
    }
}
