"""The HTTP application over one running service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI

from api import docs, problems, verify_page
from api.limits import AtOnceLimit, BodyLimit
from api.routes import audits, auth, campaigns, info, labels, log, operator, payouts, workers
from ledger_service.service import Service

# Requests that compute at the same moment share one interpreter: more threads than these only take it from
# one another, and a queue that a pause has left would then be worked off more slowly than it grows.
THREADS = 3

DESCRIPTION = """\
Labelling campaigns whose every assignment, label, verdict and payment is an entry in one append-only log,
anchored on a chain. Bytes are lower-case hex, money is a decimal string of token minor units, times are
seconds since 1970. Writing twice what was written changes nothing, so every request can be repeated.
"""


def create_app(service: Service) -> FastAPI:
    """The application; it answers with `service` and owns none of its parts."""
    app = FastAPI(
        title="crowdledger",
        version=version("crowdledger"),
        description=DESCRIPTION,
        docs_url=None,  # FastAPI's pages load their scripts from elsewhere
        redoc_url=None,
        lifespan=_few_threads,
    )
    app.state.service = service
    problems.install(app)
    docs.install(app)
    verify_page.install(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(AtOnceLimit)  # the outer of the two
    # What is asked for most comes first: every route before it is tried for every request.
    for module in (labels, log, info, auth, workers, campaigns, payouts, audits, operator):
        app.include_router(module.router)
    return app


@asynccontextmanager
async def _few_threads(app: FastAPI) -> AsyncIterator[None]:
    current_default_thread_limiter().total_tokens = THREADS
    yield
