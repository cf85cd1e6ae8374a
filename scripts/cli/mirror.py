"""`crowdledger mirror`: a log in a folder of your own, which needs no service."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.cli import arguments, log_arguments
from scripts.cli.progress import progress_bar

if TYPE_CHECKING:
    from ledger_service.mirror.mirroring import Mirrored

DESCRIPTION = """\
Copy a log into a folder: its signed checkpoint, all hash tiles and all entries, each proved before it is
written; and what its service shows you beside them: campaigns, and with --key the openings and bundles that
this account may see (the operator's own account: all that `crowdledger restore` needs). Any C2SP log can be
copied, also one without a service like ours; it needs --log-key.

Run it again and it fetches what is new. The new checkpoint has to extend the one in the folder: where the log
has been rewritten or has lost entries, nothing is changed, and the two signed heads are kept in evidence/.
It may be stopped at any time, and goes on where it was.

From the folder alone, with the service gone, everything is verified: `crowdledger audit --log DIR`,
`crowdledger receipt check RECEIPT --log DIR`, and with --prove a proof or a bundle of any entry.
Put behind any web server, the folder is a log that others read, mirror, follow and audit. With --key it holds
answers in clear text, in files that only you can read: serve a copy made without --key.
"""
EXAMPLES = """\
  crowdledger mirror https://ledger.example.org copy/
  crowdledger mirror https://ledger.example.org copy/ --key operator.key --policy witnesses.txt
  crowdledger mirror https://log.example.org/2026 other/ --log-key log.example.org/2026+3f0a41b7+AXu…
  crowdledger mirror --prove 17 copy/ > bundle.json     (a label or a payout: then crowdledger verify)
  crowdledger mirror --prove 17 --tlog-proof copy/      (any entry: a C2SP tlog-proof)

Exit status: 0 the folder is up to date; 1 the log was refused, the reason is named; 2 the log or the folder
does not allow it.
"""


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = arguments.parser("mirror", DESCRIPTION, EXAMPLES)
    made.add_argument("log", nargs="?", metavar="LOG_URL", help="the service, a C2SP log, or another mirror")
    made.add_argument("folder", type=Path, metavar="DIR", help="the folder; made where there is none")
    made.add_argument("--key", type=Path, metavar="FILE", help="32 bytes of hex: log in as this account")
    log_arguments.add_trust(made)
    made.add_argument("--no-bundles", action="store_true", help="leave the bundles out")
    made.add_argument(
        "--recheck",
        action="store_true",
        help="prove also what earlier runs have written, and fetch anew what is damaged",
    )
    made.add_argument("--prove", type=arguments.natural, metavar="INDEX", help="print the proof of an entry")
    made.add_argument("--tlog-proof", action="store_true", help="with --prove: a tlog-proof, not a bundle")
    made.add_argument("--json", action="store_true", help="print what was done as one JSON object")
    return made


def run(argv: Sequence[str]) -> int:
    """Mirror, or prove from a mirror; the exit status."""
    made = parser()
    given = made.parse_intermixed_args(argv)
    if (given.prove is None) == (given.log is None):
        made.error("name a log to copy and a folder; or, with --prove, the folder alone")
    if given.tlog_proof and given.prove is None:
        made.error("--tlog-proof says what --prove prints")
    return _prove(given) if given.prove is not None else _mirror(given)


def _mirror(given: argparse.Namespace) -> int:
    from ledger_service.errors import VerificationError
    from ledger_service.mirror.mirroring import Refusal, mirror

    begin = time.monotonic()
    with ExitStack() as stack:
        progress = stack.enter_context(progress_bar())
        source = log_arguments.open_source(given.log, given.key, stack)
        try:
            done = mirror(
                source,
                given.folder,
                key=log_arguments.log_key(given),
                policy=log_arguments.policy(given),
                bundles=not given.no_bundles,
                recheck=given.recheck,
                progress=progress,
            )
        except Refusal as error:
            message = f"{error}; the folder is as it was, the two heads are in {given.folder / error.saved}"
            raise VerificationError(message) from error
    facts = _facts(done, given.folder, time.monotonic() - begin)
    sys.stdout.write(json.dumps(facts) + "\n" if given.json else _words(done, given))
    return 0


def _prove(given: argparse.Namespace) -> int:
    from ledger_service.audit.source import DirSource
    from ledger_service.errors import BadInput
    from ledger_service.mirror.mirroring import pinned_key
    from ledger_service.mirror.proving import make_bundle, make_proof

    source, policy = DirSource(given.folder), log_arguments.policy(given)
    key = log_arguments.log_key(given) or pinned_key(given.folder)
    if key is None:
        raise BadInput(f"{given.folder} does not say which key its log signs with: give --log-key")
    if given.tlog_proof:
        sys.stdout.write(make_proof(source, key, given.prove, policy))
        return 0
    with progress_bar() as progress:
        made = make_bundle(source, key, given.prove, policy, progress)
    sys.stdout.write(made.decode() + "\n")
    return 0


def _facts(done: Mirrored, folder: Path, seconds: float) -> dict[str, object]:
    return {
        "folder": str(folder),
        "origin": done.head.origin,
        "log_key": str(done.key),
        "size": done.head.size,
        "root": done.head.root.hex(),
        "size_before": done.before.size if done.before else 0,
        "files_fetched": done.tiles.fetched,
        "files_kept": done.tiles.kept,
        "campaigns": done.state.campaigns,
        "openings": done.state.openings,
        "bundles": done.state.bundles,
        "service_state": done.state.state,
        "seconds": round(seconds, 3),
    }


def _words(done: Mirrored, given: argparse.Namespace) -> str:
    grown = done.head.size - (done.before.size if done.before else 0)
    lines = [f"{given.folder} holds {done.head.size} entries of {done.head.origin}, {grown} of them new."]
    lines.append(f"Files of the log: {done.tiles.fetched} fetched, {done.tiles.kept} kept.")
    state = done.state
    shown = {
        "openings": state.openings,
        "bundles": state.bundles,
        "lines of the service's state": state.state,
    }
    seen = [f"{count} {name}" for name, count in shown.items() if count is not None]
    lines.append(f"Beside it: {', '.join([f'{state.campaigns} campaigns', *seen])}.")
    if seen:
        lines.append("Openings, bundles and state are for your eyes only: do not serve this folder.")
    if not done.pinned:
        lines.append(
            f"The log's key was taken from the service itself, and is pinned from now on: {done.key}"
        )
    return "".join(line + "\n" for line in lines)
