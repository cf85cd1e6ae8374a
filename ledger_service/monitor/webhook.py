"""Alarms to a webhook, signed as Standard Webhooks (standardwebhooks.com, specification 1.0.0).

    webhook-id          the same for the same alarm, however often it is sent
    webhook-timestamp   seconds since 1970
    webhook-signature   v1,<base64 HMAC-SHA256> with a secret `whsec_…`; v1a,<base64 Ed25519> with `whsk_…`;
                        over `<id>.<timestamp>.<body>`

An alarm is in the folder before it is sent, and is marked as sent after the receiver said so (any 2xx): after
a crash it is sent again, and the receiver knows it by its id.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from pathlib import Path
from typing import Protocol

from ledger_service.bounded import BoundedClient, named_server
from ledger_service.errors import BadInput, Unavailable
from ledger_service.log.note import sign_ed25519
from ledger_service.monitor.alarms import Kept
from ledger_service.monitor.state import State

MOST_TRIES = 12
FIRST_PAUSE, LONGEST_PAUSE = 5, 3_600
TIMEOUT_SECONDS = 10.0
_HMAC, _ED25519 = "whsec_", "whsk_"
_SEED_BYTES, _HMAC_BYTES = 32, (24, 64)


class Signer(Protocol):
    """Makes the value of `webhook-signature` for a message."""

    def __call__(self, message: bytes) -> str:
        """The signature with its scheme."""
        ...


def read_secret(path: Path) -> Signer:
    """The signer of a secret file: `whsec_<base64>` (24 to 64 bytes, HMAC) or `whsk_<base64>` (an Ed25519
    seed, 32 bytes, or seed and public key, 64).

    Raises:
        BadInput: it cannot be read, others may read it, or it holds something else.
    """
    try:
        mode, text = path.stat().st_mode, path.read_text()[:400].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read the webhook's secret {path}") from error
    if mode & 0o077:
        raise BadInput(f"others may read the webhook's secret {path}: chmod 600 {path}")
    for prefix, make in ((_HMAC, _hmac_signer), (_ED25519, _ed25519_signer)):
        if text.startswith(prefix):
            return make(_decoded(text.removeprefix(prefix), path), path)
    raise BadInput(f"{path} holds no webhook secret: {_HMAC}<base64> or {_ED25519}<base64>")


class Webhook:
    """Posts alarms to one URL; use `close` at the end. Redirects are not followed.

    Raises on creation:
        BadInput: the URL is none.
    """

    def __init__(self, url: str, signer: Signer | None = None) -> None:
        self._url, self._name = url, named_server(url)
        self._signer = signer
        self._client = BoundedClient(TIMEOUT_SECONDS)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def deliver(self, state: State, now: int) -> list[str]:
        """Post what has not been posted and may be tried by now; what went wrong, in sentences."""
        failures = []
        for kept in state.unposted(now):
            why, reached = self._post(state, kept, now)
            # Crash before this line: the receiver may have it, and gets it again with the same id.
            last = kept.tries + 1 >= MOST_TRIES
            pause = min(FIRST_PAUSE << kept.tries, LONGEST_PAUSE)
            with state.transaction():
                state.tried(kept.number, posted=not why or last, next_try=now + pause)
            if why:
                then = "given up" if last else f"tried again after {pause} s"
                failures.append(f"alarm {kept.number} could not be posted to {self._name}: {why}; {then}")
            if not reached:
                break  # nobody is there: the others wait for the next look
        return failures

    def _post(self, state: State, kept: Kept, now: int) -> tuple[str, bool]:
        """Why it could not be posted, empty where it was; and whether somebody answered."""
        value = {"type": "monitor.alarm", "timestamp": kept.time, "number": kept.number, "data": kept.alarm}
        body = json.dumps(value).encode()
        name = f"alarm_{_folder_id(state)}_{kept.number}"
        headers = {"content-type": "application/json", "webhook-id": name, "webhook-timestamp": str(now)}
        if self._signer is not None:
            headers["webhook-signature"] = self._signer(f"{name}.{now}.".encode() + body)
        try:
            status = self._client.status("POST", self._url, self._name, content=body, headers=headers)
        except Unavailable as error:
            return str(error), False
        return ("" if 200 <= status < 300 else f"it answers {status}"), True


def _folder_id(state: State) -> str:
    """A name of the folder, so that alarms of two monitors are never taken for one."""
    found = state.get("folder_id")
    if found is None:
        found = secrets.token_hex(8)
        with state.transaction():
            state.put("folder_id", found)
    return found


def _hmac_signer(key: bytes, path: Path) -> Signer:
    least, most = _HMAC_BYTES
    if not least <= len(key) <= most:
        raise BadInput(f"the secret in {path} has {len(key)} bytes, an HMAC secret {least} to {most}")
    return lambda message: "v1," + base64.b64encode(hmac.digest(key, message, hashlib.sha256)).decode()


def _ed25519_signer(key: bytes, path: Path) -> Signer:
    if len(key) not in (_SEED_BYTES, 2 * _SEED_BYTES):
        raise BadInput(f"the secret in {path} has {len(key)} bytes, an Ed25519 secret 32 or 64")
    return lambda message: "v1a," + base64.b64encode(sign_ed25519(key[:_SEED_BYTES], message)).decode()


def _decoded(text: str, path: Path) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput(f"the secret in {path} is not base64") from error
