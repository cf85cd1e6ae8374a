// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {EscrowFixture} from "../utils/EscrowFixture.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";
import {Signing, Wallet} from "../utils/Signing.sol";

contract EnforceAbsentTest is EscrowFixture {
    /// @dev Worker 0 at two positions, worker 1 not at all.
    function twice() internal view returns (PayrollReference.Position[] memory list) {
        list = first();
        list[1].account = workers[0];
    }

    function enforceAbsent(
        Types.Statement memory s,
        bytes memory signature,
        PayrollReference.Position[] memory list
    ) internal {
        bytes memory entries = PayrollReference.pack(list);
        vm.prank(stranger);
        escrow.enforceAbsent(terms, s, signature, entries);
    }

    function enforceAbsent(
        Types.Statement memory s,
        PayrollReference.Position[] memory list
    ) internal {
        enforceAbsent(s, signed(s), list);
    }

    function test_an_absence_voids_nothing_where_nothing_is_pending() public {
        deposit(BUDGET);
        reverts(Types.NothingPending.selector);
        enforceAbsent(stated(stranger, 1, 1), first());
    }

    function test_an_absence_is_too_late_for_a_payroll_that_is_due() public {
        deposit(BUDGET);
        post(first());
        vm.warp(START + WINDOW);
        reverts(Types.NothingPending.selector);
        enforceAbsent(stated(stranger, 1, 1), first());
    }

    function test_entries_that_were_not_posted_are_refused() public {
        deposit(BUDGET);
        bytes32 root = post(first());
        PayrollReference.Position[] memory list = first();
        list[2].increase -= 1;
        reverts(Types.WrongTable.selector, PayrollReference.root(id, list), root);
        enforceAbsent(stated(workers[2], 100_000_000, 1), list);
        list = first();
        assembly ("memory-safe") {
            mstore(list, 2)
        }
        reverts(Types.WrongTable.selector, PayrollReference.root(id, list), root);
        enforceAbsent(stated(workers[2], 100_000_000, 1), list);
        reverts(Types.WrongTable.selector, bytes32(0), root);
        enforceAbsent(stated(workers[2], 100_000_000, 1), new PayrollReference.Position[](0));
    }

    function test_entries_of_the_settled_payroll_are_refused() public {
        PayrollReference.Position[] memory list = settledFirst();
        bytes32 settledRoot = state().settledRoot;
        PayrollReference.Position[] memory next = PayrollReference.settled(list);
        next[1].increase = 5;
        bytes32 root = post(next);
        reverts(Types.WrongTable.selector, settledRoot, root);
        enforceAbsent(stated(workers[1], 200_000_005, 1), list);
    }

    function test_a_worker_at_two_positions_has_their_sum() public {
        deposit(BUDGET);
        post(twice());
        reverts(Types.StatementKept.selector, uint256(500_000_000), uint256(500_000_000));
        enforceAbsent(stated(workers[0], 500_000_000, 1), twice());
        reverts(Types.StatementKept.selector, uint256(0), uint256(0));
        enforceAbsent(stated(workers[1], 0, 1), twice());
    }

    function test_an_absence_from_a_later_payroll_voids_nothing() public {
        deposit(BUDGET);
        post(twice());
        reverts(Types.StatementTooNew.selector, uint256(2), uint256(1));
        enforceAbsent(stated(workers[1], 1, 2), twice());
    }

    function test_an_absence_from_another_campaign_voids_nothing() public {
        deposit(BUDGET);
        post(twice());
        Types.Statement memory s = stated(workers[1], 1, 1);
        s.campaign = "another";
        reverts(Types.OtherCampaign.selector, s.campaign, id);
        enforceAbsent(s, twice());
    }

    function test_an_absence_needs_the_operators_signature() public {
        deposit(BUDGET);
        post(twice());
        Types.Statement memory s = stated(workers[1], 1, 1);
        bytes[3] memory signatures =
            [sign(REQUESTER_KEY, Signing.statement(logDomain(), s)), Signing.high(signed(s)), bytes("")];
        for (uint256 i; i < 3; ++i) {
            reverts(Types.WrongSignature.selector, operator);
            enforceAbsent(s, signatures[i], twice());
        }
    }

    function test_a_payroll_that_leaves_a_worker_out_is_void() public {
        deposit(BUDGET);
        bytes32 root = post(twice());
        emits();
        emit Types.Enforced(id, 1, workers[1], 1);
        emits();
        emit Types.Voided(id, 1, root);
        enforceAbsent(stated(workers[1], 1, 1), twice());
        isVoid();
    }

    function test_a_disputed_payroll_that_leaves_a_worker_out_is_void_and_the_bond_goes_back() public {
        deposit(BUDGET);
        post(twice());
        dispute();
        enforceAbsent(stated(workers[1], 1, 1), twice());
        isVoid();
        same(escrow.bondOf(id, disputer), BOND, "disputer's bond");
    }

    function test_a_payroll_with_less_than_stated_is_void_by_its_table() public {
        deposit(BUDGET);
        post(first());
        enforceAbsent(stated(workers[1], 200_000_001, 1), first());
        isVoid();
    }

    function test_a_payroll_with_a_lower_sum_than_stated_is_void() public {
        deposit(BUDGET);
        post(twice());
        enforceAbsent(stated(workers[0], 500_000_001, 1), twice());
        isVoid();
    }

    function test_a_compact_signature_shows_an_absence_too() public {
        deposit(BUDGET);
        post(twice());
        Types.Statement memory s = stated(workers[1], 1, 1);
        enforceAbsent(s, Signing.compact(signed(s)), twice());
        isVoid();
    }

    function test_a_contract_that_is_the_operator_is_bound_by_its_signature() public {
        terms.operator = address(new Wallet(operator));
        id = escrow.idOf(terms);
        deposit(BUDGET);
        bytes memory entries = PayrollReference.pack(twice());
        vm.prank(terms.operator);
        escrow.post(terms, entries, EVIDENCE);
        enforceAbsent(stated(workers[1], 1, 1), twice());
        isVoid();
    }

    function testFuzz_a_statement_voids_a_table_that_sums_to_less(
        uint32[3] memory amounts,
        uint8 names,
        uint64 claimed,
        uint8 near
    ) public {
        deposit(BUDGET);
        uint64[3] memory none;
        PayrollReference.Position[] memory list = positions(
            none, [uint64(amounts[0] % 300_000_000), amounts[1] % 300_000_000, amounts[2] % 300_000_000]
        );
        uint256 paid;
        for (uint256 i; i < 3; ++i) {
            list[i].account = workers[(names >> (2 * i)) % 3];
            if (list[i].account == workers[0]) paid += list[i].increase;
        }
        post(list);
        uint256 amount = near % 2 == 0 ? paid + near % 3 : claimed;
        if (amount <= paid) reverts(Types.StatementKept.selector, amount, paid);
        enforceAbsent(stated(workers[0], amount, 1), list);
        stageIs(amount <= paid ? Types.Stage.Pending : Types.Stage.Empty);
    }
}
