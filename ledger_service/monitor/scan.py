"""Reading entries one after the other: is each an entry, signed by whom it names, and is it about me."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ledger_service.audit.report import Mismatch
from ledger_service.entries import (
    ZERO32,
    Assignment,
    Campaign,
    Domain,
    Entry,
    InferenceRun,
    Label,
    Matching,
    Payout,
    Reputation,
    Review,
    SessionGrant,
    Settlement,
    Suggestion,
    Truth,
    decode,
)
from ledger_service.errors import BadInput, BadSignature
from ledger_service.monitor.alarms import Alarm, Kind
from ledger_service.monitor.look import Look, Me
from ledger_service.monitor.memory import Memory, Role
from ledger_service.signing import keccak256, recover

_OF_EVERY_CAMPAIGN = (Campaign, InferenceRun, Payout, Settlement)
_OF_OURS = (Matching, Assignment, Suggestion, Label, Truth)
_OF_A_WORKER = (Assignment, Label)


class Scanner:
    """Takes the entries of one log in their order, within transactions of the caller.

    1. An entry decodes, with no byte left over.
    2. An entry whose type names its signer is signed by that address; a `Label` by a session key that its
       worker granted before, for this campaign or all, at this time.
    3. What names one of my addresses there and does not hold is said to be in my name; and so is a grant to,
       or a label by, a session key that I did not list, where I listed mine.
    4. What concerns me is kept: of my campaigns every entry; as a worker, my own assignments, labels and
       their reviews; of all campaigns what says who was paid what.
    """

    def __init__(self, look: Look, me: Me, domain: Domain) -> None:
        self._look, self._memory, self._me = look, look.memory, me
        self._separator = domain.separator()
        self.mine: Counter[str] = Counter()

    def take(self, index: int, raw: bytes) -> None:
        """Take in the next entry."""
        try:
            entry = decode(raw)
        except BadInput as error:
            words = f"entry {index} does not decode: {error}"
            self._look.alarm(Alarm(Kind.ENTRY, f"entry:{index}", words, index))
            return
        if entry.signature and not self._signed(index, entry):
            return
        if isinstance(entry.struct, SessionGrant):
            self._memory.grant(index, entry.struct)
        self._keep(index, entry)

    def _signed(self, index: int, entry: Entry) -> bool:
        """Whether the signature is whose it has to be; an alarm where not."""
        struct: Any = entry.struct
        named = struct.worker if isinstance(struct, Label) else getattr(struct, str(type(struct).signer))
        try:
            signer = self._check(index, entry)
        except Mismatch as error:
            kind = Kind.NOT_MINE if named in self._me.addresses else Kind.ENTRY
            words = f"in the name of {named}, which did not sign it" if kind is Kind.NOT_MINE else ""
            self._look.alarm(Alarm.of(kind, f"{kind}:{index}", error, words))
            return False
        if named in self._me.addresses:
            self._own(index, struct, named, signer)
        return True

    def _own(self, index: int, struct: Any, named: str, signer: str) -> None:
        """An entry that one of my addresses, or a key that it granted, did sign."""
        name = type(struct).__name__
        key = struct.session_key if isinstance(struct, SessionGrant) else signer
        listed = self._me.session_keys
        if isinstance(struct, SessionGrant | Label) and listed and key not in listed:
            words = f"entry {index} ({name}): of {named}, with a session key that is not one of yours"
            found = Alarm(
                Kind.NOT_MINE, f"not-mine:{index}", words, index, "", ", ".join(sorted(listed)), key
            )
            self._look.alarm(found)
        else:
            self.mine[name] += 1

    def _check(self, index: int, entry: Entry) -> str:
        """Who signed it; a Mismatch where that is not who had to."""
        struct: Any = entry.struct
        at = f"entry {index} ({type(struct).__name__})"
        # The entry starts with exactly what hashStruct hashes, so the struct need not be encoded again.
        preimage = entry.raw[: len(entry.raw) - len(entry.signature)]
        try:
            digest = keccak256(b"\x19\x01" + self._separator + keccak256(preimage))
            signer = recover(digest, entry.signature)
        except BadSignature as error:
            raise Mismatch(f"{at}: {error}", entry=index) from error
        if isinstance(struct, Label):
            self._check_session(at, index, struct, signer)
        else:
            named = getattr(struct, str(type(struct).signer))
            if named != signer:
                raise Mismatch(f"{at}: signer", expected=named, found=signer, entry=index)
        return signer

    def _check_session(self, at: str, index: int, label: Label, signer: str) -> None:
        grants = self._memory.grants(label.worker, signer)
        scoped = [grant for grant in grants if grant.scope in (ZERO32, label.campaign)]
        if not scoped:
            expected = f"a key that {label.worker} granted before, for campaign 0x{label.campaign.hex()}"
            raise Mismatch(f"{at}: session key", expected=expected, found=signer, entry=index)
        if not any(grant.valid_from <= label.made_at <= grant.valid_until for grant in scoped):
            times = ", ".join(f"{grant.valid_from} to {grant.valid_until}" for grant in scoped)
            raise Mismatch(f"{at}: time within the grant", expected=times, found=label.made_at, entry=index)

    def _keep(self, index: int, entry: Entry) -> None:
        struct: Any = entry.struct
        self._concern(struct)
        campaign = _campaign_of(struct, self._memory)
        if campaign is None:
            return
        if isinstance(struct, Label) and struct.worker in self._me.addresses:
            self._repeated(index, entry)
        if isinstance(struct, _OF_EVERY_CAMPAIGN) or self._is_ours(struct, campaign):
            self._memory.keep(index, campaign, entry, self._look.now)
        if isinstance(struct, Payout | Settlement) and self._memory.role(campaign):
            self._memory.owe(campaign, struct.run)

    def _concern(self, struct: Any) -> None:
        role = None
        if isinstance(struct, Campaign) and struct.campaign in self._me.campaigns:
            role = Role.ASKED
        elif isinstance(struct, Campaign) and struct.requester in self._me.addresses:
            role = Role.REQUESTER
        elif isinstance(struct, Assignment | Payout) and struct.worker in self._me.addresses:
            role = Role.WORKER
        if role is not None and self._memory.concern(struct.campaign, role):
            name = f"0x{struct.campaign.hex()}"
            why = "as you asked" if role is Role.ASKED else f"you are its {role}"
            self._look.change("campaign", f"campaign {name} is watched: {why}", campaign=name)

    def _is_ours(self, struct: Any, campaign: bytes) -> bool:
        role = self._memory.role(campaign)
        if role is Role.WORKER:
            mine = isinstance(struct, _OF_A_WORKER) and struct.worker in self._me.addresses
            return mine or isinstance(struct, Review)
        return role is not None

    def _repeated(self, index: int, entry: Entry) -> None:
        if self._memory.campaign_of(entry.leaf) is not None:
            words = f"entry {index} (Label): a label of yours stands in the log a second time"
            self._look.alarm(Alarm(Kind.ENTRY, f"repeated:{index}", words, index))


def _campaign_of(struct: Any, memory: Memory) -> bytes | None:
    """The campaign of an entry that an audit sorts by campaign; of reviews and reputations, if it is kept."""
    if isinstance(struct, _OF_EVERY_CAMPAIGN + _OF_OURS):
        campaign: bytes = struct.campaign
        return campaign
    if isinstance(struct, Review):
        return memory.campaign_of(struct.label)
    return memory.campaign_of(struct.run) if isinstance(struct, Reputation) else None
