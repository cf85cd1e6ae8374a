// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ICampaignEscrowTypes} from "../src/ICampaignEscrowTypes.sol";
import {LocalToken} from "../src/local/LocalToken.sol";
import {EscrowFixture} from "./utils/EscrowFixture.sol";
import {GasMeter} from "./utils/GasMeter.sol";
import {PayrollReference} from "./utils/PayrollReference.sol";
import {Signing} from "./utils/Signing.sol";

/// @dev A token that can be paid in by signature, as USDC can.
contract AuthorizedToken is ERC3009 {
    bytes32 public constant RECEIVE = RECEIVE_WITH_AUTHORIZATION_TYPEHASH;

    constructor() ERC20("Authorized", "AUTH") EIP712("Authorized", "1") {}

    function mint(
        address account,
        uint256 amount
    ) external {
        _mint(account, amount);
    }

    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }
}

/// @title What money in and out costs, for payrolls of 100 and 1,000 workers.
/// forge-config: default.isolate = true
contract GasTest is EscrowFixture, GasMeter {
    bytes32 internal constant PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    uint256 internal constant WORKER_KEY = 0x30B;

    function crowd(
        uint256 count,
        uint64 soFar,
        uint64 increase
    ) internal pure returns (PayrollReference.Position[] memory list) {
        list = new PayrollReference.Position[](count);
        for (uint256 i; i < count; ++i) {
            address account = address(uint160(uint256(keccak256(abi.encode(i)))));
            list[i] = PayrollReference.Position(account, soFar, increase);
        }
        list[7].account = vm.addr(WORKER_KEY);
    }

    function test_deposits() public {
        deposit(BUDGET);
        measure("first deposit", 1, 110_000);
        deposit(BUDGET);
        measure("further deposit", 1, 55_500);
    }

    function test_a_deposit_with_permit() public {
        vm.prank(requester);
        token.approve(address(escrow), 0);
        bytes memory permit =
            abi.encode(PERMIT, requester, address(escrow), BUDGET, uint256(0), uint256(DEADLINE));
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(REQUESTER_KEY, Signing.typed(token.DOMAIN_SEPARATOR(), permit));
        vm.prank(requester);
        escrow.depositWithPermit(terms, BUDGET, DEADLINE, v, r, s);
        measure("first deposit with a permit", 1, 131_000);
    }

    function test_a_deposit_with_an_authorization() public {
        AuthorizedToken authorized = new AuthorizedToken();
        use(LocalToken(address(authorized)));
        bytes memory authorization = abi.encode(
            authorized.RECEIVE(), requester, address(escrow), BUDGET, uint256(0), uint256(DEADLINE), id
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(REQUESTER_KEY, Signing.typed(authorized.domainSeparator(), authorization));
        vm.prank(stranger);
        escrow.depositWithAuthorization(terms, BUDGET, requester, 0, DEADLINE, v, r, s);
        measure("first deposit with an authorization", 1, 128_000);
    }

    function test_payrolls_of_100() public {
        lifeOf(100, 277_000, 281_000, 70_000);
    }

    function test_payrolls_of_1000() public {
        lifeOf(1_000, 1_184_000, 135_000 + 1_400 * 1_000, 72_000);
    }

    /// @dev Two payrolls in which everybody earns, and claims of both.
    function lifeOf(
        uint256 count,
        uint256 firstBar,
        uint256 furtherBar,
        uint256 claimBar
    ) internal {
        deposit(BUDGET);
        announce("first post + settle, by workers", count, postAndSettle(crowd(count, 0, 50_000)), firstBar);
        PayrollReference.Position[] memory list = crowd(count, 0, 50_000);
        claim(list, 9);
        measure("first claim, by workers", count, 107_000);
        claimMany(list, 0, 9);
        claimMany(list, 10, count < 110 ? count : 110);
        list = crowd(count, 50_000, 60_000);
        announce("post + settle of returning workers", count, postAndSettle(list), furtherBar);
        claim(list, 9);
        measure("further claim, by workers", count, claimBar);
        claimMany(list, 10, count < 110 ? count : 110);
        claimElsewhere(list);
        fee();
    }

    function postAndSettle(
        PayrollReference.Position[] memory list
    ) internal returns (uint256 used) {
        bytes memory entries = PayrollReference.pack(list);
        vm.prank(operator);
        escrow.post(terms, entries, EVIDENCE);
        used = lastGas();
        vm.warp(block.timestamp + WINDOW);
        escrow.settle(terms);
        uint256 settling = lastGas();
        announce("settle, by workers", list.length, settling, list[0].soFar == 0 ? 61_000 : 43_500);
        return used + settling;
    }

    function claims(
        PayrollReference.Position[] memory list,
        uint256 low,
        uint256 high
    ) internal view returns (ICampaignEscrowTypes.Claim[] memory all) {
        all = new ICampaignEscrowTypes.Claim[](high - low);
        for (uint256 i = low; i < high; ++i) {
            uint256 amount = uint256(list[i].soFar) + list[i].increase;
            bytes32[] memory path = PayrollReference.path(id, list, i);
            all[i - low] = ICampaignEscrowTypes.Claim(i, list[i].account, amount, path);
        }
    }

    function claimMany(
        PayrollReference.Position[] memory list,
        uint256 low,
        uint256 high
    ) internal {
        ICampaignEscrowTypes.Claim[] memory all = claims(list, low, high);
        bool again = list[low].soFar != 0;
        uint256 paid = escrow.claimMany(terms, all);
        uint256 used = lastGas() / all.length;
        same(paid, all.length * (again ? 60_000 : 50_000), "paid");
        if (again) announce("claimMany, further, a worker", all.length, used, 36_000);
        else announce("claimMany, first, a worker", all.length, used, 69_500);
    }

    /// @dev Positions 7, whose key is known, and 8; both have claimed before.
    function claimElsewhere(
        PayrollReference.Position[] memory list
    ) internal {
        ICampaignEscrowTypes.Claim[] memory two = claims(list, 7, 9);
        vm.prank(two[1].account);
        escrow.claimTo(terms, two[1], stranger);
        measure("further claimTo, by workers", list.length, 91_000);
        bytes32 digest =
            Signing.claimTo(escrow.domainSeparator(), id, two[0].account, stranger, 110_000, DEADLINE);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(WORKER_KEY, digest);
        escrow.claimToBySignature(terms, two[0], stranger, DEADLINE, abi.encodePacked(r, s, v));
        measure("further claimToBySignature, by workers", list.length, 84_000);
    }

    function fee() internal {
        escrow.collectFee(terms);
        measure("collectFee", 1, 88_500);
    }

    function test_a_dispute_that_is_upheld() public {
        deposit(BUDGET);
        post(first());
        dispute();
        measure("dispute", 1, 86_500);
        rule(true);
        measure("rule: void", 1, 63_500);
        escrow.collectBond(terms, disputer);
        measure("collectBond", 1, 48_500);
        vm.warp(DEADLINE + WINDOW);
        escrow.refund(terms);
        measure("refund", 1, 76_500);
    }

    function test_a_dispute_that_is_not() public {
        deposit(BUDGET);
        post(first());
        dispute();
        rule(false);
        measure("rule: stands", 1, 65_500);
    }
}
