"""The service is killed while people label, and started again: nothing that it acknowledged is lost."""

from __future__ import annotations

import threading
from pathlib import Path

from rich.console import Console

from scripts.demo_job.job import Demo, Options
from tests.demo_job.conftest import processes_of

ITEMS, LABELS_PER_ITEM = 40, 5


def test_a_service_killed_in_the_middle_of_labelling_loses_and_doubles_nothing(place: Path) -> None:
    options = Options(
        data=None,
        items=ITEMS,
        labels_per_item=LABELS_PER_ITEM,
        keep=False,
        json=True,
        state=place / "state",
        seed="kill test",
    )
    begun, over = threading.Event(), threading.Event()
    killed_at: list[int] = []
    pids: list[int] = []
    demo = Demo(
        options,
        Console(stderr=True, quiet=True),
        on_stage=lambda stage: begun.set() if stage == "label" else None,
    )

    def kill_and_start_again() -> None:
        begun.wait()
        while not over.is_set() and demo.acknowledged < ITEMS * LABELS_PER_ITEM // 4:
            over.wait(0.005)
        if over.is_set():
            return
        killed_at.append(demo.acknowledged)
        pids.append(demo.service.pid)
        demo.service.kill()
        demo.service.start()
        pids.append(demo.service.pid)

    killer = threading.Thread(target=kill_and_start_again)
    killer.start()
    try:
        summary = demo.run()
    finally:
        over.set()
        begun.set()
        killer.join()
        demo.end()

    assert ITEMS * LABELS_PER_ITEM // 4 <= killed_at[0] < ITEMS * LABELS_PER_ITEM, "killed in the middle"
    assert len(set(pids) - {0}) == 2, "another process serves"
    assert summary.failed == []
    names = {check.name for check in summary.checks}
    assert "every acknowledged label is in the log, where its receipt says" in names
    assert "nobody was paid twice" in names
    assert summary.labels == summary.labels_verified == ITEMS * LABELS_PER_ITEM
    assert summary.payouts_expected == summary.payouts_onchain > 0
    assert processes_of(place) == []
