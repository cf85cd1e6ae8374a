"""A program that counts in a file, carefully or not: what the machine of the faults is tried on.

careful    writes beside the file, syncs, moves, and only then says the number
in-place   overwrites the file, so that a fault leaves half of it
early      says the number before it is in the file
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from tests.faults.machine import Begin, Say, run


class Counting:
    """Counts to two; what was said may not be forgotten."""

    def __init__(self, kind: str) -> None:
        self.name = kind

    def prepare(self, folder: Path) -> None:
        """Nothing is needed."""

    def fresh(self, folder: Path) -> None:
        """A file that holds zero."""
        folder.mkdir()
        (folder / "number").write_text("0")

    def act(self, folder: Path, begin: Begin, say: Say) -> None:
        """Count on to two."""
        begin()
        for number in range(int((folder / "number").read_text()) + 1, 3):
            if self.name == "early":
                say({"number": number})
            self._write(folder, number)
            say({"number": number})

    def resume(self, folder: Path, say: Say) -> None:
        """The file is read at a start; it has to hold a number."""
        say({"number": int((folder / "number").read_text())})

    def check(self, folder: Path, said: list[dict[str, Any]]) -> list[str]:
        """The number never falls."""
        numbers = [word["number"] for word in said]
        return [] if numbers == sorted(numbers) else [f"the number fell: {numbers}"]

    def remove(self, folder: Path) -> None:
        """The whole folder."""
        shutil.rmtree(folder)

    def _write(self, folder: Path, number: int) -> None:
        path = folder / "number"
        beside = path if self.name == "in-place" else folder / "number.new"
        with beside.open("w") as file:
            file.write(str(number))
            file.flush()
            os.fsync(file.fileno())
        if beside != path:
            os.replace(beside, path)


if __name__ == "__main__":
    table = run(Counting(sys.argv[1]), Path(sys.argv[2]) / "cases")
    sys.stdout.write(json.dumps(table.to_json()) + "\n")
    sys.exit(1 if table.failed else 0)
