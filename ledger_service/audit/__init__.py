"""The audit: re-read, re-check and recompute everything a log says, trusting nobody."""
