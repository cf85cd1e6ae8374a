"""The bundle: everything that proves one label or one payment, in one line of canonical JSON (RFC 8785).

    {"domain": {"chainId", "verifyingContract"}, "entries": {role: {"entry", "proof"}},
     "format": "crowdledger-bundle@v1", "kind": "label" | "payment", "logKey": vkey, "openings": {…}}

and `"witnesses": [vkey, …]` last, where witnesses cosigned the checkpoint.

Every byte of it is checked by something: the form here, the content by the steps in `label` and `payment`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger_service import commitments
from ledger_service.commitments import Json
from ledger_service.entries import Domain
from ledger_service.errors import BadInput, VerificationError
from ledger_service.log.tlog_proof import format_proof
from ledger_service.verify import shape

FORMAT = "crowdledger-bundle@v1"
LABEL, PAYMENT = "label", "payment"
MAX_BUNDLE_BYTES = 8 << 20

# A single changed byte can spoil one of these two, never both.
_BEGINS = b'{"domain":{"chainId":'
_HOLDS = b'"format":"' + FORMAT.encode() + b'"'

# The roles of every label's bundle, and those that come with its judgement.
UNJUDGED = frozenset({"campaign", "grant", "matching", "assignment", "label"})
_JUDGED = frozenset({"review", "run", "truth"})
_ROLES = {
    LABEL: UNJUDGED,
    PAYMENT: frozenset({"campaign", "run", "payout", "settlement"}),
}
_OPENINGS = {
    LABEL: frozenset({"specification", "terms", "escrow", "item", "answer", "reason", "truth"}),
    PAYMENT: frozenset({"specification", "terms", "escrow", "statement", "payroll", "signed_statement"}),
}
# What an opening cannot be checked without.
_NEEDS = {
    "terms": frozenset({"escrow"}),
    "escrow": frozenset({"terms"}),
    "payroll": frozenset({"terms"}),
    "signed_statement": frozenset({"terms"}),
}


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry as it stands in the log: its bytes, its index, and its path to the bundle's checkpoint."""

    raw: bytes
    index: int
    path: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Part:
    """An entry as it stands in a bundle: its bytes, and a tlog-proof's text."""

    raw: bytes
    proof: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose form is right, and nothing else known about it."""

    kind: str
    domain: Domain
    log_key: str
    witnesses: tuple[str, ...]
    parts: Mapping[str, Part]
    openings: Mapping[str, Json]

    @property
    def judged(self) -> bool:
        """Whether a label's bundle also holds its review and the truth inferred for its item."""
        return "review" in self.parts


def build(
    kind: str,
    domain: Domain,
    log_key: str,
    checkpoint: str,
    entries: Mapping[str, Logged],
    openings: Mapping[str, Json],
    witnesses: Sequence[str] = (),
) -> bytes:
    """Put a bundle together; one line, without a newline. Nothing is proved here, only the form is made.

    Args:
        log_key: the log's C2SP vkey. checkpoint: the signed note that every path leads to.
        entries: by role. openings: by name; None where there is none.
        witnesses: C2SP vkeys, in the order of their lines, which follow the log's line in the checkpoint.
    Raises:
        BadInput: the roles or openings are not those of this kind, or a value has no canonical JSON.
    """
    value = {
        "format": FORMAT,
        "kind": kind,
        "domain": {"chainId": domain.chain_id, "verifyingContract": domain.verifying_contract},
        "logKey": log_key,
        "entries": {
            role: {
                "entry": "0x" + logged.raw.hex(),
                "proof": format_proof(logged.index, logged.path, checkpoint),
            }
            for role, logged in entries.items()
        },
        "openings": {name: opening for name, opening in openings.items() if opening is not None},
        **({"witnesses": list(witnesses)} if witnesses else {}),
    }
    raw = commitments.canonical(value)
    try:
        _read(value)
    except VerificationError as error:
        raise BadInput(f"no bundle can be made of this: {error}") from error
    return raw


def looks_like_bundle(raw: bytes) -> bool:
    """Whether bytes are, or were before they were tampered with, one of our bundles.

    That is so when they begin as every canonical bundle begins, or hold the format's name as every canonical
    bundle holds it. What is neither is unusable input; what is either, and does not verify, is refused.
    """
    return raw.startswith(_BEGINS) or _HOLDS in raw


def parse(raw: bytes) -> Bundle:
    """Read a bundle; every byte has to be where the canonical form has it.

    Raises:
        BadInput: no bundle, and not recognisable as one that was tampered with.
        VerificationError: recognisable as a bundle, and not one.
    """
    if not looks_like_bundle(raw):
        raise BadInput("this is no crowdledger bundle")
    if len(raw) > MAX_BUNDLE_BYTES:
        raise VerificationError(
            "length of the bundle", expected=f"at most {MAX_BUNDLE_BYTES}", found=str(len(raw))
        )
    with shape.step(0):
        return _read(commitments.parse_canonical(raw))


def _read(value: Json) -> Bundle:
    top = {"format", "kind", "domain", "logKey", "entries", "openings"}
    body = shape.members(value, top, "the bundle", {"witnesses"})
    shape.same("format", FORMAT, body["format"])
    kind = shape.text(body["kind"], "kind")
    if kind not in _ROLES:
        raise VerificationError("kind", expected=f"{LABEL} or {PAYMENT}", found=kind[:80])
    return Bundle(
        kind=kind,
        domain=_read_domain(body["domain"]),
        log_key=shape.text(body["logKey"], "logKey"),
        witnesses=_read_witnesses(body["witnesses"]) if "witnesses" in body else (),
        parts=_read_parts(kind, body["entries"]),
        openings=_read_openings(kind, body["openings"]),
    )


def _read_witnesses(value: Json) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise VerificationError(
            "witnesses", expected="a list of verifier keys, or none", found=str(value)[:80]
        )
    return tuple(shape.text(key, "a witness") for key in value)


def _read_openings(kind: str, value: Json) -> dict[str, Json]:
    openings = shape.members(value, frozenset(), "openings", _OPENINGS[kind])
    for name, opening in openings.items():
        if opening is None:
            raise VerificationError(f"the opening {name}", expected="a value", found="null")
        missing = _NEEDS.get(name, frozenset()) - openings.keys()
        if missing:
            raise VerificationError(f"the opening {name} needs {', '.join(missing)}")
    return openings


def _read_domain(value: Json) -> Domain:
    body = shape.members(value, {"chainId", "verifyingContract"}, "domain")
    return Domain(
        chain_id=shape.integer(body["chainId"], "chainId"),
        verifying_contract=shape.address(body["verifyingContract"], "verifyingContract"),
    )


def _read_parts(kind: str, value: Json) -> dict[str, Part]:
    optional = _JUDGED if kind == LABEL else frozenset[str]()
    entries = shape.members(value, _ROLES[kind], "entries", optional)
    if not (optional <= entries.keys() or optional.isdisjoint(entries)):
        raise VerificationError("review, run and truth come together", found=", ".join(sorted(entries)))
    return {role: _read_part(role, part) for role, part in entries.items()}


def _read_part(role: str, value: Json) -> Part:
    body = shape.members(value, {"entry", "proof"}, f"the entry of the {role}")
    raw = shape.hex_bytes(body["entry"], f"the entry of the {role}")
    return Part(raw=raw, proof=shape.text(body["proof"], f"the proof of the {role}"))


def split_lines(raw: bytes) -> list[bytes]:
    """The bundles of a file: one per line, the last newline optional. No other byte is taken away.

    Raises:
        BadInput: there is none.
    """
    lines = raw.removesuffix(b"\n").split(b"\n")
    if lines == [b""]:
        raise BadInput("the file is empty")
    return lines
