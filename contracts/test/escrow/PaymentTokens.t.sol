// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {EscrowFixture} from "../utils/EscrowFixture.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";
import {FalseToken, HookToken, ListedToken} from "../utils/Tokens.sol";

contract PaymentTokensTest is EscrowFixture {
    function many(
        PayrollReference.Position[] memory list
    ) internal view returns (Types.Claim[] memory claims) {
        claims = new Types.Claim[](3);
        for (uint256 i; i < 3; ++i) {
            uint256 amount = uint256(list[i].soFar) + list[i].increase;
            claims[i] = Types.Claim(i, list[i].account, amount, PayrollReference.path(id, list, i));
        }
    }

    function test_an_account_that_the_token_refuses_blocks_only_itself() public {
        ListedToken listed = new ListedToken();
        use(listed);
        deposit(BUDGET);
        PayrollReference.Position[] memory list = first();
        post(list);
        dispute();
        listed.list(disputer, true);
        listed.list(operator, true);
        listed.list(workers[0], true);
        vm.warp(DEADLINE + 3 * WINDOW);
        escrow.refund(terms); // settles, though disputer and operator cannot be paid
        bytes32[] memory path = PayrollReference.path(id, list, 0);
        vm.expectRevert(abi.encodeWithSelector(ListedToken.Listed.selector, workers[0]));
        escrow.claim(terms, 0, workers[0], 300_000_000, path);
        claim(list, 1);
        claim(list, 2);
        vm.expectRevert(abi.encodeWithSelector(ListedToken.Listed.selector, disputer));
        escrow.collectBond(terms, disputer);
        vm.expectRevert(abi.encodeWithSelector(ListedToken.Listed.selector, operator));
        escrow.collectFee(terms);
        listed.list(workers[0], false);
        claim(list, 0);
    }

    function test_a_token_that_answers_false_pays_nothing_out() public {
        FalseToken lying = new FalseToken();
        use(lying);
        deposit(BUDGET);
        PayrollReference.Position[] memory list = first();
        post(list);
        dispute();
        vm.warp(DEADLINE + 3 * WINDOW);
        escrow.settle(terms);
        lying.turn(true);
        bytes[5] memory calls = [
            abi.encodeCall(
                escrow.claim, (terms, 0, workers[0], 300_000_000, PayrollReference.path(id, list, 0))
            ),
            abi.encodeCall(escrow.claimMany, (terms, many(list))),
            abi.encodeCall(escrow.collectFee, (terms)),
            abi.encodeCall(escrow.collectBond, (terms, disputer)),
            abi.encodeCall(escrow.refund, (terms))
        ];
        for (uint256 i; i < calls.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(lying))
            );
            (bool refused,) = address(escrow).call(calls[i]);
            yes(refused, "expected to revert");
        }
        same(token.balanceOf(address(escrow)), BUDGET + BOND, "balance");
        lying.turn(false);
        for (uint256 i; i < calls.length; ++i) {
            (bool done,) = address(escrow).call(calls[i]);
            yes(done, "paid once the token moves");
        }
        same(token.balanceOf(address(escrow)), 0, "left over");
    }

    /// @dev Every function that moves money is closed while a transfer runs.
    function test_a_token_with_hooks_cannot_come_back_in() public {
        HookToken hooked = new HookToken();
        use(hooked);
        PayrollReference.Position[] memory list = settledFirst();
        bytes32[] memory path = PayrollReference.path(id, list, 0);
        bytes[7] memory calls = [
            abi.encodeCall(escrow.claim, (terms, 0, workers[0], 300_000_000, path)),
            abi.encodeCall(escrow.claimMany, (terms, many(list))),
            abi.encodeCall(escrow.collectFee, (terms)),
            abi.encodeCall(escrow.collectBond, (terms, disputer)),
            abi.encodeCall(escrow.refund, (terms)),
            abi.encodeCall(escrow.deposit, (terms, 1)),
            abi.encodeCall(escrow.dispute, (terms, "reason"))
        ];
        for (uint256 i; i < calls.length; ++i) {
            hooked.arm(address(escrow), calls[i]);
            deposit(1);
            same(
                bytes32(hooked.answer()),
                bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector),
                "came back in"
            );
        }
        hooked.arm(address(escrow), abi.encodeCall(escrow.depositWithPermit, (terms, 1, 0, 0, 0, 0)));
        claim(list, 0);
        same(
            bytes32(hooked.answer()),
            bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector),
            "came back in"
        );
        same(token.balanceOf(address(escrow)), BUDGET + calls.length - 300_000_000, "balance");
    }
}
