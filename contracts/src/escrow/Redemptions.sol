// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ICampaignEscrow} from "../ICampaignEscrow.sol";
import {Entries} from "../libraries/Entries.sol";
import {Heads} from "../libraries/Heads.sol";
import {Promises} from "../libraries/Promises.sol";
import {Rfc9162} from "../libraries/Rfc9162.sol";
import {Book} from "./Book.sol";

/// @title What workers get when the operator has fallen silent: the deadline is over and nothing is pending.
/// @dev Nothing here checks whether the work was any good, or who signed a label: the requester, or anyone, has a
/// window to dispute and the arbiter another to rule. What all redeem together may exceed the funds: so nobody is
/// kept out by who came first, and `Payments` pays in proportion what is left to stand.
abstract contract Redemptions is Book {
    /// @dev One slot: the state of a dispute, and who opened it.
    struct Objection {
        Contest contest;
        address disputer;
    }

    mapping(bytes32 id => mapping(address account => Objection)) internal _objections;
    mapping(bytes32 id => mapping(bytes32 leaf => bool)) private _redeemed;

    /// @inheritdoc ICampaignEscrow
    function redeem(
        Terms calldata terms,
        Statement calldata statement,
        bytes calldata signature
    ) external {
        (bytes32 id, Campaign storage c) = _redeeming(terms);
        if (msg.sender != statement.worker) revert NotWorker(msg.sender, statement.worker);
        _checkStatement(id, terms, statement, signature);
        if (statement.amount > type(uint64).max) revert AmountTooLarge(statement.amount);
        Account memory a = _accounts[id][msg.sender];
        uint256 known = a.statement > a.proven ? a.statement : a.proven;
        if (statement.amount <= known) revert NotIncreasing(statement.amount, known);
        uint256 before = _beyond(a);
        // forge-lint: disable-next-line(unsafe-typecast)
        a.statement = uint64(statement.amount); // checked above
        _reserve(id, c, a, before);
    }

    /// @inheritdoc ICampaignEscrow
    function redeemLabels(
        Terms calldata terms,
        Heads.HeadProof calldata head,
        AnchoredLabel[] calldata labels
    ) external {
        (bytes32 id, Campaign storage c) = _redeeming(terms);
        uint256 since = _afterSilence(c, terms, 0);
        if (head.head.time >= since) revert HeadTooLate(head.head.time, since);
        provenance.checkHead(head);
        for (uint256 i; i < labels.length; ++i) {
            AnchoredLabel calldata one = labels[i];
            bytes32 leaf = _take(id, c, one.entry, one.signature, one.index);
            Rfc9162.verifyInclusion(leaf, one.index, head.head.size, one.proof, head.head.root);
        }
        _redeemLabels(id, c, terms, labels.length);
    }

    /// @inheritdoc ICampaignEscrow
    function redeemReceipts(
        Terms calldata terms,
        ReceiptedLabel[] calldata labels
    ) external {
        (bytes32 id, Campaign storage c) = _redeeming(terms);
        bytes32 domain = provenance.domainSeparator();
        for (uint256 i; i < labels.length; ++i) {
            ReceiptedLabel calldata one = labels[i];
            if (block.timestamp < one.deadline) revert ReceiptNotDue(one.deadline);
            bytes32 leaf = _take(id, c, one.entry, one.signature, one.index);
            bytes32 digest = Promises.receipt(domain, leaf, one.index, one.deadline);
            Promises.check(terms.operator, digest, one.receipt);
        }
        _redeemLabels(id, c, terms, labels.length);
    }

    /// @inheritdoc ICampaignEscrow
    function disputeRedemption(
        Terms calldata terms,
        address account,
        bytes32 reason
    ) external nonReentrant {
        (bytes32 id, Campaign storage c) = _silent(terms);
        _notBefore(_afterSilence(c, terms, 1));
        _before(_afterSilence(c, terms, 2));
        if (_beyond(_accounts[id][account]) == 0) revert NothingRedeemed(account);
        if (_objections[id][account].contest != Contest.None) revert AlreadyContested(account);
        _objections[id][account] = Objection(Contest.Open, msg.sender);
        emit RedemptionDisputed(id, account, msg.sender, reason);
        _receive(IERC20(terms.token), terms.bond);
    }

    /// @inheritdoc ICampaignEscrow
    function ruleRedemption(
        Terms calldata terms,
        address account,
        bool uphold
    ) external {
        if (msg.sender != terms.arbiter) revert NotArbiter(msg.sender, terms.arbiter);
        (bytes32 id, Campaign storage c, Objection storage objection) = _contested(terms, account);
        _before(_afterSilence(c, terms, 3));
        emit RedemptionRuled(id, account, uphold);
        if (uphold) {
            objection.contest = Contest.Void;
            // forge-lint: disable-next-line(unsafe-typecast)
            c.reserved -= uint96(_beyond(_accounts[id][account])); // fits uint64
            _accounts[id][account].statement = 0;
            _accounts[id][account].labels = 0;
            _creditBond(id, objection.disputer, terms.bond);
        } else {
            objection.contest = Contest.Stands;
            _creditBond(id, account, terms.bond);
        }
    }

    /// @inheritdoc ICampaignEscrow
    function lapseRedemption(
        Terms calldata terms,
        address account
    ) external {
        (bytes32 id, Campaign storage c, Objection storage objection) = _contested(terms, account);
        _notBefore(_afterSilence(c, terms, 3));
        objection.contest = Contest.Stands;
        emit RedemptionRuled(id, account, false);
        _creditBond(id, objection.disputer, terms.bond);
    }

    /// @inheritdoc ICampaignEscrow
    function contestOf(
        bytes32 id,
        address account
    ) external view returns (Contest contest, address disputer) {
        Objection storage objection = _objections[id][account];
        return (objection.contest, objection.disputer);
    }

    /// @dev The campaign, in the window in which workers redeem.
    function _redeeming(
        Terms calldata terms
    ) private returns (bytes32 id, Campaign storage c) {
        (id, c) = _silent(terms);
        _before(_afterSilence(c, terms, 1));
    }

    /// @dev The campaign, and the open dispute of an account's redemption.
    function _contested(
        Terms calldata terms,
        address account
    ) private returns (bytes32 id, Campaign storage c, Objection storage objection) {
        (id, c) = _silent(terms);
        objection = _objections[id][account];
        if (objection.contest != Contest.Open) revert NothingDisputed();
    }

    /// @dev Marks a label of the caller, which no settled payroll judged, as redeemed and returns its leaf.
    function _take(
        bytes32 id,
        Campaign storage c,
        Entries.Label calldata entry,
        bytes calldata signature,
        uint64 index
    ) private returns (bytes32 leaf) {
        if (index < c.settledEvidence) revert AlreadyJudged(index, c.settledEvidence);
        if (entry.campaign != id) revert OtherCampaign(entry.campaign, id);
        if (msg.sender != entry.worker) revert NotWorker(msg.sender, entry.worker);
        leaf = Entries.leaf(entry, signature);
        if (_redeemed[id][leaf]) revert AlreadyRedeemed(leaf);
        _redeemed[id][leaf] = true;
    }

    /// @dev Adds the price of `count` labels to what the caller is due.
    function _redeemLabels(
        bytes32 id,
        Campaign storage c,
        Terms calldata terms,
        uint256 count
    ) private {
        Account memory a = _accounts[id][msg.sender];
        uint256 before = _beyond(a);
        uint256 labels = a.labels + count * terms.labelPrice;
        if (labels == a.labels) revert NotIncreasing(labels, labels);
        // What a claim can still show to be settled for the caller is at most the whole payroll.
        if (c.settledTotal + labels > type(uint64).max) revert AmountTooLarge(c.settledTotal + labels);
        // forge-lint: disable-next-line(unsafe-typecast)
        a.labels = uint64(labels); // checked above
        _reserve(id, c, a, before);
    }

    /// @dev Stores the caller's account, whose redemption reserved `before` so far.
    function _reserve(
        bytes32 id,
        Campaign storage c,
        Account memory a,
        uint256 before
    ) private {
        // forge-lint: disable-next-line(unsafe-typecast)
        c.reserved = uint96(c.reserved + _beyond(a) - before); // fewer than 2^32 accounts, 64 bits each
        _accounts[id][msg.sender] = a;
        emit Redeemed(id, msg.sender, a.statement, a.labels);
    }
}
