// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {DatasetRights} from "../src/DatasetRights.sol";
import {ICampaignEscrowTypes} from "../src/ICampaignEscrowTypes.sol";
import {Entries} from "../src/libraries/Entries.sol";
import {Heads} from "../src/libraries/Heads.sol";
import {LocalToken} from "../src/local/LocalToken.sol";
import {EscrowFixture} from "./utils/EscrowFixture.sol";
import {GasMeter} from "./utils/GasMeter.sol";
import {HeadTree} from "./utils/HeadTree.sol";
import {PayrollReference} from "./utils/PayrollReference.sol";
import {Signing} from "./utils/Signing.sol";
import {UniformTree} from "./utils/UniformTree.sol";

/// @title What it costs to hold the operator to its word, and the rights in a dataset; the log has a million entries.
/// forge-config: default.isolate = true
contract GasRedeemTest is EscrowFixture, GasMeter {
    uint256 internal constant SIZE = 1_000_000;
    uint256 internal constant AT = 123_456;
    bytes internal constant SIGNATURE = abi.encodePacked(keccak256("r"), keccak256("s"));

    DatasetRights internal rights = new DatasetRights(escrow);
    UniformTree.Marked internal marked;

    /// @dev Entries 123,456 to 123,464: eight labels of worker 0, and a dataset.
    function setUp() public override {
        vm.warp(START);
        use(new LocalToken());
        marked.at = AT;
        for (uint256 i; i < 8; ++i) {
            marked.leaves.push(Entries.leaf(label(i), SIGNATURE));
        }
        marked.leaves.push(Entries.leaf(dataset(), SIGNATURE));
        bytes32 root = UniformTree.root(marked, SIZE);
        vm.prank(operator);
        log.anchor(uint64(SIZE), root, new bytes32[](0));
    }

    function label(
        uint256 i
    ) internal view returns (Entries.Label memory) {
        bytes32 item = keccak256(abi.encode("item", i));
        return Entries.Label(id, item, workers[0], keccak256(abi.encode("answer", i)), 0, uint64(START));
    }

    function dataset() internal view returns (Entries.Dataset memory) {
        bytes32 root = keccak256("records");
        return
            Entries.Dataset(
                keccak256("dataset"), id, 1, root, keccak256("manifest"), requester, uint64(START)
            );
    }

    function head() internal view returns (Heads.HeadProof memory) {
        Heads.Head[] memory heads = new Heads.Head[](1);
        heads[0] = Heads.Head(uint64(SIZE), UniformTree.root(marked, SIZE), uint64(START));
        return HeadTree.proof(heads, 0);
    }

    function path(
        uint256 index
    ) internal view returns (bytes32[] memory) {
        return UniformTree.inclusion(marked, index, SIZE);
    }

    function signedByOperator(
        bytes32 digest
    ) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(OPERATOR_KEY, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev That worker 0 has earned `amount` in all.
    function statement(
        uint256 amount
    ) internal view returns (ICampaignEscrowTypes.Statement memory one, bytes memory signature) {
        one = ICampaignEscrowTypes.Statement(id, workers[0], amount, 1, keccak256("run"));
        signature = signedByOperator(Signing.statement(log.domainSeparator(), one));
    }

    function crowd(
        uint256 count
    ) internal view returns (PayrollReference.Position[] memory list) {
        list = new PayrollReference.Position[](count);
        for (uint256 i; i < count; ++i) {
            list[i] =
                PayrollReference.Position(address(uint160(uint256(keccak256(abi.encode(i))))), 0, 50_000);
        }
        list[9].account = workers[0];
    }

    function test_enforce() public {
        deposit(BUDGET);
        PayrollReference.Position[] memory list = crowd(1_000);
        post(list);
        (ICampaignEscrowTypes.Statement memory one, bytes memory signature) = statement(50_001);
        escrow.enforce(terms, one, signature, 9, 50_000, PayrollReference.path(id, list, 9));
        measure("enforce, by workers", 1_000, 65_500);
    }

    function test_enforceAbsent() public {
        deposit(BUDGET);
        PayrollReference.Position[] memory list = crowd(1_000);
        list[9].account = stranger;
        post(list);
        (ICampaignEscrowTypes.Statement memory one, bytes memory signature) = statement(1);
        escrow.enforceAbsent(terms, one, signature, PayrollReference.pack(list));
        measure("enforceAbsent, by workers", 1_000, 1_263_000);
    }

    function test_redeem() public {
        deposit(BUDGET);
        (ICampaignEscrowTypes.Statement memory one, bytes memory signature) = statement(50_001);
        vm.warp(DEADLINE);
        vm.prank(workers[0]);
        escrow.redeem(terms, one, signature);
        measure("redeem", 1, 96_500);
        vm.warp(DEADLINE + 2 * WINDOW);
        escrow.claim(terms, 0, workers[0], 0, new bytes32[](0));
        measure("claim of what was redeemed", 1, 87_500);
    }

    function redeemLabels(
        uint256 low,
        uint256 high
    ) internal {
        ICampaignEscrowTypes.AnchoredLabel[] memory labels =
            new ICampaignEscrowTypes.AnchoredLabel[](high - low);
        for (uint256 i = low; i < high; ++i) {
            labels[i - low] =
                ICampaignEscrowTypes.AnchoredLabel(label(i), SIGNATURE, uint64(AT + i), path(AT + i));
        }
        Heads.HeadProof memory proof = head();
        vm.prank(workers[0]);
        escrow.redeemLabels(terms, proof, labels);
    }

    function test_redeemLabels() public {
        deposit(BUDGET);
        vm.warp(DEADLINE);
        redeemLabels(0, 1);
        measure("redeemLabels, the first", 1, 147_000);
        redeemLabels(1, 8);
        measure("redeemLabels, further", 7, 434_000);
    }

    function redeemReceipts(
        uint256 low,
        uint256 high
    ) internal {
        ICampaignEscrowTypes.ReceiptedLabel[] memory labels =
            new ICampaignEscrowTypes.ReceiptedLabel[](high - low);
        bytes32 domain = log.domainSeparator();
        for (uint256 i = low; i < high; ++i) {
            bytes32 leaf = Entries.leaf(label(i), SIGNATURE);
            uint64 at = uint64(i);
            bytes memory receipt = signedByOperator(Signing.receipt(domain, leaf, at, uint64(START)));
            labels[i - low] =
                ICampaignEscrowTypes.ReceiptedLabel(label(i), SIGNATURE, at, uint64(START), receipt);
        }
        vm.prank(workers[0]);
        escrow.redeemReceipts(terms, labels);
    }

    function test_redeemReceipts() public {
        deposit(BUDGET);
        vm.warp(DEADLINE);
        redeemReceipts(0, 1);
        measure("redeemReceipts, the first", 1, 125_500);
        redeemReceipts(1, 8);
        measure("redeemReceipts, further", 7, 312_500);
    }

    /// @dev A redemption, disputed.
    function contested() internal {
        deposit(BUDGET);
        vm.warp(DEADLINE);
        redeemReceipts(0, 1);
        vm.warp(DEADLINE + WINDOW);
        vm.prank(disputer);
        escrow.disputeRedemption(terms, workers[0], "reason");
    }

    function test_ruleRedemption() public {
        contested();
        measure("disputeRedemption", 1, 84_000);
        vm.prank(arbiter);
        escrow.ruleRedemption(terms, workers[0], true);
        measure("ruleRedemption: void", 1, 67_500);
    }

    function test_ruleRedemption_that_it_stands() public {
        contested();
        vm.prank(arbiter);
        escrow.ruleRedemption(terms, workers[0], false);
        measure("ruleRedemption: stands", 1, 65_500);
    }

    function test_lapseRedemption() public {
        contested();
        vm.warp(DEADLINE + 3 * WINDOW);
        escrow.lapseRedemption(terms, workers[0]);
        measure("lapseRedemption", 1, 65_500);
    }

    function test_rights() public {
        deposit(BUDGET);
        vm.warp(DEADLINE + WINDOW);
        escrow.refund(terms);
        Heads.HeadProof memory proof = head();
        bytes32[] memory siblings = path(AT + 8);
        vm.startPrank(requester);
        uint256 one = rights.register(terms, dataset(), SIGNATURE, uint64(AT + 8), proof, siblings);
        measure("register", 1, 146_500);
        rights.grant(one, stranger, keccak256("licence"), uint64(DEADLINE + 365 days));
        measure("grant", 1, 51_500);
    }
}
