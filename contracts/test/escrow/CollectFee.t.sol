// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {LabelledFixture} from "../utils/LabelledFixture.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";

contract CollectFeeTest is LabelledFixture {
    function test_there_is_no_fee_on_what_is_pending() public {
        deposit(BUDGET);
        reverts(Types.NothingDue.selector, operator, uint256(0));
        escrow.collectFee(terms);
        post(first());
        vm.warp(START + WINDOW - 1);
        reverts(Types.NothingDue.selector, operator, uint256(0));
        escrow.collectFee(terms);
    }

    function test_an_operator_can_work_for_nothing() public {
        terms.feeBps = 0;
        id = escrow.idOf(terms);
        settledFirst();
        reverts(Types.NothingDue.selector, operator, uint256(0));
        escrow.collectFee(terms);
    }

    function test_the_fee_follows_what_is_settled() public {
        settledFirst();
        Types.Campaign memory expected = state();
        expected.feeCollected = 60_000_000;
        emits();
        emit Types.FeeCollected(id, operator, 60_000_000);
        vm.prank(stranger);
        same(escrow.collectFee(terms), 60_000_000, "paid");
        same(token.balanceOf(operator), 60_000_000, "operator");
        same(token.balanceOf(address(escrow)), BUDGET - 60_000_000, "balance");
        stateIs(expected);
    }

    function test_the_fee_is_collected_once() public {
        settledFirst();
        escrow.collectFee(terms);
        reverts(Types.NothingDue.selector, operator, uint256(60_000_000));
        escrow.collectFee(terms);
    }

    function test_the_fee_grows_with_what_is_settled() public {
        PayrollReference.Position[] memory list = PayrollReference.settled(settledFirst());
        escrow.collectFee(terms);
        list[0].increase = 19; // a fee of 1.9, after one of 60,000,000.0
        post(list);
        vm.warp(block.timestamp + WINDOW);
        same(escrow.collectFee(terms), 1, "paid");
        same(state().feeCollected, 60_000_001, "collected");
        list = PayrollReference.settled(list);
        list[0].increase = 1; // 2.0 in all
        post(list);
        vm.warp(block.timestamp + WINDOW);
        same(escrow.collectFee(terms), 1, "paid");
        same(token.balanceOf(operator), 60_000_002, "operator");
    }

    function test_collecting_the_fee_settles_first() public {
        deposit(BUDGET);
        bytes32 root = post(first());
        vm.warp(START + WINDOW);
        emits();
        emit Types.Settled(id, 1, root, 600_000_000);
        same(escrow.collectFee(terms), 60_000_000, "paid");
    }

    function test_there_is_no_fee_on_what_is_redeemed() public {
        silentAfterFirst();
        redeem(1, 300_000_000);
        vm.warp(after0(2));
        claimRedeemed(1);
        same(escrow.collectFee(terms), 60_000_000, "paid");
    }

    function test_the_fee_stays_after_the_refund() public {
        settledFirst();
        vm.warp(after0(1));
        same(escrow.refund(terms), 340_000_000, "refund");
        vm.warp(after0(1000));
        same(escrow.collectFee(terms), 60_000_000, "paid");
    }

    function testFuzz_the_fee_is_on_the_whole(
        uint16 feeBps,
        uint64[3] memory amounts,
        uint32[3] memory increases
    ) public {
        terms.feeBps = feeBps % 2_501;
        id = escrow.idOf(terms);
        uint64[3] memory none;
        for (uint256 i; i < 3; ++i) {
            amounts[i] = amounts[i] >> 1;
        }
        provide(requester, type(uint96).max);
        deposit(type(uint96).max);
        post(positions(none, amounts));
        vm.warp(START + WINDOW);
        uint256 total = uint256(amounts[0]) + amounts[1] + amounts[2];
        uint256 earned = total * terms.feeBps / 10_000;
        if (earned != 0) same(escrow.collectFee(terms), earned, "first");
        post(positions(amounts, [uint64(increases[0]), increases[1], increases[2]]));
        vm.warp(START + 2 * WINDOW);
        total += uint256(increases[0]) + increases[1] + increases[2];
        uint256 all = total * terms.feeBps / 10_000;
        if (all == earned) reverts(Types.NothingDue.selector, operator, all);
        escrow.collectFee(terms);
        same(token.balanceOf(operator), all, "operator");
        same(state().feeCollected, all, "collected");
    }
}
