// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes} from "../src/ICampaignEscrowTypes.sol";
import {EscrowFixture} from "./utils/EscrowFixture.sol";
import {PayrollReference} from "./utils/PayrollReference.sol";

/// @title Random lives of one campaign: each step is one of the calls that its parties can make, or time passing.
/// @dev Calls that the state refuses are refused by the escrow and change nothing, so a step never reverts.
contract CampaignLife is EscrowFixture {
    PayrollReference.Position[] internal settledList;
    PayrollReference.Position[] internal pendingList;
    uint256 public bonds;
    uint256 public largestSettled;

    constructor() {
        setUp();
        deposit(BUDGET);
    }

    function stepDeposit(
        uint64 amount
    ) external {
        vm.prank(requester);
        attempt(abi.encodeCall(escrow.deposit, (terms, uint256(amount) % BUDGET)));
    }

    /// @dev Builds on what is settled, sometimes with one position more.
    function stepPost(
        uint32 a,
        uint32 b,
        uint32 c
    ) external {
        follow();
        PayrollReference.Position[] memory next =
            new PayrollReference.Position[](settledList.length < 3 ? settledList.length + 1 : 3);
        uint32[3] memory increases = [a, b, c];
        for (uint256 i; i < next.length; ++i) {
            uint64 soFar = i < settledList.length ? settledList[i].soFar : 0;
            next[i] = PayrollReference.Position(workers[i], soFar, increases[i] % 200_000_000);
        }
        vm.prank(operator);
        if (attempt(abi.encodeCall(escrow.post, (terms, PayrollReference.pack(next), EVIDENCE)))) {
            delete pendingList;
            for (uint256 i; i < next.length; ++i) {
                pendingList.push(next[i]);
            }
        }
        follow();
    }

    function stepDispute() external {
        follow();
        vm.prank(disputer);
        if (attempt(abi.encodeCall(escrow.dispute, (terms, "reason")))) bonds += BOND;
    }

    function stepRule(
        bool uphold
    ) external {
        vm.prank(arbiter);
        attempt(abi.encodeCall(escrow.rule, (terms, uphold)));
        follow();
    }

    function stepTime(
        uint24 time
    ) external {
        vm.warp(block.timestamp + time % (2 * WINDOW));
        attempt(abi.encodeCall(escrow.settle, (terms)));
        follow();
    }

    function stepClaim(
        uint256 index
    ) external {
        if (settledList.length == 0) return;
        index = index % settledList.length;
        bytes32[] memory path = PayrollReference.path(id, settledList, index);
        uint256 amount = settledList[index].soFar;
        attempt(abi.encodeCall(escrow.claim, (terms, index, workers[index], amount, path)));
        follow();
    }

    function stepCollect(
        bool fee,
        bool toDisputer
    ) external {
        if (fee) {
            attempt(abi.encodeCall(escrow.collectFee, (terms)));
        } else {
            collectBond(toDisputer ? disputer : operator);
        }
        follow();
    }

    function collectBond(
        address account
    ) internal {
        uint256 before = token.balanceOf(account);
        if (attempt(abi.encodeCall(escrow.collectBond, (terms, account)))) {
            bonds -= token.balanceOf(account) - before;
        }
    }

    function stepRefund() external {
        attempt(abi.encodeCall(escrow.refund, (terms)));
        follow();
    }

    function attempt(
        bytes memory call
    ) internal returns (bool done) {
        (done,) = address(escrow).call(call);
    }

    /// @dev Takes over the pending list once the escrow has settled it.
    function follow() internal {
        ICampaignEscrowTypes.Campaign memory c = state();
        if (pendingList.length == 0 || c.stage != ICampaignEscrowTypes.Stage.Empty) return;
        if (c.settledRoot == PayrollReference.root(id, pendingList)) {
            delete settledList;
            for (uint256 i; i < pendingList.length; ++i) {
                uint64 amount = pendingList[i].soFar + pendingList[i].increase;
                settledList.push(PayrollReference.Position(pendingList[i].account, amount, 0));
            }
        }
        delete pendingList;
    }

    /// @dev D = what came in; T settled, C claimed, F fees, R refunded, B bonds held.
    function checkBooks() external {
        ICampaignEscrowTypes.Campaign memory c = state();
        uint256 fee = uint256(c.settledTotal) * terms.feeBps / 10_000;
        uint256 held = uint256(c.deposited) - c.claimed - c.feeCollected - c.refunded + bonds;
        same(token.balanceOf(address(escrow)), held, "balance = D - C - F - R + B");
        yes(c.claimed <= c.settledTotal, "C <= T");
        yes(c.settledTotal + fee <= c.deposited, "T + fee(T) <= D");
        yes(
            c.pendingTotal + uint256(c.pendingTotal) * terms.feeBps / 10_000 <= c.deposited, "P + fee(P) <= D"
        );
        yes(c.feeCollected <= fee, "F <= fee(T)");
        yes(!c.closed || c.refunded == c.deposited - c.settledTotal - fee, "R = D - T - fee(T) once closed");
        yes(c.settledTotal >= largestSettled, "T never falls");
        largestSettled = c.settledTotal;
        uint256 claimed;
        for (uint256 i; i < 3; ++i) {
            same(token.balanceOf(workers[i]), escrow.claimedOf(id, workers[i]), "worker");
            claimed += token.balanceOf(workers[i]);
        }
        same(claimed, c.claimed, "C is the sum of the workers'");
    }

    /// @dev Whatever happened: with nobody but a stranger acting, the campaign empties within three windows.
    function checkItEmpties() external {
        if (block.timestamp < DEADLINE) vm.warp(DEADLINE);
        vm.warp(block.timestamp + 3 * WINDOW);
        if (!state().closed) escrow.refund(terms);
        follow();
        for (uint256 i; i < settledList.length; ++i) {
            uint256 due = settledList[i].soFar - escrow.claimedOf(id, workers[i]);
            if (due != 0) same(claim(settledList, i), due, "claim");
        }
        attempt(abi.encodeCall(escrow.collectFee, (terms)));
        collectBond(operator);
        collectBond(disputer);
        same(token.balanceOf(address(escrow)), 0, "left over");
        same(state().claimed, state().settledTotal, "C = T");
    }
}

contract EscrowInvariantsTest {
    bool public constant IS_TEST = true;
    CampaignLife internal life;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public {
        life = new CampaignLife();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(life);
    }

    /// @dev Time is listed twice, so that windows and deadlines pass often.
    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory steps = new bytes4[](9);
        steps[0] = life.stepDeposit.selector;
        steps[1] = life.stepPost.selector;
        steps[2] = life.stepDispute.selector;
        steps[3] = life.stepRule.selector;
        steps[4] = life.stepTime.selector;
        steps[5] = life.stepClaim.selector;
        steps[6] = life.stepCollect.selector;
        steps[7] = life.stepRefund.selector;
        steps[8] = life.stepTime.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(life), steps);
    }

    function invariant_the_books_are_right() public {
        life.checkBooks();
    }

    function afterInvariant() public {
        life.checkItEmpties();
        life.checkBooks();
    }
}
