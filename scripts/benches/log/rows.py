"""The report's rows: every figure of ours, the peer's for the same purpose, and the bar it is held to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from scripts.benches.log.append import Appended, AppendFound
from scripts.benches.log.big import Assembled, BigFound
from scripts.benches.log.filler import ENTRY_BYTES
from scripts.benches.log.http import HttpFound, Posted
from scripts.benches.log.reading import Memory, Served
from scripts.benches.log.verify import VerifyFound
from scripts.benches.log.whole import Found
from scripts.benches.report import Bar, Peer, Row

COPY_SHARE = {256: 0.35, 1_024: 0.5}  # of a plain COPY's rate, by the batch
INCLUDED = 2_000  # milliseconds until a checkpoint includes an answered label, 99 in 100
ASSEMBLED = 5_000  # bundles per second
BUNDLE_SLOW = 10  # milliseconds, 99 in 100 at half of the highest load
GROWTH = 10  # per cent of the service's memory
ENTRIES, REQUESTS, MILLISECONDS = "entries/s", "requests/s", "ms"


def rows(found: Found, *, usual: bool) -> list[Row]:
    """All rows; without bars where the sizes are not the `usual` ones, for which the bars are set."""
    made = [
        *(_append(found.append, found.sizes.a_round) if found.append else ()),
        *(_pymerkle(found) if found.pymerkle else ()),
        *(_http(found.http) if found.http else ()),
        *(_big(found.big) if found.big else ()),
        *(_verify(found.verify) if found.verify else ()),
    ]
    return made if usual else [replace(row, bar=None) for row in made]


def _append(found: AppendFound, a_round: int) -> Iterator[Row]:
    for one in found.batches:
        sizes = {"entries a batch": one.batch, "bytes": ENTRY_BYTES, "turns": len(one.ours.turns)}
        sizes |= {"entries a turn": a_round}
        bar = Bar(COPY_SHARE[one.batch], "ratio")
        for peer, words, held, note in _copies(one):
            yield Row(
                "append",
                sizes,
                one.ours.median,
                ENTRIES,
                Peer("COPY", words, peer),
                bar if held else None,
                note,
            )
    sizes = {"entries a batch": 1, "bytes": ENTRY_BYTES, "turns": len(found.single.turns)}
    yield Row("append", sizes, found.single.median, ENTRIES, note=f"median; {found.single.words}")


def _copies(one: Appended) -> Iterator[tuple[float, str, bool, str]]:
    """The peers of one size of batch: rate, what it is, whether there is a bar, note."""
    ours = f"medians; ours: {one.ours.words}"
    table = "the same rows and columns, binary, one COPY a batch, each its own transaction"
    plain = f"{ours}; COPY: {table}, only a primary key on the index, as ours has, {one.plain.words}"
    yield one.plain.median, "primary key alone", True, plain
    ready = f"{ours}; COPY: as with a primary key alone, from bytes made before, {one.ready.words}"
    yield one.ready.median, "of ready bytes", False, ready


def _pymerkle(found: Found) -> Iterator[Row]:
    if found.pymerkle is None or found.append is None:
        return
    largest, single = found.append.batches[-1], found.append.single.median
    notes = {
        "InmemoryTree": "its nodes in memory only, nothing durable; ours durable",
        "SqliteTree": "its leaves in one SQLite file, durable, without inner nodes or an index on hashes",
    }
    for way, rate in found.pymerkle.items():
        tree, _, how = way.partition(" ")
        bulk = how == "in bulk"
        ours, batch = (largest.ours.median, largest.batch) if bulk else (single, 1)
        sizes = {"entries a batch": batch, "bytes": ENTRY_BYTES}
        yield Row("append", sizes, ours, ENTRIES, Peer("pymerkle", way, rate), note=notes[tree])


def _http(found: HttpFound) -> Iterator[Row]:
    for one in found.loads:
        sizes = {"processes": one.processes, "connections": one.connections, "labels": one.labels}
        note = (
            "single labels signed before; session key recovery, grant, assignment and schema checked; the "
            f"client took {one.client:.0%} of a core"
        )
        yield Row("label posted", sizes, one.rate, REQUESTS, note=note)
        yield Row("label posted, median", sizes, 1_000 * one.median, MILLISECONDS)
        yield Row("label posted, p99", sizes, 1_000 * one.slow, MILLISECONDS)
        yield _included(one, sizes)


def _included(one: Posted, sizes: dict[str, int]) -> Row:
    beside = "every answer" if one.with_checkpoint else "not every answer"
    note = (
        f"from the answer until GET /checkpoint includes it, looked at every 50 ms; median "
        f"{1_000 * one.included_median:,.0f} ms; {beside} has such a checkpoint in it"
    )
    what = "label in a signed checkpoint, p99"
    return Row(what, sizes, 1_000 * one.included_slow, MILLISECONDS, bar=Bar(INCLUDED), note=note)


def _big(found: BigFound) -> Iterator[Row]:
    built = found.built
    sizes = {"entries": built.entries, "labels": len(built.labels)}
    pieces = ", ".join(f"{rate:,.0f}" for rate in built.pieces)
    note = f"in batches of 1,024; by tenths of the log: {pieces}"
    yield Row("big log appended", sizes, built.rate, ENTRIES, note=note)
    slowest = min(built.pieces)
    yield Row("big log appended, slowest tenth", sizes, slowest, ENTRIES)
    yield Row("big log on disk", sizes, built.database_bytes / built.entries, "bytes an entry")
    yield from _assembled("not judged yet", found.unjudged, sizes)
    yield from _assembled("judged", found.judged, sizes)
    for served in found.reading.served:
        yield from _served(served, {"entries": built.entries})
    yield from _memory(found.reading.memory, round(found.reading.seconds))


def _assembled(what: str, one: Assembled, sizes: dict[str, int]) -> Iterator[Row]:
    sizes = sizes | {"entries a bundle": one.entries_each}
    note = "in process, 200 in a transaction, the rows read from the database each time"
    yield Row(f"bundles put together, {what}, tiles cached", sizes, one.again, "bundles/s",
              bar=Bar(ASSEMBLED, "floor"), note=note)  # fmt: skip
    yield Row(f"bundles put together, {what}, first time", sizes, one.first, "bundles/s", note=note)


def _served(one: Served, sizes: dict[str, int]) -> Iterator[Row]:
    at = sizes | {"connections": one.connections}
    note = f"one worker process; median {1_000 * one.median:,.1f} ms; client {one.client:.0%} of a core"
    yield Row(f"GET {one.what}, highest load", at, one.rate, REQUESTS, note=note)
    yield Row(f"GET {one.what}, highest load, p99", at, 1_000 * one.slow, MILLISECONDS)
    bar = Bar(BUNDLE_SLOW) if one.what == "label bundle" else None
    note = (
        f"{one.half_rate:,.0f} requests/s at a fixed rate, times from when each was due; median "
        f"{1_000 * one.half_median:,.1f} ms"
    )
    what = f"GET {one.what}, half load, p99"
    yield Row(what, sizes, 1_000 * one.half_slow, MILLISECONDS, bar=bar, note=note)


def _memory(one: Memory, seconds: int) -> Iterator[Row]:
    mib = 1 << 20
    for what, value in (("idle", one.idle), ("start", one.start), ("middle", one.middle), ("end", one.end)):
        yield Row(f"memory of the service, {what}", {}, value / mib, "MiB resident")
    note = "from start to end of the half loads, which come after the highest ones"
    yield Row(
        "memory of the service, growth", {"seconds": seconds}, one.growth, "%", bar=Bar(GROWTH), note=note
    )


def _verify(found: VerifyFound) -> Iterator[Row]:
    sizes = {"bundles": found.bundles, "log entries": found.log_size, "bytes": round(found.mean_bytes)}
    ways = (
        ("Python", found.python, "ledger_service.verify, one core"),
        ("JavaScript", found.javascript, f"api/web/verifier under Node.js {found.node}, one core"),
    )
    for language, rates, note in ways:
        yield Row(f"bundles verified, {language}, each alone", sizes, rates.alone, "bundles/s", note=note)
        shared = f"{note}; what they share (checkpoint, campaign, grants) is checked once"
        yield Row(f"bundles verified, {language}, together", sizes, rates.together, "bundles/s", note=shared)
    whole = "read, its checkpoint's Ed25519 signature checked, the entry proved"
    yield Row("tlog-proofs checked", {"log entries": found.log_size}, found.proofs, "proofs/s", note=whole)
    one = "under one checkpoint that was opened before"
    what = "tlog-proofs checked, one checkpoint"
    yield Row(what, {"log entries": found.log_size}, found.proofs_under_one, "proofs/s", note=one)
