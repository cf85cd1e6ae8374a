"""`python -m scripts.cli` is `crowdledger`."""

import sys

from scripts.cli import main

sys.exit(main())
