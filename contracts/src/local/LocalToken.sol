// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title A token for local chains only: anybody may mint any amount of it, so it is worth nothing.
/// @notice ERC-20 with ERC-2612 permit and six decimals, the shape of the stablecoins that campaigns are paid in.
contract LocalToken is ERC20, ERC20Permit {
    constructor() ERC20("Local test dollar", "LUSD") ERC20Permit("Local test dollar") {}

    /// @inheritdoc ERC20
    function decimals() public pure override returns (uint8) {
        return 6;
    }

    /// @notice Creates `amount` for `account`. Anyone may call.
    function mint(
        address account,
        uint256 amount
    ) external {
        _mint(account, amount);
    }
}
