// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes} from "../src/ICampaignEscrowTypes.sol";
import {LabelledFixture} from "./utils/LabelledFixture.sol";
import {PayrollReference} from "./utils/PayrollReference.sol";

/// @title Three courses of events that cost workers their money in escrows where an administrator pays.
/// @dev There, a cancellation and an expiry together send everything to the requester, a payout that comes after the
/// expiry is refused, and the administrator can pay itself at once and for good.
contract TracesTest is LabelledFixture {
    uint256 internal constant LAST = DEADLINE + 3 * WINDOW;

    /// @dev 600 million are settled; worker 0 has a statement of 50 million more, worker 2 a label in the log.
    function halfPaid() internal returns (PayrollReference.Position[] memory list) {
        list = settledFirst();
        vm.warp(DEADLINE);
        everyoneTries(list);
        ICampaignEscrowTypes.Statement memory statement = stated(workers[0], 350_000_000, 2);
        bytes memory signature = signed(statement);
        vm.prank(workers[0]);
        escrow.redeem(terms, statement, signature);
        vm.prank(workers[2]);
        escrow.redeemLabels(terms, latestHead(), anchoredLabels(8));
    }

    /// @dev Everybody but the workers calls every way out, for itself where the call lets it choose.
    function everyoneTries(
        PayrollReference.Position[] memory list
    ) internal {
        address[5] memory all = [requester, operator, arbiter, disputer, stranger];
        bytes[] memory calls = new bytes[](7);
        calls[0] = abi.encodeCall(escrow.refund, (terms));
        calls[1] = abi.encodeCall(escrow.collectFee, (terms));
        calls[3] = abi.encodeCall(escrow.post, (terms, PayrollReference.pack(list), EVIDENCE));
        calls[4] = abi.encodeCall(escrow.rule, (terms, lastEpoch, lastRoot, true));
        calls[5] = abi.encodeCall(escrow.ruleRedemption, (terms, workers[0], true));
        calls[6] = abi.encodeCall(escrow.lapseRedemption, (terms, workers[0]));
        for (uint256 i; i < all.length; ++i) {
            calls[2] = abi.encodeCall(escrow.collectBond, (terms, all[i]));
            for (uint256 j; j < calls.length; ++j) {
                vm.prank(all[i]);
                (bool done,) = address(escrow).call(calls[j]);
                bool may = j == 1 || (j == 0 && block.timestamp >= LAST);
                yes(may || !done, "a way out that should be closed");
            }
            for (uint256 j; j < 3; ++j) {
                ICampaignEscrowTypes.Claim memory one = claimOf(list, j);
                reverts(ICampaignEscrowTypes.NotWorker.selector, all[i], workers[j]);
                vm.prank(all[i]);
                escrow.claimTo(terms, one, all[i]);
            }
        }
    }

    function test_when_the_requester_wants_out_nobody_is_paid_before_redemptions_are_over() public {
        uint256 before = token.balanceOf(requester);
        PayrollReference.Position[] memory list = halfPaid();
        uint256[5] memory moments = [
            DEADLINE + WINDOW - 1,
            DEADLINE + WINDOW,
            DEADLINE + 2 * WINDOW - 1,
            DEADLINE + 2 * WINDOW,
            LAST - 1
        ];
        for (uint256 i; i < moments.length; ++i) {
            vm.warp(moments[i]);
            everyoneTries(list);
            same(token.balanceOf(requester), before - BUDGET, "requester");
            same(token.balanceOf(operator), 60_000_000, "operator: its fee");
            same(token.balanceOf(address(escrow)), BUDGET - 60_000_000, "all the rest is here");
        }
    }

    function test_when_the_requester_wants_out_every_worker_is_paid_and_nothing_is_left() public {
        uint256 before = token.balanceOf(requester);
        PayrollReference.Position[] memory list = halfPaid();
        vm.warp(LAST);
        everyoneTries(list); // the refund among them
        same(claim(list, 0), 350_000_000, "what was stated");
        same(claim(list, 1), 200_000_000, "what was settled");
        same(claim(list, 2), 100_000_000 + LABEL_PRICE, "what was settled, and the label");
        escrow.refund(terms); // the claims have shown that less is reserved
        uint256 paid = 650_000_000 + LABEL_PRICE + 60_000_000;
        same(token.balanceOf(requester), before - paid, "requester");
        same(token.balanceOf(address(escrow)), 0, "left over");
    }

    function test_work_reserved_in_the_last_second_is_not_refunded_while_it_is_pending() public {
        deposit(BUDGET);
        vm.warp(DEADLINE - 1);
        bytes32 root = post(first());
        uint256[3] memory moments = [uint256(DEADLINE), DEADLINE + WINDOW / 2, DEADLINE + WINDOW - 2];
        for (uint256 i; i < moments.length; ++i) {
            vm.warp(moments[i]);
            vm.expectRevert(abi.encodeWithSelector(ICampaignEscrowTypes.PayrollPending.selector, root));
            vm.prank(requester);
            escrow.refund(terms);
        }
    }

    function test_work_reserved_in_the_last_second_is_paid_a_year_later() public {
        deposit(BUDGET);
        vm.warp(DEADLINE - 1);
        PayrollReference.Position[] memory list = first();
        post(list);
        vm.warp(DEADLINE + WINDOW - 1);
        vm.expectRevert(
            abi.encodeWithSelector(ICampaignEscrowTypes.TooEarly.selector, DEADLINE + 2 * WINDOW - 1)
        );
        escrow.refund(terms); // settles, and then waits for redemptions
        vm.warp(DEADLINE + 2 * WINDOW - 1);
        same(escrow.refund(terms), BUDGET - 660_000_000, "the requester leaves what is settled");
        vm.warp(DEADLINE + 365 days);
        for (uint256 i; i < 3; ++i) {
            same(claim(list, i), list[i].increase, "a year later");
        }
        same(escrow.collectFee(terms), 60_000_000, "fee");
        same(token.balanceOf(address(escrow)), 0, "left over");
    }

    /// @dev What is settled stays; all that is left goes to the operator, in a position of its own.
    function selfish(
        PayrollReference.Position[] memory settled
    ) internal view returns (PayrollReference.Position[] memory list) {
        list = new PayrollReference.Position[](settled.length + 1);
        for (uint256 i; i < settled.length; ++i) {
            list[i] = PayrollReference.Position(settled[i].account, settled[i].soFar + settled[i].increase, 0);
        }
        list[settled.length] = PayrollReference.Position(operator, 0, uint64(309_000_000));
    }

    function test_an_administrator_that_pays_itself_is_disputed_and_the_workers_are_paid() public {
        PayrollReference.Position[] memory list = settledFirst();
        post(selfish(list));
        claim(list, 0); // nobody waits for the dispute
        dispute();
        vm.prank(operator);
        (bool ruled,) = address(escrow).call(abi.encodeCall(escrow.rule, (terms, lastEpoch, lastRoot, false)));
        yes(!ruled, "the operator judges itself");
        rule(true);
        PayrollReference.Position[] memory honest = PayrollReference.settled(list);
        honest[1].increase = 5;
        post(honest);
        vm.warp(block.timestamp + WINDOW);
        same(claim(honest, 1), 200_000_005, "worker 1");
        same(claim(honest, 2), 100_000_000, "worker 2");
        same(escrow.accountOf(id, operator).paid, 0, "operator");
    }

    function test_an_administrator_that_pays_itself_breaks_its_word_to_a_worker_and_the_payroll_is_void()
        public
    {
        PayrollReference.Position[] memory list = settledFirst();
        ICampaignEscrowTypes.Statement memory statement = stated(workers[1], 200_000_005, 2);
        bytes memory signature = signed(statement);
        PayrollReference.Position[] memory stolen = selfish(list);
        post(stolen);
        bytes32[] memory path = PayrollReference.path(id, stolen, 1);
        vm.prank(stranger);
        escrow.enforce(terms, statement, signature, 1, 200_000_000, path);
        stageIs(ICampaignEscrowTypes.Stage.Empty);
        same(state().settledTotal, 600_000_000, "what was settled");
        vm.warp(DEADLINE);
        vm.prank(workers[1]);
        escrow.redeem(terms, statement, signature);
        vm.warp(LAST - WINDOW);
        same(claim(list, 1), 200_000_005, "paid without operator or arbiter");
    }

    function test_an_administrator_that_nobody_watches_takes_only_what_was_not_settled() public {
        PayrollReference.Position[] memory list = settledFirst();
        PayrollReference.Position[] memory stolen = selfish(list);
        post(stolen);
        vm.warp(block.timestamp + WINDOW);
        same(claim(stolen, 3), 309_000_000, "the operator");
        for (uint256 i; i < 3; ++i) {
            same(claim(stolen, i), list[i].increase, "a worker");
        }
        same(escrow.collectFee(terms), 90_900_000, "fee");
        same(token.balanceOf(address(escrow)), BUDGET - 909_000_000 - 90_900_000, "the rest");
    }
}
