// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Adversary} from "./Adversary.sol";
import {Invariants} from "./Invariants.sol";

/// @dev Everything that an adversary can call, and the honest work beside it.
abstract contract AdversaryInvariants is Invariants {
    Adversary internal life;

    function target() internal view override returns (address) {
        return address(life);
    }

    function begin(
        uint256 villain
    ) internal {
        life = new Adversary(villain);
        step(life.stepTime.selector, 8);
        step(life.stepWork.selector, 5);
        step(life.stepPost.selector, 1);
        step(life.stepPostBroken.selector, 1);
        step(life.stepDispute.selector, 3);
        step(life.stepRule.selector, 2);
        step(life.stepMeanAnother.selector, 1);
        step(life.stepSettle.selector, 1);
        step(life.stepEnforce.selector, 2);
        step(life.stepEnforceAbsent.selector, 1);
        step(life.stepAnchor.selector, 1);
        step(life.stepRedeem.selector, 2);
        step(life.stepRedeemLabels.selector, 2);
        step(life.stepRedeemReceipts.selector, 2);
        step(life.stepDisputeRedemption.selector, 2);
        step(life.stepRuleRedemption.selector, 2);
        step(life.stepLapseRedemption.selector, 1);
        step(life.stepDeposit.selector, 1);
        step(life.stepDepositWithAuthorization.selector, 1);
        step(life.stepClaim.selector, 2);
        step(life.stepClaimMany.selector, 1);
        step(life.stepClaimTo.selector, 2);
        step(life.stepClaimToBySignature.selector, 2);
        step(life.stepCollectFee.selector, 1);
        step(life.stepCollectBond.selector, 1);
        step(life.stepRefund.selector, 1);
    }

    function invariant_the_villain_gains_nothing() public view {
        life.checkVillain();
    }

    function afterInvariant() public {
        life.checkTheyEmpty();
        life.checkAllBooks();
        life.checkVillain();
    }
}

/// @dev The operator states and posts anything.
contract OperatorAdversaryTest is AdversaryInvariants {
    function setUp() public {
        begin(0);
        step(life.stepPost.selector, 5);
        step(life.stepState.selector, 2);
    }
}

/// @dev The requester cannot keep its workers from being paid.
contract RequesterAdversaryTest is AdversaryInvariants {
    function setUp() public {
        begin(1);
        step(life.stepDispute.selector, 3);
    }
}

/// @dev The arbiter rules as it likes on what it disputes itself.
contract ArbiterAdversaryTest is AdversaryInvariants {
    function setUp() public {
        begin(2);
        step(life.stepDispute.selector, 3);
    }
}
