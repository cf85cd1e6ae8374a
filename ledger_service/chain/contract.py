"""A contract of ours at an address: the frame that the contracts' modules fill.

Calldata functions raise BadInput for values that a contract's types do not hold. Reading functions raise what
`ChainClient.call` does: Unavailable, Corrupt, and Reverted where the contract refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger_service.chain.abi import Artifact
from ledger_service.chain.client import Call, ChainClient, Tag
from ledger_service.entries import ZERO_ADDRESS
from ledger_service.errors import Unavailable

Artifacts = Mapping[str, Artifact]


class Contract:
    """A contract of ours at an address."""

    name = ""

    def __init__(self, artifacts: Artifacts, address: str) -> None:
        self.address = address
        self.artifact = artifact(artifacts, self.name)

    def read(self, client: ChainClient, function: str, *args: object, at: Tag = "latest") -> tuple[Any, ...]:
        """Call a view function."""
        message = Call(ZERO_ADDRESS, self.address, self.artifact.call(function, *args))
        return self.artifact.result(function, client.call(message, at))


def artifact(artifacts: Artifacts, name: str) -> Artifact:
    """The compiled contract of this name.

    Raises:
        Unavailable: it has not been compiled.
    """
    if name not in artifacts:
        raise Unavailable(f"the contract {name} has not been compiled")
    return artifacts[name]
