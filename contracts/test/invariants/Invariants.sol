// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @dev What forge and Hardhat ask an invariant test for.
abstract contract Invariants {
    bool public constant IS_TEST = true;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    bytes4[] private _steps;

    /// @dev Lists a step `weight` times.
    function step(
        bytes4 selector,
        uint256 weight
    ) internal {
        for (uint256 i; i < weight; ++i) {
            _steps.push(selector);
        }
    }

    function target() internal view virtual returns (address);

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = target();
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(target(), _steps);
    }
}
