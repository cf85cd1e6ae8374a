// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Payroll} from "../src/libraries/Payroll.sol";
import {PayrollFixture} from "./utils/PayrollFixture.sol";
import {PayrollReference} from "./utils/PayrollReference.sol";

contract PayrollTest is PayrollFixture {
    using PayrollReference for PayrollReference.Position[];

    function update(
        PayrollReference.Position[] memory before,
        PayrollReference.Position[] memory next
    ) internal view returns (bytes32 root, uint256 count, uint256 total) {
        return payroll.update(
            CAMPAIGN,
            PayrollReference.pack(next),
            PayrollReference.root(CAMPAIGN, before),
            before.length,
            PayrollReference.total(before)
        );
    }

    function check(
        PayrollReference.Position[] memory before,
        PayrollReference.Position[] memory next
    ) internal view {
        (bytes32 root, uint256 count, uint256 total) = update(before, next);
        same(root, PayrollReference.root(CAMPAIGN, next), "root");
        same(count, next.length, "count");
        same(total, PayrollReference.total(next), "total");
    }

    function test_every_first_payroll_to_64_agrees_with_the_reference() public view {
        for (uint256 n = 1; n <= 64; ++n) {
            check(fresh(0, 0), fresh(n, n));
        }
    }

    function testFuzz_three_payrolls_agree_with_the_reference(
        uint256 seed,
        uint8 a,
        uint8 b,
        uint8 c
    ) public view {
        uint256 count = bound(a, 1, 40);
        PayrollReference.Position[] memory first = fresh(count, seed);
        check(new PayrollReference.Position[](0), first);
        count += bound(b, 0, 40);
        PayrollReference.Position[] memory second = extended(first.settled(), count, ~seed);
        check(first.settled(), second);
        count += bound(c, 0, 40);
        check(second.settled(), extended(second.settled(), count, seed ^ 7));
    }

    function test_the_root_of_one_is_its_leaf() public view {
        PayrollReference.Position[] memory one = fresh(1, 3);
        (bytes32 root,,) = update(fresh(0, 0), one);
        bytes32 inner = keccak256(abi.encode(CAMPAIGN, uint256(0), one[0].account, uint256(one[0].increase)));
        same(root, keccak256(abi.encode(inner)), "root");
    }

    function test_no_entries() public {
        for (uint256 length; length < 36; ++length) {
            reverts(Payroll.NoEntries.selector);
            payroll.update(CAMPAIGN, new bytes(length), 0, 0, 0);
        }
    }

    function test_ragged_entries() public {
        bytes memory whole = PayrollReference.pack(fresh(2, 1));
        for (uint256 more = 1; more < 36; ++more) {
            reverts(Payroll.RaggedEntries.selector, 72 + more);
            payroll.update(CAMPAIGN, bytes.concat(whole, new bytes(more)), 0, 0, 0);
        }
    }

    function test_there_are_at_most_4096_positions() public {
        PayrollReference.Position[] memory next = fresh(4_097, 1);
        bytes memory entries = PayrollReference.pack(next);
        for (uint256 settled; settled < 2; ++settled) {
            reverts(Payroll.TooManyPositions.selector, 4_097);
            payroll.update(CAMPAIGN, entries, 0, settled * 5_000, 0);
        }
    }

    function test_a_settled_position_cannot_be_dropped() public {
        PayrollReference.Position[] memory before = fresh(3, 1);
        bytes memory entries = PayrollReference.pack(fresh(2, 1));
        bytes32 root = PayrollReference.root(CAMPAIGN, before);
        uint256 total = before.total();
        reverts(Payroll.PositionsDropped.selector, 2, 3);
        payroll.update(CAMPAIGN, entries, root, 3, total);
    }

    function test_the_zero_account_cannot_be_paid() public {
        PayrollReference.Position[] memory next = fresh(2, 1);
        next[1].account = address(0);
        refusedAccount(next);
    }

    function test_the_contract_itself_cannot_be_paid() public {
        PayrollReference.Position[] memory next = fresh(2, 1);
        next[1].account = address(payroll);
        refusedAccount(next);
    }

    function refusedAccount(
        PayrollReference.Position[] memory next
    ) internal {
        bytes memory entries = PayrollReference.pack(next);
        vm.expectRevert(abi.encodeWithSelector(Payroll.UnpayableAccount.selector, 1, next[1].account));
        payroll.update(CAMPAIGN, entries, 0, 0, 0);
    }

    function test_a_new_position_has_no_past() public {
        PayrollReference.Position[] memory next = extended(fresh(2, 1).settled(), 3, 2);
        next[2].soFar = 5;
        bytes memory entries = PayrollReference.pack(next);
        bytes32 root = PayrollReference.root(CAMPAIGN, fresh(2, 1));
        uint256 total = fresh(2, 1).total();
        reverts(Payroll.NewPositionWithPast.selector, 2, 5);
        payroll.update(CAMPAIGN, entries, root, 2, total);
    }

    function test_an_amount_must_fit_the_next_update() public {
        PayrollReference.Position[] memory first = fresh(1, 1);
        first[0].increase = type(uint64).max;
        check(fresh(0, 0), first); // the largest amount that fits
        bytes memory entries = abi.encodePacked(first[0].account, type(uint64).max, uint64(1));
        bytes32 root = PayrollReference.root(CAMPAIGN, first);
        reverts(Payroll.AmountTooLarge.selector, 0, uint256(type(uint64).max) + 1);
        payroll.update(CAMPAIGN, entries, root, 1, type(uint64).max);
    }

    function test_another_total_than_the_settled_is_refused() public {
        PayrollReference.Position[] memory before = fresh(2, 1);
        bytes memory entries = PayrollReference.pack(before.settled());
        bytes32 root = PayrollReference.root(CAMPAIGN, before);
        uint256 total = before.total();
        reverts(Payroll.SettledTotalMismatch.selector, total, total + 1);
        payroll.update(CAMPAIGN, entries, root, 2, total + 1);
    }

    /// @dev No bytes but the true accounts and amounts so far pass, whichever bit is wrong.
    function testFuzz_any_changed_past_is_refused(
        uint256 seed,
        uint256 count,
        uint256 position,
        uint256 bit
    ) public {
        count = bound(count, 1, 20);
        position = bound(position, 0, count - 1);
        bit = bound(bit, 0, 28 * 8 - 1);
        PayrollReference.Position[] memory before = fresh(count, seed).settled();
        PayrollReference.Position[] memory next = before.settled();
        bytes memory entries = PayrollReference.pack(next);
        entries[position * 36 + bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        (bool accepted,) = address(payroll)
            .call(
                abi.encodeCall(
                    payroll.update,
                    (CAMPAIGN, entries, PayrollReference.root(CAMPAIGN, before), count, before.total())
                )
            );
        yes(!accepted, "a changed past was accepted");
    }

    function test_a_changed_past_says_both_roots() public {
        PayrollReference.Position[] memory before = fresh(3, 1);
        PayrollReference.Position[] memory forged = before.settled();
        forged[1].soFar += 1;
        bytes memory entries = PayrollReference.pack(forged);
        bytes32 rebuilt = PayrollReference.root(CAMPAIGN, forged);
        bytes32 root = PayrollReference.root(CAMPAIGN, before);
        uint256 total = before.total();
        reverts(Payroll.SettledRootMismatch.selector, rebuilt, root);
        payroll.update(CAMPAIGN, entries, root, 3, total);
    }

    /// @dev Each of three positions cannot be, for another reason; the one before the first of them can.
    function test_the_first_position_that_cannot_be_is_named() public {
        PayrollReference.Position[] memory next = fresh(4, 1);
        (next[3].account, next[2].soFar) = (address(0), 9);
        (next[1].soFar, next[1].increase) = (type(uint64).max, 1);
        bytes memory entries = PayrollReference.pack(next);
        reverts(Payroll.AmountTooLarge.selector, 1, uint256(type(uint64).max) + 1);
        payroll.update(CAMPAIGN, entries, 0, 0, 0);
        (next[1].soFar, next[1].increase) = (0, 1);
        entries = PayrollReference.pack(next);
        reverts(Payroll.NewPositionWithPast.selector, 2, 9);
        payroll.update(CAMPAIGN, entries, 0, 0, 0);
        next[2].soFar = 0;
        entries = PayrollReference.pack(next);
        vm.expectRevert(abi.encodeWithSelector(Payroll.UnpayableAccount.selector, 3, address(0)));
        payroll.update(CAMPAIGN, entries, 0, 0, 0);
    }

    function test_a_past_in_another_order_is_refused() public {
        PayrollReference.Position[] memory before = fresh(3, 1).settled();
        PayrollReference.Position[] memory swapped = before.settled();
        (swapped[0], swapped[2]) = (before[2], before[0]);
        bytes memory entries = PayrollReference.pack(swapped);
        (bytes32 found, bytes32 root) =
            (PayrollReference.root(CAMPAIGN, swapped), PayrollReference.root(CAMPAIGN, before));
        uint256 total = before.total();
        reverts(Payroll.SettledRootMismatch.selector, found, root);
        payroll.update(CAMPAIGN, entries, root, 3, total);
    }

    function test_a_past_of_another_campaign_is_refused() public {
        PayrollReference.Position[] memory before = fresh(3, 1).settled();
        bytes memory entries = PayrollReference.pack(before);
        bytes32 found = PayrollReference.root("other", before);
        (bytes32 root, uint256 total) = (PayrollReference.root(CAMPAIGN, before), before.total());
        reverts(Payroll.SettledRootMismatch.selector, found, root);
        payroll.update("other", entries, root, 3, total);
    }

    function test_many_positions_agree_with_the_reference() public view {
        PayrollReference.Position[] memory first = fresh(1_000, 12);
        check(new PayrollReference.Position[](0), first);
        check(first.settled(), extended(first.settled(), 1_037, 13));
    }

    function test_as_many_positions_as_there_can_be_agree_with_the_reference() public view {
        check(new PayrollReference.Position[](0), fresh(4_096, 14));
    }

    /// @dev Sums of the largest amounts are exact.
    function test_the_total_holds_the_largest_amounts() public view {
        PayrollReference.Position[] memory next = fresh(9, 1);
        for (uint256 i; i < 9; ++i) {
            next[i].increase = type(uint64).max;
        }
        check(fresh(0, 0), next);
        (,, uint256 total) = update(fresh(0, 0), next);
        same(total, 9 * uint256(type(uint64).max), "total");
        check(next.settled(), next.settled());
    }

    /// @dev Positions are read where they lie, at any offset, and nothing beyond them.
    function testFuzz_what_lies_beside_the_entries_does_not_matter(
        bytes calldata before,
        bytes calldata later,
        uint256 count,
        uint256 seed
    ) public view {
        PayrollReference.Position[] memory next = fresh(bound(count, 1, 9), seed);
        bytes memory entries = PayrollReference.pack(next);
        (bytes32 root, bytes memory kept, bytes memory zeros) = payroll.updateBetween(before, entries, later);
        same(root, PayrollReference.root(0, next), "root");
        same(keccak256(kept), keccak256(bytes.concat(before, later)), "memory before");
        same(keccak256(zeros), keccak256(new bytes(100)), "memory after");
    }
}
