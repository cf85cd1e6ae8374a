// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Payroll} from "../src/libraries/Payroll.sol";
import {PayrollFixture} from "./utils/PayrollFixture.sol";
import {PayrollReference} from "./utils/PayrollReference.sol";

/// @dev What is shown of a payroll: one position by its path, or the whole table.
contract PayrollProofTest is PayrollFixture {
    using PayrollReference for PayrollReference.Position[];

    PayrollReference.Position[] internal five;
    bytes32 internal root;
    bytes32[] internal path;
    address internal account;
    uint256 internal amount;

    /// @dev Five positions, and what shows the third.
    function setUp() public {
        PayrollReference.Position[] memory next = fresh(5, 9);
        for (uint256 i; i < 5; ++i) {
            five.push(next[i]);
        }
        root = PayrollReference.root(CAMPAIGN, next);
        path = PayrollReference.path(CAMPAIGN, next, 2);
        (account, amount) = (next[2].account, next[2].increase);
        payroll.verify(root, 5, CAMPAIGN, 2, account, amount, path);
    }

    function test_verify_refuses_the_zero_root() public {
        reverts(Payroll.NothingSettled.selector);
        payroll.verify(0, 5, CAMPAIGN, 2, account, amount, path);
        reverts(Payroll.NothingSettled.selector);
        payroll.verify(0, 0, CAMPAIGN, 0, address(0), 0, new bytes32[](0));
    }

    function test_verify_refuses_a_position_outside() public {
        for (uint256 index = 5; index < 9; ++index) {
            reverts(Payroll.PositionOutOfRange.selector, index, 5);
            payroll.verify(root, 5, CAMPAIGN, index, account, amount, path);
        }
    }

    /// @dev Only the depth of each tree to 70 positions is not refused for its length.
    function test_verify_refuses_a_path_of_another_length() public {
        for (uint256 count = 1; count < 70; ++count) {
            uint256 depth;
            while (1 << depth < count) ++depth;
            for (uint256 length; length < 10; ++length) {
                bytes32[] memory other = new bytes32[](length);
                if (length != depth) reverts(Payroll.WrongPathLength.selector, length, count);
                else mismatches("root", CAMPAIGN, 0, account, amount, other);
                payroll.verify("root", count, CAMPAIGN, 0, account, amount, other);
            }
        }
        reverts(Payroll.WrongPathLength.selector, 256, 5);
        payroll.verify(root, 5, CAMPAIGN, 2, account, amount, new bytes32[](256));
    }

    function test_verify_refuses_another_campaign() public {
        mismatches(root, "campaign", 2, account, amount, path);
        payroll.verify(root, 5, "campaign", 2, account, amount, path);
    }

    function test_verify_refuses_another_index() public {
        for (uint256 index; index < 5; ++index) {
            if (index == 2) continue;
            mismatches(root, CAMPAIGN, index, account, amount, path);
            payroll.verify(root, 5, CAMPAIGN, index, account, amount, path);
        }
    }

    function test_verify_refuses_another_account() public {
        mismatches(root, CAMPAIGN, 2, five[3].account, amount, path);
        payroll.verify(root, 5, CAMPAIGN, 2, five[3].account, amount, path);
    }

    function testFuzz_verify_refuses_another_amount(
        uint256 other
    ) public {
        vm.assume(other != amount);
        mismatches(root, CAMPAIGN, 2, account, other, path);
        payroll.verify(root, 5, CAMPAIGN, 2, account, other, path);
    }

    function testFuzz_verify_refuses_another_sibling(
        uint256 which,
        uint8 bit
    ) public {
        path[which % 3] ^= bytes32(uint256(1) << bit);
        mismatches(root, CAMPAIGN, 2, account, amount, path);
        payroll.verify(root, 5, CAMPAIGN, 2, account, amount, path);
    }

    /// @dev Positions 5 to 7 fill the tree up; they are nobody's, whatever count is given.
    function test_verify_refuses_the_filling() public {
        bytes32[] memory siblings = PayrollReference.path(CAMPAIGN, five, 5);
        reverts(Payroll.PositionOutOfRange.selector, 5, 5);
        payroll.verify(root, 5, CAMPAIGN, 5, address(0), 0, siblings);
        mismatches(root, CAMPAIGN, 5, address(0), 0, siblings);
        payroll.verify(root, 8, CAMPAIGN, 5, address(0), 0, siblings);
    }

    /// @dev A payroll of as many positions as an inner node has above it.
    function testFuzz_verify_refuses_an_inner_node(
        uint256 index,
        address other,
        uint256 sum
    ) public {
        bytes32[] memory shorter = new bytes32[](2);
        (shorter[0], shorter[1]) = (path[1], path[2]);
        mismatches(root, CAMPAIGN, index % 4, other, sum, shorter);
        payroll.verify(root, 4, CAMPAIGN, index % 4, other, sum, shorter);
        mismatches(root, CAMPAIGN, 0, other, sum, new bytes32[](0));
        payroll.verify(root, 1, CAMPAIGN, 0, other, sum, new bytes32[](0));
    }

    function testFuzz_verify_takes_every_position(
        uint256 seed,
        uint256 count
    ) public view {
        count = bound(count, 1, 40);
        PayrollReference.Position[] memory next = fresh(count, seed);
        bytes32 whole = PayrollReference.root(CAMPAIGN, next);
        for (uint256 i; i < count; ++i) {
            bytes32[] memory siblings = PayrollReference.path(CAMPAIGN, next, i);
            payroll.verify(whole, count, CAMPAIGN, i, next[i].account, next[i].increase, siblings);
        }
    }

    function testFuzz_a_leaf_is_hashed_twice(
        bytes32 campaign,
        uint256 index,
        uint256 dirty,
        uint256 sum
    ) public view {
        bytes32 once = keccak256(abi.encode(campaign, index, address(uint160(dirty)), sum));
        same(payroll.leaf(campaign, index, dirty, sum), keccak256(abi.encode(once)), "leaf");
    }

    /// @dev Expects the root that this path leads to.
    function mismatches(
        bytes32 expected,
        bytes32 campaign,
        uint256 index,
        address who,
        uint256 sum,
        bytes32[] memory siblings
    ) internal {
        bytes32 hash = keccak256(abi.encode(keccak256(abi.encode(campaign, index, who, sum))));
        for (uint256 i; i < siblings.length; ++i) {
            bool left = (index >> i) & 1 == 0;
            hash = left ? keccak256(abi.encode(hash, siblings[i])) : keccak256(abi.encode(siblings[i], hash));
        }
        reverts(Payroll.PathMismatch.selector, hash, expected);
    }

    function test_table_of_nothing() public view {
        (bytes32 found, uint256 paid) = payroll.sumOf(CAMPAIGN, "", account);
        same(found, 0, "root");
        same(paid, 0, "paid");
    }

    function testFuzz_table_has_the_root_of_what_was_posted(
        uint256 seed,
        uint256 count,
        uint256 more
    ) public view {
        PayrollReference.Position[] memory before = fresh(bound(count, 1, 20), seed).settled();
        PayrollReference.Position[] memory next = extended(before, before.length + bound(more, 0, 20), ~seed);
        (bytes32 found,) = payroll.sumOf(CAMPAIGN, PayrollReference.pack(next), account);
        same(found, PayrollReference.root(CAMPAIGN, next), "root");
        (bytes32 posted,,) = payroll.update(
            CAMPAIGN,
            PayrollReference.pack(next),
            PayrollReference.root(CAMPAIGN, before),
            before.length,
            before.total()
        );
        same(found, posted, "as posted");
    }

    function testFuzz_table_says_what_an_account_is_paid(
        uint256 seed,
        uint256 index
    ) public view {
        PayrollReference.Position[] memory next = extended(fresh(10, seed).settled(), 20, ~seed);
        index = index % 20;
        (, uint256 paid) = payroll.sumOf(CAMPAIGN, PayrollReference.pack(next), next[index].account);
        same(paid, uint256(next[index].soFar) + next[index].increase, "paid");
    }

    function test_table_sums_what_an_account_is_paid_at_several_positions() public view {
        PayrollReference.Position[] memory next = fresh(6, 4);
        for (uint256 i = 1; i < 6; i += 2) {
            next[i] = PayrollReference.Position(account, type(uint64).max, type(uint64).max - uint64(i));
        }
        (, uint256 paid) = payroll.sumOf(CAMPAIGN, PayrollReference.pack(next), account);
        same(paid, 6 * uint256(type(uint64).max) - 9, "paid");
    }

    function test_table_pays_nothing_to_who_is_not_in_it() public view {
        (, uint256 paid) = payroll.sumOf(CAMPAIGN, PayrollReference.pack(five), named("somebody else"));
        same(paid, 0, "paid");
    }

    /// @dev The rest of a position is none.
    function test_table_leaves_out_what_is_no_whole_position() public view {
        bytes memory entries = PayrollReference.pack(five);
        for (uint256 more = 1; more < 36; ++more) {
            (bytes32 found, uint256 paid) =
                payroll.sumOf(CAMPAIGN, bytes.concat(entries, new bytes(more)), address(0));
            same(found, root, "root");
            same(paid, 0, "paid");
        }
    }
}
