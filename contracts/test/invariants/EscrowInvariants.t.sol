// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Invariants} from "./Invariants.sol";
import {Life} from "./Life.sol";

/// @dev Everybody may do anything, at any time, with arguments that are right most of the time.
contract EscrowInvariantsTest is Invariants {
    Life internal life;

    function target() internal view override returns (address) {
        return address(life);
    }

    function setUp() public {
        life = new Life();
        step(life.stepTime.selector, 3);
        step(life.stepPost.selector, 3);
        step(life.stepPostBroken.selector, 1);
        step(life.stepSettle.selector, 1);
        step(life.stepDispute.selector, 2);
        step(life.stepRule.selector, 1);
        step(life.stepMeanAnother.selector, 1);
        step(life.stepState.selector, 2);
        step(life.stepEnforce.selector, 2);
        step(life.stepEnforceAbsent.selector, 1);
        step(life.stepAnchor.selector, 1);
        step(life.stepRedeem.selector, 3);
        step(life.stepRedeemLabels.selector, 3);
        step(life.stepRedeemReceipts.selector, 2);
        step(life.stepDisputeRedemption.selector, 2);
        step(life.stepRuleRedemption.selector, 2);
        step(life.stepLapseRedemption.selector, 1);
        step(life.stepDeposit.selector, 1);
        step(life.stepDepositWithAuthorization.selector, 1);
        step(life.stepClaim.selector, 3);
        step(life.stepClaimMany.selector, 1);
        step(life.stepClaimTo.selector, 2);
        step(life.stepClaimToBySignature.selector, 2);
        step(life.stepCollectFee.selector, 1);
        step(life.stepCollectBond.selector, 1);
        step(life.stepRefund.selector, 1);
        step(life.stepWaysOut.selector, 1);
    }

    function invariant_the_books_are_right() public view {
        life.checkBooks();
    }

    function afterInvariant() public {
        life.checkTheyEmpty();
        life.checkAllBooks();
    }
}
