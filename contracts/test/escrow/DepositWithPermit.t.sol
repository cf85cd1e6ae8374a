// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {LocalToken} from "../../src/local/LocalToken.sol";
import {EscrowFixture} from "../utils/EscrowFixture.sol";
import {OldToken, TaxedToken} from "../utils/Tokens.sol";

contract DepositWithPermitTest is EscrowFixture {
    uint256 internal constant UNTIL = START + 1;

    function setUp() public override {
        super.setUp();
        allow(0);
    }

    function allow(
        uint256 amount
    ) internal {
        vm.prank(requester);
        token.approve(address(escrow), amount);
    }

    function permit(
        uint256 amount
    ) internal view returns (uint8 v, bytes32 r, bytes32 s) {
        bytes32 kind =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 hash =
            keccak256(abi.encode(kind, requester, address(escrow), amount, token.nonces(requester), UNTIL));
        return vm.sign(REQUESTER_KEY, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), hash)));
    }

    function depositWithPermit(
        uint256 amount,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) internal {
        vm.prank(requester);
        escrow.depositWithPermit(terms, amount, UNTIL, v, r, s);
    }

    function allowanceTooLow(
        uint256 allowed,
        uint256 needed
    ) internal {
        vm.expectRevert(
            abi.encodeWithSignature(
                "ERC20InsufficientAllowance(address,uint256,uint256)", address(escrow), allowed, needed
            )
        );
    }

    function test_a_permit_for_nothing_is_refused() public {
        (uint8 v, bytes32 r, bytes32 s) = permit(0);
        reverts(Types.NoAmount.selector);
        depositWithPermit(0, v, r, s);
    }

    function test_a_deposit_with_permit_ends_at_the_deadline() public {
        (uint8 v, bytes32 r, bytes32 s) = permit(5);
        vm.warp(DEADLINE);
        reverts(Types.DeadlinePassed.selector, uint256(DEADLINE));
        depositWithPermit(5, v, r, s);
    }

    function test_a_permit_of_a_token_without_code_is_refused_in_the_same_words() public {
        terms.token = stranger;
        reverts(Types.NoCode.selector, stranger);
        depositWithPermit(1, 27, "r", "s");
    }

    function test_a_permit_funds_with_one_signature() public {
        (uint8 v, bytes32 r, bytes32 s) = permit(BUDGET);
        emits();
        emit Types.Opened(id, terms);
        emits();
        emit Types.Deposited(id, requester, BUDGET);
        vm.prank(requester);
        same(escrow.depositWithPermit(terms, BUDGET, UNTIL, v, r, s), id, "id");
        same(state().deposited, BUDGET, "deposited");
        same(token.balanceOf(address(escrow)), BUDGET, "balance");
        same(token.allowance(requester, address(escrow)), 0, "allowance is used up");
    }

    function test_a_permit_that_somebody_used_first_still_funds() public {
        (uint8 v, bytes32 r, bytes32 s) = permit(BUDGET);
        vm.prank(stranger);
        token.permit(requester, address(escrow), BUDGET, UNTIL, v, r, s);
        depositWithPermit(BUDGET, v, r, s);
        same(state().deposited, BUDGET, "deposited");
    }

    function test_a_used_permit_funds_again_from_an_allowance() public {
        (uint8 v, bytes32 r, bytes32 s) = permit(BUDGET);
        depositWithPermit(BUDGET, v, r, s);
        allow(BUDGET);
        depositWithPermit(BUDGET, v, r, s);
        same(state().deposited, 2 * BUDGET, "deposited");
    }

    function test_a_used_permit_alone_does_not_fund_again() public {
        (uint8 v, bytes32 r, bytes32 s) = permit(BUDGET);
        depositWithPermit(BUDGET, v, r, s);
        allow(BUDGET - 1);
        allowanceTooLow(BUDGET - 1, BUDGET);
        depositWithPermit(BUDGET, v, r, s);
    }

    function test_a_bad_permit_funds_from_an_allowance() public {
        allow(2 * BUDGET);
        depositWithPermit(BUDGET, 27, "r", "s");
        (uint8 v, bytes32 r, bytes32 s) = permit(BUDGET);
        vm.warp(UNTIL + 1); // the permit is late
        depositWithPermit(BUDGET, v, r, s);
        same(state().deposited, 2 * BUDGET, "deposited");
    }

    function test_a_bad_permit_alone_does_not_fund() public {
        allowanceTooLow(0, 1);
        depositWithPermit(1, 27, "r", "s");
    }

    function test_a_permit_moves_nobody_elses_money() public {
        (uint8 v, bytes32 r, bytes32 s) = permit(BUDGET);
        uint256 before = token.balanceOf(requester);
        allowanceTooLow(0, BUDGET);
        vm.prank(stranger);
        escrow.depositWithPermit(terms, BUDGET, UNTIL, v, r, s);
        same(token.balanceOf(requester), before, "requester");
    }

    function test_a_token_without_permit_funds_from_its_allowance() public {
        OldToken old = new OldToken();
        use(LocalToken(address(old)));
        depositWithPermit(BUDGET, 27, "r", "s");
        same(old.balanceOf(address(escrow)), BUDGET, "balance");
        same(state().deposited, BUDGET, "deposited");
    }

    function test_a_token_without_permit_and_allowance_does_not_fund() public {
        OldToken old = new OldToken();
        use(LocalToken(address(old)));
        vm.prank(requester);
        old.approve(address(escrow), BUDGET - 1);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        depositWithPermit(BUDGET, 27, "r", "s");
    }

    function test_a_token_with_permit_that_keeps_a_share_is_refused() public {
        use(new TaxedToken());
        allow(0);
        (uint8 v, bytes32 r, bytes32 s) = permit(100);
        reverts(Types.WrongAmountArrived.selector, uint256(99), uint256(100));
        depositWithPermit(100, v, r, s);
    }

    function testFuzz_the_allowance_alone_decides(
        uint64 allowed,
        uint64 amount
    ) public {
        uint256 wanted = bound(amount, 1, BUDGET);
        uint256 has = bound(allowed, 0, BUDGET);
        allow(has);
        if (has < wanted) allowanceTooLow(has, wanted);
        depositWithPermit(wanted, 28, "r", "s");
        same(state().deposited, has < wanted ? 0 : wanted, "deposited");
        same(token.balanceOf(address(escrow)), has < wanted ? 0 : wanted, "balance");
    }
}
