// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {LabelledFixture} from "../utils/LabelledFixture.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";
import {Signing, Wallet} from "../utils/Signing.sol";

contract RedeemTest is LabelledFixture {
    uint256 internal constant STRANGER_KEY = 0xBAD;

    function redeemWith(
        Types.Statement memory s,
        bytes memory signature
    ) internal {
        vm.prank(workers[1]);
        escrow.redeem(terms, s, signature);
    }

    function test_an_unfunded_campaign_redeems_nothing() public {
        vm.warp(DEADLINE);
        reverts(Types.UnknownCampaign.selector, id);
        redeem(1, 50);
    }

    function test_nothing_is_redeemed_before_the_deadline() public {
        settledFirst();
        vm.warp(DEADLINE - 1);
        reverts(Types.TooEarly.selector, uint256(DEADLINE));
        redeem(1, 50);
    }

    function test_nothing_is_redeemed_while_a_payroll_is_pending() public {
        deposit(BUDGET);
        vm.warp(DEADLINE - 1);
        bytes32 root = post(first());
        vm.warp(DEADLINE);
        reverts(Types.PayrollPending.selector, root);
        redeem(1, 50);
        dispute();
        vm.warp(DEADLINE + WINDOW);
        reverts(Types.PayrollPending.selector, root);
        redeem(1, 50);
    }

    /// @dev Redeeming is possible in [from, from + window), to the second; nothing has to be called before.
    function opensAt(
        uint256 from
    ) internal {
        vm.warp(from + WINDOW);
        reverts(Types.WindowClosed.selector, from + WINDOW);
        redeem(1, 50);
        vm.warp(from + WINDOW - 1);
        redeem(1, 300_000_000);
        vm.warp(from);
        redeem(0, 400_000_000);
        reservedIs(700_000_000);
    }

    function test_silence_begins_at_the_deadline_if_nothing_was_posted() public {
        deposit(BUDGET);
        opensAt(DEADLINE);
    }

    function test_silence_begins_at_the_deadline_if_all_settled_before() public {
        deposit(BUDGET);
        vm.warp(DEADLINE - WINDOW - 1);
        post(first());
        opensAt(DEADLINE);
        same(state().idleSince, DEADLINE - 1, "idle since");
    }

    function test_silence_begins_when_the_last_payroll_settles() public {
        deposit(BUDGET);
        vm.warp(DEADLINE - 1);
        bytes32 root = post(first());
        vm.warp(DEADLINE + WINDOW - 2);
        reverts(Types.PayrollPending.selector, root);
        redeem(1, 50);
        opensAt(DEADLINE + WINDOW - 1);
        same(state().settledRoot, root, "settled root");
    }

    function disputedAtTheDeadline() internal returns (uint256 time) {
        deposit(BUDGET);
        vm.warp(DEADLINE - 1);
        post(first());
        vm.warp(DEADLINE + 10);
        dispute();
        return DEADLINE + 10;
    }

    function test_silence_begins_when_a_late_ruling_lets_the_payroll_stand() public {
        uint256 ruled = disputedAtTheDeadline() + 2 * WINDOW - 1;
        vm.warp(ruled);
        rule(false);
        opensAt(ruled);
        same(state().settledTotal, 600_000_000, "settled total");
    }

    function test_silence_begins_when_a_ruling_voids_the_payroll() public {
        uint256 ruled = disputedAtTheDeadline() + 500;
        vm.warp(ruled);
        rule(true);
        opensAt(ruled);
        same(state().settledTotal, 0, "settled total");
    }

    function test_silence_begins_when_a_dispute_lapses() public {
        uint256 lapsed = disputedAtTheDeadline() + 2 * WINDOW;
        vm.warp(lapsed - 1);
        reverts(Types.PayrollPending.selector, state().pendingRoot);
        redeem(1, 50);
        opensAt(lapsed);
        same(state().settledTotal, 600_000_000, "settled total");
        same(escrow.bondOf(id, disputer), BOND, "disputer's bond");
    }

    function test_silence_begins_when_a_payroll_is_enforced() public {
        uint256 time = disputedAtTheDeadline() + 333;
        vm.warp(time);
        Types.Statement memory s = stated(workers[1], 200_000_001, 1);
        bytes memory signature = signed(s);
        escrow.enforce(terms, s, signature, 1, 200_000_000, PayrollReference.path(id, first(), 1));
        opensAt(time);
    }

    function test_only_the_worker_redeems_its_statement() public {
        silent();
        Types.Statement memory s = stated(workers[0], 50, 1);
        reverts(Types.NotWorker.selector, workers[1], workers[0]);
        redeemWith(s, signed(s));
    }

    function test_a_statement_of_another_campaign_is_not_redeemed() public {
        silent();
        Types.Statement memory s = stated(workers[1], 50, 1);
        s.campaign = "another";
        reverts(Types.OtherCampaign.selector, s.campaign, id);
        redeemWith(s, signed(s));
    }

    function wrongSignature(
        Types.Statement memory s,
        bytes memory signature
    ) internal {
        reverts(Types.WrongSignature.selector, terms.operator);
        redeemWith(s, signature);
    }

    function test_a_statement_is_redeemed_as_the_operator_signed_it() public {
        silent();
        Types.Statement memory s = stated(workers[1], 50, 1);
        wrongSignature(s, sign(STRANGER_KEY, Signing.statement(logDomain(), s)));
        wrongSignature(s, sign(OPERATOR_KEY, Signing.statement(escrowDomain(), s)));
        bytes32 domain = Signing.domain("crowdledger", block.chainid + 1, address(log));
        wrongSignature(s, sign(OPERATOR_KEY, Signing.statement(domain, s)));
        bytes memory signature = signed(s);
        s.amount += 1;
        wrongSignature(s, signature);
    }

    function test_a_malleated_signature_redeems_nothing() public {
        silent();
        Types.Statement memory s = stated(workers[1], 50, 1);
        wrongSignature(s, Signing.high(signed(s)));
        wrongSignature(s, "");
        wrongSignature(s, bytes.concat(signed(s), hex"00"));
    }

    function test_a_statement_beyond_64_bits_is_not_redeemed() public {
        silent();
        reverts(Types.AmountTooLarge.selector, uint256(1 << 64));
        redeem(1, 1 << 64);
        redeem(1, (1 << 64) - 1);
        reservedIs((1 << 64) - 1);
    }

    function test_a_statement_is_redeemed_once() public {
        silent();
        reverts(Types.NotIncreasing.selector, uint256(0), uint256(0));
        redeem(1, 0);
        redeem(1, 50);
        reverts(Types.NotIncreasing.selector, uint256(50), uint256(50));
        redeem(1, 50);
        reverts(Types.NotIncreasing.selector, uint256(49), uint256(50));
        redeem(1, 49);
        reservedIs(50);
    }

    function test_a_statement_that_is_known_to_be_settled_is_not_redeemed() public {
        PayrollReference.Position[] memory list = silentAfterFirst();
        claim(list, 1);
        reverts(Types.NotIncreasing.selector, uint256(200_000_000), uint256(200_000_000));
        redeem(1, 200_000_000);
        reservedIs(0);
    }

    function test_a_first_statement_is_reserved_in_full() public {
        silentAfterFirst();
        Types.Campaign memory expected = state();
        expected.reserved = 200_000_050;
        emits();
        emit Types.Redeemed(id, workers[1], 200_000_050, 0);
        redeem(1, 200_000_050);
        stateIs(expected);
        accountIs(workers[1], 0, 0, 200_000_050, 0);
        accountIs(workers[0], 0, 0, 0, 0);
        same(token.balanceOf(workers[1]), 0, "nothing is paid yet");
    }

    function test_a_statement_is_reserved_beyond_what_a_claim_has_shown() public {
        claim(silentAfterFirst(), 1);
        redeem(1, 200_000_050);
        reservedIs(50);
        accountIs(workers[1], 200_000_000, 200_000_000, 200_000_050, 0);
    }

    function test_a_higher_statement_is_reserved_beyond_the_lower() public {
        silent();
        redeem(1, 50);
        emits();
        emit Types.Redeemed(id, workers[1], 80, 0);
        redeem(1, 80);
        reservedIs(80);
        accountIs(workers[1], 0, 0, 80, 0);
    }

    function test_a_statement_below_what_labels_bring_reserves_nothing_more() public {
        silent();
        redeemLabels(1, anchoredLabels(1, 4));
        emits();
        emit Types.Redeemed(id, workers[1], 2 * LABEL_PRICE, 2 * LABEL_PRICE);
        redeem(1, 2 * LABEL_PRICE);
        reservedIs(2 * LABEL_PRICE);
    }

    function test_a_statement_above_what_labels_bring_reserves_the_difference() public {
        silent();
        redeemLabels(1, anchoredLabels(1, 4));
        redeem(1, 2 * LABEL_PRICE + 1);
        reservedIs(2 * LABEL_PRICE + 1);
        accountIs(workers[1], 0, 0, 2 * LABEL_PRICE + 1, 2 * LABEL_PRICE);
    }

    function test_a_compact_signature_redeems_too() public {
        silent();
        Types.Statement memory s = stated(workers[1], 50, 1);
        redeemWith(s, Signing.compact(signed(s)));
        reservedIs(50);
        reverts(Types.NotIncreasing.selector, uint256(50), uint256(50)); // the other form of it serves no more
        redeemWith(s, signed(s));
    }

    function test_code_behind_the_operators_account_takes_no_word_back() public {
        silent();
        vm.etch(operator, hex"00");
        Types.Statement memory s = stated(workers[1], 50, 1);
        redeemWith(s, Signing.compact(signed(s)));
        reservedIs(50);
    }

    function test_a_contract_that_was_the_operator_keeps_its_word() public {
        terms.operator = address(new Wallet(operator));
        id = escrow.idOf(terms);
        silent();
        redeem(1, 50);
        reservedIs(50);
        Types.Statement memory s = stated(workers[1], 60, 1);
        wrongSignature(s, sign(STRANGER_KEY, Signing.statement(logDomain(), s)));
        wrongSignature(s, Signing.high(signed(s)));
    }

    function test_a_statement_of_any_payroll_is_redeemed() public {
        silent();
        Types.Statement memory s = stated(workers[1], 50, 99);
        redeemWith(s, signed(s));
        reservedIs(50);
    }
}
