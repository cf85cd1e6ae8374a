"""What the tests of the chain writer and watcher share: the local chain's levers, time, and crashes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from ledger_service.chain import abi
from ledger_service.chain.client import Call, ChainClient
from ledger_service.chain.rpc import Rpc
from ledger_service.chain.signer import Signer
from ledger_service.chain.writer import ChainWriter, WriterPolicy
from ledger_service.store.chain import Attempt, ChainIntents, Intent

ETHER = 10**18


@dataclass
class Clock:
    """Time that a test moves."""

    seconds: int

    def now(self) -> int:
        return self.seconds


class Crash(Exception):
    """The process ended here."""


@dataclass
class CrashAt:
    """A step boundary at which the process ends, once."""

    point: str
    crashed: bool = False

    def __call__(self, point: str) -> None:
        if point == self.point and not self.crashed:
            self.crashed = True
            raise Crash(point)


class Control:
    """The levers of a local chain: mining, forks, money, fees."""

    def __init__(self, node: Rpc) -> None:
        self.node = node

    def automine(self, on: bool) -> None:
        self.node.ask("evm_setAutomine", on)

    def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            self.node.ask("evm_mine")

    def fund(self, account: str, wei: int) -> None:
        self.node.ask("hardhat_setBalance", account, hex(wei))

    def base_fee(self, wei: int) -> None:
        self.node.ask("hardhat_setNextBlockBaseFeePerGas", hex(wei))

    def snapshot(self) -> str:
        return str(self.node.ask("evm_snapshot"))

    def revert(self, snapshot: str) -> None:
        """The blocks since the snapshot are abandoned."""
        assert self.node.ask("evm_revert", snapshot) is True


@dataclass
class World:
    """One lane on the real chain and the real database."""

    client: ChainClient
    control: Control
    signer: Signer
    database: Engine
    clock: Clock
    artifacts: dict[str, abi.Artifact]

    def writer(self, *, crash_at: str = "", policy: WriterPolicy | None = None) -> ChainWriter:
        """A writer as a new process makes it."""
        return ChainWriter(
            self.client,
            self.signer,
            self.database.begin,
            self.clock,
            policy=policy,
            artifacts=self.artifacts,
            boundary=CrashAt(crash_at),
        )

    def enqueue(self, key: str, to: str | None, data: bytes) -> Intent:
        with self.database.begin() as connection:
            return self.writer().enqueue(connection, key, to, data)

    def intent(self, key: str) -> Intent:
        with self.database.begin() as connection:
            found = self.writer().find(connection, key)
        assert found is not None
        return found

    def attempts(self, key: str) -> list[Attempt]:
        with self.database.begin() as connection:
            return ChainIntents(connection).attempts_of(self.intent(key))

    def deploy_token(self) -> str:
        """A token contract through the writer; its address."""
        self.enqueue("token", None, self.artifacts["LocalToken"].creation())
        self.writer().step()
        self.writer().step()
        mined = self.intent("token").mined
        assert mined is not None
        assert mined.contract is not None
        return mined.contract

    def mint(self, key: str, token: str, account: str, amount: int) -> Intent:
        return self.enqueue(key, token, self.artifacts["LocalToken"].call("mint", account, amount))

    def balance(self, token: str, account: str) -> int:
        asked = Call(self.signer.address, token, self.artifacts["LocalToken"].call("balanceOf", account))
        (balance,) = self.artifacts["LocalToken"].result("balanceOf", self.client.call(asked))
        assert isinstance(balance, int)
        return balance

    def spent(self) -> int:
        """How many transactions of the lane's account the chain holds."""
        return self.client.transaction_count(self.signer.address)
