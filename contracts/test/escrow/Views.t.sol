// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CampaignEscrow} from "../../src/CampaignEscrow.sol";
import {ICampaignEscrowTypes as Types} from "../../src/ICampaignEscrowTypes.sol";
import {ProvenanceLog} from "../../src/ProvenanceLog.sol";
import {LabelledFixture} from "../utils/LabelledFixture.sol";

contract ViewsTest is LabelledFixture {
    function test_the_escrow_needs_a_log() public {
        reverts(Types.NoCode.selector, stranger);
        new CampaignEscrow(ProvenanceLog(stranger));
    }

    function test_the_escrow_keeps_its_log() public view {
        same(address(escrow.provenance()), address(log), "log");
    }

    function testFuzz_an_id_is_the_hash_of_chain_escrow_and_terms(
        Types.Terms memory t
    ) public view {
        bytes memory words =
            abi.encode(t.requester, t.operator, t.arbiter, t.token, t.feeBps, t.window, t.deadline);
        words = bytes.concat(words, abi.encode(t.bond, t.labelPrice, t.part, t.brief));
        same(words.length, 11 * 32, "words");
        bytes32 expected = keccak256(bytes.concat(abi.encode(block.chainid, address(escrow)), words));
        same(escrow.idOf(t), expected, "id");
    }

    function test_each_term_is_part_of_the_id() public view {
        bytes32[11] memory ids;
        Types.Terms memory t = terms;
        for (uint256 i; i < 11; ++i) {
            Types.Terms memory other = abi.decode(abi.encode(t), (Types.Terms));
            assembly ("memory-safe") {
                let word := add(other, mul(32, i))
                mstore(word, xor(mload(word), 1))
            }
            ids[i] = escrow.idOf(other);
            yes(ids[i] != id, "another term gives another id");
            for (uint256 j; j < i; ++j) {
                yes(ids[i] != ids[j], "ids differ from each other");
            }
        }
    }

    function test_another_chain_gives_another_id() public {
        vm.chainId(block.chainid + 1);
        yes(escrow.idOf(terms) != id, "id");
    }

    function test_another_escrow_gives_another_id() public {
        yes(new CampaignEscrow(log).idOf(terms) != id, "id");
    }

    function test_the_domain_is_of_this_chain_and_escrow() public {
        same(escrow.domainSeparator(), escrowDomain(), "domain");
        vm.chainId(77);
        bytes32 kind =
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        bytes32 name = keccak256("crowdledger escrow");
        bytes32 expected = keccak256(abi.encode(kind, name, keccak256("1"), uint256(77), address(escrow)));
        same(escrow.domainSeparator(), expected, "domain on another chain");
    }

    function test_an_unknown_campaign_is_all_zero() public view {
        Types.Campaign memory none;
        stateIs(none);
    }

    function test_what_is_due_shows_as_pending() public {
        deposit(BUDGET);
        bytes32 root = post(first());
        vm.warp(START + 9 * WINDOW);
        same(state().pendingRoot, root, "pending root");
        same(state().settledRoot, 0, "settled root");
        stageIs(Types.Stage.Pending);
    }

    function test_an_unknown_account_is_all_zero() public view {
        accountIs(workers[0], 0, 0, 0, 0);
        same(escrow.claimedOf(id, workers[0]), 0, "claimed");
        same(escrow.bondOf(id, workers[0]), 0, "bond");
        (Types.Contest contest, address by) = escrow.contestOf(id, workers[0]);
        same(uint256(contest), uint256(Types.Contest.None), "contest");
        same(by, address(0), "disputer");
    }

    function test_accounts_and_campaigns_are_told_apart() public {
        claim(silentAfterFirst(), 0);
        redeem(1, 250_000_000);
        vm.warp(after0(1));
        disputeRedemption(1);
        ruleRedemption(1, false);
        same(escrow.claimedOf(id, workers[0]), 300_000_000, "claimed");
        same(escrow.claimedOf(id, workers[1]), 0, "not claimed");
        accountIs(workers[0], 300_000_000, 300_000_000, 0, 0);
        accountIs(workers[1], 0, 0, 250_000_000, 0);
        same(escrow.bondOf(id, workers[1]), BOND, "bond");
        same(escrow.bondOf(id, workers[0]), 0, "no bond");
        (Types.Contest contest, address by) = escrow.contestOf(id, workers[1]);
        same(uint256(contest), uint256(Types.Contest.Stands), "contest");
        same(by, stranger, "disputer");
        terms.part = 1;
        id = escrow.idOf(terms);
        test_an_unknown_account_is_all_zero();
        accountIs(workers[1], 0, 0, 0, 0);
    }

    function test_the_limits_of_the_terms() public view {
        same(escrow.MAX_FEE_BPS(), 2_500, "fee");
        same(escrow.MIN_WINDOW(), 1 days, "shortest");
        same(escrow.MAX_WINDOW(), 30 days, "longest");
    }
}
