// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {LabelledFixture} from "../utils/LabelledFixture.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";

contract RefundTest is LabelledFixture {
    function refund() internal returns (uint256) {
        vm.prank(stranger);
        return escrow.refund(terms);
    }

    function tooEarly(
        uint256 until
    ) internal {
        reverts(Types.TooEarly.selector, until);
        refund();
    }

    /// @dev Possible at this second, and not at the one before.
    function opensAt(
        uint256 time,
        uint256 amount
    ) internal {
        vm.warp(time - 1);
        tooEarly(time);
        vm.warp(time);
        same(refund(), amount, "refund");
        yes(state().closed, "closed");
    }

    function test_an_unknown_campaign_has_no_refund() public {
        vm.warp(after0(9));
        reverts(Types.UnknownCampaign.selector, id);
        refund();
    }

    function test_there_is_no_refund_before_the_deadline() public {
        settledFirst();
        tooEarly(DEADLINE);
        vm.warp(DEADLINE - 1);
        tooEarly(DEADLINE);
    }

    function test_there_is_no_refund_while_a_payroll_is_pending() public {
        deposit(BUDGET);
        vm.warp(DEADLINE - 1);
        bytes32 root = post(first());
        vm.warp(after0(1) - 2);
        reverts(Types.PayrollPending.selector, root);
        refund();
        dispute();
        vm.warp(after0(3) - 3);
        reverts(Types.PayrollPending.selector, root);
        refund();
    }

    function test_a_refund_waits_for_a_window_after_the_deadline() public {
        deposit(BUDGET);
        vm.warp(DEADLINE);
        tooEarly(after0(1));
        vm.warp(after0(1) - 1);
        tooEarly(after0(1));
    }

    function test_a_refund_sends_the_requester_what_is_free() public {
        settledFirst();
        vm.warp(after0(1));
        uint256 before = token.balanceOf(requester);
        Types.Campaign memory expected = state();
        expected.closed = true;
        expected.refunded = 340_000_000;
        emits();
        emit Types.Refunded(id, requester, 340_000_000);
        same(refund(), 340_000_000, "paid");
        same(token.balanceOf(requester), before + 340_000_000, "requester");
        same(token.balanceOf(address(escrow)), 660_000_000, "balance");
        stateIs(expected);
    }

    function test_a_refund_waits_for_a_window_after_the_last_payroll() public {
        deposit(BUDGET);
        vm.warp(DEADLINE - 1);
        PayrollReference.Position[] memory list = first();
        post(list);
        vm.warp(after0(1));
        opensAt(after0(2) - 1, 340_000_000);
        for (uint256 i; i < 3; ++i) {
            claim(list, i);
        }
        escrow.collectFee(terms);
        same(token.balanceOf(address(escrow)), 0, "nothing is left over");
    }

    function test_a_refund_waits_for_a_window_after_a_void_payroll() public {
        deposit(BUDGET);
        vm.warp(DEADLINE - 1);
        post(first());
        dispute();
        vm.warp(DEADLINE + 44);
        rule(true);
        opensAt(after0(1) + 44, BUDGET);
    }

    /// @dev The slowest way: posted in the last second, disputed in the last second of its window, arbiter silent.
    function slowest() internal {
        deposit(BUDGET);
        vm.warp(DEADLINE - 1);
        post(first());
        vm.warp(after0(1) - 2);
        dispute();
        vm.warp(after0(3) - 2); // R0
    }

    function test_a_refund_comes_within_four_windows_if_nothing_was_redeemed() public {
        slowest();
        opensAt(after0(4) - 2, 340_000_000);
    }

    function test_a_refund_can_be_nothing() public {
        deposit(660_000_000);
        post(first());
        vm.warp(after0(1));
        uint256 before = token.balanceOf(requester);
        emits();
        emit Types.Refunded(id, requester, 0);
        same(refund(), 0, "refund");
        yes(state().closed, "closed");
        same(token.balanceOf(requester), before, "requester");
    }

    function test_a_refund_waits_for_what_was_redeemed() public {
        silent();
        redeem(1, 50);
        vm.warp(after0(1));
        tooEarly(after0(3));
        vm.warp(after0(2));
        claimRedeemed(1);
        tooEarly(after0(3));
    }

    function test_a_refund_leaves_what_was_redeemed() public {
        silent();
        redeem(1, 50);
        redeemLabels(2, anchoredLabels(5));
        opensAt(after0(3), BUDGET - 50 - LABEL_PRICE);
        same(claimRedeemed(1), 50, "paid");
        same(claimRedeemed(2), LABEL_PRICE, "paid");
        same(token.balanceOf(address(escrow)), 0, "nothing is left over");
    }

    function test_a_refund_comes_within_six_windows() public {
        slowest();
        redeem(1, 200_000_050);
        vm.warp(after0(5) - 3);
        disputeRedemption(1);
        opensAt(after0(6) - 2, 340_000_000 - 200_000_050);
    }

    function test_a_refund_is_nothing_if_more_was_redeemed_than_there_is() public {
        silent();
        redeem(1, BUDGET + 1);
        opensAt(after0(3), 0);
        same(claimRedeemed(1), BUDGET, "paid");
        same(token.balanceOf(address(escrow)), 0, "nothing is left over");
    }

    function test_a_refund_does_not_wait_for_what_is_void() public {
        silent();
        redeem(1, 50);
        redeem(2, 60);
        vm.warp(after0(1));
        disputeRedemption(1);
        disputeRedemption(2);
        ruleRedemption(1, true);
        vm.warp(after0(1) + 9);
        tooEarly(after0(3));
        ruleRedemption(2, true);
        same(refund(), BUDGET, "refund");
    }

    function test_a_refund_does_not_wait_for_what_is_known_to_be_settled() public {
        PayrollReference.Position[] memory list = silentAfterFirst();
        redeem(1, 200_000_000);
        claim(list, 1);
        opensAt(after0(1), 340_000_000);
    }

    function test_a_campaign_closes_once() public {
        settledFirst();
        vm.warp(after0(1));
        refund();
        reverts(Types.AlreadyClosed.selector, id);
        refund();
        vm.warp(after0(9));
        reverts(Types.AlreadyClosed.selector, id);
        refund();
        same(state().refunded, 340_000_000, "refunded");
    }

    function test_a_refund_follows_as_claims_make_redemptions_smaller() public {
        PayrollReference.Position[] memory list = silentAfterFirst();
        redeem(0, 310_000_000);
        redeem(1, 220_000_000);
        vm.warp(after0(3));
        same(refund(), 0, "530 of the 340 that are free");
        reverts(Types.AlreadyClosed.selector, id);
        refund();
        claim(list, 0);
        same(refund(), 110_000_000, "10 and 220 are reserved");
        claim(list, 1);
        emits();
        emit Types.Refunded(id, requester, 200_000_000);
        same(refund(), 200_000_000, "10 and 20 are reserved");
        same(state().refunded, 310_000_000, "refunded");
        reverts(Types.AlreadyClosed.selector, id);
        refund();
        claim(list, 2);
        escrow.collectFee(terms);
        same(token.balanceOf(address(escrow)), 0, "nothing is left over");
    }

    function test_there_is_no_second_in_which_to_redeem_and_to_refund() public {
        deposit(BUDGET);
        vm.warp(after0(1) - 1);
        redeem(1, 50);
        tooEarly(after0(3));
        vm.warp(after0(1));
        reverts(Types.WindowClosed.selector, after0(1));
        redeem(1, 60);
    }

    function test_a_refund_leaves_other_campaigns_alone() public {
        deposit(BUDGET);
        bytes32 here = id;
        terms.part = 1;
        id = escrow.idOf(terms);
        deposit(7);
        vm.warp(after0(1));
        same(refund(), 7, "refund");
        same(escrow.campaign(here).refunded, 0, "the other");
        yes(!escrow.campaign(here).closed, "the other is open");
        same(token.balanceOf(address(escrow)), BUDGET, "balance");
    }
}
