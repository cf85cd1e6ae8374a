// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes} from "../../src/ICampaignEscrowTypes.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";
import {LogWorld} from "./LogWorld.sol";

/// @dev Posting payrolls, good and bad ones, settling, disputing and ruling.
abstract contract PayrollSteps is LogWorld {
    /// @dev A campaign at this stage if there is one, else any.
    function atStage(
        uint256 seed,
        ICampaignEscrowTypes.Stage stage
    ) internal view returns (uint256 k) {
        for (uint256 i; i < CAMPAIGNS; ++i) {
            k = (seed % CAMPAIGNS + i) % CAMPAIGNS;
            if (ghosts[k].stage == stage) return k;
        }
    }

    /// @dev A campaign that takes a payroll, if there is one.
    function runningOne(
        uint256 seed
    ) internal view returns (uint256 k) {
        for (uint256 i; i < CAMPAIGNS; ++i) {
            k = (seed % CAMPAIGNS + i) % CAMPAIGNS;
            bool empty = ghosts[k].stage == ICampaignEscrowTypes.Stage.Empty || isDue(ghosts[k]);
            if (empty && block.timestamp < ghosts[k].terms.deadline) return k;
        }
    }

    /// @dev A payroll that builds on what is settled. Its increases, its new positions and its evidence are anyone's
    /// guess: it may cost more than was paid in, list an account twice, or pay the operator.
    function stepPost(
        uint256 by,
        uint256 campaign,
        uint256 seed,
        uint256 evidenceSeed
    ) external {
        uint256 k = runningOne(campaign);
        follow(k);
        post(k, someone(by, operator), proposal(k, seed), uint64(evidenceFrom(evidenceSeed)));
    }

    function post(
        uint256 k,
        address caller,
        PayrollReference.Position[] memory list,
        uint64 evidence
    ) internal {
        Ghost storage g = ghosts[k];
        uint256 total = PayrollReference.total(list);
        bool allowed = caller == operator && block.timestamp < g.terms.deadline
            && g.stage == ICampaignEscrowTypes.Stage.Empty;
        allowed = allowed && total + feeOf(g, total) <= g.deposited;
        allowed = allowed && evidence != 0 && evidence >= g.judged && evidence <= leaves.length;
        bytes memory entries = PayrollReference.pack(list);
        attempt(caller, abi.encodeCall(escrow.post, (g.terms, entries, evidence)), allowed, "post");
        for (uint256 i; i < list.length; ++i) {
            g.pending.push(list[i]);
        }
        g.pendingRoot = PayrollReference.root(g.id, list);
        g.evidence = evidence;
        g.stage = ICampaignEscrowTypes.Stage.Pending;
        g.postedAt = block.timestamp;
        g.epoch += 1;
        stamp(k);
    }

    /// @dev Mostly the latest size, sometimes an earlier or a later one.
    function evidenceFrom(
        uint256 seed
    ) internal view returns (uint256) {
        return seed % 4 != 0 ? leaves.length : (seed / 4) % (leaves.length + 2);
    }

    function proposal(
        uint256 k,
        uint256 seed
    ) internal view returns (PayrollReference.Position[] memory list) {
        Ghost storage g = ghosts[k];
        uint256 count = g.settled.length;
        uint256 more = count < 5 && (count == 0 || seed % 2 == 0) ? 1 + (seed >> 1) % 2 : 0;
        list = new PayrollReference.Position[](count + more);
        for (uint256 i; i < list.length; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            if (i < count) list[i] = g.settled[i];
            else list[i].account = actors[seed % 16 == 0 ? 0 : (i + k) % ACCOUNTS]; // workers, the operator, one of them twice
            if (seed % 3 != 0) list[i].increase = uint64((seed >> 16) % 1_500_000);
        }
    }

    /// @dev A payroll that breaks a rule is refused, whoever posts it and whenever.
    function stepPostBroken(
        uint256 campaign,
        uint256 seed
    ) external {
        uint256 k = campaign % CAMPAIGNS;
        Ghost storage g = ghosts[k];
        vm.assume(!isDue(g)); // a refused call settles nothing
        (bytes memory entries, bool broken) = spoil(g, PayrollReference.pack(proposal(k, seed)), seed);
        vm.assume(broken);
        vm.prank(operator);
        (bool done,) =
            address(escrow).call(abi.encodeCall(escrow.post, (g.terms, entries, uint64(leaves.length))));
        yes(!done, "a payroll that breaks a rule");
    }

    /// @dev Nothing, a part of a position, a settled position less, another account or amount so far in one of them,
    /// a new one that has earned before, one for nobody, or one for the escrow.
    function spoil(
        Ghost storage g,
        bytes memory entries,
        uint256 seed
    ) private view returns (bytes memory, bool) {
        uint256 settled = g.settled.length * 36;
        uint256 kind = seed % 7;
        if (kind == 0) return ("", true);
        if (kind == 1) return (bytes.concat(entries, bytes1(0)), true);
        if (kind == 2) return (cut(entries, settled < 36 ? 0 : settled - 36), true);
        if (kind == 3) {
            if (settled == 0) return (entries, false);
            uint256 at = (seed >> 8) % (settled / 36) * 36 + (seed >> 24) % 28;
            entries[at] ^= bytes1(uint8(1 + (seed >> 40) % 255));
            return (entries, true);
        }
        if (kind == 4) {
            return (bytes.concat(entries, abi.encodePacked(stranger, uint64(1), uint64(0))), true);
        }
        address account = kind == 5 ? address(0) : address(escrow);
        return (bytes.concat(entries, abi.encodePacked(account, uint128(0))), true);
    }

    function cut(
        bytes memory whole,
        uint256 length
    ) private pure returns (bytes memory part) {
        part = new bytes(length);
        for (uint256 i; i < length; ++i) {
            part[i] = whole[i];
        }
    }

    function stepSettle(
        uint256 by,
        uint256 campaign
    ) external {
        uint256 k = campaign % CAMPAIGNS;
        bool due = isDue(ghosts[k]);
        follow(k);
        attempt(someone(by, stranger), abi.encodeCall(escrow.settle, (ghosts[k].terms)), due, "settle");
        stamp(k);
    }

    function stepDispute(
        uint256 by,
        uint256 campaign,
        bytes32 reason
    ) external {
        uint256 k = atStage(campaign, ICampaignEscrowTypes.Stage.Pending);
        dispute(k, someone(by, actors[7]), reason);
    }

    function dispute(
        uint256 k,
        address caller,
        bytes32 reason
    ) internal {
        Ghost storage g = ghosts[k];
        bool allowed =
            g.stage == ICampaignEscrowTypes.Stage.Pending && block.timestamp < g.postedAt + g.terms.window;
        bytes memory data = abi.encodeCall(escrow.dispute, (g.terms, g.epoch, g.pendingRoot, reason));
        attempt(caller, data, allowed, "dispute");
        g.stage = ICampaignEscrowTypes.Stage.Disputed;
        g.disputer = caller;
        g.disputedAt = block.timestamp;
        g.bonds += g.terms.bond;
        take(k, caller, g.terms.bond);
        stamp(k);
    }

    function stepRule(
        uint256 by,
        uint256 campaign,
        bool uphold
    ) external {
        rule(atStage(campaign, ICampaignEscrowTypes.Stage.Disputed), someone(by, arbiter), uphold);
    }

    function rule(
        uint256 k,
        address caller,
        bool uphold
    ) internal {
        Ghost storage g = ghosts[k];
        bool allowed = caller == arbiter && g.stage == ICampaignEscrowTypes.Stage.Disputed
            && block.timestamp < g.disputedAt + 2 * g.terms.window;
        bytes memory data = abi.encodeCall(escrow.rule, (g.terms, g.epoch, g.pendingRoot, uphold));
        attempt(caller, data, allowed, "rule");
        if (uphold) {
            drop(k);
        } else {
            g.stage = ICampaignEscrowTypes.Stage.Confirmed;
            g.ruledAt = block.timestamp;
            holders[k][operator].bond += g.terms.bond;
            follow(k);
        }
        stamp(k);
    }

    /// @dev Who means another payroll than the one that is pending neither disputes nor decides anything.
    function stepMeanAnother(
        uint256 campaign,
        uint256 seed
    ) external {
        Ghost storage g = ghosts[campaign % CAMPAIGNS];
        uint32 epoch = seed % 2 == 0 ? g.epoch + 1 : g.epoch;
        bytes32 root = seed % 2 == 0 ? g.pendingRoot : ~g.pendingRoot;
        vm.prank(actors[7]);
        (bool done,) = address(escrow).call(abi.encodeCall(escrow.dispute, (g.terms, epoch, root, "reason")));
        yes(!done, "a dispute of another payroll");
        vm.prank(arbiter);
        (done,) = address(escrow).call(abi.encodeCall(escrow.rule, (g.terms, epoch, root, seed % 4 < 2)));
        yes(!done, "a ruling on another payroll");
    }

    /// @dev The pending payroll is void, and whoever disputed it was right.
    function drop(
        uint256 k
    ) internal virtual {
        Ghost storage g = ghosts[k];
        if (g.stage == ICampaignEscrowTypes.Stage.Disputed) holders[k][g.disputer].bond += g.terms.bond;
        forget(g, block.timestamp);
    }
}
