// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes} from "../../src/ICampaignEscrowTypes.sol";
import {Base} from "../utils/Base.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";

/// @title What the escrow's books ought to say, kept from what the parties did and from what the tokens moved.
/// @dev Written from the promises of `ICampaignEscrow`, with sums over all accounts where the escrow keeps counters.
abstract contract Ghosts is Base {
    /// @dev A campaign. D, C, F, R, B of the invariants are `deposited` to `bonds`.
    struct Ghost {
        bytes32 id;
        ICampaignEscrowTypes.Terms terms;
        uint256 deposited;
        uint256 claimed;
        uint256 fees;
        uint256 refunded;
        uint256 bonds;
        PayrollReference.Position[] settled; // increases are zero
        PayrollReference.Position[] pending;
        bytes32 settledRoot;
        bytes32 pendingRoot;
        uint256 total; // T
        uint64 judged; // evidence of what is settled
        uint64 evidence; // evidence of what is pending
        uint32 epoch;
        ICampaignEscrowTypes.Stage stage;
        address disputer;
        uint256 postedAt;
        uint256 disputedAt;
        uint256 ruledAt;
        uint256 idleSince;
        bool closed;
    }

    /// @dev What an account has to do with a campaign.
    struct Holder {
        uint256 paid;
        uint256 proven;
        uint256 statement;
        uint256 labels;
        uint256 bond;
        ICampaignEscrowTypes.Contest contest;
        address disputer;
    }

    uint256 internal constant CAMPAIGNS = 3;
    uint256 internal constant ACCOUNTS = 5; // the first of the actors: four workers and the operator

    Ghost[CAMPAIGNS] internal ghosts;
    mapping(uint256 campaign => mapping(address account => Holder)) internal holders;
    mapping(address token => mapping(address account => uint256)) internal purses;
    mapping(address token => uint256) internal residues; // of campaigns that have ended
    mapping(address token => uint256) internal feesPaid;
    mapping(address token => uint256) internal refundsPaid;
    mapping(address token => mapping(address account => uint256)) internal paidIn;
    address[] internal actors;
    uint256 internal touched; // the campaign that the last call named

    /// @dev Moves what is due from pending to settled, as every call but a deposit does first.
    function follow(
        uint256 k
    ) internal {
        Ghost storage g = ghosts[k];
        if (!isDue(g)) return;
        uint256 due = settlesAt(g);
        if (g.stage == ICampaignEscrowTypes.Stage.Disputed) holders[k][g.disputer].bond += g.terms.bond;
        delete g.settled;
        for (uint256 i; i < g.pending.length; ++i) {
            PayrollReference.Position memory p = g.pending[i];
            g.settled.push(PayrollReference.Position(p.account, p.soFar + p.increase, 0));
        }
        g.total = PayrollReference.total(g.settled);
        g.settledRoot = g.pendingRoot;
        g.judged = g.evidence;
        forget(g, due);
    }

    /// @dev Nothing is pending any more.
    function forget(
        Ghost storage g,
        uint256 time
    ) internal {
        delete g.pending;
        delete g.pendingRoot;
        delete g.evidence;
        delete g.stage;
        delete g.disputer;
        delete g.postedAt;
        delete g.disputedAt;
        delete g.ruledAt;
        g.idleSince = time;
    }

    function isDue(
        Ghost storage g
    ) internal view returns (bool) {
        return g.stage != ICampaignEscrowTypes.Stage.Empty && block.timestamp >= settlesAt(g);
    }

    /// @dev Two windows after a dispute on which nobody ruled; else when its window is over and it has been ruled on.
    function settlesAt(
        Ghost storage g
    ) internal view returns (uint256) {
        if (g.stage == ICampaignEscrowTypes.Stage.Disputed) return g.disputedAt + 2 * g.terms.window;
        uint256 ends = g.postedAt + g.terms.window;
        return g.ruledAt > ends ? g.ruledAt : ends;
    }

    /// @dev Whether the operator has fallen silent: from R0 on.
    function isSilent(
        Ghost storage g
    ) internal view returns (bool) {
        return g.stage == ICampaignEscrowTypes.Stage.Empty && block.timestamp >= g.terms.deadline;
    }

    /// @dev Whether it is `from` to `to` windows after R0.
    function between(
        Ghost storage g,
        uint256 from,
        uint256 to
    ) internal view returns (bool) {
        return
            isSilent(g) && block.timestamp >= afterSilence(g, from) && block.timestamp < afterSilence(g, to);
    }

    function afterSilence(
        Ghost storage g,
        uint256 windows
    ) internal view returns (uint256) {
        uint256 since = g.idleSince > g.terms.deadline ? g.idleSince : g.terms.deadline;
        return since + windows * g.terms.window;
    }

    function feeOf(
        Ghost storage g,
        uint256 total
    ) internal view returns (uint256) {
        return total * g.terms.feeBps / 10_000;
    }

    /// @dev What the deposit has beyond the settled payroll and its fee.
    function available(
        Ghost storage g
    ) internal view returns (uint256) {
        return g.deposited - g.total - feeOf(g, g.total);
    }

    /// @dev What the settled payroll says for an account: the largest of its positions.
    function settledFor(
        Ghost storage g,
        address account
    ) internal view returns (uint256 amount) {
        for (uint256 i; i < g.settled.length; ++i) {
            bool more = g.settled[i].account == account && g.settled[i].soFar > amount;
            if (more) amount = g.settled[i].soFar;
        }
    }

    /// @dev What an account asks for beyond what it has shown to be settled.
    function beyond(
        Holder memory h
    ) internal pure returns (uint256) {
        uint256 stated = h.statement > h.proven ? h.statement - h.proven : 0;
        return stated > h.labels ? stated : h.labels;
    }

    /// @dev The sum of it over all accounts.
    function reserved(
        uint256 k
    ) internal view returns (uint256 sum) {
        for (uint256 i; i < ACCOUNTS; ++i) {
            sum += beyond(holders[k][actors[i]]);
        }
    }

    /// @dev What can be paid of it by now: see "Phases after the deadline" in `ICampaignEscrow`.
    function shareOf(
        uint256 k,
        address account
    ) internal view returns (uint256) {
        Ghost storage g = ghosts[k];
        uint256 asked = beyond(holders[k][account]);
        if (asked == 0) return 0;
        uint256 all = reserved(k);
        uint256 rest = available(g);
        if (block.timestamp < afterSilence(g, 3)) {
            if (all > rest || block.timestamp < afterSilence(g, 2)) return 0;
            if (holders[k][account].contest == ICampaignEscrowTypes.Contest.Open) return 0;
        }
        return all <= rest ? asked : asked * rest / all;
    }

    /// @dev Books a claim that shows `amount` and returns what it pays.
    function bookClaim(
        uint256 k,
        address account,
        uint256 amount
    ) internal returns (uint256 due) {
        Holder storage h = holders[k][account];
        if (amount > h.proven) h.proven = amount;
        uint256 all = h.proven + shareOf(k, account);
        if (all <= h.paid) return 0;
        due = all - h.paid;
        h.paid = all;
        ghosts[k].claimed += due;
    }
}
