"""The whole measurement: the parts that were asked for, one after another, each on an empty folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console

from scripts.benches.log import append, big, http, pymerkle, reading, verify
from scripts.benches.log.append import AppendFound
from scripts.benches.log.big import BigFound
from scripts.benches.log.http import HttpFound
from scripts.benches.log.scratch import check_room
from scripts.benches.log.sizes import Sizes
from scripts.benches.log.verify import VerifyFound
from scripts.demo_job.progress import Stages


@dataclass(slots=True)
class Found:
    """All figures of a run; None for a part that was not asked for.

    Attributes:
        pymerkle: entries per second of each of its ways, by name; None without peers.
        database: the settings of PostgreSQL that decide what a commit costs.
        versions: of the peers and of Node.js, as far as they ran.
        seconds: that each part took.
    """

    sizes: Sizes
    append: AppendFound | None = None
    pymerkle: dict[str, float] | None = None
    http: HttpFound | None = None
    big: BigFound | None = None
    verify: VerifyFound | None = None
    database: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def measure(sizes: Sizes, parts: Sequence[str], *, with_peers: bool) -> Found:
    """Run the parts.

    Raises:
        Stop: a peer cannot be installed, or something is not durable or missing here.
        LedgerError: something of the service does not start, or refuses.
    """
    check_room(sizes.entries if "big" in parts else 0)
    if with_peers and "append" in parts:
        pymerkle.install()
    if "verify" in parts:
        verify.check_node()
    found, stages = Found(sizes, seconds={}), Stages(Console(stderr=True))
    found.seconds = stages.seconds
    if "append" in parts:
        _append(found, stages, with_peers)
    if "http" in parts:
        with stages.stage("http", "labels posted over HTTP", http.ticks(sizes)) as tick:
            found.http = http.measure(sizes, tick)
        found.database |= found.http.database
    if "big" in parts:
        with stages.stage("big", "a big log", sizes.entries + reading.ticks()) as tick:
            found.big = big.measure(sizes, tick)
        found.database |= found.big.database
    if "verify" in parts:
        _verify(found, stages)
    return found


def _append(found: Found, stages: Stages, with_peers: bool) -> None:
    with stages.stage("append", "append, beside COPY", append.ticks(found.sizes)) as tick:
        found.append = append.measure(found.sizes, tick)
    found.database |= found.append.database
    if with_peers:
        with stages.stage("pymerkle", "pymerkle", 1) as tick:
            found.pymerkle, found.versions["pymerkle"] = pymerkle.measure(found.sizes)
            tick(1)


def _verify(found: Found, stages: Stages) -> None:
    sizes = found.sizes
    if found.big is not None:
        bundles = found.big.bundles
    else:
        with stages.stage("bundles", "a log to verify", verify.own_sizes(sizes).entries) as tick:
            bundles = verify.smaller_log(sizes, tick)
    with stages.stage("verify", "bundles verified", verify.ticks()) as tick:
        found.verify = verify.measure(bundles, sizes, tick)
    found.versions["node"] = found.verify.node
