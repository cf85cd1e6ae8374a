"""`crowdledger fsck`: the database, or a mirror, checked against everything that it has to agree with."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.cli import arguments
from scripts.cli.progress import progress_bar

if TYPE_CHECKING:
    from ledger_service.audit.progress import Progress
    from ledger_service.fsck.heads import ChainHeads
    from ledger_service.fsck.known import Known
    from ledger_service.fsck.report import Report
    from ledger_service.store.integrity import Snapshot

DESCRIPTION = """\
Check the whole database of a service: derive the log's root again from its entries, and compare tiles, signed
heads, anchors and every table with the entries, both ways; open what is encrypted; and with --rpc compare the
heads with those on the chain. The first difference is named: table, key, column, what is expected, what is
found. Nothing is changed, and a service may go on working meanwhile: what is checked is one moment of it.

The database is that of the state directory, or DATABASE_URL; the keys are those of the state directory. What
cannot be checked without a key or a node is left out, and said. With --mirror, a folder that crowdledger
mirror made is checked instead: its head, every tile, every entry. With --fork, evidence that a mirror, a
monitor or a witness has kept is checked: whether it proves that the log's key has signed two histories.
"""
EXAMPLES = """\
  crowdledger fsck
  crowdledger fsck --state /srv/ledger --rpc https://rpc.example.org --json
  DATABASE_URL=postgresql://ledger@db/ledger crowdledger fsck --state /srv/ledger
  crowdledger fsck --mirror copy/ --log-key ledger.example.org+0a1b2c3d+AQ…
  crowdledger fsck --fork copy/evidence/fork-1f0c….json --log-key ledger.example.org+0a1b2c3d+AQ…

Exit status: 0 all agrees, or the fork is proved; 1 not so, and it is named; 2 it could not be looked at.
"""


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = arguments.parser("fsck", DESCRIPTION, EXAMPLES)
    arguments.add_state(made)
    made.add_argument("--mirror", type=Path, metavar="DIR", help="check this copy of a log, no database")
    made.add_argument("--fork", type=Path, metavar="FILE", help="check this evidence of a fork, nothing else")
    made.add_argument("--rpc", metavar="URL", help="a node of the chain: compare the anchored heads with it")
    made.add_argument(
        "--depth",
        type=arguments.natural,
        metavar="N",
        help="take blocks this deep as final (default: ask the node; 0 on a local chain)",
    )
    made.add_argument(
        "--log-key", metavar="VKEY", help="the log's verifier key (default: that of the state directory)"
    )
    made.add_argument("--json", action="store_true", help="print the outcome as one JSON object")
    return made


def run(argv: Sequence[str]) -> int:
    """Check; the exit status."""
    given = parser().parse_args(argv)
    if given.fork is not None:
        return _check_fork(given)
    from ledger_service.errors import VerificationError
    from ledger_service.fsck.report import Difference

    try:
        with progress_bar() as progress:
            report = _check(given, progress)
    except VerificationError as error:
        if given.json:
            named = error.to_json() if isinstance(error, Difference) else {"what": str(error)}
            print(json.dumps({"ok": False, "difference": named}, ensure_ascii=False))
        raise
    if given.json:
        print(json.dumps({"ok": True} | report.to_json(), ensure_ascii=False))
    else:
        sys.stdout.writelines(line + "\n" for line in _sentences(report))
    return 0


def _check_fork(given: argparse.Namespace) -> int:
    from ledger_service.audit.reading import parse_json
    from ledger_service.errors import BadInput
    from ledger_service.log.checkpoint import VerifierKey, open_checkpoint
    from ledger_service.mirror.evidence import MAX_EVIDENCE_BYTES, Evidence, check_fork

    if given.log_key is None:
        raise BadInput("whose fork it is has to be known from elsewhere: give --log-key")
    key = VerifierKey.parse(given.log_key)
    try:
        with given.fork.open("rb") as file:
            raw = file.read(MAX_EVIDENCE_BYTES)
    except OSError as error:
        raise BadInput(f"cannot read {given.fork}: {error.strerror}") from error
    evidence = Evidence.from_json(parse_json(raw, str(given.fork)))
    check_fork(evidence, key)
    old, new = (open_checkpoint(note, key) for note in (evidence.old, evidence.new))
    facts = {"ok": True, "origin": key.name, "old_size": old.size, "new_size": new.size}
    words = f"proved: {key.name} has signed two histories: heads of {old.size} and {new.size} entries"
    print(json.dumps(facts) if given.json else words)
    return 0


def _sentences(report: Report) -> Iterator[str]:
    yield f"clean: {report.size} entries, root 0x{report.root.hex()}"
    yield ", ".join(f"{table} {count}" for table, count in sorted(report.counts.items()))
    if report.erased:
        yield f"{report.erased} openings cannot be read: the keys of those whom they are of were destroyed"
    for sentence in report.left_out:
        yield f"not checked: {sentence}"


def _check(given: argparse.Namespace, progress: Progress) -> Report:
    if given.mirror is not None:
        return _check_mirror(given, progress)
    from ledger_service.fsck.database import check_database
    from ledger_service.store.integrity import snapshot
    from ledger_service.store.store import connect

    with ExitStack() as stack:
        url = os.environ.get("DATABASE_URL") or stack.enter_context(_embedded(given.state))
        engine = connect(url)
        stack.callback(engine.dispose)
        # The chain is read first: what is anchored while that lasts has its row already.
        with snapshot(engine) as before:
            known = _known(given, before)
            chain = _heads(given, before, known, progress) if given.rpc is not None else None
        now = stack.enter_context(snapshot(engine))
        return check_database(now, known, chain, progress)


def _check_mirror(given: argparse.Namespace, progress: Progress) -> Report:
    from ledger_service.audit.source import DirSource
    from ledger_service.errors import BadInput
    from ledger_service.fsck.folder import check_folder
    from ledger_service.log.checkpoint import VerifierKey

    source, said = DirSource(given.mirror), given.mirror / "log-key"
    if given.log_key is None and not said.is_file():
        raise BadInput(f"{given.mirror} does not say which key its log signs with: give --log-key")
    key = VerifierKey.parse(given.log_key or said.read_text().removesuffix("\n"))
    report = check_folder(source, key, progress)
    if given.log_key is None:
        report.left_out.append(f"whose log it is: its key {key} is the folder's own word (--log-key)")
    return report


@contextmanager
def _embedded(given: Path | None) -> Iterator[str]:
    """The URL of the state directory's database: that of the service that runs there, or started for us."""
    from ledger_service.errors import BadInput, Conflict
    from ledger_service.local.postgres import EmbeddedPostgres
    from ledger_service.local.state import claimed, default_state, prepare

    state = (given or default_state()).expanduser().resolve()
    if not (state / "postgres").is_dir():
        raise BadInput(f"there is no database in {state}: name another with --state, or set DATABASE_URL")
    server = EmbeddedPostgres(prepare(state))
    with ExitStack() as stack:
        try:
            stack.enter_context(claimed(state))
        except Conflict:  # a service holds the directory, and its database runs
            yield server.url
            return
        stack.callback(server.stop)
        server.start()
        yield server.url


def _known(given: argparse.Namespace, now: Snapshot) -> Known:
    """Keys from the state directory, addresses from the database's own deployment."""
    from ledger_service.eip712 import Domain
    from ledger_service.fsck.known import Known
    from ledger_service.local.keys import load_or_make
    from ledger_service.local.state import default_state
    from ledger_service.log.checkpoint import LogKey, VerifierKey

    state = (given.state or default_state()).expanduser()
    there = all((state / "keys" / f"{name}.key").is_file() for name in ("operator", "log", "storage"))
    keys, origin = load_or_make(state) if there else None, now.origin()
    log_key = VerifierKey.parse(given.log_key) if given.log_key else None
    if log_key is None and keys is not None and origin is not None:
        log_key = LogKey(origin, keys.log_seed).verifier
    chain_id = now.chain_id()
    log = now.deployed(chain_id, "provenance-log") if chain_id is not None else None
    return Known(
        log_key=log_key,
        domain=Domain(chain_id, log) if chain_id is not None and log is not None else None,
        escrow=now.deployed(chain_id, "escrow") if chain_id is not None else None,
        storage=keys.storage if keys is not None else None,
    )


def _heads(given: argparse.Namespace, now: Snapshot, known: Known, progress: Progress) -> ChainHeads:
    from ledger_service.audit.chain_reading import ChainReader
    from ledger_service.audit.log_history import read_history
    from ledger_service.chain.client import ChainClient
    from ledger_service.errors import BadInput
    from ledger_service.fsck.heads import ChainHeads

    if known.domain is None:
        raise BadInput(
            "the database does not say where its contracts are: it cannot be compared with a chain"
        )
    local = now.deployed(known.domain.chain_id, "token") is not None
    depth = 0 if given.depth is None and local else given.depth
    client = ChainClient.connect(
        given.rpc, chain_id=known.domain.chain_id, finality_depth=depth, timeout=60.0
    )
    try:
        reader = ChainReader(client, now.first_block(), progress)
        found = read_history(reader, known.domain.verifying_contract).heads
        return ChainHeads(tuple(found), reader.block.number)
    finally:
        client.close()
