"""What must be true after any fault: what was said to the outside still holds."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from ledger_service.eip712 import Domain
from ledger_service.errors import LedgerError
from ledger_service.fsck.database import check_database
from ledger_service.fsck.known import Known
from ledger_service.fsck.report import Difference
from ledger_service.log.checkpoint import Checkpoint, open_checkpoint
from ledger_service.log.hashing import leaf_hash
from ledger_service.store.integrity import Snapshot
from ledger_service.store.store import Store
from tests.flow.world import ESCROW


class Promises:
    """Holds a log against what was said: receipts, and checkpoints in the order in which they were seen."""

    def __init__(self, store: Store, domain: Domain) -> None:
        self._store, self._domain = store, domain

    def broken(self, said: Iterable[dict[str, Any]]) -> list[str]:
        """A sentence for each promise that is not kept."""
        said = list(said)
        problems = self._receipts([one for word in said for one in word.get("receipts", ())])
        problems += self._checkpoints([word["checkpoint"] for word in said if "checkpoint" in word])
        return problems + self._fsck()

    def _fsck(self) -> list[str]:
        known = Known(self._store.log_key.verifier, self._domain, ESCROW, self._store.storage_key)
        with self._store.engine.connect() as connection, Snapshot(connection) as now:
            try:
                check_database(now, known)
            except Difference as difference:
                return [f"fsck: {difference}"]
        return []

    def _receipts(self, receipts: list[dict[str, Any]]) -> list[str]:
        problems = []
        by_leaf: dict[str, dict[str, Any]] = {}
        for one in receipts:
            if by_leaf.setdefault(one["leaf"], one) != one:
                problems.append(f"two receipts for the leaf {one['leaf']}")
        with self._store.begin() as uow:
            size = uow.log.head().size
            for leaf, one in by_leaf.items():
                index = one["index"]
                found = leaf_hash(uow.log.entries(index, 1)[0]).hex() if index < size else "nothing"
                if leaf != "0x" + found:
                    problems.append(f"leaf {leaf} is not at {index}, as was acknowledged, but {found}")
        return problems

    def _checkpoints(self, notes: list[str]) -> list[str]:
        with self._store.begin() as uow:
            head, key = uow.log.head(), uow.log.key.verifier
        problems, seen = [], [open_checkpoint(note, key) for note in [*notes, head.checkpoint]]
        for earlier, later in pairwise(seen):
            if later.size < earlier.size:
                problems.append(f"a checkpoint of {later.size} entries was seen after one of {earlier.size}")
        roots: dict[int, bytes] = {}
        for one in seen:
            if roots.setdefault(one.size, one.root) != one.root:
                problems.append(f"two checkpoints of {one.size} entries differ")
        return problems + [problem for one in seen for problem in self._off_history(one)]

    def _off_history(self, one: Checkpoint) -> list[str]:
        with self._store.begin() as uow:
            head = uow.log.head()
            try:
                held = uow.log.tree(head.size).root(one.size)
            except LedgerError as error:
                return [f"the tree has no root at {one.size}: {error}"]
        return [] if held == one.root else [f"the log's root at {one.size} is not the checkpoint's"]
