// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Payroll} from "../../src/libraries/Payroll.sol";
import {Base} from "../utils/Base.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";

/// @dev The library behind calls, so that a check sees whether it reverts.
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
}

/// @title Theorems about payrolls of two and three positions, for all accounts, amounts and hashes.
/// @dev For halmos, which runs the functions named `check_` with symbolic arguments; the lengths of updates and of
/// paths are given. It takes keccak to be free of collisions. A path that reverts proves nothing, so what must hold is
/// written with `assert`. Those whose names end in MustFail are false: if one of them is not refuted, the others are
/// worth nothing.
/// @custom:halmos --loop 8
contract PayrollTheorems is Base {
    bytes32 internal constant CAMPAIGN = "campaign";

    PayrollCaller internal payroll = new PayrollCaller();

    struct Position {
        address account;
        uint64 soFar;
        uint64 increase;
    }

    /// @dev Two settled positions, and the 72 bytes, or with a third position 108, of an update that may be anything.
    function updated(
        PayrollReference.Position[2] memory settled,
        bytes memory entries
    ) internal view returns (bool done, bytes32 root, uint256 total) {
        PayrollReference.Position[] memory list = new PayrollReference.Position[](2);
        (list[0], list[1]) = (settled[0], settled[1]);
        bytes memory answer;
        (done, answer) = address(payroll)
            .staticcall(
                abi.encodeCall(
                    payroll.update,
                    (
                        CAMPAIGN,
                        entries,
                        PayrollReference.root(CAMPAIGN, list),
                        2,
                        PayrollReference.total(list)
                    )
                )
            );
        if (done) (root,, total) = abi.decode(answer, (bytes32, uint256, uint256));
    }

    function pair(
        address a,
        uint64 x,
        address b,
        uint64 y
    ) internal pure returns (PayrollReference.Position[2] memory) {
        return [PayrollReference.Position(a, x, 0), PayrollReference.Position(b, y, 0)];
    }

    /// @dev Nobody is replaced, and nobody has less, whatever the update says.
    function check_an_update_lowers_no_entitlement(
        address a,
        uint64 x,
        address b,
        uint64 y,
        Position memory p,
        Position memory q
    ) public view {
        bytes memory entries =
            abi.encodePacked(p.account, p.soFar, p.increase, q.account, q.soFar, q.increase);
        (bool done,,) = updated(pair(a, x, b, y), entries);
        if (!done) return;
        assert(p.account == a && q.account == b);
        assert(uint256(p.soFar) + p.increase >= x && uint256(q.soFar) + q.increase >= y);
    }

    /// @dev Nobody is dropped: an update of fewer positions is refused.
    function check_an_update_drops_no_position(
        address a,
        uint64 x,
        address b,
        uint64 y,
        Position memory p
    ) public view {
        (bool done,,) = updated(pair(a, x, b, y), abi.encodePacked(p.account, p.soFar, p.increase));
        assert(!done);
    }

    /// @dev The total is the sum of the amounts, exactly, also with a position more.
    function check_the_total_is_the_sum(
        address a,
        uint64 x,
        address b,
        uint64 y,
        uint64[3] memory increases,
        address c
    ) public view {
        bytes memory entries = abi.encodePacked(a, x, increases[0], b, y, increases[1]);
        entries = abi.encodePacked(entries, c, uint64(0), increases[2]);
        (bool done,, uint256 total) = updated(pair(a, x, b, y), entries);
        if (!done) return;
        assert(total == uint256(x) + y + increases[0] + increases[1] + increases[2]);
    }

    /// @dev Of whatever two positions anyone shows under the root of an update, the amounts are within its total.
    function check_two_positions_are_within_the_total(
        address[3] memory accounts,
        uint64[3] memory amounts,
        uint256[2] memory indices,
        address[2] memory shown,
        uint256[2] memory shownAmounts,
        bytes32[4] memory siblings
    ) public view {
        vm.assume(indices[0] != indices[1]);
        (bytes32 root, uint256 total) = first(accounts, amounts);
        if (!holds(root, indices[0], shown[0], shownAmounts[0], siblings[0], siblings[1])) return;
        if (!holds(root, indices[1], shown[1], shownAmounts[1], siblings[2], siblings[3])) return;
        assert(shownAmounts[0] + shownAmounts[1] <= total);
        assert(shownAmounts[0] <= total && shownAmounts[1] <= total); // so the sum did not overflow
    }

    /// @dev A position has one account and one amount, whatever path is shown.
    function check_a_position_has_one_value(
        address[3] memory accounts,
        uint64[3] memory amounts,
        uint256 index,
        address[2] memory shown,
        uint256[2] memory shownAmounts,
        bytes32[4] memory siblings
    ) public view {
        (bytes32 root,) = first(accounts, amounts);
        if (!holds(root, index, shown[0], shownAmounts[0], siblings[0], siblings[1])) return;
        if (!holds(root, index, shown[1], shownAmounts[1], siblings[2], siblings[3])) return;
        assert(shown[0] == shown[1] && shownAmounts[0] == shownAmounts[1]);
    }

    /// @dev False: totals grow.
    function check_an_update_leaves_the_total_MustFail(
        address a,
        uint64 x,
        address b,
        uint64 y,
        uint64 increase
    ) public view {
        bytes memory entries = abi.encodePacked(a, x, increase, b, y, uint64(0));
        (bool done,, uint256 total) = updated(pair(a, x, b, y), entries);
        if (!done) return;
        assert(total == uint256(x) + y);
    }

    /// @dev False: true positions can be shown.
    function check_no_position_can_be_shown_MustFail(
        address[3] memory accounts,
        uint64[3] memory amounts,
        bytes32[2] memory siblings
    ) public view {
        (bytes32 root,) = first(accounts, amounts);
        assert(!holds(root, 0, accounts[0], amounts[0], siblings[0], siblings[1]));
    }

    /// @dev The root and the total of a first payroll of three positions.
    function first(
        address[3] memory accounts,
        uint64[3] memory amounts
    ) internal view returns (bytes32 root, uint256 total) {
        bytes memory entries;
        for (uint256 i; i < 3; ++i) {
            entries = abi.encodePacked(entries, accounts[i], uint64(0), amounts[i]);
        }
        (root,, total) = payroll.update(CAMPAIGN, entries, 0, 0, 0);
    }

    function holds(
        bytes32 root,
        uint256 index,
        address account,
        uint256 amount,
        bytes32 sibling,
        bytes32 uncle
    ) internal view returns (bool done) {
        bytes32[] memory path = new bytes32[](2);
        (path[0], path[1]) = (sibling, uncle);
        (done,) = address(payroll)
            .staticcall(abi.encodeCall(payroll.verify, (root, 3, CAMPAIGN, index, account, amount, path)));
    }
}
