"""What the commands' argument parsers have in common."""

from __future__ import annotations

import argparse
import re
from pathlib import Path


def parser(command: str, description: str, examples: str) -> argparse.ArgumentParser:
    """A parser whose help ends with examples that can be typed as they are."""
    return argparse.ArgumentParser(
        prog=f"crowdledger {command}",
        description=description,
        epilog="examples:\n" + examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_state(to: argparse.ArgumentParser) -> None:
    """`--state DIR`."""
    to.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="where keys, database and local chain are kept (default: $CROWDLEDGER_STATE, or .crowdledger)",
    )


def positive(text: str) -> int:
    """A whole number from 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not 1 or more")
    return number


def natural(text: str) -> int:
    """A whole number from 0."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number} is less than 0")
    return number


def address(text: str) -> str:
    """An account or contract, as lower-case hex."""
    if not re.fullmatch(r"0x[0-9a-fA-F]{40}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an address: 0x and 40 hexadecimal digits")
    return text.lower()
