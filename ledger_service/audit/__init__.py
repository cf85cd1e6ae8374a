"""The audit: re-read, re-check and recompute everything a log says, trusting nobody.

`auditor.audit` takes a `source` (a service over HTTP, or a saved folder) and optionally a chain, and gives
an `AuditReport`. The checks themselves are in `steps_*`: pure functions over what was read, each written as a
numbered list.
"""
