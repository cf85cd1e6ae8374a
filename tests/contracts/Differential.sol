// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Heads} from "./Heads.sol";
import {Payroll} from "./Payroll.sol";
import {PayrollReference} from "./PayrollReference.sol";
import {Rfc9162} from "./Rfc9162.sol";

/// @title The libraries, many questions a call: tests compare the answers with Python's.
contract Differential {
    using Heads for mapping(uint256 level => bytes32);

    struct Inclusion {
        bytes32 leaf;
        uint256 index;
        uint256 size;
        bytes32[] proof;
        bytes32 root;
    }

    struct Consistency {
        uint256 first;
        uint256 second;
        bytes32 firstRoot;
        bytes32 secondRoot;
        bytes32[] proof;
    }

    mapping(uint256 level => bytes32) private _peaks;
    uint256 public count;

    function inclusions(
        Inclusion[] calldata asked
    ) external view returns (bool[] memory accepted) {
        accepted = new bool[](asked.length);
        for (uint256 i; i < asked.length; ++i) {
            try this.inclusion(asked[i]) {
                accepted[i] = true;
            } catch {}
        }
    }

    function inclusion(
        Inclusion calldata one
    ) external view {
        Rfc9162.verifyInclusion(one.leaf, one.index, one.size, one.proof, one.root);
    }

    function consistencies(
        Consistency[] calldata asked
    ) external view returns (bool[] memory accepted) {
        accepted = new bool[](asked.length);
        for (uint256 i; i < asked.length; ++i) {
            try this.consistency(asked[i]) {
                accepted[i] = true;
            } catch {}
        }
    }

    function consistency(
        Consistency calldata one
    ) external view {
        Rfc9162.verifyConsistency(one.first, one.second, one.firstRoot, one.secondRoot, one.proof);
    }

    /// @dev What the escrow computes from a payroll as it is posted.
    function update(
        bytes32 campaign,
        bytes calldata entries,
        bytes32 settledRoot,
        uint256 settledCount,
        uint256 settledTotal
    ) external view returns (bytes32 root, uint256 positions, uint256 total) {
        return Payroll.update(campaign, entries, settledRoot, settledCount, settledTotal);
    }

    function table(
        bytes32 campaign,
        bytes calldata entries,
        address wanted
    ) external pure returns (bytes32 root, uint256 paid) {
        return Payroll.table(campaign, entries, wanted);
    }

    function verify(
        bytes32 root,
        uint256 positions,
        bytes32 campaign,
        uint256 index,
        address account,
        uint256 amount,
        bytes32[] calldata path
    ) external pure {
        Payroll.verify(root, positions, campaign, index, account, amount, path);
    }

    /// @dev The plain reference of the Solidity tests.
    function referenceRoot(
        bytes32 campaign,
        PayrollReference.Position[] calldata positions
    ) external pure returns (bytes32) {
        return PayrollReference.root(campaign, positions);
    }

    function append(
        Heads.Head calldata head
    ) external {
        _peaks.append(count++, head);
    }

    function peaks() external view returns (bytes32[24] memory all) {
        for (uint256 level; level < 24; ++level) {
            if ((count >> level) & 1 == 1) all[level] = _peaks[level];
        }
    }

    function holds(
        Heads.HeadProof[] calldata asked
    ) external view returns (bool[] memory held) {
        held = new bool[](asked.length);
        for (uint256 i; i < asked.length; ++i) {
            held[i] = _peaks.holds(count, asked[i]);
        }
    }
}
