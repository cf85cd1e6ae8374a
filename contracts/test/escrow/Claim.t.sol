// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CampaignEscrow} from "../../src/CampaignEscrow.sol";
import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {Payroll} from "../../src/libraries/Payroll.sol";
import {EscrowFixture} from "../utils/EscrowFixture.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";

contract ClaimTest is EscrowFixture {
    function claimAs(
        uint256 index,
        address account,
        uint256 amount,
        bytes32[] memory path
    ) internal returns (uint256) {
        vm.prank(stranger);
        return escrow.claim(terms, index, account, amount, path);
    }

    function nothingSettled() internal {
        bytes32[] memory path = PayrollReference.path(id, first(), 0);
        reverts(Payroll.NothingSettled.selector);
        claimAs(0, workers[0], 300_000_000, path);
    }

    function test_an_empty_campaign_pays_nothing() public {
        nothingSettled();
        deposit(BUDGET);
        nothingSettled();
    }

    function test_a_pending_payroll_pays_nothing() public {
        deposit(BUDGET);
        post(first());
        vm.warp(START + WINDOW - 1);
        nothingSettled();
    }

    function test_a_disputed_payroll_pays_nothing() public {
        deposit(BUDGET);
        post(first());
        dispute();
        vm.warp(START + 2 * WINDOW - 1);
        nothingSettled();
    }

    function test_a_void_payroll_pays_nothing() public {
        deposit(BUDGET);
        post(first());
        dispute();
        rule(true);
        vm.warp(START + 9 * WINDOW);
        nothingSettled();
    }

    function test_a_position_beyond_the_payroll_is_refused() public {
        PayrollReference.Position[] memory list = settledFirst();
        bytes32[] memory path = PayrollReference.path(id, list, 0);
        reverts(Payroll.PositionOutOfRange.selector, uint256(4), uint256(3));
        claimAs(4, workers[0], 300_000_000, path);
    }

    function test_a_filling_is_no_position() public {
        PayrollReference.Position[] memory list = settledFirst();
        bytes32[] memory path = PayrollReference.path(id, list, 3);
        reverts(Payroll.PositionOutOfRange.selector, uint256(3), uint256(3));
        claimAs(3, workers[2], 100_000_000, path);
    }

    function test_a_path_of_another_length_is_refused() public {
        PayrollReference.Position[] memory list = settledFirst();
        bytes32[] memory path = PayrollReference.path(id, list, 0);
        bytes32[] memory longer = new bytes32[](3);
        (longer[0], longer[1]) = (path[0], path[1]);
        reverts(Payroll.WrongPathLength.selector, uint256(3), uint256(3));
        claimAs(0, workers[0], 300_000_000, longer);
        assembly ("memory-safe") {
            mstore(path, 1)
        }
        reverts(Payroll.WrongPathLength.selector, uint256(1), uint256(3));
        claimAs(0, workers[0], 300_000_000, path);
    }

    /// @dev Claims what is not true; the root that the path leads to is that of `list`.
    function mismatch(
        PayrollReference.Position[] memory list,
        uint256 index,
        address account,
        uint256 amount,
        bytes32[] memory path
    ) internal {
        reverts(Payroll.PathMismatch.selector, PayrollReference.root(id, list), state().settledRoot);
        claimAs(index, account, amount, path);
    }

    function test_another_amount_is_refused() public {
        PayrollReference.Position[] memory list = settledFirst();
        bytes32[] memory path = PayrollReference.path(id, list, 0);
        list[0].increase += 1;
        mismatch(list, 0, workers[0], 300_000_001, path);
        list[0].increase -= 2;
        mismatch(list, 0, workers[0], 299_999_999, path);
    }

    function test_another_account_is_refused() public {
        PayrollReference.Position[] memory list = settledFirst();
        bytes32[] memory path = PayrollReference.path(id, list, 0);
        list[0].account = stranger;
        mismatch(list, 0, stranger, 300_000_000, path);
    }

    function test_another_index_is_refused() public {
        PayrollReference.Position[] memory list = settledFirst();
        bytes32 root = state().settledRoot;
        bytes32[] memory path = PayrollReference.path(id, list, 0);
        bytes memory call = abi.encodeCall(escrow.claim, (terms, 1, workers[0], 300_000_000, path));
        (bool accepted, bytes memory answer) = address(escrow).call(call);
        yes(!accepted && bytes4(answer) == Payroll.PathMismatch.selector, "path mismatch");
        same(state().settledRoot, root, "settled root");
        same(state().claimed, 0, "claimed");
    }

    function test_another_sibling_is_refused() public {
        PayrollReference.Position[] memory list = settledFirst();
        bytes32[] memory path = PayrollReference.path(id, list, 0);
        list[1].increase += 1;
        path[0] = PayrollReference.leaves(id, list)[1];
        mismatch(list, 0, workers[0], 300_000_000, path);
    }

    function test_a_position_of_another_campaign_is_refused() public {
        PayrollReference.Position[] memory list = settledFirst();
        bytes32[] memory path = PayrollReference.path(id, list, 0);
        terms.part = 1;
        id = escrow.idOf(terms);
        deposit(BUDGET);
        post(list);
        vm.warp(block.timestamp + WINDOW);
        escrow.settle(terms);
        bytes memory call = abi.encodeCall(escrow.claim, (terms, 0, workers[0], 300_000_000, path));
        (bool accepted, bytes memory answer) = address(escrow).call(call);
        yes(!accepted && bytes4(answer) == Payroll.PathMismatch.selector, "path mismatch");
    }

    function test_a_position_of_another_escrow_is_refused() public {
        PayrollReference.Position[] memory list = settledFirst();
        bytes32[] memory path = PayrollReference.path(id, list, 0);
        escrow = new CampaignEscrow(log);
        id = escrow.idOf(terms);
        provide(requester, 0);
        deposit(BUDGET);
        post(list);
        vm.warp(block.timestamp + WINDOW);
        bytes memory call = abi.encodeCall(escrow.claim, (terms, 0, workers[0], 300_000_000, path));
        (bool accepted, bytes memory answer) = address(escrow).call(call);
        yes(!accepted && bytes4(answer) == Payroll.PathMismatch.selector, "path mismatch");
    }

    function test_who_redeemed_nothing_has_nothing_without_a_position() public {
        settledFirst();
        reverts(Types.NothingDue.selector, workers[0], uint256(0));
        claimAs(0, workers[0], 0, new bytes32[](0));
    }

    function test_a_position_without_an_amount_pays_nothing() public {
        deposit(BUDGET);
        uint64[3] memory none;
        PayrollReference.Position[] memory list = positions(none, [uint64(5), 0, 0]);
        post(list);
        vm.warp(START + WINDOW);
        bytes32[] memory path = PayrollReference.path(id, list, 1);
        reverts(Types.NothingDue.selector, workers[1], uint256(0));
        claimAs(1, workers[1], 0, path);
    }

    function test_anyone_claims_for_a_worker_and_only_the_worker_is_paid() public {
        PayrollReference.Position[] memory list = settledFirst();
        Types.Campaign memory expected = state();
        expected.claimed = 200_000_000;
        emits();
        emit Types.Claimed(id, workers[1], workers[1], 200_000_000);
        same(claim(list, 1), 200_000_000, "paid");
        same(token.balanceOf(workers[1]), 200_000_000, "worker");
        same(token.balanceOf(stranger), 0, "caller");
        same(token.balanceOf(address(escrow)), BUDGET - 200_000_000, "balance");
        accountIs(workers[1], 200_000_000, 200_000_000, 0, 0);
        accountIs(workers[0], 0, 0, 0, 0);
        stateIs(expected);
    }

    function test_a_second_claim_pays_nothing() public {
        PayrollReference.Position[] memory list = settledFirst();
        claim(list, 1);
        bytes32[] memory path = PayrollReference.path(id, list, 1);
        reverts(Types.NothingDue.selector, workers[1], uint256(200_000_000));
        claimAs(1, workers[1], 200_000_000, path);
        reverts(Types.NothingDue.selector, workers[1], uint256(0));
        claimAs(1, workers[1], 0, path);
    }

    function test_claims_are_cumulative() public {
        PayrollReference.Position[] memory list = settledFirst();
        claim(list, 0);
        list = PayrollReference.settled(list);
        (list[0].increase, list[1].increase) = (11, 22);
        post(list);
        vm.warp(block.timestamp + WINDOW);
        same(claim(list, 0), 11, "only the increase"); // settles first
        same(claim(list, 1), 200_000_022, "all at once");
        accountIs(workers[0], 300_000_011, 300_000_011, 0, 0);
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
        claimAs(1, workers[1], 200_000_000, path);
        same(claimAs(1, workers[1], 200_000_000, nextPath), 200_000_000, "paid");
    }

    function test_a_payroll_that_is_not_settled_changes_no_claim() public {
        PayrollReference.Position[] memory list = settledFirst();
        PayrollReference.Position[] memory next = PayrollReference.settled(list);
        next[0].increase = 1;
        post(next);
        same(claim(list, 0), 300_000_000, "while it is pending");
        dispute();
        same(claim(list, 1), 200_000_000, "while it is disputed");
        rule(true);
        same(claim(list, 2), 100_000_000, "when it is void");
    }

    function test_what_is_settled_is_paid_after_the_refund_too() public {
        PayrollReference.Position[] memory list = settledFirst();
        vm.warp(DEADLINE + WINDOW);
        escrow.refund(terms);
        vm.warp(DEADLINE + 3650 days);
        for (uint256 i; i < 3; ++i) {
            same(claim(list, i), list[i].increase, "paid");
        }
        same(state().claimed, 600_000_000, "claimed");
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
        reverts(Types.NothingDue.selector, workers[0], uint256(200_000_000));
        claimAs(1, workers[0], 200_000_000, path);
        claim(list, 2);
        escrow.collectFee(terms);
        same(token.balanceOf(address(escrow)), 200_000_000, "the smaller stays");
    }

    /// @dev Cannot happen while payrolls are checked; the cap holds even if the books were wrong.
    function test_claims_never_exceed_what_is_settled_and_free() public {
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
        reverts(Types.ClaimsExceedTotal.selector, uint256(100_000_000), uint256(99_999_999));
        claimAs(2, workers[2], 100_000_000, path);
    }

    function test_two_campaigns_do_not_touch_each_other() public {
        PayrollReference.Position[] memory list = settledFirst();
        bytes32 firstId = id;
        bytes32 before = keccak256(abi.encode(state()));
        terms.part = 1;
        id = escrow.idOf(terms);
        deposit(BUDGET);
        post(list);
        vm.warp(DEADLINE + WINDOW);
        escrow.refund(terms);
        claim(list, 0);
        escrow.collectFee(terms);
        same(keccak256(abi.encode(escrow.campaign(firstId))), before, "the other");
        same(escrow.claimedOf(firstId, workers[0]), 0, "claimed by the worker in the other");
        same(escrow.claimedOf(id, workers[0]), 300_000_000, "claimed by the worker in this one");
    }

    function testFuzz_what_is_settled_is_paid_once(
        uint64[3] memory amounts,
        uint32[3] memory increases,
        bool[3] memory between
    ) public {
        uint64[3] memory none;
        for (uint256 i; i < 3; ++i) {
            amounts[i] = amounts[i] >> 1;
        }
        provide(requester, type(uint96).max);
        deposit(type(uint96).max);
        PayrollReference.Position[] memory list = positions(none, amounts);
        post(list);
        vm.warp(START + WINDOW);
        for (uint256 i; i < 3; ++i) {
            if (between[i] && amounts[i] != 0) same(claim(list, i), amounts[i], "first");
        }
        list = positions(amounts, [uint64(increases[0]), increases[1], increases[2]]);
        post(list);
        vm.warp(START + 2 * WINDOW);
        for (uint256 i; i < 3; ++i) {
            uint256 all = uint256(amounts[i]) + increases[i];
            uint256 due = between[i] ? increases[i] : all;
            bytes32[] memory path = PayrollReference.path(id, list, i);
            if (due != 0) same(claimAs(i, workers[i], all, path), due, "second");
            reverts(Types.NothingDue.selector, workers[i], all);
            claimAs(i, workers[i], all, path);
            same(token.balanceOf(workers[i]), all, "worker");
        }
        same(state().claimed, state().settledTotal, "claimed");
    }
}
