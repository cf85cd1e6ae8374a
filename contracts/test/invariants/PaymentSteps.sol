// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICampaignEscrowTypes} from "../../src/ICampaignEscrowTypes.sol";
import {PayrollReference} from "../utils/PayrollReference.sol";
import {Signing} from "../utils/Signing.sol";
import {AuthorizedToken} from "../utils/Tokens.sol";
import {RedemptionSteps} from "./RedemptionSteps.sol";

/// @dev All ways in and out: deposits, claims, fees, bonds, refunds.
abstract contract PaymentSteps is RedemptionSteps {
    function stepDeposit(
        uint256 by,
        uint256 campaign,
        uint256 amount,
        uint256 way
    ) external {
        uint256 k = campaign % CAMPAIGNS;
        Ghost storage g = ghosts[k];
        address caller = someone(by, requester);
        amount = amount % 2_000_000;
        bool allowed = amount != 0 && block.timestamp < g.terms.deadline;
        bytes memory data = way % 2 == 0
            ? abi.encodeCall(escrow.deposit, (g.terms, amount))
            : abi.encodeCall(escrow.depositWithPermit, (g.terms, amount, block.timestamp, 27, "r", "s"));
        attempt(caller, data, allowed, "deposit");
        g.deposited += amount;
        take(k, caller, amount);
        paidIn[g.terms.token][caller] += amount;
        stamp(k);
    }

    /// @dev One deposit by authorization for each worker and campaign: the id of the campaign is the nonce.
    function stepDepositWithAuthorization(
        uint256 by,
        uint256 campaign,
        uint256 amount,
        uint256 from
    ) external {
        uint256 k = campaign % CAMPAIGNS;
        Ghost storage g = ghosts[k];
        amount = amount % 100_000;
        from = from % WORKERS;
        bool used = AuthorizedToken(g.terms.token).authorizationState(actors[from], g.id);
        bytes memory data = authorized(g, from, amount);
        bool allowed = amount != 0 && block.timestamp < g.terms.deadline && !used;
        attempt(someone(by, stranger), data, allowed, "depositWithAuthorization");
        g.deposited += amount;
        take(k, actors[from], amount);
        paidIn[g.terms.token][actors[from]] += amount;
        stamp(k);
    }

    function authorized(
        Ghost storage g,
        uint256 from,
        uint256 amount
    ) private view returns (bytes memory) {
        uint256 until = block.timestamp + 1;
        bytes memory fields = abi.encode(
            keccak256(
                "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
            ),
            actors[from],
            address(escrow),
            amount,
            0,
            until,
            g.id
        );
        bytes32 digest = Signing.typed(AuthorizedToken(g.terms.token).domainSeparator(), fields);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(workerKey(from), digest);
        return
            abi.encodeCall(
                escrow.depositWithAuthorization, (g.terms, amount, actors[from], 0, until, v, r, s)
            );
    }

    /// @dev A position of the settled payroll, or what was redeemed without one; or a lie about it.
    function stepClaim(
        uint256 by,
        uint256 campaign,
        uint256 index,
        uint256 lie
    ) external {
        uint256 k = settledOne(campaign);
        follow(k);
        ICampaignEscrowTypes.Claim memory one = claimOf(k, rich(k, index));
        uint256 due = bookClaim(k, one.account, one.amount);
        bool honest = lie % 8 != 0 || !distort(k, one, lie / 8);
        bytes memory data =
            abi.encodeCall(escrow.claim, (ghosts[k].terms, one.index, one.account, one.amount, one.path));
        bytes memory answer = attempt(someone(by, one.account), data, honest && due != 0, "claim");
        same(abi.decode(answer, (uint256)), due, "claim pays");
        pay(k, one.account, due);
        stamp(k);
    }

    /// @dev A campaign with something settled, if there is one.
    function settledOne(
        uint256 seed
    ) internal view returns (uint256 k) {
        for (uint256 i; i < CAMPAIGNS; ++i) {
            k = (seed % CAMPAIGNS + i) % CAMPAIGNS;
            if (ghosts[k].settled.length != 0 || isDue(ghosts[k])) return k;
        }
    }

    /// @dev A claim that pays if there is one from there on, mostly; else any.
    function rich(
        uint256 k,
        uint256 seed
    ) private view returns (uint256 which) {
        uint256 settled = ghosts[k].settled.length;
        uint256 count = settled + ACCOUNTS;
        if (seed % 8 == 0) return seed / 8;
        for (uint256 i; i < count; ++i) {
            which = (seed % count + i) % count;
            bool more = which < settled
                ? ghosts[k].settled[which].soFar > holders[k][ghosts[k].settled[which].account].paid
                : shareOf(k, actors[which - settled]) != 0;
            if (more) break;
        }
    }

    /// @dev Positions first, then all accounts without one.
    function claimOf(
        uint256 k,
        uint256 which
    ) internal view returns (ICampaignEscrowTypes.Claim memory one) {
        PayrollReference.Position[] memory list = ghosts[k].settled;
        which = which % (list.length + actors.length);
        if (which >= list.length) {
            one.account = actors[which - list.length];
            return one;
        }
        one = ICampaignEscrowTypes.Claim(which, list[which].account, list[which].soFar, new bytes32[](0));
        if (one.amount != 0) one.path = PayrollReference.path(ghosts[k].id, list, which);
    }

    /// @dev Makes a claim untrue; false if there is nothing to be untrue about.
    function distort(
        uint256 k,
        ICampaignEscrowTypes.Claim memory one,
        uint256 kind
    ) private view returns (bool) {
        kind = kind % 6;
        PayrollReference.Position[] memory list = ghosts[k].pending;
        if (kind == 5 && list.length != 0 && ghosts[k].pendingRoot != ghosts[k].settledRoot) {
            uint256 index = one.index % list.length;
            uint256 amount = uint256(list[index].soFar) + list[index].increase;
            if (amount == 0) return false;
            (one.index, one.account, one.amount) = (index, list[index].account, amount);
            one.path = PayrollReference.path(ghosts[k].id, list, index);
            return true;
        }
        if (one.amount == 0) return false;
        if (kind == 0 || one.amount == 1) ++one.amount;
        else if (kind == 1) ++one.index;
        else if (kind == 2) one.account = stranger;
        else if (kind == 3) one.path = new bytes32[](one.path.length + 1);
        else --one.amount;
        return true;
    }

    function stepClaimMany(
        uint256 by,
        uint256 campaign,
        uint256 whose
    ) external {
        uint256 k = settledOne(campaign);
        follow(k);
        vm.assume(claimMany(k, someone(by, stranger), whose) != 0);
    }

    /// @dev The claims whose bits are set, in one call; several of the same account if it has several positions.
    function claimMany(
        uint256 k,
        address caller,
        uint256 whose
    ) internal returns (uint256 sum) {
        uint256 count = ghosts[k].settled.length + actors.length;
        ICampaignEscrowTypes.Claim[] memory all = new ICampaignEscrowTypes.Claim[](count);
        uint256 chosen;
        for (uint256 i; i < count; ++i) {
            if ((whose >> i) & 1 == 0) continue;
            ICampaignEscrowTypes.Claim memory one = claimOf(k, i);
            all[chosen++] = one;
            uint256 due = bookClaim(k, one.account, one.amount);
            pay(k, one.account, due);
            sum += due;
        }
        assembly ("memory-safe") {
            mstore(all, chosen)
        }
        bytes memory answer =
            attempt(caller, abi.encodeCall(escrow.claimMany, (ghosts[k].terms, all)), true, "claimMany");
        same(abi.decode(answer, (uint256)), sum, "claimMany pays");
        stamp(k);
    }

    /// @dev Money to another receiver: the account's own call.
    function stepClaimTo(
        uint256 by,
        uint256 campaign,
        uint256 index,
        uint256 receiver
    ) external {
        uint256 k = settledOne(campaign);
        follow(k);
        ICampaignEscrowTypes.Claim memory one = claimOf(k, rich(k, index));
        address to = receiverFrom(receiver);
        uint256 due = bookClaim(k, one.account, one.amount);
        address caller = someone(by, one.account);
        bool allowed = due != 0 && caller == one.account && to != address(0) && to != address(escrow);
        attempt(caller, abi.encodeCall(escrow.claimTo, (ghosts[k].terms, one, to)), allowed, "claimTo");
        pay(k, to, due);
        stamp(k);
    }

    /// @dev Money to another receiver: anyone's call with the account's signature, which may be old or about another
    /// amount.
    function stepClaimToBySignature(
        uint256 by,
        uint256 campaign,
        uint256 index,
        uint256 receiver,
        uint256 lie
    ) external {
        uint256 k = settledOne(campaign);
        follow(k);
        ICampaignEscrowTypes.Claim memory one =
            claimOf(k, rich(k, index) % (ghosts[k].settled.length + ACCOUNTS));
        address to = receiverFor(one.account, receiver);
        uint256 due = bookClaim(k, one.account, one.amount);
        uint256 until = lie % 8 == 1 ? block.timestamp - 1 : block.timestamp;
        bytes memory signature =
            consent(k, one.account, to, holders[k][one.account].paid + (lie % 8 == 0 ? 1 : 0), until);
        bool allowed = due != 0 && lie % 8 > 1 && to != address(0) && to != address(escrow);
        bytes memory data =
            abi.encodeCall(escrow.claimToBySignature, (ghosts[k].terms, one, to, until, signature));
        attempt(someone(by, stranger), data, allowed, "claimToBySignature");
        pay(k, to, due);
        stamp(k);
    }

    /// @dev To whom an account lets its money go with its signature.
    function receiverFor(
        address,
        uint256 seed
    ) internal view virtual returns (address) {
        return receiverFrom(seed);
    }

    function receiverFrom(
        uint256 seed
    ) internal view returns (address) {
        if (seed % 16 == 0) return address(0);
        return seed % 16 == 1 ? address(escrow) : actors[seed % actors.length];
    }

    function consent(
        uint256 k,
        address account,
        address to,
        uint256 amount,
        uint256 until
    ) private view returns (bytes memory) {
        uint256 key = account == operator ? OPERATOR_KEY : 0;
        for (uint256 i; i < WORKERS; ++i) {
            if (account == actors[i]) key = workerKey(i);
        }
        return
            signedBy(key, Signing.claimTo(escrow.domainSeparator(), ghosts[k].id, account, to, amount, until));
    }

    function stepCollectFee(
        uint256 by,
        uint256 campaign
    ) external {
        uint256 k = campaign % CAMPAIGNS;
        follow(k);
        collectFee(k, someone(by, operator));
    }

    function collectFee(
        uint256 k,
        address caller
    ) internal {
        Ghost storage g = ghosts[k];
        uint256 due = feeOf(g, g.total) - g.fees;
        attempt(caller, abi.encodeCall(escrow.collectFee, (g.terms)), due != 0, "collectFee");
        g.fees += due;
        feesPaid[g.terms.token] += due;
        pay(k, operator, due);
        stamp(k);
    }

    function stepCollectBond(
        uint256 by,
        uint256 campaign,
        uint256 whose
    ) external {
        uint256 k = campaign % CAMPAIGNS;
        follow(k);
        collectBond(k, someone(by, stranger), actors[whose % actors.length]);
    }

    function collectBond(
        uint256 k,
        address caller,
        address account
    ) internal {
        uint256 due = holders[k][account].bond;
        bytes memory data = abi.encodeCall(escrow.collectBond, (ghosts[k].terms, account));
        attempt(caller, data, due != 0, "collectBond");
        holders[k][account].bond = 0;
        ghosts[k].bonds -= due;
        pay(k, account, due);
        stamp(k);
    }

    function stepRefund(
        uint256 by,
        uint256 campaign
    ) external {
        uint256 k = campaign % CAMPAIGNS;
        follow(k);
        refund(k, someone(by, requester));
    }

    function refund(
        uint256 k,
        address caller
    ) internal {
        Ghost storage g = ghosts[k];
        bool allowed;
        uint256 due;
        if (isSilent(g)) {
            uint256 held = reserved(k);
            uint256 rest = available(g);
            due = (held < rest ? rest - held : 0) - g.refunded;
            allowed = block.timestamp >= afterSilence(g, held == 0 ? 1 : 3) && (!g.closed || due != 0);
        }
        attempt(caller, abi.encodeCall(escrow.refund, (g.terms)), allowed, "refund");
        g.closed = true;
        g.refunded += due;
        refundsPaid[g.terms.token] += due;
        pay(k, requester, due);
        stamp(k);
    }
}
