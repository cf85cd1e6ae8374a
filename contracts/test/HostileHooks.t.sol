// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {CampaignEscrow} from "../src/CampaignEscrow.sol";
import {ICampaignEscrowTypes} from "../src/ICampaignEscrowTypes.sol";
import {ProvenanceLog} from "../src/ProvenanceLog.sol";
import {Entries} from "../src/libraries/Entries.sol";
import {Heads} from "../src/libraries/Heads.sol";
import {EscrowFixture} from "./utils/EscrowFixture.sol";
import {HeadTree} from "./utils/HeadTree.sol";
import {LogTree} from "./utils/LogTree.sol";
import {PayrollReference} from "./utils/PayrollReference.sol";
import {CallbackToken, CallbackWatcher} from "./utils/Tokens.sol";

/// @dev A party that does what it is told, and whose signature is always right.
contract Party {
    function act(
        address target,
        bytes calldata data
    ) external returns (bool done, bytes memory answer) {
        (done, answer) = target.call(data);
    }

    function isValidSignature(
        bytes32,
        bytes calldata
    ) external pure returns (bytes4) {
        return this.isValidSignature.selector;
    }
}

/// @dev From every transfer the token calls `called` here, which tries every function as every party.
contract HostileHooksTest is EscrowFixture, CallbackWatcher {
    error Undone(bool done, bytes4 why);

    uint256 internal constant FUNCTIONS = 22;
    uint256 internal constant GUARDED = 12; // the first of them move money
    uint256 internal constant MONEY = (1 << GUARDED) - 1;
    uint256 internal constant NO_MONEY = ((1 << FUNCTIONS) - 1) ^ MONEY;
    uint256 internal constant NONE = type(uint256).max;

    Party[5] internal parties; // requester, operator, arbiter, disputer, worker 0
    PayrollReference.Position[] internal list;
    uint256 internal transfers;
    uint256 internal accepted; // functions that were let in, and undone: a bit for each
    uint256 internal intrusion; // the function that is not undone where it is let in
    uint256 internal intrusions; // those that were let in, and stayed: a bit for each
    Heads.Head[] internal heads;
    bytes32[] internal leaves; // the last is of the one label that no payroll has judged

    /// @dev The parties are contracts, so that they can act inside a callback.
    function setUp() public override {
        for (uint256 i; i < 5; ++i) {
            parties[i] = new Party();
        }
        super.setUp();
        (requester, operator, arbiter, disputer, workers[0]) =
        (
            address(parties[0]),
            address(parties[1]),
            address(parties[2]),
            address(parties[3]),
            address(parties[4])
        );
        list.push(PayrollReference.Position(workers[0], 0, 300_000_000));
        list.push(PayrollReference.Position(workers[1], 0, 200_000_000));
        list.push(PayrollReference.Position(workers[2], 0, 100_000_000));
    }

    /// @dev All that a party may call, with arguments that are right at some time of the campaign's life.
    function dataOf(
        uint256 f
    ) internal view returns (bytes memory) {
        if (f == 0) return abi.encodeCall(escrow.deposit, (terms, 10));
        if (f == 1) return abi.encodeCall(escrow.depositWithPermit, (terms, 10, 0, 0, 0, 0));
        if (f == 2) {
            return abi.encodeCall(escrow.depositWithAuthorization, (terms, 10, requester, 0, NONE, 0, 0, 0));
        }
        ICampaignEscrowTypes.Campaign memory c = state();
        if (f == 3) return abi.encodeCall(escrow.dispute, (terms, c.epoch, c.pendingRoot, "reason"));
        if (f == 4) return abi.encodeCall(escrow.disputeRedemption, (terms, workers[0], "reason"));
        if (f < 9) return claimData(f);
        if (f == 9) return abi.encodeCall(escrow.collectFee, (terms));
        if (f == 10) return abi.encodeCall(escrow.collectBond, (terms, operator));
        if (f == 11) return abi.encodeCall(escrow.refund, (terms));
        if (f == 12) return abi.encodeCall(escrow.post, (terms, PayrollReference.pack(list), EVIDENCE));
        if (f == 13) return abi.encodeCall(escrow.settle, (terms));
        if (f == 14) return abi.encodeCall(escrow.rule, (terms, c.epoch, c.pendingRoot, true));
        if (f < 18) return statedData(f);
        if (f == 18) {
            ICampaignEscrowTypes.AnchoredLabel[] memory anchored = new ICampaignEscrowTypes.AnchoredLabel[](1);
            bytes32[] memory proof = LogTree.inclusion(leaves, EVIDENCE, leaves.length);
            anchored[0] = ICampaignEscrowTypes.AnchoredLabel(label(), "signature", EVIDENCE, proof);
            return abi.encodeCall(escrow.redeemLabels, (terms, HeadTree.latest(heads), anchored));
        }
        if (f == 19) {
            ICampaignEscrowTypes.ReceiptedLabel[] memory labels = new ICampaignEscrowTypes.ReceiptedLabel[](1);
            labels[0] = ICampaignEscrowTypes.ReceiptedLabel(label(), "signature", EVIDENCE, 0, "signature");
            return abi.encodeCall(escrow.redeemReceipts, (terms, labels));
        }
        if (f == 20) return abi.encodeCall(escrow.ruleRedemption, (terms, workers[0], true));
        return abi.encodeCall(escrow.lapseRedemption, (terms, workers[0]));
    }

    function label() private view returns (Entries.Label memory entry) {
        (entry.campaign, entry.worker) = (id, workers[0]);
    }

    function claimData(
        uint256 f
    ) private view returns (bytes memory) {
        if (f == 5) {
            ICampaignEscrowTypes.Claim memory b = claimOf(list, 1);
            return abi.encodeCall(escrow.claim, (terms, b.index, b.account, b.amount, b.path));
        }
        if (f == 6) {
            ICampaignEscrowTypes.Claim[] memory many = new ICampaignEscrowTypes.Claim[](2);
            (many[0], many[1]) = (claimOf(list, 2), claimOf(list, 1));
            return abi.encodeCall(escrow.claimMany, (terms, many));
        }
        ICampaignEscrowTypes.Claim memory a = claimOf(list, 0);
        if (f == 7) return abi.encodeCall(escrow.claimTo, (terms, a, stranger));
        return abi.encodeCall(escrow.claimToBySignature, (terms, a, stranger, NONE, "signature"));
    }

    function statedData(
        uint256 f
    ) private view returns (bytes memory) {
        ICampaignEscrowTypes.Statement memory s = stated(workers[0], 350_000_000, 1);
        if (f == 15) {
            ICampaignEscrowTypes.Claim memory a = claimOf(list, 0);
            return abi.encodeCall(escrow.enforce, (terms, s, "signature", 0, a.amount, a.path));
        }
        if (f == 16) {
            return abi.encodeCall(escrow.enforceAbsent, (terms, s, "signature", PayrollReference.pack(list)));
        }
        return abi.encodeCall(escrow.redeem, (terms, s, "signature"));
    }

    /// @dev The token is about to move `value`, and asks nobody whether that is a good moment.
    function called(
        address from,
        address to,
        uint256 value
    ) external {
        ++transfers;
        checkBooks(from, to, value);
        for (uint256 f; f < FUNCTIONS; ++f) {
            for (uint256 p; p < 5; ++p) {
                tryAs(p, f, from, to, value);
            }
        }
        if (intrusion == NONE) return;
        for (uint256 p; p < 5; ++p) {
            (bool done,) = parties[p].act(address(escrow), dataOf(intrusion));
            if (done) intrusions |= 1 << intrusion;
        }
        checkBooks(from, to, value);
    }

    function tryAs(
        uint256 p,
        uint256 f,
        address from,
        address to,
        uint256 value
    ) private {
        try this.tryAndUndo(p, f, from, to, value) {
            revert NotTrue("it should have been undone");
        } catch (bytes memory why) {
            if (bytes4(why) != Undone.selector) {
                assembly ("memory-safe") {
                    revert(add(why, 0x20), mload(why))
                }
            }
            assembly ("memory-safe") {
                mstore(add(why, 4), sub(mload(why), 4))
                why := add(why, 4)
            }
            (bool done, bytes4 reason) = abi.decode(why, (bool, bytes4));
            if (done) accepted |= 1 << f;
            if (f >= GUARDED) return;
            bytes4 guard = ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector;
            yes(!done && reason == guard, "a function that moves money was let in");
        }
    }

    function tryAndUndo(
        uint256 p,
        uint256 f,
        address from,
        address to,
        uint256 value
    ) external {
        (bool done, bytes memory answer) = parties[p].act(address(escrow), dataOf(f));
        checkBooks(from, to, value);
        revert Undone(done, done ? bytes4(0) : bytes4(answer));
    }

    /// @dev The books are ahead of the balance by what is about to arrive, and behind by what is about to leave.
    function checkBooks(
        address from,
        address to,
        uint256 value
    ) internal view {
        uint256 balance = token.balanceOf(address(escrow));
        if (to == address(escrow)) balance += value;
        if (from == address(escrow)) balance -= value;
        ICampaignEscrowTypes.Campaign memory c = state();
        uint256 bonds = c.stage == ICampaignEscrowTypes.Stage.Disputed ? BOND : 0;
        for (uint256 i; i < 5; ++i) {
            bonds += escrow.bondOf(id, address(parties[i]));
        }
        (ICampaignEscrowTypes.Contest contest,) = escrow.contestOf(id, workers[0]);
        if (contest == ICampaignEscrowTypes.Contest.Open) bonds += BOND;
        same(balance, uint256(c.deposited) - c.claimed - c.feeCollected - c.refunded + bonds, "books");
        yes(c.claimed <= uint256(c.settledTotal) + c.reserved, "C <= T + X");
        yes(c.feeCollected <= uint256(c.settledTotal) / 10, "F <= fee(T)");
    }

    /// @dev A token, a campaign and a log of their own. The log has what the payroll judges, and a label after it.
    function begin() private {
        vm.warp(START);
        CallbackToken callback = new CallbackToken();
        log = new ProvenanceLog(operator);
        escrow = new CampaignEscrow(log);
        use(callback);
        delete heads;
        leaves = LogTree.leavesOf(EVIDENCE, 1);
        anchor(new bytes32[](0));
        leaves.push(Entries.leaf(label(), "signature"));
        anchor(LogTree.consistency(leaves, EVIDENCE, EVIDENCE + 1));
        callback.watch(this);
    }

    function anchor(
        bytes32[] memory proof
    ) private {
        uint64 size = uint64(leaves.length);
        heads.push(Heads.Head(size, LogTree.root(leaves, 0, size), uint64(block.timestamp)));
        vm.prank(operator);
        log.anchor(size, heads[heads.length - 1].root, proof);
    }

    /// @dev A life in which every function that moves money does so, and every other one could during some transfer.
    /// @return done The functions that were accepted, a bit for each.
    function live(
        uint256 intrusion_
    ) internal returns (uint256 done) {
        begin();
        (intrusion, intrusions, transfers, accepted) = (intrusion_, 0, 0, 0);
        deposit(BUDGET);
        for (uint256 f; f < 3; ++f) {
            done |= step(0, f);
        }
        step(1, 12);
        done |= step(3, 3);
        (lastEpoch, lastRoot) = (state().epoch, state().pendingRoot);
        if (intrusion_ == NONE) rule(false); // the bond is the operator's
        vm.warp(START + 4 * WINDOW);
        step(0, 0); // while the payroll may be settled
        step(0, 13);
        done |= step(4, 8);
        done |= step(0, 5);
        done |= step(0, 6);
        done |= step(0, 10);
        vm.warp(DEADLINE);
        done |= step(0, 9); // while what was promised may be redeemed
        step(4, 17);
        vm.warp(DEADLINE + WINDOW);
        done |= step(3, 4);
        vm.warp(DEADLINE + 3 * WINDOW);
        done |= step(4, 7);
        done |= step(0, 11);
    }

    function step(
        uint256 p,
        uint256 f
    ) internal returns (uint256) {
        (bool done,) = parties[p].act(address(escrow), dataOf(f));
        return done ? 1 << f : 0;
    }

    function test_every_function_from_every_transfer() public {
        same(live(NONE), MONEY, "every function that moves money did so");
        same(transfers, GUARDED + 2, "transfers: of those, and of two more deposits");
        same(accepted, NO_MONEY, "what moves no money is let in, or this shows nothing");
        checkBooks(address(0), address(0), 0);
    }

    /// @dev A function that is let in, and stays, in each transfer of a life: at the end all is fetched.
    function test_functions_that_move_no_money_in_the_middle_of_those_that_do() public {
        uint256 all;
        for (uint256 f = GUARDED; f < FUNCTIONS; ++f) {
            live(f);
            all |= intrusions;
            finish();
        }
        same(all, NO_MONEY, "each of them was let in once, and stayed");
    }

    /// @dev Nobody has more than it is due, and nothing is missing.
    function finish() private {
        vm.warp(DEADLINE + 6 * WINDOW);
        CallbackToken(address(token)).watch(CallbackWatcher(address(0)));
        for (uint256 f; f < FUNCTIONS; ++f) {
            step(f == 7 ? 4 : 0, f);
        }
        bytes memory redeemed = abi.encodeCall(escrow.claim, (terms, 0, workers[0], 0, new bytes32[](0)));
        parties[0].act(address(escrow), redeemed);
        step(0, 11); // the claims may have shown that less is reserved
        uint256[4] memory owners = [uint256(0), 1, 3, 4];
        for (uint256 i; i < 4; ++i) {
            bytes memory collect = abi.encodeCall(escrow.collectBond, (terms, address(parties[owners[i]])));
            parties[0].act(address(escrow), collect);
        }
        checkBooks(address(0), address(0), 0);
        same(token.balanceOf(address(escrow)), 0, "left over");
        ICampaignEscrowTypes.Account memory a = escrow.accountOf(id, workers[0]);
        uint256 labels = uint256(a.proven) + a.labels;
        yes(a.paid <= (a.statement > labels ? a.statement : labels), "paid more than it is due");
    }
}
