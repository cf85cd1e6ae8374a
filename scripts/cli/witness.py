"""`crowdledger witness`: cosigns the heads of logs that only ever grow, for anybody, and reads those logs
itself."""

from __future__ import annotations

import argparse
import json
import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from socket import socket as Socket
from typing import TYPE_CHECKING, Any

from ledger_service.errors import BadInput, Refused, Unavailable
from scripts.cli import FAILED, UNUSABLE, arguments

if TYPE_CHECKING:
    from ledger_service.log.checkpoint import VerifierKey
    from ledger_service.witness.alarms import Alarm, Webhook
    from ledger_service.witness.monitor import Look, Monitor
    from ledger_service.witness.witness import Witness

DESCRIPTION = """\
Run a witness (C2SP tlog-witness): it cosigns the heads of transparency logs, each only when it extends what
was cosigned before. So a log cannot show one history to you and another to somebody else, unless its
witnesses help it. It works with every log in these formats, this project's or another's.

Each log is named by its verifier key. A log that asks for cosignatures needs no more. With =URL the witness
also reads the log itself: it recomputes the root from all entries, cosigns what it has checked, and keeps
proof and alarms when the log is forked, when it is rolled back, and when its tiles or entries do not match
its head.

The state directory holds the witness's key and what it has cosigned. Never run it from an old copy: a
witness that forgets can be made to cosign two histories.

The first line on standard output is the witness's verifier key; the second is its line for a C2SP tlog-policy
file, as `crowdledger serve --witness-policy` and `crowdledger verify --policy` take it.
"""
EXAMPLES = """\
  crowdledger witness --state ~/witness --name witness.example.org/w1 --log 'example.org/log+1a2b3c4d+AU5k…'
  crowdledger witness --state ~/witness --listen 0.0.0.0:8430 --url https://witness.example.org \\
      --log 'example.org/log+1a2b3c4d+AU5k…=https://example.org/log' --webhook https://alarms.example.org/hook
  crowdledger witness --state ~/witness --log 'example.org/log+1a2b3c4d+AU5k…=https://example.org/log' \\
      --once --json

POST URL/add-checkpoint is for logs; GET URL/<SHA-256 of the origin, hex>/checkpoint is for monitors: what was
cosigned last. Evidence is kept in STATE/evidence.

Exit status: 0 stopped, or with --once all logs are well; 1 with --once: a log is forked, rolled back or
broken; 2 the input or the surroundings do not allow it, or with --once a log cannot be read. With --once
--json each log is one object, by its `type`: witness.look, .fork, .rollback, .broken or .unavailable.
"""
LISTEN = "127.0.0.1:8430"
EVERY_SECONDS = 15.0
_LISTEN = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[^:\[\]]+)):(?P<port>[0-9]{1,5})")


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = arguments.parser("witness", DESCRIPTION, EXAMPLES)
    made.add_argument(
        "--state", type=Path, required=True, metavar="DIR", help="its key, and what it has cosigned"
    )
    made.add_argument(
        "--name", help="under which its key signs, best a URL without the scheme; needed the first time"
    )
    made.add_argument(
        "--log",
        dest="logs",
        action="append",
        required=True,
        metavar="VKEY[=URL]",
        help="a log: its verifier key, and where it is read (C2SP tlog-tiles); may be given several times,"
        " also for several keys of one log",
    )
    made.add_argument(
        "--listen",
        default=LISTEN,
        metavar="HOST:PORT",
        help=f"where to answer (default: {LISTEN}; port 0: a free one)",
    )
    made.add_argument(
        "--url", metavar="URL", help="how logs reach it, for the policy line (default: http://HOST:PORT)"
    )
    _add_looking(made)
    made.add_argument("--json", action="store_true", help="print JSON, an object a line")
    return made


def _add_looking(made: argparse.ArgumentParser) -> None:
    """What concerns logs that are read."""
    made.add_argument(
        "--every",
        type=arguments.positive,
        default=EVERY_SECONDS,
        metavar="SECONDS",
        help=f"between two looks at a log that is read (default: {EVERY_SECONDS:g})",
    )
    made.add_argument("--webhook", metavar="URL", help="where alarms are posted (Standard Webhooks)")
    made.add_argument(
        "--webhook-secret", type=Path, metavar="FILE", help="what signs them: whsec_… or whsk_… in base64"
    )
    made.add_argument("--once", action="store_true", help="look once at every log that has a URL, and end")


def run(argv: Sequence[str]) -> int:
    """Witness until stopped; the exit status."""
    given = parser().parse_args(argv)
    keys, urls = read_logs(given.logs)
    if given.once and not urls:
        raise BadInput("--once looks at logs, and none has a URL: give --log VKEY=URL")
    host, port = _address(given.listen)
    logging.basicConfig(format="crowdledger witness: %(message)s", level=logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    from api.witness import listening, serve
    from ledger_service.witness import state
    from scripts.cli.signals import ending_cleanly

    with ending_cleanly(), ExitStack() as stack:
        folder, key = stack.enter_context(state.opened(given.state, given.name))
        speaker = stack.enter_context(_speaking(given))
        witness = _witness(folder, key, keys, speaker)
        monitors = [
            _monitor(stack, url, keys[origin], witness, folder, speaker) for origin, url in urls.items()
        ]
        if given.once:
            return once(monitors, speaker)
        watch = stack.enter_context(_watching(monitors, given.every, speaker))
        socket = stack.enter_context(listening(host, port))

        def ready() -> None:
            _say_ready(witness, given.url, host, socket, speaker)
            watch()

        serve(witness, socket, ready)
    return 0


class Speaker:
    """Says on standard output what goes on, and on standard error and to the webhook what is wrong."""

    def __init__(self, *, as_json: bool, webhook: Webhook | None) -> None:
        self._json, self._webhook = as_json, webhook
        self._lock = threading.Lock()

    def say(self, words: str, **facts: Any) -> None:
        """One line."""
        with self._lock:
            print(json.dumps(facts, ensure_ascii=False) if self._json else words, flush=True)

    def look(self, look: Look) -> None:
        """What a look at a log has found."""
        cosigned = ", cosigned" if look.cosigned else ""
        words = f"{look.origin}: {look.size} entries, {look.read} of them new{cosigned}"
        facts = {"origin": look.origin, "size": look.size, "read": look.read, "cosigned": look.cosigned}
        self.say(words, type="witness.look", **facts)

    def unread(self, alarm: Alarm) -> None:
        """A log that cannot be read now: no alarm yet, which nobody is woken up for."""
        print(f"crowdledger witness: {alarm.words}", file=sys.stderr, flush=True)
        if self._json:
            self.say("", **alarm.to_json())

    def alarm(self, alarm: Alarm) -> None:
        """Something a person should look at."""
        where = f" (evidence: {alarm.evidence})" if alarm.evidence else ""
        print(f"crowdledger witness: {alarm.kind}: {alarm.words}{where}", file=sys.stderr, flush=True)
        if self._json:
            self.say("", **alarm.to_json())
        if self._webhook is not None:
            self._webhook(alarm)


def read_logs(given: Sequence[str]) -> tuple[dict[str, list[VerifierKey]], dict[str, str]]:
    """The keys by origin, and the URLs by origin, from VKEY[=URL].

    Raises:
        BadInput: no verifier key, no URL, or two URLs for one log.
    """
    from ledger_service.log.checkpoint import VerifierKey

    keys: dict[str, list[VerifierKey]] = {}
    urls: dict[str, str] = {}
    for text in given:
        vkey, has_url, rest = text.partition("=http")
        key = VerifierKey.parse(vkey)
        known = keys.setdefault(key.name, [])
        if key not in known:
            known.append(key)
        if has_url:
            if not re.fullmatch(r"s?://[^/\s]+\S*", rest):
                raise BadInput(f"{'http' + rest!r} is no URL")
            if key.name in urls:
                raise BadInput(f"two URLs for {key.name}: one is read")
            urls[key.name] = "http" + rest
    return keys, urls


def once(monitors: Sequence[Monitor], speaker: Speaker) -> int:
    """Look at every log once, and say one thing of each; the exit status."""
    from ledger_service.witness.alarms import UNAVAILABLE, Alarm
    from ledger_service.witness.monitor import Misbehaves

    status = 0
    for monitor in monitors:
        try:
            speaker.look(monitor.look())
        except Misbehaves:  # has been told
            status = FAILED
        except (Refused, Unavailable) as error:
            words = f"{monitor.origin} cannot be read: {error}"
            speaker.unread(Alarm(UNAVAILABLE, monitor.origin, words, _now()))
            status = status or UNUSABLE
    return status


def _witness(folder: Path, key: Any, keys: dict[str, list[VerifierKey]], speaker: Speaker) -> Witness:
    from ledger_service.witness.evidence import EvidenceFiles
    from ledger_service.witness.records import Records
    from ledger_service.witness.witness import Witness

    records = Records(folder, key.verifier)
    return Witness(key, keys, records, EvidenceFiles(folder), _now, speaker.alarm)


def _monitor(
    stack: ExitStack, url: str, keys: Sequence[VerifierKey], witness: Witness, folder: Path, speaker: Speaker
) -> Monitor:
    from ledger_service.audit.http import HttpSource
    from ledger_service.witness.monitor import Monitor

    return Monitor(stack.enter_context(HttpSource(url)), keys, witness, folder, _now, speaker.alarm)


@contextmanager
def _speaking(given: argparse.Namespace) -> Iterator[Speaker]:
    """The speaker, for the length of the block; at its end the webhook is told what waits."""
    from ledger_service.monitor.webhook import read_secret
    from ledger_service.witness.alarms import Webhook

    if given.webhook_secret is not None and given.webhook is None:
        raise BadInput("--webhook-secret signs what is posted to --webhook, which is not given")
    signer = read_secret(given.webhook_secret) if given.webhook_secret is not None else None
    webhook = Webhook(given.webhook, signer) if given.webhook else None
    try:
        yield Speaker(as_json=given.json, webhook=webhook)
    finally:
        if webhook is not None:
            webhook.close()


@contextmanager
def _watching(monitors: Sequence[Monitor], every: float, speaker: Speaker) -> Iterator[Callable[[], None]]:
    """What starts a thread for each log that is read; they end with the block."""
    from ledger_service.witness.watch import Watch

    stop = threading.Event()
    watches = [Watch(monitor, every, speaker.look, speaker.alarm) for monitor in monitors]
    threads = [threading.Thread(target=watch.run, args=(stop,), daemon=True) for watch in watches]

    def start() -> None:
        for thread in threads:
            thread.start()

    try:
        yield start
    finally:
        stop.set()
        for thread in threads:
            if thread.ident is not None:
                thread.join(10.0)  # one that waits for a silent log is left: what it has saved is whole


def _say_ready(witness: Witness, url: str | None, host: str, socket: Socket, speaker: Speaker) -> None:
    shown = f"[{host}]" if ":" in host else host
    url = (url or f"http://{shown}:{socket.getsockname()[1]}").rstrip("/")
    policy = f"witness {witness.key.name} {witness.key} {url}"
    speaker.say(
        f"{witness.key}\n{policy}", type="witness.ready", vkey=str(witness.key), url=url, policy=policy
    )


def _address(text: str) -> tuple[str, int]:
    match = _LISTEN.fullmatch(text)
    if match is None or int(match["port"]) > 65_535:
        raise BadInput(f"{text!r} is not HOST:PORT")
    return match["six"] or match["four"], int(match["port"])


def _now() -> int:
    return int(time.time())
