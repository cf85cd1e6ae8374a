// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ICampaignEscrow} from "./ICampaignEscrow.sol";
import {ICampaignEscrowTypes} from "./ICampaignEscrowTypes.sol";
import {ProvenanceLog} from "./ProvenanceLog.sol";
import {Entries} from "./libraries/Entries.sol";
import {Heads} from "./libraries/Heads.sol";

/// @title Who owns a dataset, and who may use it.
/// @notice One token for each version of a dataset that the log holds, minted to the requester once the campaign is
/// closed: its pay is settled and set aside. Its holder grants uses, under a licence and until a time. A grant cannot
/// be taken back before its end and outlives a transfer of the token. No owner, no upgrade, no burning.
contract DatasetRights is ERC721 {
    /// @notice Only the campaign's requester may register.
    error NotRequester(address caller, address requester);
    /// @notice The campaign is not closed: its pay is not settled yet.
    error NotClosed(bytes32 campaign);
    /// @notice The dataset is of another campaign, or of another owner.
    error OtherDataset(bytes32 campaign, address owner);
    /// @notice Only the token's holder may grant.
    error NotHolder(address caller, address holder);
    /// @notice A grant ends in the future, and later than the one that it replaces.
    error NotLonger(uint64 until, uint64 known);
    /// @notice Nobody is granted anything as the zero address.
    error NoLicensee();

    /// @notice A dataset version got its token. `manifest` is the digest of what it contains.
    event Registered(
        uint256 indexed token, bytes32 indexed campaign, address indexed owner, bytes32 root, bytes32 manifest
    );
    /// @notice `licensee` may use the dataset under `licence` until `until`.
    event Granted(uint256 indexed token, address indexed licensee, bytes32 indexed licence, uint64 until);

    /// @notice The escrow that says whether a campaign is closed, and which log counts.
    ICampaignEscrow public immutable escrow;
    /// @notice The log that holds the datasets: the escrow's.
    ProvenanceLog public immutable provenance;

    mapping(uint256 token => mapping(address licensee => mapping(bytes32 licence => uint64))) private _until;

    /// @param escrow_ The escrow of the campaigns.
    constructor(
        ICampaignEscrow escrow_
    ) ERC721("crowdledger dataset", "CLDS") {
        escrow = escrow_;
        provenance = escrow_.provenance();
    }

    /// @notice Mints the token of a dataset version. Only the campaign's requester may call, once for each root.
    /// @param entry The dataset version as it stands in the log; its owner is the requester.
    /// @param signature The owner's signature, as it stands in the log.
    /// @param index Position in the log.
    /// @param head An anchored head.
    /// @param proof Inclusion path under it (RFC 9162, 2.1.3).
    function register(
        ICampaignEscrowTypes.Terms calldata terms,
        Entries.Dataset calldata entry,
        bytes calldata signature,
        uint64 index,
        Heads.HeadProof calldata head,
        bytes32[] calldata proof
    ) external returns (uint256 token) {
        if (msg.sender != terms.requester) revert NotRequester(msg.sender, terms.requester);
        bytes32 id = escrow.idOf(terms);
        if (!escrow.campaign(id).closed) revert NotClosed(id);
        if (entry.campaign != id || entry.owner != msg.sender) {
            revert OtherDataset(entry.campaign, entry.owner);
        }
        // It reverts where the entry is not in the log; when it was anchored does not matter.
        // slither-disable-next-line unused-return
        provenance.proveDataset(entry, signature, index, head, proof);
        token = tokenOf(id, entry.root);
        emit Registered(token, id, msg.sender, entry.root, entry.manifest);
        _mint(msg.sender, token);
    }

    /// @notice Lets `licensee` use the dataset under a licence until a time. Only the holder may call.
    /// @param licence Digest of the licence's text.
    /// @param until First second in which it does not hold any more; never earlier than granted before.
    function grant(
        uint256 token,
        address licensee,
        bytes32 licence,
        uint64 until
    ) external {
        address holder = ownerOf(token);
        if (msg.sender != holder) revert NotHolder(msg.sender, holder);
        if (licensee == address(0)) revert NoLicensee();
        uint64 known = _until[token][licensee][licence];
        if (until <= block.timestamp || until <= known) revert NotLonger(until, known);
        _until[token][licensee][licence] = until;
        emit Granted(token, licensee, licence, until);
    }

    /// @notice Whether `licensee` may use the dataset under the licence at a time (now or later). Anyone may call.
    function licensed(
        uint256 token,
        address licensee,
        bytes32 licence,
        uint64 at
    ) external view returns (bool) {
        return at < _until[token][licensee][licence];
    }

    /// @notice The token of a dataset version: keccak256(abi.encode(campaign, root)).
    function tokenOf(
        bytes32 campaign,
        bytes32 root
    ) public pure returns (uint256) {
        return uint256(keccak256(abi.encode(campaign, root)));
    }
}
