// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes} from "./ICampaignEscrowTypes.sol";
import {ProvenanceLog} from "./ProvenanceLog.sol";
import {Heads} from "./libraries/Heads.sol";

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
///     any of them before its time ── enforce: it pays less than the operator signed ▶ void, Empty
///
/// From the deadline on no payroll is accepted. Once nothing is pending, at R0 (the deadline, or when the last payroll
/// ended, if that is later), a worker whom the operator left unpaid redeems what it has in writing:
///
///     R0 ── redeem ──▶ + window ── dispute a redemption ──▶ + 2 windows ── ruling ──▶ + 3 windows
///                                                            │ paid: undisputed ones    │ paid: all that stand
///
/// R0 is three windows after the deadline at the latest, so a campaign is empty six windows after it at the latest.
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
/// accepted: what is then neither settled nor pending is paid to those who redeem, and the rest goes back to the
/// requester.
interface ICampaignEscrow is ICampaignEscrowTypes {
    /// @notice The highest fee: 25 %.
    function MAX_FEE_BPS() external view returns (uint16);

    /// @notice The shortest window.
    function MIN_WINDOW() external view returns (uint32);

    /// @notice The longest window.
    function MAX_WINDOW() external view returns (uint32);

    /// @notice The log whose heads payrolls refer to, and under whose domain statements and receipts are signed.
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

    /// @notice `deposit` from `from`, who signed an ERC-3009 authorization with the campaign's id as its nonce.
    /// @dev Anyone may call: the nonce leaves no choice of the campaign. One such deposit for each payer and campaign.
    function depositWithAuthorization(
        Terms calldata terms,
        uint256 amount,
        address from,
        uint256 validAfter,
        uint256 validBefore,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external returns (bytes32 id);

    /// @notice Posts a payroll, checked in full (`Payroll.update`): nobody is dropped or lowered, and total plus fee
    /// are within the deposit.
    /// @dev Only the operator, on an opened campaign, before the deadline, while nothing is pending (what is due
    /// settles first). Whether an account is listed twice is not checked, and must not be: see above.
    /// @param entries 36 bytes a position: account, amount so far, increase.
    /// @param evidence The payroll was computed from this many entries of the anchored log, and judges every label
    /// among them; not below that of the settled payroll.
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
    /// @param epoch Number of the payroll that is meant: another may be pending by the time the call is mined.
    /// @param root Its root.
    /// @param reason Digest of what is contested. It points the arbiter to something and limits nothing: see `rule`.
    function dispute(
        Terms calldata terms,
        uint32 epoch,
        bytes32 root,
        bytes32 reason
    ) external;

    /// @notice Decides a dispute: `uphold` makes the payroll void; otherwise it stands, and settles when its window
    /// has passed (at once if it has).
    /// @dev Only the arbiter, within two windows of the dispute; after that the payroll settles. The arbiter judges the
    /// whole payroll, whatever the reason says: a payroll is disputed only once, and a friend of the operator could be
    /// first, with an empty reason.
    /// @param epoch Number of the payroll that is meant: what was judged, and no other that took its place.
    /// @param root Its root.
    function rule(
        Terms calldata terms,
        uint32 epoch,
        bytes32 root,
        bool uphold
    ) external;

    /// @notice Makes the pending payroll void: it pays a worker less than the operator has stated under its signature.
    /// @dev Anyone may call. A payroll that keeps every statement up to its epoch and lists nobody twice is safe.
    /// @param signature The operator's, of the statement under the log's domain.
    /// @param index Position of the worker in the pending payroll.
    /// @param amount What it pays there.
    /// @param path Sibling hashes from that position's leaf upwards.
    function enforce(
        Terms calldata terms,
        Statement calldata statement,
        bytes calldata signature,
        uint256 index,
        uint256 amount,
        bytes32[] calldata path
    ) external;

    /// @notice `enforce` for a worker whom the pending payroll leaves out: all its positions add up to less.
    /// @dev Anyone may call. Costs about as much as the payroll's hashing.
    /// @param entries The pending payroll, as it was posted.
    function enforceAbsent(
        Terms calldata terms,
        Statement calldata statement,
        bytes calldata signature,
        bytes calldata entries
    ) external;

    /// @notice Asks for what the operator has stated and no payroll has settled.
    /// @dev Only the worker, in the window that begins at R0, when nothing is pending.
    function redeem(
        Terms calldata terms,
        Statement calldata statement,
        bytes calldata signature
    ) external;

    /// @notice Asks for the label price for each of these labels, which the log holds and no settled payroll judged.
    /// @dev Only the worker that they name, in the window that begins at R0, each label once. Whose signature they carry
    /// and whether the work is any good is not checked here: that is what the windows are for.
    /// @param head A head that covers them and was anchored before R0: what comes after that was made in the knowledge
    /// that the operator is silent.
    function redeemLabels(
        Terms calldata terms,
        Heads.HeadProof calldata head,
        AnchoredLabel[] calldata labels
    ) external;

    /// @notice `redeemLabels` for labels that the operator acknowledged, whether or not they were anchored since.
    /// @dev Only the worker that they name, in the window that begins at R0, each label once, its receipt being due.
    function redeemReceipts(
        Terms calldata terms,
        ReceiptedLabel[] calldata labels
    ) external;

    /// @notice Disputes all that an account has redeemed, with the bond from the caller's allowance.
    /// @dev Anyone may call, once for each account, in the second window from R0 on.
    /// @param reason Digest of what is contested. It limits nothing, as in `dispute`.
    function disputeRedemption(
        Terms calldata terms,
        address account,
        bytes32 reason
    ) external;

    /// @notice Decides the dispute of a redemption: `uphold` makes it void; otherwise it stands, and the bond is the
    /// account's.
    /// @dev Only the arbiter, until three windows after R0; after that it stands.
    function ruleRedemption(
        Terms calldata terms,
        address account,
        bool uphold
    ) external;

    /// @notice Ends a dispute of a redemption on which the arbiter stayed silent: it stands, and the bond goes back.
    /// @dev Anyone may call, from three windows after R0 on.
    function lapseRedemption(
        Terms calldata terms,
        address account
    ) external;

    /// @notice Sends `account` what it is due and has not yet received: by the settled payroll and by what it redeemed.
    /// @dev Anyone may call; the money can only go to the account. Amounts are cumulative, so a replay reverts. No
    /// deadline: also after the refund. What is due settles first: once the pending payroll is due, `amount` and `path`
    /// have to be those under its root, and a claim built on the settled root before it reverts. With `amount` zero
    /// no position is shown, and only what was redeemed is paid. Redemptions that do not fit the funds together are
    /// paid in proportion.
    function claim(
        Terms calldata terms,
        uint256 index,
        address account,
        uint256 amount,
        bytes32[] calldata path
    ) external returns (uint256 paid);

    /// @notice `claim` for several accounts. Those that have nothing due are left out; a wrong proof reverts all.
    /// @dev Anyone may call; the money can only go to the accounts. One account that the token refuses reverts all:
    /// leave it out, and claim the others without it. A position that is shown without anything due is noted, so a
    /// redemption that asks again for what was paid or settled shrinks to what is beyond it.
    function claimMany(
        Terms calldata terms,
        Claim[] calldata claims
    ) external returns (uint256 paid);

    /// @notice `claim` with the money sent to `to`. Only the account may call.
    function claimTo(
        Terms calldata terms,
        Claim calldata one,
        address to
    ) external returns (uint256 paid);

    /// @notice `claimTo` by anyone who has the account's signature (EOA or ERC-1271).
    /// @dev The account signs ClaimTo(campaign, account, to, amount, validUntil) under this contract's EIP-712 domain
    /// ("crowdledger escrow", version 1), `amount` being all that it will have received after the call: amounts
    /// only grow, so a signature serves once. Whoever claims for the account first takes the money to the account,
    /// and the signature is then of no use.
    function claimToBySignature(
        Terms calldata terms,
        Claim calldata one,
        address to,
        uint256 validUntil,
        bytes calldata signature
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

    /// @notice Sends the requester all that is neither settled nor fee nor redeemed, and closes the campaign.
    /// @dev Anyone may call, when nothing is pending: from a window after R0 on if nothing was redeemed, else from three
    /// windows after. Again only if redemptions have shrunk since, because claims showed what payrolls covered.
    function refund(
        Terms calldata terms
    ) external returns (uint256 paid);

    /// @notice The state of a campaign; all zero for an unknown one. What is due to settle shows as pending.
    function campaign(
        bytes32 id
    ) external view returns (Campaign memory);

    /// @notice What `account` has to do with the campaign.
    function accountOf(
        bytes32 id,
        address account
    ) external view returns (Account memory);

    /// @notice What `account` has received in the campaign.
    function claimedOf(
        bytes32 id,
        address account
    ) external view returns (uint256);

    /// @notice Where the dispute of an account's redemption stands, and who opened it.
    function contestOf(
        bytes32 id,
        address account
    ) external view returns (Contest contest, address disputer);

    /// @notice The bonds that wait for `account` in the campaign.
    function bondOf(
        bytes32 id,
        address account
    ) external view returns (uint256);

    /// @notice The EIP-712 domain separator of this contract: name "crowdledger escrow", version "1".
    function domainSeparator() external view returns (bytes32);

    /// @notice The id of a campaign: keccak256(abi.encode(chain id, this contract, terms)).
    function idOf(
        Terms calldata terms
    ) external view returns (bytes32);
}
