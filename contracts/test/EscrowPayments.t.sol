// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes} from "../src/ICampaignEscrowTypes.sol";
import {Payroll} from "../src/libraries/Payroll.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EscrowFixture} from "./utils/EscrowFixture.sol";
import {PayrollReference} from "./utils/PayrollReference.sol";
import {FalseToken, HookToken, ListedToken} from "./utils/Tokens.sol";

/// @dev Claims, fees and refunds.
contract EscrowPaymentsTest is EscrowFixture {
    function test_anyone_claims_for_a_worker_and_only_the_worker_is_paid() public {
        PayrollReference.Position[] memory list = settledFirst();
        vm.expectEmit(true, true, true, true, address(escrow));
        emit ICampaignEscrowTypes.Claimed(id, workers[1], workers[1], 200_000_000);
        same(claim(list, 1), 200_000_000, "paid");
        same(token.balanceOf(workers[1]), 200_000_000, "worker");
        same(token.balanceOf(stranger), 0, "caller");
        same(escrow.claimedOf(id, workers[1]), 200_000_000, "claimed of the worker");
        same(state().claimed, 200_000_000, "claimed");
    }

    function test_a_second_claim_pays_nothing() public {
        PayrollReference.Position[] memory list = settledFirst();
        claim(list, 1);
        bytes32[] memory path = PayrollReference.path(id, list, 1);
        reverts(ICampaignEscrowTypes.NothingDue.selector, workers[1], uint256(200_000_000));
        escrow.claim(terms, 1, workers[1], 200_000_000, path);
    }

    function test_claims_are_cumulative() public {
        PayrollReference.Position[] memory list = settledFirst();
        claim(list, 0);
        list = PayrollReference.settled(list);
        list[0].increase = 11;
        list[1].increase = 22;
        post(list);
        vm.warp(block.timestamp + WINDOW);
        same(claim(list, 0), 11, "only the increase"); // settles first
        same(claim(list, 1), 200_000_022, "all at once");
    }

    /// @dev What is due settles before the proof is read: from then on only proofs under the due root are true.
    function test_a_claim_under_the_settled_root_ends_when_the_next_is_due() public {
        PayrollReference.Position[] memory list = settledFirst();
        PayrollReference.Position[] memory next = PayrollReference.settled(list);
        next[0].increase = 1;
        bytes32 due = post(next);
        bytes32[] memory path = PayrollReference.path(id, list, 1);
        bytes32[] memory nextPath = PayrollReference.path(id, next, 1);
        vm.warp(block.timestamp + WINDOW);
        reverts(Payroll.PathMismatch.selector, state().settledRoot, due);
        escrow.claim(terms, 1, workers[1], 200_000_000, path);
        same(escrow.claim(terms, 1, workers[1], 200_000_000, nextPath), 200_000_000, "paid");
    }

    function test_an_account_listed_twice_is_paid_the_larger_only() public {
        deposit(BUDGET);
        PayrollReference.Position[] memory list = first();
        list[1].account = workers[0];
        post(list);
        vm.warp(DEADLINE + WINDOW);
        escrow.refund(terms);
        same(claim(list, 0), 300_000_000, "the larger");
        bytes32[] memory path = PayrollReference.path(id, list, 1);
        reverts(ICampaignEscrowTypes.NothingDue.selector, workers[0], uint256(200_000_000));
        escrow.claim(terms, 1, workers[0], 200_000_000, path);
        claim(list, 2);
        escrow.collectFee(terms);
        same(token.balanceOf(address(escrow)), 200_000_000, "the smaller stays");
    }

    function test_a_pending_payroll_pays_nothing() public {
        deposit(BUDGET);
        PayrollReference.Position[] memory list = first();
        post(list);
        bytes32[] memory path = PayrollReference.path(id, list, 0);
        reverts(Payroll.NothingSettled.selector);
        escrow.claim(terms, 0, workers[0], 300_000_000, path);
    }

    function test_a_claim_needs_the_true_position() public {
        PayrollReference.Position[] memory list = settledFirst();
        bytes32[] memory path = PayrollReference.path(id, list, 0);
        reverts(Payroll.PositionOutOfRange.selector, 3, uint256(3));
        escrow.claim(terms, 3, workers[0], 300_000_000, path);
        reverts(Payroll.WrongPathLength.selector, 0, uint256(3));
        escrow.claim(terms, 0, workers[0], 300_000_000, new bytes32[](0));
        (bool accepted,) =
            address(escrow).call(abi.encodeCall(escrow.claim, (terms, 0, workers[0], 300_000_001, path)));
        yes(!accepted, "another amount");
        (accepted,) =
            address(escrow).call(abi.encodeCall(escrow.claim, (terms, 0, stranger, 300_000_000, path)));
        yes(!accepted, "another account");
        terms.brief = "another campaign";
        reverts(Payroll.NothingSettled.selector);
        escrow.claim(terms, 0, workers[0], 300_000_000, path);
    }

    function many(
        PayrollReference.Position[] memory list
    ) internal view returns (ICampaignEscrowTypes.Claim[] memory claims) {
        claims = new ICampaignEscrowTypes.Claim[](3);
        for (uint256 i; i < 3; ++i) {
            uint256 amount = uint256(list[i].soFar) + list[i].increase;
            claims[i] =
                ICampaignEscrowTypes.Claim(i, list[i].account, amount, PayrollReference.path(id, list, i));
        }
    }

    function test_many_claims_at_once_leave_out_what_is_paid() public {
        deposit(BUDGET);
        PayrollReference.Position[] memory list = first();
        post(list);
        vm.warp(START + WINDOW);
        ICampaignEscrowTypes.Claim[] memory claims = many(list);
        claim(list, 1);
        vm.prank(stranger);
        same(escrow.claimMany(terms, claims), 400_000_000, "paid");
        for (uint256 i; i < 3; ++i) {
            same(token.balanceOf(workers[i]), list[i].increase, "worker");
        }
        same(escrow.claimMany(terms, claims), 0, "nothing is left");
        same(state().claimed, 600_000_000, "claimed");
    }

    function test_many_claims_settle_first_and_refuse_a_wrong_proof() public {
        deposit(BUDGET);
        PayrollReference.Position[] memory list = first();
        post(list);
        ICampaignEscrowTypes.Claim[] memory claims = many(list);
        reverts(Payroll.NothingSettled.selector);
        escrow.claimMany(terms, claims);
        vm.warp(START + WINDOW);
        claims[2].index = 3;
        reverts(Payroll.PositionOutOfRange.selector, 3, uint256(3));
        escrow.claimMany(terms, claims);
        claims[2].index = 2;
        same(escrow.claimMany(terms, claims), 600_000_000, "paid");
    }

    /// @dev Cannot happen while payrolls are checked; the cap holds even if the books were wrong.
    function test_claims_never_exceed_what_is_settled() public {
        PayrollReference.Position[] memory list = settledFirst();
        bytes32 slot = bytes32(uint256(keccak256(abi.encode(id, uint256(0)))) + 1);
        uint256 packed = uint256(vm.load(address(escrow), slot));
        same(uint256(uint96(packed)), 600_000_000, "slot of the settled total");
        vm.store(address(escrow), slot, bytes32(packed - 500_000_001));
        slot = bytes32(uint256(slot) + 3);
        packed = uint256(vm.load(address(escrow), slot));
        same(packed, BUDGET, "slot of the deposit and of what is claimed");
        vm.store(address(escrow), slot, bytes32(uint256(99_999_999 + 9_999_999))); // with the fee
        bytes32[] memory path = PayrollReference.path(id, list, 2);
        reverts(ICampaignEscrowTypes.ClaimsExceedTotal.selector, 100_000_000, uint256(99_999_999));
        escrow.claim(terms, 2, workers[2], 100_000_000, path);
    }

    function test_the_fee_follows_what_is_settled() public {
        deposit(BUDGET);
        post(first());
        reverts(ICampaignEscrowTypes.NothingDue.selector, operator, uint256(0));
        escrow.collectFee(terms);
        vm.warp(START + WINDOW);
        vm.expectEmit(true, true, true, true, address(escrow));
        emit ICampaignEscrowTypes.FeeCollected(id, operator, 60_000_000);
        vm.prank(stranger);
        same(escrow.collectFee(terms), 60_000_000, "paid");
        same(token.balanceOf(operator), 60_000_000, "operator");
        same(state().feeCollected, 60_000_000, "collected");
        reverts(ICampaignEscrowTypes.NothingDue.selector, operator, uint256(60_000_000));
        escrow.collectFee(terms);
    }

    function test_a_refund_waits_for_deadline_and_window() public {
        deposit(BUDGET);
        vm.warp(DEADLINE + WINDOW - 1);
        reverts(ICampaignEscrowTypes.TooEarly.selector, uint256(DEADLINE) + WINDOW);
        escrow.refund(terms);
        vm.warp(DEADLINE + WINDOW);
        uint256 before = token.balanceOf(requester);
        vm.expectEmit(true, true, true, true, address(escrow));
        emit ICampaignEscrowTypes.Refunded(id, requester, BUDGET);
        vm.prank(stranger);
        same(escrow.refund(terms), BUDGET, "paid");
        same(token.balanceOf(requester), before + BUDGET, "requester");
        yes(state().closed, "closed");
        same(state().refunded, BUDGET, "refunded");
        vm.expectRevert(abi.encodeWithSelector(ICampaignEscrowTypes.AlreadyClosed.selector, id));
        escrow.refund(terms);
    }

    function test_an_unknown_campaign_has_no_refund() public {
        vm.expectRevert(abi.encodeWithSelector(ICampaignEscrowTypes.UnknownCampaign.selector, id));
        escrow.refund(terms);
    }

    function test_a_refund_settles_what_is_due_and_leaves_it() public {
        deposit(BUDGET);
        vm.warp(DEADLINE - 1);
        PayrollReference.Position[] memory list = first();
        post(list);
        vm.warp(DEADLINE - 1 + 2 * WINDOW);
        same(escrow.refund(terms), 340_000_000, "refund");
        for (uint256 i; i < 3; ++i) {
            claim(list, i);
        }
        escrow.collectFee(terms);
        same(token.balanceOf(address(escrow)), 0, "nothing is left over");
    }

    /// @dev The slowest way: posted in the last second, disputed in the last second of its window, arbiter silent.
    function test_a_refund_comes_without_redemptions_at_most_four_windows_after_the_deadline() public {
        deposit(BUDGET);
        vm.warp(DEADLINE - 1);
        bytes32 root = post(first());
        vm.warp(DEADLINE + WINDOW - 2);
        dispute();
        vm.warp(DEADLINE + 3 * WINDOW - 3);
        vm.expectRevert(abi.encodeWithSelector(ICampaignEscrowTypes.PayrollPending.selector, root));
        escrow.refund(terms);
        vm.warp(DEADLINE + 4 * WINDOW - 3);
        reverts(ICampaignEscrowTypes.TooEarly.selector, uint256(DEADLINE) + 4 * WINDOW - 2);
        escrow.refund(terms);
        vm.warp(DEADLINE + 4 * WINDOW - 2);
        same(escrow.refund(terms), 340_000_000, "refund");
    }

    function test_a_refund_can_be_nothing() public {
        deposit(660_000_000);
        post(first());
        vm.warp(DEADLINE + WINDOW);
        same(escrow.refund(terms), 0, "refund");
        yes(state().closed, "closed");
    }

    /// @dev Whatever the fee and the amounts, the parts sum to the deposit and the escrow ends empty.
    function testFuzz_a_campaign_empties_to_the_unit(
        uint16 feeBps,
        uint64[3] memory amounts,
        uint64 extra
    ) public {
        terms.feeBps = feeBps % 2_501;
        id = escrow.idOf(terms);
        uint64[3] memory none;
        PayrollReference.Position[] memory list = positions(none, amounts);
        uint256 total = PayrollReference.total(list);
        uint256 fee = total * terms.feeBps / 10_000;
        uint256 amount = total + fee + extra + 1;
        provide(requester, amount);
        deposit(amount);
        post(list);
        vm.warp(DEADLINE + WINDOW);
        same(escrow.refund(terms), uint256(extra) + 1, "refund");
        for (uint256 i; i < 3; ++i) {
            if (amounts[i] != 0) same(claim(list, i), amounts[i], "claim");
        }
        if (fee != 0) same(escrow.collectFee(terms), fee, "fee");
        same(token.balanceOf(address(escrow)), 0, "left over");
    }

    function test_two_campaigns_do_not_touch_each_other() public {
        PayrollReference.Position[] memory list = settledFirst();
        bytes32 firstId = id;
        terms.brief = "another";
        id = escrow.idOf(terms);
        deposit(BUDGET);
        post(list);
        vm.warp(DEADLINE + WINDOW);
        escrow.refund(terms);
        claim(list, 0);
        same(escrow.campaign(firstId).claimed, 0, "claimed in the other");
        same(escrow.claimedOf(firstId, workers[0]), 0, "claimed by the worker in the other");
        same(escrow.campaign(firstId).refunded, 0, "refunded in the other");
        yes(!escrow.campaign(firstId).closed, "the other is open");
    }

    function test_an_account_that_the_token_refuses_blocks_only_itself() public {
        ListedToken listed = new ListedToken();
        use(listed);
        deposit(BUDGET);
        PayrollReference.Position[] memory list = first();
        post(list);
        dispute();
        listed.list(disputer, true);
        listed.list(operator, true);
        listed.list(workers[0], true);
        vm.warp(DEADLINE + 3 * WINDOW);
        escrow.refund(terms); // settles, though disputer and operator cannot be paid
        bytes32[] memory path = PayrollReference.path(id, list, 0);
        vm.expectRevert(abi.encodeWithSelector(ListedToken.Listed.selector, workers[0]));
        escrow.claim(terms, 0, workers[0], 300_000_000, path);
        claim(list, 1);
        claim(list, 2);
        vm.expectRevert(abi.encodeWithSelector(ListedToken.Listed.selector, disputer));
        escrow.collectBond(terms, disputer);
        vm.expectRevert(abi.encodeWithSelector(ListedToken.Listed.selector, operator));
        escrow.collectFee(terms);
        listed.list(workers[0], false);
        claim(list, 0);
    }

    function test_an_account_that_the_token_refuses_reverts_a_batch_with_it() public {
        ListedToken listed = new ListedToken();
        use(listed);
        ICampaignEscrowTypes.Claim[] memory claims = many(settledFirst());
        listed.list(workers[1], true);
        vm.expectRevert(abi.encodeWithSelector(ListedToken.Listed.selector, workers[1]));
        escrow.claimMany(terms, claims);
        claims[1] = claims[2];
        same(escrow.claimMany(terms, claims), 400_000_000, "the others, without it");
    }

    function test_a_token_that_answers_false_pays_nothing_out() public {
        FalseToken lying = new FalseToken();
        use(lying);
        deposit(BUDGET);
        PayrollReference.Position[] memory list = first();
        post(list);
        dispute();
        vm.warp(DEADLINE + 3 * WINDOW);
        escrow.settle(terms);
        lying.turn(true);
        bytes[5] memory calls = [
            abi.encodeCall(
                escrow.claim, (terms, 0, workers[0], 300_000_000, PayrollReference.path(id, list, 0))
            ),
            abi.encodeCall(escrow.claimMany, (terms, many(list))),
            abi.encodeCall(escrow.collectFee, (terms)),
            abi.encodeCall(escrow.collectBond, (terms, disputer)),
            abi.encodeCall(escrow.refund, (terms))
        ];
        for (uint256 i; i < calls.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(lying))
            );
            (bool refused,) = address(escrow).call(calls[i]);
            yes(refused, "expected to revert");
        }
        same(token.balanceOf(address(escrow)), BUDGET + BOND, "balance");
        lying.turn(false);
        for (uint256 i; i < calls.length; ++i) {
            (bool done,) = address(escrow).call(calls[i]);
            yes(done, "paid once the token moves");
        }
        same(token.balanceOf(address(escrow)), 0, "left over");
    }

    /// @dev Every function that moves money is closed while a transfer runs.
    function test_a_token_with_hooks_cannot_come_back_in() public {
        HookToken hooked = new HookToken();
        use(hooked);
        PayrollReference.Position[] memory list = settledFirst();
        bytes32[] memory path = PayrollReference.path(id, list, 0);
        bytes[7] memory calls = [
            abi.encodeCall(escrow.claim, (terms, 0, workers[0], 300_000_000, path)),
            abi.encodeCall(escrow.claimMany, (terms, many(list))),
            abi.encodeCall(escrow.collectFee, (terms)),
            abi.encodeCall(escrow.collectBond, (terms, disputer)),
            abi.encodeCall(escrow.refund, (terms)),
            abi.encodeCall(escrow.deposit, (terms, 1)),
            abi.encodeCall(escrow.dispute, (terms, "reason"))
        ];
        for (uint256 i; i < calls.length; ++i) {
            hooked.arm(address(escrow), calls[i]);
            deposit(1);
            same(
                bytes32(hooked.answer()),
                bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector),
                "came back in"
            );
        }
        hooked.arm(address(escrow), abi.encodeCall(escrow.depositWithPermit, (terms, 1, 0, 0, 0, 0)));
        claim(list, 0);
        same(
            bytes32(hooked.answer()),
            bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector),
            "came back in"
        );
        same(token.balanceOf(address(escrow)), BUDGET + calls.length - 300_000_000, "balance");
    }
}
