"""What the service says about itself, once, before anything is signed for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledger_service.entries import Domain
from ledger_service.errors import BadInput


@dataclass(frozen=True, slots=True)
class Info:
    """`GET /v1/info`: the chain and its contracts, the operator, the log's key, the ledger's time."""

    domain: Domain
    escrow: str
    token: str
    operator: str
    arbiter: str
    bond: int
    fee_bps: int
    log_key: str
    rpc_url: str
    now: int

    @staticmethod
    def from_json(value: dict[str, Any]) -> Info:
        """Read it.

        Raises:
            BadInput: the service is not on a local chain, so it has no open token and no clock to move.
        """
        if value["token"] is None or value["rpc_url"] is None:
            raise BadInput("the demo runs on a local chain only, and this service is not on one")
        return Info(
            domain=Domain(value["chain_id"], value["provenance_log"]),
            escrow=value["escrow"],
            token=value["token"],
            operator=value["operator"],
            arbiter=value["arbiter"],
            bond=int(value["bond"]),
            fee_bps=value["fee_bps"],
            log_key=value["log_key"],
            rpc_url=value["rpc_url"],
            now=value["now"],
        )
