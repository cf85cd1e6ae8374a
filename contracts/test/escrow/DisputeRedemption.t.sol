// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {LabelledFixture} from "../utils/LabelledFixture.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";
import {ProudToken} from "../utils/Tokens.sol";

contract DisputeRedemptionTest is LabelledFixture {
    function contestIs(
        uint256 worker,
        Types.Contest expected,
        address by
    ) internal view {
        (Types.Contest contest, address found) = escrow.contestOf(id, workers[worker]);
        same(uint256(contest), uint256(expected), "contest");
        same(found, by, "disputer");
    }

    /// @dev Worker 1 redeemed 50, and the window to dispute it begins now.
    function redeemed() internal {
        silent();
        redeem(1, 50);
        vm.warp(after0(1));
    }

    function test_a_redemption_of_an_unfunded_campaign_is_not_disputed() public {
        vm.warp(after0(1));
        reverts(Types.UnknownCampaign.selector, id);
        disputeRedemption(1);
    }

    function test_no_redemption_is_disputed_before_the_deadline() public {
        deposit(BUDGET);
        vm.warp(DEADLINE - 1);
        reverts(Types.TooEarly.selector, uint256(DEADLINE));
        disputeRedemption(1);
    }

    function test_no_redemption_is_disputed_while_a_payroll_is_pending() public {
        deposit(BUDGET);
        vm.warp(DEADLINE - 1);
        bytes32 root = post(first());
        dispute();
        vm.warp(after0(1));
        reverts(Types.PayrollPending.selector, root);
        disputeRedemption(1);
    }

    function test_a_redemption_is_disputed_when_all_have_redeemed() public {
        redeemed();
        vm.warp(after0(1) - 1);
        reverts(Types.TooEarly.selector, after0(1));
        disputeRedemption(1);
    }

    function test_a_redemption_is_disputed_for_a_window() public {
        redeemed();
        vm.warp(after0(2));
        reverts(Types.WindowClosed.selector, after0(2));
        disputeRedemption(1);
        vm.warp(after0(2) - 1);
        disputeRedemption(1);
        contestIs(1, Types.Contest.Open, stranger);
    }

    function test_the_window_to_dispute_a_redemption_follows_the_last_payroll() public {
        deposit(BUDGET);
        vm.warp(DEADLINE - 1);
        post(first());
        vm.warp(after0(1) - 1);
        redeem(1, 200_000_001);
        vm.warp(after0(2) - 2);
        reverts(Types.TooEarly.selector, after0(2) - 1);
        disputeRedemption(1);
        vm.warp(after0(3) - 1);
        reverts(Types.WindowClosed.selector, after0(3) - 1);
        disputeRedemption(1);
        vm.warp(after0(2) - 1);
        disputeRedemption(1);
        contestIs(1, Types.Contest.Open, stranger);
    }

    function test_an_account_that_redeemed_nothing_is_not_disputed() public {
        redeemed();
        reverts(Types.NothingRedeemed.selector, workers[0]);
        disputeRedemption(0);
    }

    function test_a_redemption_that_is_settled_is_not_disputed() public {
        PayrollReference.Position[] memory list = silentAfterFirst();
        redeem(1, 200_000_000);
        claim(list, 1);
        vm.warp(after0(1));
        reverts(Types.NothingRedeemed.selector, workers[1]);
        disputeRedemption(1);
    }

    function test_a_redemption_is_disputed_once() public {
        redeemed();
        disputeRedemption(1);
        reverts(Types.AlreadyContested.selector, workers[1]);
        disputeRedemption(1);
    }

    function test_a_redemption_that_was_let_stand_is_not_disputed_again() public {
        redeemed();
        disputeRedemption(1);
        ruleRedemption(1, false);
        reverts(Types.AlreadyContested.selector, workers[1]);
        disputeRedemption(1);
    }

    function test_a_void_redemption_is_not_disputed_again() public {
        redeemed();
        disputeRedemption(1);
        ruleRedemption(1, true);
        reverts(Types.NothingRedeemed.selector, workers[1]);
        disputeRedemption(1);
    }

    function test_the_dispute_of_a_redemption_needs_the_bond() public {
        redeemed();
        address poor = named("poor");
        vm.expectRevert(
            abi.encodeWithSignature(
                "ERC20InsufficientAllowance(address,uint256,uint256)", address(escrow), 0, BOND
            )
        );
        vm.prank(poor);
        escrow.disputeRedemption(terms, workers[1], "reason");
    }

    function test_the_bond_of_a_redemptions_dispute_can_be_zero() public {
        terms.bond = 0;
        begin();
        redeemed();
        disputeRedemption(1);
        contestIs(1, Types.Contest.Open, stranger);
        same(token.balanceOf(address(escrow)), BUDGET, "balance");
    }

    function test_a_free_dispute_of_a_redemption_moves_no_token() public {
        use(new ProudToken());
        terms.bond = 0;
        id = escrow.idOf(terms);
        redeemed();
        disputeRedemption(1);
        contestIs(1, Types.Contest.Open, stranger);
    }

    function test_the_dispute_of_a_redemption_takes_the_bond() public {
        redeemed();
        uint256 before = token.balanceOf(stranger);
        bytes32 campaign = keccak256(abi.encode(state()));
        contestIs(1, Types.Contest.None, address(0));
        emits();
        emit Types.RedemptionDisputed(id, workers[1], stranger, "reason");
        disputeRedemption(1);
        contestIs(1, Types.Contest.Open, stranger);
        same(token.balanceOf(stranger), before - BOND, "disputer");
        same(token.balanceOf(address(escrow)), BUDGET + BOND, "balance");
        same(keccak256(abi.encode(state())), campaign, "the campaign is as it was");
        accountIs(workers[1], 0, 0, 50, 0);
    }

    function test_each_account_has_a_dispute_of_its_own() public {
        silent();
        redeem(1, 50);
        redeem(2, 60);
        vm.warp(after0(1));
        disputeRedemption(1);
        contestIs(2, Types.Contest.None, address(0));
        vm.prank(disputer);
        escrow.disputeRedemption(terms, workers[2], "reason");
        contestIs(1, Types.Contest.Open, stranger);
        contestIs(2, Types.Contest.Open, disputer);
        same(token.balanceOf(address(escrow)), BUDGET + 2 * BOND, "balance");
    }
}
