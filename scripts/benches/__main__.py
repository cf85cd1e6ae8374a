"""`python -m scripts.benches` is `scripts/bench`."""

import sys

from scripts.benches import main

sys.exit(main())
