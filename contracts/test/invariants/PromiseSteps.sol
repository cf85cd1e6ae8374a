// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes} from "../../src/ICampaignEscrowTypes.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";
import {Signing} from "../utils/Signing.sol";
import {PayrollSteps} from "./PayrollSteps.sol";

/// @dev What the operator states under its signature, and payrolls held to it.
abstract contract PromiseSteps is PayrollSteps {
    struct Stated {
        address worker;
        uint64 amount;
        uint32 epoch;
    }

    mapping(uint256 campaign => Stated[]) internal statements;

    /// @dev The operator signs anything for anybody, within what its campaign could pay or beyond it.
    function stepState(
        uint256 campaign,
        uint256 worker,
        uint64 amount,
        uint256 later
    ) external {
        uint256 k = campaign % CAMPAIGNS;
        vm.assume(statements[k].length < 8 && mayState());
        uint32 epoch = ghosts[k].epoch + uint32(later % 3);
        statements[k].push(Stated(actors[worker % ACCOUNTS], 1 + amount % 4_000_000, epoch));
    }

    /// @dev Whether the operator signs what it is asked to.
    function mayState() internal view virtual returns (bool) {
        return true;
    }

    function stepEnforce(
        uint256 by,
        uint256 campaign,
        uint256 which,
        uint256 index,
        uint256 lie
    ) external {
        uint256 k = atStage(campaign, ICampaignEscrowTypes.Stage.Pending);
        follow(k);
        Ghost storage g = ghosts[k];
        vm.assume(g.pending.length != 0 && statements[k].length != 0);
        Stated memory s = statements[k][which % statements[k].length];
        index = placeOf(g.pending, s.worker, index);
        uint256 amount = uint256(g.pending[index].soFar) + g.pending[index].increase;
        bool allowed = g.pending[index].account == s.worker && amount < s.amount && s.epoch <= g.epoch
            && !isLie(lie, amount);
        if (isLie(lie, amount)) --amount;
        bytes memory data = enforcement(k, s, index, amount);
        attempt(someone(by, s.worker), data, allowed, "enforce");
        drop(k);
        stamp(k);
    }

    /// @dev A position of the worker if there is one from there on, else any.
    function placeOf(
        PayrollReference.Position[] memory list,
        address worker,
        uint256 seed
    ) private pure returns (uint256 index) {
        for (uint256 i; i < list.length; ++i) {
            index = (seed % list.length + i) % list.length;
            if (list[index].account == worker) return index;
        }
    }

    /// @dev Saying less than the payroll pays, which takes that it pays something.
    function isLie(
        uint256 lie,
        uint256 amount
    ) private pure returns (bool) {
        return lie % 8 == 0 && amount != 0;
    }

    function enforcement(
        uint256 k,
        Stated memory s,
        uint256 index,
        uint256 amount
    ) private view returns (bytes memory) {
        (ICampaignEscrowTypes.Statement memory statement, bytes memory signature) = signed(k, s);
        bytes32[] memory path = PayrollReference.path(ghosts[k].id, ghosts[k].pending, index);
        return abi.encodeCall(escrow.enforce, (ghosts[k].terms, statement, signature, index, amount, path));
    }

    function stepEnforceAbsent(
        uint256 by,
        uint256 campaign,
        uint256 which,
        uint256 lie
    ) external {
        uint256 k = atStage(campaign, ICampaignEscrowTypes.Stage.Pending);
        follow(k);
        Ghost storage g = ghosts[k];
        vm.assume(g.pending.length != 0 && statements[k].length != 0);
        Stated memory s = statements[k][which % statements[k].length];
        bytes memory table = PayrollReference.pack(g.pending);
        bool honest = lie % 8 != 0;
        if (!honest) table[(lie / 8) % table.length] ^= 0x01;
        uint256 paid;
        for (uint256 i; i < g.pending.length; ++i) {
            PayrollReference.Position memory p = g.pending[i];
            if (p.account == s.worker) paid += p.soFar + p.increase;
        }
        bool allowed = honest && paid < s.amount && s.epoch <= g.epoch;
        (ICampaignEscrowTypes.Statement memory statement, bytes memory signature) = signed(k, s);
        bytes memory data = abi.encodeCall(escrow.enforceAbsent, (g.terms, statement, signature, table));
        attempt(someone(by, s.worker), data, allowed, "enforceAbsent");
        drop(k);
        stamp(k);
    }

    /// @dev A statement with the operator's signature under the log's domain.
    function signed(
        uint256 k,
        Stated memory s
    ) internal view returns (ICampaignEscrowTypes.Statement memory statement, bytes memory signature) {
        statement = ICampaignEscrowTypes.Statement(ghosts[k].id, s.worker, s.amount, s.epoch, "run");
        signature = signedBy(OPERATOR_KEY, Signing.statement(log.domainSeparator(), statement));
    }

    function signedBy(
        uint256 key,
        bytes32 digest
    ) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }
}
