// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes} from "../src/ICampaignEscrowTypes.sol";
import {Payroll} from "../src/libraries/Payroll.sol";
import {EscrowFixture} from "./utils/EscrowFixture.sol";
import {PayrollReference} from "./utils/PayrollReference.sol";

/// @dev Posting, settling, disputing and ruling.
contract EscrowPayrollTest is EscrowFixture {
    function test_a_payroll_is_posted() public {
        deposit(BUDGET);
        bytes32 expected = PayrollReference.root(id, first());
        vm.expectEmit(true, true, true, true, address(escrow));
        emit ICampaignEscrowTypes.Posted(id, 1, expected, 600_000_000, 3, EVIDENCE);
        same(post(first()), expected, "root");
        ICampaignEscrowTypes.Campaign memory c = state();
        same(c.pendingRoot, expected, "pending root");
        same(c.pendingTotal, 600_000_000, "pending total");
        same(c.pendingCount, 3, "pending count");
        same(c.epoch, 1, "epoch");
        same(c.evidence, EVIDENCE, "evidence");
        same(c.postedAt, START, "posted at");
        same(c.settledTotal, 0, "nothing is settled yet");
        stageIs(ICampaignEscrowTypes.Stage.Pending);
    }

    function test_only_the_operator_posts() public {
        deposit(BUDGET);
        bytes memory entries = PayrollReference.pack(first());
        reverts(ICampaignEscrowTypes.NotOperator.selector, requester, operator);
        vm.prank(requester);
        escrow.post(terms, entries, EVIDENCE);
    }

    function test_posting_ends_at_the_deadline() public {
        deposit(BUDGET);
        bytes memory entries = PayrollReference.pack(first());
        vm.warp(DEADLINE);
        reverts(ICampaignEscrowTypes.DeadlinePassed.selector, uint256(DEADLINE));
        vm.prank(operator);
        escrow.post(terms, entries, EVIDENCE);
        vm.warp(DEADLINE - 1);
        post(first());
    }

    function test_nothing_is_posted_over_a_pending_payroll() public {
        deposit(BUDGET);
        bytes32 root = post(first());
        bytes memory entries = PayrollReference.pack(first());
        pendingRefused(root, entries);
        dispute();
        pendingRefused(root, entries);
        rule(false);
        pendingRefused(root, entries);
    }

    function pendingRefused(
        bytes32 root,
        bytes memory entries
    ) internal {
        vm.expectRevert(abi.encodeWithSelector(ICampaignEscrowTypes.PayrollPending.selector, root));
        vm.prank(operator);
        escrow.post(terms, entries, EVIDENCE);
    }

    function test_evidence_is_between_what_is_settled_and_the_latest_head() public {
        deposit(BUDGET);
        evidenceRefused(0, 0);
        evidenceRefused(EVIDENCE + 1, 0);
        post(first());
        vm.warp(START + WINDOW);
        evidenceRefused(EVIDENCE - 1, EVIDENCE);
    }

    function evidenceRefused(
        uint64 evidence,
        uint64 settled
    ) internal {
        bytes memory entries = PayrollReference.pack(first());
        vm.expectRevert(
            abi.encodeWithSelector(
                ICampaignEscrowTypes.EvidenceOutOfRange.selector, evidence, settled, EVIDENCE
            )
        );
        vm.prank(operator);
        escrow.post(terms, entries, evidence);
    }

    /// @dev 600 million and a fee of a tenth need 660 million, to the unit.
    function test_total_and_fee_are_within_the_deposit() public {
        deposit(659_999_999);
        bytes memory entries = PayrollReference.pack(first());
        reverts(ICampaignEscrowTypes.InsufficientDeposit.selector, 660_000_000, uint256(659_999_999));
        vm.prank(operator);
        escrow.post(terms, entries, EVIDENCE);
        deposit(1);
        post(first());
    }

    function test_a_payroll_needs_a_campaign_that_was_opened() public {
        bytes memory entries = PayrollReference.pack(first());
        vm.expectRevert(abi.encodeWithSelector(ICampaignEscrowTypes.UnknownCampaign.selector, id));
        vm.prank(operator);
        escrow.post(terms, entries, EVIDENCE);
    }

    /// @dev It would need no money, and only a deposit checks the terms.
    function test_a_payroll_of_zeros_needs_an_opened_campaign_too() public {
        uint64[3] memory none;
        bytes memory entries = PayrollReference.pack(positions(none, none));
        (terms.window, terms.feeBps, terms.arbiter) = (0, type(uint16).max, operator);
        vm.expectRevert(
            abi.encodeWithSelector(ICampaignEscrowTypes.UnknownCampaign.selector, escrow.idOf(terms))
        );
        vm.prank(operator);
        escrow.post(terms, entries, EVIDENCE);
    }

    function test_an_opened_campaign_takes_a_payroll_of_zeros() public {
        uint64[3] memory none;
        deposit(1);
        PayrollReference.Position[] memory list = positions(none, none);
        same(post(list), PayrollReference.root(id, list), "root");
        same(state().pendingTotal, 0, "pending total");
    }

    /// @dev A dispute on which the arbiter is silent can outlast the deadline, and what was earned since the payroll
    /// goes back to the requester.
    function test_a_dispute_near_the_deadline_leaves_no_time_for_another_payroll() public {
        deposit(BUDGET);
        vm.warp(DEADLINE - 2 * WINDOW);
        bytes32 root = post(first());
        vm.warp(DEADLINE - WINDOW - 1);
        dispute();
        uint64[3] memory before = [uint64(300_000_000), 200_000_000, 100_000_000];
        bytes memory entries = PayrollReference.pack(positions(before, [uint64(5), 0, 0]));
        vm.warp(DEADLINE - 1);
        pendingRefused(root, entries);
        vm.warp(DEADLINE + WINDOW - 1);
        reverts(ICampaignEscrowTypes.DeadlinePassed.selector, uint256(DEADLINE));
        vm.prank(operator);
        escrow.post(terms, entries, EVIDENCE);
        vm.warp(DEADLINE + 2 * WINDOW - 1);
        same(escrow.refund(terms), 340_000_000, "refund");
    }

    function test_a_payroll_settles_when_its_window_has_passed() public {
        deposit(BUDGET);
        bytes32 root = post(first());
        reverts(ICampaignEscrowTypes.TooEarly.selector, START + WINDOW);
        escrow.settle(terms);
        vm.warp(START + WINDOW - 1);
        reverts(ICampaignEscrowTypes.TooEarly.selector, START + WINDOW);
        escrow.settle(terms);
        vm.warp(START + WINDOW);
        vm.expectEmit(true, true, true, true, address(escrow));
        emit ICampaignEscrowTypes.Settled(id, 1, root, 600_000_000);
        vm.prank(stranger);
        escrow.settle(terms);
        ICampaignEscrowTypes.Campaign memory c = state();
        same(c.settledRoot, root, "settled root");
        same(c.settledTotal, 600_000_000, "settled total");
        same(c.settledCount, 3, "settled count");
        same(c.pendingRoot, 0, "pending root");
        same(c.pendingTotal, 0, "pending total");
        same(c.pendingCount, 0, "pending count");
        same(c.postedAt, 0, "posted at");
        same(c.evidence, 0, "evidence");
        stageIs(ICampaignEscrowTypes.Stage.Empty);
    }

    function test_nothing_settles_when_nothing_is_pending() public {
        reverts(ICampaignEscrowTypes.NothingPending.selector);
        escrow.settle(terms);
    }

    function test_posting_settles_what_is_due_and_builds_on_it() public {
        deposit(BUDGET);
        post(first());
        vm.warp(START + WINDOW);
        uint64[3] memory before = [uint64(300_000_000), 200_000_000, 100_000_000];
        bytes32 root = post(positions(before, [uint64(0), 1, 2]));
        ICampaignEscrowTypes.Campaign memory c = state();
        same(c.settledTotal, 600_000_000, "settled");
        same(c.pendingTotal, 600_000_003, "pending");
        same(c.pendingRoot, root, "root");
        same(c.epoch, 2, "epoch");
    }

    function test_a_payroll_starts_from_what_is_settled() public {
        settledFirst();
        uint64[3] memory lowered = [uint64(299_999_999), 200_000_000, 100_000_000];
        PayrollReference.Position[] memory list = positions(lowered, [uint64(1), 0, 0]);
        bytes memory entries = PayrollReference.pack(list);
        bytes32 settledRoot = state().settledRoot;
        list[0].increase = 0;
        reverts(Payroll.SettledRootMismatch.selector, PayrollReference.root(id, list), settledRoot);
        vm.prank(operator);
        escrow.post(terms, entries, EVIDENCE);
    }

    function test_a_dispute_takes_the_bond_and_freezes() public {
        deposit(BUDGET);
        bytes32 root = post(first());
        vm.warp(START + WINDOW - 1);
        vm.expectEmit(true, true, true, true, address(escrow));
        emit ICampaignEscrowTypes.Disputed(id, 1, root, disputer, "reason");
        dispute();
        same(token.balanceOf(address(escrow)), BUDGET + BOND, "balance");
        same(state().disputer, disputer, "disputer");
        same(state().disputedAt, START + WINDOW - 1, "disputed at");
        stageIs(ICampaignEscrowTypes.Stage.Disputed);
        vm.warp(START + WINDOW);
        reverts(ICampaignEscrowTypes.TooEarly.selector, START + WINDOW - 1 + 2 * WINDOW);
        escrow.settle(terms);
    }

    function test_a_dispute_is_inside_the_window() public {
        deposit(BUDGET);
        reverts(ICampaignEscrowTypes.NothingPending.selector);
        dispute();
        post(first());
        vm.warp(START + WINDOW);
        reverts(ICampaignEscrowTypes.WindowClosed.selector, START + WINDOW);
        dispute();
    }

    function test_a_dispute_needs_the_bond() public {
        deposit(BUDGET);
        post(first());
        vm.expectRevert(
            abi.encodeWithSignature(
                "ERC20InsufficientAllowance(address,uint256,uint256)", address(escrow), 0, BOND
            )
        );
        vm.prank(stranger);
        escrow.dispute(terms, "reason");
    }

    function test_a_payroll_is_disputed_once() public {
        deposit(BUDGET);
        bytes32 root = post(first());
        dispute();
        vm.expectRevert(abi.encodeWithSelector(ICampaignEscrowTypes.AlreadyDisputed.selector, root));
        dispute();
        rule(false);
        vm.expectRevert(abi.encodeWithSelector(ICampaignEscrowTypes.AlreadyDisputed.selector, root));
        dispute();
    }

    function test_an_upheld_dispute_voids_the_payroll_and_returns_the_bond() public {
        deposit(BUDGET);
        bytes32 root = post(first());
        dispute();
        vm.expectEmit(true, true, true, true, address(escrow));
        emit ICampaignEscrowTypes.Ruled(id, 1, root, true);
        vm.expectEmit(true, true, true, true, address(escrow));
        emit ICampaignEscrowTypes.Voided(id, 1, root);
        vm.expectEmit(true, true, true, true, address(escrow));
        emit ICampaignEscrowTypes.BondReleased(id, disputer, BOND);
        rule(true);
        stageIs(ICampaignEscrowTypes.Stage.Empty);
        same(state().pendingRoot, 0, "pending root");
        same(state().settledTotal, 0, "settled total");
        same(state().disputer, address(0), "disputer");
        same(state().disputedAt, 0, "disputed at");
        collectBond(disputer, BOND);
        same(post(first()), root, "the operator may post again");
        same(state().epoch, 2, "epoch");
    }

    function collectBond(
        address account,
        uint256 amount
    ) internal {
        uint256 before = token.balanceOf(account);
        same(escrow.bondOf(id, account), amount, "bond waiting");
        vm.expectEmit(true, true, true, true, address(escrow));
        emit ICampaignEscrowTypes.BondReturned(id, account, amount);
        vm.prank(stranger);
        same(escrow.collectBond(terms, account), amount, "bond paid");
        same(token.balanceOf(account), before + amount, "balance");
        reverts(ICampaignEscrowTypes.NothingDue.selector, account, uint256(0));
        escrow.collectBond(terms, account);
    }

    function test_a_rejected_dispute_gives_the_bond_to_the_operator_and_the_payroll_its_window() public {
        deposit(BUDGET);
        post(first());
        dispute();
        rule(false);
        stageIs(ICampaignEscrowTypes.Stage.Confirmed);
        collectBond(operator, BOND);
        vm.warp(START + WINDOW - 1);
        reverts(ICampaignEscrowTypes.TooEarly.selector, START + WINDOW);
        escrow.settle(terms);
        vm.warp(START + WINDOW);
        escrow.settle(terms);
        same(state().settledTotal, 600_000_000, "settled");
        same(escrow.bondOf(id, disputer), 0, "nothing for the disputer");
    }

    function test_a_ruling_after_the_window_settles_at_once() public {
        deposit(BUDGET);
        post(first());
        dispute();
        vm.warp(START + WINDOW);
        rule(false);
        same(state().settledTotal, 600_000_000, "settled");
        stageIs(ICampaignEscrowTypes.Stage.Empty);
    }

    function test_an_arbiter_that_stays_silent_lets_the_payroll_settle() public {
        deposit(BUDGET);
        post(first());
        vm.warp(START + 100);
        dispute();
        uint256 lapse = START + 100 + 2 * WINDOW;
        vm.warp(lapse - 1);
        reverts(ICampaignEscrowTypes.TooEarly.selector, lapse);
        escrow.settle(terms);
        vm.warp(lapse);
        reverts(ICampaignEscrowTypes.RulingTooLate.selector, lapse);
        rule(true);
        escrow.settle(terms);
        same(state().settledTotal, 600_000_000, "settled");
        collectBond(disputer, BOND);
    }

    function test_collecting_a_bond_settles_a_lapsed_dispute_first() public {
        deposit(BUDGET);
        post(first());
        dispute();
        vm.warp(START + 2 * WINDOW);
        same(escrow.collectBond(terms, disputer), BOND, "bond");
        same(state().settledTotal, 600_000_000, "settled");
    }

    function test_only_the_arbiter_rules_and_only_on_a_dispute() public {
        deposit(BUDGET);
        reverts(ICampaignEscrowTypes.NothingDisputed.selector);
        rule(true);
        post(first());
        reverts(ICampaignEscrowTypes.NothingDisputed.selector);
        rule(true);
        dispute();
        reverts(ICampaignEscrowTypes.NotArbiter.selector, operator, arbiter);
        vm.prank(operator);
        escrow.rule(terms, false);
        rule(false);
        reverts(ICampaignEscrowTypes.NothingDisputed.selector);
        rule(true);
    }

    function test_a_bond_can_be_zero() public {
        terms.bond = 0;
        id = escrow.idOf(terms);
        deposit(BUDGET);
        post(first());
        vm.prank(stranger);
        escrow.dispute(terms, "reason");
        rule(true);
        reverts(ICampaignEscrowTypes.NothingDue.selector, stranger, uint256(0));
        escrow.collectBond(terms, stranger);
    }
}
