// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ProvenanceLog} from "../src/ProvenanceLog.sol";
import {EscrowFixture} from "./utils/EscrowFixture.sol";
import {PayrollReference} from "./utils/PayrollReference.sol";

/// @title Trees of a million equal leaves: their roots and proofs cost a few hashes, and gas the same as real ones.
library UniformTree {
    bytes32 internal constant LEAF = keccak256("leaf");

    function root(
        uint256 size
    ) internal pure returns (bytes32) {
        uint256 k = 1;
        bytes32 hash = LEAF;
        for (; k * 2 <= size; k *= 2) {
            hash = _hash(hash, hash);
        }
        return k == size ? hash : _hash(hash, root(size - k));
    }

    /// @dev PROOF(first, D[size]) of RFC 6962, 2.1.2.
    function consistency(
        uint256 first,
        uint256 size,
        bool known
    ) internal pure returns (bytes32[] memory) {
        if (first == size) {
            bytes32[] memory base = new bytes32[](known ? 0 : 1);
            if (!known) base[0] = root(size);
            return base;
        }
        uint256 k = 1;
        while (k * 2 < size) k *= 2;
        if (first <= k) return _push(consistency(first, k, known), root(size - k));
        return _push(consistency(first - k, size - k, false), root(k));
    }

    function _hash(
        bytes32 left,
        bytes32 right
    ) private pure returns (bytes32) {
        return sha256(abi.encodePacked(uint8(1), left, right));
    }

    function _push(
        bytes32[] memory list,
        bytes32 item
    ) private pure returns (bytes32[] memory longer) {
        longer = new bytes32[](list.length + 1);
        for (uint256 i; i < list.length; ++i) {
            longer[i] = list[i];
        }
        longer[list.length] = item;
    }
}

/// @dev Gas of whole transactions, as forge's isolation measures them: intrinsic gas and calldata (EIP-7623)
/// included. Each figure is announced and held below a bar: `forge test --match-contract Gas -vvvv` shows them.
/// forge-config: default.isolate = true
contract GasTest is EscrowFixture {
    event Measured(string what, uint256 size, uint256 gas);

    function measure(
        string memory what,
        uint256 size,
        uint256 bar
    ) internal {
        uint256 used = vm.lastCallGas().gasTotalUsed;
        emit Measured(what, size, used);
        yes(used <= bar, what);
    }

    /// @dev Every third head opens a new page of times, one slot more.
    function test_anchors_at_a_million() public {
        ProvenanceLog big = new ProvenanceLog(address(this));
        uint64[7] memory sizes =
            [uint64(990_000), 999_990, 1_000_000, 1_000_001, 1_001_000, 1_010_000, 1_010_007];
        big.anchor(sizes[0], UniformTree.root(sizes[0]), new bytes32[](0));
        for (uint256 i = 1; i < sizes.length; ++i) {
            bytes32 root = UniformTree.root(sizes[i]);
            bytes32[] memory proof = UniformTree.consistency(sizes[i - 1], sizes[i], true);
            big.anchor(sizes[i], root, proof);
            measure("anchor, by hashes in the proof", proof.length, i % 3 == 0 ? 95_000 : 76_000);
        }
    }

    /// @dev The most that trees of a million entries give: a node on each of 20 levels, and the one to start from.
    function test_anchors_of_any_size_near_a_million() public {
        anchorSixty(1, 21, 81_000, 104_000);
    }

    /// @dev Whole subtrees of 4,096 need no hashes below their roots.
    function test_anchors_of_round_sizes_near_a_million() public {
        anchorSixty(4_096, 9, 69_000, 92_000);
    }

    /// @dev Sizes are multiples of `unit`; none of the anchors, with a new page or not, costs more than its bar.
    function anchorSixty(
        uint256 unit,
        uint256 hashes,
        uint256 bar,
        uint256 barWithPage
    ) internal {
        ProvenanceLog big = new ProvenanceLog(address(this));
        uint256 size = 830_000 / unit * unit;
        big.anchor(uint64(size), UniformTree.root(size), new bytes32[](0));
        (uint256 longest, uint256 most, uint256 mostWithPage) = (0, 0, 0);
        for (uint256 i = 1; i <= 60; ++i) {
            uint256 next = size + unit * (1 + uint256(keccak256(abi.encode(i))) % (8_192 / unit));
            if (next >> 20 != 0) break;
            bytes32[] memory proof = UniformTree.consistency(size, next, true);
            big.anchor(uint64(next), UniformTree.root(next), proof);
            uint256 used = vm.lastCallGas().gasTotalUsed;
            if (proof.length > longest) longest = proof.length;
            if (i % 3 != 0 && used > most) most = used;
            if (i % 3 == 0 && used > mostWithPage) mostWithPage = used;
            size = next;
        }
        emit Measured("the dearest anchor, by hashes at most", longest, most);
        emit Measured("the dearest anchor with a new page", longest, mostWithPage);
        same(longest, hashes, "hashes at most");
        yes(most <= bar && mostWithPage <= barWithPage, "the dearest anchor");
    }

    function crowd(
        uint256 count,
        uint64 soFar,
        uint64 increase
    ) internal pure returns (PayrollReference.Position[] memory list) {
        list = new PayrollReference.Position[](count);
        for (uint256 i; i < count; ++i) {
            address account = address(uint160(uint256(keccak256(abi.encode(i)))));
            list[i] = PayrollReference.Position(account, soFar, increase);
        }
    }

    function test_a_deposit() public {
        deposit(BUDGET);
        measure("first deposit", 1, 125_000);
        deposit(BUDGET);
        measure("further deposit", 1, 65_000);
    }

    function test_payrolls_of_100() public {
        lifeOf(100);
    }

    function test_payrolls_of_1000() public {
        lifeOf(1_000);
    }

    function lifeOf(
        uint256 count
    ) internal {
        deposit(BUDGET);
        postAndSettle(count, crowd(count, 0, 50_000), 210_000);
        PayrollReference.Position[] memory list = crowd(count, 0, 50_000);
        claim(list, 7);
        measure("first claim, by workers", count, 125_000);
        list = crowd(count, 50_000, 60_000);
        postAndSettle(count, list, 165_000);
        claim(list, 7);
        measure("further claim, by workers", count, 80_000);
    }

    function postAndSettle(
        uint256 count,
        PayrollReference.Position[] memory list,
        uint256 fixedBar
    ) internal {
        post(list);
        measure("post, by workers", count, fixedBar + 1_800 * count);
        vm.warp(block.timestamp + WINDOW);
        escrow.settle(terms);
        measure("settle, by workers", count, 115_000);
    }
}
