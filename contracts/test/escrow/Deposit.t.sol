// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {LocalToken} from "../../src/local/LocalToken.sol";
import {Vm} from "../utils/Base.sol";
import {EscrowFixture} from "../utils/EscrowFixture.sol";
import {FalseToken, GivingToken, OldToken, TaxedToken} from "../utils/Tokens.sol";

contract DepositTest is EscrowFixture {
    function test_nothing_cannot_be_deposited() public {
        reverts(Types.NoAmount.selector);
        escrow.deposit(terms, 0);
    }

    function test_an_amount_beyond_128_bits_is_refused() public {
        vm.expectRevert(
            abi.encodeWithSignature("SafeCastOverflowedUintDowncast(uint8,uint256)", 128, uint256(1 << 128))
        );
        escrow.deposit(terms, 1 << 128);
    }

    function test_a_sum_beyond_128_bits_is_refused() public {
        provide(stranger, type(uint128).max);
        vm.prank(stranger);
        escrow.deposit(terms, type(uint128).max);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        vm.prank(requester);
        escrow.deposit(terms, 1);
    }

    function test_a_deposit_ends_at_the_deadline() public {
        vm.warp(DEADLINE);
        reverts(Types.DeadlinePassed.selector, uint256(DEADLINE));
        deposit(5);
        vm.warp(DEADLINE - 1);
        deposit(5);
        same(state().deposited, 5, "deposited");
    }

    function test_terms_without_a_party_are_refused() public {
        terms.requester = address(0);
        missing();
        (terms.requester, terms.operator) = (requester, address(0));
        missing();
        (terms.operator, terms.arbiter) = (operator, address(0));
        missing();
    }

    /// @dev Its refund could never leave.
    function test_a_requester_that_is_the_escrow_is_refused() public {
        terms.requester = address(escrow);
        missing();
    }

    function missing() internal {
        reverts(Types.MissingParty.selector);
        vm.prank(requester);
        escrow.deposit(terms, 1);
    }

    function test_an_arbiter_that_is_the_requester_is_refused() public {
        terms.arbiter = requester;
        reverts(Types.PartialArbiter.selector, requester);
        deposit(1);
    }

    function test_an_arbiter_that_is_the_operator_is_refused() public {
        terms.arbiter = operator;
        reverts(Types.PartialArbiter.selector, operator);
        deposit(1);
    }

    function test_a_token_without_code_is_refused() public {
        terms.token = stranger;
        reverts(Types.NoCode.selector, stranger);
        deposit(1);
    }

    function test_a_fee_above_a_quarter_is_refused() public {
        terms.feeBps = 2_501;
        reverts(Types.FeeTooHigh.selector, uint256(2_501), uint256(2_500));
        deposit(1);
    }

    function test_a_fee_of_a_quarter_is_the_most() public {
        terms.feeBps = 2_500;
        deposit(1);
        same(escrow.campaign(escrow.idOf(terms)).deposited, 1, "deposited");
    }

    function test_a_window_below_a_day_is_refused() public {
        terms.window = 1 days - 1;
        reverts(Types.WindowOutOfRange.selector, uint256(1 days - 1));
        deposit(1);
    }

    function test_a_window_above_thirty_days_is_refused() public {
        terms.window = 30 days + 1;
        reverts(Types.WindowOutOfRange.selector, uint256(30 days + 1));
        deposit(1);
    }

    function test_a_window_is_a_day_to_thirty() public {
        terms.window = 1 days;
        deposit(1);
        same(escrow.campaign(escrow.idOf(terms)).deposited, 1, "a day");
        terms.window = 30 days;
        deposit(1);
        same(escrow.campaign(escrow.idOf(terms)).deposited, 1, "thirty");
    }

    function test_the_first_deposit_opens_the_campaign() public {
        uint256 before = token.balanceOf(requester);
        emits();
        emit Types.Opened(id, terms);
        emits();
        emit Types.Deposited(id, requester, BUDGET);
        vm.prank(requester);
        same(escrow.deposit(terms, BUDGET), id, "id");
        same(
            keccak256(abi.encode(state())),
            keccak256(abi.encode(opened(uint128(BUDGET)))),
            "the whole campaign"
        );
        same(token.balanceOf(address(escrow)), BUDGET, "balance");
        same(token.balanceOf(requester), before - BUDGET, "requester");
    }

    function opened(
        uint128 amount
    ) internal pure returns (Types.Campaign memory c) {
        c.deposited = amount;
    }

    function test_anyone_may_add_to_an_open_campaign() public {
        deposit(BUDGET);
        provide(stranger, 5);
        vm.recordLogs();
        vm.prank(stranger);
        same(escrow.deposit(terms, 5), id, "id");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        same(logs.length, 2, "the token's event and the deposit's");
        same(logs[0].topics[0], Types.Deposited.selector, "deposited");
        same(logs[0].topics[2], bytes32(uint256(uint160(stranger))), "from");
        stateIs(opened(uint128(BUDGET) + 5));
        same(token.balanceOf(address(escrow)), BUDGET + 5, "balance");
        same(token.balanceOf(stranger), 0, "stranger");
    }

    function test_a_deposit_leaves_other_campaigns_alone() public {
        deposit(BUDGET);
        bytes32 before = keccak256(abi.encode(state()));
        terms.part = 1;
        deposit(7);
        same(keccak256(abi.encode(state())), before, "the first");
        same(escrow.campaign(escrow.idOf(terms)).deposited, 7, "the second");
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

    function test_a_token_that_keeps_a_share_is_refused() public {
        use(new TaxedToken());
        reverts(Types.WrongAmountArrived.selector, uint256(99), uint256(100));
        deposit(100);
    }

    function test_a_token_that_adds_to_a_deposit_is_refused() public {
        use(new GivingToken());
        reverts(Types.WrongAmountArrived.selector, uint256(101), uint256(100));
        deposit(100);
    }

    function test_a_token_that_answers_nothing_works() public {
        OldToken old = new OldToken();
        use(LocalToken(address(old)));
        deposit(BUDGET);
        same(old.balanceOf(address(escrow)), BUDGET, "balance");
        same(state().deposited, BUDGET, "deposited");
    }

    function test_a_token_that_answers_false_takes_nothing_in() public {
        FalseToken lying = new FalseToken();
        use(lying);
        lying.turn(true);
        reverts(SafeERC20.SafeERC20FailedOperation.selector, address(lying));
        deposit(1);
        same(state().deposited, 0, "deposited");
    }

    function testFuzz_a_deposit_books_what_arrived(
        uint128 a,
        uint64 b
    ) public {
        uint256 one = bound(a, 1, type(uint128).max - type(uint64).max);
        uint256 two = uint256(b) + (b == 0 ? 1 : 0);
        provide(stranger, one + two);
        vm.startPrank(stranger);
        escrow.deposit(terms, one);
        escrow.deposit(terms, two);
        vm.stopPrank();
        same(state().deposited, one + two, "deposited");
        same(token.balanceOf(address(escrow)), one + two, "balance");
        same(token.balanceOf(stranger), 0, "stranger");
    }
}
