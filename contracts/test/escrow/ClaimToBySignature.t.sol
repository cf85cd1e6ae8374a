// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {Payroll} from "../../src/libraries/Payroll.sol";
import {LabelledFixture} from "../utils/LabelledFixture.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";
import {Signing, Wallet} from "../utils/Signing.sol";

/// @dev Worker 1 has a key here; it is owed 200 million.
contract ClaimToBySignatureTest is LabelledFixture {
    uint256 internal constant KEY = 0x3012;
    uint256 internal constant OWED = 200_000_000;
    uint256 internal constant UNTIL = START + 60 days;

    address internal receiver = named("receiver");

    function setUp() public override {
        workers[1] = vm.addr(KEY);
        super.setUp();
    }

    function digest(
        address to,
        uint256 amount
    ) internal view returns (bytes32) {
        return Signing.claimTo(escrowDomain(), id, workers[1], to, amount, UNTIL);
    }

    function claimTo(
        Types.Claim memory one,
        address to,
        bytes memory signature
    ) internal returns (uint256) {
        vm.prank(stranger);
        return escrow.claimToBySignature(terms, one, to, UNTIL, signature);
    }

    function wrongSignature(
        Types.Claim memory one,
        bytes memory signature
    ) internal {
        reverts(Types.WrongSignature.selector, one.account);
        claimTo(one, receiver, signature);
    }

    function test_a_signature_expires() public {
        Types.Claim memory one = claimOf(settledFirst(), 1);
        vm.warp(UNTIL + 1);
        bytes memory signature = sign(KEY, digest(receiver, OWED));
        reverts(Types.SignatureExpired.selector, UNTIL);
        claimTo(one, receiver, signature);
    }

    function test_no_signature_sends_to_zero_or_the_escrow() public {
        Types.Claim memory one = claimOf(settledFirst(), 1);
        bytes memory signature = sign(KEY, digest(address(0), OWED));
        reverts(Types.UnpayableReceiver.selector, address(0));
        claimTo(one, address(0), signature);
        signature = sign(KEY, digest(address(escrow), OWED));
        reverts(Types.UnpayableReceiver.selector, address(escrow));
        claimTo(one, address(escrow), signature);
    }

    function test_a_signature_needs_a_true_position() public {
        PayrollReference.Position[] memory list = settledFirst();
        bytes32 root = state().settledRoot;
        Types.Claim memory one = claimOf(list, 1);
        one.amount += 1;
        list[1].increase += 1;
        bytes memory signature = sign(KEY, digest(receiver, OWED + 1));
        reverts(Payroll.PathMismatch.selector, PayrollReference.root(id, list), root);
        claimTo(one, receiver, signature);
    }

    function test_a_signature_brings_nothing_where_nothing_is_due() public {
        settledFirst();
        Types.Claim memory one = Types.Claim(0, workers[1], 0, new bytes32[](0));
        bytes memory signature = sign(KEY, digest(receiver, 0));
        reverts(Types.NothingDue.selector, workers[1], uint256(0));
        claimTo(one, receiver, signature);
    }

    function test_another_cannot_sign_for_the_account() public {
        Types.Claim memory one = claimOf(settledFirst(), 1);
        wrongSignature(one, sign(OPERATOR_KEY, digest(receiver, OWED)));
    }

    function test_the_account_signs_all_of_it() public {
        Types.Claim memory one = claimOf(settledFirst(), 1);
        wrongSignature(one, sign(KEY, digest(stranger, OWED)));
        wrongSignature(one, sign(KEY, digest(receiver, OWED - 1)));
        wrongSignature(one, sign(KEY, digest(receiver, OWED + 1)));
        bytes32 later = Signing.claimTo(escrowDomain(), id, workers[1], receiver, OWED, UNTIL + 1);
        wrongSignature(one, sign(KEY, later));
    }

    function test_a_signature_takes_nobody_elses_money() public {
        Types.Claim memory one = claimOf(settledFirst(), 0);
        wrongSignature(one, sign(KEY, digest(receiver, 300_000_000)));
        bytes32 theirs = Signing.claimTo(escrowDomain(), id, workers[0], receiver, 300_000_000, UNTIL);
        wrongSignature(one, sign(KEY, theirs));
    }

    function test_a_signature_for_another_campaign_sends_nothing() public {
        Types.Claim memory one = claimOf(settledFirst(), 1);
        bytes32 elsewhere = Signing.claimTo(escrowDomain(), "other", workers[1], receiver, OWED, UNTIL);
        wrongSignature(one, sign(KEY, elsewhere));
    }

    function signedUnder(
        bytes32 domain
    ) internal view returns (bytes memory) {
        return sign(KEY, Signing.claimTo(domain, id, workers[1], receiver, OWED, UNTIL));
    }

    function test_a_signature_for_another_chain_sends_nothing() public {
        Types.Claim memory one = claimOf(settledFirst(), 1);
        uint256 chain = block.chainid + 1;
        wrongSignature(one, signedUnder(Signing.domain("crowdledger escrow", chain, address(escrow))));
    }

    function test_a_signature_for_another_contract_sends_nothing() public {
        Types.Claim memory one = claimOf(settledFirst(), 1);
        wrongSignature(one, signedUnder(Signing.domain("crowdledger escrow", block.chainid, stranger)));
        wrongSignature(one, signedUnder(Signing.domain("crowdledger", block.chainid, address(escrow))));
        wrongSignature(one, signedUnder(logDomain()));
    }

    function test_a_signature_of_something_else_sends_nothing() public {
        Types.Claim memory one = claimOf(settledFirst(), 1);
        Types.Statement memory s = stated(workers[1], OWED, 1);
        wrongSignature(one, sign(KEY, Signing.statement(escrowDomain(), s)));
        wrongSignature(one, sign(KEY, Signing.receipt(escrowDomain(), id, 0, uint64(UNTIL))));
    }

    function test_a_malleated_signature_sends_nothing() public {
        Types.Claim memory one = claimOf(settledFirst(), 1);
        bytes memory signature = sign(KEY, digest(receiver, OWED));
        wrongSignature(one, Signing.high(signature));
        wrongSignature(one, Signing.compact(Signing.high(signature)));
        wrongSignature(one, "");
        wrongSignature(one, bytes.concat(signature, hex"00"));
    }

    /// @dev No key signs for the zero account, though a failed recovery gives it. It is owed 5 by words written into
    /// the storage, which no call can bring about.
    function test_nobody_signs_for_the_zero_account() public {
        silent();
        bytes32 slot = keccak256(abi.encode(address(0), keccak256(abi.encode(id, uint256(1)))));
        vm.store(address(escrow), slot, bytes32(uint256(5) << 64));
        accountIs(address(0), 0, 5, 0, 0);
        Types.Claim memory one = Types.Claim(0, address(0), 0, new bytes32[](0));
        wrongSignature(one, "");
        wrongSignature(one, new bytes(65));
        wrongSignature(one, new bytes(64));
    }

    function test_anyone_may_bring_a_signature() public {
        Types.Claim memory one = claimOf(settledFirst(), 1);
        bytes memory signature = sign(KEY, digest(receiver, OWED));
        emits();
        emit Types.Claimed(id, workers[1], receiver, OWED);
        same(claimTo(one, receiver, signature), OWED, "paid");
        same(token.balanceOf(receiver), OWED, "receiver");
        same(token.balanceOf(workers[1]), 0, "worker");
        same(token.balanceOf(stranger), 4 * BOND, "caller");
        accountIs(workers[1], OWED, OWED, 0, 0);
        same(state().claimed, OWED, "claimed");
    }

    function test_a_signature_serves_in_its_last_second() public {
        Types.Claim memory one = claimOf(settledFirst(), 1);
        vm.warp(UNTIL);
        same(claimTo(one, receiver, sign(KEY, digest(receiver, OWED))), OWED, "paid");
    }

    function test_a_compact_signature_serves_too() public {
        Types.Claim memory one = claimOf(settledFirst(), 1);
        same(claimTo(one, receiver, Signing.compact(sign(KEY, digest(receiver, OWED)))), OWED, "paid");
    }

    function test_an_account_with_a_key_and_code_signs_by_its_key() public {
        Types.Claim memory one = claimOf(settledFirst(), 1);
        vm.etch(workers[1], hex"00");
        wrongSignature(one, sign(OPERATOR_KEY, digest(receiver, OWED)));
        same(claimTo(one, receiver, sign(KEY, digest(receiver, OWED))), OWED, "paid");
    }

    function paidToWallet() internal returns (Types.Claim memory) {
        workers[1] = address(new Wallet(workers[1]));
        return claimOf(settledFirst(), 1);
    }

    function test_an_account_that_is_a_contract_signs_like_a_key() public {
        Types.Claim memory one = paidToWallet();
        same(claimTo(one, receiver, sign(KEY, digest(receiver, OWED))), OWED, "paid");
        same(token.balanceOf(receiver), OWED, "receiver");
    }

    function test_an_account_that_is_a_contract_decides_about_its_signatures() public {
        Types.Claim memory one = paidToWallet();
        wrongSignature(one, sign(OPERATOR_KEY, digest(receiver, OWED)));
        wrongSignature(one, Signing.high(sign(KEY, digest(receiver, OWED))));
        wrongSignature(one, "");
    }

    function nothingDue(
        Types.Claim memory one,
        bytes memory signature
    ) internal {
        reverts(Types.NothingDue.selector, workers[1], OWED);
        claimTo(one, receiver, signature);
    }

    function test_a_signature_serves_once() public {
        Types.Claim memory one = claimOf(settledFirst(), 1);
        bytes memory signature = sign(KEY, digest(receiver, OWED));
        claimTo(one, receiver, signature);
        nothingDue(one, signature);
    }

    function test_a_signature_serves_once_in_whatever_form() public {
        Types.Claim memory one = claimOf(settledFirst(), 1);
        bytes memory signature = sign(KEY, digest(receiver, OWED));
        claimTo(one, receiver, signature);
        nothingDue(one, Signing.compact(signature));
        nothingDue(one, Signing.high(signature));
    }

    function test_a_signature_is_of_no_use_when_the_account_was_paid() public {
        PayrollReference.Position[] memory list = settledFirst();
        claim(list, 1);
        nothingDue(claimOf(list, 1), sign(KEY, digest(receiver, OWED)));
        same(token.balanceOf(workers[1]), OWED, "worker");
    }

    function test_a_signature_is_of_no_use_when_more_has_settled() public {
        bytes memory signature = sign(KEY, digest(receiver, OWED));
        PayrollReference.Position[] memory next = PayrollReference.settled(settledFirst());
        next[1].increase = 7;
        post(next);
        vm.warp(block.timestamp + WINDOW);
        Types.Claim memory one = claimOf(next, 1);
        wrongSignature(one, signature);
        same(claimTo(one, receiver, sign(KEY, digest(receiver, OWED + 7))), OWED + 7, "paid");
        reverts(Types.NothingDue.selector, workers[1], OWED + 7);
        claimTo(one, receiver, signature);
    }

    function test_a_signature_names_all_that_the_account_will_have_received() public {
        PayrollReference.Position[] memory list = settledFirst();
        claim(list, 1);
        list = PayrollReference.settled(list);
        list[1].increase = 7;
        post(list);
        vm.warp(block.timestamp + WINDOW);
        wrongSignature(claimOf(list, 1), sign(KEY, digest(receiver, 7)));
        same(claimTo(claimOf(list, 1), receiver, sign(KEY, digest(receiver, OWED + 7))), 7, "paid");
        same(token.balanceOf(receiver), 7, "receiver");
    }

    function test_a_signature_sends_what_was_redeemed() public {
        silent();
        redeem(1, 50);
        vm.warp(after0(2));
        Types.Claim memory one = Types.Claim(0, workers[1], 0, new bytes32[](0));
        same(claimTo(one, receiver, sign(KEY, digest(receiver, 50))), 50, "paid");
        same(token.balanceOf(receiver), 50, "receiver");
    }
}
