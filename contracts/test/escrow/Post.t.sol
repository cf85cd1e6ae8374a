// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {Payroll} from "../../src/libraries/Payroll.sol";
import {EscrowFixture} from "../utils/EscrowFixture.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";

contract PostTest is EscrowFixture {
    /// @dev The operator tries; what reverts is said by the test before.
    function tryToPost(
        PayrollReference.Position[] memory list,
        uint64 evidence
    ) internal {
        bytes memory entries = PayrollReference.pack(list);
        vm.prank(operator);
        escrow.post(terms, entries, evidence);
    }

    /// @dev 300, 200 and 100 million settled, and nothing new.
    function second() internal view returns (PayrollReference.Position[] memory) {
        return PayrollReference.settled(first());
    }

    function test_only_the_operator_posts() public {
        deposit(BUDGET);
        bytes memory entries = PayrollReference.pack(first());
        address[3] memory others = [requester, arbiter, stranger];
        for (uint256 i; i < 3; ++i) {
            reverts(Types.NotOperator.selector, others[i], operator);
            vm.prank(others[i]);
            escrow.post(terms, entries, EVIDENCE);
        }
    }

    function test_posting_ends_at_the_deadline() public {
        deposit(BUDGET);
        vm.warp(DEADLINE);
        reverts(Types.DeadlinePassed.selector, uint256(DEADLINE));
        tryToPost(first(), EVIDENCE);
        vm.warp(DEADLINE - 1);
        post(first());
        stageIs(Types.Stage.Pending);
    }

    function test_a_payroll_needs_a_campaign_that_was_opened() public {
        reverts(Types.UnknownCampaign.selector, id);
        tryToPost(first(), EVIDENCE);
    }

    /// @dev It would need no money, and only a deposit checks the terms.
    function test_a_payroll_of_zeros_needs_an_opened_campaign_too() public {
        uint64[3] memory none;
        (terms.window, terms.feeBps, terms.arbiter) = (0, type(uint16).max, operator);
        reverts(Types.UnknownCampaign.selector, escrow.idOf(terms));
        tryToPost(positions(none, none), EVIDENCE);
    }

    function test_nothing_is_posted_over_a_pending_payroll() public {
        deposit(BUDGET);
        bytes32 root = post(first());
        vm.warp(START + WINDOW - 1);
        reverts(Types.PayrollPending.selector, root);
        tryToPost(first(), EVIDENCE);
    }

    function test_nothing_is_posted_over_a_disputed_payroll() public {
        deposit(BUDGET);
        bytes32 root = post(first());
        dispute();
        vm.warp(START + 2 * WINDOW - 1);
        reverts(Types.PayrollPending.selector, root);
        tryToPost(first(), EVIDENCE);
    }

    function test_nothing_is_posted_over_a_payroll_that_was_let_stand() public {
        deposit(BUDGET);
        bytes32 root = post(first());
        dispute();
        rule(false);
        vm.warp(START + WINDOW - 1);
        reverts(Types.PayrollPending.selector, root);
        tryToPost(first(), EVIDENCE);
    }

    function evidenceRefused(
        uint64 evidence,
        uint64 settled
    ) internal {
        vm.expectRevert(
            abi.encodeWithSelector(Types.EvidenceOutOfRange.selector, evidence, settled, EVIDENCE)
        );
        tryToPost(first(), evidence);
    }

    function test_a_payroll_from_no_entries_of_the_log_is_refused() public {
        deposit(BUDGET);
        evidenceRefused(0, 0);
    }

    function test_a_payroll_from_entries_beyond_the_latest_head_is_refused() public {
        deposit(BUDGET);
        evidenceRefused(EVIDENCE + 1, 0);
        evidenceRefused(type(uint64).max, 0);
    }

    function test_a_payroll_from_fewer_entries_than_the_settled_one_is_refused() public {
        settledFirst();
        evidenceRefused(EVIDENCE - 1, EVIDENCE);
    }

    function test_a_payroll_can_be_from_the_entries_of_the_settled_one() public {
        settledFirst();
        tryToPost(second(), EVIDENCE);
        same(state().evidence, EVIDENCE, "evidence");
        same(state().settledEvidence, EVIDENCE, "settled evidence");
    }

    function test_evidence_can_be_any_number_of_entries_up_to_the_latest_head() public {
        deposit(BUDGET);
        tryToPost(first(), 1);
        same(state().evidence, 1, "evidence");
        vm.warp(START + WINDOW);
        tryToPost(second(), EVIDENCE - 1);
        same(state().evidence, EVIDENCE - 1, "evidence");
        same(state().settledEvidence, 1, "settled evidence");
    }

    function test_a_payroll_of_nobody_is_refused() public {
        deposit(BUDGET);
        reverts(Payroll.NoEntries.selector);
        tryToPost(new PayrollReference.Position[](0), EVIDENCE);
    }

    function test_ragged_entries_are_refused() public {
        deposit(BUDGET);
        bytes memory entries = bytes.concat(PayrollReference.pack(first()), hex"00");
        reverts(Payroll.RaggedEntries.selector, uint256(3 * 36 + 1));
        vm.prank(operator);
        escrow.post(terms, entries, EVIDENCE);
    }

    /// @dev So many positions of one unit each, of accounts 1, 2, 3, …
    function many(
        uint256 count
    ) internal pure returns (bytes memory entries) {
        entries = new bytes(36 * count);
        for (uint256 i; i < count; ++i) {
            uint256 head = (i + 1) << 96; // the account, and 12 of the 16 bytes of its amounts
            assembly ("memory-safe") {
                let at := add(add(entries, 0x20), mul(36, i))
                mstore(at, head)
                mstore8(add(at, 35), 1)
            }
        }
    }

    function test_a_payroll_has_no_more_positions_than_one_transaction_can_show() public {
        deposit(BUDGET);
        bytes memory entries = many(4_097);
        reverts(Payroll.TooManyPositions.selector, uint256(4_097));
        vm.prank(operator);
        escrow.post(terms, entries, EVIDENCE);
    }

    function test_a_payroll_can_have_4096_positions() public {
        deposit(BUDGET);
        bytes memory entries = many(4_096);
        vm.prank(operator);
        escrow.post(terms, entries, EVIDENCE);
        same(state().pendingCount, 4_096, "pending count");
        same(state().pendingTotal, 4_096, "pending total");
    }

    function test_a_settled_position_cannot_be_left_out() public {
        settledFirst();
        PayrollReference.Position[] memory list = second();
        assembly ("memory-safe") {
            mstore(list, 2)
        }
        reverts(Payroll.PositionsDropped.selector, uint256(2), uint256(3));
        tryToPost(list, EVIDENCE);
    }

    function test_a_settled_account_cannot_be_replaced() public {
        settledFirst();
        PayrollReference.Position[] memory list = second();
        list[2].account = stranger;
        bytes32 rebuilt = PayrollReference.root(id, list);
        reverts(Payroll.SettledRootMismatch.selector, rebuilt, state().settledRoot);
        tryToPost(list, EVIDENCE);
    }

    function test_a_settled_amount_cannot_be_lowered() public {
        settledFirst();
        PayrollReference.Position[] memory list = second();
        list[0].soFar -= 1;
        bytes32 rebuilt = PayrollReference.root(id, list);
        list[0].increase = 1;
        reverts(Payroll.SettledRootMismatch.selector, rebuilt, state().settledRoot);
        tryToPost(list, EVIDENCE);
    }

    function test_the_zero_account_has_no_position() public {
        deposit(BUDGET);
        PayrollReference.Position[] memory list = first();
        list[1].account = address(0);
        vm.expectRevert(abi.encodeWithSelector(Payroll.UnpayableAccount.selector, 1, address(0)));
        tryToPost(list, EVIDENCE);
    }

    function test_the_escrow_has_no_position() public {
        deposit(BUDGET);
        PayrollReference.Position[] memory list = first();
        list[2].account = address(escrow);
        vm.expectRevert(abi.encodeWithSelector(Payroll.UnpayableAccount.selector, 2, address(escrow)));
        tryToPost(list, EVIDENCE);
    }

    function test_an_amount_beyond_64_bits_is_refused() public {
        settledFirst();
        PayrollReference.Position[] memory list = second();
        list[0].increase = type(uint64).max;
        reverts(Payroll.AmountTooLarge.selector, uint256(0), uint256(type(uint64).max) + 300_000_000);
        tryToPost(list, EVIDENCE);
    }

    /// @dev 600 million and a fee of a tenth need 660 million, to the unit.
    function test_total_and_fee_are_within_the_deposit() public {
        deposit(659_999_999);
        reverts(Types.InsufficientDeposit.selector, uint256(660_000_000), uint256(659_999_999));
        tryToPost(first(), EVIDENCE);
    }

    function test_the_fee_is_part_of_what_a_payroll_needs() public {
        deposit(600_000_000);
        reverts(Types.InsufficientDeposit.selector, uint256(660_000_000), uint256(600_000_000));
        tryToPost(first(), EVIDENCE);
    }

    function test_a_payroll_may_use_the_deposit_up() public {
        deposit(660_000_000);
        post(first());
        same(state().pendingTotal, 600_000_000, "pending total");
    }

    function test_what_was_paid_out_is_not_there_for_another_payroll() public {
        deposit(660_000_000);
        post(first());
        vm.warp(START + WINDOW);
        for (uint256 i; i < 3; ++i) {
            claim(first(), i);
        }
        escrow.collectFee(terms);
        PayrollReference.Position[] memory list = second();
        list[0].increase = 1;
        reverts(Types.InsufficientDeposit.selector, uint256(660_000_001), uint256(660_000_000));
        tryToPost(list, EVIDENCE);
    }

    function test_an_opened_campaign_takes_a_payroll_of_zeros() public {
        uint64[3] memory none;
        deposit(1);
        PayrollReference.Position[] memory list = positions(none, none);
        same(post(list), PayrollReference.root(id, list), "root");
        same(state().pendingTotal, 0, "pending total");
        same(state().pendingCount, 3, "pending count");
    }

    function test_a_payroll_is_posted() public {
        deposit(BUDGET);
        vm.warp(START + 7);
        Types.Campaign memory expected = state();
        expected.pendingRoot = PayrollReference.root(id, first());
        expected.pendingTotal = 600_000_000;
        expected.pendingCount = 3;
        expected.epoch = 1;
        expected.evidence = uint40(EVIDENCE);
        expected.postedAt = uint40(START) + 7;
        expected.stage = Types.Stage.Pending;
        emits();
        emit Types.Posted(id, 1, expected.pendingRoot, 600_000_000, 3, EVIDENCE);
        same(post(first()), expected.pendingRoot, "root");
        stateIs(expected);
        same(token.balanceOf(address(escrow)), BUDGET, "balance");
    }

    function test_posting_settles_what_is_due_and_builds_on_it() public {
        deposit(BUDGET);
        bytes32 root = post(first());
        vm.warp(START + WINDOW + 9);
        PayrollReference.Position[] memory list = second();
        (list[1].increase, list[2].increase) = (1, 2);
        emits();
        emit Types.Settled(id, 1, root, 600_000_000);
        emits();
        emit Types.Posted(id, 2, PayrollReference.root(id, list), 600_000_003, 3, EVIDENCE);
        tryToPost(list, EVIDENCE);
        Types.Campaign memory c = state();
        same(c.settledRoot, root, "settled root");
        same(c.settledTotal, 600_000_000, "settled");
        same(c.pendingTotal, 600_000_003, "pending");
        same(c.postedAt, START + WINDOW + 9, "posted at");
        same(c.idleSince, START + WINDOW, "idle since");
        same(c.epoch, 2, "epoch");
    }

    function test_a_void_payroll_leaves_no_trace_in_the_next() public {
        settledFirst();
        PayrollReference.Position[] memory list = second();
        list[0].increase = 5;
        post(list);
        dispute();
        rule(true);
        list[0].increase = 3;
        post(list);
        same(state().pendingTotal, 600_000_003, "pending");
        same(state().epoch, 3, "epoch");
        same(state().disputedAt, 0, "disputed at");
        stageIs(Types.Stage.Pending);
    }

    /// @dev What was earned since the disputed payroll is then redeemed, or goes back to the requester.
    function test_a_dispute_near_the_deadline_leaves_no_time_for_another_payroll() public {
        deposit(BUDGET);
        vm.warp(DEADLINE - 2 * WINDOW);
        bytes32 root = post(first());
        vm.warp(DEADLINE - WINDOW - 1);
        dispute();
        PayrollReference.Position[] memory list = second();
        list[0].increase = 5;
        vm.warp(DEADLINE - 1);
        reverts(Types.PayrollPending.selector, root);
        tryToPost(list, EVIDENCE);
        vm.warp(DEADLINE + WINDOW - 1);
        reverts(Types.DeadlinePassed.selector, uint256(DEADLINE));
        tryToPost(list, EVIDENCE);
        escrow.settle(terms);
        vm.warp(DEADLINE + 2 * WINDOW - 1);
        same(escrow.refund(terms), 340_000_000, "refund");
    }

    /// @dev One byte of a true update is changed, or none.
    function testFuzz_an_update_keeps_every_account_and_amount(
        uint64[3] memory amounts,
        uint32[3] memory increases,
        uint256 at,
        uint8 flip
    ) public {
        uint64[3] memory none;
        for (uint256 i; i < 3; ++i) {
            amounts[i] = uint64(bound(amounts[i], 0, type(uint64).max >> 8));
        }
        provide(requester, type(uint96).max);
        deposit(type(uint96).max);
        post(positions(none, amounts));
        vm.warp(START + WINDOW);
        escrow.settle(terms);
        bytes32 settledRoot = state().settledRoot;
        bytes memory entries =
            PayrollReference.pack(positions(amounts, [increases[0], increases[1], uint64(increases[2])]));
        at = at % entries.length;
        bool past = at % 36 < 28; // a byte of an account or of an amount so far
        if (past) entries[at] = bytes1(uint8(entries[at]) ^ flip);
        vm.prank(operator);
        (bool accepted, bytes memory answer) =
            address(escrow).call(abi.encodeCall(escrow.post, (terms, entries, EVIDENCE)));
        yes(accepted == (!past || flip == 0), "accepted if and only if the past is true");
        if (accepted) {
            uint256 added = uint256(increases[0]) + increases[1] + increases[2];
            same(state().pendingTotal, state().settledTotal + added, "pending total");
            same(state().pendingCount, 3, "pending count");
        } else {
            yes(bytes4(answer) == Payroll.SettledRootMismatch.selector, "why");
            same(state().settledRoot, settledRoot, "settled root");
            stageIs(Types.Stage.Empty);
        }
    }
}
