// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CampaignEscrow} from "../src/CampaignEscrow.sol";
import {DatasetRights} from "../src/DatasetRights.sol";
import {ICampaignEscrowTypes} from "../src/ICampaignEscrowTypes.sol";
import {ProvenanceLog} from "../src/ProvenanceLog.sol";
import {Entries} from "../src/libraries/Entries.sol";
import {Heads} from "../src/libraries/Heads.sol";
import {LocalToken} from "../src/local/LocalToken.sol";
import {Invariants} from "./invariants/Invariants.sol";
import {Base} from "./utils/Base.sol";
import {HeadTree} from "./utils/HeadTree.sol";
import {LogTree} from "./utils/LogTree.sol";

/// @title Random lives of the rights in six datasets of two campaigns: registered, sold and granted by anybody.
/// @dev Entries 0 to 2 are datasets of campaign 0, 3 to 5 of campaign 1; those of a campaign have roots 0, 1 and 0
/// again, in a later version. Every step knows whether it has to be accepted; what was is kept here.
contract RightsLife is Base {
    uint256 internal constant START = 1_800_000_000;
    uint32 internal constant WINDOW = 1 days;
    bytes internal constant SIGNATURE = abi.encodePacked(keccak256("r"), keccak256("s"));

    address[4] internal actors = [named("one"), named("two"), named("three"), named("four")];
    ProvenanceLog internal log = new ProvenanceLog(address(this));
    CampaignEscrow internal escrow = new CampaignEscrow(log);
    DatasetRights internal rights = new DatasetRights(escrow);
    LocalToken internal token = new LocalToken();
    bytes32[] internal leaves;
    Heads.Head[] internal heads;

    // What happened: closed campaigns, holders, and until when whom was granted what.
    bool[2] internal closed;
    uint256[] internal tokens;
    mapping(uint256 one => address) internal holders;
    mapping(uint256 one => mapping(address licensee => mapping(bytes32 licence => uint64))) internal granted;
    uint256 public titles;

    constructor() {
        vm.warp(START);
        for (uint256 i; i < 2; ++i) {
            token.mint(actors[i], 100);
            vm.startPrank(actors[i]);
            token.approve(address(escrow), 100);
            escrow.deposit(terms(i), 100);
            vm.stopPrank();
        }
        for (uint256 i; i < 6; ++i) {
            leaves.push(Entries.leaf(dataset(i), SIGNATURE));
        }
        bytes32 root = LogTree.root(leaves, 0, 6);
        log.anchor(6, root, new bytes32[](0));
        heads.push(Heads.Head(6, root, uint64(START)));
    }

    /// @dev The campaign of actor 0 ends after ten days, that of actor 1 after twenty.
    function terms(
        uint256 campaign
    ) internal view returns (ICampaignEscrowTypes.Terms memory) {
        return ICampaignEscrowTypes.Terms({
            requester: actors[campaign],
            operator: address(this),
            arbiter: named("arbiter"),
            token: address(token),
            feeBps: 0,
            window: WINDOW,
            deadline: uint40(START + (campaign + 1) * 10 days),
            bond: 0,
            labelPrice: 0,
            part: 0,
            brief: "brief"
        });
    }

    function dataset(
        uint256 i
    ) internal view returns (Entries.Dataset memory) {
        uint256 campaign = i / 3;
        return Entries.Dataset({
            dataset: "dataset",
            campaign: escrow.idOf(terms(campaign)),
            version: uint32(i % 3),
            root: bytes32(i % 2 + 1),
            manifest: keccak256(abi.encode(i)),
            owner: actors[campaign],
            madeAt: uint64(START)
        });
    }

    /// @dev Anybody, for any campaign, with any of the datasets: only the requester, once it is closed, with its own.
    function stepRegister(
        uint256 who,
        uint256 whose,
        uint256 which
    ) external {
        (whose, which) = (whose % 2, which % 6);
        address caller = who % 2 == 0 ? actors[whose] : actors[(who / 2) % 4];
        Entries.Dataset memory entry = dataset(which);
        uint256 one = rights.tokenOf(entry.campaign, entry.root);
        bool expected =
            caller == actors[whose] && closed[whose] && which / 3 == whose && holders[one] == address(0);
        bytes memory data = abi.encodeCall(
            rights.register,
            (
                terms(whose),
                entry,
                SIGNATURE,
                uint64(which),
                HeadTree.latest(heads),
                LogTree.inclusion(leaves, which, 6)
            )
        );
        if (!call(caller, data, expected)) return;
        tokens.push(one);
        holders[one] = caller;
        ++titles;
    }

    function stepRefund(
        uint256 whose
    ) external {
        whose = whose % 2;
        ICampaignEscrowTypes.Terms memory t = terms(whose);
        (bool done,) = address(escrow).call(abi.encodeCall(escrow.refund, (t)));
        bool expected = !closed[whose] && block.timestamp >= t.deadline + WINDOW;
        yes(done == expected, "refund");
        if (done) closed[whose] = true;
    }

    function stepTransfer(
        uint256 who,
        uint256 which,
        uint256 to
    ) external {
        if (tokens.length == 0) return;
        uint256 one = tokens[which % tokens.length];
        address holder = holders[one];
        address caller = who % 3 == 0 ? actors[(who / 3) % 4] : holder;
        bytes memory data = abi.encodeCall(rights.transferFrom, (holder, actors[to % 4], one));
        if (call(caller, data, caller == holder)) holders[one] = actors[to % 4];
    }

    function stepGrant(
        uint256 who,
        uint256 which,
        uint256 whom,
        uint256 until
    ) external {
        if (tokens.length == 0) return;
        uint256 one = tokens[which % tokens.length];
        address caller = who % 3 == 0 ? actors[(who / 3) % 4] : holders[one];
        address licensee = actors[whom % 4];
        bytes32 licence = bytes32(whom % 3);
        uint64 known = granted[one][licensee][licence];
        uint64 end = uint64(block.timestamp - 2 days + until % 20 days);
        bool expected = caller == holders[one] && end > block.timestamp && end > known;
        if (call(caller, abi.encodeCall(rights.grant, (one, licensee, licence, end)), expected)) {
            granted[one][licensee][licence] = end;
        }
    }

    function stepTime(
        uint256 time
    ) external {
        vm.warp(block.timestamp + time % 6 days);
    }

    function call(
        address caller,
        bytes memory data,
        bool expected
    ) internal returns (bool done) {
        vm.prank(caller);
        (done,) = address(rights).call(data);
        yes(done == expected, expected ? "refused" : "accepted");
    }

    /// @dev A title is only of a closed campaign, one for each root, and belongs to whom it was minted or given to.
    function checkTitles() external view {
        uint256 found;
        for (uint256 campaign; campaign < 2; ++campaign) {
            bytes32 id = escrow.idOf(terms(campaign));
            same(escrow.campaign(id).closed ? 1 : 0, closed[campaign] ? 1 : 0, "closed");
            for (uint256 root = 1; root < 3; ++root) {
                uint256 one = rights.tokenOf(id, bytes32(root));
                (bool exists, bytes memory owner) =
                    address(rights).staticcall(abi.encodeCall(rights.ownerOf, (one)));
                if (!exists) continue;
                yes(closed[campaign], "a title of a campaign that is not closed");
                same(abi.decode(owner, (address)), holders[one], "holder");
                ++found;
            }
        }
        same(found, titles, "titles");
        uint256 held;
        for (uint256 i; i < 4; ++i) {
            held += rights.balanceOf(actors[i]);
        }
        same(held, titles, "tokens held");
    }

    /// @dev A grant holds until its end, and not from then on, whoever holds the token by now.
    function checkGrants() external view {
        for (uint256 i; i < tokens.length; ++i) {
            for (uint256 whom; whom < 12; ++whom) {
                (address licensee, bytes32 licence) = (actors[whom % 4], bytes32(whom % 3));
                uint64 end = granted[tokens[i]][licensee][licence];
                yes(!rights.licensed(tokens[i], licensee, licence, end), "licensed at its end");
                if (end == 0) continue;
                yes(rights.licensed(tokens[i], licensee, licence, end - 1), "not licensed before its end");
                bool now_ = rights.licensed(tokens[i], licensee, licence, uint64(block.timestamp));
                yes(now_ == (block.timestamp < end), "licensed now");
            }
        }
    }
}

contract RightsInvariantsTest is Invariants {
    RightsLife internal life;

    /// @dev Some steps are taken twice as often, so that campaigns close early and titles change hands.
    function setUp() public {
        life = new RightsLife();
        step(life.stepRegister.selector, 2);
        step(life.stepRefund.selector, 1);
        step(life.stepTransfer.selector, 1);
        step(life.stepGrant.selector, 2);
        step(life.stepTime.selector, 2);
    }

    function target() internal view override returns (address) {
        return address(life);
    }

    function invariant_a_title_is_of_a_closed_campaign_and_of_one_holder() public view {
        life.checkTitles();
    }

    function invariant_a_grant_holds_until_its_end() public view {
        life.checkGrants();
    }
}
