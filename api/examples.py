"""The examples in the OpenAPI document: whole bodies that this API would take, or give, word for word.

All are cut from one campaign (`api.example_campaign`): ids, digests and signatures fit together, the proofs
verify, and what has to be signed is signed.
"""

from __future__ import annotations

from api import siwe
from api.example_campaign import (
    BOND,
    CHAIN_ID,
    DAY,
    EARNED,
    ESCROW,
    FEE_BPS,
    LOG,
    NOW,
    RIGHTS,
    TEXTS,
    TOKEN,
    WORKERS,
    ExampleCampaign,
    wallet,
)
from ledger_service import commitments, payroll
from ledger_service.commitments import Json
from ledger_service.log import tiles
from ledger_service.log.receipts import promise
from ledger_service.payroll import PayrollEntry
from ledger_service.store.vault import Opening

_made = ExampleCampaign()


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()


def _signature(role: str) -> str:
    return _hex(_made.log[role].entry.signature)


def _lines(*values: bytes) -> str:
    return "".join(value.decode() + "\n" for value in values)


CAMPAIGN_ID = _hex(_made.campaign)
LABEL_LEAF = _hex(_made.leaf("label ada 0"))
AUDITOR = wallet("auditor").address
TILE = tiles.tile_path(0, 0, len(_made.tree)).removeprefix("tile/")
_ADA = wallet("ada").address
_ITEM = _hex(_made.item_ids[0])

INFO: Json = {
    "chain_id": CHAIN_ID,
    "provenance_log": LOG,
    "escrow": ESCROW,
    "dataset_rights": RIGHTS,
    "token": TOKEN,
    "operator": _made.operator.address,
    "arbiter": _made.terms.arbiter,
    "tokens": [TOKEN],
    "bond": str(BOND),
    "fee_bps": FEE_BPS,
    "judging_seconds": 3_600,
    "origin": _made.log_key.name,
    "log_key": str(_made.log_key.verifier),
    "now": NOW,
    "rpc_url": "http://127.0.0.1:8545",
}
ALIVE: Json = {"status": "alive"}
READY: Json = {"status": "ready"}

_NONCE = "3a5f0c7be1d94826af1b20c94d7e6f58"
_MESSAGE = siwe.build(
    domain="ledger.example",
    address=_ADA,
    uri="https://ledger.example/",
    chain_id=CHAIN_ID,
    nonce=_NONCE,
    issued_at=siwe.timestamp("2026-05-04T12:00:00Z"),
)
NONCE: Json = {"nonce": _NONCE}
LOGIN: Json = {"message": _MESSAGE, "signature": _hex(wallet("ada").sign_text(_MESSAGE))}
SESSION: Json = {"token": "0" * 43, "address": _ADA, "expires_at": 1_777_982_400}

PROFILE: Json = {"skills": ["sentiment"], "languages": ["en"], "capacity": 50}
_grant = _made.grant("ada")
GRANT: Json = {
    "session_key": _grant.session_key,
    "scope": _hex(_grant.scope),
    "valid_from": _grant.valid_from,
    "valid_until": _grant.valid_until,
    "signature": _signature("grant ada"),
}
ENROLLED: Json = {
    "leaf": _hex(_made.leaf("grant ada")),
    "index": _made.log["grant ada"].index,
    "checkpoint": _made.checkpoint,
}
OFFER_ANY: Json = {"items": None}
OFFER_SOME: Json = {"items": [_ITEM]}
OFFERED: Json = {"offers": len(TEXTS)}
TASKS: Json = {
    "tasks": [
        {
            "assignment": _hex(_made.leaf("assignment ada 0")),
            "campaign": CAMPAIGN_ID,
            "item": _ITEM,
            "content": _made.items[0].content,
            "assigned_at": NOW + 700,
            "due_at": NOW + 700 + DAY,
        }
    ]
}

DRAFT: Json = {
    "terms": _made.terms.to_json(),
    "specification": _made.document,
    "created_at": NOW,
    "signature": _signature("campaign"),
}
_BUDGET = str(_made.spec.budget(FEE_BPS))
DRAFTED: Json = {"campaign": CAMPAIGN_ID, "state": "draft", "budget": _BUDGET}
ITEMS: Json = {"items": [{"position": place, **one.to_json()} for place, one in enumerate(_made.items)]}
GOLD: Json = {"gold": [{"item": _ITEM, **_made.gold.to_json()}]}
RECEIVED: Json = {"received": len(TEXTS)}
PUBLISHED: Json = {
    "campaign": CAMPAIGN_ID,
    "state": "published",
    "leaf": _hex(_made.leaf("campaign")),
    "index": _made.log["campaign"].index,
}
_owed = _made.owed()
_ROOT = _hex(payroll.root(_made.campaign, _owed))
CAMPAIGN: Json = {
    "campaign": CAMPAIGN_ID,
    "state": "settled",
    "requester": _made.requester.address,
    "terms": _made.terms.to_json(),
    "specification": _made.document,
    "escrow": ESCROW,
    "budget": _BUDGET,
    "deposited": _BUDGET,
    "part": 0,
    "parts": 1,
    "others": [],
    "items": len(TEXTS),
    "labels_wanted": len(_made.answers),
    "labels_received": len(_made.answers),
    "assignments_open": 0,
    "workers": len(WORKERS),
    "most_workers": _made.spec.most_workers,
    "hold": None,
    "payroll": {
        "epoch": 1,
        "root": _ROOT,
        "count": len(_owed),
        "total": str(sum(due for _, due in _owed)),
        "evidence": len(_made.tree),
        "entries": _hex(payroll.encode_entries(PayrollEntry(who, 0, due) for who, due in _owed)),
        "state": "settled",
        "settles_at": None,
        "dispute": None,
        "enforced": None,
        "repost_until": None,
    },
    "redemptions": [],
    "refunded": False,
}
CAMPAIGN_PAGE: Json = {"campaigns": [CAMPAIGN], "next": None}
ITEM_PAGE: Json = {
    "items": [
        {"position": place, "item": _hex(_made.item_ids[place]), **one.to_json()}
        for place, one in enumerate(_made.items)
    ],
    "next": None,
}


def _label(position: int) -> Json:
    role, opened = f"label ada {position}", _made.answers["ada", position]
    return {
        "campaign": CAMPAIGN_ID,
        "item": _hex(_made.item_ids[position]),
        **opened.to_json(),
        "made_at": _made.label("ada", position).made_at,
        "signature": _signature(role),
    }


def _receipt(position: int) -> Json:
    placed = _made.log[f"label ada {position}"]
    signed = promise(placed.entry.leaf, placed.index, NOW + 1_000, _made.domain, _made.operator)
    return {**signed.to_json(), "entry": "0x" + placed.entry.raw.hex()}


LABELS: Json = {"labels": [_label(position) for position in range(len(TEXTS))]}
RECEIPT: Json = _receipt(0)
RECEIPTS: Json = {
    "receipts": [_receipt(position) for position in range(len(TEXTS))],
    "checkpoint": _made.checkpoint,
}

_BUNDLE, _PAID = _made.label_bundle("ada", 0), _made.payment_bundle("ada")
LABEL_BUNDLE: Json = commitments.parse(_BUNDLE)
PAYMENT_BUNDLE: Json = commitments.parse(_PAID)
BUNDLE_LINES = _lines(_BUNDLE, _made.label_bundle("bob", 0))
_signed = _made.signed_statement("ada")
PAYOUT: Json = {
    "campaign": CAMPAIGN_ID,
    "worker": _ADA,
    "amount": str(EARNED),
    "epoch": 1,
    "statement": _made.statement("ada"),
    "signature": _signed["signature"],
    "state": "settled",
    "index": WORKERS.index("ada"),
    "count": len(_owed),
    "path": [_hex(node) for node in payroll.path(_made.campaign, _owed, WORKERS.index("ada"))],
    "root": _ROOT,
    "evidence": len(_made.tree),
}
RESULT_PAGE: Json = {
    "results": [
        {"position": place, "item": _hex(_made.item_ids[place]), "label": one.content["label"]}
        | {"confidence_ppm": 991_234}
        for place, one in enumerate(_made.truths)
    ],
    "next": None,
}


def _opened(role: str, openings: dict[str, Json]) -> bytes:
    placed = _made.log[role]
    return commitments.canonical(
        {
            "index": placed.index,
            "leaf": _hex(placed.entry.leaf),
            "kind": type(placed.entry.struct).__name__,
            "openings": openings,
        }
    )


def _one(role: str, name: str, opened: Opening) -> bytes:
    return _opened(role, {name: opened.to_json()})


OPENING_LINES = _lines(
    _opened(
        "campaign",
        {
            "specification": _made.document,
            "terms": _made.terms.to_json(),
            "escrow": ESCROW,
            "items": [_hex(item) for item in _made.item_ids],
            "gold": GOLD["gold"],
        },
    ),
    _one("label ada 0", "answer", _made.answers["ada", 0]),
    _one("review ada 0", "reason", _made.reasons["ada", 0]),
    _opened("run", {"method": _made.method, "parameters": _made.parameters}),
    _one("truth 0", "truth", _made.truths[0]),
    _opened("payout ada", {"statement": _made.statement("ada"), "signed_statement": _signed}),
)
CHECKPOINT = _made.checkpoint
