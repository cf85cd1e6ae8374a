// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Entries} from "./libraries/Entries.sol";
import {Heads} from "./libraries/Heads.sol";
import {Rfc9162} from "./libraries/Rfc9162.sol";

/// @title The heads of one append-only log.
/// @notice The operator anchors heads (size and root of an RFC 9162 tree). A head is accepted only with a proof that
/// its tree starts with the tree of the latest head, so an anchored history can grow but never change. No owner,
/// no upgrade, no way to remove a head. The EIP-712 domain of this contract is the domain of the log's entries.
/// @dev Trust: the operator can stop anchoring, and decides what is appended. It cannot rewrite. It can hand over to
/// another operator, seven days after it has said so in public. Only the latest head is stored as it is; the others
/// are proved (`Heads`), from the `Anchored` events alone.
contract ProvenanceLog is EIP712 {
    using Heads for mapping(uint256 level => bytes32);

    /// @notice Only the operator may do this.
    error NotOperator(address caller, address operator);
    /// @notice The operator cannot be the zero address.
    error NoOperator();
    /// @notice Only the proposed operator may accept.
    error NotProposed(address caller, address next);
    /// @notice The proposed operator cannot take over yet.
    error TooEarly(uint256 until);
    /// @notice The proposal has lapsed: nobody may remember it.
    error TooLate(uint256 since);
    /// @notice A head has to be larger than the latest.
    error SizeNotGrowing(uint64 size, uint64 latest);
    /// @notice Sizes are below 2^38.
    error SizeTooLarge(uint64 size);
    /// @notice Block times are below 2^34: until the year 2514.
    error TimeTooLarge(uint256 time);
    /// @notice There are 2^24 - 1 heads, one a minute for 31 years: no more can be counted.
    error TooManyHeads();
    /// @notice The zero root is no tree's.
    error NoRoot();
    /// @notice The first head has nothing to be consistent with, so its proof is empty.
    error FirstProofNotEmpty(uint256 length);
    /// @notice This head is not in the log, or its proof is not for the present number of heads.
    error NotAnchored(uint64 size);

    /// @notice A head was accepted, at block time `time`.
    event Anchored(uint64 indexed size, bytes32 root, uint64 time);
    /// @notice `next` can take over from `from` on; the zero address: nobody, an earlier proposal is withdrawn.
    event OperatorProposed(address indexed next, uint64 from);
    /// @notice `next` anchors from now on.
    event OperatorChanged(address indexed former, address indexed next);

    /// @notice How long a proposed operator waits, in seconds: so long everybody can see that the key will change.
    uint64 public constant ROTATION_DELAY = 7 days;

    // One slot: what an anchor reads and writes besides the root.
    struct State {
        address operator;
        uint24 count;
        uint72 latest; // size (38 bits) and time (34 bits) of the latest head
    }

    uint8 private constant TIME_BITS = 34;
    uint8 private constant SIZE_BITS = 38;

    State private _state;
    bytes32 private _root;
    mapping(uint256 level => bytes32) private _peaks;
    address private _next;
    uint64 private _nextFrom;

    /// @param operator_ Who may anchor.
    constructor(
        address operator_
    ) EIP712("crowdledger", "1") {
        if (operator_ == address(0)) revert NoOperator();
        _state.operator = operator_;
        emit OperatorChanged(address(0), operator_);
    }

    /// @notice Accepts a head. Only the operator may call.
    /// @param newSize Number of entries; larger than the latest head's.
    /// @param root RFC 9162 root over them.
    /// @param proof Consistency path from the latest head (RFC 9162, 2.1.4); empty for the first head.
    function anchor(
        uint64 newSize,
        bytes32 root,
        bytes32[] calldata proof
    ) external {
        State memory state = _state;
        if (msg.sender != state.operator) revert NotOperator(msg.sender, state.operator);
        if (root == 0) revert NoRoot();
        if (newSize >> SIZE_BITS != 0) revert SizeTooLarge(newSize);
        if (block.timestamp >> TIME_BITS != 0) revert TimeTooLarge(block.timestamp);
        // Nothing but the exact number is meant.
        // slither-disable-next-line incorrect-equality
        if (state.count == type(uint24).max) revert TooManyHeads();
        uint64 last = _sizeOf(state.latest);
        if (newSize <= last) revert SizeNotGrowing(newSize, last);
        if (last != 0) Rfc9162.verifyConsistency(last, newSize, _root, root, proof);
        else if (proof.length != 0) revert FirstProofNotEmpty(proof.length);

        // forge-lint: disable-next-line(unsafe-typecast)
        uint64 time = uint64(block.timestamp); // 34 bits
        _peaks.append(state.count, Heads.Head(newSize, root, time));
        _root = root;
        _state = State(state.operator, state.count + 1, (uint72(newSize) << TIME_BITS) | time);
        emit Anchored(newSize, root, time);
    }

    /// @notice Says who shall anchor in the future; zero withdraws. Only the operator may call; the last word counts.
    /// @dev Whoever has stolen the key can do this too: both can overwrite each other until the delay of one is over.
    function proposeOperator(
        address next
    ) external {
        address operator_ = _state.operator;
        if (msg.sender != operator_) revert NotOperator(msg.sender, operator_);
        _next = next;
        _nextFrom = next == address(0) ? 0 : uint64(block.timestamp) + ROTATION_DELAY;
        emit OperatorProposed(next, _nextFrom);
    }

    /// @notice Takes over. Only the proposed operator may call, once the delay is over and as long again: so its key works.
    function acceptOperator() external {
        if (msg.sender != _next) revert NotProposed(msg.sender, _next);
        if (block.timestamp < _nextFrom) revert TooEarly(_nextFrom);
        if (block.timestamp >= _nextFrom + ROTATION_DELAY) revert TooLate(_nextFrom + ROTATION_DELAY);
        emit OperatorChanged(_state.operator, msg.sender);
        _state.operator = msg.sender;
        _next = address(0);
        _nextFrom = 0;
    }

    /// @notice Who may anchor now. Anyone may call, as with every view.
    function operator() external view returns (address) {
        return _state.operator;
    }

    /// @notice Who is proposed as operator, and from when it can take over; zero when nobody is.
    function nextOperator() external view returns (address next, uint64 from) {
        return (_next, _nextFrom);
    }

    /// @notice The latest head: its size, root and block time; all zero before the first.
    function latest() external view returns (uint64, bytes32, uint64) {
        Heads.Head memory head = _latest();
        return (head.size, head.root, head.time);
    }

    /// @notice Size of the latest head.
    function size() external view returns (uint64) {
        return _sizeOf(_state.latest);
    }

    /// @notice Number of anchored heads.
    function heads() external view returns (uint256) {
        return _state.count;
    }

    /// @notice Peak `level` of the heads (`Heads`); zero where bit `level` of their number is not set.
    function peak(
        uint256 level
    ) external view returns (bytes32) {
        // A bit is set or not.
        // slither-disable-next-line incorrect-equality
        return (_state.count >> level) & 1 == 1 ? _peaks[level] : bytes32(0);
    }

    /// @notice Checks that a head was anchored; reverts with `NotAnchored` if it was not.
    /// @dev An empty path means the latest head, which is stored as it is; every other one has siblings.
    function checkHead(
        Heads.HeadProof calldata proof
    ) public view {
        uint256 count = _state.count;
        // The latest head's position is exact, and hashes are equal or not.
        // slither-disable-next-line incorrect-equality
        bool held = proof.path.length == 0
            ? proof.position < count && proof.position + 1 == count
                && Heads.leaf(proof.head) == Heads.leaf(_latest())
            : _peaks.holds(count, proof);
        if (!held) revert NotAnchored(proof.head.size);
    }

    /// @notice The EIP-712 domain separator under which entries, receipts and statements are signed.
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    /// @notice Proves that this assignment is entry `index` of the log.
    /// @param head An anchored head.
    /// @param proof Inclusion path under it (RFC 9162, 2.1.3).
    /// @return time Block time of that head.
    function proveAssignment(
        Entries.Assignment calldata entry,
        uint64 index,
        Heads.HeadProof calldata head,
        bytes32[] calldata proof
    ) external view returns (uint64 time) {
        return _prove(Entries.leaf(entry), index, head, proof);
    }

    /// @notice Proves that this label, with this signature of a session key, is entry `index` of the log.
    /// @dev The log says that the label was accepted; who may sign for the worker is what the session grant in the
    /// log says, and is not checked here.
    /// @param head An anchored head.
    /// @param proof Inclusion path under it (RFC 9162, 2.1.3).
    /// @return time Block time of that head.
    function proveLabel(
        Entries.Label calldata entry,
        bytes calldata signature,
        uint64 index,
        Heads.HeadProof calldata head,
        bytes32[] calldata proof
    ) external view returns (uint64 time) {
        return _prove(Entries.leaf(entry, signature), index, head, proof);
    }

    /// @notice Proves that this reputation is entry `index` of the log.
    /// @param head An anchored head.
    /// @param proof Inclusion path under it (RFC 9162, 2.1.3).
    /// @return time Block time of that head.
    function proveReputation(
        Entries.Reputation calldata entry,
        uint64 index,
        Heads.HeadProof calldata head,
        bytes32[] calldata proof
    ) external view returns (uint64 time) {
        return _prove(Entries.leaf(entry), index, head, proof);
    }

    /// @notice Proves that this payout is entry `index` of the log.
    /// @param head An anchored head.
    /// @param proof Inclusion path under it (RFC 9162, 2.1.3).
    /// @return time Block time of that head.
    function provePayout(
        Entries.Payout calldata entry,
        uint64 index,
        Heads.HeadProof calldata head,
        bytes32[] calldata proof
    ) external view returns (uint64 time) {
        return _prove(Entries.leaf(entry), index, head, proof);
    }

    /// @notice Proves that this dataset version, with its owner's signature, is entry `index` of the log.
    /// @param head An anchored head.
    /// @param proof Inclusion path under it (RFC 9162, 2.1.3).
    /// @return time Block time of that head.
    function proveDataset(
        Entries.Dataset calldata entry,
        bytes calldata signature,
        uint64 index,
        Heads.HeadProof calldata head,
        bytes32[] calldata proof
    ) external view returns (uint64 time) {
        return _prove(Entries.leaf(entry, signature), index, head, proof);
    }

    function _latest() private view returns (Heads.Head memory) {
        uint72 packed = _state.latest;
        // forge-lint: disable-next-line(unsafe-typecast)
        uint64 time = uint64(packed & (2 ** uint256(TIME_BITS) - 1)); // 34 bits
        return Heads.Head(_sizeOf(packed), _root, time);
    }

    function _sizeOf(
        uint72 packed
    ) private pure returns (uint64) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint64(packed >> TIME_BITS); // 38 bits
    }

    function _prove(
        bytes32 leaf,
        uint64 index,
        Heads.HeadProof calldata head,
        bytes32[] calldata proof
    ) private view returns (uint64) {
        checkHead(head);
        Rfc9162.verifyInclusion(leaf, index, head.head.size, proof, head.head.root);
        return head.head.time;
    }
}
