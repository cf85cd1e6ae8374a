// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ProvenanceLog} from "../src/ProvenanceLog.sol";
import {LogFixture} from "./utils/LogFixture.sol";

contract ProvenanceLogOperatorTest is LogFixture {
    uint256 internal constant START = 1_800_000_000;
    address internal next = named("next");
    address internal other = named("other");

    function setUp() public {
        vm.warp(START);
    }

    function propose(
        address account
    ) internal {
        vm.prank(log.operator());
        log.proposeOperator(account);
    }

    function accept(
        address account
    ) internal {
        vm.prank(account);
        log.acceptOperator();
    }

    function proposed(
        address account,
        uint256 from
    ) internal view {
        (address found, uint64 since) = log.nextOperator();
        same(found, account, "next");
        same(since, from, "from");
    }

    function notProposed(
        address caller,
        address expected
    ) internal {
        reverts(ProvenanceLog.NotProposed.selector, caller, expected);
        accept(caller);
    }

    function test_proposeOperator_refuses_anybody_but_the_operator() public {
        propose(next);
        for (uint256 i; i < 2; ++i) {
            address caller = i == 0 ? stranger : next;
            reverts(ProvenanceLog.NotOperator.selector, caller, operator);
            vm.prank(caller);
            log.proposeOperator(caller);
        }
        proposed(next, START + 7 days);
    }

    function test_proposeOperator_withdraws_with_the_zero_address() public {
        propose(next);
        vm.expectEmit(true, false, false, true, address(log));
        emit ProvenanceLog.OperatorProposed(address(0), 0);
        propose(address(0));
        proposed(address(0), 0);
    }

    function test_proposeOperator_replaces_another_proposal_with_a_new_delay() public {
        propose(next);
        vm.warp(START + 7 days - 1);
        propose(other);
        proposed(other, START + 14 days - 1);
        propose(next);
        proposed(next, START + 14 days - 1);
        vm.warp(START + 14 days - 2);
        reverts(ProvenanceLog.TooEarly.selector, START + 14 days - 1);
        accept(next);
    }

    function test_proposeOperator_stores_and_announces_it() public {
        proposed(address(0), 0);
        same(log.ROTATION_DELAY(), 7 days, "delay");
        vm.expectEmit(true, false, false, true, address(log));
        emit ProvenanceLog.OperatorProposed(next, uint64(START + 7 days));
        propose(next);
        proposed(next, START + 7 days);
    }

    function test_proposeOperator_leaves_the_operator_in_office() public {
        propose(next);
        same(log.operator(), operator, "operator");
        anchor(5, START + 8 days);
        reverts(ProvenanceLog.NotOperator.selector, next, operator);
        vm.prank(next);
        log.anchor(9, "root", none);
    }

    function test_acceptOperator_refuses_when_nobody_is_proposed() public {
        notProposed(stranger, address(0));
        notProposed(operator, address(0));
    }

    function test_acceptOperator_refuses_anybody_but_the_proposed() public {
        propose(next);
        vm.warp(START + 7 days);
        notProposed(stranger, next);
        notProposed(operator, next);
        same(log.operator(), operator, "operator");
    }

    function test_acceptOperator_refuses_who_was_withdrawn_or_replaced() public {
        propose(next);
        propose(other);
        vm.warp(START + 7 days);
        notProposed(next, other);
        propose(address(0));
        notProposed(next, address(0));
        notProposed(other, address(0));
    }

    function testFuzz_acceptOperator_refuses_before_the_delay_is_over(
        uint256 wait
    ) public {
        propose(next);
        vm.warp(START + bound(wait, 0, 7 days - 1));
        reverts(ProvenanceLog.TooEarly.selector, START + 7 days);
        accept(next);
        vm.warp(START + 7 days - 1);
        reverts(ProvenanceLog.TooEarly.selector, START + 7 days);
        accept(next);
        same(log.operator(), operator, "operator");
    }

    function testFuzz_acceptOperator_refuses_a_proposal_that_has_lapsed(
        uint256 wait
    ) public {
        propose(next);
        vm.warp(START + 14 days);
        reverts(ProvenanceLog.TooLate.selector, START + 14 days);
        accept(next);
        vm.warp(START + 14 days + bound(wait, 0, 100 * 365 days));
        reverts(ProvenanceLog.TooLate.selector, START + 14 days);
        accept(next);
        same(log.operator(), operator, "operator");
    }

    function test_acceptOperator_makes_the_caller_the_operator() public {
        propose(next);
        vm.warp(START + 7 days);
        vm.expectEmit(true, true, false, true, address(log));
        emit ProvenanceLog.OperatorChanged(operator, next);
        accept(next);
        same(log.operator(), next, "operator");
    }

    function test_acceptOperator_forgets_the_proposal() public {
        propose(next);
        vm.warp(START + 7 days);
        accept(next);
        proposed(address(0), 0);
        same(vm.load(address(log), bytes32(uint256(5))), 0, "slot of the proposal");
        notProposed(next, address(0));
    }

    function test_acceptOperator_hands_over_all_that_the_operator_can_do() public {
        anchor(5, START);
        propose(next);
        vm.warp(START + 7 days);
        accept(next);
        (bytes32 honest, bytes32[] memory proof) = (root(9), pathTo(9));
        vm.startPrank(operator);
        reverts(ProvenanceLog.NotOperator.selector, operator, next);
        log.anchor(9, honest, proof);
        reverts(ProvenanceLog.NotOperator.selector, operator, next);
        log.proposeOperator(operator);
        vm.stopPrank();
        anchor(9, START + 8 days);
        isLatest(9, honest, START + 8 days);
        propose(other);
        proposed(other, START + 15 days);
    }

    function test_acceptOperator_leaves_the_heads_as_they_are() public {
        for (uint64 size = 1; size < 8; ++size) {
            anchor(size, START + size);
        }
        propose(next);
        vm.warp(START + 8 days);
        accept(next);
        isLatest(7, root(7), START + 7);
        same(log.heads(), 7, "heads");
        for (uint256 i; i < 7; ++i) {
            log.checkHead(proofOf(i));
        }
        anchor(8, START + 9 days);
        for (uint256 i; i < 8; ++i) {
            log.checkHead(proofOf(i));
        }
    }

    function testFuzz_acceptOperator_is_possible_for_as_long_as_the_delay(
        uint256 wait
    ) public {
        propose(next);
        vm.warp(START + 7 days + bound(wait, 0, 7 days - 1));
        accept(next);
        same(log.operator(), next, "operator");
    }

    function test_acceptOperator_is_possible_in_the_last_second() public {
        propose(next);
        vm.warp(START + 14 days - 1);
        accept(next);
        same(log.operator(), next, "operator");
    }
}
