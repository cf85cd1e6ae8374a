// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ProvenanceLog} from "../src/ProvenanceLog.sol";
import {Entries} from "../src/libraries/Entries.sol";
import {Heads} from "../src/libraries/Heads.sol";
import {Invariants} from "./invariants/Invariants.sol";
import {Base} from "./utils/Base.sol";
import {HeadTree} from "./utils/HeadTree.sol";
import {LogTree} from "./utils/LogTree.sol";

/// @title Random lives of a log: honest and forged heads, by its operator and by others, and changes of the key.
/// @dev Every step knows whether the log has to accept it. What was accepted is kept here.
contract LogLife is Base {
    uint256 internal constant LARGEST = 100;
    address[4] internal actors = [named("one"), named("two"), named("three"), named("four")];
    ProvenanceLog internal log = new ProvenanceLog(actors[0]);

    // What the log holds: its entries, its heads, its operator, who is proposed and from when.
    bytes32[] internal leaves;
    Heads.Head[] internal heads;
    address internal operator = actors[0];
    address internal next;
    uint256 internal nextFrom;

    function payout(
        uint256 index
    ) internal pure returns (Entries.Payout memory) {
        return Entries.Payout("campaign", address(uint160(index + 1)), index, "statement", "run");
    }

    function size() internal view returns (uint256) {
        return heads.length == 0 ? 0 : heads[heads.length - 1].size;
    }

    /// @dev A head that keeps every entry, by anybody; only the operator's is accepted.
    function stepAnchor(
        uint256 who,
        uint256 growth
    ) external {
        uint256 before = size();
        uint256 newSize = before + bound(growth, 1, 4);
        if (newSize > LARGEST) return;
        while (leaves.length < newSize) leaves.push(Entries.leaf(payout(leaves.length)));
        bytes32[] memory all = leaves;
        bytes32 root = LogTree.root(all, 0, newSize);
        bytes32[] memory proof = before == 0 ? new bytes32[](0) : LogTree.consistency(all, before, newSize);
        address caller = who % 3 == 0 ? actors[who % 4] : operator;
        if (anchor(caller, newSize, root, proof, caller == operator)) {
            heads.push(Heads.Head(uint64(newSize), root, uint64(block.timestamp)));
        }
    }

    /// @dev A head of the operator's that changes an entry, has a proof of another kind, or does not grow.
    function stepForge(
        uint256 what,
        uint256 which,
        uint256 growth
    ) external {
        uint256 before = size();
        uint256 newSize = before + bound(growth, 1, 4);
        if (before == 0 || newSize > LARGEST) return;
        bytes32[] memory all = new bytes32[](newSize);
        for (uint256 i; i < newSize; ++i) {
            all[i] = i < before ? leaves[i] : keccak256(abi.encode(which, i));
        }
        bytes32[] memory proof = LogTree.consistency(all, before, newSize);
        bytes32 root = LogTree.root(all, 0, newSize);
        if (what % 5 == 0) root = ~root;
        if (what % 5 == 1) proof[which % proof.length] ^= bytes32(uint256(1) << (which % 256));
        if (what % 5 == 2) proof = new bytes32[](proof.length + 1);
        if (what % 5 == 3) newSize = which % (before + 1);
        if (what % 5 == 4) {
            all[which % before] = ~all[which % before];
            proof = LogTree.consistency(all, before, newSize);
            root = LogTree.root(all, 0, newSize);
        }
        anchor(operator, newSize, root, proof, false);
    }

    function anchor(
        address caller,
        uint256 newSize,
        bytes32 root,
        bytes32[] memory proof,
        bool expected
    ) internal returns (bool done) {
        return call(caller, abi.encodeCall(log.anchor, (uint64(newSize), root, proof)), expected);
    }

    function stepPropose(
        uint256 who,
        uint256 whom
    ) external {
        address caller = who % 2 == 0 ? actors[(who / 2) % 4] : operator;
        address wanted = whom % 7 == 0 ? address(0) : actors[whom % 4];
        if (call(caller, abi.encodeCall(log.proposeOperator, (wanted)), caller == operator)) {
            (next, nextFrom) = (wanted, wanted == address(0) ? 0 : block.timestamp + 7 days);
        }
    }

    function stepAccept(
        uint256 who
    ) external {
        address caller = who % 2 == 0 || next == address(0) ? actors[(who / 2) % 4] : next;
        bool inTime = block.timestamp >= nextFrom && block.timestamp < nextFrom + 7 days;
        bool expected = caller == next && inTime;
        if (call(caller, abi.encodeCall(log.acceptOperator, ()), expected)) {
            (operator, next, nextFrom) = (caller, address(0), 0);
        }
    }

    function stepTime(
        uint256 time
    ) external {
        vm.warp(block.timestamp + time % 10 days);
    }

    function call(
        address caller,
        bytes memory data,
        bool expected
    ) internal returns (bool done) {
        vm.prank(caller);
        (done,) = address(log).call(data);
        yes(done == expected, expected ? "refused" : "accepted");
    }

    /// @dev The log says what was accepted, and nothing else.
    function checkState() external view {
        uint256 count = heads.length;
        same(log.heads(), count, "heads");
        same(log.operator(), operator, "operator");
        (address proposed, uint64 from) = log.nextOperator();
        same(proposed, next, "next");
        same(from, nextFrom, "from");
        (uint64 latestSize, bytes32 root, uint64 time) = log.latest();
        Heads.Head memory last;
        if (count != 0) last = heads[count - 1];
        yes(latestSize == last.size && root == last.root && time == last.time, "latest");
        same(log.size(), last.size, "size");
        Heads.Head[] memory all = heads;
        for (uint256 level; level < 8; ++level) {
            same(log.peak(level), HeadTree.peak(all, level), "peak");
        }
    }

    /// @dev Every head is provable at its position, under the root and the time that it was accepted with.
    function checkHeads(
        uint256 most
    ) external view {
        Heads.Head[] memory all = heads;
        uint256 step = all.length < most ? 1 : all.length / most;
        for (uint256 i = block.timestamp % step; i < all.length; i += step) {
            Heads.HeadProof memory proof = HeadTree.proof(all, i);
            yes(holds(proof), "an anchored head is not provable");
            proof.position += 1;
            yes(!holds(proof), "at another position");
            proof.position -= 1;
            proof.head.time += 1;
            yes(!holds(proof), "at another time");
            proof.head.time -= 1;
            proof.head.root = ~proof.head.root;
            yes(!holds(proof), "with another root");
        }
        if (all.length != 0) log.checkHead(HeadTree.latest(all));
    }

    function holds(
        Heads.HeadProof memory proof
    ) internal view returns (bool done) {
        (done,) = address(log).staticcall(abi.encodeCall(log.checkHead, (proof)));
    }

    /// @dev An entry is provable under a head if and only if the head's tree has it at that index.
    function checkEntries(
        uint256 others
    ) external view {
        if (heads.length == 0) return;
        Heads.Head[] memory all = heads;
        bytes32[] memory entries = leaves;
        uint256 which = uint256(keccak256(abi.encode(block.timestamp, heads.length)));
        Heads.HeadProof memory head = HeadTree.proof(all, which % all.length);
        uint256 covered = head.head.size;
        uint256 index = (which >> 64) % covered;
        bytes32[] memory path = LogTree.inclusion(entries, index, covered);
        yes(proves(index, index, head, path), "an entry is not provable");
        yes(!proves(index + 1, index, head, path), "another entry");
        for (uint256 i; i < others; ++i) {
            uint256 other = (index + 1 + (which >> (128 + i)) % (covered + 1)) % (covered + 2);
            yes(!proves(index, other, head, path), "at another index");
        }
        if (covered < entries.length) {
            bytes32[] memory later = LogTree.inclusion(entries, covered, entries.length);
            yes(!proves(covered, covered, head, later), "an entry that the head does not cover");
        }
    }

    function proves(
        uint256 entry,
        uint256 index,
        Heads.HeadProof memory head,
        bytes32[] memory path
    ) internal view returns (bool done) {
        (done,) = address(log)
            .staticcall(abi.encodeCall(log.provePayout, (payout(entry), uint64(index), head, path)));
    }
}

contract LogInvariantsTest is Invariants {
    LogLife internal life;

    /// @dev Honest heads are made twice as often, so that logs grow.
    function setUp() public {
        life = new LogLife();
        step(life.stepAnchor.selector, 2);
        step(life.stepForge.selector, 1);
        step(life.stepPropose.selector, 1);
        step(life.stepAccept.selector, 1);
        step(life.stepTime.selector, 2);
    }

    function target() internal view override returns (address) {
        return address(life);
    }

    /// @dev One life serves all three.
    function invariant_the_log_is_what_its_operators_anchored_and_proves_nothing_else() public view {
        life.checkState();
        life.checkHeads(3);
        life.checkEntries(2);
    }

    function afterInvariant() public view {
        life.checkHeads(type(uint256).max);
        life.checkEntries(64);
    }
}
