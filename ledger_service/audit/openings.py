"""What a campaign's commitments open to, matched with the entries that made them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ledger_service import commitments
from ledger_service.audit.ledger import Ledger, Row
from ledger_service.audit.reading import as_address, as_bytes, as_count, as_list, as_object, member
from ledger_service.audit.report import Mismatch, NotChecked
from ledger_service.audit.source import LogSource, campaign_id_of
from ledger_service.commitments import Json
from ledger_service.entries import Campaign
from ledger_service.errors import BadInput, TooLarge
from ledger_service.specification import Specification
from ledger_service.terms import Terms

NO_OPENINGS = "no openings"
NEEDS_KEY = "--key of an auditor that the requester named (for a saved copy: when it is saved)"


@dataclass(frozen=True, slots=True)
class Opening:
    """Content and the 32 bytes of salt that it was committed with."""

    content: Json
    salt: bytes

    @staticmethod
    def from_json(value: Json, what: str) -> Opening:
        """Read `{"content", "salt"}`. Raises BadInput."""
        body = as_object(value, what)
        salt = as_bytes(member(body, "salt", what), commitments.SALT_BYTES, f"the salt of {what}")
        return Opening(member(body, "content", what), salt)


@dataclass(frozen=True, slots=True)
class Charter:
    """What a campaign was founded on, public: its specification, the escrow's terms, and the escrow."""

    specification: Specification
    terms: Terms
    escrow: str

    @staticmethod
    def from_json(value: Mapping[str, Json]) -> Charter:
        """Read specification, terms and escrow from a campaign as it is listed, or from its openings.

        Raises:
            BadInput: one is missing or has another form.
        """
        terms = Terms.from_json(member(value, "terms", "a campaign"))
        return Charter(
            specification=Specification.from_json(member(value, "specification", "a campaign"), terms.part),
            terms=terms,
            escrow=as_address(member(value, "escrow", "a campaign"), "the escrow of a campaign"),
        )


@dataclass(frozen=True, slots=True)
class Openings:
    """All openings of one campaign.

    Attributes:
        documents: specification, terms and escrow, as `Charter` reads them.
        items: ids (32 bytes) in position order. gold: item id to the opening of its known answer.
        at: index of an entry to what it opens to, by name.
    """

    documents: Mapping[str, Json]
    items: tuple[bytes, ...]
    gold: Mapping[bytes, Opening]
    at: Mapping[int, Mapping[str, Json]] = field(default_factory=dict)

    def document(self, row: Row[Any], name: str, committed: bytes) -> Json:
        """A public document that an entry holds the digest of.

        Raises:
            Mismatch: it is missing, or another.
        """
        value = self._find(row, name)
        found = _hashed(row, name, lambda: commitments.digest(value))
        if found != committed:
            raise mismatch(row, f"digest of its {name}", committed, found)
        return value

    def content(self, row: Row[Any], name: str, committed: bytes) -> Json:
        """The content that an entry holds the salted commitment of.

        Raises:
            Mismatch: it is missing, or another.
        """
        opening = Opening.from_json(self._find(row, name), f"the {name} of entry {row.index}")
        found = _hashed(row, name, lambda: commitments.commit(opening.content, opening.salt))
        if found != committed:
            raise mismatch(row, f"commitment of its {name}", committed, found)
        return opening.content

    def get(self, row: Row[Any], name: str) -> Json | None:
        """What an entry opens to under this name, unchecked; None where nothing is given."""
        return self.at.get(row.index, {}).get(name)

    def _find(self, row: Row[Any], name: str) -> Json:
        value = self.get(row, name)
        if value is None:
            raise mismatch(row, f"opening of its {name}", "one", "none")
        return value


@dataclass(slots=True)
class Files:
    """What a source gives for each campaign of the log, read once and when first needed."""

    source: LogSource
    ledger: Ledger
    _listed: dict[bytes, dict[str, Json]] | None = None
    _read: dict[bytes, Openings | None] = field(default_factory=dict)

    def charter(self, campaign: bytes) -> Charter:
        """The campaign's founding documents, none of them checked.

        Raises:
            NotChecked: the source does not list the campaign, or its openings are too large.
            Mismatch: what it gives has another form.
        """
        if self._listed is None:
            self._listed = {campaign_id_of(value): value for value in self.source.campaigns()}
        value: Mapping[str, Json] | None = self._listed.get(campaign)
        if value is None and (opened := self._openings(campaign)) is not None:
            value = opened.documents
        if value is None:
            raise NotChecked("the source lists no specification and terms of it")
        try:
            return Charter.from_json(value)
        except BadInput as error:
            raise Mismatch(f"campaign 0x{campaign.hex()}: {error}") from error

    def openings(self, campaign: bytes) -> Openings:
        """The campaign's openings, none of them checked yet.

        Raises:
            NotChecked: the source does not give them to this reader, or they are too large.
            Mismatch: one names an entry that the log does not have.
        """
        found = self._openings(campaign)
        if found is None:
            raise NotChecked(NO_OPENINGS, NEEDS_KEY)
        return found

    def _openings(self, campaign: bytes) -> Openings | None:
        if campaign not in self._read:
            # A requester may make its own campaign as large as it likes; the others are audited all the same.
            try:
                self._read[campaign] = _read_openings(self.source, self.ledger, campaign)
            except TooLarge as error:
                raise NotChecked(f"its openings are too large to be read here: {error}") from error
        return self._read[campaign]


def mismatch(row: Row[Any], what: str, expected: object, found: object) -> Mismatch:
    """A check of one entry that does not hold."""
    name = type(row.entry).__name__
    return Mismatch(f"entry {row.index} ({name}): {what}", expected=expected, found=found, entry=row.index)


def _read_openings(source: LogSource, ledger: Ledger, campaign: bytes) -> Openings | None:
    """None when the source gives no openings, or not those of the campaign's own entry."""
    lines = source.openings(campaign)
    if lines is None:
        return None
    at: dict[int, Mapping[str, Json]] = {}
    founding: Mapping[str, Json] | None = None
    for line in lines:
        body = as_object(line, "an opening")
        index = as_count(member(body, "index", "an opening"), "the index of an opening")
        if index >= len(ledger.rows):
            continue  # the log has grown since the checkpoint was read
        row = ledger.rows[index]
        at[index] = _opened(row, body)
        if isinstance(row.entry, Campaign) and row.entry.campaign == campaign:
            founding = at[index]
    return Openings(founding, _items(founding), _gold(founding), at) if founding else None


def _opened(row: Row[Any], body: Mapping[str, Json]) -> dict[str, Json]:
    """What one line opens, if it is about the entry that it says it is about."""
    if as_bytes(member(body, "leaf", "an opening"), 32, "leaf") != row.leaf:
        raise mismatch(row, "leaf that its opening names", row.leaf, body["leaf"])
    if member(body, "kind", "an opening") != type(row.entry).__name__:
        raise mismatch(row, "kind that its opening names", type(row.entry).__name__, body["kind"])
    return as_object(member(body, "openings", "an opening"), "openings")


def _items(founding: Mapping[str, Json]) -> tuple[bytes, ...]:
    listed = as_list(member(founding, "items", "a campaign's openings"), "items")
    return tuple(as_bytes(item, 32, "an item's id") for item in listed)


def _gold(founding: Mapping[str, Json]) -> dict[bytes, Opening]:
    listed = as_list(member(founding, "gold", "a campaign's openings"), "gold")
    gold: dict[bytes, Opening] = {}
    for value in listed:
        item = as_bytes(member(as_object(value, "gold"), "item", "gold"), 32, "the item of a gold answer")
        gold[item] = Opening.from_json(value, "a gold answer")
    return gold


def _hashed(row: Row[Any], name: str, hashed: Any) -> bytes:
    try:
        found: bytes = hashed()
    except BadInput as error:
        raise Mismatch(f"entry {row.index}: its {name} has {error}", entry=row.index) from error
    return found
