// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Payroll} from "../src/libraries/Payroll.sol";
import {Base} from "./utils/Base.sol";
import {PayrollReference} from "./utils/PayrollReference.sol";

contract PayrollCaller {
    function update(
        bytes32 campaign,
        bytes calldata entries,
        bytes32 settledRoot,
        uint256 settledCount,
        uint256 settledTotal
    ) external view returns (bytes32 root, uint256 count, uint256 total) {
        return Payroll.update(campaign, entries, settledRoot, settledCount, settledTotal);
    }

    function verify(
        bytes32 root,
        uint256 count,
        bytes32 campaign,
        uint256 index,
        address account,
        uint256 amount,
        bytes32[] calldata path
    ) external pure {
        Payroll.verify(root, count, campaign, index, account, amount, path);
    }
}

contract PayrollTest is Base {
    using PayrollReference for PayrollReference.Position[];

    bytes32 internal constant CAMPAIGN = keccak256("campaign");
    PayrollCaller internal payroll = new PayrollCaller();

    /// @dev Positions of a first payroll.
    function fresh(
        uint256 count,
        uint256 seed
    ) internal pure returns (PayrollReference.Position[] memory positions) {
        return extended(new PayrollReference.Position[](0), count, seed);
    }

    /// @dev The next payroll: what `before` settled, some increases, and `count` positions in all.
    function extended(
        PayrollReference.Position[] memory before,
        uint256 count,
        uint256 seed
    ) internal pure returns (PayrollReference.Position[] memory positions) {
        positions = new PayrollReference.Position[](count);
        for (uint256 i; i < count; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            if (i < before.length) {
                positions[i] = before[i];
            } else {
                positions[i].account = address(uint160(random | 1));
            }
            positions[i].increase = random % 3 == 0 ? 0 : uint64(uint32(random >> 160));
        }
    }

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
        payroll.verify(root, 1, CAMPAIGN, 0, one[0].account, one[0].increase, new bytes32[](0));
    }

    function test_no_entries() public {
        reverts(Payroll.NoEntries.selector);
        payroll.update(CAMPAIGN, "", 0, 0, 0);
        reverts(Payroll.NoEntries.selector);
        payroll.update(CAMPAIGN, new bytes(35), 0, 0, 0);
    }

    function test_ragged_entries() public {
        bytes memory entries = abi.encodePacked(PayrollReference.pack(fresh(2, 1)), uint8(1));
        reverts(Payroll.RaggedEntries.selector, 73);
        payroll.update(CAMPAIGN, entries, 0, 0, 0);
    }

    function test_a_settled_position_cannot_be_dropped() public {
        PayrollReference.Position[] memory before = fresh(3, 1);
        bytes memory entries = PayrollReference.pack(fresh(2, 1));
        bytes32 root = PayrollReference.root(CAMPAIGN, before);
        uint256 total = before.total();
        reverts(Payroll.PositionsDropped.selector, 2, 3);
        payroll.update(CAMPAIGN, entries, root, 3, total);
    }

    function test_an_account_that_cannot_be_paid() public {
        PayrollReference.Position[] memory next = fresh(2, 1);
        next[1].account = address(0);
        bytes memory entries = PayrollReference.pack(next);
        vm.expectRevert(abi.encodeWithSelector(Payroll.UnpayableAccount.selector, 1, address(0)));
        payroll.update(CAMPAIGN, entries, 0, 0, 0);
        next[1].account = address(payroll);
        entries = PayrollReference.pack(next);
        vm.expectRevert(abi.encodeWithSelector(Payroll.UnpayableAccount.selector, 1, address(payroll)));
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

    function testFuzz_every_position_is_verified_and_no_other_amount(
        uint256 seed,
        uint256 count,
        uint64 other
    ) public {
        count = bound(count, 1, 40);
        PayrollReference.Position[] memory next = fresh(count, seed);
        bytes32 root = PayrollReference.root(CAMPAIGN, next);
        for (uint256 i; i < count; ++i) {
            bytes32[] memory path = PayrollReference.path(CAMPAIGN, next, i);
            payroll.verify(root, count, CAMPAIGN, i, next[i].account, next[i].increase, path);
            if (other == next[i].increase) continue;
            (bool accepted,) = address(payroll)
                .call(
                    abi.encodeCall(payroll.verify, (root, count, CAMPAIGN, i, next[i].account, other, path))
                );
            yes(!accepted, "another amount was accepted");
        }
    }

    function test_verify_refuses_each_wrong_argument() public {
        PayrollReference.Position[] memory next = fresh(5, 9);
        bytes32 root = PayrollReference.root(CAMPAIGN, next);
        bytes32[] memory path = PayrollReference.path(CAMPAIGN, next, 2);
        (address account, uint256 amount) = (next[2].account, next[2].increase);
        reverts(Payroll.NothingSettled.selector);
        payroll.verify(0, 5, CAMPAIGN, 2, account, amount, path);
        reverts(Payroll.PositionOutOfRange.selector, 5, 5);
        payroll.verify(root, 5, CAMPAIGN, 5, account, amount, path);
        reverts(Payroll.WrongPathLength.selector, 3, 9);
        payroll.verify(root, 9, CAMPAIGN, 2, account, amount, path);
        reverts(Payroll.WrongPathLength.selector, 3, 4);
        payroll.verify(root, 4, CAMPAIGN, 2, account, amount, path);
        mismatch(root, "campaign", 2, account, amount, path);
        mismatch(root, CAMPAIGN, 3, account, amount, path);
        mismatch(root, CAMPAIGN, 2, next[3].account, amount, path);
        mismatch(root, CAMPAIGN, 2, account, amount + 1, path);
        path[1] ^= bytes32(uint256(1));
        mismatch(root, CAMPAIGN, 2, account, amount, path);
    }

    function mismatch(
        bytes32 root,
        bytes32 campaign,
        uint256 index,
        address account,
        uint256 amount,
        bytes32[] memory path
    ) internal {
        bytes32 hash = keccak256(abi.encode(keccak256(abi.encode(campaign, index, account, amount))));
        for (uint256 i; i < path.length; ++i) {
            bool left = (index >> i) & 1 == 0;
            hash = left ? keccak256(abi.encode(hash, path[i])) : keccak256(abi.encode(path[i], hash));
        }
        reverts(Payroll.PathMismatch.selector, hash, root);
        payroll.verify(root, 5, campaign, index, account, amount, path);
    }

    /// @dev The filling of positions 5 to 7 is no position, whatever is claimed for it.
    function test_the_filling_is_no_position() public {
        PayrollReference.Position[] memory next = fresh(5, 9);
        bytes32 root = PayrollReference.root(CAMPAIGN, next);
        bytes32[] memory path = PayrollReference.path(CAMPAIGN, next, 5);
        reverts(Payroll.PositionOutOfRange.selector, 5, 5);
        payroll.verify(root, 5, CAMPAIGN, 5, address(0), 0, path);
    }
}
