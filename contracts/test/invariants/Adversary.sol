// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes} from "../../src/ICampaignEscrowTypes.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";
import {AuthorizedToken} from "../utils/Tokens.sol";
import {Life} from "./Life.sol";

/// @title One party against all others. It makes every call, as itself and as a stranger who belongs to it, while the
/// others do their part, at least once in every window.
/// @dev The others: workers, who earn, and redeem what they were not paid; an operator that states and posts what they
/// earned and nothing else; a watcher who disputes every payroll and every redemption above what was earned; an
/// arbiter who declares void what is above it and lets stand what is not. The villain does not do its own part.
contract Adversary is Life {
    address internal immutable villain;
    mapping(bytes32 id => mapping(address account => uint64)) internal earned;

    constructor(
        uint256 which
    ) {
        villain = [operator, requester, arbiter][which];
    }

    function someone(
        uint256 seed,
        address
    ) internal view override returns (address) {
        return seed % 2 == 0 ? villain : stranger;
    }

    /// @dev A villain operator signs anything for anybody; an honest one does not.
    function mayState() internal view override returns (bool) {
        return villain == operator;
    }

    /// @dev Workers sign for each other, but not for a villain. The zero address and the escrow are refused.
    function receiverFor(
        address account,
        uint256 seed
    ) internal view override returns (address) {
        bool honest = account != villain && seed % 16 > 1;
        return honest ? actors[seed % WORKERS] : receiverFrom(seed);
    }

    /// @dev A worker earns something, and the honest operator says so under its signature.
    function stepWork(
        uint256 campaign,
        uint256 worker,
        uint256 amount
    ) external {
        uint256 k = runningOne(campaign);
        Ghost storage g = ghosts[k];
        amount = 1 + amount % 700_000;
        uint256 total = amount;
        for (uint256 i; i < WORKERS; ++i) {
            total += earned[g.id][actors[i]];
        }
        vm.assume(block.timestamp < g.terms.deadline && total + feeOf(g, total) <= g.deposited);
        address account = actors[worker % WORKERS];
        earned[g.id][account] += uint64(amount);
        if (villain == operator || statements[k].length == 16) return;
        statements[k].push(Stated(account, earned[g.id][account], g.epoch + 1));
    }

    /// @dev Half a day at most, after everybody else has done its part.
    function stepTime(
        uint256 campaign,
        uint256 seed
    ) external override {
        watchAll();
        uint256 one = campaign % CAMPAIGNS;
        if (block.timestamp >= lastMoment(one)) renew(one);
        else vm.warp(block.timestamp + 1 + seed % 12 hours);
    }

    function passUntil(
        uint256 time
    ) internal override {
        while (block.timestamp < time) {
            watchAll();
            vm.warp(block.timestamp + 23 hours);
        }
    }

    function watchAll() private {
        for (uint256 k; k < CAMPAIGNS; ++k) {
            if (block.timestamp < lastMoment(k)) watch(k);
        }
    }

    function watch(
        uint256 k
    ) private {
        Ghost storage g = ghosts[k];
        if (isDue(g)) {
            follow(k);
            escrow.settle(g.terms);
            stamp(k);
        }
        if (villain != operator) postTruth(k);
        bool honest = isTrue(k);
        bool inTime =
            g.stage == ICampaignEscrowTypes.Stage.Pending && block.timestamp < g.postedAt + g.terms.window;
        if (inTime && !honest) dispute(k, actors[7], "untrue");
        if (villain != arbiter && g.stage == ICampaignEscrowTypes.Stage.Disputed) rule(k, arbiter, !honest);
        for (uint256 i; i < ACCOUNTS; ++i) {
            watchRedemption(k, actors[i]);
        }
    }

    /// @dev All that was earned, once it is more than what is settled.
    function postTruth(
        uint256 k
    ) private {
        Ghost storage g = ghosts[k];
        if (g.stage != ICampaignEscrowTypes.Stage.Empty || block.timestamp >= g.terms.deadline) return;
        PayrollReference.Position[] memory list = new PayrollReference.Position[](WORKERS);
        uint256 more;
        for (uint256 i; i < WORKERS; ++i) {
            list[i].account = actors[i];
            if (i < g.settled.length) list[i].soFar = g.settled[i].soFar;
            list[i].increase = earned[g.id][actors[i]] - list[i].soFar;
            more += list[i].increase;
        }
        if (more != 0) post(k, operator, list, uint64(leaves.length));
    }

    /// @dev Whether the pending payroll pays nobody more than it earned.
    function isTrue(
        uint256 k
    ) private view returns (bool) {
        PayrollReference.Position[] memory list = ghosts[k].pending;
        for (uint256 i; i < list.length; ++i) {
            uint256 sum;
            for (uint256 j; j < list.length; ++j) {
                if (list[j].account == list[i].account) sum += uint256(list[j].soFar) + list[j].increase;
            }
            if (sum > earned[ghosts[k].id][list[i].account]) return false;
        }
        return true;
    }

    /// @dev A worker asks for what it earned and was not paid; what is above that is disputed and void.
    function watchRedemption(
        uint256 k,
        address account
    ) private {
        Ghost storage g = ghosts[k];
        Holder storage h = holders[k][account];
        uint64 due = earned[g.id][account];
        bool unpaid = due > settledFor(g, account) && due > h.statement && villain != operator;
        if (unpaid && between(g, 0, 1)) redeem(k, account, Stated(account, due, g.epoch + 1));
        uint256 wanted = settledFor(g, account) + h.labels;
        if (h.statement > wanted) wanted = h.statement;
        bool untrue = beyond(h) != 0 && wanted > due;
        bool fresh = h.contest == ICampaignEscrowTypes.Contest.None;
        if (untrue && fresh && between(g, 1, 2)) disputeRedemption(k, actors[7], account, "untrue");
        bool open = h.contest == ICampaignEscrowTypes.Contest.Open && between(g, 1, 3);
        if (open && villain != arbiter) ruleRedemption(k, arbiter, account, untrue);
    }

    /// @dev No payroll is lost where operator and arbiter are honest, whatever is disputed or enforced.
    function drop(
        uint256 k
    ) internal override {
        yes(villain != requester, "an honest payroll became void");
        super.drop(k);
    }

    /// @dev What the honest operator owed, every worker has; an arbiter who votes against it can prevent that only by
    /// ruling, and so can an operator by its silence.
    function end(
        uint256 k
    ) internal override {
        for (uint256 i; i < ACCOUNTS; ++i) {
            Holder memory h = holders[k][actors[i]];
            if (h.contest == ICampaignEscrowTypes.Contest.Open) lapse(k, stranger, actors[i]);
        }
        super.end(k);
        if (villain != requester) return;
        for (uint256 i; i < WORKERS; ++i) {
            same(holders[k][actors[i]].paid, earned[ghosts[k].id][actors[i]], "a worker has what it earned");
        }
    }

    /// @dev Invariant 18: the operator has the fee of what is settled, the requester what was refunded, the arbiter
    /// nothing, on top of what they had and put in.
    function checkVillain() external view {
        checkWealth(shared);
        checkWealth(other);
    }

    function checkWealth(
        AuthorizedToken token
    ) private view {
        uint256 most = 2 * WEALTH;
        if (villain == operator) most += feesPaid[address(token)];
        if (villain == requester) most += refundsPaid[address(token)];
        uint256 putIn = paidIn[address(token)][villain] + paidIn[address(token)][stranger];
        uint256 has = token.balanceOf(villain) + token.balanceOf(stranger);
        yes(has + putIn <= most, "the villain gained");
    }
}
