"""Runs one scenario's whole table, and writes it as JSON.

    python -m tests.faults SCENARIO SERVER_URL FOLDER [EVERY]

A process of its own, with one thread, because it forks.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.faults.machine import once, run
from tests.faults.scenarios.appending import Appending
from tests.faults.scenarios.cosigning import CosigningHeads
from tests.faults.scenarios.mirroring import Mirroring
from tests.faults.scenarios.witnessing import Witnessing

SCENARIOS = {made.name: made for made in (Appending, CosigningHeads, Witnessing, Mirroring)}


def main() -> int:
    name, server_url, folder, *rest = sys.argv[1:]
    scenario = SCENARIOS[name](server_url)
    place = Path(folder)
    once(scenario, place)
    table = run(scenario, place / "cases", every=int(rest[0]) if rest else 1)
    sys.stdout.write(json.dumps(table.to_json()) + "\n")
    return 1 if table.failed else 0


if __name__ == "__main__":
    sys.exit(main())
