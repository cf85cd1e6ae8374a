"""The chain: contracts, client, signer, writer, watcher, deployment.

py_ecc, which eth_account and web3 import, raises the interpreter's recursion limit to 100,000 when it is
imported. With that limit, deeply nested JSON (a node's answer, a request to the API) overflows the C stack
and ends the process where RecursionError should have been raised. So it is imported here first, and the
limit put back.
"""

import sys

_PYTHONS_OWN_LIMIT = 1000
_before = _PYTHONS_OWN_LIMIT if "py_ecc" in sys.modules else sys.getrecursionlimit()
import py_ecc as py_ecc  # noqa: E402

sys.setrecursionlimit(_before)
