"""What every bundle needs proved, whatever it is about: log, checkpoint, entries, campaign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from ledger_service import commitments, entries, signing
from ledger_service.commitments import Json
from ledger_service.entries import Campaign, Domain, Entry, Struct
from ledger_service.errors import VerificationError
from ledger_service.log.checkpoint import Checkpoint, VerifierKey
from ledger_service.log.cosignature import CosignerKey, open_exactly
from ledger_service.log.policy import Policy, open_under_policy
from ledger_service.log.proof import verify_inclusion
from ledger_service.log.tlog_proof import TlogProof, parse_proof
from ledger_service.terms import Terms, campaign_id
from ledger_service.verify import shape
from ledger_service.verify.bundle import Bundle, Part
from ledger_service.verify.contents import CampaignPart, read_rules
from ledger_service.verify.verdict import Memory

_S = TypeVar("_S", bound=Struct)

ROLE_TYPES: dict[str, type[Struct]] = {
    "campaign": entries.Campaign,
    "grant": entries.SessionGrant,
    "matching": entries.Matching,
    "assignment": entries.Assignment,
    "label": entries.Label,
    "review": entries.Review,
    "run": entries.InferenceRun,
    "truth": entries.Truth,
    "payout": entries.Payout,
    "settlement": entries.Settlement,
}


@dataclass(frozen=True, slots=True)
class Proved:
    """An entry that is in the log: decoded, with its leaf hash (32 bytes) and index."""

    struct: Struct
    signature: bytes
    raw: bytes
    leaf: bytes
    index: int


@dataclass(frozen=True, slots=True)
class LogKeys:
    """Whose signatures stand on a bundle's checkpoint: the log's, and the witnesses', line by line."""

    log: VerifierKey
    witnesses: tuple[CosignerKey, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One bundle under verification: what is in it, and what has been proved of it so far.

    `cosigned` has the time (seconds since 1970) of each of its witnesses' cosignatures.
    """

    bundle: Bundle
    memory: Memory
    checkpoint: Checkpoint
    cosigned: Mapping[CosignerKey, int]
    proved: Mapping[str, Proved]

    @property
    def domain(self) -> Domain:
        """The EIP-712 domain that all its signatures are made under."""
        return self.bundle.domain

    def get(self, kind: type[_S], role: str) -> _S:
        """The struct of a role. Its type has been checked when the entry was decoded."""
        struct = self.proved[role].struct
        if not isinstance(struct, kind):
            raise VerificationError(
                f"type of the {role}", expected=kind.__name__, found=type(struct).__name__
            )
        return struct

    def opening(self, name: str) -> Json | None:
        """An opening of the bundle, or None."""
        return self.bundle.openings.get(name)


def check_log(bundle: Bundle, log_key: str | None, log_address: str | None, policy: Policy | None) -> LogKeys:
    """The bundle speaks of a log that the caller trusts, where the caller named any; its keys are keys.

    Raises:
        VerificationError: it names another key or another ProvenanceLog, or a witness twice.
        BadInput: a key of it is no verifier key.
    """
    if log_key is not None:
        shape.same("log key", log_key, bundle.log_key)
    if log_address is not None:
        shape.same("address of the log's contract", log_address.lower(), bundle.domain.verifying_contract)
    keys = LogKeys(VerifierKey.parse(bundle.log_key), tuple(map(CosignerKey.parse, bundle.witnesses)))
    shape.same(
        "different keys of witnesses", len(keys.witnesses), len({key.public for key in keys.witnesses})
    )
    known = [log.key for log in policy.logs] if policy is not None else []
    if known and keys.log not in known:
        raise VerificationError(
            "log key among the policy's logs", expected=", ".join(map(str, known))[:300], found=bundle.log_key
        )
    return keys


def check_checkpoint(
    proofs: Mapping[str, TlogProof], keys: LogKeys, policy: Policy | None, memory: Memory
) -> tuple[Checkpoint, Mapping[CosignerKey, int]]:
    """All proofs carry one checkpoint; the log's signature stands on it, then those of the witnesses, and no
    other; and the policy, where there is one, is content with them.

    Raises:
        VerificationError: they differ, the signatures are others, or they are too few for the policy.
    """
    texts = {proof.checkpoint for proof in proofs.values()}
    if len(texts) != 1:
        raise VerificationError("checkpoints in one bundle", expected="1", found=str(len(texts)))
    text = texts.pop()

    def check() -> tuple[Checkpoint, Mapping[CosignerKey, int]]:
        checkpoint, times = open_exactly(text, keys.log, keys.witnesses)
        if policy is not None:
            open_under_policy(text, policy, keys.log)
        return checkpoint, dict(zip(keys.witnesses, times, strict=True))

    return memory.recall(("checkpoint", text, keys, policy), check)


def read_proof(part: Part, memory: Memory) -> TlogProof:
    """The inclusion proof of a part, read and not yet checked.

    Raises:
        VerificationError: malformed.
    """
    return memory.recall(("proof", part.proof), lambda: parse_proof(part.proof))


def decode_part(role: str, part: Part, memory: Memory) -> Entry:
    """Decode the entry of a role, which has to be of the role's type.

    Raises:
        BadInput: not an entry. VerificationError: of another type.
    """
    entry = memory.recall(("entry", part.raw), lambda: entries.decode(part.raw))
    expected, found = ROLE_TYPES[role].__name__, type(entry.struct).__name__
    shape.same(f"type of the {role}", expected, found)
    return entry


def check_included(entry: Entry, proof: TlogProof, checkpoint: Checkpoint, memory: Memory) -> Proved:
    """The entry is in the log, where its proof says (RFC 9162, 2.1.3.2).

    Raises:
        VerificationError: it is not.
    """

    def check() -> Proved:
        leaf = entry.leaf
        verify_inclusion(leaf, proof.index, checkpoint.size, proof.path, checkpoint.root)
        return Proved(entry.struct, entry.signature, entry.raw, leaf, proof.index)

    return memory.recall(("included", entry.raw, proof.index, proof.path, checkpoint), check)


def check_order(case: Case, *roles: str) -> None:
    """The entries stand in the log in this order.

    Raises:
        VerificationError: two of them do not.
    """
    for first, second in pairwise(roles):
        low, high = case.proved[first].index, case.proved[second].index
        if low >= high:
            raise VerificationError(
                f"the {first} stands before the {second}", expected=f"before {high}", found=str(low)
            )


def check_signed(case: Case, role: str, expected: str) -> None:
    """The entry of a role is signed by this address.

    Raises:
        VerificationError: by another one.
        BadSignature: by none, or not by a key (contract wallets cannot be checked offline).
    """
    proved = case.proved[role]

    def signer() -> str:
        return signing.recover(entries.digest(proved.struct, case.domain), proved.signature)

    shape.same(
        f"signer of the {role}", expected, case.memory.recall(("signer", proved.raw, case.domain), signer)
    )


def check_campaign(case: Case) -> None:
    """The campaign is the requester's; its specification and terms, where given, are those it commits to.

    Raises:
        VerificationError, BadInput, BadSignature: they are not.
    """
    campaign = case.get(Campaign, "campaign")
    check_signed(case, "campaign", campaign.requester)
    specification = case.opening("specification")
    if specification is not None:
        shape.same("specification", campaign.specification, commitments.digest(specification))
    terms = check_terms(case, campaign) if case.opening("terms") is not None else None
    if specification is not None:
        _check_roots(campaign, _part(campaign, read_rules(specification).parts, terms))


def _part(campaign: Campaign, parts: Sequence[CampaignPart], terms: Terms | None) -> CampaignPart:
    """The part that the terms name; without them, the one that has the campaign's items."""
    if terms is not None:
        if terms.part >= len(parts):
            raise VerificationError(
                "part in the terms", expected=f"one of {len(parts)}", found=str(terms.part)
            )
        return parts[terms.part]
    if len(parts) == 1:
        return parts[0]
    having = [part for part in parts if part.items.root == shape.show(campaign.items)]
    if len(having) != 1:
        raise VerificationError(
            "parts of the specification with the campaign's items", expected="1", found=str(len(having))
        )
    return having[0]


def _check_roots(campaign: Campaign, part: CampaignPart) -> None:
    for name, count, root, found in (
        ("items", campaign.item_count, campaign.items, part.items),
        ("gold answers", campaign.gold_count, campaign.gold, part.gold),
    ):
        shape.same(f"number of {name} in the specification", count, found.count)
        shape.same(f"root of the {name} in the specification", shape.show(root), found.root)


def check_terms(case: Case, campaign: Campaign) -> Terms:
    """The escrow's terms hash to the campaign's id, and name its requester and specification.

    Raises:
        VerificationError, BadInput: they do not.
    """
    terms = Terms.from_json(case.opening("terms"))
    escrow = shape.address(case.opening("escrow"), "escrow")
    shape.same("campaign of the terms", campaign.campaign, campaign_id(terms, case.domain.chain_id, escrow))
    shape.same("requester in the terms", campaign.requester, terms.requester)
    shape.same("brief in the terms", campaign.specification, terms.brief)
    return terms


def check_commitment(case: Case, name: str, committed: bytes) -> dict[str, Json] | None:
    """The content of an opening, if it is given and is what was committed to; None if it is not given.

    Raises:
        VerificationError, BadInput: it is something else.
    """
    opening = case.opening(name)
    if opening is None:
        return None
    body = shape.members(opening, {"content", "salt"}, f"the opening {name}")
    salt = shape.hex_bytes(body["salt"], f"salt of the {name}", commitments.SALT_BYTES)
    content = body["content"]
    if not isinstance(content, dict):
        raise VerificationError(f"content of the {name}", expected="an object", found=type(content).__name__)
    shape.same(f"commitment of the {name}", committed, commitments.commit(content, salt))
    return content
