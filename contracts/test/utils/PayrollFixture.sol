// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Payroll} from "../../src/libraries/Payroll.sol";
import {Base} from "./Base.sol";
import {PayrollReference} from "./PayrollReference.sol";

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

    /// @dev A first payroll that lies between other bytes of the call.
    function updateBetween(
        bytes calldata before,
        bytes calldata entries,
        bytes calldata later
    ) external view returns (bytes32 root, bytes memory kept, bytes memory zeros) {
        kept = bytes.concat(before, later);
        (root,,) = Payroll.update(0, entries, 0, 0, 0);
        zeros = new bytes(100);
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

    /// @dev `Payroll.table`; forge would take a function of that name for a kind of test.
    function sumOf(
        bytes32 campaign,
        bytes calldata entries,
        address wanted
    ) external pure returns (bytes32 root, uint256 paid) {
        return Payroll.table(campaign, entries, wanted);
    }

    /// @dev The leaf of an address whose upper 96 bits are not clean.
    function leaf(
        bytes32 campaign,
        uint256 index,
        uint256 dirty,
        uint256 amount
    ) external pure returns (bytes32) {
        address account;
        assembly ("memory-safe") {
            account := dirty
        }
        return Payroll.leaf(campaign, index, account, amount);
    }
}

/// @title Payrolls of any number of positions.
abstract contract PayrollFixture is Base {
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
                positions[i] = PayrollReference.Position(before[i].account, before[i].soFar, 0);
            } else {
                positions[i].account = address(uint160(random | 1));
            }
            positions[i].increase = random % 3 == 0 ? 0 : uint64(uint32(random >> 160));
        }
    }
}
