"""Proofs and bundles from a saved log alone, with its service gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger_service.audit.ledger import CampaignRows, Ledger, Row
from ledger_service.audit.openings import Files
from ledger_service.audit.progress import Progress, silent
from ledger_service.audit.reading import as_address, as_count, member
from ledger_service.audit.report import Mismatch, NotChecked
from ledger_service.audit.source import LogSource, campaign_id_of
from ledger_service.audit.steps_log import decode_all, read_log, rebuild_tree
from ledger_service.commitments import Json
from ledger_service.entries import ZERO32, Domain, InferenceRun, Label, Matching, Payout, digest
from ledger_service.errors import BadInput, VerificationError
from ledger_service.log.checkpoint import Checkpoint, VerifierKey
from ledger_service.log.cosignature import CosignerKey, open_cosignatures
from ledger_service.log.follow import Follower
from ledger_service.log.note import Note, parse_note
from ledger_service.log.policy import Policy
from ledger_service.log.tlog_proof import format_proof
from ledger_service.signing import recover
from ledger_service.verify import bundle

Roles = dict[str, Row[Any] | None]


def make_proof(source: LogSource, key: VerifierKey, index: int, policy: Policy | None = None) -> str:
    """A C2SP tlog-proof of one entry, under the newest head; its text.

    Only the tiles on the entry's path are read.

    Raises:
        BadInput: the log has no such entry. VerificationError: the log does not hold.
    """
    follower = Follower(source, key, policy)
    head, note = follower.head()
    return format_proof(index, follower.tree(head).inclusion_proof(index), note)


def make_bundle(
    source: LogSource,
    key: VerifierKey,
    index: int,
    policy: Policy | None = None,
    progress: Progress = silent,
) -> bytes:
    """The bundle of the label or payout at an index of a log; one line, without a newline.

    The whole log is read, since what belongs to an entry may stand anywhere in it. Openings are in the bundle
    as far as the source gives them.

    Raises:
        BadInput: the entry is neither, or what belongs to it is not there.
        VerificationError: the log does not hold.
    """
    head, note = Follower(source, key, policy).head()
    try:
        again, raws = read_log(source, key, progress)
        if again != head:
            raise BadInput("the log has grown while it was read: try again")
        ledger = decode_all(rebuild_tree(head, raws), raws)
    except Mismatch as error:
        raise VerificationError(str(error)) from error
    if not 0 <= index < len(ledger.rows):
        raise BadInput(f"there is no entry {index} in a log of {len(ledger.rows)}")
    info = source.info()
    address = as_address(member(info, "provenance_log", "info"), "provenance_log")
    domain = Domain(as_count(member(info, "chain_id", "info"), "chain_id"), address)
    witnesses = policy.cosigners if policy else ()
    return _Maker(source, ledger, key, domain, head, note, witnesses).make(ledger.rows[index])


@dataclass(slots=True)
class _Maker:
    source: LogSource
    ledger: Ledger
    key: VerifierKey
    domain: Domain
    head: Checkpoint
    note: str
    witnesses: tuple[CosignerKey, ...]

    def make(self, row: Row[Any]) -> bytes:
        if isinstance(row.entry, Label):
            rows = self.ledger.campaigns[row.entry.campaign]
            return self._build(bundle.LABEL, rows, self._label_roles(rows, row))
        if isinstance(row.entry, Payout):
            rows = self.ledger.campaigns[row.entry.campaign]
            return self._build(bundle.PAYMENT, rows, self._payment_roles(rows, row))
        raise BadInput(
            f"entry {row.index} is a {type(row.entry).__name__}: bundles are of labels and payouts"
        )

    def _label_roles(self, rows: CampaignRows, label: Row[Label]) -> Roles:
        answered = (label.entry.item, label.entry.worker)
        given = [row for row in rows.assignments if (row.entry.item, row.entry.worker) == answered]
        assignment = max((row for row in given if row.index < label.index), key=_index, default=None)
        roles: Roles = {
            "campaign": rows.rows[0] if rows.rows else None,
            "grant": self._grant(label),
            "matching": assignment and self.ledger.find(Matching, assignment.entry.run, assignment.index),
            "assignment": assignment,
            "label": label,
        }
        review = next((row for row in rows.reviews if row.entry.label == label.leaf), None)
        truth = max((row for row in rows.truths if row.entry.item == answered[0]), key=_index, default=None)
        if review is not None and truth is not None:
            run = self.ledger.find(InferenceRun, truth.entry.run, truth.index)
            roles |= {"review": review, "run": run, "truth": truth}
        return roles

    def _grant(self, label: Row[Label]) -> Row[Any] | None:
        signer, at = recover(digest(label.entry, self.domain), label.signature), label.entry.made_at
        for row in self.ledger.grants:
            grant = row.entry
            same = (grant.worker, grant.session_key) == (label.entry.worker, signer)
            covers = (
                grant.scope in (ZERO32, label.entry.campaign) and grant.valid_from <= at <= grant.valid_until
            )
            if same and covers and row.index < label.index:
                return row
        return None

    def _payment_roles(self, rows: CampaignRows, payout: Row[Payout]) -> Roles:
        settled = (row for row in rows.settlements if row.entry.run == payout.entry.run)
        return {
            "campaign": rows.rows[0] if rows.rows else None,
            "run": self.ledger.find(InferenceRun, payout.entry.run, payout.index),
            "payout": payout,
            "settlement": max(settled, key=_index, default=None),
        }

    def _build(self, kind: str, rows: CampaignRows, roles: Roles) -> bytes:
        found = {role: row for role, row in roles.items() if row is not None}
        if missing := roles.keys() - found.keys():
            raise BadInput(f"the log holds no {' and '.join(sorted(missing))} that belongs to it")
        parts = {
            role: bundle.Logged(row.raw, row.index, self.ledger.tree.inclusion_proof(row.index))
            for role, row in found.items()
        }
        note, witnesses = _lines_of(self.note, self.key, self.witnesses)
        openings = self._documents(rows.campaign) | self._openings(rows.campaign, found)
        return bundle.build(kind, self.domain, str(self.key), note, parts, openings, witnesses)

    def _documents(self, campaign: bytes) -> dict[str, Json]:
        """Specification, terms and escrow: public."""
        for listed in self.source.campaigns():
            if campaign_id_of(listed) == campaign:
                return {name: listed.get(name) for name in ("specification", "terms", "escrow")}
        return {}

    def _openings(self, campaign: bytes, found: Mapping[str, Row[Any]]) -> dict[str, Json]:
        """What the entries of the bundle open to, where the source gives it."""
        try:
            opened = Files(self.source, self.ledger).openings(campaign).at
        except NotChecked:
            return {}
        wanted: dict[str, tuple[str, ...]] = {
            "label": ("answer",),
            "review": ("reason",),
            "truth": ("truth",),
        }
        wanted |= {"payout": ("statement", "signed_statement")}
        named = (
            (opened.get(row.index, {}), name) for role, row in found.items() for name in wanted.get(role, ())
        )
        return {name: values.get(name) for values, name in named}


def _lines_of(note: str, key: VerifierKey, trusted: tuple[CosignerKey, ...]) -> tuple[str, list[str]]:
    """The note with the log's line, then those of the witnesses that are known, and no other; their keys."""
    signed, known = (
        parse_note(note),
        {(one.name, one.key_id): one for one in open_cosignatures(note, trusted)},
    )
    lines = [line for line in signed.signatures if (line.name, line.key_id) == (key.name, key.key_id)]
    cosigned = [line for line in signed.signatures if (line.name, line.key_id) in known]
    keys = [str(known[line.name, line.key_id]) for line in cosigned]
    return Note(signed.text, (*lines, *cosigned)).to_text(), keys


def _index(row: Row[Any]) -> int:
    return row.index
