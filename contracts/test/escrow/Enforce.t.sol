// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {Payroll} from "../../src/libraries/Payroll.sol";
import {EscrowFixture} from "../utils/EscrowFixture.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";
import {Signing, Wallet} from "../utils/Signing.sol";

/// @dev The payroll pays 300, 200 and 100 million. Most tests state one unit more for worker 1.
contract EnforceTest is EscrowFixture {
    uint256 internal constant PAID = 200_000_000;
    uint256 internal constant STRANGER_KEY = 0xBAD;

    function posted() internal returns (bytes32) {
        deposit(BUDGET);
        return post(first());
    }

    function enforceWith(
        Types.Statement memory s,
        bytes memory signature
    ) internal {
        bytes32[] memory path = PayrollReference.path(id, first(), 1);
        vm.prank(stranger);
        escrow.enforce(terms, s, signature, 1, PAID, path);
    }

    function enforce(
        uint256 amount
    ) internal {
        Types.Statement memory s = stated(workers[1], amount, 1);
        enforceWith(s, signed(s));
    }

    function test_a_statement_voids_nothing_where_nothing_is_pending() public {
        deposit(BUDGET);
        reverts(Types.NothingPending.selector);
        enforce(PAID + 1);
    }

    function test_a_statement_is_too_late_for_a_payroll_that_is_due() public {
        posted();
        vm.warp(START + WINDOW);
        reverts(Types.NothingPending.selector);
        enforce(PAID + 1);
    }

    function test_a_position_beyond_the_payroll_proves_nothing() public {
        posted();
        Types.Statement memory s = stated(workers[1], PAID + 1, 1);
        bytes memory signature = signed(s);
        bytes32[] memory path = PayrollReference.path(id, first(), 3);
        reverts(Payroll.PositionOutOfRange.selector, uint256(3), uint256(3));
        escrow.enforce(terms, s, signature, 3, 0, path);
    }

    function test_an_inner_node_proves_nothing() public {
        posted();
        Types.Statement memory s = stated(workers[1], PAID + 1, 1);
        bytes memory signature = signed(s);
        reverts(Payroll.WrongPathLength.selector, uint256(1), uint256(3));
        escrow.enforce(terms, s, signature, 1, PAID, new bytes32[](1));
        reverts(Payroll.WrongPathLength.selector, uint256(3), uint256(3));
        escrow.enforce(terms, s, signature, 1, PAID, new bytes32[](3));
    }

    /// @dev Worker 2 is paid less than was stated for worker 1, and that says nothing about worker 1.
    function test_the_position_of_another_account_voids_nothing() public {
        bytes32 root = posted();
        Types.Statement memory s = stated(workers[1], PAID, 1);
        bytes memory signature = signed(s);
        PayrollReference.Position[] memory list = first();
        bytes32[] memory path = PayrollReference.path(id, list, 2);
        list[2].account = workers[1];
        reverts(Payroll.PathMismatch.selector, PayrollReference.root(id, list), root);
        escrow.enforce(terms, s, signature, 2, 100_000_000, path);
    }

    function test_a_lower_amount_than_the_payroll_has_voids_nothing() public {
        bytes32 root = posted();
        Types.Statement memory s = stated(workers[1], PAID, 1);
        bytes memory signature = signed(s);
        PayrollReference.Position[] memory list = first();
        bytes32[] memory path = PayrollReference.path(id, list, 1);
        list[1].increase -= 1;
        reverts(Payroll.PathMismatch.selector, PayrollReference.root(id, list), root);
        escrow.enforce(terms, s, signature, 1, PAID - 1, path);
    }

    function test_a_settled_position_does_not_void_what_is_pending() public {
        PayrollReference.Position[] memory list = settledFirst();
        bytes32 settledRoot = state().settledRoot;
        list = PayrollReference.settled(list);
        list[1].increase = 5;
        bytes32 root = post(list);
        Types.Statement memory s = stated(workers[1], PAID + 5, 2);
        bytes memory signature = signed(s);
        PayrollReference.Position[] memory one = first();
        bytes32[] memory path = PayrollReference.path(id, one, 1);
        reverts(Payroll.PathMismatch.selector, settledRoot, root);
        escrow.enforce(terms, s, signature, 1, PAID, path);
    }

    function test_a_statement_of_a_later_payroll_voids_nothing() public {
        posted();
        Types.Statement memory s = stated(workers[1], PAID + 1, 2);
        reverts(Types.StatementTooNew.selector, uint256(2), uint256(1));
        enforceWith(s, signed(s));
    }

    function test_a_payroll_that_keeps_the_statement_is_safe() public {
        posted();
        reverts(Types.StatementKept.selector, PAID, PAID);
        enforce(PAID);
        reverts(Types.StatementKept.selector, PAID - 1, PAID);
        enforce(PAID - 1);
        stageIs(Types.Stage.Pending);
    }

    function test_a_statement_of_another_campaign_voids_nothing() public {
        posted();
        bytes32 here = id;
        terms.part = 1;
        id = escrow.idOf(terms);
        Types.Statement memory s = stated(workers[1], PAID + 1, 1);
        bytes memory signature = signed(s);
        (terms.part, id) = (0, here);
        reverts(Types.OtherCampaign.selector, s.campaign, here);
        enforceWith(s, signature);
    }

    function wrongSignature(
        Types.Statement memory s,
        bytes memory signature
    ) internal {
        reverts(Types.WrongSignature.selector, terms.operator);
        enforceWith(s, signature);
    }

    function test_a_statement_that_another_signed_voids_nothing() public {
        posted();
        Types.Statement memory s = stated(workers[1], PAID + 1, 1);
        bytes32 digest = Signing.statement(logDomain(), s);
        wrongSignature(s, sign(STRANGER_KEY, digest));
        wrongSignature(s, sign(REQUESTER_KEY, digest));
    }

    function test_a_changed_statement_voids_nothing() public {
        posted();
        Types.Statement memory s = stated(workers[1], PAID, 1);
        bytes memory signature = signed(s);
        s.amount = PAID + 1;
        wrongSignature(s, signature);
        s = stated(workers[0], PAID + 1, 1);
        signature = signed(s);
        s.worker = workers[1];
        wrongSignature(s, signature);
        s = stated(workers[1], PAID + 1, 2);
        signature = signed(s);
        s.epoch = 1;
        wrongSignature(s, signature);
        s = stated(workers[1], PAID + 1, 1);
        signature = signed(s);
        s.run = "another run";
        wrongSignature(s, signature);
    }

    function test_a_statement_under_another_logs_domain_voids_nothing() public {
        posted();
        Types.Statement memory s = stated(workers[1], PAID + 1, 1);
        bytes32 domain = Signing.domain("crowdledger", block.chainid, address(escrow));
        wrongSignature(s, sign(OPERATOR_KEY, Signing.statement(domain, s)));
        wrongSignature(s, sign(OPERATOR_KEY, Signing.statement(escrowDomain(), s)));
    }

    function test_a_statement_for_another_chain_voids_nothing() public {
        posted();
        Types.Statement memory s = stated(workers[1], PAID + 1, 1);
        bytes32 domain = Signing.domain("crowdledger", block.chainid + 1, address(log));
        wrongSignature(s, sign(OPERATOR_KEY, Signing.statement(domain, s)));
    }

    function test_a_malleated_signature_voids_nothing() public {
        posted();
        Types.Statement memory s = stated(workers[1], PAID + 1, 1);
        wrongSignature(s, Signing.high(signed(s)));
        wrongSignature(s, Signing.compact(Signing.high(signed(s))));
    }

    function test_a_signature_of_another_length_voids_nothing() public {
        posted();
        Types.Statement memory s = stated(workers[1], PAID + 1, 1);
        wrongSignature(s, "");
        bytes memory signature = signed(s);
        wrongSignature(s, bytes.concat(signature, hex"00"));
        signature = Signing.compact(signature);
        assembly ("memory-safe") {
            mstore(signature, 63)
        }
        wrongSignature(s, signature);
    }

    function test_a_payroll_that_pays_less_than_stated_is_void() public {
        bytes32 root = posted();
        vm.warp(START + WINDOW - 1);
        emits();
        emit Types.Enforced(id, 1, workers[1], PAID + 1);
        emits();
        emit Types.Voided(id, 1, root);
        enforce(PAID + 1);
        isVoid();
        same(escrow.bondOf(id, disputer), 0, "no bond");
    }

    function test_a_disputed_payroll_that_pays_less_than_stated_is_void() public {
        posted();
        dispute();
        vm.warp(START + 2 * WINDOW - 1);
        emits();
        emit Types.BondReleased(id, disputer, BOND);
        enforce(PAID + 1);
        isVoid();
        same(escrow.bondOf(id, disputer), BOND, "disputer's bond");
        same(escrow.bondOf(id, operator), 0, "operator's bond");
    }

    function test_a_payroll_that_was_let_stand_is_void_all_the_same() public {
        posted();
        dispute();
        rule(false);
        vm.warp(START + WINDOW - 1);
        enforce(PAID + 1);
        isVoid();
        same(escrow.bondOf(id, disputer), 0, "disputer's bond");
        same(escrow.bondOf(id, operator), BOND, "operator's bond");
    }

    function test_silence_begins_when_a_payroll_was_enforced_after_the_deadline() public {
        deposit(BUDGET);
        vm.warp(DEADLINE - 1);
        post(first());
        vm.warp(DEADLINE + 1000);
        enforce(PAID + 1);
        isVoid();
        reverts(Types.TooEarly.selector, uint256(DEADLINE) + 1000 + WINDOW);
        escrow.refund(terms);
    }

    function test_a_statement_of_an_earlier_payroll_binds_the_later() public {
        posted();
        Types.Statement memory s = stated(workers[1], PAID + 1, 0);
        enforceWith(s, signed(s));
        isVoid();
    }

    function test_a_compact_signature_voids_too() public {
        posted();
        Types.Statement memory s = stated(workers[1], PAID + 1, 1);
        enforceWith(s, Signing.compact(signed(s)));
        isVoid();
    }

    /// @dev An account with a key can delegate to code (EIP-7702), which would deny what the key signed.
    function test_code_behind_the_operators_account_takes_no_statement_back() public {
        posted();
        Types.Statement memory s = stated(workers[1], PAID + 1, 1);
        vm.etch(operator, hex"00");
        wrongSignature(s, sign(STRANGER_KEY, Signing.statement(logDomain(), s)));
        enforceWith(s, signed(s));
        isVoid();
    }

    function postedByWallet() internal returns (Types.Statement memory) {
        terms.operator = address(new Wallet(operator));
        id = escrow.idOf(terms);
        deposit(BUDGET);
        bytes memory entries = PayrollReference.pack(first());
        vm.prank(terms.operator);
        escrow.post(terms, entries, EVIDENCE);
        return stated(workers[1], PAID + 1, 1);
    }

    function test_a_contract_that_is_the_operator_signs_like_a_key() public {
        Types.Statement memory s = postedByWallet();
        enforceWith(s, signed(s));
        isVoid();
    }

    function test_a_contract_decides_about_its_signatures() public {
        Types.Statement memory s = postedByWallet();
        bytes32 digest = Signing.statement(logDomain(), s);
        wrongSignature(s, sign(STRANGER_KEY, digest));
        wrongSignature(s, Signing.high(signed(s)));
        wrongSignature(s, Signing.compact(signed(s))); // this one takes 65 bytes only
        wrongSignature(s, "");
    }

    function test_after_a_void_payroll_the_operator_keeps_its_word() public {
        posted();
        enforce(PAID + 1);
        PayrollReference.Position[] memory list = first();
        list[1].increase += 1;
        post(list);
        Types.Statement memory s = stated(workers[1], PAID + 1, 1);
        bytes memory signature = signed(s);
        bytes32[] memory path = PayrollReference.path(id, list, 1);
        reverts(Types.StatementKept.selector, PAID + 1, PAID + 1);
        escrow.enforce(terms, s, signature, 1, PAID + 1, path);
        vm.warp(START + WINDOW);
        same(claim(list, 1), PAID + 1, "paid");
    }

    function testFuzz_a_statement_voids_what_pays_less(
        uint64 amount,
        uint32 epoch,
        bool byOperator,
        uint8 near
    ) public {
        posted();
        uint256 claimed = near % 2 == 0 ? PAID + near % 5 - 2 : amount;
        epoch = epoch % 3;
        Types.Statement memory s = stated(workers[1], claimed, epoch);
        bytes memory signature =
            sign(byOperator ? OPERATOR_KEY : STRANGER_KEY, Signing.statement(logDomain(), s));
        if (epoch > 1) reverts(Types.StatementTooNew.selector, uint256(epoch), uint256(1));
        else if (claimed <= PAID) reverts(Types.StatementKept.selector, claimed, PAID);
        else if (!byOperator) reverts(Types.WrongSignature.selector, operator);
        enforceWith(s, signature);
        bool broken = byOperator && epoch <= 1 && claimed > PAID;
        stageIs(broken ? Types.Stage.Empty : Types.Stage.Pending);
    }
}
