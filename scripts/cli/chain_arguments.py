"""What the commands that speak to a chain with a worker's key have in common."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger_service.errors import LedgerError, VerificationError
from scripts.cli import arguments

if TYPE_CHECKING:
    from ledger_service.chain.client import ChainClient
    from ledger_service.claims.record import Record
    from ledger_service.claims.transact import Sender
    from ledger_service.signing import Wallet

Progress = Callable[[str, int, int], None]


def add(to: argparse.ArgumentParser) -> None:
    """Where the money is, whose key signs, and how much is said."""
    to.add_argument("--rpc", required=True, metavar="URL", help="a node of the chain, anybody's")
    to.add_argument("--campaign", required=True, type=bytes32, metavar="0xID", help="the campaign's id")
    to.add_argument(
        "--escrow",
        type=address,
        metavar="0xADDRESS",
        help="the CampaignEscrow contract (default: looked for among the events of all contracts; the "
        "campaign's id proves which one it is)",
    )
    to.add_argument(
        "--key",
        required=True,
        type=Path,
        metavar="FILE",
        help="your wallet's key, 32 bytes of hex: signs here, is never sent, and pays for the gas",
    )
    to.add_argument(
        "--from-block",
        type=int,
        metavar="N",
        help="a block before the campaign was opened (default: the escrow's creation; without "
        "--escrow, the chain's beginning)",
    )
    to.add_argument(
        "--max-fee",
        type=arguments.positive,
        default=500,
        metavar="GWEI",
        help="the most to pay for a unit of gas (default: 500)",
    )
    to.add_argument("--dry-run", action="store_true", help="say what would be done, and send nothing")
    to.add_argument("--json", action="store_true", help="print one JSON object, nothing else")


def address(text: str) -> str:
    """An account, lower-case; mixed case has to be its checksum (EIP-55), so that a slip is noticed."""
    from ledger_service.audit.login import checksummed

    digits = text.removeprefix("0x")
    if not text.startswith("0x") or len(digits) != 40 or not _is_hex(digits):
        raise argparse.ArgumentTypeError(f"{text!r} is no address: 0x and 40 hex digits")
    if digits not in (digits.lower(), digits.upper()) and checksummed(text) != text:
        raise argparse.ArgumentTypeError(f"{text} has a wrong checksum (EIP-55): is a digit wrong?")
    return text.lower()


def bytes32(text: str) -> bytes:
    """A 32-byte id in hex."""
    if not text.startswith("0x") or len(text) != 66 or not _is_hex(text[2:]):
        raise argparse.ArgumentTypeError(f"{text!r} is no campaign id: 0x and 64 hex digits")
    return bytes.fromhex(text[2:])


def _is_hex(digits: str) -> bool:
    return all(digit in "0123456789abcdefABCDEF" for digit in digits)


@contextmanager
def client_of(given: argparse.Namespace) -> Iterator[ChainClient]:
    """A connection to the node, for the length of the block."""
    from ledger_service.chain.client import ChainClient

    client = ChainClient.connect(given.rpc, timeout=60.0)
    try:
        yield client
    finally:
        client.close()


def wallet_of(given: argparse.Namespace) -> Wallet:
    """Whose key signs."""
    from ledger_service.audit.login import read_key

    return read_key(given.key)


def sender_of(given: argparse.Namespace, record: Record, wallet: Wallet) -> Sender:
    """Sends to the campaign's escrow, within the limits given."""
    from ledger_service.chain.fees import GWEI, FeeLimits
    from ledger_service.claims.transact import Sender

    limits = FeeLimits(max_fee=given.max_fee * GWEI, priority_fee=min(given.max_fee, 20) * GWEI)
    return Sender(record.client, wallet, record.escrow.address, limits=limits)


def record_of(given: argparse.Namespace, client: ChainClient, progress: Progress) -> Record:
    """The campaign as the chain has it, in the escrow that was named or else found."""
    from ledger_service.claims.finding import find_escrow
    from ledger_service.claims.record import read_record

    escrow, first = given.escrow, given.from_block
    if escrow is None:
        escrow, first = find_escrow(client, given.campaign, first or 0, progress)
    return read_record(client, escrow, given.campaign, first, progress)


def escrow_sentences(given: argparse.Namespace, record: Record) -> list[str]:
    """Which escrow was found, where none was named."""
    if given.escrow is not None:
        return []
    return [
        f"the campaign is in the escrow {record.escrow.address}: its id proves that, with the Opened event "
        f"in block {record.first}"
    ]


def answer(given: argparse.Namespace, work: Callable[[Progress], tuple[dict[str, Any], list[str]]]) -> int:
    """Do the work and print its outcome, sentences or one JSON object; so is a failure, where asked for."""
    from scripts.cli.progress import progress_bar

    try:
        with progress_bar() as progress:
            found, sentences = work(progress)
    except LedgerError as error:
        if given.json:
            ok = False if isinstance(error, VerificationError) else None
            print(json.dumps({"ok": ok, "error": str(error)}, ensure_ascii=False))
        sys.stderr.writelines(note + "\n" for note in getattr(error, "__notes__", []))
        raise
    if given.json:
        print(json.dumps({"ok": True} | found, ensure_ascii=False))
    else:
        sys.stdout.writelines(line + "\n" for line in sentences)
    return 0
