// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ICampaignEscrow} from "../ICampaignEscrow.sol";
import {Payroll} from "../libraries/Payroll.sol";
import {Promises} from "../libraries/Promises.sol";
import {Redemptions} from "./Redemptions.sol";

/// @title All ways out of the escrow: to workers, to the operator, to disputers, to the requester.
abstract contract Payments is Redemptions {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    /// @inheritdoc ICampaignEscrow
    function claim(
        Terms calldata terms,
        uint256 index,
        address account,
        uint256 amount,
        bytes32[] calldata path
    ) external nonReentrant returns (uint256 paid) {
        (bytes32 id,) = _current(terms);
        paid = _due(id, terms, index, account, amount, path);
        if (paid == 0) revert NothingDue(account, amount);
        _send(id, terms, account, account, paid);
    }

    /// @inheritdoc ICampaignEscrow
    function claimMany(
        Terms calldata terms,
        Claim[] calldata claims
    ) external nonReentrant returns (uint256 paid) {
        (bytes32 id,) = _current(terms);
        for (uint256 i; i < claims.length; ++i) {
            Claim calldata one = claims[i];
            uint256 due = _due(id, terms, one.index, one.account, one.amount, one.path);
            if (due == 0) continue;
            paid += due;
            _send(id, terms, one.account, one.account, due);
        }
    }

    /// @inheritdoc ICampaignEscrow
    function claimTo(
        Terms calldata terms,
        Claim calldata one,
        address to
    ) external nonReentrant returns (uint256 paid) {
        if (msg.sender != one.account) revert NotWorker(msg.sender, one.account);
        (bytes32 id,) = _current(terms);
        paid = _dueTo(id, terms, one, to);
        _send(id, terms, one.account, to, paid);
    }

    /// @inheritdoc ICampaignEscrow
    function claimToBySignature(
        Terms calldata terms,
        Claim calldata one,
        address to,
        uint256 validUntil,
        bytes calldata signature
    ) external nonReentrant returns (uint256 paid) {
        if (block.timestamp > validUntil) revert SignatureExpired(validUntil);
        (bytes32 id,) = _current(terms);
        paid = _dueTo(id, terms, one, to);
        uint256 total = _accounts[id][one.account].paid;
        bytes32 digest = Promises.claimTo(Promises.escrowDomain(), id, one.account, to, total, validUntil);
        Promises.check(one.account, digest, signature);
        _send(id, terms, one.account, to, paid);
    }

    /// @inheritdoc ICampaignEscrow
    function domainSeparator() external view returns (bytes32) {
        return Promises.escrowDomain();
    }

    /// @inheritdoc ICampaignEscrow
    function collectFee(
        Terms calldata terms
    ) external nonReentrant returns (uint256 paid) {
        (bytes32 id, Campaign storage c) = _current(terms);
        uint256 earned = _fee(terms, c.settledTotal);
        paid = earned - c.feeCollected;
        if (paid == 0) revert NothingDue(terms.operator, earned);
        c.feeCollected = earned.toUint128();
        emit FeeCollected(id, terms.operator, paid);
        _pay(terms, terms.operator, paid);
    }

    /// @inheritdoc ICampaignEscrow
    function collectBond(
        Terms calldata terms,
        address account
    ) external nonReentrant returns (uint256 paid) {
        (bytes32 id,) = _current(terms);
        paid = _bonds[id][account];
        if (paid == 0) revert NothingDue(account, 0);
        _bonds[id][account] = 0;
        emit BondReturned(id, account, paid);
        _pay(terms, account, paid);
    }

    /// @inheritdoc ICampaignEscrow
    function refund(
        Terms calldata terms
    ) external nonReentrant returns (uint256 paid) {
        (bytes32 id, Campaign storage c) = _silent(terms);
        _notBefore(_afterSilence(c, terms, c.reserved == 0 ? 1 : 3));
        uint256 rest = _available(c, terms);
        rest -= c.reserved < rest ? c.reserved : rest;
        paid = rest - c.refunded;
        if (c.closed && paid == 0) revert AlreadyClosed(id);
        c.closed = true;
        c.refunded = rest.toUint128();
        emit Refunded(id, terms.requester, paid);
        if (paid != 0) _pay(terms, terms.requester, paid);
    }

    /// @dev Books what the account is due, more than nothing, before it is sent to `to`.
    function _dueTo(
        bytes32 id,
        Terms calldata terms,
        Claim calldata one,
        address to
    ) private returns (uint256 paid) {
        if (to == address(0) || to == address(this)) revert UnpayableReceiver(to);
        paid = _due(id, terms, one.index, one.account, one.amount, one.path);
        if (paid == 0) revert NothingDue(one.account, one.amount);
    }

    function _send(
        bytes32 id,
        Terms calldata terms,
        address account,
        address to,
        uint256 amount
    ) private {
        emit Claimed(id, account, to, amount);
        _pay(terms, to, amount);
    }

    /// @dev The last thing that a function does.
    function _pay(
        Terms calldata terms,
        address to,
        uint256 amount
    ) private {
        IERC20(terms.token).safeTransfer(to, amount);
    }

    /// @dev Books what `account` is due and returns it; the caller sends it.
    function _due(
        bytes32 id,
        Terms calldata terms,
        uint256 index,
        address account,
        uint256 amount,
        bytes32[] calldata path
    ) private returns (uint256 due) {
        Campaign storage c = _campaigns[id];
        Account memory a = _accounts[id][account];
        if (amount != 0) {
            Payroll.verify(c.settledRoot, c.settledCount, id, index, account, amount, path);
            if (amount > a.proven) {
                uint256 before = _beyond(a);
                a.proven = amount.toUint64();
                // forge-lint: disable-next-line(unsafe-typecast)
                if (before != 0) c.reserved -= uint96(before - _beyond(a)); // each fits uint64
            }
        }
        uint256 total = a.proven + _payable(id, c, terms, account, a);
        if (total > a.paid) {
            due = total - a.paid;
            a.paid = total.toUint64();
            _count(c, terms, due);
        }
        Account storage stored = _accounts[id][account];
        (stored.paid, stored.proven) = (a.paid, a.proven);
    }

    /// @dev Adds to what the campaign has paid to workers, which stays within what it owes them.
    function _count(
        Campaign storage c,
        Terms calldata terms,
        uint256 due
    ) private {
        uint256 claimed = c.claimed + due;
        if (claimed > c.settledTotal) {
            uint256 most = c.settledTotal + _available(c, terms);
            if (claimed > most) revert ClaimsExceedTotal(claimed, most);
        }
        c.claimed = claimed.toUint128();
    }

    /// @dev What can be paid by now of what an account redeemed beyond the payroll: nothing before its dispute is
    /// over, and a share if all redemptions together exceed the funds. It never falls: after the last ruling
    /// `reserved` can only shrink.
    function _payable(
        bytes32 id,
        Campaign storage c,
        Terms calldata terms,
        address account,
        Account memory a
    ) private view returns (uint256) {
        uint256 beyond = _beyond(a);
        if (beyond == 0) return 0;
        uint256 reserved = c.reserved;
        uint256 available = _available(c, terms);
        if (block.timestamp < _afterSilence(c, terms, 3)) {
            bool clear = reserved <= available && _objections[id][account].contest != Contest.Open;
            if (!clear || block.timestamp < _afterSilence(c, terms, 2)) return 0;
        }
        return reserved <= available ? beyond : beyond * available / reserved;
    }
}
