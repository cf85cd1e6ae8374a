"""What a whole run cost on chain: read from the receipts of every transaction in every block."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.demo_job.rpc import Chain


@dataclass(frozen=True, slots=True)
class Gas:
    """Gas of all transactions of the chain, those that created contracts apart from all others."""

    deployment: int
    running: int
    transactions: int


def gas_of(chain: Chain) -> Gas:
    """Add up the gas of a local chain that this run alone has used, from its first block to its last."""
    last = int(chain.call("eth_blockNumber"), 16)
    blocks = chain.batch([("eth_getBlockByNumber", [hex(number), False]) for number in range(last + 1)])
    hashes = [tx for block in blocks for tx in block["transactions"]]
    receipts = chain.batch([("eth_getTransactionReceipt", [tx]) for tx in hashes])
    created = sum(int(r["gasUsed"], 16) for r in receipts if r["contractAddress"])
    return Gas(created, sum(int(r["gasUsed"], 16) for r in receipts) - created, len(receipts))
