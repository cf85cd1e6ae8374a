"""What a witness has to tell people, and a webhook for it (standardwebhooks.com, specification 1.0.0)."""

from __future__ import annotations

import json
import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ledger_service.bounded import BoundedClient, named_server
from ledger_service.errors import Unavailable
from ledger_service.monitor.webhook import Signer

FORK, ROLLBACK, BROKEN, SUSPECT, UNAVAILABLE = "fork", "rollback", "broken", "suspect", "unavailable"
TRIES = 5
FIRST_PAUSE_SECONDS = 0.5
TIMEOUT_SECONDS = 10.0
MOST_WAITING = 256
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something a person should look at.

    Attributes:
        kind: fork (proved, see the evidence), rollback (a smaller head than before), broken (the log gives
            what does not hash to its own head), suspect (a checkpoint with a proof that does not hold),
            unavailable (the log does not answer).
        origin: of the log. words: what happened. at: seconds since 1970. evidence: path of the file, or "".
    """

    kind: str
    origin: str
    words: str
    at: int
    evidence: str = ""

    def to_json(self) -> dict[str, Any]:
        """What a webhook is sent."""
        return {
            "type": f"witness.{self.kind}",
            "timestamp": self.at,
            "data": {"origin": self.origin, "words": self.words, "evidence": self.evidence},
        }


Tell = Callable[[Alarm], None]


class Webhook:
    """Posts alarms as JSON, one after the other, in a thread of its own: nobody waits for a slow receiver.

    Args:
        signer: makes the `webhook-signature`; None sends without one.

    Raises:
        BadInput: the URL is none.
    """

    def __init__(self, url: str, signer: Signer | None = None) -> None:
        self._name = f"the webhook at {named_server(url)}"
        self._url, self._signer = url, signer
        self._waiting: queue.Queue[Alarm | None] = queue.Queue(MOST_WAITING)
        self._stop = threading.Event()
        self._client = BoundedClient(TIMEOUT_SECONDS)
        self._thread = threading.Thread(target=self._work, name="webhook", daemon=True)
        self._thread.start()

    def __call__(self, alarm: Alarm) -> None:
        """Send it soon. Where too many wait, this one is only said on standard error."""
        try:
            self._waiting.put_nowait(alarm)
        except queue.Full:
            _log.error("too many alarms wait for the webhook; it is not told: %s", alarm.words)

    def close(self, patience: float = 20.0) -> None:
        """Send what waits, for at most `patience` seconds, and end."""
        try:
            self._waiting.put(None, timeout=patience)
            self._thread.join(patience)
        except queue.Full:
            _log.error("the webhook takes no alarms; %d are not sent", self._waiting.qsize())
        self._stop.set()
        self._thread.join(TIMEOUT_SECONDS)
        self._client.close()

    def _work(self) -> None:
        while not self._stop.is_set() and (alarm := self._waiting.get()) is not None:
            if not self._sent(alarm):
                _log.error("the webhook does not take an alarm: %s", alarm.words)

    def _sent(self, alarm: Alarm) -> bool:
        body, pause = json.dumps(alarm.to_json()).encode(), FIRST_PAUSE_SECONDS
        name = f"alarm_{secrets.token_hex(12)}"  # the same for each try
        for _ in range(TRIES):
            try:
                headers = self._headers(name, body)
                status = self._client.status("POST", self._url, self._name, content=body, headers=headers)
                if 200 <= status < 300:
                    return True
            except Unavailable as error:
                _log.warning("%s", error)
            if self._stop.wait(pause):
                break
            pause *= 2
        return False

    def _headers(self, name: str, body: bytes) -> dict[str, str]:
        now = str(int(time.time()))
        headers = {"content-type": "application/json", "webhook-id": name, "webhook-timestamp": now}
        if self._signer is not None:
            headers["webhook-signature"] = self._signer(f"{name}.{now}.".encode() + body)
        return headers
