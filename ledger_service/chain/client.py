"""A chain as the service sees it: blocks, calls, receipts and logs, typed, from one untrusted node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ledger_service import signing
from ledger_service.chain import rpc
from ledger_service.errors import Corrupt, Unavailable

Tag = int | Literal["latest", "pending"]
DEFAULT_TIMEOUT = 10.0
MAX_LOGS = 100_000


@dataclass(frozen=True, slots=True)
class Block:
    """A block's header, as far as it is used. `timestamp` in seconds, `base_fee` in wei per gas."""

    number: int
    hash: bytes
    parent: bytes
    timestamp: int
    base_fee: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a mined transaction. `contract` is the address that it created, if it did."""

    transaction: bytes
    block_number: int
    block_hash: bytes
    succeeded: bool
    contract: str | None
    gas_used: int
    gas_price: int


@dataclass(frozen=True, slots=True)
class Log:
    """One event as the chain has it."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: bytes
    transaction: bytes
    index: int


@dataclass(frozen=True, slots=True)
class Call:
    """A message to the chain; `to` is None for the creation of a contract. `value` in wei."""

    sender: str
    to: str | None
    data: bytes
    value: int = 0

    def as_json(self) -> dict[str, str]:
        """The call object of eth_call and eth_estimateGas."""
        message = {"from": self.sender, "data": "0x" + self.data.hex(), "value": hex(self.value)}
        return message if self.to is None else message | {"to": self.to}


class ChainClient:
    """One chain through one node: its id and the hash of its block 0 are pinned.

    `finality_depth` is the number of blocks above a block that make it final; None asks the node for its
    `finalized` block (EIP-3675).

    Raises (every method):
        Unavailable: the node does not answer, or refuses.
        Corrupt: the node's answer contradicts itself or its own form.
    """

    def __init__(
        self, node: rpc.Rpc, chain_id: int, genesis: bytes, finality_depth: int | None = None
    ) -> None:
        self._rpc, self.chain_id, self.genesis, self._depth = node, chain_id, genesis, finality_depth

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        chain_id: int | None = None,
        finality_depth: int | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> ChainClient:
        """Connect to `url` and pin its chain; its id must be `chain_id` when that is given."""
        node = rpc.Rpc(url, timeout)
        try:
            found, genesis = _identity(node)
            if chain_id is not None and found != chain_id:
                raise Corrupt(f"the node serves chain {found}, not {chain_id}")
        except BaseException:
            node.close()
            raise
        return cls(node, found, genesis, finality_depth)

    def close(self) -> None:
        """Close the connections."""
        self._rpc.close()

    def check_chain(self) -> None:
        """Ask again which chain it is: a node behind a URL can be exchanged while we run.

        A local chain that was begun anew has the same id, but another block 0.
        """
        found, genesis = _identity(self._rpc)
        if found != self.chain_id:
            raise Corrupt(f"the node now serves chain {found}, not {self.chain_id}")
        if genesis != self.genesis:
            raise Corrupt(
                f"the node now serves a chain that began with {genesis.hex()}, not {self.genesis.hex()}"
            )

    def head(self) -> Block:
        """The newest block."""
        return self._block_at("latest")

    def finalized(self) -> Block:
        """The newest block that is final; the first one where none is yet."""
        if self._depth is None:
            return self._block_at("finalized")
        number = max(0, self.head().number - self._depth)
        return self._block_at(hex(number))

    def block(self, number: int) -> Block | None:
        """The block at a height on the node's present chain, None above its head."""
        answer = self._rpc.ask("eth_getBlockByNumber", hex(number), False)
        if answer is None:
            return None
        found = _block(answer)
        if found.number != number:
            raise Corrupt(f"asked for block {number}, got block {found.number}")
        return found

    def _block_at(self, tag: str) -> Block:
        answer = self._rpc.ask("eth_getBlockByNumber", tag, False)
        if answer is None:
            raise Unavailable(f"the node has no {tag} block")
        return _block(answer)

    def transaction_count(self, account: str, at: Tag = "latest") -> int:
        """How many transactions of `account` the chain holds: its next nonce."""
        return rpc.quantity(self._rpc.ask("eth_getTransactionCount", account, _tag(at)), "nonce", 64)

    def balance(self, account: str, at: Tag = "latest") -> int:
        """Wei."""
        return rpc.quantity(self._rpc.ask("eth_getBalance", account, _tag(at)), "balance")

    def code(self, account: str, at: Tag = "latest") -> bytes:
        """The contract's code, empty for none."""
        return rpc.data(self._rpc.ask("eth_getCode", account, _tag(at)), "code")

    def call(self, message: Call, at: Tag = "latest") -> bytes:
        """What a call returns, without a transaction.

        Raises:
            Reverted: the contract refuses.
        """
        return rpc.data(self._rpc.ask("eth_call", message.as_json(), _tag(at)), "call result")

    def estimate_gas(self, message: Call) -> int:
        """Gas that the call needs now.

        Raises:
            Reverted: it would revert.
        """
        return rpc.quantity(self._rpc.ask("eth_estimateGas", message.as_json()), "gas estimate", 63)

    def priority_fee(self) -> int:
        """The node's suggestion for the tip, wei per gas (EIP-1559)."""
        return rpc.quantity(self._rpc.ask("eth_maxPriorityFeePerGas"), "priority fee", 128)

    def send_raw(self, raw: bytes) -> bytes:
        """Hand a signed transaction to the node; its hash (32 bytes)."""
        found = rpc.data(self._rpc.ask("eth_sendRawTransaction", "0x" + raw.hex()), "transaction hash", 32)
        if found != signing.keccak256(raw):
            raise Corrupt(f"sent a transaction, the node calls it {found.hex()}")
        return found

    def knows(self, transaction: bytes) -> bool:
        """Whether the node has this transaction, mined or waiting."""
        answer = self._rpc.ask("eth_getTransactionByHash", "0x" + transaction.hex())
        if answer is None:
            return False
        found = rpc.data(rpc.fields(answer, "transaction").get("hash"), "transaction hash", 32)
        if found != transaction:
            raise Corrupt(f"asked for transaction {transaction.hex()}, got {found.hex()}")
        return True

    def calldata(self, transaction: bytes) -> bytes:
        """What a mined transaction was called with; only its hash is compared, not computed again.

        Raises:
            Unavailable: the node does not have it.
        """
        answer = self._rpc.ask("eth_getTransactionByHash", "0x" + transaction.hex())
        if answer is None:
            raise Unavailable(f"the node does not have transaction 0x{transaction.hex()}")
        found = rpc.fields(answer, "transaction")
        if rpc.data(found.get("hash"), "transaction hash", 32) != transaction:
            raise Corrupt(f"asked for transaction {transaction.hex()}, got another one")
        return rpc.data(found.get("input"), "calldata")

    def calls_in(self, transaction: bytes) -> Iterator[bytes]:
        """What the contracts that a mined transaction called were called with, by executing it again.

        Raises:
            Unavailable: also where the node does not trace transactions, as most do not.
        """
        tracer = {"tracer": "callTracer"}
        waiting = [self._rpc.ask("debug_traceTransaction", "0x" + transaction.hex(), tracer)]
        while waiting:
            found = rpc.fields(waiting.pop(), "call")
            yield rpc.data(found.get("input"), "calldata")
            inner: Any = found.get("calls", [])
            if not isinstance(inner, list):
                raise Corrupt("debug_traceTransaction: the calls are no list")
            waiting += inner

    def receipt(self, transaction: bytes) -> Receipt | None:
        """The receipt of a transaction, None where it is not mined on the node's present chain."""
        answer = self._rpc.ask("eth_getTransactionReceipt", "0x" + transaction.hex())
        if answer is None:
            return None
        found = _receipt(answer)
        if found.transaction != transaction:
            raise Corrupt(f"asked for receipt {transaction.hex()}, got {found.transaction.hex()}")
        return found

    def events_of(self, transaction: bytes) -> list[Log]:
        """The events of a mined transaction, from its receipt."""
        answer = rpc.fields(self._rpc.ask("eth_getTransactionReceipt", "0x" + transaction.hex()), "receipt")
        logs = answer.get("logs")
        if not isinstance(logs, list) or len(logs) > MAX_LOGS:
            raise Corrupt("the events of a receipt: no list, or one too long")
        found = [_log(entry) for entry in logs]
        if any(log.transaction != transaction for log in found):
            raise Corrupt(f"receipt {transaction.hex()} has events of another transaction")
        return found

    def logs(self, addresses: Sequence[str], first: int, last: int) -> list[Log]:
        """The events of `addresses` in blocks first..last, in the chain's order."""
        return self._logs({"address": list(addresses)}, addresses, first, last)

    def logs_with(
        self, address: str | None, topics: Sequence[Sequence[bytes]], first: int, last: int
    ) -> list[Log]:
        """The events of one contract, or with None of all, in blocks first..last, in the chain's order, whose
        topic at each position is one of those given for it. Whether the node kept to that is not checked."""
        wanted: dict[str, object] = {"topics": [["0x" + topic.hex() for topic in at] for at in topics]}
        if address is None:
            return self._logs(wanted, None, first, last)
        return self._logs({"address": [address]} | wanted, [address], first, last)

    def _logs(
        self, query: Mapping[str, object], addresses: Sequence[str] | None, first: int, last: int
    ) -> list[Log]:
        span = {"fromBlock": hex(first), "toBlock": hex(last)}
        answer = self._rpc.ask("eth_getLogs", {**query, **span})
        if not isinstance(answer, list) or len(answer) > MAX_LOGS:
            raise Corrupt("eth_getLogs: no list, or one too long")
        logs = [_log(entry) for entry in answer]
        places = [(log.block_number, log.index) for log in logs]
        if places != sorted(set(places)):
            raise Corrupt("eth_getLogs: events out of order or twice")
        others = addresses is not None and any(log.address not in addresses for log in logs)
        if others or any(not first <= log.block_number <= last for log in logs):
            raise Corrupt("eth_getLogs: an event that was not asked for")
        return logs


def _identity(node: rpc.Rpc) -> tuple[int, bytes]:
    chain_id = rpc.quantity(node.ask("eth_chainId"), "chain id", 63)
    first = rpc.fields(node.ask("eth_getBlockByNumber", "0x0", False), "block 0")
    return chain_id, rpc.data(first.get("hash"), "block hash", 32)


def _tag(at: Tag) -> str:
    return hex(at) if isinstance(at, int) else at


def _block(value: object) -> Block:
    header = rpc.fields(value, "block")
    return Block(
        number=rpc.quantity(header.get("number"), "block number", 63),
        hash=rpc.data(header.get("hash"), "block hash", 32),
        parent=rpc.data(header.get("parentHash"), "parent hash", 32),
        timestamp=rpc.quantity(header.get("timestamp"), "block time", 63),
        base_fee=rpc.quantity(header.get("baseFeePerGas", "0x0"), "base fee", 128),
    )


def _receipt(value: object) -> Receipt:
    found = rpc.fields(value, "receipt")
    contract = found.get("contractAddress")
    return Receipt(
        transaction=rpc.data(found.get("transactionHash"), "transaction hash", 32),
        block_number=rpc.quantity(found.get("blockNumber"), "block number", 63),
        block_hash=rpc.data(found.get("blockHash"), "block hash", 32),
        succeeded=rpc.quantity(found.get("status"), "status", 1) == 1,
        contract=None if contract is None else rpc.address(contract, "contract address"),
        gas_used=rpc.quantity(found.get("gasUsed"), "gas used", 63),
        gas_price=rpc.quantity(found.get("effectiveGasPrice", "0x0"), "gas price"),
    )


def _log(value: object) -> Log:
    found = rpc.fields(value, "event")
    if found.get("removed"):
        raise Corrupt("eth_getLogs: an event of an abandoned block")
    topics: Any = found.get("topics")
    if not isinstance(topics, list) or len(topics) > 4:
        raise Corrupt("event topics: no list of at most four")
    return Log(
        address=rpc.address(found.get("address"), "event address"),
        topics=tuple(rpc.data(topic, "event topic", 32) for topic in topics),
        data=rpc.data(found.get("data"), "event data"),
        block_number=rpc.quantity(found.get("blockNumber"), "block number", 63),
        block_hash=rpc.data(found.get("blockHash"), "block hash", 32),
        transaction=rpc.data(found.get("transactionHash"), "transaction hash", 32),
        index=rpc.quantity(found.get("logIndex"), "log index", 63),
    )
