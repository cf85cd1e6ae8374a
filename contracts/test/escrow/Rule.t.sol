// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {EscrowFixture} from "../utils/EscrowFixture.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";

contract RuleTest is EscrowFixture {
    function disputed() internal returns (bytes32 root) {
        deposit(BUDGET);
        root = post(first());
        dispute();
    }

    function test_only_the_arbiter_rules() public {
        disputed();
        address[4] memory others = [operator, requester, disputer, stranger];
        for (uint256 i; i < 4; ++i) {
            reverts(Types.NotArbiter.selector, others[i], arbiter);
            vm.prank(others[i]);
            escrow.rule(terms, lastEpoch, lastRoot, i % 2 == 0);
        }
    }

    function test_there_is_no_ruling_on_nothing() public {
        deposit(BUDGET);
        reverts(Types.NothingDisputed.selector);
        rule(true);
    }

    function test_there_is_no_ruling_without_a_dispute() public {
        deposit(BUDGET);
        post(first());
        reverts(Types.NothingDisputed.selector);
        rule(true);
        reverts(Types.NothingDisputed.selector);
        rule(false);
    }

    function test_there_is_one_ruling_a_dispute() public {
        disputed();
        rule(false);
        reverts(Types.NothingDisputed.selector);
        rule(true);
    }

    function ruleOther(
        uint32 epoch,
        bytes32 root
    ) internal {
        for (uint256 i; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Types.OtherPayroll.selector, lastEpoch, lastRoot));
            vm.prank(arbiter);
            escrow.rule(terms, epoch, root, i == 0);
        }
        stageIs(Types.Stage.Disputed);
    }

    function test_a_ruling_names_the_number_of_the_payroll() public {
        bytes32 root = disputed();
        ruleOther(0, root);
        ruleOther(2, root);
    }

    function test_a_ruling_names_the_root_of_the_payroll() public {
        disputed();
        ruleOther(1, bytes32(0));
        ruleOther(1, "another");
    }

    /// @dev The operator voids its own payroll, posts one that pays itself and has it disputed, before the ruling that
    /// lets the first one stand is mined.
    function test_a_ruling_does_not_fall_on_a_payroll_that_took_the_place() public {
        bytes32 judged = disputed();
        Types.Statement memory s = stated(operator, 1, 1);
        bytes memory signature = signed(s);
        escrow.enforceAbsent(terms, s, signature, PayrollReference.pack(first()));
        PayrollReference.Position[] memory list = first();
        list[0].account = operator;
        post(list);
        dispute();
        ruleOther(1, judged);
        ruleOther(2, judged);
        rule(true);
        stageIs(Types.Stage.Empty);
        same(state().settledTotal, 0, "settled total");
    }

    function test_a_ruling_is_within_two_windows() public {
        disputed();
        vm.warp(START + 2 * WINDOW);
        reverts(Types.RulingTooLate.selector, START + 2 * WINDOW);
        rule(true);
        reverts(Types.RulingTooLate.selector, START + 2 * WINDOW);
        rule(false);
        vm.warp(START + 2 * WINDOW - 1);
        rule(true);
        stageIs(Types.Stage.Empty);
        same(state().settledTotal, 0, "settled total");
    }

    function test_an_upheld_dispute_voids_the_payroll_and_returns_the_bond() public {
        bytes32 root = disputed();
        vm.warp(START + 50);
        emits();
        emit Types.Ruled(id, 1, root, true);
        emits();
        emit Types.Voided(id, 1, root);
        emits();
        emit Types.BondReleased(id, disputer, BOND);
        rule(true);
        isVoid();
        same(escrow.bondOf(id, disputer), BOND, "disputer's bond");
        same(escrow.bondOf(id, operator), 0, "operator's bond");
    }

    function test_the_operator_may_post_again_after_a_void_payroll() public {
        bytes32 root = disputed();
        rule(true);
        same(post(first()), root, "root");
        same(state().epoch, 2, "epoch");
        stageIs(Types.Stage.Pending);
    }

    function test_a_void_payroll_changes_nothing_that_is_settled() public {
        PayrollReference.Position[] memory list = settledFirst();
        PayrollReference.Position[] memory next = PayrollReference.settled(list);
        next[0].increase = 5;
        post(next);
        dispute();
        rule(true);
        same(state().settledRoot, PayrollReference.root(id, list), "settled root");
        same(state().settledTotal, 600_000_000, "settled total");
        same(state().settledEvidence, EVIDENCE, "settled evidence");
        same(claim(list, 0), 300_000_000, "claim");
    }

    function test_a_rejected_dispute_gives_the_bond_to_the_operator_and_the_payroll_its_window() public {
        bytes32 root = disputed();
        vm.warp(START + 50);
        Types.Campaign memory expected = state();
        expected.stage = Types.Stage.Confirmed;
        expected.disputedAt = uint40(START + 50);
        emits();
        emit Types.Ruled(id, 1, root, false);
        emits();
        emit Types.BondReleased(id, operator, BOND);
        rule(false);
        stateIs(expected);
        same(escrow.bondOf(id, operator), BOND, "operator's bond");
        same(escrow.bondOf(id, disputer), 0, "disputer's bond");
    }

    function test_a_ruling_after_the_window_settles_at_once() public {
        bytes32 root = disputed();
        vm.warp(START + WINDOW);
        emits();
        emit Types.Settled(id, 1, root, 600_000_000);
        rule(false);
        same(state().settledTotal, 600_000_000, "settled");
        same(state().idleSince, START + WINDOW, "idle since");
        same(state().disputer, address(0), "disputer");
        stageIs(Types.Stage.Empty);
        same(escrow.bondOf(id, disputer), 0, "disputer's bond");
    }

    function disputedAtTheDeadline() internal {
        deposit(BUDGET);
        vm.warp(DEADLINE - 1);
        post(first());
        dispute();
        vm.warp(DEADLINE + WINDOW + 77);
    }

    function test_silence_begins_when_a_payroll_was_let_stand_after_the_deadline() public {
        disputedAtTheDeadline();
        rule(false);
        same(state().settledTotal, 600_000_000, "settled");
        same(state().idleSince, DEADLINE + WINDOW + 77, "idle since");
        reverts(Types.TooEarly.selector, DEADLINE + 2 * uint256(WINDOW) + 77);
        escrow.refund(terms);
    }

    function test_silence_begins_when_a_payroll_was_voided_after_the_deadline() public {
        disputedAtTheDeadline();
        rule(true);
        same(state().settledTotal, 0, "settled");
        same(state().idleSince, DEADLINE + WINDOW + 77, "idle since");
        reverts(Types.TooEarly.selector, DEADLINE + 2 * uint256(WINDOW) + 77);
        escrow.refund(terms);
    }
}
