"""`crowdledger restore`: a service built again from its operator's mirror, its keys and the chain."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.cli import arguments
from scripts.cli.progress import progress_bar

if TYPE_CHECKING:
    from ledger_service.audit.progress import Progress
    from ledger_service.config import Options
    from ledger_service.local.keys import Keys
    from ledger_service.restore.copy import Copy
    from ledger_service.restore.service import Restored

DESCRIPTION = """\
Build a service again from a mirror that its operator has made (crowdledger mirror URL DIR --key
operator.key), its keys, and the chain: log, tables and chain work, into an empty database. crowdledger serve
then goes on with the next index, and every campaign from where it stood.

The keys are those of the state directory (keys/operator.key, log.key, storage.key), or are copied there from
--keys; without storage.key a new one is made, and all content is encrypted under it. The database is the
state directory's, or DATABASE_URL. The chain is that of --rpc, or the local one in the state directory (its
folder chain/).

What the mirror has is proved: the log under its signed checkpoint, all else against the log, before anything
is committed; a restoring that breaks off leaves the database empty. It is refused where the chain has a
larger head than the mirror: a log without what is between would be another log. What was acknowledged after
the mirror was made, and not anchored, is lost: mirror often.
"""
EXAMPLES = """\
  crowdledger restore copy/ --state /srv/new --keys backup/keys --rpc https://rpc.example.org
  DATABASE_URL=postgresql://ledger@db/ledger crowdledger restore copy/ --state /srv/new --rpc …
  crowdledger restore copy/ --state .crowdledger --json      with its chain, after the database was lost

Exit status: 0 restored; 1 the copy, the keys and the chain do not agree, and where is said; 2 it cannot be
restored here.
"""
KEYS = ("operator", "log", "storage", "arbiter")


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = arguments.parser("restore", DESCRIPTION, EXAMPLES)
    made.add_argument("mirror", type=Path, metavar="DIR", help="the operator's mirror")
    made.add_argument(
        "--state", type=Path, required=True, metavar="DIR", help="where the service is to be kept"
    )
    made.add_argument("--keys", type=Path, metavar="DIR", help="where its keys are (default: in --state)")
    made.add_argument("--rpc", dest="rpc_url", metavar="URL", help="a node of the chain")
    made.add_argument(
        "--confirmations",
        type=arguments.natural,
        metavar="N",
        help="blocks until a block is final (default: the chain says)",
    )
    made.add_argument(
        "--partial",
        action="store_true",
        help="leave out the campaigns whose openings the mirror lacks, instead of refusing",
    )
    made.add_argument("--json", action="store_true", help="print the outcome as one JSON object")
    return made


def run(argv: Sequence[str]) -> int:
    """Restore; the exit status."""
    given = parser().parse_args(argv)
    from ledger_service.config import read_options
    from ledger_service.restore.copy import Copy
    from scripts.cli.signals import ending_cleanly

    named = {"state": given.state, "rpc_url": given.rpc_url, "confirmations": given.confirmations}
    options = read_options(os.environ, named)
    keys = _keys(given)
    copy = Copy(given.mirror, keys.log_seed)
    _check(given, options, keys, copy)
    with ending_cleanly(), progress_bar() as progress:
        restored = _restore(given, options, keys, copy, progress)
    if given.json:
        print(json.dumps({"ok": True} | restored.to_json()))
    else:
        sys.stdout.writelines(line + "\n" for line in _sentences(restored))
    return 0


def _keys(given: argparse.Namespace) -> Keys:
    """The service's keys, in the state directory from now on. A key that is there is never replaced.

    Raises:
        BadInput: a key is missing, or the state directory has another one.
    """
    from ledger_service.errors import BadInput
    from ledger_service.local.keys import load_or_make
    from ledger_service.local.state import prepare, write_whole

    state = given.state.expanduser()
    source = given.keys or state / "keys"
    for name in ("operator", "log"):
        if not (source / f"{name}.key").is_file():
            raise BadInput(f"there is no {name}.key in {source}: without it, it would be another service")
    folder = prepare(state) / "keys"
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in KEYS:
        there, found = folder / f"{name}.key", source / f"{name}.key"
        if not found.is_file():
            continue
        if not there.exists():
            write_whole(there, found.read_bytes(), 0o600)
        elif there.read_bytes() != found.read_bytes():
            raise BadInput(f"{there} is another key than {found}: restore into a fresh state directory")
    return load_or_make(state)


def _check(given: argparse.Namespace, options: Options, keys: Keys, copy: Copy) -> None:
    """What can be said before anything is started."""
    from ledger_service.errors import BadInput

    operator = keys.wallet().address
    if operator != copy.facts.operator:
        raise BadInput(f"operator.key is {operator}'s, and the mirror is of {copy.facts.operator}'s service")
    if options.rpc_url is None and not (options.state / "chain").is_dir():
        raise BadInput(
            f"name the chain that the log is anchored on with --rpc: {options.state} has no local one (a "
            "local chain's folder chain/ belongs there)"
        )


def _restore(
    given: argparse.Namespace, options: Options, keys: Keys, copy: Copy, progress: Progress
) -> Restored:
    from ledger_service.chain.client import ChainClient
    from ledger_service.restore.chain import Chain
    from ledger_service.restore.service import restore
    from ledger_service.store.store import Store, connect
    from scripts.cli import startup

    with ExitStack() as stack:
        options, local = stack.enter_context(startup.services(options))
        engine = connect(options.database_url or local.database_url)
        stack.callback(engine.dispose)
        client = ChainClient.connect(
            options.rpc_url or local.rpc_url, finality_depth=options.confirmations, timeout=60.0
        )
        stack.callback(client.close)
        chain = Chain.of(copy, client, startup.compiled())
        store = Store(engine, copy.key, keys.storage)
        return restore(copy, store, chain, partial=given.partial, progress=progress)


def _sentences(restored: Restored) -> Iterator[str]:
    report = restored.report
    yield f"restored: {report.size} entries of {restored.origin}, root 0x{report.root.hex()}"
    yield ", ".join(f"{table} {count}" for table, count in sorted(report.counts.items()))
    yield f"the chain has {restored.heads} heads of it; checked as crowdledger fsck does, and committed"
    for key in restored.queued:
        yield f"to be sent to the chain again, as it never arrived: {key}"
    if report.erased:
        yield f"{report.erased} openings stay erased"
    for campaign in restored.left_out:
        yield f"left out, for want of openings: campaign 0x{campaign.hex()}"
    yield f"serve it with crowdledger serve, under the origin {restored.origin}"
