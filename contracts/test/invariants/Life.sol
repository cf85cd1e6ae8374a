// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes} from "../../src/ICampaignEscrowTypes.sol";
import {AuthorizedToken} from "../utils/Tokens.sol";
import {PaymentSteps} from "./PaymentSteps.sol";

/// @title Random lives of three campaigns: each step is a call that a party makes, or time passing.
/// @dev Here: time, what must be true after every step, and the end of every life.
contract Life is PaymentSteps {
    error Undone();

    /// @dev A little, up to a window, or to the next moment at which something changes for a campaign, or just before.
    function stepTime(
        uint256 campaign,
        uint256 seed
    ) external virtual {
        uint256 k = campaign % CAMPAIGNS;
        uint256 next = nextMoment(k);
        if (block.timestamp >= lastMoment(k)) return renew(k);
        if (seed % 4 == 0) vm.warp(block.timestamp + (seed >> 8) % 6 hours);
        else if (seed % 4 == 1) vm.warp(block.timestamp + (seed >> 8) % ghosts[k].terms.window);
        else vm.warp(seed % 4 == 2 && next > block.timestamp + 1 ? next - 1 : next);
    }

    /// @dev From then on everything can be fetched, whatever anybody does.
    function lastMoment(
        uint256 k
    ) internal view returns (uint256) {
        return uint256(ghosts[k].terms.deadline) + 6 * ghosts[k].terms.window;
    }

    /// @dev The campaign ends, and another begins in its place.
    function renew(
        uint256 k
    ) internal {
        end(k);
        Ghost storage g = ghosts[k];
        residues[g.terms.token] += g.deposited - g.claimed - g.fees - g.refunded;
        ICampaignEscrowTypes.Terms memory terms = g.terms;
        delete ghosts[k];
        delete statements[k];
        for (uint256 i; i < actors.length; ++i) {
            delete holders[k][actors[i]];
        }
        terms.part += uint32(CAMPAIGNS);
        terms.deadline = uint40(block.timestamp + 3 days + k * 2 days);
        open(k, terms);
    }

    /// @dev End of the window or of the dispute, deadline, end of each window after R0; else in an hour.
    function nextMoment(
        uint256 k
    ) internal view returns (uint256 next) {
        Ghost storage g = ghosts[k];
        next = block.timestamp + 1 hours;
        uint256[6] memory moments = [
            g.stage == ICampaignEscrowTypes.Stage.Empty ? 0 : settlesAt(g),
            g.terms.deadline,
            afterSilence(g, 1),
            afterSilence(g, 2),
            afterSilence(g, 3),
            g.postedAt + g.terms.window
        ];
        uint256 nearest = type(uint256).max;
        for (uint256 i; i < moments.length; ++i) {
            if (moments[i] > block.timestamp && moments[i] < nearest) nearest = moments[i];
        }
        if (nearest != type(uint256).max) next = nearest;
    }

    /// @dev Invariants 1 to 4, 12 to 14, 16 and 17, of the campaign that the last call named. What a call changes
    /// elsewhere stays changed, so it is found when that campaign is named next, or at the end.
    function checkBooks() external view {
        check(touched);
    }

    function checkAllBooks() external view {
        for (uint256 k; k < CAMPAIGNS; ++k) {
            check(k);
        }
    }

    function check(
        uint256 k
    ) private view {
        ICampaignEscrowTypes.Campaign memory c = escrow.campaign(ghosts[k].id);
        checkMoney(k, c);
        checkState(k, c);
        checkAccounts(k, c);
        checkToken(AuthorizedToken(ghosts[k].terms.token));
    }

    /// @dev The escrow has what its campaigns in this token have not paid out, and every unit that a party has came
    /// to it by a call that was to bring it there.
    function checkToken(
        AuthorizedToken token
    ) private view {
        uint256 held = residues[address(token)];
        for (uint256 k; k < CAMPAIGNS; ++k) {
            if (ghosts[k].terms.token != address(token)) continue;
            ICampaignEscrowTypes.Campaign memory c = escrow.campaign(ghosts[k].id);
            held += uint256(c.deposited) - c.claimed - c.feeCollected - c.refunded + ghosts[k].bonds;
        }
        same(token.balanceOf(address(escrow)), held, "balance = sum of D - C - F - R, and bonds");
        for (uint256 i; i < actors.length; ++i) {
            same(token.balanceOf(actors[i]), purses[address(token)][actors[i]], "purse");
        }
    }

    function checkMoney(
        uint256 k,
        ICampaignEscrowTypes.Campaign memory c
    ) private view {
        Ghost storage g = ghosts[k];
        uint256 fee = feeOf(g, c.settledTotal);
        yes(c.settledTotal + fee <= c.deposited, "T + fee(T) <= D");
        yes(c.pendingTotal + feeOf(g, c.pendingTotal) <= c.deposited, "P + fee(P) <= D");
        yes(c.feeCollected <= fee, "F <= fee(T)");
        uint256 rest = c.deposited - c.settledTotal - fee;
        yes(
            c.claimed <= c.settledTotal + (c.reserved < rest ? c.reserved : rest),
            "C <= T + min(X, available)"
        );
        uint256 out = uint256(c.claimed) + c.feeCollected + c.refunded;
        yes(out <= c.deposited, "C + F + R <= D");
        same(c.deposited, g.deposited, "D is what came in");
        same(c.claimed, g.claimed, "C is what went to workers");
        same(c.feeCollected, g.fees, "F is what went to the operator");
        same(c.refunded, g.refunded, "R is what went to the requester");
        if (!c.closed) same(c.refunded, 0, "nothing is refunded before it is closed");
    }

    /// @dev A payroll became settled or void only when the rules say so, and nothing else touches what is settled.
    function checkState(
        uint256 k,
        ICampaignEscrowTypes.Campaign memory c
    ) private view {
        Ghost storage g = ghosts[k];
        bool lapsed = isDue(g); // settles with the next call
        same(c.settledRoot, g.settledRoot, "settled root");
        same(c.settledTotal, g.total, "T");
        same(c.settledCount, g.settled.length, "settled count");
        same(c.settledEvidence, g.judged, "settled evidence");
        same(c.pendingRoot, g.pendingRoot, "pending root");
        same(c.pendingCount, g.pending.length, "pending count");
        same(uint256(c.stage), uint256(g.stage), "stage");
        same(c.epoch, g.epoch, "epoch");
        same(c.idleSince, g.idleSince, "idle since");
        same(c.disputer, g.disputer, "disputer");
        yes(c.closed == g.closed, "closed");
        yes(!c.closed || block.timestamp >= g.terms.deadline + g.terms.window, "closed too early");
        yes(!c.closed || (g.stage == ICampaignEscrowTypes.Stage.Empty && !lapsed), "closed over a payroll");
    }

    /// @dev Nobody has more than max(statement, settled + labels), and `reserved` is the sum over all accounts.
    function checkAccounts(
        uint256 k,
        ICampaignEscrowTypes.Campaign memory c
    ) private view {
        Ghost storage g = ghosts[k];
        uint256 asked;
        uint256 paid;
        for (uint256 i; i < actors.length; ++i) {
            Holder memory h = holders[k][actors[i]];
            same(escrow.bondOf(g.id, actors[i]), h.bond, "bond");
            if (i >= ACCOUNTS) continue;
            ICampaignEscrowTypes.Account memory a = escrow.accountOf(g.id, actors[i]);
            uint256 stated = a.statement > a.proven ? a.statement - a.proven : 0;
            asked += stated > a.labels ? stated : a.labels;
            paid += a.paid;
            uint256 settled = settledFor(g, actors[i]);
            uint256 due = settled + a.labels;
            yes(a.paid <= (a.statement > due ? a.statement : due), "paid more than it is due");
            yes(a.proven <= settled, "proven more than was settled");
            same(a.paid, h.paid, "paid");
            same(a.statement, h.statement, "statement");
            same(a.labels, h.labels, "labels");
            (ICampaignEscrowTypes.Contest contest, address by) = escrow.contestOf(g.id, actors[i]);
            same(uint256(contest), uint256(h.contest), "contest");
            same(by, h.disputer, "disputer of a redemption");
        }
        same(c.reserved, asked, "reserved");
        same(c.claimed, paid, "C is the sum over the accounts");
    }

    /// @dev Invariants 11 and 16 at any moment: the settled workers of a campaign can claim now, and everything is
    /// paid out at the latest six windows after the deadline. Nothing of it stays.
    function stepWaysOut(
        uint256 campaign
    ) external {
        uint256 k = campaign % CAMPAIGNS;
        try this.tryWaysOut(k) {
            revert NotTrue("it should have been undone");
        } catch (bytes memory why) {
            if (bytes4(why) != Undone.selector) {
                assembly ("memory-safe") {
                    revert(add(why, 0x20), mload(why))
                }
            }
        }
    }

    function tryWaysOut(
        uint256 k
    ) external {
        claimEverything(k);
        if (block.timestamp < lastMoment(k)) vm.warp(lastMoment(k));
        end(k);
        revert Undone();
    }

    /// @dev One claim for each settled position that is not paid yet must succeed.
    function claimEverything(
        uint256 k
    ) private {
        follow(k);
        for (uint256 i; i < ghosts[k].settled.length; ++i) {
            ICampaignEscrowTypes.Claim memory one = claimOf(k, i);
            if (one.amount <= holders[k][one.account].paid) continue;
            uint256 due = bookClaim(k, one.account, one.amount);
            escrow.claim(ghosts[k].terms, one.index, one.account, one.amount, one.path);
            pay(k, one.account, due);
            stamp(k);
        }
    }

    /// @dev Whatever happened: with nobody but a stranger acting, six windows after their deadlines all are empty.
    function checkTheyEmpty() external {
        for (uint256 k; k < CAMPAIGNS; ++k) {
            passUntil(lastMoment(k));
            end(k);
        }
    }

    function passUntil(
        uint256 time
    ) internal virtual {
        if (block.timestamp < time) vm.warp(time);
    }

    /// @dev All that is due is fetched, redemptions being trimmed first to what goes beyond the payroll.
    function end(
        uint256 k
    ) internal virtual {
        Ghost storage g = ghosts[k];
        follow(k);
        for (uint256 i; i < ACCOUNTS; ++i) {
            bool open = holders[k][actors[i]].contest == ICampaignEscrowTypes.Contest.Open;
            if (open) lapse(k, stranger, actors[i]);
        }
        claimMany(k, stranger, type(uint256).max); // shows all positions, so redemptions are trimmed
        claimMany(k, stranger, type(uint256).max); // pays in proportion to what is then left
        uint256 kept = available(g);
        if (reserved(k) < kept) kept = reserved(k);
        if (!g.closed || g.refunded + kept < available(g)) refund(k, stranger);
        if (feeOf(g, g.total) != g.fees) collectFee(k, stranger);
        for (uint256 i; i < actors.length; ++i) {
            if (holders[k][actors[i]].bond != 0) collectBond(k, stranger, actors[i]);
        }
        checkEnd(k, kept);
    }

    /// @dev Everybody has exactly its due, and what is left over is less than a unit for each who had to share; that,
    /// and what a payroll says for an account a second time.
    function checkEnd(
        uint256 k,
        uint256 kept
    ) private view {
        Ghost storage g = ghosts[k];
        uint256 all = reserved(k);
        uint256 sharing;
        uint256 owed;
        for (uint256 i; i < actors.length; ++i) {
            uint256 asked = beyond(holders[k][actors[i]]);
            uint256 due = settledFor(g, actors[i]);
            owed += due;
            if (asked != 0) due += all <= available(g) ? asked : asked * available(g) / all;
            if (asked != 0 && all > available(g)) ++sharing;
            same(escrow.claimedOf(g.id, actors[i]), due, "everybody has its due");
        }
        ICampaignEscrowTypes.Campaign memory c = escrow.campaign(g.id);
        uint256 left = uint256(c.deposited) - c.claimed - c.feeCollected - c.refunded;
        left -= g.total - owed; // positions of accounts that were listed twice
        yes(sharing == 0 ? left == 0 : left < sharing, "left over");
        yes(c.closed && c.refunded == available(g) - kept, "R is what nobody is due");
        same(feeOf(g, g.total), c.feeCollected, "the operator has its fee");
    }
}
