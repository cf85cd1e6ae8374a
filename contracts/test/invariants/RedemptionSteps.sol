// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes} from "../../src/ICampaignEscrowTypes.sol";
import {Heads} from "../../src/libraries/Heads.sol";
import {Signing} from "../utils/Signing.sol";
import {PromiseSteps} from "./PromiseSteps.sol";

/// @dev Redeeming what is left of the operator's word, and disputes about it.
abstract contract RedemptionSteps is PromiseSteps {
    mapping(bytes32 id => mapping(uint256 number => bool)) internal spent;

    /// @dev Labels that the operator acknowledged and never anchored are numbered from here on.
    uint256 internal constant UNANCHORED = 1_000;

    /// @dev A campaign in that window after R0, if there is one.
    function silentOne(
        uint256 seed,
        uint256 windows
    ) internal view returns (uint256 k) {
        for (uint256 i; i < CAMPAIGNS; ++i) {
            k = (seed % CAMPAIGNS + i) % CAMPAIGNS;
            if (between(ghosts[k], windows, windows + 1)) return k;
        }
    }

    function stepRedeem(
        uint256 by,
        uint256 campaign,
        uint256 which
    ) external {
        uint256 k = silentOne(campaign, 0);
        follow(k);
        vm.assume(statements[k].length != 0);
        Stated memory s = statements[k][which % statements[k].length];
        redeem(k, someone(by, s.worker), s);
    }

    function redeem(
        uint256 k,
        address caller,
        Stated memory s
    ) internal {
        Holder storage h = holders[k][s.worker];
        bool allowed = between(ghosts[k], 0, 1) && caller == s.worker;
        allowed = allowed && s.amount > h.statement && s.amount > h.proven;
        (ICampaignEscrowTypes.Statement memory statement, bytes memory signature) = signed(k, s);
        bytes memory data = abi.encodeCall(escrow.redeem, (ghosts[k].terms, statement, signature));
        attempt(caller, data, allowed, "redeem");
        h.statement = s.amount;
        stamp(k);
    }

    /// @dev A label of the log under any head, sometimes for another campaign or at another place.
    function stepRedeemLabels(
        uint256 by,
        uint256 number,
        uint256 headSeed,
        uint256 lie
    ) external {
        number = redeemable(number);
        address worker = logged[number].worker;
        uint256 k = (logged[number].campaign + (lie % 16 == 0 ? 1 : 0)) % CAMPAIGNS;
        follow(k);
        address caller = someone(by, worker);
        bool allowed = between(ghosts[k], 0, 1) && caller == worker && ghosts[k].id == logged[number].id;
        allowed = allowed && number >= ghosts[k].judged && !spent[ghosts[k].id][number]
            && ghosts[k].terms.labelPrice != 0;
        (bytes memory data, bool covered) = redemption(k, number, headSeed % heads.length, lie % 16 == 1);
        attempt(caller, data, allowed && covered, "redeemLabels");
        spent[ghosts[k].id][number] = true;
        holders[k][worker].labels += ghosts[k].terms.labelPrice;
        stamp(k);
    }

    /// @dev A label of a campaign in which labels can be redeemed, if there is one from there on, else any.
    function redeemable(
        uint256 seed
    ) private view returns (uint256 number) {
        uint256 count = leaves.length;
        for (uint256 i; i < count; ++i) {
            number = (seed % count + i) % count;
            Logged memory one = logged[number];
            Ghost storage g = ghosts[one.campaign];
            bool current = one.id == g.id && number >= g.judged && !spent[one.id][number];
            if (current && between(g, 0, 1)) break;
        }
    }

    function redemption(
        uint256 k,
        uint256 number,
        uint256 position,
        bool misplaced
    ) private view returns (bytes memory data, bool covered) {
        Heads.HeadProof memory head = headProof(position);
        uint256 size = head.head.size;
        covered = number < size && !misplaced && head.head.time < afterSilence(ghosts[k], 0);
        ICampaignEscrowTypes.AnchoredLabel[] memory labels = new ICampaignEscrowTypes.AnchoredLabel[](1);
        Logged memory one = logged[number];
        labels[0] = ICampaignEscrowTypes.AnchoredLabel(
            labelOf(one.id, one.worker, number),
            signatureOf(number),
            uint64(misplaced ? number + 1 : number),
            inclusionOf(number < size ? number : 0, size)
        );
        data = abi.encodeCall(escrow.redeemLabels, (ghosts[k].terms, head, labels));
    }

    /// @dev A label that the operator promised to anchor by now, or by later: one of the log, or one that never came
    /// into it.
    function stepRedeemReceipts(
        uint256 by,
        uint256 campaign,
        uint256 worker,
        uint256 number,
        int16 late
    ) external {
        vm.assume(mayState());
        uint256 k = silentOne(campaign, 0);
        address account = actors[worker % ACCOUNTS];
        if (number % 2 == 0) {
            number = redeemable(number / 2);
            (k, account) = (logged[number].campaign, logged[number].worker);
            vm.assume(logged[number].id == ghosts[k].id);
        } else {
            number = UNANCHORED + (number / 2 % 4) * ACCOUNTS + worker % ACCOUNTS;
        }
        follow(k);
        redeemReceipt(k, someone(by, account), account, number, uint256(int256(block.timestamp) - late));
    }

    function redeemReceipt(
        uint256 k,
        address caller,
        address account,
        uint256 number,
        uint256 promised
    ) private {
        Ghost storage g = ghosts[k];
        bool allowed = between(g, 0, 1) && caller == account && !spent[g.id][number];
        allowed = allowed && g.terms.labelPrice != 0 && promised <= block.timestamp && number >= g.judged;
        attempt(caller, receipted(k, account, number, uint64(promised)), allowed, "redeemReceipts");
        spent[g.id][number] = true;
        holders[k][account].labels += g.terms.labelPrice;
        stamp(k);
    }

    function receipted(
        uint256 k,
        address worker,
        uint256 number,
        uint64 promised
    ) private view returns (bytes memory) {
        ICampaignEscrowTypes.ReceiptedLabel[] memory labels = new ICampaignEscrowTypes.ReceiptedLabel[](1);
        ICampaignEscrowTypes.ReceiptedLabel memory one = labels[0];
        one.entry = labelOf(ghosts[k].id, worker, number);
        one.signature = signatureOf(number);
        one.index = uint64(number);
        one.deadline = promised;
        bytes32 leaf = leafOf(ghosts[k].id, worker, number);
        one.receipt =
            signedBy(OPERATOR_KEY, Signing.receipt(log.domainSeparator(), leaf, one.index, promised));
        return abi.encodeCall(escrow.redeemReceipts, (ghosts[k].terms, labels));
    }

    function stepDisputeRedemption(
        uint256 by,
        uint256 campaign,
        uint256 whom,
        bytes32 reason
    ) external {
        uint256 k = silentOne(campaign, 1);
        follow(k);
        for (uint256 i; i < ACCOUNTS && beyond(holders[k][actors[whom % ACCOUNTS]]) == 0; ++i) {
            whom = whom % ACCOUNTS + 1;
        }
        disputeRedemption(k, someone(by, actors[7]), actors[whom % ACCOUNTS], reason);
    }

    /// @dev A redemption that is disputed, if there is one.
    function contested(
        uint256 campaign,
        uint256 whom
    ) internal view returns (uint256 k, address account) {
        for (uint256 i; i < CAMPAIGNS * ACCOUNTS; ++i) {
            k = (campaign % CAMPAIGNS + i) % CAMPAIGNS;
            account = actors[(whom % ACCOUNTS + i / CAMPAIGNS) % ACCOUNTS];
            if (holders[k][account].contest == ICampaignEscrowTypes.Contest.Open) break;
        }
    }

    function disputeRedemption(
        uint256 k,
        address caller,
        address account,
        bytes32 reason
    ) internal {
        Ghost storage g = ghosts[k];
        Holder storage h = holders[k][account];
        bool allowed = between(g, 1, 2) && beyond(h) != 0 && h.contest == ICampaignEscrowTypes.Contest.None;
        bytes memory data = abi.encodeCall(escrow.disputeRedemption, (g.terms, account, reason));
        attempt(caller, data, allowed, "disputeRedemption");
        h.contest = ICampaignEscrowTypes.Contest.Open;
        h.disputer = caller;
        g.bonds += g.terms.bond;
        take(k, caller, g.terms.bond);
        stamp(k);
    }

    function stepRuleRedemption(
        uint256 by,
        uint256 campaign,
        uint256 whom,
        bool uphold
    ) external {
        (uint256 k, address account) = contested(campaign, whom);
        follow(k);
        ruleRedemption(k, someone(by, arbiter), account, uphold);
    }

    function ruleRedemption(
        uint256 k,
        address caller,
        address account,
        bool uphold
    ) internal {
        Holder storage h = holders[k][account];
        bool allowed =
            between(ghosts[k], 0, 3) && caller == arbiter && h.contest == ICampaignEscrowTypes.Contest.Open;
        bytes memory data = abi.encodeCall(escrow.ruleRedemption, (ghosts[k].terms, account, uphold));
        attempt(caller, data, allowed, "ruleRedemption");
        if (uphold) {
            h.contest = ICampaignEscrowTypes.Contest.Void;
            (h.statement, h.labels) = (0, 0);
            holders[k][h.disputer].bond += ghosts[k].terms.bond;
        } else {
            h.contest = ICampaignEscrowTypes.Contest.Stands;
            h.bond += ghosts[k].terms.bond;
        }
        stamp(k);
    }

    function stepLapseRedemption(
        uint256 by,
        uint256 campaign,
        uint256 whom
    ) external {
        (uint256 k, address account) = contested(campaign, whom);
        follow(k);
        lapse(k, someone(by, stranger), account);
    }

    function lapse(
        uint256 k,
        address caller,
        address account
    ) internal {
        Holder storage h = holders[k][account];
        bool allowed = isSilent(ghosts[k]) && block.timestamp >= afterSilence(ghosts[k], 3)
            && h.contest == ICampaignEscrowTypes.Contest.Open;
        bytes memory data = abi.encodeCall(escrow.lapseRedemption, (ghosts[k].terms, account));
        attempt(caller, data, allowed, "lapseRedemption");
        h.contest = ICampaignEscrowTypes.Contest.Stands;
        holders[k][h.disputer].bond += ghosts[k].terms.bond;
        stamp(k);
    }
}
