"""The money of all campaigns (contracts/src/CampaignEscrow.sol); its interface says who may call what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, replace

from ledger_service.chain.client import ChainClient, Tag
from ledger_service.chain.contract import Artifacts, Contract, artifact
from ledger_service.chain.escrow_types import (
    Account,
    AnchoredLabel,
    CampaignState,
    Claim,
    Contest,
    ReceiptedLabel,
    Stage,
)
from ledger_service.entries import Statement
from ledger_service.heads import HeadProof
from ledger_service.terms import Terms


class CampaignEscrow(Contract):
    """The escrow: calldata of its functions, and what its views say."""

    name = "CampaignEscrow"

    @classmethod
    def creation(cls, artifacts: Artifacts, provenance_log: str) -> bytes:
        """Creates the contract; `provenance_log` must exist."""
        return artifact(artifacts, cls.name).creation(provenance_log)

    def deposit(self, terms: Terms, amount: int) -> bytes:
        """Funds a campaign from the caller's allowance."""
        return self.artifact.call("deposit", astuple(terms), amount)

    def deposit_with_permit(
        self, terms: Terms, amount: int, permit_deadline: int, v: int, r: bytes, s: bytes
    ) -> bytes:
        """Funds a campaign with the caller's ERC-2612 permit for `amount`."""
        return self.artifact.call("depositWithPermit", astuple(terms), amount, permit_deadline, v, r, s)

    def deposit_with_authorization(
        self,
        terms: Terms,
        amount: int,
        payer: str,
        valid_after: int,
        valid_before: int,
        v: int,
        r: bytes,
        s: bytes,
    ) -> bytes:
        """Funds a campaign with `payer`'s ERC-3009 authorization, whose nonce is the campaign's id."""
        return self.artifact.call(
            "depositWithAuthorization", astuple(terms), amount, payer, valid_after, valid_before, v, r, s
        )

    def post(self, terms: Terms, entries: bytes, evidence: int) -> bytes:
        """Posts a payroll: `entries` packed (`payroll.encode_entries`); `evidence` is how many entries of the
        log it was computed from, at most the size of the latest anchored head."""
        return self.artifact.call("post", astuple(terms), entries, evidence)

    def settle(self, terms: Terms) -> bytes:
        """Settles the pending payroll, once its window has passed."""
        return self.artifact.call("settle", astuple(terms))

    def dispute(self, terms: Terms, epoch: int, root: bytes, reason: bytes) -> bytes:
        """Disputes payroll `epoch` with this root, if it is the pending one; `reason` is a digest."""
        return self.artifact.call("dispute", astuple(terms), epoch, root, reason)

    def rule(self, terms: Terms, epoch: int, root: bytes, *, uphold: bool) -> bytes:
        """Decides the dispute of payroll `epoch` with this root: upheld, it is void.

        Both are those of the payroll that was judged, never what the chain says when the call is made.
        """
        return self.artifact.call("rule", astuple(terms), epoch, root, uphold)

    def enforce(
        self,
        terms: Terms,
        statement: Statement,
        signature: bytes,
        index: int,
        amount: int,
        path: Sequence[bytes],
    ) -> bytes:
        """Voids the pending payroll, which gives `statement.worker`, at position `index`, too small an
        `amount`; `signature` is the operator's on the statement."""
        return self.artifact.call(
            "enforce", astuple(terms), astuple(statement), signature, index, amount, list(path)
        )

    def enforce_absent(self, terms: Terms, statement: Statement, signature: bytes, entries: bytes) -> bytes:
        """Voids the pending payroll, whose table (as posted) gives the worker too little in all."""
        return self.artifact.call("enforceAbsent", astuple(terms), astuple(statement), signature, entries)

    def redeem(self, terms: Terms, statement: Statement, signature: bytes) -> bytes:
        """Demands what the operator's statement says, of an operator that posts no payroll any more."""
        return self.artifact.call("redeem", astuple(terms), astuple(statement), signature)

    def redeem_labels(self, terms: Terms, head: HeadProof, labels: Sequence[AnchoredLabel]) -> bytes:
        """Demands the price of labels of the caller's that are in the log and that no payroll has judged."""
        return self.artifact.call(
            "redeemLabels", astuple(terms), astuple(head), [astuple(label) for label in labels]
        )

    def redeem_receipts(self, terms: Terms, labels: Sequence[ReceiptedLabel]) -> bytes:
        """Demands the price of labels of the caller's that the operator took and kept out of the log."""
        return self.artifact.call("redeemReceipts", astuple(terms), [astuple(label) for label in labels])

    def dispute_redemption(self, terms: Terms, account: str, reason: bytes) -> bytes:
        """Disputes what an account has redeemed; `reason` is a digest."""
        return self.artifact.call("disputeRedemption", astuple(terms), account, reason)

    def rule_redemption(self, terms: Terms, account: str, *, uphold: bool) -> bytes:
        """Decides such a dispute: upheld, the account redeems nothing."""
        return self.artifact.call("ruleRedemption", astuple(terms), account, uphold)

    def lapse_redemption(self, terms: Terms, account: str) -> bytes:
        """Ends such a dispute, on which the arbiter was silent: the redemption stands."""
        return self.artifact.call("lapseRedemption", astuple(terms), account)

    def claim(self, terms: Terms, claim: Claim) -> bytes:
        """Sends one account what it is due."""
        return self.artifact.call(
            "claim", astuple(terms), claim.index, claim.account, claim.amount, list(claim.path)
        )

    def claim_many(self, terms: Terms, claims: Sequence[Claim]) -> bytes:
        """Sends several accounts what they are due."""
        return self.artifact.call("claimMany", astuple(terms), [astuple(claim) for claim in claims])

    def claim_to(self, terms: Terms, claim: Claim, to: str) -> bytes:
        """Sends what `claim.account`, who calls, is due to another account."""
        return self.artifact.call("claimTo", astuple(terms), astuple(claim), to)

    def claim_to_by_signature(
        self, terms: Terms, claim: Claim, to: str, valid_until: int, signature: bytes
    ) -> bytes:
        """`claim_to` by anybody, with the account's signature on `ClaimTo`."""
        return self.artifact.call(
            "claimToBySignature", astuple(terms), astuple(claim), to, valid_until, signature
        )

    def collect_fee(self, terms: Terms) -> bytes:
        """Sends the operator its fee on what is settled."""
        return self.artifact.call("collectFee", astuple(terms))

    def collect_bond(self, terms: Terms, account: str) -> bytes:
        """Sends an account the bonds that disputes have left it."""
        return self.artifact.call("collectBond", astuple(terms), account)

    def refund(self, terms: Terms) -> bytes:
        """Sends the requester the rest, after the deadline and its windows."""
        return self.artifact.call("refund", astuple(terms))

    def campaign(self, client: ChainClient, campaign: bytes, at: Tag = "latest") -> CampaignState:
        """The state of a campaign; all zero for an unknown one."""
        (found,) = self.read(client, "campaign", campaign, at=at)
        state = CampaignState(*found)
        return replace(state, stage=Stage(state.stage))

    def account_of(self, client: ChainClient, campaign: bytes, account: str, at: Tag = "latest") -> Account:
        """What an account has shown, redeemed and received in a campaign."""
        (found,) = self.read(client, "accountOf", campaign, account, at=at)
        return Account(*found)

    def contest_of(
        self, client: ChainClient, campaign: bytes, account: str, at: Tag = "latest"
    ) -> tuple[Contest, str]:
        """Where the dispute of an account's redemption stands, and who opened it (zero: nobody)."""
        contest, disputer = self.read(client, "contestOf", campaign, account, at=at)
        return Contest(contest), str(disputer)

    def claimed_of(self, client: ChainClient, campaign: bytes, account: str, at: Tag = "latest") -> int:
        """What an account has received in a campaign, token minor units."""
        return int(self.read(client, "claimedOf", campaign, account, at=at)[0])

    def bond_of(self, client: ChainClient, campaign: bytes, account: str, at: Tag = "latest") -> int:
        """The bonds that an account can collect, token minor units."""
        return int(self.read(client, "bondOf", campaign, account, at=at)[0])

    def id_of(self, client: ChainClient, terms: Terms) -> bytes:
        """The campaign's id as the contract computes it; `terms.campaign_id` computes the same."""
        return bytes(self.read(client, "idOf", astuple(terms))[0])

    def provenance(self, client: ChainClient) -> str:
        """The log whose heads payrolls refer to."""
        return str(self.read(client, "provenance")[0])

    def domain_separator(self, client: ChainClient) -> bytes:
        """The EIP-712 domain of `ClaimTo` as the contract computes it, 32 bytes."""
        return bytes(self.read(client, "domainSeparator")[0])
