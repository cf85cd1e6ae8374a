// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {EscrowFixture} from "../utils/EscrowFixture.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";

contract SettleTest is EscrowFixture {
    bytes32 internal root;

    function setUp() public override {
        super.setUp();
        deposit(BUDGET);
    }

    function settledWith(
        uint256 time
    ) internal view {
        Types.Campaign memory expected;
        expected.deposited = uint128(BUDGET);
        expected.settledRoot = root;
        expected.settledTotal = 600_000_000;
        expected.settledCount = 3;
        expected.settledEvidence = uint40(EVIDENCE);
        expected.epoch = 1;
        expected.idleSince = uint40(time);
        stateIs(expected);
    }

    function tooEarly(
        uint256 until
    ) internal {
        reverts(Types.TooEarly.selector, until);
        escrow.settle(terms);
    }

    function test_nothing_settles_when_nothing_is_pending() public {
        reverts(Types.NothingPending.selector);
        escrow.settle(terms);
    }

    /// @dev Not in the second of posting either, nor in the last one of the window.
    function test_a_payroll_waits_for_its_window() public {
        root = post(first());
        tooEarly(START + WINDOW);
        vm.warp(START + WINDOW - 1);
        tooEarly(START + WINDOW);
    }

    function test_a_payroll_settles_when_its_window_has_passed() public {
        root = post(first());
        vm.warp(START + WINDOW);
        emits();
        emit Types.Settled(id, 1, root, 600_000_000);
        vm.prank(stranger);
        escrow.settle(terms);
        settledWith(START + WINDOW);
    }

    function test_a_payroll_that_settles_late_ended_when_it_was_due() public {
        root = post(first());
        vm.warp(START + 9 * WINDOW);
        escrow.settle(terms);
        settledWith(START + WINDOW);
    }

    function test_a_disputed_payroll_waits_for_the_arbiter() public {
        root = post(first());
        vm.warp(START + WINDOW - 1);
        dispute();
        tooEarly(START + WINDOW - 1 + 2 * WINDOW);
        vm.warp(START + WINDOW - 1 + 2 * WINDOW - 1);
        tooEarly(START + WINDOW - 1 + 2 * WINDOW);
    }

    function test_an_arbiter_that_stays_silent_lets_the_payroll_settle() public {
        root = post(first());
        vm.warp(START + 100);
        dispute();
        vm.warp(START + 100 + 2 * WINDOW);
        emits();
        emit Types.BondReleased(id, disputer, BOND);
        emits();
        emit Types.Settled(id, 1, root, 600_000_000);
        escrow.settle(terms);
        settledWith(START + 100 + 2 * WINDOW);
        same(escrow.bondOf(id, disputer), BOND, "disputer's bond");
        same(escrow.bondOf(id, operator), 0, "operator's bond");
    }

    function test_a_payroll_that_was_let_stand_waits_for_its_window() public {
        root = post(first());
        vm.warp(START + 100);
        dispute();
        vm.warp(START + 200);
        rule(false);
        tooEarly(START + WINDOW);
        vm.warp(START + WINDOW - 1);
        tooEarly(START + WINDOW);
    }

    /// @dev The dispute does not start its window anew.
    function test_a_payroll_that_was_let_stand_settles_when_its_window_has_passed() public {
        root = post(first());
        vm.warp(START + WINDOW - 2);
        dispute();
        rule(false);
        vm.warp(START + WINDOW);
        escrow.settle(terms);
        settledWith(START + WINDOW);
        same(escrow.bondOf(id, disputer), 0, "disputer's bond");
        same(escrow.bondOf(id, operator), BOND, "operator's bond");
    }

    function test_a_later_payroll_replaces_what_is_settled() public {
        root = post(first());
        vm.warp(START + WINDOW);
        claim(first(), 0);
        PayrollReference.Position[] memory list = PayrollReference.settled(first());
        list[0].increase = 1;
        bytes32 next = post(list);
        vm.warp(START + 2 * WINDOW);
        emits();
        emit Types.Settled(id, 2, next, 600_000_001);
        escrow.settle(terms);
        same(state().settledRoot, next, "settled root");
        same(state().settledTotal, 600_000_001, "settled total");
        same(state().claimed, 300_000_000, "claimed");
        same(state().idleSince, START + 2 * WINDOW, "idle since");
    }

    function testFuzz_a_payroll_settles_when_its_time_has_come(
        uint256 disputed,
        uint256 ruled,
        uint256 time,
        uint8 life
    ) public {
        root = post(first());
        uint256 due = START + WINDOW;
        if (life % 3 != 0) {
            disputed = START + bound(disputed, 0, WINDOW - 1);
            vm.warp(disputed);
            dispute();
            due = disputed + 2 * WINDOW;
        }
        if (life % 3 == 2) {
            ruled = disputed + bound(ruled, 0, 2 * WINDOW - 1);
            vm.warp(ruled);
            rule(false);
            due = ruled > START + WINDOW ? ruled : START + WINDOW;
        }
        time = bound(time, block.timestamp, START + 4 * WINDOW);
        vm.warp(time);
        if (state().stage == Types.Stage.Empty) {
            same(due, ruled, "a ruling after the window settles by itself");
        } else {
            if (time < due) reverts(Types.TooEarly.selector, due);
            escrow.settle(terms);
        }
        if (time >= due) settledWith(due);
        else same(state().settledRoot, 0, "nothing settled");
    }
}
