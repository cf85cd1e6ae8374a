"""A mirror: a log, and what its service may show us beside it, in a folder that needs no service.

`mirroring.mirror` brings a folder up to date; `audit.source` says what lies in it.
"""
