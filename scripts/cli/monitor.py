"""`crowdledger monitor`: follow a log for those who are in it, and say when something is wrong."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger_service.errors import Unavailable
from scripts.cli import arguments, log_arguments
from scripts.cli.chain_arguments import address, bytes32
from scripts.cli.progress import progress_bar
from scripts.cli.signals import ending_cleanly

if TYPE_CHECKING:
    from ledger_service.monitor.anchors import Node
    from ledger_service.monitor.look import Identity, Look
    from ledger_service.monitor.monitor import Monitor
    from ledger_service.monitor.papers import HttpPapers
    from ledger_service.monitor.state import State
    from ledger_service.monitor.webhook import Webhook

DESCRIPTION = """\
Follow a log as a worker, a requester or anybody, and raise an alarm when

  fork, behind, hidden      it rewrites what it has shown, shows others another history, or hides entries
  unanchored                a head is not anchored on the chain in time
  not-mine                  an entry stands in the name of one of your addresses that it did not sign
  entry                     an entry does not decode, or is not signed by whom it names
  payout                    a payout is not what the log's labels, verdicts and rules give
  payroll                   a payroll on the chain is not the log's, or leaves you out
  witnesses, silent         too few witnesses have cosigned, or the log does not answer, for too long
  checkpoint, tiles, node   what it serves is not what it signed; the chain's node contradicts itself

What it has seen stands in a folder: give the same one each time, and do not delete it. An alarm stays in it
until it was told, also after a crash. What a payout is compared with depends on what the service shows you:
with --key of a worker its own labels, of a requester or its auditor everything; what could not be compared
is said.
"""
EXAMPLES = """\
  crowdledger monitor https://ledger.example.org --rpc URL --address 0xYOU --key wallet.key
  crowdledger monitor https://ledger.example.org --rpc URL --address 0xYOU --once --json
  crowdledger monitor https://ledger.example.org --rpc URL --policy witnesses.policy \\
      --witness https://witness.example.org --also https://mirror.example.org \\
      --webhook https://you.example.org/hook

Exit status with --once: 0 nothing is wrong; 1 an alarm is open (--acknowledge closes those that were told
and are not still so); 2 something could not be looked at, or the input is not usable.
"""
LONGEST_PAUSE, TELL_SECONDS = 300, 5
MOST_NAMED = 20


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = arguments.parser("monitor", DESCRIPTION, EXAMPLES)
    made.add_argument("log", metavar="LOG_URL", help="the service, or a C2SP log of such entries")
    made.add_argument("--rpc", required=True, metavar="URL", help="a node of the chain, anybody's")
    _add_who(made)
    log_arguments.add_trust(made)
    _add_trust(made)
    _add_limits(made)
    made.add_argument(
        "--state",
        type=Path,
        default=Path(".crowdledger-monitor"),
        metavar="DIR",
        help="where it keeps what it has seen (default: .crowdledger-monitor)",
    )
    made.add_argument("--once", action="store_true", help="look once; the exit status says what was found")
    made.add_argument(
        "--interval", type=arguments.positive, default=60, metavar="S", help="from look to look (default: 60)"
    )
    made.add_argument(
        "--acknowledge",
        action="store_true",
        help="first close alarms that were told and are over",
    )
    made.add_argument("--webhook", metavar="URL", help="post each alarm there, as JSON (Standard Webhooks)")
    made.add_argument(
        "--webhook-secret",
        type=Path,
        metavar="FILE",
        help="sign what is posted: whsec_… (HMAC), whsk_… (Ed25519)",
    )
    made.add_argument("--json", action="store_true", help="print one JSON object a line, nothing else")
    return made


def _add_who(made: argparse.ArgumentParser) -> None:
    who = made.add_argument_group("whom to watch for (each may be given several times)")
    who.add_argument(
        "--address", type=address, action="append", default=[], metavar="0x…", help="yours; repeat"
    )
    who.add_argument(
        "--session-key",
        type=address,
        action="append",
        default=[],
        metavar="0x…",
        help="a session key that you granted. Any other that signs for you is then an alarm",
    )
    who.add_argument(
        "--campaign",
        type=bytes32,
        action="append",
        default=[],
        metavar="0xID",
        help="watch all of it; repeat",
    )
    who.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="32 bytes of hex: log in as this account, and watch for it",
    )


def _add_trust(made: argparse.ArgumentParser) -> None:
    trust = made.add_argument_group("what else to accept, and whom to ask")
    trust.add_argument("--log-address", type=address, metavar="0x…", help="the ProvenanceLog contract")
    trust.add_argument("--escrow", type=address, metavar="0x…", help="the only CampaignEscrow contract")
    trust.add_argument(
        "--witness", action="append", default=[], metavar="URL", help="a witness's monitoring prefix"
    )
    trust.add_argument(
        "--also", action="append", default=[], metavar="URL", help="a mirror of the log; repeat"
    )


def _add_limits(made: argparse.ArgumentParser) -> None:
    limits = made.add_argument_group("limits")
    for name, seconds, what in (
        ("anchor-within", 3_600, "from a head to its final anchor on the chain"),
        ("silence", 600, "without an answer, or without enough witnesses, or behind what others show"),
        ("payroll-within", 86_400, "from a payout of yours to a payroll with it on the chain"),
    ):
        limits.add_argument(
            f"--{name}",
            type=arguments.natural,
            default=seconds,
            metavar="S",
            help=f"{what} (default: {seconds})",
        )
    limits.add_argument(
        "--depth",
        type=arguments.natural,
        metavar="N",
        help="blocks this deep are final (default: as the node says)",
    )
    limits.add_argument(
        "--from-block",
        type=arguments.natural,
        metavar="N",
        help="the block of the deployment, or an earlier one",
    )


def run(argv: Sequence[str]) -> int:
    """Watch; the exit status."""
    given = parser().parse_args(argv)
    from ledger_service.monitor.state import State

    with ExitStack() as stack:
        stack.enter_context(ending_cleanly())
        state = stack.enter_context(State(given.state))
        voice = Voice(
            state, _webhook(given, stack), stack.enter_context(progress_bar()), json_lines=given.json
        )
        if given.acknowledge:
            with state.transaction():
                voice.say("acknowledged", f"{state.acknowledge()} alarms are closed")
        monitor = _started(given, stack, voice)
        failed = 0
        while True:
            look = monitor.look(voice.progress)
            voice.tell(look)
            if given.once:
                return voice.end(look)
            failed = failed + 1 if look.unseen else 0
            time.sleep(_pause(given.interval, failed))


def _pause(interval: int, failed: int) -> int:
    """Seconds to the next look: longer and longer while something does not answer, up to five minutes."""
    return max(interval, min(interval << min(failed, 8), LONGEST_PAUSE))


def _started(given: argparse.Namespace, stack: ExitStack, voice: Voice) -> Monitor:
    from ledger_service.chain.client import ChainClient
    from ledger_service.monitor.anchors import Node
    from ledger_service.monitor.look import Limits, Me
    from ledger_service.monitor.monitor import Monitor, Watch
    from ledger_service.monitor.papers import HttpPapers, WitnessPrefix

    wallet = _wallet(given)
    source = HttpPapers(given.log, wallet)
    stack.enter_context(source)
    node = Node(lambda: ChainClient.connect(given.rpc, finality_depth=given.depth, timeout=60.0))
    stack.callback(node.close)
    identity = _identity(given, voice, source, node)
    witnesses = [WitnessPrefix(url, identity.key.name) for url in given.witness]
    for witness in witnesses:
        stack.callback(witness.close)
    mirrors = [stack.enter_context(HttpPapers(url)) for url in given.also]
    own = wallet.address if wallet else None
    addresses = frozenset(given.address) | ({own} if own else set())
    watch = Watch(
        source=source,
        node=node,
        identity=identity,
        me=Me(addresses, frozenset(given.session_key), frozenset(given.campaign)),
        own=own,
        policy=log_arguments.policy(given),
        places=(*witnesses, *mirrors),
        limits=Limits(given.anchor_within, given.silence, given.payroll_within),
        first=given.from_block,
    )
    return Monitor(voice.state, watch)


def _identity(given: argparse.Namespace, voice: Voice, source: HttpPapers, node: Node) -> Identity:
    """The log that is watched; without --once it is waited for where it does not answer yet."""
    from ledger_service.monitor.monitor import IDENTITY, identify

    known = voice.state.get(IDENTITY) is not None
    pins = {"--log-key": given.log_key, "--log-address": given.log_address, "--escrow": given.escrow}
    failed = 0
    while True:
        try:
            identity = identify(voice.state, source, node, given.log_key, given.log_address, given.escrow)
            break
        except Unavailable as error:
            if given.once:
                raise
            voice.say("unseen", f"cannot begin: {error}")
            failed += 1
            time.sleep(_pause(given.interval, failed))
    taken = ", ".join(name for name, value in pins.items() if value is None)
    if taken and not known:
        voice.say("lacking", f"taken from the log's own word, now and from now on, not from you: {taken}")
    return identity


def _wallet(given: argparse.Namespace) -> Any:
    from ledger_service.audit.login import read_key

    return read_key(given.key) if given.key else None


def _webhook(given: argparse.Namespace, stack: ExitStack) -> Webhook | None:
    from ledger_service.monitor.webhook import Webhook, read_secret

    if given.webhook is None:
        return None
    made = Webhook(given.webhook, read_secret(given.webhook_secret) if given.webhook_secret else None)
    stack.callback(made.close)
    return made


class Voice:
    """Says what a look found: a line for people, or a JSON object a line; and posts alarms."""

    def __init__(
        self, state: State, webhook: Webhook | None, bar: Callable[[str, int, int], None], *, json_lines: bool
    ) -> None:
        self.state = state
        self._webhook, self._bar, self._json = webhook, bar, json_lines
        self._said: dict[str, list[str]] = {}
        self._told = time.monotonic()

    def progress(self, stage: str, done: int, total: int) -> None:
        """Shows how far a look is. The first can take hours: alarms do not wait for its end."""
        self._bar(stage, done, total)
        if time.monotonic() - self._told > TELL_SECONDS:
            self.alarms()

    def tell(self, look: Look) -> None:
        """What happened, what could not be looked at, and every alarm that nobody was told of."""
        for change in look.changes:
            self.say(change.what, change.words, **change.facts)
        self._again("lacking", look.lacking)
        self._again("unseen", look.unseen)
        self.alarms()
        if self._json:
            self.say("looked", "looked", open=len(self.state.open()), unseen=len(look.unseen))

    def alarms(self) -> None:
        """Tell and post alarms; each is marked as told once its line has left this program."""
        for kept in self.state.untold():
            facts = {name: value for name, value in kept.alarm.items() if name != "words"}
            words = str(kept.alarm["words"])
            if self._json:
                self.say("alarm", words, number=kept.number, raised=kept.time, **facts)
            else:
                files = [str(self.state.folder / name) for name in kept.alarm.get("evidence", ())]
                self.say(f"ALARM {kept.number} {kept.alarm['kind']}", words, files)
            # Crash before this line: the alarm is told again.
            with self.state.transaction():
                self.state.told(kept.number)
        if self._webhook is not None:
            for sentence in self._webhook.deliver(self.state, int(time.time())):
                self.say("webhook", sentence)
        self._told = time.monotonic()

    def end(self, look: Look) -> int:
        """The exit status of one look, and why it is 1."""
        still = self.state.open()
        if still:
            names = ", ".join(f"{kept.number} {kept.alarm['kind']}" for kept in still[:MOST_NAMED])
            more = f" and {len(still) - MOST_NAMED} more" if len(still) > MOST_NAMED else ""
            self.say(
                "open", f"{names}{more}: --acknowledge closes what was told and is over", count=len(still)
            )
            return 1
        return 2 if look.unseen else 0

    def say(self, what: str, words: str, files: Sequence[str] = (), **facts: Any) -> None:
        """One line, and one for each file. Words may be a stranger's: no sign in them moves the terminal."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if self._json:
            line = json.dumps({"event": what, "time": now, "words": words, **facts})
        else:
            shown = "".join(sign if sign.isprintable() else "\ufffd" for sign in words)
            line = "\n    ".join([f"{now}  {what}: {shown}", *files])
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def _again(self, what: str, sentences: Sequence[str]) -> None:
        """What could not be looked at, said anew only when it was not said by the look before."""
        for words in sentences:
            if words not in self._said.get(what, ()):
                self.say(what, words)
        self._said[what] = list(sentences)
