"""The contracts' libraries on the local chain, behind one contract that answers many questions a call."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ledger_service.chain import abi, rpc
from ledger_service.chain.abi import Artifact
from ledger_service.chain.client import Call, ChainClient
from ledger_service.chain.compile import compile_contracts
from scripts.benches.evm import Evm
from tests.conftest import local_chain

PROJECT = Path(__file__).parents[2]
SOURCES = (
    "src/libraries/Heads.sol",
    "src/libraries/Payroll.sol",
    "src/libraries/Rfc9162.sol",
    "test/utils/PayrollReference.sol",
)
SECONDS = 120.0
BATCH = 400
"""Questions a call: far below the gas that a block of the local chain holds."""


@dataclass(frozen=True)
class Differential:
    """The contract `Differential` on a chain of its own."""

    evm: Evm
    artifact: Artifact
    address: str

    def read(self, function: str, *args: object) -> Any:
        """The first value that a view returns."""
        return self.evm.read(self.artifact, self.address, function, *args)

    def answer(self, function: str, call: bytes) -> tuple[Any, ...]:
        """All values that a view returns to this calldata."""
        raw = self.evm.client.call(Call(self.evm.accounts[0], self.address, call))
        return self.artifact.result(function, raw)

    def ask(self, function: str, questions: Sequence[Sequence[object]]) -> list[bool]:
        """The answers to many questions, in their order."""
        batches = [questions[at : at + BATCH] for at in range(0, len(questions), BATCH)]
        return [yes for some in batches for yes in self.read(function, some)]

    def send(self, function: str, *args: object) -> None:
        """A transaction."""
        call = self.artifact.call(function, *args)
        self.evm.send(self.evm.accounts[0], self.address, call, self.artifact)

    def created(self) -> Differential:
        """Another one, with nothing in its storage."""
        return Differential(self.evm, self.artifact, self.evm.create(self.evm.accounts[0], self.artifact))


@pytest.fixture(scope="session")
def differential_artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The contract, compiled with the project's own libraries and settings."""
    project = tmp_path_factory.mktemp("differential")
    contracts = project / "contracts"
    (contracts / "src").mkdir(parents=True)
    for source in SOURCES:
        shutil.copy(PROJECT / "contracts" / source, contracts / "src")
    shutil.copy(PROJECT / "contracts" / "foundry.toml", contracts)
    shutil.copy(Path(__file__).parent / "Differential.sol", contracts / "src")
    (project / "hardhat_local").symlink_to(PROJECT / "hardhat_local")
    return abi.load_artifacts(compile_contracts(project, project / "out"))["Differential"]


@pytest.fixture(scope="session")
def differential(
    differential_artifact: Artifact, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Differential]:
    """The contract, on a local chain for the tests of this folder."""
    with local_chain(tmp_path_factory.mktemp("chain")) as url:
        client, node = ChainClient.connect(url, timeout=SECONDS), rpc.Rpc(url, SECONDS)
        accounts = tuple(rpc.address(one, "account") for one in node.ask("eth_accounts"))
        evm = Evm(client, node, accounts)
        yield Differential(evm, differential_artifact, evm.create(accounts[0], differential_artifact))
        node.close()
        client.close()
