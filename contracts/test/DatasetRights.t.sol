// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {DatasetRights} from "../src/DatasetRights.sol";
import {ICampaignEscrowTypes} from "../src/ICampaignEscrowTypes.sol";
import {ProvenanceLog} from "../src/ProvenanceLog.sol";
import {Entries} from "../src/libraries/Entries.sol";
import {Heads} from "../src/libraries/Heads.sol";
import {Rfc9162} from "../src/libraries/Rfc9162.sol";
import {LocalToken} from "../src/local/LocalToken.sol";
import {EscrowFixture} from "./utils/EscrowFixture.sol";
import {HeadTree} from "./utils/HeadTree.sol";
import {LogTree} from "./utils/LogTree.sol";

contract DatasetRightsTest is EscrowFixture {
    bytes internal constant SIGNATURE = abi.encodePacked(keccak256("r"), keccak256("s"));
    bytes32 internal constant LICENCE = keccak256("licence");

    DatasetRights internal rights = new DatasetRights(escrow);
    address internal buyer = named("buyer");
    bytes32[] internal leaves = LogTree.leavesOf(7, 1);
    Heads.Head[] internal heads;
    uint64 internal end;

    /// @dev Entry 3 is the campaign's dataset, entry 4 its second version, entry 5 one of a stranger, entry 6 one of
    /// another campaign; the campaign is closed.
    function setUp() public override {
        vm.warp(START);
        use(new LocalToken());
        leaves[3] = Entries.leaf(dataset(1), SIGNATURE);
        leaves[4] = Entries.leaf(dataset(2), SIGNATURE);
        leaves[5] = Entries.leaf(foreign(id, stranger), SIGNATURE);
        leaves[6] = Entries.leaf(foreign("other", requester), SIGNATURE);
        bytes32 root = LogTree.root(leaves, 0, 7);
        heads.push(Heads.Head(7, root, uint64(START)));
        vm.prank(operator);
        log.anchor(7, root, new bytes32[](0));
        deposit(BUDGET);
        end = uint64(DEADLINE + 365 days);
    }

    function close() internal {
        vm.warp(DEADLINE + WINDOW);
        escrow.refund(terms);
    }

    function dataset(
        uint32 version
    ) internal view returns (Entries.Dataset memory) {
        bytes32 records = keccak256(abi.encode("records", version));
        return Entries.Dataset(
            keccak256("dataset"), id, version, records, keccak256("manifest"), requester, uint64(START)
        );
    }

    function foreign(
        bytes32 campaign,
        address owner
    ) internal view returns (Entries.Dataset memory entry) {
        entry = dataset(1);
        (entry.campaign, entry.owner) = (campaign, owner);
    }

    function path(
        uint256 index
    ) internal view returns (bytes32[] memory) {
        return LogTree.inclusion(leaves, index, 7);
    }

    function register(
        Entries.Dataset memory entry,
        uint64 index
    ) internal returns (uint256) {
        bytes32[] memory siblings = path(index);
        Heads.HeadProof memory head = HeadTree.latest(heads);
        vm.prank(requester);
        return rights.register(terms, entry, SIGNATURE, index, head, siblings);
    }

    /// @dev The token of the first version.
    function registered() internal returns (uint256 token) {
        close();
        Entries.Dataset memory entry = dataset(1);
        token = register(entry, 3);
    }

    /// @dev Expects that the next call, made by the requester, reverts so.
    function refused(
        bytes memory reason
    ) internal {
        vm.expectRevert(reason);
        vm.prank(requester);
    }

    function test_the_log_is_that_of_the_escrow() public view {
        same(address(rights.escrow()), address(escrow), "escrow");
        same(address(rights.provenance()), address(log), "log");
    }

    function test_the_token_has_a_name() public view {
        same(keccak256(bytes(rights.name())), keccak256("crowdledger dataset"), "name");
        same(keccak256(bytes(rights.symbol())), keccak256("CLDS"), "symbol");
        yes(rights.supportsInterface(type(IERC721).interfaceId), "ERC-721");
    }

    function test_register_refuses_anybody_but_the_requester() public {
        close();
        (Entries.Dataset memory entry, bytes32[] memory siblings) = (foreign(id, stranger), path(5));
        Heads.HeadProof memory head = HeadTree.latest(heads);
        vm.expectRevert(abi.encodeWithSelector(DatasetRights.NotRequester.selector, stranger, requester));
        vm.prank(stranger);
        rights.register(terms, entry, SIGNATURE, 5, head, siblings);
    }

    function test_register_refuses_before_the_campaign_is_closed() public {
        (Entries.Dataset memory entry, bytes32[] memory siblings) = (dataset(1), path(3));
        Heads.HeadProof memory head = HeadTree.latest(heads);
        vm.warp(DEADLINE + WINDOW);
        refused(abi.encodeWithSelector(DatasetRights.NotClosed.selector, id));
        rights.register(terms, entry, SIGNATURE, 3, head, siblings);
    }

    function test_register_refuses_other_terms() public {
        close();
        (Entries.Dataset memory entry, bytes32[] memory siblings) = (dataset(1), path(3));
        Heads.HeadProof memory head = HeadTree.latest(heads);
        ICampaignEscrowTypes.Terms memory other = terms;
        other.part = 1;
        bytes32 otherId = escrow.idOf(other);
        refused(abi.encodeWithSelector(DatasetRights.NotClosed.selector, otherId));
        rights.register(other, entry, SIGNATURE, 3, head, siblings);
    }

    function test_register_refuses_a_dataset_of_another_campaign() public {
        close();
        (Entries.Dataset memory entry, bytes32[] memory siblings) = (foreign("other", requester), path(6));
        Heads.HeadProof memory head = HeadTree.latest(heads);
        refused(abi.encodeWithSelector(DatasetRights.OtherDataset.selector, bytes32("other"), requester));
        rights.register(terms, entry, SIGNATURE, 6, head, siblings);
    }

    function test_register_refuses_a_dataset_of_another_owner() public {
        close();
        (Entries.Dataset memory entry, bytes32[] memory siblings) = (foreign(id, stranger), path(5));
        Heads.HeadProof memory head = HeadTree.latest(heads);
        refused(abi.encodeWithSelector(DatasetRights.OtherDataset.selector, id, stranger));
        rights.register(terms, entry, SIGNATURE, 5, head, siblings);
    }

    function test_register_refuses_a_head_that_is_not_anchored() public {
        close();
        (Entries.Dataset memory entry, bytes32[] memory siblings) = (dataset(1), path(3));
        Heads.HeadProof memory head = HeadTree.latest(heads);
        head.head.time += 1;
        refused(abi.encodeWithSelector(ProvenanceLog.NotAnchored.selector, 7));
        rights.register(terms, entry, SIGNATURE, 3, head, siblings);
    }

    /// @dev Neither another version, nor another manifest of the same.
    function test_register_refuses_a_dataset_that_is_not_in_the_log() public {
        close();
        bytes32[] memory siblings = path(3);
        Heads.HeadProof memory head = HeadTree.latest(heads);
        for (uint256 i; i < 2; ++i) {
            Entries.Dataset memory entry = dataset(1);
            if (i == 0) entry.version = 3;
            else entry.manifest = keccak256("other");
            leaves[3] = Entries.leaf(entry, SIGNATURE);
            bytes32 computed = LogTree.root(leaves, 0, 7);
            refused(abi.encodeWithSelector(Rfc9162.RootMismatch.selector, computed, heads[0].root));
            rights.register(terms, entry, SIGNATURE, 3, head, siblings);
        }
    }

    function test_register_refuses_a_dataset_without_signature() public {
        close();
        (Entries.Dataset memory entry, bytes32[] memory siblings) = (dataset(1), path(3));
        Heads.HeadProof memory head = HeadTree.latest(heads);
        refused(abi.encodeWithSelector(Entries.SignatureMissing.selector));
        rights.register(terms, entry, "", 3, head, siblings);
    }

    /// @dev Also after the token has gone to somebody else.
    function test_register_refuses_a_root_a_second_time() public {
        uint256 token_ = registered();
        (Entries.Dataset memory entry, bytes32[] memory siblings) = (dataset(1), path(3));
        Heads.HeadProof memory head = HeadTree.latest(heads);
        for (uint256 i; i < 2; ++i) {
            refused(abi.encodeWithSelector(IERC721Errors.ERC721InvalidSender.selector, address(0)));
            rights.register(terms, entry, SIGNATURE, 3, head, siblings);
            if (i == 1) break;
            vm.prank(requester);
            rights.transferFrom(requester, buyer, token_);
        }
        same(rights.ownerOf(token_), buyer, "owner");
    }

    function test_register_mints_another_token_for_another_root() public {
        uint256 first_ = registered();
        Entries.Dataset memory entry = dataset(2);
        uint256 second = register(entry, 4);
        yes(first_ != second, "one token for two roots");
        same(rights.ownerOf(first_), requester, "first");
        same(rights.ownerOf(second), requester, "second");
        same(rights.balanceOf(requester), 2, "tokens");
    }

    function test_register_mints_the_token_to_the_requester() public {
        uint256 token_ = registered();
        same(token_, rights.tokenOf(id, dataset(1).root), "token");
        same(rights.ownerOf(token_), requester, "owner");
        same(rights.balanceOf(requester), 1, "tokens");
    }

    function test_register_says_what_was_registered() public {
        close();
        Entries.Dataset memory entry = dataset(1);
        uint256 token_ = rights.tokenOf(id, entry.root);
        bytes32[] memory siblings = path(3);
        Heads.HeadProof memory head = HeadTree.latest(heads);
        vm.expectEmit(true, true, true, true, address(rights));
        emit DatasetRights.Registered(token_, id, requester, entry.root, entry.manifest);
        vm.expectEmit(true, true, true, true, address(rights));
        emit IERC721.Transfer(address(0), requester, token_);
        vm.prank(requester);
        rights.register(terms, entry, SIGNATURE, 3, head, siblings);
    }

    function grant(
        uint256 token_,
        address licensee,
        uint64 until
    ) internal {
        vm.prank(requester);
        rights.grant(token_, licensee, LICENCE, until);
    }

    function test_grant_refuses_a_token_that_does_not_exist() public {
        uint256 token_ = rights.tokenOf(id, dataset(1).root);
        reverts(IERC721Errors.ERC721NonexistentToken.selector, token_);
        grant(token_, buyer, end);
    }

    /// @dev Not even whom the holder lets move the token.
    function test_grant_refuses_anybody_but_the_holder() public {
        uint256 token_ = registered();
        vm.startPrank(requester);
        rights.approve(stranger, token_);
        rights.setApprovalForAll(stranger, true);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(DatasetRights.NotHolder.selector, stranger, requester));
        vm.prank(stranger);
        rights.grant(token_, stranger, LICENCE, end);
    }

    function test_grant_refuses_the_zero_address() public {
        uint256 token_ = registered();
        reverts(DatasetRights.NoLicensee.selector);
        grant(token_, address(0), end);
    }

    function test_grant_refuses_an_end_that_has_come() public {
        uint256 token_ = registered();
        for (uint64 before; before < 3; ++before) {
            uint64 until = uint64(block.timestamp) - before;
            reverts(DatasetRights.NotLonger.selector, until, uint256(0));
            grant(token_, buyer, until);
        }
        reverts(DatasetRights.NotLonger.selector, 0, uint256(0));
        grant(token_, buyer, 0);
    }

    function test_grant_refuses_to_be_shorter_than_before() public {
        uint256 token_ = registered();
        grant(token_, buyer, end);
        for (uint64 before; before < 3; ++before) {
            reverts(DatasetRights.NotLonger.selector, end - before, end);
            grant(token_, buyer, end - before);
        }
        yes(rights.licensed(token_, buyer, LICENCE, end - 1), "the grant is as it was");
    }

    function test_grant_is_for_the_new_holder_after_a_transfer() public {
        uint256 token_ = registered();
        vm.prank(requester);
        rights.transferFrom(requester, buyer, token_);
        vm.expectRevert(abi.encodeWithSelector(DatasetRights.NotHolder.selector, requester, buyer));
        grant(token_, stranger, end);
        vm.prank(buyer);
        rights.grant(token_, stranger, LICENCE, end);
        yes(rights.licensed(token_, stranger, LICENCE, end - 1), "licensed");
    }

    function test_grant_says_what_was_granted() public {
        uint256 token_ = registered();
        vm.expectEmit(true, true, true, true, address(rights));
        emit DatasetRights.Granted(token_, buyer, LICENCE, end);
        grant(token_, buyer, end);
    }

    function test_grant_can_be_made_longer() public {
        uint256 token_ = registered();
        grant(token_, buyer, uint64(block.timestamp) + 1);
        grant(token_, buyer, end);
        yes(rights.licensed(token_, buyer, LICENCE, end - 1), "before the new end");
        vm.warp(end + 10);
        grant(token_, buyer, end + 11);
        yes(rights.licensed(token_, buyer, LICENCE, end + 10), "anew after it has ended");
    }

    function testFuzz_licensed_until_the_end(
        uint64 at
    ) public {
        uint256 token_ = registered();
        grant(token_, buyer, end);
        at = uint64(bound(at, 0, end - 1));
        yes(rights.licensed(token_, buyer, LICENCE, at), "before the end");
        yes(rights.licensed(token_, buyer, LICENCE, end - 1), "in the last second");
        vm.prank(requester);
        rights.transferFrom(requester, stranger, token_);
        yes(rights.licensed(token_, buyer, LICENCE, at), "after a transfer");
    }

    function testFuzz_not_licensed_from_the_end_on(
        uint64 at
    ) public {
        uint256 token_ = registered();
        grant(token_, buyer, end);
        yes(!rights.licensed(token_, buyer, LICENCE, end), "at the end");
        yes(!rights.licensed(token_, buyer, LICENCE, uint64(bound(at, end, type(uint64).max))), "after it");
    }

    function test_not_licensed_otherwise() public {
        uint256 token_ = registered();
        Entries.Dataset memory entry = dataset(2);
        uint256 other = register(entry, 4);
        grant(token_, buyer, end);
        yes(!rights.licensed(other, buyer, LICENCE, end - 1), "token");
        yes(!rights.licensed(token_, stranger, LICENCE, end - 1), "licensee");
        yes(!rights.licensed(token_, requester, LICENCE, end - 1), "holder");
        yes(!rights.licensed(token_, buyer, keccak256("other"), end - 1), "licence");
    }

    function testFuzz_tokenOf_is_the_hash_of_campaign_and_root(
        bytes32 campaign,
        bytes32 root
    ) public view {
        same(rights.tokenOf(campaign, root), uint256(keccak256(abi.encodePacked(campaign, root))), "token");
    }
}
