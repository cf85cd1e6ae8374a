// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @dev The cheatcodes that the tests use, as forge, Hardhat and halmos provide them.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    struct Gas {
        uint64 gasLimit;
        uint64 gasTotalUsed;
        uint64 gasMemoryUsed;
        int64 gasRefunded;
        uint64 gasRemaining;
    }

    function addr(
        uint256 key
    ) external pure returns (address);
    function assume(
        bool condition
    ) external pure;
    function chainId(
        uint256 id
    ) external;
    function etch(
        address target,
        bytes calldata code
    ) external;
    function expectEmit(
        bool topic1,
        bool topic2,
        bool topic3,
        bool data
    ) external;
    function expectEmit(
        bool topic1,
        bool topic2,
        bool topic3,
        bool data,
        address emitter
    ) external;
    function expectRevert(
        bytes calldata data
    ) external;
    function getRecordedLogs() external returns (Log[] memory);
    function lastCallGas() external view returns (Gas memory);
    function load(
        address target,
        bytes32 slot
    ) external view returns (bytes32);
    function mockCall(
        address target,
        bytes calldata data,
        bytes calldata returnData
    ) external;
    function mockCallRevert(
        address target,
        bytes calldata data,
        bytes calldata revertData
    ) external;
    function prank(
        address sender
    ) external;
    function recordLogs() external;
    function sign(
        uint256 key,
        bytes32 digest
    ) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function startPrank(
        address sender
    ) external;
    function stopPrank() external;
    function store(
        address target,
        bytes32 slot,
        bytes32 value
    ) external;
    function warp(
        uint256 time
    ) external;
}

/// @title What every test starts from: cheatcodes, assertions that say both values, bounded fuzz input.
abstract contract Base {
    bool public constant IS_TEST = true;
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    error NotEqual(string what, bytes32 found, bytes32 expected);
    error NotTrue(string what);

    function same(
        uint256 found,
        uint256 expected,
        string memory what
    ) internal pure {
        if (found != expected) revert NotEqual(what, bytes32(found), bytes32(expected));
    }

    function same(
        bytes32 found,
        bytes32 expected,
        string memory what
    ) internal pure {
        if (found != expected) revert NotEqual(what, found, expected);
    }

    function same(
        address found,
        address expected,
        string memory what
    ) internal pure {
        same(uint256(uint160(found)), uint256(uint160(expected)), what);
    }

    function yes(
        bool condition,
        string memory what
    ) internal pure {
        if (!condition) revert NotTrue(what);
    }

    /// @dev A value in [low, high] made from fuzz input.
    function bound(
        uint256 value,
        uint256 low,
        uint256 high
    ) internal pure returns (uint256) {
        return low + value % (high - low + 1);
    }

    /// @dev An account that is nothing but its name.
    function named(
        string memory name
    ) internal pure returns (address) {
        return address(uint160(uint256(keccak256(bytes(name)))));
    }

    /// @dev Expects the next call to revert with an error that has no arguments.
    function reverts(
        bytes4 selector
    ) internal {
        vm.expectRevert(abi.encodePacked(selector));
    }

    function reverts(
        bytes4 selector,
        uint256 a
    ) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, a));
    }

    function reverts(
        bytes4 selector,
        uint256 a,
        uint256 b
    ) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, a, b));
    }

    function reverts(
        bytes4 selector,
        address a,
        uint256 b
    ) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, a, b));
    }

    function reverts(
        bytes4 selector,
        address a,
        address b
    ) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, a, b));
    }

    function reverts(
        bytes4 selector,
        bytes32 a,
        bytes32 b
    ) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, a, b));
    }
}
