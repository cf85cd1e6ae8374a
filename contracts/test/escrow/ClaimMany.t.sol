// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {Payroll} from "../../src/libraries/Payroll.sol";
import {LabelledFixture} from "../utils/LabelledFixture.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";
import {ListedToken} from "../utils/Tokens.sol";

contract ClaimManyTest is LabelledFixture {
    function all(
        PayrollReference.Position[] memory list
    ) internal view returns (Types.Claim[] memory claims) {
        claims = new Types.Claim[](3);
        for (uint256 i; i < 3; ++i) {
            claims[i] = claimOf(list, i);
        }
    }

    function claimMany(
        Types.Claim[] memory claims
    ) internal returns (uint256) {
        vm.prank(stranger);
        return escrow.claimMany(terms, claims);
    }

    function paid(
        uint256 a,
        uint256 b,
        uint256 c
    ) internal view {
        uint256[3] memory expected = [a, b, c];
        for (uint256 i; i < 3; ++i) {
            same(token.balanceOf(workers[i]), expected[i], "worker");
            same(escrow.claimedOf(id, workers[i]), expected[i], "claimed by the worker");
        }
        same(state().claimed, a + b + c, "claimed");
    }

    function test_no_claims_send_nothing() public {
        settledFirst();
        same(claimMany(new Types.Claim[](0)), 0, "paid");
        paid(0, 0, 0);
    }

    function test_one_wrong_proof_refuses_all() public {
        Types.Claim[] memory claims = all(settledFirst());
        claims[2].index = 3;
        reverts(Payroll.PositionOutOfRange.selector, uint256(3), uint256(3));
        claimMany(claims);
        paid(0, 0, 0);
    }

    function test_many_claims_settle_first() public {
        deposit(BUDGET);
        bytes32 root = post(first());
        Types.Claim[] memory claims = all(first());
        reverts(Payroll.NothingSettled.selector);
        claimMany(claims);
        vm.warp(START + WINDOW);
        emits();
        emit Types.Settled(id, 1, root, 600_000_000);
        same(claimMany(claims), 600_000_000, "paid");
    }

    function test_many_are_paid_at_once() public {
        Types.Claim[] memory claims = all(settledFirst());
        for (uint256 i; i < 3; ++i) {
            emits();
            emit Types.Claimed(id, workers[i], workers[i], claims[i].amount);
        }
        same(claimMany(claims), 600_000_000, "paid");
        paid(300_000_000, 200_000_000, 100_000_000);
        same(token.balanceOf(stranger), 4 * BOND, "caller");
    }

    function test_many_claims_leave_out_what_is_paid() public {
        PayrollReference.Position[] memory list = settledFirst();
        claim(list, 1);
        same(claimMany(all(list)), 400_000_000, "the others");
        paid(300_000_000, 200_000_000, 100_000_000);
        same(claimMany(all(list)), 0, "nothing is left");
    }

    function test_an_account_that_is_named_twice_is_paid_once() public {
        Types.Claim[] memory claims = all(settledFirst());
        claims[1] = claims[0];
        same(claimMany(claims), 400_000_000, "paid");
        paid(300_000_000, 0, 100_000_000);
    }

    function test_a_position_that_is_shown_shrinks_what_is_reserved() public {
        PayrollReference.Position[] memory list = silentAfterFirst();
        redeem(1, 200_000_050);
        vm.warp(after0(2));
        claimRedeemed(1);
        reservedIs(200_000_050);
        Types.Claim[] memory claims = new Types.Claim[](1);
        claims[0] = claimOf(list, 1);
        same(claimMany(claims), 0, "paid");
        reservedIs(50);
        accountIs(workers[1], 200_000_050, 200_000_000, 200_000_050, 0);
    }

    function test_the_same_position_shrinks_what_is_reserved_once() public {
        PayrollReference.Position[] memory list = silentAfterFirst();
        claim(list, 1);
        redeem(1, 200_000_050);
        redeem(0, 300_000_000);
        Types.Claim[] memory claims = new Types.Claim[](2);
        (claims[0], claims[1]) = (claimOf(list, 1), claimOf(list, 1));
        same(claimMany(claims), 0, "paid");
        reservedIs(300_000_050);
        accountIs(workers[1], 200_000_000, 200_000_000, 200_000_050, 0);
    }

    /// @dev An account at two positions: the lower amount takes nothing back.
    function test_a_lower_position_changes_nothing() public {
        deposit(BUDGET);
        PayrollReference.Position[] memory list = first();
        list[1].account = workers[0];
        post(list);
        vm.warp(DEADLINE);
        claim(list, 0);
        redeem(0, 300_000_050);
        Types.Claim[] memory claims = new Types.Claim[](1);
        claims[0] = claimOf(list, 1);
        same(claimMany(claims), 0, "paid");
        accountIs(workers[0], 300_000_000, 300_000_000, 300_000_050, 0);
        reservedIs(50);
    }

    function test_many_claims_send_what_was_redeemed_too() public {
        PayrollReference.Position[] memory list = silentAfterFirst();
        redeemLabels(2, anchoredLabels(5));
        redeem(1, 200_000_050);
        vm.warp(after0(2));
        Types.Claim[] memory claims = all(list);
        (claims[2].amount, claims[2].path) = (0, new bytes32[](0));
        same(claimMany(claims), 500_000_050 + LABEL_PRICE, "paid");
        paid(300_000_000, 200_000_050, LABEL_PRICE);
    }

    function test_an_account_that_the_token_refuses_is_left_out() public {
        ListedToken listed = new ListedToken();
        use(listed);
        Types.Claim[] memory claims = all(settledFirst());
        listed.list(workers[1], true);
        reverts(ListedToken.Listed.selector, workers[1]);
        claimMany(claims);
        claims[1] = claims[2];
        same(claimMany(claims), 400_000_000, "the others, without it");
        paid(300_000_000, 0, 100_000_000);
    }
}
