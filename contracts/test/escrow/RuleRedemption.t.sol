// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {LabelledFixture} from "../utils/LabelledFixture.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";

contract RuleRedemptionTest is LabelledFixture {
    function contestIs(
        uint256 worker,
        Types.Contest expected
    ) internal view {
        (Types.Contest contest,) = escrow.contestOf(id, workers[worker]);
        same(uint256(contest), uint256(expected), "contest");
    }

    /// @dev Workers 1 and 2 redeemed, 250 million by statement and 3 labels, and 1 is disputed.
    function contested() internal returns (PayrollReference.Position[] memory list) {
        list = silentAfterFirst();
        redeem(1, 250_000_000);
        redeemLabels(1, anchoredLabels(7));
        redeemLabels(2, anchoredLabels(5, 8));
        vm.warp(after0(1));
        disputeRedemption(1);
    }

    function test_only_the_arbiter_rules_on_redemptions() public {
        contested();
        address[4] memory others = [operator, requester, workers[1], stranger];
        for (uint256 i; i < 4; ++i) {
            reverts(Types.NotArbiter.selector, others[i], arbiter);
            vm.prank(others[i]);
            escrow.ruleRedemption(terms, workers[1], i % 2 == 0);
        }
    }

    function test_there_is_no_ruling_on_an_undisputed_redemption() public {
        contested();
        reverts(Types.NothingDisputed.selector);
        ruleRedemption(2, true);
    }

    function test_there_is_one_ruling_a_redemption() public {
        contested();
        ruleRedemption(1, false);
        reverts(Types.NothingDisputed.selector);
        ruleRedemption(1, true);
    }

    function test_a_ruling_on_a_redemption_has_a_window_of_its_own() public {
        contested();
        vm.warp(after0(3));
        reverts(Types.WindowClosed.selector, after0(3));
        ruleRedemption(1, true);
        vm.warp(after0(3) - 1);
        ruleRedemption(1, true);
        contestIs(1, Types.Contest.Void);
    }

    function test_an_upheld_dispute_voids_what_was_redeemed_and_returns_the_bond() public {
        contested();
        reservedIs(250_000_000 + 2 * LABEL_PRICE);
        emits();
        emit Types.RedemptionRuled(id, workers[1], true);
        emits();
        emit Types.BondReleased(id, stranger, BOND);
        ruleRedemption(1, true);
        contestIs(1, Types.Contest.Void);
        accountIs(workers[1], 0, 0, 0, 0);
        reservedIs(2 * LABEL_PRICE);
        same(escrow.bondOf(id, stranger), BOND, "disputer's bond");
        same(escrow.bondOf(id, workers[1]), 0, "worker's bond");
    }

    function test_a_void_redemption_leaves_the_payroll_and_others() public {
        PayrollReference.Position[] memory list = contested();
        claim(list, 1);
        reservedIs(50_000_000 + 2 * LABEL_PRICE);
        ruleRedemption(1, true);
        accountIs(workers[1], 200_000_000, 200_000_000, 0, 0);
        accountIs(workers[2], 0, 0, 0, 2 * LABEL_PRICE);
        reservedIs(2 * LABEL_PRICE);
        same(state().settledTotal, 600_000_000, "settled total");
        vm.warp(after0(3));
        same(claimRedeemed(2), 2 * LABEL_PRICE, "the other is paid");
        same(claim(list, 2), 100_000_000, "and its payroll");
        reverts(Types.NothingDue.selector, workers[1], uint256(0));
        claimRedeemed(1);
    }

    function test_a_redemption_that_turned_out_settled_can_be_void() public {
        PayrollReference.Position[] memory list = silentAfterFirst();
        redeem(1, 200_000_000);
        vm.warp(after0(1));
        disputeRedemption(1);
        claim(list, 1);
        reservedIs(0);
        ruleRedemption(1, true);
        reservedIs(0);
        accountIs(workers[1], 200_000_000, 200_000_000, 0, 0);
        same(escrow.bondOf(id, stranger), BOND, "disputer's bond");
    }

    function test_a_redemption_that_stands_has_the_bond() public {
        contested();
        Types.Campaign memory before = state();
        emits();
        emit Types.RedemptionRuled(id, workers[1], false);
        emits();
        emit Types.BondReleased(id, workers[1], BOND);
        ruleRedemption(1, false);
        contestIs(1, Types.Contest.Stands);
        accountIs(workers[1], 0, 0, 250_000_000, LABEL_PRICE);
        stateIs(before);
        same(escrow.bondOf(id, workers[1]), BOND, "worker's bond");
        same(escrow.bondOf(id, stranger), 0, "disputer's bond");
        same(escrow.bondOf(id, operator), 0, "operator's bond");
    }

    function test_each_redemption_is_ruled_on_alone() public {
        contested();
        disputeRedemption(2);
        ruleRedemption(2, true);
        contestIs(1, Types.Contest.Open);
        reservedIs(250_000_000);
        ruleRedemption(1, false);
        contestIs(2, Types.Contest.Void);
        reservedIs(250_000_000);
        same(escrow.bondOf(id, stranger), BOND, "disputer's bond");
        same(escrow.bondOf(id, workers[1]), BOND, "worker's bond");
    }
}
