"""The verifiers: the same bundles in Python and in JavaScript, one core each, and tlog-proofs."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ledger_service.entries import leaf_hash
from ledger_service.log.checkpoint import open_checkpoint
from ledger_service.log.proof import verify_inclusion
from ledger_service.log.tlog_proof import parse_proof
from ledger_service.verify.bundle import parse
from ledger_service.verify.verdict import Memory
from ledger_service.verify.verifier import verify_bundle
from scripts.benches.log.big import Bundles, assemble, checked
from scripts.benches.log.build import build, complete
from scripts.benches.log.ground import ground, new_state
from scripts.benches.log.scratch import scratch
from scripts.benches.log.sizes import Sizes, sizes_for
from scripts.demo_job.progress import Tick
from scripts.programs import ROOT, Stop, child_environment, node_folder

VERIFIER = ROOT / "api" / "web" / "verifier"
PROGRAM = Path(__file__).parent / "verify.mjs"
MOST_ENTRIES = 100_000  # of the log that is built for the verifiers alone
PATIENCE = 300


@dataclass(frozen=True, slots=True)
class Rates:
    """Bundles per second of one verifier: each by itself, and a file of them, what they share done once."""

    alone: float
    together: float


@dataclass(frozen=True, slots=True)
class VerifyFound:
    """Both verifiers on the same bundles; tlog-proofs per second, whole and under an opened checkpoint."""

    bundles: int
    log_size: int
    mean_bytes: float
    python: Rates
    javascript: Rates
    proofs: float
    proofs_under_one: float
    node: str


def measure(given: Bundles, sizes: Sizes, tick: Tick) -> VerifyFound:
    """Verify again and again until the time is over, in every way; ticks once for each.

    Raises:
        Stop: there is no Node.js, or the JavaScript verifier refuses a bundle.
        VerificationError: the Python verifier refuses one.
    """
    seconds = sizes.seconds
    alone = _rate(given, lambda: Memory(), seconds, afresh=True)
    tick(1)
    together = _rate(given, lambda: Memory(), seconds, afresh=False)
    tick(1)
    javascript, node = _javascript(given, seconds)
    tick(1)
    whole, under_one = _proofs(given, seconds / 2)
    tick(1)
    return VerifyFound(
        len(given.raw),
        given.log_size,
        sum(map(len, given.raw)) / len(given.raw),
        Rates(alone, together),
        javascript,
        whole,
        under_one,
        node,
    )


def ticks() -> int:
    """How many ticks `measure` gives."""
    return 4


def check_node() -> Path:
    """The Node.js program.

    Raises:
        Stop: there is none, or the JavaScript verifier's packages are not installed.
    """
    node = node_folder()
    if node is None or not (ROOT / "hardhat_local" / "node_modules" / "@noble").is_dir():
        raise Stop("Node.js or the packages of the JavaScript verifier are missing: run scripts/setup")
    return node / "node"


def smaller_log(sizes: Sizes, tick: Tick) -> Bundles:
    """Bundles of a log that is built for the verifiers alone. Ticks once for each entry."""
    with new_state() as state, ground(state) as at, at.beside() as service:
        small = own_sizes(sizes)
        built = build(at, service, small, tick)
        complete(at, built)
        _, made = assemble(service, built.work, 0)
        return checked(at, made)


def own_sizes(sizes: Sizes) -> Sizes:
    """Of the log of `smaller_log`."""
    return replace(sizes_for(min(sizes.entries, MOST_ENTRIES)), seconds=sizes.seconds)


def _rate(given: Bundles, fresh: Callable[[], Memory], seconds: float, *, afresh: bool) -> float:
    """Bundles per second; a fresh memory for each bundle, or for each pass over all of them."""
    count, begun = 0, time.perf_counter()
    while True:
        memory = fresh()
        for raw in given.raw:
            verify_bundle(
                raw,
                log_key=given.log_key,
                log_address=given.log_address,
                memory=fresh() if afresh else memory,
            )
            count += 1
            if time.perf_counter() - begun > seconds:
                return count / (time.perf_counter() - begun)


def _javascript(given: Bundles, seconds: float) -> tuple[Rates, str]:
    node = check_node()
    with scratch() as folder:
        file = folder / "bundles"
        file.write_bytes(b"".join(raw + b"\n" for raw in given.raw))
        modules = [(VERIFIER / name).as_uri() for name in ("node.mjs", "verifier.mjs")]
        arguments = (PROGRAM, modules[1], file, given.log_key, given.log_address, seconds)
        command = [str(part) for part in (node, "--import", modules[0], *arguments)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=True, timeout=PATIENCE, env=child_environment()
            )
        except subprocess.SubprocessError as error:
            raise Stop(
                f"the JavaScript verifier fails: {error}\n{getattr(error, 'stderr', '') or ''}"
            ) from error
    found = json.loads(done.stdout)
    return Rates(found["alone"], found["together"]), found["node"]


def _proofs(given: Bundles, seconds: float) -> tuple[float, float]:
    """tlog-proofs per second: read, its checkpoint's signature checked, the entry proved under it; and the
    same under one checkpoint that was read before."""
    found = [(part.proof, leaf_hash(part.raw)) for raw in given.raw for part in parse(raw).parts.values()]
    known = open_checkpoint(parse_proof(found[0][0]).checkpoint, given.log_key)

    def whole(text: str, leaf: bytes) -> None:
        proof = parse_proof(text)
        head = open_checkpoint(proof.checkpoint, given.log_key)
        verify_inclusion(leaf, proof.index, head.size, list(proof.path), head.root)

    def under_one(text: str, leaf: bytes) -> None:
        proof = parse_proof(text)
        verify_inclusion(leaf, proof.index, known.size, list(proof.path), known.root)

    return _checks(found, whole, seconds), _checks(found, under_one, seconds)


def _checks(found: list[tuple[str, bytes]], check: Callable[[str, bytes], None], seconds: float) -> float:
    count, begun = 0, time.perf_counter()
    while True:
        for text, leaf in found:
            check(text, leaf)
            count += 1
            if count % 16 == 0 and time.perf_counter() - begun > seconds:
                return count / (time.perf_counter() - begun)
