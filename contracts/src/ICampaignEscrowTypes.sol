// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Entries} from "./libraries/Entries.sol";

/// @title What the escrow speaks of: its structs, errors and events.
/// @notice Amounts are token minor units, times seconds since 1970. See `ICampaignEscrow` for what they mean together.
interface ICampaignEscrowTypes {
    /// @notice What a campaign is. Never stored: whoever calls supplies it, and its hash is the id.
    struct Terms {
        address requester; // gets back what is not paid
        address operator; // posts payrolls, earns the fee, signs statements and receipts
        address arbiter; // rules on disputes
        address token; // what is paid in
        uint16 feeBps; // the operator's fee, in 1/10,000 of what is settled
        uint32 window; // seconds in which a payroll can be disputed
        uint40 deadline; // first second in which no payroll is accepted any more
        uint128 bond; // what a dispute costs if it fails; zero makes disputes free
        uint64 labelPrice; // what a label that no payroll judged is worth once the operator is silent
        uint32 part; // which of the ids that share a brief
        bytes32 brief; // digest of the specification
    }

    /// @notice Where a posted payroll stands.
    enum Stage {
        Empty, // nothing is pending
        Pending, // can be disputed inside its window
        Disputed, // waits for the arbiter, for two windows at most
        Confirmed // the arbiter let it stand; waits for the rest of its window
    }

    /// @notice The whole state of a campaign. The amounts of a payroll fit 64 bits, so its totals fit 96.
    struct Campaign {
        bytes32 settledRoot;
        uint96 settledTotal;
        uint32 settledCount;
        uint32 epoch; // number of payrolls posted so far, so the number of the pending one
        Stage stage;
        bool closed; // refunded; only claims, fee and bonds are left
        uint40 idleSince; // when the last payroll settled or became void
        uint40 settledEvidence; // every entry before this one was judged by what is settled
        bytes32 pendingRoot;
        uint96 pendingTotal;
        uint32 pendingCount;
        uint40 postedAt;
        uint40 evidence; // every entry before this one was judged by what is pending
        uint40 disputedAt; // when the dispute was opened, or else ruled on
        uint128 deposited;
        uint128 claimed;
        uint128 feeCollected;
        uint128 refunded;
        uint96 reserved; // what redemptions ask for beyond the settled payroll
        address disputer;
    }

    /// @notice What an account has to do with a campaign. It is due max(statement, proven + labels) in all.
    struct Account {
        uint64 paid; // all that it has received
        uint64 proven; // the largest amount that a claim has shown to be settled for it
        uint64 statement; // what it redeemed by a statement, cumulative like the payroll's amounts
        uint64 labels; // what it redeemed by labels, on top of the payroll
    }

    /// @notice Where the dispute of a redemption stands.
    enum Contest {
        None, // never disputed
        Open, // waits for the arbiter
        Stands, // the arbiter let it stand, or was silent
        Void // the arbiter declared it void
    }

    /// @notice One payment: a position of the settled payroll; all zero for what was redeemed without one.
    struct Claim {
        uint256 index;
        address account;
        uint256 amount;
        bytes32[] path;
    }

    /// @notice The operator's word that by payroll `epoch` this worker has earned `amount` in all.
    struct Statement {
        bytes32 campaign;
        address worker;
        uint256 amount;
        uint32 epoch;
        bytes32 run;
    }

    /// @notice A label, with its place under an anchored head.
    struct AnchoredLabel {
        Entries.Label entry;
        bytes signature; // the session key's, as it stands in the log
        uint64 index; // position in the log
        bytes32[] proof; // RFC 9162 inclusion path under the head
    }

    /// @notice A label, with the operator's promise that it is at `index` of a log that is anchored by `deadline`.
    struct ReceiptedLabel {
        Entries.Label entry;
        bytes signature; // the session key's, as it was acknowledged
        uint64 index;
        uint64 deadline;
        bytes receipt; // the operator's signature of the receipt
    }

    error NoAmount();
    error NoCode(address account);
    error MissingParty(); // a party is zero, or the requester is the escrow itself
    error PartialArbiter(address arbiter);
    error FeeTooHigh(uint16 feeBps, uint16 most);
    error WindowOutOfRange(uint32 window);
    error DeadlinePassed(uint40 deadline);
    error WrongAmountArrived(uint256 arrived, uint256 amount);
    error NotOperator(address caller, address operator);
    error NotArbiter(address caller, address arbiter);
    error NotWorker(address caller, address worker);
    error PayrollPending(bytes32 root);
    error InsufficientDeposit(uint256 needed, uint256 deposited);
    error EvidenceOutOfRange(uint64 evidence, uint64 settled, uint64 anchored);
    error NothingPending();
    error NothingDisputed();
    error NothingRedeemed(address account);
    error OtherPayroll(uint32 epoch, bytes32 root); // this one is pending
    error AlreadyDisputed(bytes32 root);
    error AlreadyContested(address account);
    error WindowClosed(uint256 since);
    error RulingTooLate(uint256 since);
    error TooEarly(uint256 until);
    error NothingDue(address account, uint256 amount);
    error ClaimsExceedTotal(uint256 claimed, uint256 total);
    error UnknownCampaign(bytes32 id);
    error AlreadyClosed(bytes32 id);
    error OtherCampaign(bytes32 named, bytes32 id);
    error WrongSignature(address signer);
    error SignatureExpired(uint256 validUntil);
    error UnpayableReceiver(address to);
    error StatementTooNew(uint32 epoch, uint32 pending);
    error StatementKept(uint256 stated, uint256 paid); // the pending payroll pays what was stated
    error WrongTable(bytes32 computed, bytes32 pending);
    error NotIncreasing(uint256 amount, uint256 known);
    error AlreadyJudged(uint64 index, uint64 judged);
    error AlreadyRedeemed(bytes32 leaf);
    error AmountTooLarge(uint256 amount);
    error ReceiptNotDue(uint64 deadline);
    error HeadTooLate(uint64 time, uint256 since);

    event Opened(bytes32 indexed id, Terms terms);
    event Deposited(bytes32 indexed id, address indexed from, uint256 amount);
    event Posted(
        bytes32 indexed id, uint32 indexed epoch, bytes32 root, uint256 total, uint256 count, uint64 evidence
    );
    event Disputed(
        bytes32 indexed id, uint32 indexed epoch, bytes32 root, address indexed disputer, bytes32 reason
    );
    event Ruled(bytes32 indexed id, uint32 indexed epoch, bytes32 root, bool upheld);
    event Enforced(bytes32 indexed id, uint32 indexed epoch, address indexed account, uint256 amount);
    event Voided(bytes32 indexed id, uint32 indexed epoch, bytes32 root);
    event Settled(bytes32 indexed id, uint32 indexed epoch, bytes32 root, uint256 total);
    event Redeemed(bytes32 indexed id, address indexed account, uint256 statement, uint256 labels);
    event RedemptionDisputed(
        bytes32 indexed id, address indexed account, address indexed disputer, bytes32 reason
    );
    event RedemptionRuled(bytes32 indexed id, address indexed account, bool upheld);
    event Claimed(bytes32 indexed id, address indexed account, address to, uint256 amount);
    event FeeCollected(bytes32 indexed id, address indexed operator, uint256 amount);
    event BondReleased(bytes32 indexed id, address indexed account, uint256 amount);
    event BondReturned(bytes32 indexed id, address indexed account, uint256 amount);
    event Refunded(bytes32 indexed id, address indexed requester, uint256 amount);
}
