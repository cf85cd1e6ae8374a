"""A log has its heads cosigned by a witness in another process; faults befall the log's side."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from api.witness import listening, serve
from ledger_service.errors import Conflict, LedgerError
from ledger_service.flow.cosign import Cosigning
from ledger_service.log.cosignature import CosignerKey, open_cosignatures
from ledger_service.log.policy import Policy, parse_policy
from ledger_service.store.store import Store
from ledger_service.witness.evidence import EvidenceFiles
from ledger_service.witness.records import Records
from ledger_service.witness.state import opened
from ledger_service.witness.witness import Witness
from tests.faults.machine import Begin, Say
from tests.faults.scenarios.appending import PEOPLE, Appending, answer, told
from tests.flow.world import World

PATIENCE = 20.0
PR_SET_PDEATHSIG = 1


class CosigningHeads(Appending):
    """Two requests, and after each the new head has to be shown with the witness's line."""

    name = "cosign"

    def fresh(self, folder: Path) -> None:
        """A copy of the database, and a witness that has seen nothing."""
        super().fresh(folder)
        with opened(folder / "witness", "witness.example"):
            pass

    def act(self, folder: Path, begin: Begin, say: Say) -> None:
        """Append and have cosigned; what fails is taken up again by the next step."""
        with self._world(folder) as world, witness_for(folder, world.store) as policy:
            begin()
            self._go(world, policy, say, tries=3)

    def resume(self, folder: Path, say: Say) -> None:
        """The same again, with the witness as it was left."""
        with self._world(folder) as world, witness_for(folder, world.store) as policy:
            say(shown(world.store))
            self._go(world, policy, say, tries=1)
            say({"quorum": shown(world.store)["witnesses"]})

    def check(self, folder: Path, said: list[dict[str, Any]]) -> list[str]:
        """Every promise is kept; the witness's time never goes back; at the end its line is there."""
        with self._world(folder) as world:
            problems = super().check(folder, said)
            for vkey in said[-1]["quorum"]:
                key = CosignerKey.parse(vkey)
                notes = [word["checkpoint"] for word in said if "checkpoint" in word]
                times = [open_cosignatures(note, [key]).get(key) for note in notes]
                found = [time for time in times if time is not None]
                if found != sorted(found):
                    problems.append(f"the witness's time goes back: {found}")
            with world.store.begin() as uow:
                if not said[-1]["quorum"] or uow.log.published().size != uow.log.head().size:
                    problems.append("the newest head is not shown with the witness's line")
        return problems

    def remove(self, folder: Path) -> None:
        """The database, and the witness's files."""
        for path in sorted((folder / "witness").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (folder / "witness").rmdir()
        super().remove(folder)

    def _go(self, world: World, policy: Policy, say: Say, tries: int) -> None:
        cosigning = _begun(world.store, policy)
        try:
            for name in PEOPLE:
                given = [answer(world, name, world.ask(), 0)]
                for attempt in range(tries):
                    try:
                        receipts = world.hand_in(name, given)
                    except LedgerError:
                        if attempt + 1 == tries:
                            raise
                        continue
                    say(told(receipts, shown(world.store)["checkpoint"]))
                    break
                _have_cosigned(world.store, cosigning, say)
        finally:
            cosigning.close()


def _begun(store: Store, policy: Policy) -> Cosigning:
    """As the service does it: where the database fails, it is tried again."""
    for _ in range(3):
        with suppress(LedgerError):
            return Cosigning(store, policy)
    return Cosigning(store, policy)


def _have_cosigned(store: Store, cosigning: Cosigning, say: Say) -> None:
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        with suppress(LedgerError):  # the service's thread goes on after a pause
            cosigning.step()
        with suppress(LedgerError), store.begin() as uow:
            size, published = uow.log.head().size, uow.log.published()
            if published.size == size and published.witnesses:
                say({"checkpoint": published.checkpoint})
                return
    raise AssertionError("the head is not cosigned")


def shown(store: Store) -> dict[str, Any]:
    """What readers are given."""
    with store.begin() as uow:
        head = uow.log.published()
    return {"checkpoint": head.checkpoint, "witnesses": list(head.witnesses)}


@contextmanager
def witness_for(folder: Path, store: Store) -> Iterator[Policy]:
    """The case's witness, served by a process that ends with this one; a policy that asks for its line."""
    with listening("127.0.0.1", 0) as socket:
        port, reading = socket.getsockname()[1], _serving(folder / "witness", store, socket)
        vkey = os.read(reading[0], 1000).decode()
        try:
            yield parse_policy(f"witness w {vkey} http://127.0.0.1:{port}\nquorum w\n".encode())
        finally:
            os.kill(reading[1], signal.SIGKILL)
            os.waitpid(reading[1], 0)


def _serving(folder: Path, store: Store, socket: Any) -> tuple[int, int]:
    """Fork the witness: (where it writes its verifier key, its process)."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return reading, child
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        with _held(folder) as (root, key):
            logs = {store.log_key.name: [store.log_key.verifier]}
            records = Records(root, key.verifier)
            evidence = EvidenceFiles(root)
            witness = Witness(key, logs, records, evidence, lambda: int(time.time()), lambda alarm: None)
            serve(witness, socket, lambda: _tell(writing, str(key.verifier)))
    finally:
        os._exit(1)


def _tell(handle: int, words: str) -> None:
    os.write(handle, words.encode())


@contextmanager
def _held(folder: Path) -> Iterator[Any]:
    """The witness's state, as soon as the one that was killed has let go of it."""
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            context = opened(folder, None)
            found = context.__enter__()
            break
        except Conflict:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.01)
    try:
        yield found
    finally:
        context.__exit__(None, None, None)
