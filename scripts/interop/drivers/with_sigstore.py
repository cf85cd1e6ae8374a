"""Runs in the clients' environment: sigstore (PyPI), whose verifier of log entries is given ours.

Public: `TrustedRoot.from_file`. Private: `TrustedRoot.rekor_keyring` and `TransparencyLogEntry._verify`, the
step of `Verifier` that proves an entry's inclusion and its checkpoint; the steps around it are about
certificates.

Standard input: a JSON list of cases (scripts/interop/cases.py). Standard output: {name: null, or why it
refuses}.
"""

from __future__ import annotations

import base64
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from sigstore._internal.trust import KeyringPurpose
from sigstore.models import TransparencyLogEntry, TrustedRoot
from sigstore_models.rekor.v1 import TransparencyLogEntry as Inner

Case = dict[str, Any]
_SPKI_ED25519 = bytes.fromhex(
    "302a300506032b6570032100"
)  # RFC 8410: the header of an Ed25519 public key in DER


def trusted_root(case: Case) -> TrustedRoot:
    """A trust root that names our log, as Rekor v2's root names its own: the key, and its C2SP key id."""
    name, _, rest = case["log_key"].partition("+")
    key = rest.partition("+")[2]
    log = {
        "baseUrl": f"https://{name}",
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": base64.b64encode(_SPKI_ED25519 + base64.b64decode(key)[1:]).decode(),
            "keyDetails": "PKIX_ED25519",
            "validFor": {"start": "2020-01-01T00:00:00Z"},
        },
        "logId": {"keyId": case["log_id"]},
    }
    root = {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [log],
        "certificateAuthorities": [],
        "ctlogs": [],
        "timestampAuthorities": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trusted_root.json"
        path.write_text(json.dumps(root), encoding="utf-8")
        return TrustedRoot.from_file(str(path))


def check(case: Case) -> None:
    root = trusted_root(case)
    proof = {
        "logIndex": str(case["index"]),
        "rootHash": case["root"],
        "treeSize": str(case["size"]),
        "hashes": case["hashes"],
        "checkpoint": {"envelope": case["checkpoint"]},
    }
    entry = {
        "logIndex": str(case["index"]),
        "logId": {"keyId": case["log_id"]},
        "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
        "inclusionProof": proof,
        "canonicalizedBody": case["entry"],
    }
    keyring = root.rekor_keyring(KeyringPurpose.VERIFY)
    TransparencyLogEntry(Inner.from_json(json.dumps(entry)))._verify(keyring)


def answer(case: Case) -> str | None:
    """Null where the client accepts; why it refuses, else."""
    try:
        check(case)
    except Exception as error:  # whatever it raises is its refusal
        return f"{type(error).__name__}: {error}"
    return None


if __name__ == "__main__":
    print(json.dumps({case["name"]: answer(case) for case in json.load(sys.stdin)}))
