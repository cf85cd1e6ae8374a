// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ICampaignEscrow} from "./ICampaignEscrow.sol";
import {ProvenanceLog} from "./ProvenanceLog.sol";
import {Payroll} from "./libraries/Payroll.sol";

/// @title The money of all campaigns. One contract; a campaign is the hash of its terms.
/// @notice See `ICampaignEscrow` for who may call what, the states of a payroll and the assumptions.
/// @dev No owner, no proxy, no pause, no sweep. Every function that moves money changes its state first; the one
/// exception, `_receive`, measures what arrives and runs under the reentrancy guard like all the others.
contract CampaignEscrow is ICampaignEscrow, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    /// @inheritdoc ICampaignEscrow
    uint16 public constant MAX_FEE_BPS = 2_500;
    /// @inheritdoc ICampaignEscrow
    uint32 public constant MIN_WINDOW = 1 days;
    /// @inheritdoc ICampaignEscrow
    uint32 public constant MAX_WINDOW = 30 days;
    /// @inheritdoc ICampaignEscrow
    ProvenanceLog public immutable provenance;

    mapping(bytes32 id => Campaign) private _campaigns;
    mapping(bytes32 id => mapping(address account => uint256)) private _claimed;
    mapping(bytes32 id => mapping(address account => uint256)) private _bonds;

    /// @param provenance_ The log whose anchored heads payrolls refer to.
    constructor(
        ProvenanceLog provenance_
    ) {
        if (address(provenance_).code.length == 0) revert NoCode(address(provenance_));
        provenance = provenance_;
    }

    /// @inheritdoc ICampaignEscrow
    function deposit(
        Terms calldata terms,
        uint256 amount
    ) external nonReentrant returns (bytes32 id) {
        return _deposit(terms, amount);
    }

    /// @inheritdoc ICampaignEscrow
    function depositWithPermit(
        Terms calldata terms,
        uint256 amount,
        uint256 permitDeadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external nonReentrant returns (bytes32 id) {
        // Whoever sees the permit may use it first, and this call must not fail for that: the allowance decides.
        // A token without code is left to `_checkTerms`, which says so: `try` would revert with nothing.
        if (terms.token.code.length != 0) {
            try IERC20Permit(terms.token)
                .permit(msg.sender, address(this), amount, permitDeadline, v, r, s) {}
                catch {}
        }
        return _deposit(terms, amount);
    }

    /// @inheritdoc ICampaignEscrow
    function post(
        Terms calldata terms,
        bytes calldata entries,
        uint64 evidence
    ) external returns (bytes32 root) {
        bytes32 id = idOf(terms);
        Campaign storage c = _campaigns[id];
        if (msg.sender != terms.operator) revert NotOperator(msg.sender, terms.operator);
        if (c.deposited == 0) revert UnknownCampaign(id); // only a deposit checks the terms
        if (block.timestamp >= terms.deadline) revert DeadlinePassed(terms.deadline);
        _settleIfDue(id, c, terms);
        if (c.stage != Stage.Empty) revert PayrollPending(c.pendingRoot);
        provenance.head(evidence); // reverts with NotAnchored

        uint256 count;
        uint256 total;
        (root, count, total) = Payroll.update(id, entries, c.settledRoot, c.settledCount, c.settledTotal);
        uint256 needed = total + _fee(terms, total);
        if (needed > c.deposited) revert InsufficientDeposit(needed, c.deposited);

        c.pendingRoot = root;
        c.pendingTotal = total.toUint128();
        c.pendingCount = count.toUint32();
        c.evidence = evidence;
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
        bytes32 reason
    ) external nonReentrant {
        bytes32 id = idOf(terms);
        Campaign storage c = _campaigns[id];
        if (c.stage == Stage.Empty) revert NothingPending();
        if (c.stage != Stage.Pending) revert AlreadyDisputed(c.pendingRoot);
        uint256 ends = uint256(c.postedAt) + terms.window;
        if (block.timestamp >= ends) revert WindowClosed(ends);
        c.stage = Stage.Disputed;
        c.disputer = msg.sender;
        c.disputedAt = uint40(block.timestamp);
        emit Disputed(id, c.epoch, c.pendingRoot, msg.sender, reason);
        _receive(IERC20(terms.token), terms.bond);
    }

    /// @inheritdoc ICampaignEscrow
    function rule(
        Terms calldata terms,
        bool uphold
    ) external {
        bytes32 id = idOf(terms);
        Campaign storage c = _campaigns[id];
        if (msg.sender != terms.arbiter) revert NotArbiter(msg.sender, terms.arbiter);
        if (c.stage != Stage.Disputed) revert NothingDisputed();
        uint256 ends = _settlesAt(c, terms);
        if (block.timestamp >= ends) revert RulingTooLate(ends);
        address disputer = c.disputer;
        emit Ruled(id, c.epoch, c.pendingRoot, uphold);
        if (uphold) {
            emit Voided(id, c.epoch, c.pendingRoot);
            _clearPending(c);
            _creditBond(id, disputer, terms.bond);
        } else {
            c.stage = Stage.Confirmed;
            _creditBond(id, terms.operator, terms.bond);
            _settleIfDue(id, c, terms);
        }
    }

    /// @inheritdoc ICampaignEscrow
    function claim(
        Terms calldata terms,
        uint256 index,
        address account,
        uint256 amount,
        bytes32[] calldata path
    ) external nonReentrant returns (uint256 paid) {
        bytes32 id = idOf(terms);
        Campaign storage c = _campaigns[id];
        _settleIfDue(id, c, terms);
        paid = _claim(id, c, index, account, amount, path);
        if (paid == 0) revert NothingDue(account, amount);
        IERC20(terms.token).safeTransfer(account, paid);
    }

    /// @inheritdoc ICampaignEscrow
    function claimMany(
        Terms calldata terms,
        Claim[] calldata claims
    ) external nonReentrant returns (uint256 paid) {
        bytes32 id = idOf(terms);
        Campaign storage c = _campaigns[id];
        _settleIfDue(id, c, terms);
        for (uint256 i; i < claims.length; ++i) {
            Claim calldata one = claims[i];
            uint256 due = _claim(id, c, one.index, one.account, one.amount, one.path);
            if (due == 0) continue;
            paid += due;
            IERC20(terms.token).safeTransfer(one.account, due);
        }
    }

    /// @inheritdoc ICampaignEscrow
    function collectFee(
        Terms calldata terms
    ) external nonReentrant returns (uint256 paid) {
        bytes32 id = idOf(terms);
        Campaign storage c = _campaigns[id];
        _settleIfDue(id, c, terms);
        uint256 earned = _fee(terms, c.settledTotal);
        paid = earned - c.feeCollected;
        if (paid == 0) revert NothingDue(terms.operator, earned);
        c.feeCollected = earned.toUint128();
        emit FeeCollected(id, terms.operator, paid);
        IERC20(terms.token).safeTransfer(terms.operator, paid);
    }

    /// @inheritdoc ICampaignEscrow
    function collectBond(
        Terms calldata terms,
        address account
    ) external nonReentrant returns (uint256 paid) {
        bytes32 id = idOf(terms);
        _settleIfDue(id, _campaigns[id], terms);
        paid = _bonds[id][account];
        if (paid == 0) revert NothingDue(account, 0);
        _bonds[id][account] = 0;
        emit BondReturned(id, account, paid);
        IERC20(terms.token).safeTransfer(account, paid);
    }

    /// @inheritdoc ICampaignEscrow
    function refund(
        Terms calldata terms
    ) external nonReentrant returns (uint256 paid) {
        bytes32 id = idOf(terms);
        Campaign storage c = _campaigns[id];
        if (c.deposited == 0) revert UnknownCampaign(id);
        if (c.closed) revert AlreadyClosed(id);
        uint256 opens = uint256(terms.deadline) + terms.window;
        if (block.timestamp < opens) revert TooEarly(opens);
        _settleIfDue(id, c, terms);
        if (c.stage != Stage.Empty) revert PayrollPending(c.pendingRoot);
        c.closed = true;
        paid = c.deposited - c.settledTotal - _fee(terms, c.settledTotal);
        c.refunded = paid.toUint128();
        emit Refunded(id, terms.requester, paid);
        if (paid != 0) IERC20(terms.token).safeTransfer(terms.requester, paid);
    }

    /// @inheritdoc ICampaignEscrow
    function campaign(
        bytes32 id
    ) external view returns (Campaign memory) {
        return _campaigns[id];
    }

    /// @inheritdoc ICampaignEscrow
    function claimedOf(
        bytes32 id,
        address account
    ) external view returns (uint256) {
        return _claimed[id][account];
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

    function _deposit(
        Terms calldata terms,
        uint256 amount
    ) private returns (bytes32 id) {
        id = idOf(terms);
        Campaign storage c = _campaigns[id];
        if (amount == 0) revert NoAmount();
        if (block.timestamp >= terms.deadline) revert DeadlinePassed(terms.deadline);
        if (c.deposited == 0) {
            _checkTerms(terms);
            emit Opened(id, terms);
        }
        c.deposited += amount.toUint128();
        emit Deposited(id, msg.sender, amount);
        _receive(IERC20(terms.token), amount);
    }

    /// @dev The arbiter judges between the requester, who gets back what is not paid, and the operator, who posts;
    /// so it is neither of them. A requester that is this contract could not be paid its refund.
    function _checkTerms(
        Terms calldata terms
    ) private view {
        address requester = terms.requester;
        if (requester == address(0) || terms.operator == address(0) || terms.arbiter == address(0)) {
            revert MissingParty();
        }
        if (requester == address(this)) revert MissingParty();
        if (terms.arbiter == requester || terms.arbiter == terms.operator) {
            revert PartialArbiter(terms.arbiter);
        }
        if (terms.token.code.length == 0) revert NoCode(terms.token);
        if (terms.feeBps > MAX_FEE_BPS) revert FeeTooHigh(terms.feeBps, MAX_FEE_BPS);
        if (terms.window < MIN_WINDOW || terms.window > MAX_WINDOW) revert WindowOutOfRange(terms.window);
    }

    /// @dev Takes exactly `amount` from the caller, or reverts: tokens that take a share on the way are refused.
    function _receive(
        IERC20 token,
        uint256 amount
    ) private {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 arrived = token.balanceOf(address(this)) - before;
        if (arrived != amount) revert WrongAmountArrived(arrived, amount);
    }

    /// @dev When the pending payroll can settle at the earliest.
    function _settlesAt(
        Campaign storage c,
        Terms calldata terms
    ) private view returns (uint256) {
        if (c.stage == Stage.Disputed) return uint256(c.disputedAt) + 2 * uint256(terms.window);
        return uint256(c.postedAt) + terms.window;
    }

    /// @dev Settles the pending payroll if there is one and its time has come. A dispute on which the arbiter stayed
    /// silent has lapsed then: its bond goes back.
    function _settleIfDue(
        bytes32 id,
        Campaign storage c,
        Terms calldata terms
    ) private returns (bool) {
        if (c.stage == Stage.Empty || block.timestamp < _settlesAt(c, terms)) return false;
        if (c.stage == Stage.Disputed) _creditBond(id, c.disputer, terms.bond);
        c.settledRoot = c.pendingRoot;
        c.settledTotal = c.pendingTotal;
        c.settledCount = c.pendingCount;
        emit Settled(id, c.epoch, c.settledRoot, c.settledTotal);
        _clearPending(c);
        return true;
    }

    function _clearPending(
        Campaign storage c
    ) private {
        c.stage = Stage.Empty;
        c.pendingRoot = 0;
        c.pendingTotal = 0;
        c.pendingCount = 0;
        c.evidence = 0;
        c.postedAt = 0;
        c.disputer = address(0);
        c.disputedAt = 0;
    }

    /// @dev Bonds are fetched, never sent: a party that the token refuses must not block a ruling or a settlement.
    function _creditBond(
        bytes32 id,
        address account,
        uint256 bond
    ) private {
        _bonds[id][account] += bond;
        emit BondReleased(id, account, bond);
    }

    /// @dev Books what `account` is due under the settled payroll and returns it; the caller sends it.
    function _claim(
        bytes32 id,
        Campaign storage c,
        uint256 index,
        address account,
        uint256 amount,
        bytes32[] calldata path
    ) private returns (uint256 due) {
        Payroll.verify(c.settledRoot, c.settledCount, id, index, account, amount, path);
        uint256 already = _claimed[id][account];
        if (amount <= already) return 0;
        due = amount - already;
        _claimed[id][account] = amount;
        uint256 claimed = c.claimed + due;
        if (claimed > c.settledTotal) revert ClaimsExceedTotal(claimed, c.settledTotal);
        c.claimed = claimed.toUint128();
        emit Claimed(id, account, due);
    }

    /// @dev The operator's fee on `total`, rounded down.
    function _fee(
        Terms calldata terms,
        uint256 total
    ) private pure returns (uint256) {
        return total * terms.feeBps / 10_000;
    }
}
