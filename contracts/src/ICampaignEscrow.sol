// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ProvenanceLog} from "./ProvenanceLog.sol";

/// @title What the escrow of all campaigns promises.
/// @notice A requester funds a campaign; the operator posts payrolls, each naming all that every worker has earned
/// so far; after a window to dispute, a payroll settles and anyone may send the workers their money.
///
///     Empty ── post ──▶ Pending ── window passes ─────────────────────────────────▶ settled, Empty
///                          │ dispute
///                          ▼
///                       Disputed ── rule(uphold) ─────────────────────────────────▶ void, Empty
///                          │  └──── silence for two windows ──────────────────────▶ settled, Empty
///                          └─ rule(not uphold) ─▶ Confirmed ── window passes ─────▶ settled, Empty
///
/// @dev Assumptions. The token is an ordinary ERC-20 whose amounts fit uint64 (six decimals): one that takes a share
/// of transfers is refused on deposit; its issuer can freeze accounts, which blocks payments to those accounts
/// only; a token whose balances change by themselves is not supported. The requester chose operator and arbiter; the
/// arbiter is neither of the two.
///
/// An account must not be listed at two positions, and no check finds it: it is paid the larger of the two amounts
/// only, and the smaller stays in the escrow for ever. It can be seen in the calldata of `post` and disputed inside
/// the window.
///
/// Near the deadline a dispute or a void can leave no time for another payroll. A disputed one can hold the next up
/// until three windows after it was posted, a void one has to be posted anew, and from the deadline on nothing is
/// accepted: what is then neither settled nor pending goes back to the requester, as does what is voided later.
interface ICampaignEscrow {
    /// @notice What a campaign is. Never stored: whoever calls supplies it, and its hash is the id.
    struct Terms {
        address requester; // gets back what is not paid
        address operator; // posts payrolls, earns the fee
        address arbiter; // rules on disputes
        address token; // what is paid in
        uint16 feeBps; // the operator's fee, in 1/10,000 of what is settled
        uint32 window; // seconds in which a payroll can be disputed
        uint40 deadline; // first second in which no payroll is accepted any more
        uint128 bond; // what a dispute costs if it fails; zero makes disputes free
        bytes32 brief; // digest of the specification
    }

    /// @notice Where a posted payroll stands.
    enum Stage {
        Empty, // nothing is pending
        Pending, // can be disputed inside its window
        Disputed, // waits for the arbiter, for two windows at most
        Confirmed // the arbiter let it stand; waits for the rest of its window
    }

    /// @notice The whole state of a campaign. Amounts in token minor units.
    struct Campaign {
        bytes32 settledRoot;
        uint128 settledTotal;
        uint32 settledCount;
        uint32 epoch; // number of payrolls posted so far, so the number of the pending one
        Stage stage;
        bool closed; // refunded; only claims, fee and bonds are left
        bytes32 pendingRoot;
        uint128 pendingTotal;
        uint32 pendingCount;
        uint40 postedAt;
        uint128 deposited;
        uint128 claimed;
        uint128 feeCollected;
        uint128 refunded;
        address disputer;
        uint40 disputedAt;
        uint64 evidence; // size of the anchored head that the pending payroll was computed from
    }

    /// @notice One payment of `claimMany`: the arguments of `claim`.
    struct Claim {
        uint256 index;
        address account;
        uint256 amount;
        bytes32[] path;
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
    error PayrollPending(bytes32 root);
    error InsufficientDeposit(uint256 needed, uint256 deposited);
    error NothingPending();
    error NothingDisputed();
    error AlreadyDisputed(bytes32 root);
    error WindowClosed(uint256 since);
    error RulingTooLate(uint256 since);
    error TooEarly(uint256 until);
    error NothingDue(address account, uint256 amount);
    error ClaimsExceedTotal(uint256 claimed, uint256 total);
    error UnknownCampaign(bytes32 id);
    error AlreadyClosed(bytes32 id);

    event Opened(bytes32 indexed id, Terms terms);
    event Deposited(bytes32 indexed id, address indexed from, uint256 amount);
    event Posted(
        bytes32 indexed id, uint32 indexed epoch, bytes32 root, uint256 total, uint256 count, uint64 evidence
    );
    event Disputed(
        bytes32 indexed id, uint32 indexed epoch, bytes32 root, address indexed disputer, bytes32 reason
    );
    event Ruled(bytes32 indexed id, uint32 indexed epoch, bytes32 root, bool upheld);
    event Voided(bytes32 indexed id, uint32 indexed epoch, bytes32 root);
    event Settled(bytes32 indexed id, uint32 indexed epoch, bytes32 root, uint256 total);
    event Claimed(bytes32 indexed id, address indexed account, uint256 amount);
    event FeeCollected(bytes32 indexed id, address indexed operator, uint256 amount);
    event BondReleased(bytes32 indexed id, address indexed account, uint256 amount);
    event BondReturned(bytes32 indexed id, address indexed account, uint256 amount);
    event Refunded(bytes32 indexed id, address indexed requester, uint256 amount);

    /// @notice The highest fee: 25 %.
    function MAX_FEE_BPS() external view returns (uint16);

    /// @notice The shortest window.
    function MIN_WINDOW() external view returns (uint32);

    /// @notice The longest window.
    function MAX_WINDOW() external view returns (uint32);

    /// @notice The log whose heads payrolls refer to.
    function provenance() external view returns (ProvenanceLog);

    /// @notice Funds a campaign from the caller's allowance; the first deposit opens it and checks its terms.
    /// @dev Anyone may call, before the deadline. Exactly `amount` arrives, or the call reverts. What is not paid to
    /// workers goes back to the requester, whoever paid it in.
    function deposit(
        Terms calldata terms,
        uint256 amount
    ) external returns (bytes32 id);

    /// @notice `deposit` with the caller's ERC-2612 permit for `amount`.
    /// @dev A permit that fails (already used, or unknown to the token) is not an error if the allowance suffices.
    function depositWithPermit(
        Terms calldata terms,
        uint256 amount,
        uint256 permitDeadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external returns (bytes32 id);

    /// @notice Posts a payroll, checked in full (`Payroll.update`): nobody is dropped or lowered, and total plus fee
    /// are within the deposit.
    /// @dev Only the operator, on an opened campaign, before the deadline, while nothing is pending (what is due
    /// settles first). Whether an account is listed twice is not checked, and must not be: see above.
    /// @param entries 36 bytes a position: account, amount so far, increase.
    /// @param evidence Size of the anchored head that the payroll was computed from.
    function post(
        Terms calldata terms,
        bytes calldata entries,
        uint64 evidence
    ) external returns (bytes32 root);

    /// @notice Settles the pending payroll once its window has passed undisputed, or its dispute has lapsed.
    /// @dev Anyone may call. Every other function that depends on it does the same first.
    function settle(
        Terms calldata terms
    ) external;

    /// @notice Disputes the pending payroll, once, inside its window, with the bond from the caller's allowance.
    /// @dev Anyone may call. The bond goes to the operator if the arbiter lets the payroll stand, else back.
    /// @param reason Digest of what is contested. It points the arbiter to something and limits nothing: see `rule`.
    function dispute(
        Terms calldata terms,
        bytes32 reason
    ) external;

    /// @notice Decides a dispute: `uphold` makes the payroll void; otherwise it stands, and settles when its window
    /// has passed (at once if it has).
    /// @dev Only the arbiter, within two windows of the dispute; after that the payroll settles. The arbiter judges the
    /// whole payroll, whatever the reason says: a payroll is disputed only once, and a friend of the operator could be
    /// first, with an empty reason.
    function rule(
        Terms calldata terms,
        bool uphold
    ) external;

    /// @notice Sends `account` what the settled payroll says it has earned and has not yet received.
    /// @dev Anyone may call; the money can only go to the account. Amounts are cumulative, so a replay reverts. No
    /// deadline: also after the refund. What is due settles first: once the pending payroll is due, `amount` and `path`
    /// have to be those under its root, and a claim built on the settled root before it reverts.
    function claim(
        Terms calldata terms,
        uint256 index,
        address account,
        uint256 amount,
        bytes32[] calldata path
    ) external returns (uint256 paid);

    /// @notice `claim` for several accounts. Those that have nothing due are left out; a wrong proof reverts all.
    /// @dev Anyone may call; the money can only go to the accounts. One account that the token refuses reverts all:
    /// leave it out, and claim the others without it.
    function claimMany(
        Terms calldata terms,
        Claim[] calldata claims
    ) external returns (uint256 paid);

    /// @notice Sends the operator its fee on what is settled, less what it has had. Anyone may call.
    function collectFee(
        Terms calldata terms
    ) external returns (uint256 paid);

    /// @notice Sends `account` the bonds that were released to it. Anyone may call.
    function collectBond(
        Terms calldata terms,
        address account
    ) external returns (uint256 paid);

    /// @notice Sends the requester all that is neither settled nor fee, and closes the campaign.
    /// @dev Anyone may call, from deadline plus window on, once, when nothing is pending. A payroll is posted before
    /// the deadline and settles within three windows, so this is possible three windows after the deadline at
    /// the latest.
    function refund(
        Terms calldata terms
    ) external returns (uint256 paid);

    /// @notice The state of a campaign; all zero for an unknown one. What is due to settle shows as pending.
    function campaign(
        bytes32 id
    ) external view returns (Campaign memory);

    /// @notice What `account` has received in the campaign.
    function claimedOf(
        bytes32 id,
        address account
    ) external view returns (uint256);

    /// @notice The bonds that wait for `account` in the campaign.
    function bondOf(
        bytes32 id,
        address account
    ) external view returns (uint256);

    /// @notice The id of a campaign: keccak256(abi.encode(chain id, this contract, terms)).
    function idOf(
        Terms calldata terms
    ) external view returns (bytes32);
}
