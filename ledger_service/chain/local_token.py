"""The token of local chains (contracts/src/local/LocalToken.sol); reads any ERC-20 with ERC-2612."""

from __future__ import annotations

from ledger_service.chain.client import ChainClient, Tag
from ledger_service.chain.contract import Artifacts, Contract, artifact


class LocalToken(Contract):
    """An ERC-20 with permits that anybody can mint."""

    name = "LocalToken"

    @classmethod
    def creation(cls, artifacts: Artifacts) -> bytes:
        """Creates the contract."""
        return artifact(artifacts, cls.name).creation()

    def mint(self, account: str, amount: int) -> bytes:
        """Creates money for an account: on a local chain only."""
        return self.artifact.call("mint", account, amount)

    def balance_of(self, client: ChainClient, account: str, at: Tag = "latest") -> int:
        """Token minor units."""
        return int(self.read(client, "balanceOf", account, at=at)[0])

    def permit_nonce(self, client: ChainClient, owner: str) -> int:
        """The nonce of the owner's next ERC-2612 permit."""
        return int(self.read(client, "nonces", owner)[0])

    def domain_separator(self, client: ChainClient) -> bytes:
        """The token's EIP-712 domain, 32 bytes: what permits are signed under."""
        return bytes(self.read(client, "DOMAIN_SEPARATOR")[0])
