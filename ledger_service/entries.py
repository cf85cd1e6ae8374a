"""The entries of the log: EIP-712 structs, byte for byte what a wallet signs.

    entry     = typeHash ‖ encodeData(struct) ‖ signature
    leaf hash = SHA-256(0x00 ‖ entry)                              (RFC 6962, 2.1)

The signed digest can be recomputed from the entry alone and a contract can rebuild a leaf from typed
arguments. No floats: parts per million, token minor units, seconds.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar

from ledger_service.eip712 import (
    WORD,
    Address,
    Bool,
    Bytes32,
    Domain,
    Int256,
    Struct,
    Uint8,
    Uint32,
    Uint64,
    Uint256,
    camel,
    check_signer,
    decode_word,
    digest,
    encode_word,
    layout,
    preimage,
    type_hash,
    type_string,
)
from ledger_service.errors import BadInput

__all__ = [
    "Domain", "Struct", "camel", "check_signer", "digest", "encode_word", "layout", "preimage", "type_hash",
    "type_string",
]  # fmt: skip

MAX_ENTRY_BYTES = 65_535
ZERO32 = bytes(32)
ZERO_ADDRESS = "0x" + "00" * 20


@dataclass(frozen=True, slots=True)
class SessionGrant(Struct):
    """`worker` lets `session_key` sign labels for it. `scope` is a campaign, or zero for all."""

    signer: ClassVar[str | None] = "worker"
    worker: Address
    session_key: Address
    scope: Bytes32
    valid_from: Uint64
    valid_until: Uint64


@dataclass(frozen=True, slots=True)
class Campaign(Struct):
    """What was asked, and the gold answers, committed before any work starts."""

    signer: ClassVar[str | None] = "requester"
    campaign: Bytes32
    requester: Address
    specification: Bytes32
    items: Bytes32
    item_count: Uint64
    gold: Bytes32
    gold_count: Uint64
    created_at: Uint64


@dataclass(frozen=True, slots=True)
class Matching(Struct):
    """One matching run; values in parts per million of one perfect match."""

    campaign: Bytes32
    inputs: Bytes32
    model: Bytes32
    prices: Bytes32
    assignments: Uint64
    primal: Int256
    dual: Int256
    seed: Bytes32
    made_at: Uint64


@dataclass(frozen=True, slots=True)
class Assignment(Struct):
    """`item` was given to `worker`; `run` is the leaf hash of the `Matching` entry."""

    campaign: Bytes32
    item: Bytes32
    worker: Address
    run: Bytes32
    assigned_at: Uint64
    due_at: Uint64


@dataclass(frozen=True, slots=True)
class Suggestion(Struct):
    """A model's pre-label, as shown to the worker."""

    campaign: Bytes32
    item: Bytes32
    worker: Address
    model: Bytes32
    answer: Bytes32
    shown_at: Uint64


@dataclass(frozen=True, slots=True)
class Label(Struct):
    """A worker's answer, committed. Signed by the session key that a `SessionGrant` names."""

    signer: ClassVar[str | None] = "session key"
    campaign: Bytes32
    item: Bytes32
    worker: Address
    answer: Bytes32
    suggestion: Bytes32
    made_at: Uint64


@dataclass(frozen=True, slots=True)
class Review(Struct):
    """A verdict on the label whose leaf hash is `label`: 1 accepted, 2 rejected."""

    ACCEPTED: ClassVar[int] = 1
    REJECTED: ClassVar[int] = 2
    label: Bytes32
    verdict: Uint8
    reason: Bytes32
    reviewer: Bytes32
    made_at: Uint64


@dataclass(frozen=True, slots=True)
class InferenceRun(Struct):
    """One run of truth inference over the labels among the first `log_size` entries. Residual in ppm."""

    campaign: Bytes32
    log_size: Uint64
    method: Bytes32
    parameters: Bytes32
    labels: Uint64
    iterations: Uint32
    residual: Uint32


@dataclass(frozen=True, slots=True)
class Truth(Struct):
    """The inferred answer of one item, committed, with its confidence in ppm."""

    campaign: Bytes32
    item: Bytes32
    answer: Bytes32
    confidence: Uint32
    run: Bytes32


@dataclass(frozen=True, slots=True)
class Reputation(Struct):
    """Skill of a worker in a domain, with its standard error, both in ppm."""

    worker: Address
    domain: Bytes32
    score: Uint32
    standard_error: Uint32
    run: Bytes32


@dataclass(frozen=True, slots=True)
class Payout(Struct):
    """Cumulative earnings of a worker in a campaign, in token minor units."""

    campaign: Bytes32
    worker: Address
    amount: Uint256
    statement: Bytes32
    run: Bytes32


@dataclass(frozen=True, slots=True)
class Settlement(Struct):
    """Total owed by a campaign as of a run; `last` when no further payroll will follow."""

    campaign: Bytes32
    total: Uint256
    last: Bool
    run: Bytes32


@dataclass(frozen=True, slots=True)
class Dispute(Struct):
    """Somebody contests the entry or payroll root `subject`."""

    signer: ClassVar[str | None] = "disputer"
    campaign: Bytes32
    subject: Bytes32
    disputer: Address
    reason: Bytes32
    made_at: Uint64


@dataclass(frozen=True, slots=True)
class Ruling(Struct):
    """The arbiter's decision on the dispute whose leaf hash is `dispute`."""

    signer: ClassVar[str | None] = "arbiter"
    dispute: Bytes32
    upheld: Bool
    arbiter: Address
    reason: Bytes32
    made_at: Uint64


@dataclass(frozen=True, slots=True)
class Dataset(Struct):
    """A dataset version and the root of its records."""

    signer: ClassVar[str | None] = "owner"
    dataset: Bytes32
    campaign: Bytes32
    version: Uint32
    root: Bytes32
    manifest: Bytes32
    owner: Address
    made_at: Uint64


@dataclass(frozen=True, slots=True)
class UsageGrant(Struct):
    """The owner lets `licensee` use a dataset under a licence until a time."""

    signer: ClassVar[str | None] = "owner"
    dataset: Bytes32
    owner: Address
    licensee: Address
    licence: Bytes32
    valid_until: Uint64
    made_at: Uint64


@dataclass(frozen=True, slots=True)
class Access(Struct):
    """Somebody downloaded a dataset."""

    dataset: Bytes32
    licensee: Address
    content: Bytes32
    made_at: Uint64


@dataclass(frozen=True, slots=True)
class Erasure(Struct):
    """The key of a subject was destroyed: its openings cannot be read any more."""

    subject: Bytes32
    made_at: Uint64


@dataclass(frozen=True, slots=True)
class PrivacySpend(Struct):
    """A private release spent this epsilon and delta (parts per million and per 10^18)."""

    campaign: Bytes32
    mechanism: Bytes32
    epsilon: Uint64
    delta: Uint64
    made_at: Uint64


@dataclass(frozen=True, slots=True)
class Receipt(Struct):
    """Not an entry: the operator's promise that `leaf` is entry `index` of the log, under a checkpoint by
    `deadline`."""

    signer: ClassVar[str | None] = "operator"
    leaf: Bytes32
    index: Uint64
    deadline: Uint64


@dataclass(frozen=True, slots=True)
class Statement(Struct):
    """Not an entry: the operator's word that by payroll `epoch` this worker has earned `amount` in all."""

    signer: ClassVar[str | None] = "operator"
    campaign: Bytes32
    worker: Address
    amount: Uint256
    epoch: Uint32
    run: Bytes32


ENTRY_TYPES: tuple[type[Struct], ...] = (
    SessionGrant, Campaign, Matching, Assignment, Suggestion, Label, Review, InferenceRun, Truth, Reputation,
    Payout, Settlement, Dispute, Ruling, Dataset, UsageGrant, Access, Erasure, PrivacySpend,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """A decoded entry: the struct, its signature (may be empty), and the bytes as they stand in the log."""

    struct: Struct
    signature: bytes
    raw: bytes

    @property
    def leaf(self) -> bytes:
        """Leaf hash, 32 bytes."""
        return leaf_hash(self.raw)


def encode(struct: Struct, signature: bytes = b"") -> Entry:
    """The entry of a struct.

    Raises:
        BadInput: a field out of range, a missing or unexpected signature, or an entry too long.
    """
    if bool(signature) != (type(struct).signer is not None):
        raise BadInput(f"{type(struct).__name__} is {'signed' if not signature else 'not signed'}")
    raw = preimage(struct) + signature
    if len(raw) > MAX_ENTRY_BYTES:
        raise BadInput(f"an entry has at most {MAX_ENTRY_BYTES} bytes")
    return Entry(struct, signature, raw)


def decode(raw: bytes) -> Entry:
    """Read an entry; every byte must be accounted for.

    Raises:
        BadInput: unknown type, truncated, a word that its type does not allow, or a wrong signature length.
    """
    kind = _KINDS.get(raw[:WORD])
    if kind is None:
        raise BadInput("unknown entry type")
    members = layout(kind)
    end = WORD * (1 + len(members))
    if not end <= len(raw) <= MAX_ENTRY_BYTES:
        raise BadInput(f"a {kind.__name__} entry of {len(raw)} bytes")
    values = {
        name: decode_word(solidity, raw[WORD * (i + 1) : WORD * (i + 2)])
        for i, (name, solidity) in enumerate(members)
    }
    signature = raw[end:]
    if bool(signature) != (kind.signer is not None):
        raise BadInput(f"a {kind.__name__} entry is {'signed' if not signature else 'not signed'}")
    return Entry(kind(**values), signature, raw)


def leaf_hash(raw: bytes) -> bytes:
    """SHA-256(0x00 ‖ entry)."""
    return hashlib.sha256(b"\x00" + raw).digest()


_KINDS = {type_hash(kind): kind for kind in ENTRY_TYPES}
