"""Who is calling: the session behind `Authorization: Bearer`.

The application carries its service as `app.state.service`; signing in uses no more of it than `AuthService`
names.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Annotated, Protocol, cast

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ledger_service.errors import Unauthenticated
from ledger_service.store.sessions import ENDED, Sessions


class AuthSettings(Protocol):
    """What a sign-in message is held to."""

    @property
    def domains(self) -> tuple[str, ...]:
        """Authorities (host, with port where it is not the default) under which this API is reached."""

    @property
    def chain_id(self) -> int:
        """The chain that sessions are bound to."""


class AuthTransaction(Protocol):
    """One database transaction."""

    @property
    def sessions(self) -> Sessions:
        """Its nonces and sessions."""


class AuthStore(Protocol):
    """Where sessions are kept."""

    def begin(self) -> AbstractContextManager[AuthTransaction]:
        """A transaction, committed when the block ends and rolled back when it raises."""


class AuthService(Protocol):
    """What signing in needs of the service."""

    @property
    def store(self) -> AuthStore:
        """Where sessions are kept."""

    @property
    def settings(self) -> AuthSettings:
        """What a sign-in message is held to."""


bearer = HTTPBearer(
    auto_error=False,
    scheme_name="session",
    bearerFormat="opaque, 43 characters",
    description="The token of `POST /v1/auth/login`.",
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]


def service_of(request: Request) -> AuthService:
    """The service of the application that answers `request`."""
    return cast(AuthService, request.app.state.service)


async def session_token(credentials: Credentials) -> str:
    """The token that the caller sent, not yet looked up.

    Raises:
        Unauthenticated: there is none.
    """
    if credentials is None:
        raise Unauthenticated("sign in, and send the token as Authorization: Bearer")
    return credentials.credentials


def caller(request: Request, token: Annotated[str, Depends(session_token)]) -> str:
    """The address that signed in, in lower case.

    Raises:
        Unauthenticated: no token, an unknown one, or one that has ended: the last two are never told apart.
    """
    with service_of(request).store.begin() as transaction:
        address = transaction.sessions.find(token)
    if address is None:
        raise Unauthenticated(ENDED)
    return address


Caller = Annotated[str, Depends(caller)]
# For routes that look the session up together with what else they read.
Token = Annotated[str, Depends(session_token)]
