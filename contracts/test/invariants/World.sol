// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CampaignEscrow} from "../../src/CampaignEscrow.sol";
import {ICampaignEscrowTypes} from "../../src/ICampaignEscrowTypes.sol";
import {ProvenanceLog} from "../../src/ProvenanceLog.sol";
import {AuthorizedToken} from "../utils/Tokens.sol";
import {Ghosts} from "./Ghosts.sol";

/// @title An escrow with three campaigns, two of which share a token, and nine parties who may call anything.
abstract contract World is Ghosts {
    uint256 internal constant START = 1_800_000_000;
    uint256 internal constant WEALTH = 1e15;
    uint256 internal constant OPERATOR_KEY = 0x09E7;
    uint256 internal constant WORKERS = 4;

    address internal requester = named("requester");
    address internal operator = vm.addr(OPERATOR_KEY);
    address internal arbiter = named("arbiter");
    address internal stranger = named("stranger");

    ProvenanceLog internal log = new ProvenanceLog(operator);
    CampaignEscrow internal escrow = new CampaignEscrow(log);
    AuthorizedToken internal shared = new AuthorizedToken();
    AuthorizedToken internal other = new AuthorizedToken();

    constructor() {
        vm.warp(START);
        for (uint256 i; i < WORKERS; ++i) {
            actors.push(vm.addr(workerKey(i)));
        }
        actors.push(operator);
        actors.push(requester);
        actors.push(arbiter);
        actors.push(named("disputer"));
        actors.push(stranger);
        for (uint256 i; i < actors.length; ++i) {
            enrich(shared, actors[i]);
            enrich(other, actors[i]);
        }
        open(0, termsOf(0, shared, 1_000, START + 2 days));
        open(1, termsOf(1, shared, 333, START + 5 days));
        open(2, termsOf(2, other, 2_500, START + 8 days));
    }

    function workerKey(
        uint256 index
    ) internal pure returns (uint256) {
        return 0xB0B + index;
    }

    function enrich(
        AuthorizedToken token,
        address account
    ) private {
        token.mint(account, WEALTH);
        purses[address(token)][account] = WEALTH;
        vm.prank(account);
        token.approve(address(escrow), type(uint256).max);
    }

    function termsOf(
        uint256 k,
        AuthorizedToken token,
        uint16 feeBps,
        uint256 deadline
    ) private view returns (ICampaignEscrowTypes.Terms memory terms) {
        terms.requester = requester;
        terms.operator = operator;
        terms.arbiter = arbiter;
        terms.token = address(token);
        terms.feeBps = feeBps;
        terms.window = k == 2 ? 2 days : 1 days;
        terms.deadline = uint40(deadline);
        terms.bond = [uint128(7_000_000), 11, 0][k];
        terms.labelPrice = [uint64(50_000), 1_000_003, 1][k];
        terms.part = uint32(k);
        terms.brief = "brief";
    }

    /// @dev A campaign with 10 million in it.
    function open(
        uint256 k,
        ICampaignEscrowTypes.Terms memory terms
    ) internal {
        Ghost storage g = ghosts[k];
        g.terms = terms;
        g.id = escrow.idOf(terms);
        vm.prank(requester);
        escrow.deposit(terms, 10_000_000);
        g.deposited = 10_000_000;
        take(k, requester, 10_000_000);
        paidIn[terms.token][requester] += 10_000_000;
        stamp(k);
    }

    /// @dev Somebody: the one whose call it usually is, or in one case of eight anyone.
    function someone(
        uint256 seed,
        address usual
    ) internal view virtual returns (address) {
        return seed % 8 != 0 ? usual : actors[(seed / 8) % actors.length];
    }

    /// @dev A call that the escrow must accept if, and only if, it is `allowed`. What it refuses changes nothing and is
    /// not counted as a step.
    function attempt(
        address caller,
        bytes memory data,
        bool allowed,
        string memory what
    ) internal returns (bytes memory answer) {
        bool done;
        vm.prank(caller);
        (done, answer) = address(escrow).call(data);
        if (done && !allowed) revert NotTrue(string.concat(what, " should be refused"));
        if (!done && allowed) revert NotTrue(string.concat(what, " should be accepted"));
        vm.assume(done);
    }

    /// @dev What every step does in the end.
    function stamp(
        uint256 k
    ) internal virtual {
        touched = k;
    }

    function pay(
        uint256 k,
        address to,
        uint256 amount
    ) internal {
        purses[ghosts[k].terms.token][to] += amount;
    }

    function take(
        uint256 k,
        address from,
        uint256 amount
    ) internal {
        purses[ghosts[k].terms.token][from] -= amount;
    }
}
