"""What a transaction offers for its place in a block (EIP-1559), in wei per gas."""

from __future__ import annotations

from dataclasses import dataclass

from ledger_service.chain.client import Block, ChainClient
from ledger_service.chain.rpc import RpcRefused

GWEI = 10**9
_FALLBACK_TIP = GWEI
# Nodes take a replacement from 10 % more on; 12.5 % keeps clear of their rounding.
_RAISE_NUMERATOR, _RAISE_DENOMINATOR = 1125, 1000


@dataclass(frozen=True, slots=True)
class Fees:
    """The most that is paid for a unit of gas, and the part of it that goes to the block's proposer."""

    max_fee: int
    priority_fee: int


@dataclass(frozen=True, slots=True)
class FeeLimits:
    """What is never exceeded, whatever a node suggests or a busy chain asks."""

    max_fee: int = 500 * GWEI
    priority_fee: int = 20 * GWEI


def suggest(client: ChainClient, head: Block, limits: FeeLimits) -> Fees | None:
    """Fees that survive five full blocks in a row; None while the chain is dearer than the limits."""
    try:
        tip = min(client.priority_fee(), limits.priority_fee)
    except RpcRefused:  # not every node has eth_maxPriorityFeePerGas
        tip = min(_FALLBACK_TIP, limits.priority_fee)
    if head.base_fee + tip > limits.max_fee:
        return None
    return Fees(min(2 * head.base_fee + tip, limits.max_fee), tip)


def raised(before: Fees, now: Fees, limits: FeeLimits) -> Fees | None:
    """Fees with which a node accepts the replacement of `before`; None beyond the limits."""
    fees = Fees(max(_more(before.max_fee), now.max_fee), max(_more(before.priority_fee), now.priority_fee))
    beyond = fees.max_fee > limits.max_fee or fees.priority_fee > limits.priority_fee
    return None if beyond else fees


def _more(fee: int) -> int:
    return fee * _RAISE_NUMERATOR // _RAISE_DENOMINATOR + 1
