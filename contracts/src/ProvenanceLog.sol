// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Entries} from "./libraries/Entries.sol";
import {Rfc9162} from "./libraries/Rfc9162.sol";

/// @title The heads of one append-only log.
/// @notice The operator anchors heads (size and root of an RFC 9162 tree). A head is accepted only with a proof that
/// its tree starts with the tree of the latest head, so an anchored history can grow but never change. No owner,
/// no upgrade, no way to remove a head. The EIP-712 domain of this contract is the domain of the log's entries.
/// @dev Trust: the operator can stop anchoring, and decides what is appended. It cannot rewrite.
contract ProvenanceLog is EIP712 {
    /// @notice Only the operator may anchor.
    error NotOperator(address caller, address operator);
    /// @notice The operator cannot be the zero address.
    error NoOperator();
    /// @notice A head has to be larger than the latest.
    error SizeNotGrowing(uint64 size, uint64 latest);
    /// @notice Sizes are below 2^38.
    error SizeTooLarge(uint64 size);
    /// @notice Block times are below 2^34: until the year 2514.
    error TimeTooLarge(uint256 time);
    /// @notice The zero root is no tree's.
    error NoRoot();
    /// @notice The first head has nothing to be consistent with, so its proof is empty.
    error FirstProofNotEmpty(uint256 length);
    /// @notice No head of this size has been anchored.
    error NotAnchored(uint64 size);

    /// @notice A head was accepted.
    event Anchored(uint64 indexed size, bytes32 root);

    /// @notice Who may anchor. Never changes.
    address public immutable operator;

    // Every head costs one new slot for its root. Its size and time (38 + 34 bits) share a slot with those of two
    // more heads: `_recent` holds the number of heads (40 bits, from bit 216) and the records of the last one to
    // three; when it is full, the next head moves it to `_pages`. So two of three anchors write one new slot, the
    // third writes two.
    uint256 private constant RECORDS = 3;
    uint256 private constant RECORD_BITS = 72;
    uint256 private constant TIME_BITS = 34; // enough until the year 2514
    uint256 private constant SIZE_BITS = 38;
    uint256 private constant COUNT_SHIFT = RECORDS * RECORD_BITS;
    uint256 private constant TIME_MASK = 2 ** TIME_BITS - 1;
    uint256 private constant SIZE_MASK = 2 ** SIZE_BITS - 1;
    uint256 private constant RECORDS_MASK = 2 ** COUNT_SHIFT - 1;

    uint256 private _recent;
    mapping(uint64 size => bytes32 root) private _roots;
    mapping(uint256 number => uint256 records) private _pages;

    /// @param operator_ Who may anchor; cannot be changed. A contract wallet can rotate its keys inside.
    constructor(
        address operator_
    ) EIP712("crowdledger", "1") {
        if (operator_ == address(0)) revert NoOperator();
        operator = operator_;
    }

    /// @notice Accepts a head. Only the operator may call.
    /// @param size Number of entries; larger than the latest head's.
    /// @param root RFC 9162 root over them.
    /// @param proof Consistency path from the latest head (RFC 9162, 2.1.4); empty for the first head.
    function anchor(
        uint64 size,
        bytes32 root,
        bytes32[] calldata proof
    ) external {
        if (msg.sender != operator) revert NotOperator(msg.sender, operator);
        if (root == 0) revert NoRoot();
        if (size >> SIZE_BITS != 0) revert SizeTooLarge(size);
        if (block.timestamp >> TIME_BITS != 0) revert TimeTooLarge(block.timestamp);
        uint256 recent = _recent;
        uint256 count = recent >> COUNT_SHIFT;
        uint64 last = _lastSize(recent);
        if (size <= last) revert SizeNotGrowing(size, last);
        if (count != 0) Rfc9162.verifyConsistency(last, size, _roots[last], root, proof);
        else if (proof.length != 0) revert FirstProofNotEmpty(proof.length);

        uint256 place = count % RECORDS;
        if (place == 0 && count != 0) {
            _pages[count / RECORDS - 1] = recent;
            recent = 0;
        }
        uint256 record = (uint256(size) << TIME_BITS) | block.timestamp;
        recent &= RECORDS_MASK;
        _recent = recent | (record << (place * RECORD_BITS)) | ((count + 1) << COUNT_SHIFT);
        _roots[size] = root;
        emit Anchored(size, root);
    }

    /// @notice The latest head: its size, root and block time; all zero before the first. Anyone may call.
    function latest() external view returns (uint64 size, bytes32 root, uint64 time) {
        uint256 recent = _recent;
        uint256 count = recent >> COUNT_SHIFT;
        if (count == 0) return (0, 0, 0);
        (size, time) = _record(recent, (count - 1) % RECORDS);
        root = _roots[size];
    }

    /// @notice Number of anchored heads. Anyone may call.
    function heads() external view returns (uint256) {
        return _recent >> COUNT_SHIFT;
    }

    /// @notice The anchored head of exactly this size: its root and block time. Anyone may call.
    /// @dev Reverts with `NotAnchored` when there is none.
    function head(
        uint64 size
    ) public view returns (bytes32 root, uint64 time) {
        root = _roots[size];
        if (root == 0) revert NotAnchored(size);
        time = _timeOf(size);
    }

    /// @notice The EIP-712 domain separator under which entries, receipts and statements are signed.
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    /// @notice Proves that this assignment is entry `index` of the log. Anyone may call.
    /// @param size Size of an anchored head.
    /// @param proof Inclusion path under it (RFC 9162, 2.1.3).
    /// @return time Block time of that head.
    function proveAssignment(
        Entries.Assignment calldata entry,
        uint64 index,
        uint64 size,
        bytes32[] calldata proof
    ) external view returns (uint64 time) {
        return _prove(Entries.leaf(entry), index, size, proof);
    }

    /// @notice Proves that this label, with this signature of a session key, is entry `index` of the log.
    /// @dev Anyone may call. The log says that the label was accepted; who may sign for the worker is what the
    /// session grant in the log says, and is not checked here.
    /// @param size Size of an anchored head.
    /// @param proof Inclusion path under it (RFC 9162, 2.1.3).
    /// @return time Block time of that head.
    function proveLabel(
        Entries.Label calldata entry,
        bytes calldata signature,
        uint64 index,
        uint64 size,
        bytes32[] calldata proof
    ) external view returns (uint64 time) {
        return _prove(Entries.leaf(entry, signature), index, size, proof);
    }

    /// @notice Proves that this reputation is entry `index` of the log. Anyone may call.
    /// @param size Size of an anchored head.
    /// @param proof Inclusion path under it (RFC 9162, 2.1.3).
    /// @return time Block time of that head.
    function proveReputation(
        Entries.Reputation calldata entry,
        uint64 index,
        uint64 size,
        bytes32[] calldata proof
    ) external view returns (uint64 time) {
        return _prove(Entries.leaf(entry), index, size, proof);
    }

    /// @notice Proves that this payout is entry `index` of the log. Anyone may call.
    /// @param size Size of an anchored head.
    /// @param proof Inclusion path under it (RFC 9162, 2.1.3).
    /// @return time Block time of that head.
    function provePayout(
        Entries.Payout calldata entry,
        uint64 index,
        uint64 size,
        bytes32[] calldata proof
    ) external view returns (uint64 time) {
        return _prove(Entries.leaf(entry), index, size, proof);
    }

    function _prove(
        bytes32 leaf,
        uint64 index,
        uint64 size,
        bytes32[] calldata proof
    ) private view returns (uint64 time) {
        bytes32 root;
        (root, time) = head(size);
        bytes32 computed = Rfc9162.inclusionRoot(leaf, index, size, proof);
        if (computed != root) revert Rfc9162.RootMismatch(computed, root);
    }

    /// @dev Size of the latest head, zero before the first.
    function _lastSize(
        uint256 recent
    ) private pure returns (uint64 size) {
        uint256 count = recent >> COUNT_SHIFT;
        if (count != 0) (size,) = _record(recent, (count - 1) % RECORDS);
    }

    /// @dev Block time of an anchored head: in `_recent`, or in the last page that starts at or before it.
    function _timeOf(
        uint64 size
    ) private view returns (uint64) {
        uint256 records = _recent;
        uint256 low;
        uint256 high = ((records >> COUNT_SHIFT) - 1) / RECORDS; // number of pages
        (uint64 first,) = _record(records, 0);
        if (size < first) {
            while (high - low > 1) {
                uint256 middle = (low + high) / 2;
                (first,) = _record(_pages[middle], 0);
                if (size < first) high = middle;
                else low = middle;
            }
            records = _pages[low];
        }
        uint256 place;
        (uint64 found, uint64 time) = _record(records, place);
        while (found != size) (found, time) = _record(records, ++place);
        return time;
    }

    /// @dev The record at `place` of a page or of `_recent`.
    function _record(
        uint256 records,
        uint256 place
    ) private pure returns (uint64 size, uint64 time) {
        uint256 record = records >> (place * RECORD_BITS);
        // forge-lint: disable-next-line(unsafe-typecast)
        time = uint64(record & TIME_MASK); // 34 bits
        // forge-lint: disable-next-line(unsafe-typecast)
        size = uint64((record >> TIME_BITS) & SIZE_MASK); // 38 bits
    }
}
