"""Signing in and out: a nonce, a signed EIP-4361 message for a session, and its end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api import examples, rfc3986, siwe
from api.auth import AuthSettings, Caller, service_of, session_token
from api.problems import responses
from api.siwe import SiweError
from ledger_service.errors import Unauthenticated, Unavailable

MAX_MESSAGE = 4_096
MAX_SIGNATURE_HEX = 2 + 2 * 1_024  # a contract wallet's is longer than ours: refused, but with that reason

router = APIRouter(prefix="/v1/auth", tags=["auth"])


class Nonce(BaseModel):
    """A nonce for one login."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.NONCE]})

    nonce: str = Field(description="To be put into the message; good for one login, within ten minutes")


class Login(BaseModel):
    """A signed EIP-4361 message."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [examples.LOGIN]},
    )

    message: str = Field(
        max_length=MAX_MESSAGE,
        description="Domain: host and port of this API; URI: its base URL; chain id: that of `GET /v1/info`",
    )
    signature: str = Field(
        max_length=MAX_SIGNATURE_HEX,
        pattern=r"^0x(?:[0-9a-fA-F]{2})*$",
        description="`personal_sign` of the message (ERC-191), 65 bytes in hex",
    )


class Session(BaseModel):
    """A session, for `Authorization: Bearer`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [examples.SESSION]},
    )

    token: str = Field(description="Shown once; the service keeps its hash alone", repr=False)
    address: str = Field(description="Who signed in, in lower case")
    expires_at: int = Field(description="Seconds since 1970 by the machine's clock")


@router.get("/nonce", summary="Get a nonce for a login", responses=responses(Unavailable))
def issue_nonce(request: Request, response: Response) -> Nonce:
    """Each nonce is good for one login."""
    response.headers["Cache-Control"] = "no-store"
    with service_of(request).store.begin() as transaction:
        return Nonce(nonce=transaction.sessions.issue_nonce())


@router.post("/login", summary="Sign in with a wallet", responses=responses(SiweError, Unavailable))
def login(body: Login, request: Request, response: Response) -> Session:
    """Exchange a message that your wallet signed for a session of one day.

    1. The message was written for this API: its domain, its URI, its chain.
    2. It is valid now and signed by the account that it names.
    3. Its nonce was given out by this service, has not ended, and is used up by this login.
    """
    response.headers["Cache-Control"] = "no-store"
    service = service_of(request)
    message = siwe.parse(body.message)
    _check_addressee(message, service.settings)
    with service.store.begin() as transaction:
        sessions = transaction.sessions
        address = siwe.verify(
            body.message,
            body.signature,
            domain=message.domain,
            nonce=message.nonce,
            now=datetime.fromtimestamp(sessions.clock(), UTC),
        )
        # The nonce and the session stand or fall together: two logins with one nonce make one session, and a
        # crash before the commit leaves the nonce to be used.
        if not sessions.consume_nonce(message.nonce):
            raise SiweError("nonce", "never given out, used already, or ended: get a new one")
        opened = sessions.open(address)
    return Session(token=opened.token, address=opened.address, expires_at=opened.expires_at)


@router.post(
    "/logout", status_code=204, summary="End the session", responses=responses(Unauthenticated, Unavailable)
)
def logout(request: Request, _: Caller, token: Annotated[str, Depends(session_token)]) -> Response:
    """The token is worth nothing afterwards."""
    with service_of(request).store.begin() as transaction:
        transaction.sessions.close(token)
    return Response(status_code=204)


def _check_addressee(message: siwe.Message, settings: AuthSettings) -> None:
    if message.domain not in settings.domains:
        raise SiweError("domain", "the message was written for another domain")
    if rfc3986.authority_of(message.uri) != message.domain:
        raise SiweError("uri", "the message is about another place than its domain")
    if message.chain_id != settings.chain_id:
        raise SiweError("chain-id", f"this service is on chain {settings.chain_id}")
