// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {LabelledFixture} from "../utils/LabelledFixture.sol";

contract LapseRedemptionTest is LabelledFixture {
    function contested() internal {
        silent();
        redeem(1, 50);
        redeem(2, 60);
        vm.warp(after0(1));
        disputeRedemption(1);
    }

    function refused(
        uint256 worker
    ) internal {
        vm.warp(after0(3));
        reverts(Types.NothingDisputed.selector);
        escrow.lapseRedemption(terms, workers[worker]);
    }

    function test_an_undisputed_redemption_does_not_lapse() public {
        contested();
        refused(2);
    }

    function test_the_dispute_of_a_redemption_that_stands_does_not_lapse() public {
        contested();
        ruleRedemption(1, false);
        refused(1);
    }

    function test_the_dispute_of_a_void_redemption_does_not_lapse() public {
        contested();
        ruleRedemption(1, true);
        refused(1);
    }

    function test_a_dispute_lapses_once() public {
        contested();
        vm.warp(after0(3));
        escrow.lapseRedemption(terms, workers[1]);
        refused(1);
        same(escrow.bondOf(id, stranger), BOND, "disputer's bond");
    }

    function test_a_dispute_lapses_after_three_windows() public {
        contested();
        vm.warp(after0(3) - 1);
        reverts(Types.TooEarly.selector, after0(3));
        escrow.lapseRedemption(terms, workers[1]);
    }

    function test_a_silent_arbiter_lets_the_redemption_stand() public {
        contested();
        vm.warp(after0(3));
        emits();
        emit Types.RedemptionRuled(id, workers[1], false);
        emits();
        emit Types.BondReleased(id, stranger, BOND);
        vm.prank(disputer);
        escrow.lapseRedemption(terms, workers[1]);
        (Types.Contest contest, address by) = escrow.contestOf(id, workers[1]);
        same(uint256(contest), uint256(Types.Contest.Stands), "contest");
        same(by, stranger, "disputer");
        accountIs(workers[1], 0, 0, 50, 0);
        reservedIs(110);
        same(escrow.bondOf(id, stranger), BOND, "disputer's bond");
        same(escrow.bondOf(id, workers[1]), 0, "worker's bond");
    }

    function test_what_is_paid_does_not_wait_for_anyone_to_end_the_dispute() public {
        contested();
        vm.warp(after0(3));
        same(claimRedeemed(1), 50, "paid");
        escrow.lapseRedemption(terms, workers[1]);
        same(escrow.collectBond(terms, stranger), BOND, "bond");
    }
}
