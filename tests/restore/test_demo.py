"""The real service loses its database in the middle of labelling, is restored, and everybody is paid."""

from __future__ import annotations

import json
import time
from pathlib import Path

from scripts.demo_job.job import Demo
from tests.demo_job.conftest import place as place
from tests.demo_job.conftest import processes_of
from tests.restore.demo import Interrupted, crowdledger, lines, lose_database, mirror_anchored, serving

ITEMS, LABELS_PER_ITEM = 16, 4
# What a mirror has of each campaign, which has to be the same before and after, byte for byte.
SAME = ("checkpoint", "tile", "openings", "bundles", "campaigns.json")
KINDS = ("service", "campaign", "item", "gold", "worker", "offer", "matching", "label", "anchor", "payroll")


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a mirror that are the log's or a campaign's."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] in SAME
    }


def test_a_campaign_goes_on_after_the_database_was_lost_and_restored(place: Path) -> None:
    before, after = place / "before", place / "after"
    said: dict[str, object] = {}

    def lose_and_restore(demo: Demo) -> None:
        state = demo.service.state
        mirror_anchored(state, before)
        lose_database(state)
        begin = time.monotonic()
        said.update(json.loads(crowdledger("restore", before, "--state", state, "--json")))
        said["seconds"] = time.monotonic() - begin
        assert json.loads(crowdledger("fsck", "--state", state, "--json"))["ok"]
        again = crowdledger("restore", before, "--state", state, status=2)
        assert "restore into an empty one" in again
        mirror_anchored(state, after)
        with serving(state):
            port = json.loads((state / "run" / "chain.json").read_text())["port"]
            rpc = f"http://127.0.0.1:{port}"
            found = json.loads(crowdledger("fsck", "--state", state, "--rpc", rpc, "--json"))
            assert found["not_checked"] == []
            assert found["checked"]["chain"] == found["checked"]["anchors"] >= 1

    job = Interrupted(place, ITEMS, LABELS_PER_ITEM, 0.4, lose_and_restore)
    summary = job.run()
    assert job.failed == []
    assert summary.failed == []
    assert summary.labels == summary.labels_verified == ITEMS * LABELS_PER_ITEM
    assert summary.payouts_expected == summary.payouts_onchain > 0

    size = int((before / "checkpoint").read_text().split("\n")[1])
    assert said["size"] == size < summary.log_size
    assert 0 < len(lines(before, "label")) < ITEMS * LABELS_PER_ITEM
    assert contents(after) == contents(before)
    for kind in KINDS:
        assert lines(after, kind) == lines(before, kind), kind
    done = {line["key"]: line["attempts"] for line in lines(before, "intent") if line["state"] == "FINAL"}
    known = {line["key"]: line["attempts"] for line in lines(after, "intent") if line["state"] == "FINAL"}
    assert all(known[key][0] in attempts for key, attempts in done.items())
    assert processes_of(place) == []
