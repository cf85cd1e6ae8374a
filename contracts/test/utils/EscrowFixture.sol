// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CampaignEscrow} from "../../src/CampaignEscrow.sol";
import {ICampaignEscrowTypes} from "../../src/ICampaignEscrowTypes.sol";
import {ProvenanceLog} from "../../src/ProvenanceLog.sol";
import {LocalToken} from "../../src/local/LocalToken.sol";
import {Base} from "./Base.sol";
import {PayrollReference} from "./PayrollReference.sol";
import {Signing} from "./Signing.sol";

/// @title A campaign with three workers, and the steps of its life as one-line functions.
abstract contract EscrowFixture is Base {
    uint256 internal constant START = 1_800_000_000;
    uint32 internal constant WINDOW = 2 days;
    uint40 internal constant DEADLINE = uint40(START + 30 days);
    uint64 internal constant LABEL_PRICE = 50_000;
    uint128 internal constant BOND = 7_000_000;
    uint256 internal constant BUDGET = 1_000_000_000;
    uint64 internal constant EVIDENCE = 5;
    uint256 internal constant REQUESTER_KEY = 0xA11CE;
    uint256 internal constant OPERATOR_KEY = 0x09E7;

    address internal requester = vm.addr(REQUESTER_KEY);
    address internal operator = vm.addr(OPERATOR_KEY);
    address internal arbiter = named("arbiter");
    address internal disputer = named("disputer");
    address internal stranger = named("stranger");
    address[3] internal workers = [named("worker 0"), named("worker 1"), named("worker 2")];

    ProvenanceLog internal log = new ProvenanceLog(operator);
    CampaignEscrow internal escrow = new CampaignEscrow(log);
    LocalToken internal token;
    ICampaignEscrowTypes.Terms internal terms;
    bytes32 internal id;
    uint32 internal lastEpoch; // of the last payroll that `post` posted
    bytes32 internal lastRoot;

    function setUp() public virtual {
        vm.warp(START);
        vm.prank(operator);
        log.anchor(EVIDENCE, "root", new bytes32[](0));
        use(new LocalToken());
    }

    /// @dev Terms in this token, and money and allowances for those who pay.
    function use(
        LocalToken token_
    ) internal {
        token = token_;
        terms = ICampaignEscrowTypes.Terms({
            requester: requester,
            operator: operator,
            arbiter: arbiter,
            token: address(token_),
            feeBps: 1_000,
            window: WINDOW,
            deadline: DEADLINE,
            bond: BOND,
            labelPrice: LABEL_PRICE,
            part: 0,
            brief: "brief"
        });
        id = escrow.idOf(terms);
        provide(requester, 10 * BUDGET);
        provide(disputer, 10 * BOND);
    }

    function provide(
        address account,
        uint256 amount
    ) internal {
        token.mint(account, amount);
        vm.prank(account);
        (bool done,) =
            address(token).call(abi.encodeCall(token.approve, (address(escrow), type(uint256).max)));
        yes(done, "approve"); // not every token answers
    }

    function deposit(
        uint256 amount
    ) internal {
        vm.prank(requester);
        escrow.deposit(terms, amount);
    }

    /// @dev Three positions with these amounts so far and increases.
    function positions(
        uint64[3] memory soFar,
        uint64[3] memory increase
    ) internal view returns (PayrollReference.Position[] memory list) {
        list = new PayrollReference.Position[](3);
        for (uint256 i; i < 3; ++i) {
            list[i] = PayrollReference.Position(workers[i], soFar[i], increase[i]);
        }
    }

    /// @dev The first payroll of most tests: 300, 200 and 100 million.
    function first() internal view returns (PayrollReference.Position[] memory) {
        uint64[3] memory none;
        return positions(none, [uint64(300_000_000), 200_000_000, 100_000_000]);
    }

    function post(
        PayrollReference.Position[] memory list
    ) internal returns (bytes32) {
        bytes memory entries = PayrollReference.pack(list);
        vm.prank(operator);
        lastRoot = escrow.post(terms, entries, EVIDENCE);
        lastEpoch = state().epoch;
        return lastRoot;
    }

    function dispute() internal {
        vm.prank(disputer);
        escrow.dispute(terms, lastEpoch, lastRoot, "reason");
    }

    function rule(
        bool uphold
    ) internal {
        vm.prank(arbiter);
        escrow.rule(terms, lastEpoch, lastRoot, uphold);
    }

    /// @dev A funded campaign whose first payroll has settled.
    function settledFirst() internal returns (PayrollReference.Position[] memory list) {
        deposit(BUDGET);
        list = first();
        post(list);
        vm.warp(block.timestamp + WINDOW);
        escrow.settle(terms);
    }

    function claim(
        PayrollReference.Position[] memory list,
        uint256 index
    ) internal returns (uint256) {
        bytes32[] memory path = PayrollReference.path(id, list, index);
        uint256 amount = uint256(list[index].soFar) + list[index].increase;
        vm.prank(stranger);
        return escrow.claim(terms, index, list[index].account, amount, path);
    }

    function state() internal view returns (ICampaignEscrowTypes.Campaign memory) {
        return escrow.campaign(id);
    }

    /// @dev Every word of the campaign, also those that were to stay as they were.
    function stateIs(
        ICampaignEscrowTypes.Campaign memory expected
    ) internal view {
        same(keccak256(abi.encode(state())), keccak256(abi.encode(expected)), "campaign");
    }

    /// @dev The first payroll is void as of now, and the campaign as if it had never been posted.
    function isVoid() internal view {
        ICampaignEscrowTypes.Campaign memory expected;
        expected.deposited = uint128(BUDGET);
        expected.epoch = 1;
        expected.idleSince = uint40(block.timestamp);
        stateIs(expected);
    }

    function stageIs(
        ICampaignEscrowTypes.Stage expected
    ) internal view {
        same(uint256(state().stage), uint256(expected), "stage");
    }

    /// @dev What the log's domain is by EIP-712.
    function logDomain() internal view returns (bytes32) {
        return Signing.domain("crowdledger", block.chainid, address(log));
    }

    /// @dev What the escrow's domain is by EIP-712.
    function escrowDomain() internal view returns (bytes32) {
        return Signing.domain("crowdledger escrow", block.chainid, address(escrow));
    }

    /// @dev r ‖ s ‖ v.
    function sign(
        uint256 key,
        bytes32 digest
    ) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function stated(
        address worker,
        uint256 amount,
        uint32 epoch
    ) internal view returns (ICampaignEscrowTypes.Statement memory) {
        return ICampaignEscrowTypes.Statement(id, worker, amount, epoch, "run");
    }

    /// @dev The operator's signature of a statement.
    function signed(
        ICampaignEscrowTypes.Statement memory statement
    ) internal view returns (bytes memory) {
        return sign(OPERATOR_KEY, Signing.statement(logDomain(), statement));
    }

    /// @dev A position with its path, as `claimMany` and `claimTo` take it.
    function claimOf(
        PayrollReference.Position[] memory list,
        uint256 index
    ) internal view returns (ICampaignEscrowTypes.Claim memory) {
        uint256 amount = uint256(list[index].soFar) + list[index].increase;
        bytes32[] memory path = PayrollReference.path(id, list, index);
        return ICampaignEscrowTypes.Claim(index, list[index].account, amount, path);
    }

    function accountIs(
        address account,
        uint256 paid,
        uint256 proven,
        uint256 statement,
        uint256 labels
    ) internal view {
        ICampaignEscrowTypes.Account memory a = escrow.accountOf(id, account);
        same(a.paid, paid, "paid");
        same(a.proven, proven, "proven");
        same(a.statement, statement, "statement");
        same(a.labels, labels, "labels");
    }

    /// @dev Expects the next call to revert with an error whose argument is an account or an id.
    function reverts(
        bytes4 selector,
        address a
    ) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, a));
    }

    function reverts(
        bytes4 selector,
        bytes32 a
    ) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, a));
    }

    /// @dev Expects this event of the escrow next, with all it says.
    function emits() internal {
        vm.expectEmit(true, true, true, true, address(escrow));
    }
}
