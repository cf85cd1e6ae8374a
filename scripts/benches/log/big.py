"""A big log: how long it takes to build, its bundles made in process, what it serves and what that takes."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ledger_service.flow.prove import Prover
from ledger_service.log import tiles
from ledger_service.service import Service
from ledger_service.store.labels import LabelRow
from ledger_service.verify.verifier import verify_bundle
from scripts.benches.log.build import Built, Logged, build, complete
from scripts.benches.log.ground import Ground, ground, new_state
from scripts.benches.log.load import client
from scripts.benches.log.reading import Read, measure_reading
from scripts.benches.log.sizes import Sizes
from scripts.benches.log.work import Work
from scripts.demo_job.progress import Tick

POLL_SECONDS = 5  # while it is read the service looks at the chain as at one with a block every 12 seconds
AT_ONCE = 200  # bundles made in one transaction
MOST_KEPT = 2_000  # bundles that the verifiers are given
SEED = "crowdledger bench"


@dataclass(frozen=True, slots=True)
class Bundles:
    """Bundles of one log, and whom they have to be of."""

    log_key: str
    log_address: str
    log_size: int
    raw: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Assembled:
    """Bundles per second put together in process: the first time, and again with the tiles in the cache."""

    entries_each: int
    count: int
    first: float
    again: float


@dataclass(frozen=True, slots=True)
class BigFound:
    """All about one big log."""

    built: Built
    unjudged: Assembled
    judged: Assembled
    reading: Read
    bundles: Bundles
    database: dict[str, str]


def measure(sizes: Sizes, tick: Tick) -> BigFound:
    """Build the log, make bundles, serve it. Ticks once for each entry, and once for each load.

    Raises:
        Unavailable: the service does not start, or breaks off.
        VerificationError: a bundle does not hold.
    """
    with new_state() as state:
        with ground(state) as at, at.beside() as service:
            database = at.database()
            built = build(at, service, sizes, tick)
            unjudged, _ = assemble(service, built.work, sizes.seconds / 2)
            complete(at, built)
        with ground(state, poll_seconds=POLL_SECONDS) as at, client() as sender:
            with at.beside() as service:
                judged, made = assemble(service, built.work, sizes.seconds)
            bundles = checked(at, made)
            reading = measure_reading(at, sender, _requests(at, built), sizes.seconds, tick)
    return BigFound(built, unjudged, judged, reading, bundles, database)


def assemble(service: Service, work: Work, seconds: float) -> tuple[Assembled, list[bytes]]:
    """Make every label's bundle, and again until the time is over; some of them spread over all."""
    with service.store.begin() as uow:
        rows = uow.labels.page(work.campaign.campaign)
    begun = time.perf_counter()
    kept = [one for chunk in _chunks(rows) for one in _bundles(service, work, chunk)[:: _step(rows)]]
    first = len(rows) / (time.perf_counter() - begun)
    count, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        for chunk in _chunks(rows):
            count += len(_bundles(service, work, chunk))
    again = count / (time.perf_counter() - begun)
    return Assembled(kept[0].count(b'"proof"'), len(rows), first, again), kept


def _step(rows: Sequence[LabelRow]) -> int:
    return -(-len(rows) // MOST_KEPT)


def _chunks(rows: Sequence[LabelRow]) -> Iterator[Sequence[LabelRow]]:
    for start in range(0, len(rows), AT_ONCE):
        yield rows[start : start + AT_ONCE]


def _bundles(service: Service, work: Work, rows: Sequence[LabelRow]) -> list[bytes]:
    with service.store.begin() as uow:
        campaign = uow.campaigns.get(work.campaign.campaign)
        return Prover(uow, service.ledger, campaign).labels(rows)


def checked(at: Ground, made: Sequence[bytes]) -> Bundles:
    """Bundles, of which some were verified: what is measured here has to hold."""
    key, address = at.info.log_key, at.info.domain.verifying_contract
    sample = [made[0], *made[:: max(1, len(made) // 20)]]
    *_, last = (verify_bundle(raw, log_key=key, log_address=address) for raw in sample)
    return Bundles(key, address, int(last.facts["log_size"]), tuple(made))


def _requests(at: Ground, built: Built) -> dict[str, list[bytes]]:
    """What readers ask for, by its name, in random order."""
    chance = random.Random(SEED)  # noqa: S311
    full = built.entries // tiles.WIDTH
    drawn = [chance.randrange(full) for _ in range(4_000)] if full else [0]
    above = max(1, full // tiles.WIDTH)
    paths = [
        tiles.tile_path(1, index % above)
        if number % 8 == 0 and full >= tiles.WIDTH
        else tiles.tile_path(0, index)
        for number, index in enumerate(drawn)
    ]
    labels = list(built.labels)
    chance.shuffle(labels)
    return {
        "tile": [_get(at, "/" + path) for path in paths],
        "entry bundle": [_get(at, "/" + tiles.entries_path(index)) for index in drawn],
        "label bundle": [_bundle_of(at, label) for label in labels],
    }


def _bundle_of(at: Ground, label: Logged) -> bytes:
    return _get(
        at, f"/v1/labels/0x{label.leaf.hex()}/bundle", f"Authorization: Bearer {label.labeller.token}\r\n"
    )


def _get(at: Ground, path: str, header: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {at.host}:{at.port}\r\n{header}\r\n".encode()
