"""Asking a witness for its cosignature (C2SP tlog-witness); nothing that it answers is trusted."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ledger_service.bounded import BoundedClient
from ledger_service.errors import BadInput, TooLarge, Unavailable, VerificationError
from ledger_service.log.checkpoint import Checkpoint
from ledger_service.log.cosignature import CosignerKey, open_cosignatures
from ledger_service.log.note import Note, parse_note, parse_signature_lines
from ledger_service.witness.request import format_request

MAX_ANSWER_BYTES = 1 << 16
DEADLINE_SECONDS = 10.0
ATTEMPTS = 4
# A time further ahead of our clock than this would hold up the witness's later ones.
MAX_AHEAD_SECONDS = 600
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")

# The consistency proof to the head that is asked for, from a smaller size that is not 0.
Prove = Callable[[int], Sequence[bytes]]


class WitnessAhead(VerificationError):
    """The witness has cosigned a larger head than ours: ours is old, or entries of ours were lost.

    Attributes:
        size: of the head that it cosigned last.
    """

    def __init__(self, key: CosignerKey, ours: int, size: int) -> None:
        self.size = size
        super().__init__(f"{key.name} has cosigned a larger head", expected=str(ours), found=str(size))


class WitnessRefuses(VerificationError):
    """The witness will not cosign this head.

    Attributes:
        status: of its answer: 403 and 404 where it does not follow the log, 422 where it knows another
            history.
    """

    def __init__(self, key: CosignerKey, status: int, words: str) -> None:
        self.status = status
        super().__init__(f"{key.name} refuses with {status}: {words}")


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A cosignature that was verified: its line, with the newline, and its time (seconds since 1970)."""

    key: CosignerKey
    line: str
    time: int


class WitnessClient:
    """One witness, over one connection that is kept. For one thread at a time.

    Args:
        url: the submission prefix.
        deadline: seconds for one cosignature, however the witness divides them.
    """

    def __init__(
        self,
        key: CosignerKey,
        url: str,
        *,
        deadline: float = DEADLINE_SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise BadInput(f"the URL of {key.name} begins with http:// or https://")
        self.key, self._url, self._deadline, self._now = (
            key,
            url.rstrip("/") + "/add-checkpoint",
            deadline,
            now,
        )
        self._size = 0  # of the head that it cosigned last, as far as we know
        self._client = BoundedClient(deadline)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def cosign(self, head: Checkpoint, note: str, prove: Prove) -> Cosigned:
        """Have a signed head cosigned.

        1. Ask, from the size that the witness knew last (0 where we do not know).
        2. Where it answers that it knows another size, ask again from that one.
        3. Of its answer keep the line of its key, once that is verified; lines of other keys are ignored.

        Raises:
            WitnessAhead: it knows a larger head. WitnessRefuses: it will not cosign this one.
            VerificationError: its answer has no cosignature of its key, or one that does not hold, or whose
                time is zero or far ahead.
            Unavailable: it does not answer in time. Also what `prove` raises.
        """
        give_up = time.monotonic() + self._deadline
        for _ in range(ATTEMPTS):
            known = self._size
            if known > head.size:
                self._size = 0  # so that the next head is not judged by a size that it may have lied about
                raise WitnessAhead(self.key, head.size, known)
            proof = prove(known) if 0 < known < head.size else ()
            status, body = self._post(format_request(known, proof, note), give_up)
            if status == 200:
                found = self._verified(note, body)
                self._size = head.size
                return found
            if status != 409:
                raise self._refusal(status, body)
            self._size = self._told(body)
        raise Unavailable(f"{self.key.name} tells another size each time")

    def _post(self, body: bytes, give_up: float) -> tuple[int, bytes]:
        left = give_up - time.monotonic()
        if left <= 0:
            raise Unavailable(f"{self.key.name} does not answer within {self._deadline:g} s")
        try:
            answer = self._client.ask(
                "POST",
                self._url,
                self.key.name,
                MAX_ANSWER_BYTES,
                seconds=left,
                content=body,
                headers={"Content-Type": "text/plain; charset=utf-8"},
            )
        except TooLarge as error:
            raise VerificationError(str(error)) from error
        return answer.status, answer.body

    def _told(self, body: bytes) -> int:
        if not _SIZE.fullmatch(body):
            raise VerificationError(f"{self.key.name} answers 409 without a size", found=repr(body[:40]))
        return int(body)

    def _refusal(self, status: int, body: bytes) -> Exception:
        words = body[:200].decode(errors="replace").strip()
        if status in (408, 425, 429) or status >= 500:
            return Unavailable(f"{self.key.name} answers {status}: {words}")
        return WitnessRefuses(self.key, status, words)

    def _verified(self, note: str, body: bytes) -> Cosigned:
        try:
            lines = parse_signature_lines(body.decode())
        except UnicodeDecodeError as error:
            raise VerificationError(f"{self.key.name} answers with what is not UTF-8") from error
        mine = tuple(line for line in lines if (line.name, line.key_id) == (self.key.name, self.key.key_id))
        if len(mine) != 1:
            raise VerificationError(f"{self.key.name} does not answer with its cosignature")
        # The checkpoint alone with that one line: nothing else is taken over.
        found = open_cosignatures(Note(parse_note(note).text, mine).to_text(), [self.key])[self.key]
        if not 0 < found <= self._now() + MAX_AHEAD_SECONDS:
            raise VerificationError(f"time of the cosignature of {self.key.name}", found=str(found))
        return Cosigned(self.key, mine[0].line, found)
