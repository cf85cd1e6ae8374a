// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {LabelledFixture} from "../utils/LabelledFixture.sol";

contract CollectBondTest is LabelledFixture {
    function nothingDue(
        address account
    ) internal {
        reverts(Types.NothingDue.selector, account, uint256(0));
        escrow.collectBond(terms, account);
    }

    function test_there_is_no_bond_without_a_dispute() public {
        deposit(BUDGET);
        post(first());
        nothingDue(disputer);
        nothingDue(operator);
        nothingDue(requester);
    }

    function test_a_bond_in_a_dispute_stays() public {
        deposit(BUDGET);
        post(first());
        dispute();
        nothingDue(disputer);
        nothingDue(operator);
        vm.warp(START + 2 * WINDOW - 1);
        nothingDue(disputer);
    }

    function test_a_bond_is_collected_once() public {
        deposit(BUDGET);
        post(first());
        dispute();
        rule(true);
        nothingDue(operator);
        uint256 before = token.balanceOf(disputer);
        bytes32 campaign = keccak256(abi.encode(state()));
        emits();
        emit Types.BondReturned(id, disputer, BOND);
        vm.prank(stranger);
        same(escrow.collectBond(terms, disputer), BOND, "paid");
        same(token.balanceOf(disputer), before + BOND, "disputer");
        same(token.balanceOf(address(escrow)), BUDGET, "balance");
        same(escrow.bondOf(id, disputer), 0, "bond");
        same(keccak256(abi.encode(state())), campaign, "the campaign is as it was");
        nothingDue(disputer);
    }

    function test_collecting_a_bond_settles_a_lapsed_dispute_first() public {
        deposit(BUDGET);
        bytes32 root = post(first());
        dispute();
        vm.warp(START + 2 * WINDOW);
        emits();
        emit Types.BondReleased(id, disputer, BOND);
        emits();
        emit Types.Settled(id, 1, root, 600_000_000);
        same(escrow.collectBond(terms, disputer), BOND, "bond");
        same(state().settledTotal, 600_000_000, "settled");
    }

    function test_several_bonds_are_collected_at_once() public {
        deposit(BUDGET);
        for (uint256 i; i < 3; ++i) {
            post(first());
            dispute();
            rule(true);
        }
        same(escrow.bondOf(id, disputer), 3 * BOND, "bonds");
        same(escrow.collectBond(terms, disputer), 3 * BOND, "paid");
    }

    function test_a_bond_belongs_to_its_campaign() public {
        deposit(BUDGET);
        post(first());
        dispute();
        rule(true);
        bytes32 here = id;
        terms.part = 1;
        id = escrow.idOf(terms);
        deposit(BUDGET);
        nothingDue(disputer);
        same(escrow.bondOf(here, disputer), BOND, "bond");
    }

    function test_bonds_of_all_disputes_are_collected_together() public {
        deposit(BUDGET);
        post(first());
        dispute();
        rule(true);
        vm.warp(DEADLINE);
        redeem(1, 50);
        vm.warp(after0(1));
        vm.prank(disputer);
        escrow.disputeRedemption(terms, workers[1], "reason");
        ruleRedemption(1, true);
        same(escrow.collectBond(terms, disputer), 2 * BOND, "paid");
        same(token.balanceOf(address(escrow)), BUDGET, "balance");
    }
}
