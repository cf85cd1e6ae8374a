// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {IERC3009} from "@openzeppelin/contracts/interfaces/draft-IERC3009.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ICampaignEscrow} from "./ICampaignEscrow.sol";
import {ProvenanceLog} from "./ProvenanceLog.sol";
import {Book} from "./escrow/Book.sol";
import {Payments} from "./escrow/Payments.sol";
import {Payrolls} from "./escrow/Payrolls.sol";

/// @title The money of all campaigns. One contract; a campaign is the hash of its terms.
/// @notice See `ICampaignEscrow` for who may call what, the states of a payroll and the assumptions.
/// @dev No owner, no proxy, no pause, no sweep. Here: how money comes in. In `escrow/`: what happens to it.
contract CampaignEscrow is Payrolls, Payments {
    using SafeCast for uint256;

    /// @inheritdoc ICampaignEscrow
    uint16 public constant MAX_FEE_BPS = 2_500;
    /// @inheritdoc ICampaignEscrow
    uint32 public constant MIN_WINDOW = 1 days;
    /// @inheritdoc ICampaignEscrow
    uint32 public constant MAX_WINDOW = 30 days;

    /// @param provenance_ The log whose anchored heads payrolls refer to.
    constructor(
        ProvenanceLog provenance_
    ) Book(provenance_) {}

    /// @inheritdoc ICampaignEscrow
    function deposit(
        Terms calldata terms,
        uint256 amount
    ) external nonReentrant returns (bytes32 id) {
        id = _credit(terms, amount, msg.sender);
        _receive(IERC20(terms.token), amount);
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
        id = _credit(terms, amount, msg.sender);
        // Whoever sees the permit may use it first, and this call must not fail for that: the allowance decides.
        try IERC20Permit(terms.token).permit(msg.sender, address(this), amount, permitDeadline, v, r, s) {}
            catch {}
        _receive(IERC20(terms.token), amount);
    }

    /// @inheritdoc ICampaignEscrow
    function depositWithAuthorization(
        Terms calldata terms,
        uint256 amount,
        address from,
        uint256 validAfter,
        uint256 validBefore,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external nonReentrant returns (bytes32 id) {
        id = _credit(terms, amount, from);
        IERC20 token = IERC20(terms.token);
        uint256 before = token.balanceOf(address(this));
        IERC3009(terms.token)
            .receiveWithAuthorization(from, address(this), amount, validAfter, validBefore, id, v, r, s);
        _checkArrived(token, before, amount);
    }

    /// @dev Books a deposit, whose money the caller then fetches; the first one opens the campaign.
    function _credit(
        Terms calldata terms,
        uint256 amount,
        address from
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
        emit Deposited(id, from, amount);
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
}
