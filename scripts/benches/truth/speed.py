"""How fast and how lean the truth methods are, beside crowd-kit's Dawid-Skene; part of `scripts/bench truth`.

    python -m scripts.benches.truth.speed --labels 1000000,10000000

Every figure comes from a process of its own, on one thread: ours and the peer's in turns over the same votes,
in seconds of processor time, which other programs on the machine disturb least. An iteration is the
difference between the quickest fit of one iteration and the quickest longer one, so that reading, sorting and
starting do not count; what they take is in the notes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from scripts.benches.report import Bar, Peer, Row
from scripts.benches.truth import peers
from scripts.benches.truth.speed_turns import ITERATIONS

LABELS = (1_000_000, 10_000_000)
LARGEST = 100_000_000  # a size to be asked for: it takes long, and memory that not every machine has
GPU_LABELS, GPU_BAR = 1_000_000_000, 50.0  # milliseconds
RATIOS = {1_000_000: 30.0, 10_000_000: 33.0}  # of an iteration to the peer's, by labels
BYTES = 45.0  # a label above the input, where the fixed part is small against it: from a million labels on
MOST_FOR_PEER = 10_000_000  # beyond, a pandas frame and its joins do not fit a common machine
ROUNDS = 3  # at the bars' sizes
PEER_ITERATIONS, PEER_GIBIBYTES = 3, 16
PATIENCE = 3_600
PEER_PROGRAM = Path(__file__).parent / "crowdkit_turns.py"
OURS = "scripts.benches.truth.speed_turns"

Say = Callable[[str], None]


def rows(arguments: argparse.Namespace, say: Say) -> list[Row]:
    """The rows, for `arguments.labels` (sizes) and, unless `arguments.no_peers`, with the peer.

    Raises:
        Stop: a turn fails.
    """
    with_peer = not getattr(arguments, "no_peers", False)
    if with_peer:
        peers.install()
    found: list[Row] = []
    for labels in getattr(arguments, "labels", None) or LABELS:
        found += _iterations(labels, with_peer and labels <= MOST_FOR_PEER, say)
    asked = getattr(arguments, "labels", None)
    if LARGEST not in (asked or LABELS):
        found.append(_not_run())
    found += _streams(min(5 * min(asked or LABELS), 5_000_000), say)
    return [*found, _gpu(max(asked) if asked else GPU_LABELS, say)]


def _iterations(labels: int, with_peer: bool, say: Say) -> list[Row]:
    rounds = ROUNDS if labels in RATIOS else 1
    ours, theirs = _in_turns(labels, "", rounds, with_peer, say)
    made = _model_rows("dawid-skene-ml", labels, ours)
    if theirs:
        ratio = RATIOS.get(labels)
        made[0] = _beside(made[0], theirs, Bar(ratio, "ratio") if ratio else None)
        ours, theirs = _in_turns(labels, " grouped", 1, with_peer, say)
        grouped = _model_rows("dawid-skene-ml, votes grouped by item", labels, ours)
        made.append(_beside(grouped[0], theirs, None))
    for name in ("hierarchical", "difficulty"):
        say(f"{labels:,} labels: {name}")
        made += _model_rows(name, labels, [_turn(name, labels)])
    return made


def _in_turns(
    labels: int, order: str, rounds: int, with_peer: bool, say: Say
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    ours, theirs = [], []
    with tempfile.TemporaryDirectory(prefix="crowdledger-speed-") as folder:
        if with_peer:
            _turn(f"save{order}", labels, folder)
        for number in range(rounds):
            say(f"{labels:,} labels{order}, round {number + 1}: Dawid-Skene")
            ours.append(_turn(f"dawid-skene-ml{order}", labels))
            if with_peer:
                say(f"{labels:,} labels{order}, round {number + 1}: crowd-kit's Dawid-Skene")
                theirs.append(_peer(Path(folder)))
    return ours, theirs


def _model_rows(name: str, labels: int, turns: Sequence[dict[str, Any]]) -> list[Row]:
    best = min(turns, key=lambda turn: float(turn["more"]))
    sizes = {"labels": labels, "classes": 4, "threads": 1}
    parts = ", ".join(f"{part} {best[part]:.2f} s" for part in ("check", "index", "posterior"))
    once = f"once: {parts}"
    whole = f"{once}; whole process {best['peak'] / 2**30:.2f} GiB at its peak"
    bar = Bar(BYTES) if labels >= LABELS[0] else None
    return [
        Row(f"an EM iteration, {name}", sizes, _an_iteration(turns, ITERATIONS) * 1e3, "ms", note=once),
        Row(
            f"peak memory above the input, {name}",
            sizes,
            best["bytes a label"],
            "bytes/label",
            None,
            bar,
            whole,
        ),
    ]


def _an_iteration(turns: Sequence[dict[str, Any]], more: int) -> float:
    """Seconds, from fits of one iteration and of so many more."""
    return float(min(turn["more"] for turn in turns) - min(turn["one"] for turn in turns)) / more


def _beside(row: Row, theirs: Sequence[dict[str, Any]], bar: Bar | None) -> Row:
    seconds = _an_iteration(theirs, PEER_ITERATIONS)
    peer = Peer("crowd-kit", f"{theirs[0]['version']} DawidSkene", seconds * 1e3)
    note = f"{row.note}; the peer's whole fit on the same votes, an iteration by difference"
    return Row(row.what, row.sizes, row.ours, row.unit, peer, bar, note)


def _streams(labels: int, say: Say) -> list[Row]:
    say(f"{labels:,} labels one after the other, and from Parquet")
    online = _turn("online", labels)
    with tempfile.TemporaryDirectory(prefix="crowdledger-speed-") as folder:
        parquet = _turn("parquet", labels, folder)
    sizes = {"labels": labels, "items": labels // 5}
    note = f"99 % within {online['worst of 100'] * 1e3:.2f} ms; {online['bytes a label']:.0f} bytes a label"
    whole = f"1,024 at a time; {100 * online['accuracy']:.1f} % of the items right at the end"
    shard = f"one of 4 shards; {parquet['bytes a label']:.0f} bytes for each label of the shard at the peak"
    rate = labels / parquet["shard"]
    return [
        Row("a label online, median", sizes, online["median"] * 1e6, "µs", None, Bar(5_000), note),
        Row("a whole campaign online", sizes, online["campaign"], "s", note=whole),
        Row("votes read from Parquet", sizes, rate, "labels/s", note=shard),
    ]


def _gpu(labels: int, say: Say) -> Row:
    """An iteration where there is a GPU; and where there is none, that it was not measured."""
    from reputation.truth.device import gpu_name

    name = gpu_name()
    what, sizes = "an EM iteration on a GPU", {"labels": labels, "classes": 4}
    if name is None:
        return Row(what, sizes, None, "ms", note="not measured: no GPU")
    say(f"{labels:,} labels on {name}")
    found = _turn("gpu", labels)
    note = f"{name}; {found['memory'] / labels:.0f} bytes a label on it at the peak"
    bar = Bar(GPU_BAR) if labels == GPU_LABELS else None
    return Row(what, sizes, found["iteration"] * 1e3, "ms", None, bar, note)


def _not_run() -> Row:
    note = f"not measured: --labels {LARGEST} measures it"
    return Row("an EM iteration, dawid-skene-ml", {"labels": LARGEST, "classes": 4}, None, "ms", note=note)


def _turn(turn: str, labels: int, folder: str | None = None) -> dict[str, Any]:
    arguments = [turn, str(labels), *([folder] if folder else [])]
    return peers.ask_ours(OURS, arguments, patience=PATIENCE)


def _peer(folder: Path) -> dict[str, Any]:
    files = [str(folder / f"{name}.npy") for name in ("item", "worker", "answer")]
    limits = [str(PEER_ITERATIONS), str(PEER_GIBIBYTES)]
    return peers.ask(PEER_PROGRAM, [*files, *limits], patience=PATIENCE)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure this part alone and print its rows as JSON; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.benches.truth.speed",
        description="Measure the truth methods' speed and memory, beside crowd-kit's Dawid-Skene.",
    )
    parser.add_argument("--labels", type=_sizes, default=LABELS, help="sizes, joined by commas")
    parser.add_argument("--no-peers", action="store_true", help="only ours")
    found = rows(parser.parse_args(argv), lambda text: print(text, file=sys.stderr))
    print(json.dumps([row.to_json() for row in found], indent=2))
    return int(any(row.met is False for row in found))


def _sizes(text: str) -> tuple[int, ...]:
    sizes = tuple(int(float(part)) for part in text.split(","))
    if min(sizes) < 100_000 or max(sizes) > 500_000_000:
        raise argparse.ArgumentTypeError("sizes must be between 100,000 and 500,000,000 labels")
    return sizes


if __name__ == "__main__":
    sys.exit(main())
