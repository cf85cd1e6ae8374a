"""What the documents that a bundle opens have to look like, as far as the verifier reads them."""

from __future__ import annotations

from dataclasses import dataclass

from ledger_service import money
from ledger_service.commitments import Json
from ledger_service.errors import VerificationError
from ledger_service.verify import shape

SPECIFICATION_FORMAT = "crowdledger-specification@v1"
_FIGURES = {
    "accepted": frozenset[str](),
    "schema": frozenset({"answers"}),
    "speed": frozenset({"seconds", "min_seconds"}),
    "gold": frozenset({"answers", "correct", "min_answers", "min_accuracy_ppm"}),
}


@dataclass(frozen=True, slots=True)
class Collection:
    """How many members, and the root of their tree (lower-case hex)."""

    count: int
    root: str


@dataclass(frozen=True, slots=True)
class CampaignPart:
    """Items and gold answers of one campaign of the specification."""

    items: Collection
    gold: Collection


@dataclass(frozen=True, slots=True)
class Rules:
    """What a verifier reads in a specification: items and gold answers of each of its campaigns (one where it
    has no parts), answers that are allowed, and prices in token minor units. All else in it is bound by its
    digest and means nothing to a proof, so that a proof outlives the limits that the service sets to new
    campaigns."""

    parts: tuple[CampaignPart, ...]
    labels: frozenset[str]
    per_label: int
    agreement_bonus: int


def read_rules(document: Json) -> Rules:
    """Read a specification.

    Raises:
        VerificationError, BadInput: not of the known format, or a member above is missing or of another form.
    """
    if not isinstance(document, dict):
        raise VerificationError("specification", expected="an object", found=type(document).__name__)
    shape.same("format of the specification", SPECIFICATION_FORMAT, document.get("format"))
    prices = shape.members(document.get("payment"), {"per_label", "agreement_bonus"}, "payment")
    return Rules(
        parts=_read_parts(document),
        labels=_read_labels(document.get("schema")),
        per_label=money.parse(prices["per_label"]),
        agreement_bonus=money.parse(prices["agreement_bonus"]),
    )


def _read_parts(document: dict[str, Json]) -> tuple[CampaignPart, ...]:
    """What the document has itself, or lists as `parts`; never both."""
    if "parts" not in document:
        return (_read_part(document),)
    for name in ("items", "gold"):
        if name in document:
            raise VerificationError("specification in parts", expected=f"no {name} of its own", found=name)
    listed = document["parts"]
    if not isinstance(listed, list) or len(listed) < 2:
        raise VerificationError("parts of the specification", expected="a list of at least 2")
    return tuple(_read_part(shape.members(one, {"items", "gold"}, "a part")) for one in listed)


def _read_part(body: dict[str, Json]) -> CampaignPart:
    return CampaignPart(_read_collection(body, "items"), _read_collection(body, "gold"))


def _read_collection(document: dict[str, Json], name: str) -> Collection:
    body = shape.members(document.get(name), {"count", "root"}, f"{name} of the specification")
    root = shape.hex_bytes(body["root"], f"root of the {name}", 32)
    return Collection(shape.integer(body["count"], f"number of the {name}"), "0x" + root.hex())


def _read_labels(schema: Json) -> frozenset[str]:
    body = shape.members(schema, {"type", "labels"}, "the schema")
    shape.same("type of the schema", "categorical", body["type"])
    labels = body["labels"]
    if not isinstance(labels, list) or not all(isinstance(label, str) and label for label in labels):
        raise VerificationError("labels of the schema", expected="a list of texts")
    if not 2 <= len(set(labels)) == len(labels):
        raise VerificationError("labels of the schema", expected="at least 2, all different")
    return frozenset(labels)


def read_answer(content: dict[str, Json], what: str) -> str:
    """The label in an answer's content, `{"label": "…"}`.

    Raises:
        VerificationError: it has another form.
    """
    label = content.get("label") if set(content) == {"label"} else None
    if not isinstance(label, str):
        raise VerificationError(f"form of the {what}", expected='{"label": a text}', found=str(content)[:80])
    return label


def read_reason(content: dict[str, Json]) -> str:
    """The rule that a reason names. Its figures have to be there; whether they are right, an audit says.

    Raises:
        VerificationError: an unknown rule, or other members than the rule's.
    """
    rule = content.get("rule")
    if not isinstance(rule, str) or rule not in _FIGURES:
        raise VerificationError("rule of the reason", expected=", ".join(_FIGURES), found=str(rule)[:80])
    shape.members(content, _FIGURES[rule] | {"rule"}, "the reason")
    for name in _FIGURES[rule]:
        shape.integer(content[name], f"{name} of the reason")
    return rule
