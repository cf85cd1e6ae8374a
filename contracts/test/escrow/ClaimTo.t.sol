// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {Payroll} from "../../src/libraries/Payroll.sol";
import {LabelledFixture} from "../utils/LabelledFixture.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";

contract ClaimToTest is LabelledFixture {
    address internal receiver = named("receiver");

    function claimTo(
        Types.Claim memory one,
        address to
    ) internal returns (uint256) {
        vm.prank(workers[1]);
        return escrow.claimTo(terms, one, to);
    }

    function test_only_the_account_names_a_receiver() public {
        Types.Claim memory one = claimOf(settledFirst(), 0);
        address[3] memory others = [workers[1], operator, requester];
        for (uint256 i; i < 3; ++i) {
            reverts(Types.NotWorker.selector, others[i], workers[0]);
            vm.prank(others[i]);
            escrow.claimTo(terms, one, others[i]);
        }
    }

    function test_nothing_is_sent_to_zero() public {
        Types.Claim memory one = claimOf(settledFirst(), 1);
        reverts(Types.UnpayableReceiver.selector, address(0));
        claimTo(one, address(0));
    }

    function test_nothing_is_sent_to_the_escrow() public {
        Types.Claim memory one = claimOf(settledFirst(), 1);
        reverts(Types.UnpayableReceiver.selector, address(escrow));
        claimTo(one, address(escrow));
    }

    function test_a_receiver_needs_a_true_position() public {
        PayrollReference.Position[] memory list = settledFirst();
        bytes32 root = state().settledRoot;
        Types.Claim memory one = claimOf(list, 1);
        one.amount += 1;
        list[1].increase += 1;
        reverts(Payroll.PathMismatch.selector, PayrollReference.root(id, list), root);
        claimTo(one, receiver);
    }

    function test_a_receiver_gets_nothing_twice() public {
        Types.Claim memory one = claimOf(settledFirst(), 1);
        claimTo(one, receiver);
        reverts(Types.NothingDue.selector, workers[1], uint256(200_000_000));
        claimTo(one, receiver);
        one.amount = 0;
        reverts(Types.NothingDue.selector, workers[1], uint256(0));
        claimTo(one, receiver);
    }

    function test_the_receiver_is_paid_for_the_account() public {
        Types.Claim memory one = claimOf(settledFirst(), 1);
        emits();
        emit Types.Claimed(id, workers[1], receiver, 200_000_000);
        same(claimTo(one, receiver), 200_000_000, "paid");
        same(token.balanceOf(receiver), 200_000_000, "receiver");
        same(token.balanceOf(workers[1]), 0, "worker");
        accountIs(workers[1], 200_000_000, 200_000_000, 0, 0);
        accountIs(receiver, 0, 0, 0, 0);
        same(state().claimed, 200_000_000, "claimed");
    }

    function test_a_payroll_that_is_due_settles_before_the_receiver_is_paid() public {
        deposit(BUDGET);
        bytes32 root = post(first());
        vm.warp(START + WINDOW);
        Types.Claim memory one = claimOf(first(), 1);
        emits();
        emit Types.Settled(id, 1, root, 600_000_000);
        same(claimTo(one, receiver), 200_000_000, "paid");
    }

    function test_the_receiver_is_paid_what_was_redeemed() public {
        silent();
        redeem(1, 50);
        vm.warp(after0(2));
        Types.Claim memory one = Types.Claim(0, workers[1], 0, new bytes32[](0));
        same(claimTo(one, receiver), 50, "paid");
        same(token.balanceOf(receiver), 50, "receiver");
        accountIs(workers[1], 50, 0, 50, 0);
    }
}
