"""The page for people that verifies bundles in the visitor's browser."""

from __future__ import annotations

from functools import cache
from pathlib import PurePosixPath

from fastapi import FastAPI, Request, Response
from starlette.responses import HTMLResponse

from api import web_files
from ledger_service.errors import NotYours

PATH = "/verify"
IMMUTABLE = "public, max-age=31536000, immutable"
# Nothing but this service's own modules and style; items may be pictures, which are data in the bundle.
_POLICY = (
    "default-src 'none'; script-src 'self' 'sha256-{map_hash}'; style-src 'self'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def install(app: FastAPI) -> None:
    """Serve the page at `PATH`, and its files below it. None of them is in the OpenAPI document.

    The files are read when the page is first asked for: where they are missing, everything else is served.
    """
    site = cache(web_files.load)

    @app.get(PATH, include_in_schema=False)
    def page(request: Request) -> Response:
        return _page(site(), request.headers.get("if-none-match"))

    @app.get(web_files.PREFIX + "/{version}/{path:path}", include_in_schema=False)
    def asset(version: str, path: str) -> Response:
        return _asset(site(), version, path)


def _page(site: web_files.Site, known: str | None) -> Response:
    """The page; it loads nothing from elsewhere, and tells the browser to let it load nothing else."""
    tag = f'"{site.version}"'
    policy = _POLICY.format(map_hash=site.map_hash)
    headers = {**_HEADERS, "Content-Security-Policy": policy, "Cache-Control": "no-cache", "ETag": tag}
    if known == tag:
        return Response(status_code=304, headers=headers)
    return HTMLResponse(site.page, headers=headers)


def _asset(site: web_files.Site, version: str, path: str) -> Response:
    """A file of the page, which never changes under its path."""
    raw = site.files.get(path) if version == site.version else None
    if raw is None:
        raise NotYours("there is no such file; load the page again")
    kind = web_files.TYPES[PurePosixPath(path).suffix]
    return Response(raw, media_type=kind, headers={**_HEADERS, "Cache-Control": IMMUTABLE})
