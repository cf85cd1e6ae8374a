// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Contracts around the escrow that its users may have: only for tests.

/// A multi-signature wallet or a multicall, as far as it matters: passes calls on, one or several.
contract Relay {
    bytes private _kept;

    function run(address to, bytes calldata data) external {
        _call(to, data);
    }

    function runAll(address to, bytes[] calldata datas) external {
        for (uint256 i; i < datas.length; ++i) _call(to, datas[i]);
    }

    function keep(bytes calldata data) external {
        _kept = data;
    }

    function runKept(address to) external {
        _call(to, _kept);
    }

    function _call(address to, bytes memory data) private {
        (bool good, bytes memory answer) = to.call(data);
        if (good) return;
        assembly ("memory-safe") {
            revert(add(answer, 0x20), mload(answer))
        }
    }
}

/// Gives events that look like those of another contract.
contract Mimic {
    function imitate(bytes32 kind, bytes32 id, bytes calldata data, uint256 times) external {
        bytes memory copy = data;
        for (uint256 i; i < times; ++i) {
            assembly ("memory-safe") {
                log2(add(copy, 0x20), mload(copy), kind, id)
            }
        }
    }
}

/// A token with a list of accounts that it refuses to pay, early tokens' symbol, and no decimals.
contract RefusingToken {
    bytes32 public symbol = "OLD";
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;
    mapping(address => bool) public refused;

    function mint(address account, uint256 amount) external {
        balanceOf[account] += amount;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function refuse(address account) external {
        refused[account] = true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        return _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        allowance[from][msg.sender] -= amount;
        return _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private returns (bool) {
        require(!refused[to], unicode"frozen\u001b[31m account");
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
        return true;
    }
}

/// A token that lies about itself in every way that a view can.
contract BoastfulToken is RefusingToken {
    function decimals() external pure returns (uint256) {
        return 2 ** 255;
    }

    function name() external pure returns (bytes memory) {
        return new bytes(1_000_000);
    }
}
