"""What the benches' arguments have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def parser(bench: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """The parser of `scripts/bench BENCH`."""
    return argparse.ArgumentParser(
        prog=f"scripts/bench {bench}",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def within(least: int, most: int) -> Callable[[str], int]:
    """Reads a whole number between the two, for argparse."""

    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{value} is not between {least:,} and {most:,}")
        return value

    return number
