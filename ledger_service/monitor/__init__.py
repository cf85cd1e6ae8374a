"""Watching a log for those who are in it: what it would not tell by itself is found, kept and said.

`monitor.Monitor` looks once at the log, at other places that keep its heads, and at the chain. What it found
before stands in a folder (`state.State`), so that a log which rewrites what it has shown is caught across
restarts, and an alarm outlives a crash. Nothing that the log, a mirror or a node says is trusted.
"""
