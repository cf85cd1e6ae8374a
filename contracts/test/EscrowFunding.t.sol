// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CampaignEscrow} from "../src/CampaignEscrow.sol";
import {ICampaignEscrowTypes} from "../src/ICampaignEscrowTypes.sol";
import {ProvenanceLog} from "../src/ProvenanceLog.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {LocalToken} from "../src/local/LocalToken.sol";
import {EscrowFixture} from "./utils/EscrowFixture.sol";
import {FalseToken, OldToken, TaxedToken} from "./utils/Tokens.sol";

contract EscrowFundingTest is EscrowFixture {
    function test_the_escrow_needs_a_log() public {
        vm.expectRevert(abi.encodeWithSelector(ICampaignEscrowTypes.NoCode.selector, stranger));
        new CampaignEscrow(ProvenanceLog(stranger));
        same(address(escrow.provenance()), address(log), "log");
    }

    function test_an_id_is_the_hash_of_chain_escrow_and_terms() public {
        bytes memory words = abi.encode(
            terms.requester,
            terms.operator,
            terms.arbiter,
            terms.token,
            terms.feeBps,
            terms.window,
            terms.deadline
        );
        words = bytes.concat(words, abi.encode(terms.bond, terms.labelPrice, terms.part, terms.brief));
        same(words.length, 11 * 32, "words");
        bytes32 expected = keccak256(bytes.concat(abi.encode(block.chainid, address(escrow)), words));
        same(id, expected, "id");
        yes(new CampaignEscrow(log).idOf(terms) != id, "another escrow gives another id");
        vm.chainId(5);
        yes(escrow.idOf(terms) != id, "another chain gives another id");
    }

    function test_the_first_deposit_opens_the_campaign() public {
        vm.expectEmit(true, true, true, true, address(escrow));
        emit ICampaignEscrowTypes.Opened(id, terms);
        vm.expectEmit(true, true, true, true, address(escrow));
        emit ICampaignEscrowTypes.Deposited(id, requester, BUDGET);
        deposit(BUDGET);
        same(state().deposited, BUDGET, "deposited");
        same(token.balanceOf(address(escrow)), BUDGET, "balance");
    }

    function test_anyone_may_add_before_the_deadline() public {
        deposit(BUDGET);
        provide(stranger, 5);
        vm.warp(DEADLINE - 1);
        vm.prank(stranger);
        same(escrow.deposit(terms, 5), id, "id");
        same(state().deposited, BUDGET + 5, "deposited");
        vm.warp(DEADLINE);
        reverts(ICampaignEscrowTypes.DeadlinePassed.selector, uint256(DEADLINE));
        vm.prank(stranger);
        escrow.deposit(terms, 5);
    }

    function test_nothing_cannot_be_deposited() public {
        reverts(ICampaignEscrowTypes.NoAmount.selector);
        escrow.deposit(terms, 0);
    }

    function test_an_amount_beyond_128_bits_is_refused() public {
        vm.expectRevert(
            abi.encodeWithSignature("SafeCastOverflowedUintDowncast(uint8,uint256)", 128, uint256(1 << 128))
        );
        escrow.deposit(terms, 1 << 128);
    }

    function test_terms_without_a_party_are_refused() public {
        terms.requester = address(0);
        refused(ICampaignEscrowTypes.MissingParty.selector);
        (terms.requester, terms.operator) = (requester, address(0));
        refused(ICampaignEscrowTypes.MissingParty.selector);
        (terms.operator, terms.arbiter) = (operator, address(0));
        refused(ICampaignEscrowTypes.MissingParty.selector);
    }

    /// @dev Its refund could never leave.
    function test_a_requester_that_is_the_escrow_is_refused() public {
        terms.requester = address(escrow);
        refused(ICampaignEscrowTypes.MissingParty.selector);
    }

    function refused(
        bytes4 selector
    ) internal {
        reverts(selector);
        vm.prank(requester);
        escrow.deposit(terms, 1);
    }

    function test_an_arbiter_that_is_a_party_is_refused() public {
        terms.arbiter = requester;
        vm.expectRevert(abi.encodeWithSelector(ICampaignEscrowTypes.PartialArbiter.selector, requester));
        deposit(1);
        terms.arbiter = operator;
        vm.expectRevert(abi.encodeWithSelector(ICampaignEscrowTypes.PartialArbiter.selector, operator));
        deposit(1);
    }

    function test_a_token_without_code_is_refused() public {
        terms.token = stranger;
        vm.expectRevert(abi.encodeWithSelector(ICampaignEscrowTypes.NoCode.selector, stranger));
        deposit(1);
    }

    function test_a_permit_of_a_token_without_code_is_refused_in_the_same_words() public {
        terms.token = stranger;
        vm.expectRevert(abi.encodeWithSelector(ICampaignEscrowTypes.NoCode.selector, stranger));
        depositWithPermit(1, START + 1, 27, "r", "s");
    }

    function test_a_fee_is_at_most_a_quarter() public {
        terms.feeBps = 2_501;
        reverts(ICampaignEscrowTypes.FeeTooHigh.selector, 2_501, uint256(2_500));
        deposit(1);
        terms.feeBps = 2_500;
        deposit(1);
    }

    function test_a_window_is_a_day_to_thirty() public {
        terms.window = 1 days - 1;
        reverts(ICampaignEscrowTypes.WindowOutOfRange.selector, 1 days - 1);
        deposit(1);
        terms.window = 30 days + 1;
        reverts(ICampaignEscrowTypes.WindowOutOfRange.selector, 30 days + 1);
        deposit(1);
        terms.window = 1 days;
        deposit(1);
        terms.window = 30 days;
        deposit(1);
    }

    function test_a_token_that_keeps_a_share_is_refused() public {
        use(new TaxedToken());
        reverts(ICampaignEscrowTypes.WrongAmountArrived.selector, 99, uint256(100));
        deposit(100);
    }

    function test_a_token_that_answers_nothing_works() public {
        OldToken old = new OldToken();
        use(LocalToken(address(old)));
        deposit(BUDGET);
        same(old.balanceOf(address(escrow)), BUDGET, "balance");
    }

    function test_a_token_that_answers_false_takes_nothing_in() public {
        FalseToken lying = new FalseToken();
        use(lying);
        deposit(BUDGET);
        post(first());
        lying.turn(true);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(lying)));
        deposit(1);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(lying)));
        dispute();
        same(state().deposited, BUDGET, "deposited");
        stageIs(ICampaignEscrowTypes.Stage.Pending);
    }

    function test_a_deposit_without_allowance_is_refused() public {
        vm.expectRevert(
            abi.encodeWithSignature(
                "ERC20InsufficientAllowance(address,uint256,uint256)", address(escrow), 0, 5
            )
        );
        vm.prank(stranger);
        escrow.deposit(terms, 5);
    }

    function permit(
        uint256 amount,
        uint256 until
    ) internal view returns (uint8 v, bytes32 r, bytes32 s) {
        bytes32 kind =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 hash =
            keccak256(abi.encode(kind, requester, address(escrow), amount, token.nonces(requester), until));
        return vm.sign(REQUESTER_KEY, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), hash)));
    }

    function depositWithPermit(
        uint256 amount,
        uint256 until,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) internal {
        vm.prank(requester);
        escrow.depositWithPermit(terms, amount, until, v, r, s);
    }

    function test_a_permit_funds_with_one_signature() public {
        allow(0);
        (uint8 v, bytes32 r, bytes32 s) = permit(BUDGET, START + 1);
        depositWithPermit(BUDGET, START + 1, v, r, s);
        same(state().deposited, BUDGET, "deposited");
        same(token.allowance(requester, address(escrow)), 0, "allowance is used up");
    }

    function test_a_permit_that_somebody_used_first_still_funds() public {
        allow(0);
        (uint8 v, bytes32 r, bytes32 s) = permit(BUDGET, START + 1);
        vm.prank(stranger);
        token.permit(requester, address(escrow), BUDGET, START + 1, v, r, s);
        depositWithPermit(BUDGET, START + 1, v, r, s);
        same(state().deposited, BUDGET, "deposited");
    }

    function test_a_bad_permit_funds_only_from_an_allowance() public {
        allow(BUDGET);
        depositWithPermit(BUDGET, START + 1, 27, "r", "s");
        same(state().deposited, BUDGET, "deposited");
        vm.expectRevert(
            abi.encodeWithSignature(
                "ERC20InsufficientAllowance(address,uint256,uint256)", address(escrow), 0, 1
            )
        );
        depositWithPermit(1, START + 1, 27, "r", "s");
    }

    function test_a_permit_moves_nobody_elses_money() public {
        allow(0);
        (uint8 v, bytes32 r, bytes32 s) = permit(BUDGET, START + 1);
        vm.expectRevert(
            abi.encodeWithSignature(
                "ERC20InsufficientAllowance(address,uint256,uint256)", address(escrow), 0, BUDGET
            )
        );
        vm.prank(stranger);
        escrow.depositWithPermit(terms, BUDGET, START + 1, v, r, s);
    }

    function test_a_token_without_permit_funds_from_its_allowance() public {
        OldToken old = new OldToken();
        use(LocalToken(address(old)));
        depositWithPermit(BUDGET, START + 1, 27, "r", "s");
        same(old.balanceOf(address(escrow)), BUDGET, "balance");
    }

    function allow(
        uint256 amount
    ) internal {
        vm.prank(requester);
        token.approve(address(escrow), amount);
    }
}
