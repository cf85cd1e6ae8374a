// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {EscrowFixture} from "../utils/EscrowFixture.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";
import {FalseToken, ProudToken, TaxedToken} from "../utils/Tokens.sol";

contract DisputeTest is EscrowFixture {
    function test_nothing_pending_cannot_be_disputed() public {
        deposit(BUDGET);
        reverts(Types.NothingPending.selector);
        dispute();
    }

    function disputeOther(
        uint32 epoch,
        bytes32 root
    ) internal {
        vm.expectRevert(abi.encodeWithSelector(Types.OtherPayroll.selector, lastEpoch, lastRoot));
        vm.prank(disputer);
        escrow.dispute(terms, epoch, root, "reason");
        stageIs(Types.Stage.Pending);
    }

    function test_a_dispute_names_the_number_of_the_payroll() public {
        deposit(BUDGET);
        bytes32 root = post(first());
        disputeOther(0, root);
        disputeOther(2, root);
    }

    function test_a_dispute_names_the_root_of_the_payroll() public {
        deposit(BUDGET);
        post(first());
        disputeOther(1, bytes32(0));
        disputeOther(1, "another");
    }

    /// @dev The operator voids its own payroll, and posts the same table again or another, before the dispute is mined.
    function test_a_dispute_does_not_fall_on_a_payroll_that_took_the_place() public {
        deposit(BUDGET);
        bytes32 meant = post(first());
        Types.Statement memory s = stated(operator, 1, 1);
        bytes memory signature = signed(s);
        escrow.enforceAbsent(terms, s, signature, PayrollReference.pack(first()));
        same(post(first()), meant, "the same table");
        disputeOther(1, meant);
        PayrollReference.Position[] memory list = first();
        s.epoch = 2;
        signature = signed(s);
        escrow.enforceAbsent(terms, s, signature, PayrollReference.pack(list));
        list[0].increase += 1;
        post(list);
        disputeOther(1, meant);
        disputeOther(3, meant);
        dispute();
        stageIs(Types.Stage.Disputed);
    }

    function test_a_payroll_is_disputed_once() public {
        deposit(BUDGET);
        bytes32 root = post(first());
        dispute();
        reverts(Types.AlreadyDisputed.selector, root);
        dispute();
    }

    function test_a_payroll_that_was_let_stand_is_not_disputed_again() public {
        deposit(BUDGET);
        bytes32 root = post(first());
        dispute();
        rule(false);
        reverts(Types.AlreadyDisputed.selector, root);
        dispute();
    }

    function test_a_dispute_is_inside_the_window() public {
        deposit(BUDGET);
        post(first());
        vm.warp(START + WINDOW);
        reverts(Types.WindowClosed.selector, START + WINDOW);
        dispute();
        vm.warp(START + WINDOW - 1);
        dispute();
        stageIs(Types.Stage.Disputed);
    }

    function test_a_dispute_needs_the_bond() public {
        deposit(BUDGET);
        bytes32 root = post(first());
        vm.expectRevert(
            abi.encodeWithSignature(
                "ERC20InsufficientAllowance(address,uint256,uint256)", address(escrow), 0, BOND
            )
        );
        vm.prank(stranger);
        escrow.dispute(terms, 1, root, "reason");
    }

    /// @dev The token begins to keep a share after the campaign was funded.
    function test_a_dispute_needs_the_whole_bond() public {
        use(new TaxedToken());
        bytes32 slot = keccak256(abi.encode(address(escrow), uint256(0)));
        same(uint256(vm.load(address(token), slot)), 0, "balance of the escrow");
        vm.store(address(escrow), depositedSlot(), bytes32(BUDGET));
        vm.store(address(token), slot, bytes32(BUDGET));
        post(first());
        reverts(Types.WrongAmountArrived.selector, uint256(BOND - 1), uint256(BOND));
        dispute();
        stageIs(Types.Stage.Pending);
    }

    /// @dev Word 4 of the campaign: what is deposited, and above it what is claimed.
    function depositedSlot() internal view returns (bytes32) {
        return bytes32(uint256(keccak256(abi.encode(id, uint256(0)))) + 4);
    }

    function test_a_token_that_answers_false_brings_no_bond() public {
        FalseToken lying = new FalseToken();
        use(lying);
        deposit(BUDGET);
        post(first());
        lying.turn(true);
        reverts(SafeERC20.SafeERC20FailedOperation.selector, address(lying));
        dispute();
        stageIs(Types.Stage.Pending);
    }

    function test_a_bond_can_be_zero() public {
        terms.bond = 0;
        id = escrow.idOf(terms);
        deposit(BUDGET);
        bytes32 root = post(first());
        vm.prank(stranger);
        escrow.dispute(terms, 1, root, "reason");
        same(state().disputer, stranger, "disputer");
        stageIs(Types.Stage.Disputed);
        rule(true);
        same(escrow.bondOf(id, stranger), 0, "bond");
        same(token.balanceOf(address(escrow)), BUDGET, "balance");
    }

    function test_a_free_dispute_moves_no_token() public {
        use(new ProudToken());
        terms.bond = 0;
        id = escrow.idOf(terms);
        deposit(BUDGET);
        post(first());
        dispute();
        stageIs(Types.Stage.Disputed);
    }

    function test_a_dispute_takes_the_bond_and_freezes() public {
        deposit(BUDGET);
        bytes32 root = post(first());
        uint256 before = token.balanceOf(disputer);
        vm.warp(START + WINDOW - 1);
        Types.Campaign memory expected = state();
        expected.stage = Types.Stage.Disputed;
        expected.disputer = disputer;
        expected.disputedAt = uint40(START + WINDOW - 1);
        emits();
        emit Types.Disputed(id, 1, root, disputer, "reason");
        dispute();
        stateIs(expected);
        same(token.balanceOf(address(escrow)), BUDGET + BOND, "balance");
        same(token.balanceOf(disputer), before - BOND, "disputer");
        vm.warp(START + WINDOW);
        reverts(Types.TooEarly.selector, START + WINDOW - 1 + 2 * WINDOW);
        escrow.settle(terms);
    }

    function testFuzz_a_dispute_is_possible_inside_the_window(
        uint256 time
    ) public {
        deposit(BUDGET);
        post(first());
        time = START + bound(time, 0, 3 * WINDOW);
        vm.warp(time);
        bool open = time < START + WINDOW;
        if (!open) reverts(Types.WindowClosed.selector, START + WINDOW);
        dispute();
        stageIs(open ? Types.Stage.Disputed : Types.Stage.Pending);
    }
}
