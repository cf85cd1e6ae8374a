"""Which log receipts are of, and who has to have signed them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ledger_service.audit.openings import Charter
from ledger_service.audit.reading import as_address, as_count, as_text, member
from ledger_service.audit.source import LogSource, campaign_id_of
from ledger_service.commitments import Json
from ledger_service.entries import Domain
from ledger_service.errors import BadInput, NotYours
from ledger_service.log.checkpoint import VerifierKey
from ledger_service.receipts.reading import SavedReceipt
from ledger_service.terms import campaign_id


@dataclass(frozen=True, slots=True)
class Pins:
    """What the reader knows from elsewhere; None is taken from the source."""

    key: VerifierKey | None = None
    operator: str | None = None
    log_address: str | None = None
    chain_id: int | None = None


@dataclass(frozen=True, slots=True)
class Operators:
    """Who has to have signed.

    Attributes:
        pinned: every receipt, whatever else is known.
        of_campaign: one whose label is beside it, by the label's campaign. said: one without its label.
    """

    pinned: str | None = None
    of_campaign: Mapping[bytes, str] = field(default_factory=dict)
    said: str | None = None

    def of(self, saved: SavedReceipt) -> str | None:
        """The operator's address; None where nothing says it."""
        if self.pinned is not None:
            return self.pinned
        return self.of_campaign.get(saved.label.campaign) if saved.label else self.said


@dataclass(frozen=True, slots=True)
class Identity:
    """The log's key, the domain of the operator's signatures, and who the operators are.

    `taken` names what is the source's own word.
    """

    key: VerifierKey
    domain: Domain
    operators: Operators
    taken: tuple[str, ...]


def identify(source: LogSource, pins: Pins, saved: Sequence[SavedReceipt]) -> Identity:
    """What receipts are checked against: as pinned, else as the source says.

    A campaign's operator stands in its terms; their hash is the campaign's id, which stands in the label:
    where a receipt has its label beside it, the source can name no other operator than the campaign's.

    Raises:
        BadInput: something is neither pinned nor said. Unavailable: the source does not answer.
    """
    info = _info(source, pins)
    what = source.name
    key = pins.key or VerifierKey.parse(as_text(member(info, "log_key", what), "log_key"))
    address = pins.log_address or as_address(member(info, "provenance_log", what), "provenance_log")
    chain_id = (
        as_count(member(info, "chain_id", what), "chain_id") if pins.chain_id is None else pins.chain_id
    )
    domain = Domain(chain_id, address)
    named = {"--log-key": pins.key, "--log-address": pins.log_address, "--chain-id": pins.chain_id}
    taken = tuple(option for option, value in named.items() if value is None)
    if pins.operator is not None:
        return Identity(key, domain, Operators(pinned=pins.operator), taken)
    wanted = {receipt.label.campaign for receipt in saved if receipt.label}
    found = _operators(source, chain_id, wanted) if wanted else {}
    if all(receipt.label for receipt in saved):
        return Identity(key, domain, Operators(of_campaign=found), taken)
    said = as_address(info["operator"], "operator") if "operator" in info else None
    return Identity(key, domain, Operators(of_campaign=found, said=said), (*taken, "--operator"))


def _info(source: LogSource, pins: Pins) -> dict[str, Json]:
    if None not in (pins.key, pins.operator, pins.log_address, pins.chain_id):
        return {}
    try:
        return source.info()
    except NotYours:  # a copy of a log without its service
        return {}


def _operators(source: LogSource, chain_id: int, wanted: set[bytes]) -> dict[bytes, str]:
    """The operators of campaigns, as their own ids say."""
    found: dict[bytes, str] = {}
    try:
        campaigns = source.campaigns()
    except NotYours:  # a log without a service
        return {}
    for listed in campaigns:
        name = campaign_id_of(listed)
        if name not in wanted:
            continue
        try:
            charter = Charter.from_json(listed)
        except BadInput:  # then it says nothing about its operator
            continue
        if campaign_id(charter.terms, chain_id, charter.escrow) == name:
            found[name] = charter.terms.operator
    return found
