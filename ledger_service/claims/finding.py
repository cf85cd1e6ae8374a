"""Which escrow has a campaign: found on the chain by the campaign's id alone."""

from __future__ import annotations

from collections.abc import Callable

from ledger_service.chain import spans
from ledger_service.chain.client import ChainClient, Log
from ledger_service.chain.rpc import AnswerTooLarge, RpcRefused
from ledger_service.claims.record import OPENED
from ledger_service.errors import Unavailable
from ledger_service.terms import encoded_campaign_id

Progress = Callable[[str, int, int], None]
"""Told of a stage, how much of it is done, and of how much."""


def find_escrow(
    client: ChainClient, campaign: bytes, first: int = 0, progress: Progress | None = None
) -> tuple[str, int]:
    """The escrow that opened a campaign, and the block in which it did.

    The `Opened` event proves itself: the id is the hash of the chain, the contract that gave the event, and
    the terms in it, so no other contract can give one that fits, nor can a node make one up. Any contract can
    give look-alikes, and before the true one too. So none is counted towards a limit, which could be used up
    before the true one comes: each costs one hash, an answer is bounded in bytes, blocks with more are asked
    for in smaller spans, and nothing behind the true event is looked at.

    Args:
        first: the block to look from.
    Raises:
        Unavailable: the node does not answer, lists no events of all contracts, or shows none that fits.
    """
    last, look_alikes = client.head().number, 0

    def tick(done: int, total: int) -> None:
        if progress:
            progress("find the escrow", done, total)

    try:
        for log in spans.events(client, None, [[OPENED], [campaign]], first, last, tick):
            if _opened(log, campaign, client.chain_id):
                return log.address, log.block_number
            look_alikes += 1
    except (RpcRefused, AnswerTooLarge) as error:
        raise Unavailable(
            "the node does not list the events of all contracts: name --escrow, or a later --from-block "
            f"({error})"
        ) from error
    ignored = f" ({look_alikes} that other contracts imitate are ignored)" if look_alikes else ""
    raise Unavailable(
        f"the node shows no Opened event of campaign 0x{campaign.hex()} on chain {client.chain_id} from "
        f"block {first} on{ignored}: is it the right chain and campaign, and --from-block early enough? Or "
        "the node refuses logs of all contracts: name --escrow"
    )


def _opened(log: Log, campaign: bytes, chain_id: int) -> bool:
    """Whether the event opens this campaign in the contract that gave it; its data is `abi.encode(Terms)`."""
    return len(log.topics) == 2 and encoded_campaign_id(log.data, chain_id, log.address) == campaign
