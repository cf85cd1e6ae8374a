"""The other way round: our mirror's folder, read by others' program; and others' log, mirrored by ours."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from scripts.interop import cases
from scripts.interop.cases import Case, Material
from scripts.interop.clients import HERE, PYTHON
from scripts.interop.log import CHANGES, KEY, Tampered, serve
from scripts.programs import ROOT, Stop, child_environment

SECONDS = 120.0
FIRST, GROWN = 300, 700


@dataclass(frozen=True)
class Outcome:
    """What our mirror did: `refused` is None where it copied the log; else exit status and what it said."""

    name: str
    accept: bool
    refused: str | None


@dataclass(frozen=True)
class Written:
    """Their log: where each of its states is served, and its keys."""

    url: str
    log_key: str
    witness_key: str


def copied(material: Material, url: str, folder: Path) -> list[Case]:
    """Readings of a folder that `crowdledger mirror` filled from our log, and of one with a byte changed.

    Raises:
        Stop: the mirror does not copy the log.
    """
    whole, changed = folder / "mirror", folder / "changed"
    refused = _mirror(url, whole, "--log-key", str(KEY.verifier))
    if refused is not None:
        raise Stop(f"crowdledger mirror does not copy our own log: {refused}")
    shutil.copytree(whole, changed)
    tile = changed / "tile" / "0" / "000"
    tile.chmod(0o600)
    tile.write_bytes(tile.read_bytes()[:-1] + bytes([tile.read_bytes()[-1] ^ 1]))
    return [
        cases.reading(material, "our mirror's folder", whole.as_uri(), True),
        cases.reading(material, "our mirror's folder, with a byte changed", changed.as_uri(), False),
    ]


@contextmanager
def written_by_others(folder: Path) -> Iterator[Written]:
    """A log that aics-tlog wrote, small, grown, and forked, behind a plain web server; for the block.

    Raises:
        Stop: it does not write.
    """
    entries = [f"entry {number} of somebody else" for number in range(GROWN)]
    heads = {"first": entries[:FIRST], "grown": entries, "forked": ["another", *entries[1:]]}
    theirs = folder / "theirs"
    done = subprocess.run(
        [str(PYTHON), "-I", str(HERE / "drivers" / "write_with_aics_tlog.py")],
        input=json.dumps({"folder": str(theirs), "heads": heads}),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        raise Stop(f"aics-tlog does not write a log: {done.stderr.strip()[-500:]}")
    plain = Starlette(routes=[Mount("/", StaticFiles(directory=theirs))])
    with serve(Tampered(plain, CHANGES)) as url:
        yield Written(url, **json.loads(done.stdout))


def mirrored(theirs: Written, folder: Path) -> list[Outcome]:
    """What `crowdledger mirror` does with their log, as it is and tampered with."""
    policies = {name: folder / f"{name}.policy" for name in ("asked", "unknown")}
    policies["asked"].write_text(f"witness w {theirs.witness_key}\nquorum w\n", "utf-8")
    policies["unknown"].write_text(f"witness w {cases.NOBODY.verifier}\nquorum w\n", "utf-8")
    key = ("--log-key", theirs.log_key)
    asked, unknown = (("--policy", str(policies[name])) for name in ("asked", "unknown"))
    made: list[tuple[str, bool, str, str, tuple[str, ...]]] = [
        ("their log, with its witness", True, "first", "one", (*key, *asked)),
        ("their log, grown", True, "grown", "one", (*key, *asked)),
        ("their log, read anew", True, "grown", "two", key),
        ("another history of it", False, "forked", "one", key),
        ("a smaller log than was copied before", False, "first", "two", key),
        ("another witness asked for", False, "grown", "three", (*key, *unknown)),
        ("another log key", False, "grown", "four", ("--log-key", str(KEY.verifier))),
        *[(f"a {name}", False, f"{name}/grown", f"of {name}", key) for name in CHANGES],
    ]
    return [
        Outcome(name, accept, _mirror(f"{theirs.url}/{path}", folder / "copies" / to, *options))
        for name, accept, path, to, options in made
    ]


def _mirror(url: str, to: Path, *options: str) -> str | None:
    """Run `crowdledger mirror`; None where it copied the log, else why it did not."""
    to.parent.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "scripts.cli", "mirror", *options, url, str(to)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        cwd=ROOT,
        env=child_environment(),
    )
    words = (done.stderr.strip().splitlines() or [""])[-1]
    return None if done.returncode == 0 else f"{done.returncode}: {words[:300]}"
