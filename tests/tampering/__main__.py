"""`python -m tests.tampering COUNT [SEED]`: so many random changes, over all cores; JSON comes out.

Exit status: 0 none was accepted; 1 one was, and it is named.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections import Counter

from tests.tampering.changes import portion, targets

PORTION = 5_000


def main(count: int, seed: int) -> int:
    """Spread the changes evenly over the targets; the exit status."""
    begun, kinds = time.monotonic(), len(targets())
    tasks = [(at % kinds, PORTION, seed + at) for at in range(-(-count // PORTION))]
    done: Counter[str] = Counter()
    refused: dict[str, Counter[str]] = {}
    taken: dict[str, list[tuple[int, int]]] = {}
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        for name, found, steps in pool.imap_unordered(portion, tasks):
            done[name] += PORTION
            refused.setdefault(name, Counter()).update(steps)
            taken.setdefault(name, []).extend(found)
    report = {
        "changes": sum(done.values()),
        "accepted": {name: found for name, found in taken.items() if found},
        "refused": {name: dict(sorted(steps.items())) for name, steps in sorted(refused.items())},
        "seed": seed,
        "seconds": round(time.monotonic() - begun, 1),
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 1 if report["accepted"] else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
