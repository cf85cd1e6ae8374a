// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {LocalToken} from "../../src/local/LocalToken.sol";

/// @dev Keeps one unit of every transfer.
contract TaxedToken is LocalToken {
    function _update(
        address from,
        address to,
        uint256 value
    ) internal override {
        super._update(from, to, value);
        if (from != address(0) && to != address(0)) super._update(to, address(0), 1);
    }
}

/// @dev Adds one unit to every transfer.
contract GivingToken is LocalToken {
    function _update(
        address from,
        address to,
        uint256 value
    ) internal override {
        super._update(from, to, value);
        if (from != address(0) && to != address(0)) super._update(address(0), to, 1);
    }
}

/// @dev Refuses to move nothing.
contract ProudToken is LocalToken {
    error Nothing();

    function _update(
        address from,
        address to,
        uint256 value
    ) internal override {
        if (value == 0) revert Nothing();
        super._update(from, to, value);
    }
}

/// @dev No permit, and no answer where ERC-20 promises a boolean.
contract OldToken {
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    function mint(
        address account,
        uint256 amount
    ) external {
        balanceOf[account] += amount;
    }

    function approve(
        address spender,
        uint256 amount
    ) external {
        allowance[msg.sender][spender] = amount;
    }

    function transfer(
        address to,
        uint256 amount
    ) external {
        _move(msg.sender, to, amount);
    }

    function transferFrom(
        address from,
        address to,
        uint256 amount
    ) external {
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount);
    }

    function _move(
        address from,
        address to,
        uint256 amount
    ) private {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// @dev Answers false, and moves nothing, while it is turned on.
contract FalseToken is LocalToken {
    bool public on;

    function turn(
        bool on_
    ) external {
        on = on_;
    }

    function transfer(
        address to,
        uint256 value
    ) public override returns (bool) {
        return !on && super.transfer(to, value);
    }

    function transferFrom(
        address from,
        address to,
        uint256 value
    ) public override returns (bool) {
        return !on && super.transferFrom(from, to, value);
    }
}

/// @dev Refuses transfers to the accounts on its list.
contract ListedToken is LocalToken {
    error Listed(address account);

    mapping(address => bool) public listed;

    function list(
        address account,
        bool on
    ) external {
        listed[account] = on;
    }

    function _update(
        address from,
        address to,
        uint256 value
    ) internal override {
        if (listed[to]) revert Listed(to);
        super._update(from, to, value);
    }
}

/// @dev Takes signed authorizations (ERC-3009), like USDC.
contract AuthorizedToken is ERC20, EIP712, ERC3009 {
    constructor() ERC20("Authorized", "AUTH") EIP712("Authorized", "1") {}

    function mint(
        address account,
        uint256 amount
    ) external {
        _mint(account, amount);
    }

    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }
}

/// @dev Takes them, and keeps one unit of every transfer.
contract TaxedAuthorizedToken is AuthorizedToken {
    function _update(
        address from,
        address to,
        uint256 value
    ) internal override {
        super._update(from, to, value);
        if (from != address(0) && to != address(0)) super._update(to, address(0), 1);
    }
}

/// @dev Keeps one unit of every transfer while it is turned on.
contract TurningToken is LocalToken {
    bool public on;

    function turn(
        bool on_
    ) external {
        on = on_;
    }

    function _update(
        address from,
        address to,
        uint256 value
    ) internal override {
        super._update(from, to, value);
        if (on && from != address(0) && to != address(0)) super._update(to, address(0), 1);
    }
}

/// @dev Whose balances become others by themselves.
contract RebasingToken is LocalToken {
    function rebase(
        address account,
        uint256 balance
    ) external {
        uint256 has = balanceOf(account);
        if (balance > has) _mint(account, balance - has);
        else _burn(account, has - balance);
    }
}

/// @dev Tells `watcher` of every transfer before it moves anything, and fails if that does.
contract CallbackToken is LocalToken {
    CallbackWatcher public watcher;

    function watch(
        CallbackWatcher watcher_
    ) external {
        watcher = watcher_;
    }

    /// @dev ERC-3009 without the signature.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256,
        uint256,
        bytes32,
        uint8,
        bytes32,
        bytes32
    ) external {
        _transfer(from, to, value);
    }

    function _update(
        address from,
        address to,
        uint256 value
    ) internal override {
        if (address(watcher) != address(0)) watcher.called(from, to, value);
        super._update(from, to, value);
    }
}

interface CallbackWatcher {
    function called(
        address from,
        address to,
        uint256 value
    ) external;
}
