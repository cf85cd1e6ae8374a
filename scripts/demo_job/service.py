"""The real service, started as a user starts it: `crowdledger serve` in a process of its own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from ledger_service.errors import Unavailable
from ledger_service.local.chain import LocalChain
from ledger_service.local.postgres import EmbeddedPostgres

PATIENCE_TO_START = 180.0
PATIENCE_TO_END = 40.0
FEE_BPS = 250  # what this operator takes: 2.5 % of what is paid
_ADDRESS = re.compile(r"http://[^\s/]+:(\d+)")


class Service:
    """One service over one state directory. It can be killed and started again, at the same address."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.base = ""
        self.program = [sys.executable, "-m", "scripts.cli"]
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def command(self) -> list[str]:
        """How to serve this state, as one would type it."""
        where = ["--state", str(self.state), "--port", str(self._port)]
        return ["crowdledger", "serve", *where, "--fee-bps", str(FEE_BPS)]

    @property
    def pid(self) -> int:
        """The process id; 0 when it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else 0

    def start(self) -> None:
        """Start it and wait until it is ready.

        It gets a session of its own: Ctrl-C reaches only us, and we end it in order.

        Raises:
            Unavailable: it ended, or was not ready in time (a note has its last words).
        """
        self.state.mkdir(parents=True, exist_ok=True)
        said = self.state / "serve.out"
        with said.open("wb") as out, (self.state / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self.program, *self.command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                start_new_session=True,
                env=dict(os.environ, PYTHONUNBUFFERED="1"),
            )
        give_up = time.monotonic() + PATIENCE_TO_START
        while not self._ready(said):
            if self._process.poll() is not None:
                raise self._unavailable(f"the service ended with status {self._process.returncode}")
            if time.monotonic() > give_up:
                raise self._unavailable(f"the service is not ready after {PATIENCE_TO_START:.0f} s")
            time.sleep(0.1)

    def _unavailable(self, reason: str) -> Unavailable:
        error = Unavailable(reason)
        error.add_note(self.last_words())
        return error

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL), without a chance to tidy up."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> bool:
        """End it in order; whether it did so by itself in time. Safe to call twice."""
        process, self._process = self._process, None
        orderly = process is None or self._end(process)
        if self.state.exists():
            # A service that was killed leaves its database and its chain running, for the next one to adopt.
            # There will be no next one.
            LocalChain(self.state).stop()
            EmbeddedPostgres(self.state).stop()
        return orderly

    def _end(self, process: subprocess.Popen[bytes]) -> bool:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE_TO_END)
            return True
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return False

    def last_words(self) -> str:
        """The end of its log, indented."""
        path = self.state / "serve.log"
        lines = path.read_text(errors="replace").splitlines()[-15:] if path.exists() else []
        return "\n".join("    " + line for line in lines)

    def _ready(self, said: Path) -> bool:
        match = _ADDRESS.search(said.read_text(errors="replace"))
        if match is None:
            return False
        self.base, self._port = match[0], int(match[1])
        try:
            return httpx.get(self.base + "/readyz", timeout=5.0).status_code == 200
        except httpx.TransportError:
            return False
