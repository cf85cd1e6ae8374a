// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title The payroll of a campaign: a Merkle tree of cumulative amounts whose every update the chain checks in full.
/// @notice Position i holds one account and all it has earned so far. An update publishes every position in
/// calldata, proves that it starts from the old root, and can neither drop, replace nor lower a position.
/// @dev leaf = keccak(keccak(abi.encode(campaign, index, account, cumulative))): a 128-byte preimage hashed twice,
/// so that no inner node (64 bytes) can be a leaf. node = keccak(left ‖ right), by position. Positions up to
/// the next power of two are filled with zero leaves. The root of no positions is zero and is never verified.
library Payroll {
    /// @dev account (20 bytes) ‖ amount so far (8) ‖ increase (8), big-endian. Amounts fit uint64: with the six
    /// decimals of common stablecoins that is 18 million million units; tokens with 18 decimals do not fit.
    uint256 internal constant ENTRY_BYTES = 36;
    /// @dev So that a transaction can post a payroll, and another one show that it leaves somebody out, below the 2^24
    /// gas that a transaction may use (EIP-7825). Larger campaigns are several ids of one brief.
    uint256 internal constant MOST_POSITIONS = 4_096;

    /// @notice A payroll with no positions.
    error NoEntries();
    /// @notice The entries are not a whole number of 36-byte positions.
    error RaggedEntries(uint256 length);
    /// @notice More positions than a payroll may have.
    error TooManyPositions(uint256 count);
    /// @notice Settled positions are missing from the update.
    error PositionsDropped(uint256 count, uint256 settledCount);
    /// @notice A position that cannot be paid: the zero account, or this contract.
    error UnpayableAccount(uint256 index, address account);
    /// @notice A new position claims to have earned before.
    error NewPositionWithPast(uint256 index, uint256 soFar);
    /// @notice The amount so far plus the increase does not fit uint64, so no later payroll could repeat it.
    error AmountTooLarge(uint256 index, uint256 amount);
    /// @notice The amounts so far and the accounts are not those that were settled.
    error SettledRootMismatch(bytes32 computed, bytes32 settled);
    /// @notice The amounts so far do not sum to what was settled.
    error SettledTotalMismatch(uint256 computed, uint256 settled);
    /// @notice Nothing has been settled, so nothing can be proved.
    error NothingSettled();
    /// @notice The position is not below the number of positions.
    error PositionOutOfRange(uint256 index, uint256 count);
    /// @notice The path does not have the depth of a tree of `count` positions.
    error WrongPathLength(uint256 length, uint256 count);
    /// @notice The path leads to another root.
    error PathMismatch(bytes32 computed, bytes32 root);

    /// @notice Checks an update against what is settled and returns the new root, number of positions and total.
    /// @param campaign Id of the campaign, part of every leaf.
    /// @param entries All positions, 36 bytes each.
    /// @param settledRoot Root of the settled payroll; zero when there is none.
    /// @param settledCount Its number of positions.
    /// @param settledTotal Its total.
    function update(
        bytes32 campaign,
        bytes calldata entries,
        bytes32 settledRoot,
        uint256 settledCount,
        uint256 settledTotal
    ) internal view returns (bytes32 root, uint256 count, uint256 total) {
        count = entries.length / ENTRY_BYTES;
        if (count == 0) revert NoEntries();
        if (entries.length % ENTRY_BYTES != 0) revert RaggedEntries(entries.length);
        if (count > MOST_POSITIONS) revert TooManyPositions(count);
        if (count < settledCount) revert PositionsDropped(count, settledCount);
        bytes32[] memory before = new bytes32[](settledCount);
        bytes32[] memory nodes = new bytes32[](count);
        uint256 totalBefore;
        (totalBefore, total) = _read(campaign, entries, before, nodes);
        bytes32 rebuilt = _root(before);
        if (rebuilt != settledRoot) revert SettledRootMismatch(rebuilt, settledRoot);
        if (totalBefore != settledTotal) revert SettledTotalMismatch(totalBefore, settledTotal);
        root = _root(nodes);
    }

    /// @notice The root of a payroll as it was posted, and all that it pays to one account.
    /// @param campaign Id of the campaign, part of every leaf.
    /// @param entries All positions, 36 bytes each.
    /// @param wanted The account.
    function table(
        bytes32 campaign,
        bytes calldata entries,
        address wanted
    ) internal pure returns (bytes32 root, uint256 paid) {
        bytes32[] memory nodes = new bytes32[](entries.length / ENTRY_BYTES);
        for (uint256 i; i < nodes.length; ++i) {
            (address account,, uint256 amount) = _position(entries, i);
            nodes[i] = leaf(campaign, i, account, amount);
            if (account == wanted) paid += amount;
        }
        root = _root(nodes);
    }

    /// @notice Checks that position `index` of a payroll is `account` with `amount`, and reverts if it is not.
    /// @param root Root of the payroll, not zero.
    /// @param count Its number of positions; fixes the length of the path.
    /// @param campaign Id of the campaign.
    /// @param index The position.
    /// @param account Its account.
    /// @param amount Its cumulative amount.
    /// @param path Sibling hashes from the leaf upwards.
    function verify(
        bytes32 root,
        uint256 count,
        bytes32 campaign,
        uint256 index,
        address account,
        uint256 amount,
        bytes32[] calldata path
    ) internal pure {
        if (root == 0) revert NothingSettled();
        if (index >= count) revert PositionOutOfRange(index, count);
        uint256 depth = path.length;
        if (!_isDepth(depth, count)) revert WrongPathLength(depth, count);
        bytes32 hash = leaf(campaign, index, account, amount);
        for (uint256 i; i < depth; ++i) {
            bytes32 sibling = path[i];
            hash = (index >> i) & 1 == 0 ? _node(hash, sibling) : _node(sibling, hash);
        }
        if (hash != root) revert PathMismatch(hash, root);
    }

    /// @notice The leaf of one position: keccak(keccak(abi.encode(campaign, index, account, amount))).
    function leaf(
        bytes32 campaign,
        uint256 index,
        address account,
        uint256 amount
    ) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let preimage := mload(0x40)
            mstore(preimage, campaign)
            mstore(add(preimage, 0x20), index)
            mstore(add(preimage, 0x40), shr(96, shl(96, account)))
            mstore(add(preimage, 0x60), amount)
            mstore(0, keccak256(preimage, 0x80))
            hash := keccak256(0, 0x20)
        }
    }

    /// @dev Fills the leaves of both sides and sums their amounts. Nothing overflows: amounts fit uint64, and there
    /// are fewer positions than bytes of calldata. The loop does what `_position` and `leaf` say; it is the one place
    /// where a payroll's gas is spent.
    function _read(
        bytes32 campaign,
        bytes calldata entries,
        bytes32[] memory before,
        bytes32[] memory nodes
    ) private view returns (uint256 totalBefore, uint256 total) {
        uint256 refused; // index of a position that cannot be, plus one
        assembly ("memory-safe") {
            let preimage := mload(0x40)
            mstore(preimage, campaign)
            let at := entries.offset
            let settled := mload(before)
            for { let i := 0 } lt(i, mload(nodes)) { i := add(i, 1) } {
                let word := calldataload(add(at, 4)) // ends with so far (8 bytes) and increase (8)
                let soFar := and(shr(64, word), 0xffffffffffffffff)
                let amount := add(soFar, and(word, 0xffffffffffffffff))
                let account := shr(96, calldataload(at))
                let isNew := iszero(lt(i, settled))
                if or(
                    or(iszero(account), eq(account, address())),
                    or(shr(64, amount), and(isNew, iszero(iszero(soFar))))
                ) {
                    refused := add(i, 1)
                    break
                }
                mstore(add(preimage, 0x20), i)
                mstore(add(preimage, 0x40), account)
                mstore(add(preimage, 0x60), amount)
                mstore(0, keccak256(preimage, 0x80))
                let hash := keccak256(0, 0x20)
                mstore(add(add(nodes, 0x20), shl(5, i)), hash)
                total := add(total, amount)
                if iszero(isNew) {
                    if iszero(eq(amount, soFar)) {
                        mstore(add(preimage, 0x60), soFar)
                        mstore(0, keccak256(preimage, 0x80))
                        hash := keccak256(0, 0x20)
                    }
                    mstore(add(add(before, 0x20), shl(5, i)), hash)
                    totalBefore := add(totalBefore, soFar)
                }
                at := add(at, 36)
            }
        }
        if (refused != 0) _refuse(entries, refused - 1);
    }

    /// @dev Says why this position cannot be.
    function _refuse(
        bytes calldata entries,
        uint256 index
    ) private view {
        (address account, uint256 soFar, uint256 amount) = _position(entries, index);
        if (account == address(0) || account == address(this)) revert UnpayableAccount(index, account);
        if (amount > type(uint64).max) revert AmountTooLarge(index, amount);
        revert NewPositionWithPast(index, soFar);
    }

    /// @dev Reads position `index`: the account, what it had, and what it has with the increase.
    function _position(
        bytes calldata entries,
        uint256 index
    ) private pure returns (address account, uint256 soFar, uint256 amount) {
        uint256 word; // ends with so far and increase, 8 bytes each
        assembly ("memory-safe") {
            // In range: both callers take indices below the number of whole positions.
            let at := add(entries.offset, mul(index, ENTRY_BYTES))
            account := shr(96, calldataload(at))
            word := calldataload(add(at, 4))
        }
        soFar = (word >> 64) & type(uint64).max;
        amount = soFar + (word & type(uint64).max);
    }

    /// @dev Root over the leaves, which it overwrites; `zero` is the root of the filling at the current level.
    function _root(
        bytes32[] memory nodes
    ) private pure returns (bytes32) {
        uint256 width = nodes.length;
        if (width == 0) return 0;
        bytes32 zero;
        while (width > 1) {
            uint256 half = width / 2;
            assembly ("memory-safe") {
                // Node i of the next level is keccak of nodes 2i and 2i + 1, which lie side by side.
                let first := add(nodes, 0x20)
                for { let i := 0 } lt(i, half) { i := add(i, 1) } {
                    mstore(add(first, shl(5, i)), keccak256(add(first, shl(6, i)), 0x40))
                }
            }
            if (width % 2 == 1) nodes[half] = _node(nodes[width - 1], zero);
            zero = _node(zero, zero);
            width = (width + 1) / 2;
        }
        return nodes[0];
    }

    function _node(
        bytes32 left,
        bytes32 right
    ) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            mstore(0, left)
            mstore(0x20, right)
            hash := keccak256(0, 0x40)
        }
    }

    /// @dev Whether the tree over `count` positions has this depth: the smallest d with 2^d >= count.
    function _isDepth(
        uint256 depth,
        uint256 count
    ) private pure returns (bool) {
        return (count - 1) >> depth == 0 && (depth == 0 || (count - 1) >> (depth - 1) != 0);
    }
}
