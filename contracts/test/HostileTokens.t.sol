// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ICampaignEscrowTypes} from "../src/ICampaignEscrowTypes.sol";
import {LocalToken} from "../src/local/LocalToken.sol";
import {EscrowFixture} from "./utils/EscrowFixture.sol";
import {PayrollReference} from "./utils/PayrollReference.sol";
import {FalseToken, ListedToken, OldToken, RebasingToken, TurningToken} from "./utils/Tokens.sol";

/// @dev Tokens that do other than they should, in campaigns that were funded while they behaved.
contract HostileTokensTest is EscrowFixture {
    uint256 internal constant REFUND = BUDGET - 660_000_000;

    /// @dev A campaign in this token with a settled payroll, a bond for the disputer, and its deadline long over.
    function over(
        address token_
    ) internal returns (PayrollReference.Position[] memory list) {
        use(LocalToken(token_));
        deposit(BUDGET);
        list = first();
        post(list);
        dispute();
        vm.warp(DEADLINE + 3 * WINDOW);
        escrow.settle(terms);
    }

    /// @dev All five payments, and whom each pays how much.
    function payments(
        PayrollReference.Position[] memory list
    ) internal view returns (bytes[5] memory calls, address[5] memory to, uint256[5] memory amounts) {
        ICampaignEscrowTypes.Claim memory a = claimOf(list, 0);
        ICampaignEscrowTypes.Claim[] memory b = new ICampaignEscrowTypes.Claim[](1);
        b[0] = claimOf(list, 1);
        calls = [
            abi.encodeCall(escrow.claim, (terms, a.index, a.account, a.amount, a.path)),
            abi.encodeCall(escrow.claimMany, (terms, b)),
            abi.encodeCall(escrow.collectFee, (terms)),
            abi.encodeCall(escrow.collectBond, (terms, disputer)),
            abi.encodeCall(escrow.refund, (terms))
        ];
        to = [workers[0], workers[1], operator, disputer, requester];
        amounts = [uint256(300_000_000), 200_000_000, 60_000_000, BOND, REFUND];
    }

    function call(
        bytes memory data
    ) internal returns (bool done) {
        (done,) = address(escrow).call(data);
    }

    function test_a_share_taken_from_transfers_refuses_deposits_and_disputes() public {
        TurningToken turning = new TurningToken();
        use(turning);
        deposit(BUDGET);
        post(first());
        turning.turn(true);
        reverts(ICampaignEscrowTypes.WrongAmountArrived.selector, 9, uint256(10));
        deposit(10);
        reverts(ICampaignEscrowTypes.WrongAmountArrived.selector, BOND - 1, uint256(BOND));
        dispute();
        same(state().deposited, BUDGET, "deposited");
        stageIs(ICampaignEscrowTypes.Stage.Pending);
        same(token.balanceOf(address(escrow)), BUDGET, "balance");
    }

    function test_a_share_taken_from_transfers_is_the_receivers_loss_alone() public {
        TurningToken turning = new TurningToken();
        PayrollReference.Position[] memory list = over(address(turning));
        turning.turn(true);
        (bytes[5] memory calls, address[5] memory to, uint256[5] memory amounts) = payments(list);
        for (uint256 i; i < 5; ++i) {
            (uint256 had, uint256 held) = (token.balanceOf(to[i]), token.balanceOf(address(escrow)));
            yes(call(calls[i]), "paid");
            same(token.balanceOf(to[i]), had + amounts[i] - 1, "received, but for the share");
            same(token.balanceOf(address(escrow)), held - amounts[i], "sent");
        }
        same(claim(list, 2), 100_000_000, "the last one");
        same(token.balanceOf(address(escrow)), 0, "left over");
    }

    function test_a_token_that_answers_nothing_serves_a_whole_campaign() public {
        PayrollReference.Position[] memory list = over(address(new OldToken()));
        (bytes[5] memory calls, address[5] memory to, uint256[5] memory amounts) = payments(list);
        for (uint256 i; i < 5; ++i) {
            uint256 had = token.balanceOf(to[i]);
            yes(call(calls[i]), "paid");
            same(token.balanceOf(to[i]), had + amounts[i], "received");
        }
        claim(list, 2);
        same(token.balanceOf(address(escrow)), 0, "left over");
    }

    function test_a_token_that_answers_false_changes_no_books() public {
        FalseToken lying = new FalseToken();
        PayrollReference.Position[] memory list = over(address(lying));
        lying.turn(true);
        (bytes[5] memory calls, address[5] memory to, uint256[5] memory amounts) = payments(list);
        bytes32 before = keccak256(abi.encode(state()));
        for (uint256 i; i < 5; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(lying))
            );
            call(calls[i]);
        }
        same(keccak256(abi.encode(state())), before, "books");
        lying.turn(false);
        for (uint256 i; i < 5; ++i) {
            uint256 had = token.balanceOf(to[i]);
            yes(call(calls[i]), "paid once the token moves");
            same(token.balanceOf(to[i]), had + amounts[i], "received");
        }
    }

    /// @dev Party by party: exactly the payment to it fails, all others go on, and it is paid once it is off the list.
    function test_a_party_that_the_token_refuses_blocks_payments_to_itself_only() public {
        for (uint256 party; party < 6; ++party) {
            vm.warp(START);
            ListedToken listed = new ListedToken();
            PayrollReference.Position[] memory list = over(address(listed));
            (bytes[5] memory calls, address[5] memory to, uint256[5] memory amounts) = payments(list);
            address refused = party < 5 ? to[party] : arbiter;
            listed.list(refused, true);
            for (uint256 i; i < 5; ++i) {
                uint256 had = token.balanceOf(to[i]);
                same(call(calls[i]) ? 1 : 0, i == party ? 0 : 1, "blocked");
                same(token.balanceOf(to[i]), i == party ? had : had + amounts[i], "received");
            }
            listed.list(refused, false);
            if (party < 5) yes(call(calls[party]), "paid in the end");
            claim(list, 2);
            same(token.balanceOf(address(escrow)), 0, "left over");
        }
    }

    /// @dev Stated in `ICampaignEscrow`: such tokens are not supported. What comes on top stays where it is.
    function test_balances_that_rise_by_themselves_leave_the_rest_to_nobody() public {
        RebasingToken rebasing = new RebasingToken();
        PayrollReference.Position[] memory list = over(address(rebasing));
        rebasing.rebase(address(escrow), (BUDGET + BOND) * 2);
        (bytes[5] memory calls, address[5] memory to, uint256[5] memory amounts) = payments(list);
        for (uint256 i; i < 5; ++i) {
            uint256 had = token.balanceOf(to[i]);
            yes(call(calls[i]), "paid");
            same(token.balanceOf(to[i]), had + amounts[i], "what is owed and no more");
            call(calls[i]); // a second time
            same(token.balanceOf(to[i]), had + amounts[i], "once and no more");
        }
        claim(list, 2);
        same(token.balanceOf(address(escrow)), BUDGET + BOND, "what came on top");
    }

    /// @dev What is gone is gone for the last to call, in this token alone.
    function test_balances_that_fall_by_themselves_harm_the_campaigns_of_that_token_only() public {
        PayrollReference.Position[] memory sound = over(address(new LocalToken()));
        (ICampaignEscrowTypes.Terms memory safe, bytes32 safeId) = (terms, id);
        LocalToken safeToken = token;
        vm.warp(START);
        RebasingToken rebasing = new RebasingToken();
        PayrollReference.Position[] memory list = over(address(rebasing));
        rebasing.rebase(address(escrow), 350_000_000);
        same(claim(list, 0), 300_000_000, "who comes first");
        (bytes[5] memory calls,,) = payments(list);
        yes(!call(calls[1]), "not enough is left for the second");
        same(escrow.claimedOf(id, workers[1]), 0, "which is not booked");
        (terms, id, token) = (safe, safeId, safeToken);
        (calls,,) = payments(sound);
        for (uint256 i; i < 5; ++i) {
            yes(call(calls[i]), "the other token");
        }
        claim(sound, 2);
        same(safeToken.balanceOf(address(escrow)), 0, "left over in the other token");
    }
}
