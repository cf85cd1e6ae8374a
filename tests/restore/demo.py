"""The demo's job, with a hand in the middle of its labelling."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from scripts.demo_job.job import Demo, Options
from scripts.demo_job.summary import Summary

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300.0


def crowdledger(*arguments: object, status: int = 0) -> str:
    """Run a command; what it prints on standard output."""
    command = [sys.executable, "-m", "scripts.cli", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout if status == 0 else done.stderr


@contextmanager
def serving(state: Path) -> Iterator[str]:
    """A service on a port that nobody else knows; its address."""
    command = [sys.executable, "-m", "scripts.cli", "serve", "--state", str(state), "--port", "0"]
    command += ["--fee-bps", "250"]
    said = state / "quiet.out"
    with said.open("wb") as out, (state / "quiet.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=out, stderr=log, env=dict(os.environ, PYTHONUNBUFFERED="1")
        )
    try:
        yield _ready(process, said)
    finally:
        process.terminate()
        assert process.wait(60) == 0


def _ready(process: subprocess.Popen[bytes], said: Path) -> str:
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        assert process.poll() is None, (said.parent / "quiet.log").read_text()[-3000:]
        found = re.search(r"http://[^\s/]+:\d+", said.read_text())
        with contextlib.suppress(httpx.TransportError):  # it does not listen yet
            if found and httpx.get(found[0] + "/readyz", timeout=5.0).status_code == 200:
                return found[0]
        time.sleep(0.1)
    raise AssertionError("the service is not ready")


def lines(folder: Path, kind: str) -> list[dict[str, Any]]:
    """The lines of a kind of a mirror's service.ndjson."""
    found = map(json.loads, (folder / "service.ndjson").read_text().splitlines())
    return [line for line in found if line["kind"] == kind]


def mirror_anchored(state: Path, folder: Path) -> None:
    """Mirror a service to which nothing comes, once its newest head is final on the chain."""
    with serving(state) as url:
        give_up = time.monotonic() + PATIENCE
        while True:
            crowdledger("mirror", url, folder, "--key", state / "keys" / "operator.key")
            size = int((folder / "checkpoint").read_text().split("\n")[1])
            if any(line["final"] and line["size"] == size for line in lines(folder, "anchor")):
                return
            assert time.monotonic() < give_up, "the newest head is not anchored"
            time.sleep(1.0)


def lose_database(state: Path) -> None:
    """The database is gone; keys, chain and everything else are there."""
    shutil.rmtree(state / "postgres")
    (state / "run" / "postgres.json").unlink(missing_ok=True)


@dataclass
class Interrupted:
    """A demo whose service is killed once a part of its labels is acknowledged; `work` is then done with its
    state, and the service is started again."""

    place: Path
    items: int
    labels_per_item: int
    part: float
    work: Callable[[Demo], None]
    failed: list[BaseException] = field(default_factory=list)

    def run(self) -> Summary:
        """The whole job."""
        options = Options(
            data=None, items=self.items, labels_per_item=self.labels_per_item, keep=False, json=True,
            state=self.place / "state", seed="restore test",
        )  # fmt: skip
        begun, over = threading.Event(), threading.Event()
        quiet = Console(stderr=True, quiet=True)
        demo = Demo(options, quiet, on_stage=lambda stage: begun.set() if stage == "label" else None)
        hand = threading.Thread(target=self._interrupt, args=(demo, begun, over))
        hand.start()
        try:
            return demo.run()
        except Exception as error:
            raise (self.failed[0] if self.failed else error) from error
        finally:
            over.set()
            begun.set()
            hand.join()
            demo.end()

    def _interrupt(self, demo: Demo, begun: threading.Event, over: threading.Event) -> None:
        begun.wait()
        while not over.is_set() and demo.acknowledged < self.items * self.labels_per_item * self.part:
            over.wait(0.005)
        if over.is_set():
            return
        try:
            demo.service.kill()
            self.work(demo)
            demo.service.start()
        except BaseException as error:  # shown by the test, once the demo has come to its end
            self.failed.append(error)
