"""What this service is, and whether it is up."""

from __future__ import annotations

from fastapi import APIRouter

from api import examples
from api.dependencies import Running
from api.models import Address, Body, Money, shown
from api.problems import responses
from ledger_service.errors import Unavailable

router = APIRouter(tags=["service"])


class Info(Body):
    """What a client has to know before it signs anything; to be compared with what it trusts."""

    model_config = shown(examples.INFO)

    chain_id: int
    provenance_log: Address
    escrow: Address
    dataset_rights: Address
    token: Address | None
    operator: Address
    arbiter: Address
    tokens: list[Address]
    bond: Money
    fee_bps: int
    judging_seconds: int
    origin: str
    log_key: str
    now: int
    rpc_url: str | None


class Alive(Body):
    """The process answers."""

    model_config = shown(examples.ALIVE, examples.READY)

    status: str


@router.get("/v1/info", summary="Learn what this service is")
def info(service: Running) -> Info:
    """Chain, contracts, keys, fee, and the ledger's time (seconds since 1970)."""
    settings = service.settings
    return Info(
        chain_id=settings.chain_id,
        provenance_log=service.ledger.provenance_log.address,
        escrow=service.ledger.escrow.address,
        dataset_rights=settings.deployment.dataset_rights,
        token=settings.deployment.token,
        operator=service.ledger.operator.address,
        arbiter=settings.arbiter,
        tokens=sorted(settings.tokens),
        bond=settings.bond,
        fee_bps=settings.fee_bps,
        judging_seconds=settings.judging_seconds,
        origin=settings.origin,
        log_key=str(service.store.log_key.verifier),
        now=service.ledger.clock.now(),
        rpc_url=settings.rpc_url if settings.local else None,
    )


@router.get("/livez", summary="See whether the process is up")
def livez() -> Alive:
    """The process answers."""
    return Alive(status="alive")


@router.get("/readyz", summary="See whether all is up", responses=responses(Unavailable))
def readyz(service: Running) -> Alive:
    """Database and chain answer too."""
    with service.store.begin() as uow:
        uow.log.head()
    service.client.head()
    return Alive(status="ready")
