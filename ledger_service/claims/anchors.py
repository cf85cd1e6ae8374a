"""All heads that were ever anchored, from events, compared with the accumulator that the contract keeps."""

from __future__ import annotations

from ledger_service import heads
from ledger_service.chain import spans
from ledger_service.chain.client import Block, ChainClient
from ledger_service.chain.provenance_log import ProvenanceLog
from ledger_service.claims.interface import interfaces
from ledger_service.claims.record import Progress
from ledger_service.errors import BadInput, VerificationError


def read_heads(
    client: ChainClient, address: str, block: Block, progress: Progress | None = None
) -> heads.Heads:
    """The heads that the ProvenanceLog at `address` holds as of a block, in their order.

    Raises:
        VerificationError: the node's events do not make the accumulator that the contract holds.
        Unavailable: the node does not answer.
    """

    def tick(done: int, total: int) -> None:
        if progress:
            progress("read heads", done, total)

    log = ProvenanceLog(interfaces(), address)
    found, first = heads.Heads(), spans.first_block(client, address, block.number)
    for event in spans.events(client, address, [[heads.ANCHORED]], first, block.number, tick):
        decoded = log.artifact.event(event)
        if decoded is not None:
            args = decoded.args
            _append(found, heads.Head(args["size"], args["root"], args["time"]))
    count = log.heads(client, block.number)
    if count != len(found):
        raise VerificationError(
            "anchored heads in the node's events", expected=str(count), found=str(len(found))
        )
    for level, peak in found.peaks().items():
        held = log.peak(client, level, block.number)
        if held != peak:
            raise VerificationError(
                f"peak {level} of the anchored heads", expected="0x" + held.hex(), found="0x" + peak.hex()
            )
    return found


def _append(found: heads.Heads, head: heads.Head) -> None:
    try:
        found.append(head)
    except BadInput as error:
        raise VerificationError(f"order of the anchored heads: {error}") from error
