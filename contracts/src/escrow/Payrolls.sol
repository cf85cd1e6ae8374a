// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ICampaignEscrow} from "../ICampaignEscrow.sol";
import {Payroll} from "../libraries/Payroll.sol";
import {Book} from "./Book.sol";

/// @title Payrolls: posted, disputed, ruled on, held to what was stated, settled.
abstract contract Payrolls is Book {
    /// @inheritdoc ICampaignEscrow
    function post(
        Terms calldata terms,
        bytes calldata entries,
        uint64 evidence
    ) external returns (bytes32 root) {
        if (msg.sender != terms.operator) revert NotOperator(msg.sender, terms.operator);
        if (block.timestamp >= terms.deadline) revert DeadlinePassed(terms.deadline);
        (bytes32 id, Campaign storage c) = _current(terms);
        if (c.deposited == 0) revert UnknownCampaign(id); // only a deposit checks the terms
        if (c.stage != Stage.Empty) revert PayrollPending(c.pendingRoot);
        _checkEvidence(c.settledEvidence, evidence);

        uint256 count;
        uint256 total;
        (root, count, total) = Payroll.update(id, entries, c.settledRoot, c.settledCount, c.settledTotal);
        uint256 needed = total + _fee(terms, total);
        if (needed > c.deposited) revert InsufficientDeposit(needed, c.deposited);

        c.pendingRoot = root;
        // forge-lint: disable-next-line(unsafe-typecast)
        c.pendingTotal = uint96(total); // fewer than 2^32 amounts of 64 bits, or no block would hold them
        // forge-lint: disable-next-line(unsafe-typecast)
        c.pendingCount = uint32(count);
        // forge-lint: disable-next-line(unsafe-typecast)
        c.evidence = uint40(evidence); // sizes of the log are below 2^38
        c.postedAt = uint40(block.timestamp);
        c.stage = Stage.Pending;
        c.epoch += 1;
        emit Posted(id, c.epoch, root, total, count, evidence);
    }

    /// @inheritdoc ICampaignEscrow
    function settle(
        Terms calldata terms
    ) external {
        bytes32 id = idOf(terms);
        Campaign storage c = _campaigns[id];
        if (c.stage == Stage.Empty) revert NothingPending();
        if (!_settleIfDue(id, c, terms)) revert TooEarly(_settlesAt(c, terms));
    }

    /// @inheritdoc ICampaignEscrow
    function dispute(
        Terms calldata terms,
        uint32 epoch,
        bytes32 root,
        bytes32 reason
    ) external nonReentrant {
        bytes32 id = idOf(terms);
        Campaign storage c = _campaigns[id];
        if (c.stage == Stage.Empty) revert NothingPending();
        _checkMeant(c, epoch, root);
        if (c.stage != Stage.Pending) revert AlreadyDisputed(c.pendingRoot);
        _before(uint256(c.postedAt) + terms.window);
        c.stage = Stage.Disputed;
        c.disputer = msg.sender;
        c.disputedAt = uint40(block.timestamp);
        emit Disputed(id, c.epoch, c.pendingRoot, msg.sender, reason);
        _receive(IERC20(terms.token), terms.bond);
    }

    /// @inheritdoc ICampaignEscrow
    function rule(
        Terms calldata terms,
        uint32 epoch,
        bytes32 root,
        bool uphold
    ) external {
        bytes32 id = idOf(terms);
        Campaign storage c = _campaigns[id];
        if (msg.sender != terms.arbiter) revert NotArbiter(msg.sender, terms.arbiter);
        if (c.stage != Stage.Disputed) revert NothingDisputed();
        _checkMeant(c, epoch, root);
        uint256 ends = _settlesAt(c, terms);
        if (block.timestamp >= ends) revert RulingTooLate(ends);
        emit Ruled(id, c.epoch, c.pendingRoot, uphold);
        if (uphold) {
            _void(id, c, terms);
        } else {
            c.stage = Stage.Confirmed;
            c.disputedAt = uint40(block.timestamp);
            _creditBond(id, terms.operator, terms.bond);
            _settleIfDue(id, c, terms);
        }
    }

    /// @inheritdoc ICampaignEscrow
    function enforce(
        Terms calldata terms,
        Statement calldata statement,
        bytes calldata signature,
        uint256 index,
        uint256 amount,
        bytes32[] calldata path
    ) external {
        (bytes32 id, Campaign storage c) = _withPending(terms);
        Payroll.verify(c.pendingRoot, c.pendingCount, id, index, statement.worker, amount, path);
        _enforce(id, c, terms, statement, signature, amount);
    }

    /// @inheritdoc ICampaignEscrow
    function enforceAbsent(
        Terms calldata terms,
        Statement calldata statement,
        bytes calldata signature,
        bytes calldata entries
    ) external {
        (bytes32 id, Campaign storage c) = _withPending(terms);
        (bytes32 root, uint256 paid) = Payroll.table(id, entries, statement.worker);
        if (root != c.pendingRoot) revert WrongTable(root, c.pendingRoot);
        _enforce(id, c, terms, statement, signature, paid);
    }

    /// @dev The payroll that is meant is the pending one: the operator can exchange it inside a block, by enforcing a
    /// statement against its own and posting another.
    function _checkMeant(
        Campaign storage c,
        uint32 epoch,
        bytes32 root
    ) private view {
        if (epoch != c.epoch || root != c.pendingRoot) revert OtherPayroll(c.epoch, c.pendingRoot);
    }

    /// @dev Declares the pending payroll void, which pays the worker `paid`, if the operator stated more.
    function _enforce(
        bytes32 id,
        Campaign storage c,
        Terms calldata terms,
        Statement calldata statement,
        bytes calldata signature,
        uint256 paid
    ) private {
        if (statement.epoch > c.epoch) revert StatementTooNew(statement.epoch, c.epoch);
        if (paid >= statement.amount) revert StatementKept(statement.amount, paid);
        _checkStatement(id, terms, statement, signature);
        emit Enforced(id, c.epoch, statement.worker, statement.amount);
        _void(id, c, terms);
    }

    /// @dev The log has that many entries, and no fewer than were judged before.
    function _checkEvidence(
        uint64 settled,
        uint64 evidence
    ) private view {
        uint64 anchored = provenance.size();
        if (evidence == 0 || evidence < settled || evidence > anchored) {
            revert EvidenceOutOfRange(evidence, settled, anchored);
        }
    }
}
