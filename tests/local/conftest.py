"""Folders that the embedded database's user can reach."""

from tests.local.folders import tmp_path

__all__ = ["tmp_path"]
