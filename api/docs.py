"""The API's documentation as a page: Swagger UI, which lists every operation and can call it.

The page and all that it loads come from this service: no script, style or picture of another host, so it also
works without a network, and the browser is told to refuse anything else (Content Security Policy Level 3).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response
from starlette.responses import FileResponse, HTMLResponse

from api.models import Body

PATH = "/docs"
START = f"{PATH}/start.js"
STYLE = f"{PATH}/swagger-ui.css"
SCRIPT = f"{PATH}/swagger-ui-bundle.js"
# Nothing but what Swagger UI needs: it sets styles on its elements, and its style sheet has pictures as data.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{style}">
</head>
<body>
<div id="documentation"></div>
<noscript>Without JavaScript, read <a href="{document}">the OpenAPI document</a>.</noscript>
<script src="{script}"></script>
<script src="{start}"></script>
</body>
</html>
"""
# `validatorUrl` null: Swagger UI would send the document's address to a validator on the internet.
_START = """\
SwaggerUIBundle({
  url: "%s",
  dom_id: "#documentation",
  deepLinking: true,
  validatorUrl: null,
});
"""


def install(app: FastAPI) -> None:
    """Serve the page at `PATH`, and its parts below it. None of them is in the OpenAPI document."""
    _keep_nulls(app)
    static = _static()
    document = app.openapi_url or "/openapi.json"
    page = _PAGE.format(
        title=escape(f"{app.title} API"), style=STYLE, script=SCRIPT, start=START, document=document
    )

    @app.get(PATH, include_in_schema=False)
    def documentation() -> Response:
        return HTMLResponse(page, headers=HEADERS)

    @app.get(START, include_in_schema=False)
    def start() -> Response:
        return Response(_START % document, media_type="text/javascript", headers=HEADERS)

    @app.get(STYLE, include_in_schema=False)
    def style() -> Response:
        return FileResponse(static / "swagger-ui.css", media_type="text/css", headers=HEADERS)

    @app.get(SCRIPT, include_in_schema=False)
    def script() -> Response:
        return FileResponse(static / "swagger-ui-bundle.js", media_type="text/javascript", headers=HEADERS)


def _keep_nulls(app: FastAPI) -> None:
    """Put the examples of our models back as they are: FastAPI leaves out every null of the document, and an
    example without its null is not valid."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        schemas = document.get("components", {}).get("schemas", {})
        for model in _bodies(Body):
            extra = model.model_config.get("json_schema_extra")
            if isinstance(extra, dict) and model.__name__ in schemas:
                schemas[model.__name__].update(extra)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way of extending the document


def _bodies(model: type[Body]) -> Iterator[type[Body]]:
    for one in model.__subclasses__():
        yield one
        yield from _bodies(one)


def _static() -> Path:
    """Where the package `fastapi-offline` keeps Swagger UI; it is located, not imported."""
    found = importlib.util.find_spec("fastapi_offline")
    if found is None or found.origin is None:
        raise FileNotFoundError("Swagger UI is missing: pip install fastapi-offline")
    return Path(found.origin).parent / "static"
