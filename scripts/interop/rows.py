"""All clients on one log: what each accepted, refused, and should not have."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ledger_service.log.checkpoint import LogKey
from ledger_service.store.store import Store
from scripts.interop import cases, log, mirrors, witness
from scripts.interop.cases import Case, Material
from scripts.interop.clients import CLIENTS, Client
from scripts.interop.log import BATCHES, CHANGES, KEY, Tampered

FEEDER = Client(
    "aics-witness",
    "PyPI",
    "public: WitnessClient.submit, merge_cosignatures, asking `crowdledger witness`",
    "with_aics_witness.py",
    frozenset({"feeding"}),
    witnesses=True,
)
WITNESS = "its command `serve`, over HTTP (C2SP tlog-witness), cosigning our log"


MIRROR = "our command, on a log that aics-tlog wrote and cosigned"


@dataclass(frozen=True)
class Row:
    """What one client said.

    `accepted` are the cases that it had to accept, and did; `refused`, with its reasons, those that it had to
    refuse, and did; `wrong` the others, with what it did.
    """

    client: str
    registry: str
    version: str
    api: str
    accepted: tuple[str, ...]
    refused: dict[str, str]
    wrong: dict[str, str]


def run() -> list[Row]:
    """All clients on one log.

    Raises:
        Stop: one of them does not run at all.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cl-interop-")))
        store = stack.enter_context(log.database())
        theirs = stack.enter_context(witness.third_party(folder, KEY.verifier))
        app = Tampered(log.application(store), {**CHANGES, "stranger": _resigned})
        url = stack.enter_context(log.serve(app))
        material = _grow(store, url, theirs)
        mine = stack.enter_context(witness.ours(folder, KEY.verifier))
        copied = [*_readings(material, url), *mirrors.copied(material, url, folder)]
        given = [*cases.build(material), *copied, *witness.feeding_cases(material, mine)]
        rows = [_row(client, given) for client in (*CLIENTS, FEEDER)]
        rows.append(_witness_row(witness.asked(material, theirs)))
        written = stack.enter_context(mirrors.written_by_others(folder))
        return [*rows, _mirror_row(mirrors.mirrored(written, folder))]


def _grow(store: Store, url: str, theirs: witness.Witnessing) -> Material:
    """Three batches; the first head and the last are cosigned and published. What a reader then sees."""
    log.append(store, 0, BATCHES[0])
    witness.publish(store, theirs)
    with store.begin() as uow:
        old = uow.log.published().checkpoint
    first = BATCHES[0]
    for count in BATCHES[1:]:
        log.append(store, first, count)
        first += count
    witness.publish(store, theirs)
    return cases.fetch(url, old, KEY, theirs.key)


def _resigned(path: str, body: bytes) -> bytes:
    """The checkpoint as somebody signs it who has not the log's key."""
    if path != "checkpoint":
        return body
    text = body.decode().rpartition("\n\n")[0] + "\n"
    stranger = LogKey(KEY.name, bytes(32))
    return f"{text}\n{cases.line_of(stranger, text)}".encode()


def _readings(material: Material, url: str) -> list[Case]:
    """The log as it is, and through those who change it on its way."""
    fork = {"old_checkpoint": cases.forked(material)}
    return [
        cases.reading(material, "the log", url, True),
        cases.reading(material, "with a level-0 tile changed", f"{url}/tampered-tile", False),
        cases.reading(material, "with a level-1 tile changed", f"{url}/tampered-edge", False),
        cases.reading(material, "with an entry changed", f"{url}/tampered-entry", False),
        cases.reading(material, "signed by a stranger", f"{url}/stranger", False),
        {**cases.reading(material, "after a head of another history", url, False), **fork},
    ]


def _row(client: Client, given: Sequence[Case]) -> Row:
    answers, mine = client.answers(given), [case for case in given if client.checks(case)]
    accepted, refused, wrong = [], {}, {}
    for case in mine:
        name, why = case["name"], answers[case["name"]]
        if (why is None) != case["accept"]:
            wrong[name] = "accepted" if why is None else f"refused: {why}"
        elif why is None:
            accepted.append(name)
        else:
            refused[name] = why
    return Row(client.package, client.registry, client.version, client.api, tuple(accepted), refused, wrong)


def _witness_row(statuses: dict[str, tuple[int, int]]) -> Row:
    """Their witness cosigned two heads of ours before it was asked for what it has to refuse."""
    accepted = ["the first head", "the newest head, with its proof"]
    refused, wrong = {}, {}
    for name, (expected, found) in statuses.items():
        if found != expected:
            wrong[name] = f"{found} where {expected} is specified"
        elif found == 200:
            accepted.append(name)
        else:
            refused[name] = str(found)
    return Row(FEEDER.package, "PyPI", FEEDER.version, WITNESS, tuple(accepted), refused, wrong)


def _mirror_row(outcomes: Sequence[mirrors.Outcome]) -> Row:
    """Exit status 1 is a refusal; 2 says that nothing could be read."""
    accepted, refused, wrong = [], {}, {}
    for outcome in outcomes:
        if outcome.refused is None and outcome.accept:
            accepted.append(outcome.name)
        elif outcome.refused is not None and outcome.refused.startswith("1:") and not outcome.accept:
            refused[outcome.name] = outcome.refused
        else:
            wrong[outcome.name] = outcome.refused or "accepted"
    return Row("crowdledger mirror", "ours", "", MIRROR, tuple(accepted), refused, wrong)
