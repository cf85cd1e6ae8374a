// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {LocalToken} from "../../src/local/LocalToken.sol";
import {EscrowFixture} from "../utils/EscrowFixture.sol";
import {Signing} from "../utils/Signing.sol";
import {AuthorizedToken, TaxedAuthorizedToken} from "../utils/Tokens.sol";

contract DepositWithAuthorizationTest is EscrowFixture {
    uint256 internal constant AFTER = START - 1;
    uint256 internal constant BEFORE = START + 1 days;

    AuthorizedToken internal authorized;

    struct Authorization {
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    function setUp() public override {
        super.setUp();
        take(new AuthorizedToken());
    }

    function take(
        AuthorizedToken token_
    ) internal {
        authorized = token_;
        use(LocalToken(address(token_)));
        vm.prank(requester);
        authorized.approve(address(escrow), 0);
    }

    /// @dev The requester's word to the token that this contract may fetch the amount.
    function authorize(
        uint256 amount,
        bytes32 nonce
    ) internal view returns (Authorization memory a) {
        bytes32 kind = keccak256(
            "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
        );
        bytes memory encoded = abi.encode(kind, requester, address(escrow), amount, AFTER, BEFORE, nonce);
        (a.v, a.r, a.s) = vm.sign(REQUESTER_KEY, Signing.typed(authorized.domainSeparator(), encoded));
    }

    function depositFrom(
        address from,
        uint256 amount,
        Authorization memory a
    ) internal returns (bytes32) {
        vm.prank(stranger);
        return escrow.depositWithAuthorization(terms, amount, from, AFTER, BEFORE, a.v, a.r, a.s);
    }

    function test_an_authorization_for_nothing_is_refused() public {
        Authorization memory a = authorize(0, id);
        reverts(Types.NoAmount.selector);
        depositFrom(requester, 0, a);
    }

    function test_a_deposit_with_authorization_ends_at_the_deadline() public {
        Authorization memory a = authorize(5, id);
        vm.warp(DEADLINE);
        reverts(Types.DeadlinePassed.selector, uint256(DEADLINE));
        depositFrom(requester, 5, a);
    }

    function test_an_authorization_opens_no_odd_terms() public {
        terms.window = 1;
        Authorization memory a = authorize(5, escrow.idOf(terms));
        reverts(Types.WindowOutOfRange.selector, uint256(1));
        depositFrom(requester, 5, a);
        terms.token = stranger;
        reverts(Types.NoCode.selector, stranger);
        depositFrom(requester, 5, a);
    }

    function test_an_authorization_funds_with_one_signature_whoever_brings_it() public {
        Authorization memory a = authorize(BUDGET, id);
        uint256 before = authorized.balanceOf(requester);
        emits();
        emit Types.Opened(id, terms);
        emits();
        emit Types.Deposited(id, requester, BUDGET);
        same(depositFrom(requester, BUDGET, a), id, "id");
        same(state().deposited, BUDGET, "deposited");
        same(authorized.balanceOf(address(escrow)), BUDGET, "balance");
        same(authorized.balanceOf(requester), before - BUDGET, "requester");
        yes(authorized.authorizationState(requester, id), "the nonce is the id");
    }

    function test_an_authorization_for_one_campaign_funds_no_other() public {
        Authorization memory a = authorize(BUDGET, id);
        terms.part = 1;
        reverts(ERC3009.ERC3009InvalidSignature.selector);
        depositFrom(requester, BUDGET, a);
    }

    function test_an_authorization_is_for_its_amount() public {
        Authorization memory a = authorize(BUDGET, id);
        reverts(ERC3009.ERC3009InvalidSignature.selector);
        depositFrom(requester, BUDGET - 1, a);
    }

    function test_an_authorization_takes_from_its_signer_only() public {
        Authorization memory a = authorize(BUDGET, id);
        authorized.mint(disputer, BUDGET);
        reverts(ERC3009.ERC3009InvalidSignature.selector);
        depositFrom(disputer, BUDGET, a);
    }

    function test_an_authorization_can_be_early() public {
        Authorization memory a = authorize(BUDGET, id);
        vm.warp(AFTER);
        reverts(ERC3009.ERC3009InvalidAuthorizationTime.selector, AFTER, BEFORE);
        depositFrom(requester, BUDGET, a);
    }

    function test_an_authorization_can_be_late() public {
        Authorization memory a = authorize(BUDGET, id);
        vm.warp(BEFORE);
        reverts(ERC3009.ERC3009InvalidAuthorizationTime.selector, AFTER, BEFORE);
        depositFrom(requester, BUDGET, a);
        vm.warp(BEFORE - 1);
        depositFrom(requester, BUDGET, a);
        same(state().deposited, BUDGET, "deposited");
    }

    function test_an_authorization_serves_once() public {
        Authorization memory a = authorize(BUDGET, id);
        depositFrom(requester, BUDGET, a);
        vm.expectRevert(abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, requester, id));
        depositFrom(requester, BUDGET, a);
        same(state().deposited, BUDGET, "deposited");
    }

    function test_an_authorization_cannot_be_taken_to_the_token_first() public {
        Authorization memory a = authorize(BUDGET, id);
        vm.expectRevert(abi.encodeWithSignature("ERC20InvalidReceiver(address)", address(escrow)));
        vm.prank(stranger);
        authorized.receiveWithAuthorization(
            requester, address(escrow), BUDGET, AFTER, BEFORE, id, a.v, a.r, a.s
        );
        vm.expectRevert(abi.encodeWithSelector(ERC3009.ERC3009InvalidSignature.selector));
        authorized.transferWithAuthorization(
            requester, address(escrow), BUDGET, AFTER, BEFORE, id, a.v, a.r, a.s
        );
        depositFrom(requester, BUDGET, a);
        same(state().deposited, BUDGET, "deposited");
    }

    function test_an_authorized_token_that_keeps_a_share_is_refused() public {
        take(new TaxedAuthorizedToken());
        Authorization memory a = authorize(100, id);
        reverts(Types.WrongAmountArrived.selector, uint256(99), uint256(100));
        depositFrom(requester, 100, a);
    }

    function test_a_token_without_authorizations_does_not_fund() public {
        Authorization memory a = authorize(BUDGET, id);
        use(new LocalToken());
        vm.expectRevert("");
        depositFrom(requester, BUDGET, a);
        same(state().deposited, 0, "deposited");
    }
}
