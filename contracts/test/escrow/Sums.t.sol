// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {LabelledFixture} from "../utils/LabelledFixture.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";

/// @dev Whatever the fee, the amounts and the order of calls: what came in goes out again.
contract SumsTest is LabelledFixture {
    uint64[3] internal amounts; // of the settled payroll
    uint64[3] internal statements;
    uint64[3] internal labels;
    uint256 internal random;

    /// @dev A number in [0, below).
    function draw(
        uint256 below
    ) internal returns (uint256) {
        random = uint256(keccak256(abi.encode(random)));
        return random % below;
    }

    /// @dev Any fee, and the first payroll settled with any amounts; `extra` is free beyond it.
    function settledAny(
        uint256 seed,
        uint256 scale,
        uint256 extra
    ) internal returns (PayrollReference.Position[] memory list) {
        random = seed;
        terms.feeBps = uint16(draw(2_501));
        terms.labelPrice = uint64(1 + draw(scale));
        begin();
        for (uint256 i; i < 3; ++i) {
            amounts[i] = uint64(draw(scale));
        }
        uint64[3] memory none;
        list = positions(none, amounts);
        uint256 total = PayrollReference.total(list);
        uint256 amount = total + total * terms.feeBps / 10_000 + extra;
        provide(requester, amount);
        deposit(amount);
        post(list);
        vm.warp(DEADLINE);
    }

    /// @dev The position of worker `i` is shown, and it is paid what it can be paid by now.
    function show(
        PayrollReference.Position[] memory list,
        uint256 i
    ) internal {
        Types.Claim[] memory one = new Types.Claim[](1);
        one[0] = claimOf(list, i);
        escrow.claimMany(terms, one);
    }

    /// @dev What worker `i` can still show it does not show, but takes what it redeemed.
    function take(
        uint256 i
    ) internal {
        Types.Claim[] memory one = new Types.Claim[](1);
        one[0].account = workers[i];
        escrow.claimMany(terms, one);
    }

    function redeemAny(
        PayrollReference.Position[] memory list,
        uint256 scale
    ) internal {
        for (uint256 i; i < 3; ++i) {
            if (draw(2) == 0) show(list, i);
            if (draw(3) != 0) redeemStatement(i, uint64(draw(2 * scale)));
            if (draw(3) != 0) redeemSomeLabels(i);
        }
    }

    function redeemStatement(
        uint256 i,
        uint64 amount
    ) internal {
        if (amount <= escrow.accountOf(id, workers[i]).proven) return;
        redeem(i, statements[i] = amount + 1);
    }

    /// @dev Labels from `EVIDENCE` on are not judged: the first of each worker, or its first two.
    function redeemSomeLabels(
        uint256 i
    ) internal {
        uint256 index = i == 2 ? 5 : 6 + i;
        bool both = draw(2) == 0;
        redeemLabels(i, both ? anchoredLabels(index, index + 3) : anchoredLabels(index));
        labels[i] += terms.labelPrice * (both ? 2 : 1);
    }

    function beyond(
        uint256 i,
        uint256 proven
    ) internal view returns (uint256) {
        uint256 more = statements[i] > proven ? statements[i] - proven : 0;
        return more > labels[i] ? more : labels[i];
    }

    /// @dev Sends the fee and what can be refunded now.
    function collect() internal {
        attempt(abi.encodeCall(escrow.collectFee, (terms)));
        attempt(abi.encodeCall(escrow.refund, (terms)));
    }

    function attempt(
        bytes memory call
    ) internal returns (bool done) {
        (done,) = address(escrow).call(call); // refused where nothing is due, or too early
    }

    function inAnyOrder(
        PayrollReference.Position[] memory list
    ) internal {
        for (uint256 i; i < 12; ++i) {
            uint256 action = draw(7);
            if (action < 3) show(list, action);
            else if (action < 6) take(action - 3);
            else collect();
        }
    }

    function atTheEnd(
        PayrollReference.Position[] memory list
    ) internal {
        for (uint256 round; round < 2; ++round) {
            for (uint256 i; i < 3; ++i) {
                show(list, i);
            }
        }
        collect();
    }

    /// @dev From R0 on: all redeem, and claims and refunds come in any order until nothing is left to do.
    function live(
        PayrollReference.Position[] memory list,
        uint256 scale
    ) internal {
        redeemAny(list, scale);
        vm.warp(after0(2) + draw(2 * WINDOW));
        inAnyOrder(list);
        vm.warp(after0(3));
        inAnyOrder(list);
        atTheEnd(list);
    }

    /// @dev Nothing was redeemed: all ends a window after the deadline.
    function testFuzz_a_campaign_empties_to_the_unit(
        uint256 seed,
        uint64 extra
    ) public {
        PayrollReference.Position[] memory list = settledAny(seed, type(uint64).max, uint256(extra) + 1);
        uint256 before = token.balanceOf(requester);
        vm.warp(after0(1));
        same(escrow.refund(terms), uint256(extra) + 1, "refund");
        same(token.balanceOf(requester) - before, uint256(extra) + 1, "requester");
        atTheEnd(list);
        for (uint256 i; i < 3; ++i) {
            same(token.balanceOf(workers[i]), amounts[i], "worker");
        }
        uint256 fee = PayrollReference.total(list) * terms.feeBps / 10_000;
        same(token.balanceOf(operator), fee, "fee");
        same(token.balanceOf(address(escrow)), 0, "left over");
    }

    function testFuzz_a_campaign_with_redemptions_empties_to_the_unit(
        uint256 seed,
        uint64 scale
    ) public {
        uint256 most = bound(scale, 1, 1 << 58);
        PayrollReference.Position[] memory list = settledAny(seed, most, 9 * most);
        uint256 before = token.balanceOf(requester);
        live(list, most);
        uint256 rest = 9 * most;
        for (uint256 i; i < 3; ++i) {
            uint256 more = beyond(i, amounts[i]);
            same(token.balanceOf(workers[i]), amounts[i] + more, "max(statement, settled + labels)");
            rest -= more;
        }
        same(token.balanceOf(requester) - before, rest, "refund");
        same(token.balanceOf(operator), PayrollReference.total(list) * terms.feeBps / 10_000, "fee");
        same(token.balanceOf(address(escrow)), 0, "left over");
    }

    function testFuzz_redemptions_beyond_the_funds_share_them(
        uint256 seed,
        uint64 scale,
        uint64 extra
    ) public {
        uint256 most = bound(scale, 1, 1 << 58);
        uint256 free = bound(extra, 1, 3 * most);
        PayrollReference.Position[] memory list = settledAny(seed, most, free);
        uint256 before = token.balanceOf(requester);
        live(list, most);
        uint256 asked = beyond(0, amounts[0]) + beyond(1, amounts[1]) + beyond(2, amounts[2]);
        reservedIs(asked);
        for (uint256 i; i < 3; ++i) {
            uint256 more = beyond(i, amounts[i]);
            if (asked > free) more = more * free / asked;
            same(token.balanceOf(workers[i]), amounts[i] + more, "worker");
        }
        uint256 refunded = asked > free ? 0 : free - asked;
        same(token.balanceOf(requester) - before, refunded, "refund");
        yes(token.balanceOf(address(escrow)) < (asked > free ? 3 : 1), "left over");
    }

    function testFuzz_what_is_reserved_is_the_sum_over_the_accounts(
        uint256 seed,
        uint64 scale
    ) public {
        uint256 most = bound(scale, 1, 1 << 58);
        PayrollReference.Position[] memory list = settledAny(seed, most, 2 * most);
        for (uint256 step; step < 12; ++step) {
            uint256 i = draw(3);
            if (draw(2) == 0) {
                uint64 amount = uint64(draw(2 * most));
                if (amount >= statements[i]) redeemStatement(i, amount);
            } else if (labels[i] == 0 && draw(2) == 0) {
                redeemSomeLabels(i);
            } else {
                show(list, i);
            }
            uint256 sum;
            for (uint256 j; j < 3; ++j) {
                sum += beyond(j, escrow.accountOf(id, workers[j]).proven);
            }
            reservedIs(sum);
        }
    }
}
