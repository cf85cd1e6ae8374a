"""`crowdledger` with a service whose payrolls hold so few workers that a small crowd needs several."""

from __future__ import annotations

import sys

from ledger_service import specification
from scripts.cli import main

MOST_WORKERS = 9

if __name__ == "__main__":
    specification.MAX_WORKERS = MOST_WORKERS
    sys.exit(main())
