// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ICampaignEscrow} from "../ICampaignEscrow.sol";
import {ProvenanceLog} from "../ProvenanceLog.sol";
import {Promises} from "../libraries/Promises.sol";

/// @title What all parts of the escrow share: the state of the campaigns and its arithmetic.
/// @dev Every function that moves money changes its state first; the one exception, `_receive`, measures what arrives
/// and runs under the reentrancy guard like all the others.
abstract contract Book is ICampaignEscrow, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @inheritdoc ICampaignEscrow
    ProvenanceLog public immutable provenance;

    mapping(bytes32 id => Campaign) internal _campaigns;
    mapping(bytes32 id => mapping(address account => Account)) internal _accounts;
    mapping(bytes32 id => mapping(address account => uint256)) internal _bonds;

    constructor(
        ProvenanceLog provenance_
    ) {
        if (address(provenance_).code.length == 0) revert NoCode(address(provenance_));
        provenance = provenance_;
    }

    /// @inheritdoc ICampaignEscrow
    function campaign(
        bytes32 id
    ) external view returns (Campaign memory) {
        return _campaigns[id];
    }

    /// @inheritdoc ICampaignEscrow
    function accountOf(
        bytes32 id,
        address account
    ) external view returns (Account memory) {
        return _accounts[id][account];
    }

    /// @inheritdoc ICampaignEscrow
    function claimedOf(
        bytes32 id,
        address account
    ) external view returns (uint256) {
        return _accounts[id][account].paid;
    }

    /// @inheritdoc ICampaignEscrow
    function bondOf(
        bytes32 id,
        address account
    ) external view returns (uint256) {
        return _bonds[id][account];
    }

    /// @inheritdoc ICampaignEscrow
    function idOf(
        Terms calldata terms
    ) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), terms));
    }

    /// @dev Takes exactly `amount` from the caller, or reverts: tokens that take a share on the way are refused. For
    /// nothing the token is not asked: some refuse to move it, and a dispute can be free.
    function _receive(
        IERC20 token,
        uint256 amount
    ) internal {
        if (amount == 0) return;
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        _checkArrived(token, before, amount);
    }

    /// @dev Exactly `amount` has come on top of `before`, or reverts.
    function _checkArrived(
        IERC20 token,
        uint256 before,
        uint256 amount
    ) internal view {
        uint256 arrived = token.balanceOf(address(this)) - before;
        if (arrived != amount) revert WrongAmountArrived(arrived, amount);
    }

    /// @dev The campaign as it stands now: what is due has settled.
    function _current(
        Terms calldata terms
    ) internal returns (bytes32 id, Campaign storage c) {
        id = idOf(terms);
        c = _campaigns[id];
        _settleIfDue(id, c, terms);
    }

    /// @dev The same, with a payroll pending.
    function _withPending(
        Terms calldata terms
    ) internal returns (bytes32 id, Campaign storage c) {
        (id, c) = _current(terms);
        if (c.stage == Stage.Empty) revert NothingPending();
    }

    /// @dev The same, funded, after its deadline, with nothing pending: nothing more will be posted.
    function _silent(
        Terms calldata terms
    ) internal returns (bytes32 id, Campaign storage c) {
        (id, c) = _current(terms);
        if (c.deposited == 0) revert UnknownCampaign(id);
        _notBefore(terms.deadline);
        if (c.stage != Stage.Empty) revert PayrollPending(c.pendingRoot);
    }

    function _notBefore(
        uint256 time
    ) internal view {
        if (block.timestamp < time) revert TooEarly(time);
    }

    function _before(
        uint256 time
    ) internal view {
        if (block.timestamp >= time) revert WindowClosed(time);
    }

    /// @dev When the pending payroll can settle at the earliest.
    function _settlesAt(
        Campaign storage c,
        Terms calldata terms
    ) internal view returns (uint256) {
        if (c.stage == Stage.Disputed) return uint256(c.disputedAt) + 2 * uint256(terms.window);
        uint256 ends = uint256(c.postedAt) + terms.window;
        return c.disputedAt > ends ? c.disputedAt : ends; // let stand after its window: when it was ruled on
    }

    /// @dev Settles the pending payroll if there is one and its time has come. A dispute on which the arbiter stayed
    /// silent has lapsed then: its bond goes back.
    function _settleIfDue(
        bytes32 id,
        Campaign storage c,
        Terms calldata terms
    ) internal returns (bool) {
        if (c.stage == Stage.Empty) return false;
        uint256 due = _settlesAt(c, terms);
        if (block.timestamp < due) return false;
        if (c.stage == Stage.Disputed) _creditBond(id, c.disputer, terms.bond);
        c.settledRoot = c.pendingRoot;
        c.settledTotal = c.pendingTotal;
        c.settledCount = c.pendingCount;
        c.settledEvidence = c.evidence;
        emit Settled(id, c.epoch, c.settledRoot, c.settledTotal);
        _clearPending(c, due);
        return true;
    }

    /// @dev Declares the pending payroll void; a dispute of it was right.
    function _void(
        bytes32 id,
        Campaign storage c,
        Terms calldata terms
    ) internal {
        emit Voided(id, c.epoch, c.pendingRoot);
        if (c.stage == Stage.Disputed) _creditBond(id, c.disputer, terms.bond);
        _clearPending(c, block.timestamp);
    }

    /// @dev Bonds are fetched, never sent: a party that the token refuses must not block a ruling or a settlement.
    function _creditBond(
        bytes32 id,
        address account,
        uint256 bond
    ) internal {
        _bonds[id][account] += bond;
        emit BondReleased(id, account, bond);
    }

    /// @dev This many windows after R0, since when nothing is pending and nothing more is posted.
    function _afterSilence(
        Campaign storage c,
        Terms calldata terms,
        uint256 windows
    ) internal view returns (uint256) {
        uint256 since = c.idleSince > terms.deadline ? c.idleSince : terms.deadline;
        return since + windows * terms.window;
    }

    /// @dev What the deposit has beyond the settled payroll and its fee.
    function _available(
        Campaign storage c,
        Terms calldata terms
    ) internal view returns (uint256) {
        return c.deposited - c.settledTotal - _fee(terms, c.settledTotal);
    }

    /// @dev What an account redeemed beyond what is known to be settled for it.
    function _beyond(
        Account memory a
    ) internal pure returns (uint256) {
        uint256 stated = a.statement > a.proven ? a.statement - a.proven : 0;
        return stated > a.labels ? stated : a.labels;
    }

    /// @dev The statement is about this campaign and the operator signed it.
    function _checkStatement(
        bytes32 id,
        Terms calldata terms,
        Statement calldata statement,
        bytes calldata signature
    ) internal view {
        if (statement.campaign != id) revert OtherCampaign(statement.campaign, id);
        bytes32 domain = provenance.domainSeparator();
        Promises.check(terms.operator, Promises.digest(domain, statement), signature);
    }

    /// @dev The operator's fee on `total`, rounded down.
    function _fee(
        Terms calldata terms,
        uint256 total
    ) internal pure returns (uint256) {
        return total * terms.feeBps / 10_000;
    }

    function _clearPending(
        Campaign storage c,
        uint256 time
    ) private {
        c.stage = Stage.Empty;
        // forge-lint: disable-next-line(unsafe-typecast)
        c.idleSince = uint40(time); // block times, and at most 60 days more
        c.pendingRoot = 0;
        c.pendingTotal = 0;
        c.pendingCount = 0;
        c.evidence = 0;
        c.postedAt = 0;
        c.disputer = address(0);
        c.disputedAt = 0;
    }
}
