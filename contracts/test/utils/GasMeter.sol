// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Base} from "./Base.sol";

/// @title Gas of the last call, announced and held below a bar.
/// @dev Under forge's isolation a call is a whole transaction: intrinsic gas, calldata (EIP-7623) and refunds
/// included. `forge test --match-contract Gas -vvvv` shows the figures.
abstract contract GasMeter is Base {
    event Measured(string what, uint256 size, uint256 gas);

    error TooMuchGas(string what, uint256 size, uint256 gas, uint256 bar);

    function measure(
        string memory what,
        uint256 size,
        uint256 bar
    ) internal {
        announce(what, size, lastGas(), bar);
    }

    /// @dev No transaction costs less than 21,000: what does is a call that the test made for itself.
    function lastGas() internal view returns (uint256 used) {
        used = vm.lastCallGas().gasTotalUsed;
        yes(used >= 21_000, "the last call was no transaction");
    }

    function announce(
        string memory what,
        uint256 size,
        uint256 used,
        uint256 bar
    ) internal {
        emit Measured(what, size, used);
        if (used > bar) revert TooMuchGas(what, size, used, bar);
    }
}
