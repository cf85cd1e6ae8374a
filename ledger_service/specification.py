"""What a requester asks for: the public document whose digest the escrow's terms and the log carry."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from ledger_service import commitments, money
from ledger_service.commitments import Json
from ledger_service.errors import BadInput

FORMAT = "crowdledger-specification@v1"
MILLION = 1_000_000
MAX_BYTES = 65_536
_MAX_TEXT = 20_000
_MAX_TEXTS = 200
MIN_TOLERANCE_PPM = 100  # quantised parameters themselves move by a few ppm
# Parameters are matrices per worker: so many workers times the square of the classes can be inferred,
# committed and audited, by method. The default has three matrices for each worker, of larger numbers.
MAX_PARAMETERS: Mapping[str, int] = MappingProxyType(
    {"latent-class-mean": 1_000_000, "dawid-skene": 4_000_000}
)
MAX_ITEMS = 90_000  # their ids, and as many gold answers, are one readable line of an audit
MAX_WORKERS = 3_000  # a payroll of that many fits one transaction
MAX_PARTS = 200  # so many fit into a document
_HIGHEST_FEE_BPS = 2_500
_HEX32 = re.compile(r"0x[0-9a-f]{64}\Z")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Collection:
    """How many members, and the root of their tree (32 bytes)."""

    count: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Specification:
    """A specification as one of its campaigns sees it, read strictly. Amounts in token minor units, times in
    seconds since 1970.

    Where the document has parts, each is a campaign of its own, of which `items` and `gold` are its own; all
    else they have in common. `parts` is how many there are, 1 for a document without.
    """

    title: str
    instructions: str
    domain: str
    languages: tuple[str, ...]
    skills: tuple[str, ...]
    licence: str
    labels: tuple[str, ...]
    labels_per_item: int
    per_label: int
    agreement_bonus: int
    min_seconds_per_label: int
    min_gold_answers: int
    min_gold_accuracy_ppm: int
    method: str
    tolerance_ppm: int
    assignment_seconds: int
    opens_at: int
    closes_at: int
    items: Collection
    gold: Collection
    part: int
    parts: int
    document: Json

    @staticmethod
    def from_json(document: Json, part: int) -> Specification:
        """Read a specification as the campaign sees it whose terms name this part.

        Raises:
            BadInput: a member missing, unknown, of the wrong kind or out of range, or no such part.
        """
        _check_size(document)
        top = _Reader(document, "specification")
        schema, payment, review, inference = map(top.inner, ("schema", "payment", "review", "inference"))
        gold_rule = review.inner("gold")
        chosen, parts = _choose(_read_parts(top), part)
        top.expect("format", FORMAT)
        schema.expect("type", "categorical")
        read = Specification(
            title=top.text("title"),
            instructions=top.text("instructions"),
            domain=top.text("domain"),
            languages=top.texts("languages"),
            skills=top.texts("skills"),
            licence=top.text("licence"),
            labels=schema.texts("labels"),
            labels_per_item=top.number("labels_per_item", 1, 1_000),
            per_label=payment.amount("per_label"),
            agreement_bonus=payment.amount("agreement_bonus"),
            min_seconds_per_label=review.number("min_seconds_per_label", 0, 86_400),
            min_gold_answers=gold_rule.number("min_answers", 1, 1_000_000),
            min_gold_accuracy_ppm=gold_rule.number("min_accuracy_ppm", 0, MILLION),
            method=inference.text("method"),
            tolerance_ppm=inference.number("tolerance_ppm", MIN_TOLERANCE_PPM, MILLION),
            assignment_seconds=top.number("assignment_seconds", 60, 366 * 86_400),
            opens_at=top.number("opens_at", 0, 1 << 40),
            closes_at=top.number("closes_at", 0, 1 << 40),
            items=chosen.items,
            gold=chosen.gold,
            part=part,
            parts=parts,
            document=document,
        )
        top.done()
        return read

    def __post_init__(self) -> None:
        if self.method not in MAX_PARAMETERS:
            known = " and ".join(MAX_PARAMETERS)
            raise BadInput(f"there is no inference method {self.method!r}; there are {known}")
        if not 2 <= len(set(self.labels)) == len(self.labels):
            raise BadInput(f"a schema has 2 to {_MAX_TEXTS} different labels")
        if self.opens_at >= self.closes_at:
            raise BadInput("a campaign opens before it closes")
        if self.labels_per_item > self.most_workers:
            raise BadInput(f"with this schema at most {self.most_workers} workers can take part")
        if self.budget(_HIGHEST_FEE_BPS) > money.MAX_AMOUNT:
            raise BadInput("all labels together cost more than a payroll can hold (2^64 - 1)")

    @property
    def digest(self) -> bytes:
        """SHA-256(JCS(document)): the brief in the escrow's terms."""
        return commitments.digest(self.document)

    @property
    def reviewer(self) -> bytes:
        """Digest of the rule set that reviews the labels: what `Review.reviewer` says."""
        rules = {name: self.document[name] for name in ("schema", "review")}
        return commitments.digest({"format": "crowdledger-rules@v1", **rules})

    @property
    def domain_digest(self) -> bytes:
        """SHA-256 of the domain's name: what `Reputation.domain` says."""
        return hashlib.sha256(self.domain.encode()).digest()

    @property
    def most_workers(self) -> int:
        """How many workers a campaign can have: what one payroll and one inference run can hold."""
        return min(MAX_WORKERS, MAX_PARAMETERS[self.method] // len(self.labels) ** 2)

    @property
    def most(self) -> int:
        """The most that workers can earn, without the fee."""
        return self.items.count * self.labels_per_item * (self.per_label + self.agreement_bonus)

    def budget(self, fee_bps: int) -> int:
        """The most that the campaign can cost, with the fee."""
        return self.most + money.fee(self.most, fee_bps)

    def answer_index(self, content: Json) -> int | None:
        """Position of an answer in the schema, or None when the schema does not allow it."""
        if not isinstance(content, dict) or set(content) != {"label"} or content["label"] not in self.labels:
            return None
        return self.labels.index(content["label"])


@dataclass(frozen=True, slots=True)
class _Part:
    """Items and gold answers of one campaign."""

    items: Collection
    gold: Collection

    @staticmethod
    def read(reader: _Reader) -> _Part:
        part = _Part(reader.inner("items").collection(), reader.inner("gold").collection())
        if not 1 <= part.items.count <= MAX_ITEMS or part.gold.count > part.items.count:
            raise BadInput(f"a campaign has 1 to {MAX_ITEMS} items, and no more gold answers than items")
        return part


def _read_parts(top: _Reader) -> list[_Part]:
    """The one part of a document that names items and gold answers itself, or those that it lists."""
    if not top.has("parts"):
        return [_Part.read(top)]
    listed = top.take("parts", list)
    if not 2 <= len(listed) <= MAX_PARTS:
        raise BadInput(f"a specification in parts has 2 to {MAX_PARTS}")
    parts = []
    for number, value in enumerate(listed):
        reader = _Reader(value, f"specification.parts[{number}]")
        parts.append(_Part.read(reader))
        reader.done()
    if len({part.items.root for part in parts}) < len(parts):
        raise BadInput("no two parts have the same items")
    return parts


def _choose(parts: list[_Part], part: int) -> tuple[_Part, int]:
    """The part of this number, and how many there are."""
    if not 0 <= part < len(parts):
        raise BadInput(f"the specification has the parts 0 to {len(parts) - 1}, not {part}")
    return parts[part], len(parts)


def _check_size(document: Json) -> None:
    if len(commitments.canonical(document)) > MAX_BYTES:
        raise BadInput(f"a specification has at most {MAX_BYTES} bytes")


class _Reader:
    """Takes the members of one JSON object, and knows at the end whether any is left over."""

    def __init__(self, value: Json, name: str) -> None:
        if not isinstance(value, dict):
            raise BadInput(f"{name} has to be an object")
        self._left: dict[str, Any] = dict(value)
        self._name = name
        self._inner: list[_Reader] = []

    def has(self, key: str) -> bool:
        return key in self._left

    def take(self, key: str, kind: type[Value]) -> Value:
        if key not in self._left:
            raise BadInput(f"{self._name} lacks {key}")
        value = self._left.pop(key)
        if type(value) is not kind:
            raise BadInput(f"{self._name}.{key} has to be a {kind.__name__}")
        if isinstance(value, str | list) and "\x00" in "".join(map(str, value)):
            raise BadInput(f"{self._name}.{key} has the character U+0000, which cannot be stored")
        return value

    def expect(self, key: str, value: str) -> None:
        if self.take(key, str) != value:
            raise BadInput(f"{self._name}.{key} has to be {value}")

    def inner(self, key: str) -> _Reader:
        self._inner.append(_Reader(self.take(key, dict), f"{self._name}.{key}"))
        return self._inner[-1]

    def text(self, key: str) -> str:
        value = self.take(key, str)
        if not 1 <= len(value) <= _MAX_TEXT:
            raise BadInput(f"{self._name}.{key} has 1 to {_MAX_TEXT} characters")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.take(key, list)
        if len(values) > _MAX_TEXTS or not all(isinstance(value, str) and value for value in values):
            raise BadInput(f"{self._name}.{key} is a list of at most {_MAX_TEXTS} texts")
        return tuple(values)

    def number(self, key: str, low: int, high: int) -> int:
        value = self.take(key, int)
        if not low <= value <= high:
            raise BadInput(f"{self._name}.{key} lies between {low} and {high}")
        return value

    def amount(self, key: str) -> int:
        return money.parse(self.take(key, str))

    def collection(self) -> Collection:
        count, root = self.number("count", 0, 1 << 40), self.take("root", str)
        if not _HEX32.match(root):
            raise BadInput(f"{self._name}.root is 32 bytes in lower-case hex")
        self.done()
        return Collection(count, bytes.fromhex(root[2:]))

    def done(self) -> None:
        for reader in self._inner:
            reader.done()
        if self._left:
            raise BadInput(f"{self._name} has members that are not known: {', '.join(sorted(self._left))}")
