"""Errors as RFC 9457 problem details: one shape for everything that this API refuses or fails at.

    {"type": "/problems/<slug>", "title": …, "status": …, "detail": …}

`type` and `title` follow from the kind of error alone, `detail` tells this one. A failed proof adds `step`,
`what`, `expected` and `found`; a request that is not of its form adds `errors` with a pointer to each field;
a fault of ours (5xx) says nothing but an `instance`, which the service's own log names beside the traceback.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from ledger_service.errors import (
    Corrupt,
    LedgerError,
    Overloaded,
    Unavailable,
    VerificationError,
)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5
MAX_ERRORS = 20
MAX_DETAIL = 1_000

_log = logging.getLogger(__name__)
_INVALID = "invalid-request"
_MALFORMED = "malformed-request"
# What is said of a kind of problem where nothing is said of the one at hand.
_MEANING: Mapping[str, str] = {
    LedgerError.slug: "The service failed; the fault is not in the request.",
    Corrupt.slug: "The service found a contradiction in what it read and goes no further.",
    Unavailable.slug: "Something that this service depends on does not answer; try again.",
    _INVALID: "The request is not of the documented form.",
    _MALFORMED: "The request's body is not JSON.",
}


class FieldError(BaseModel):
    """One field that is not of its form."""

    detail: str
    pointer: str | None = Field(
        None, description="JSON pointer into the body, as a URI fragment (RFC 6901, 6)"
    )
    parameter: str | None = Field(None, description="Name of the path, query, header or cookie parameter")


class Problem(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="Names the kind of problem", examples=["/problems/conflict"])
    title: str = Field(description="The same for every problem of this kind")
    status: int
    detail: str
    instance: str | None = Field(None, description="Names this one failure in the service's log (5xx)")
    step: int | None = Field(None, description="The verifier's step that failed")
    what: str | None = Field(None, description="What was being checked")
    expected: str | None = None
    found: str | None = None
    errors: list[FieldError] | None = None


def install(app: FastAPI) -> None:
    """Answer every error of `app` with problem details, and document them on every route."""
    app.add_exception_handler(LedgerError, _ledger_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(Exception, _unknown_error)
    _document(app)


def responses(*errors: type[LedgerError]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI `responses` of a route that may raise `errors`, with an example of each."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        meaning = _meaning(error)
        body = _body(error.slug, error.status, meaning, _example_members(error))
        _add_example(by_status, body, error.slug, meaning)
    return by_status


# The four kinds of exception


async def _ledger_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, LedgerError):
        raise TypeError("registered for LedgerError")
    if error.status >= 500 and not isinstance(error, Overloaded):
        return _fault(request, error)
    headers = {"WWW-Authenticate": "Bearer"} if error.status == HTTPStatus.UNAUTHORIZED else {}
    if isinstance(error, Overloaded):  # no fault, so nothing for the log
        headers = {"Retry-After": "1"}
    detail = str(error) or _meaning(type(error))
    return _response(_body(error.slug, error.status, detail, _members(error)), headers)


async def _invalid_request(_: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise TypeError("registered for RequestValidationError")
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return _response(_body(_MALFORMED, 400, _MEANING[_MALFORMED]))
    fields = [_field_error(one) for one in found[:MAX_ERRORS]]
    detail = (
        f"{len(found)} of the request's fields are not of their form"
        if len(found) > 1
        else fields[0]["detail"]
    )
    return _response(_body(_INVALID, 422, detail, {"errors": fields}))


async def _http_exception(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise TypeError("registered for HTTPException")
    if error.status_code < 400:
        return Response(status_code=error.status_code, headers=error.headers)
    title = HTTPStatus(error.status_code).phrase
    body = _body(title.lower().replace(" ", "-"), error.status_code, str(error.detail))
    return _response(body, error.headers)


async def _unknown_error(request: Request, error: Exception) -> Response:
    return _fault(request, error)


def _fault(request: Request, error: Exception) -> Response:
    """A 5xx. Its own words may hold addresses, keys or rows, so they go to the log and nowhere else."""
    kind = type(error) if isinstance(error, LedgerError) else LedgerError
    instance = uuid.uuid4().urn
    level = logging.CRITICAL if kind is Corrupt else logging.WARNING if kind is Unavailable else logging.ERROR
    _log.log(level, "%s: %s %s failed", instance, request.method, request.url.path, exc_info=error)
    headers = (
        {"Retry-After": str(RETRY_AFTER_SECONDS)} if kind.status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    )
    return _response(_body(kind.slug, kind.status, _meaning(kind), {"instance": instance}), headers)


# Bodies


def _response(body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse(body, body["status"], headers, media_type=MEDIA_TYPE)


def _body(slug: str, status: int, detail: str, members: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": f"/problems/{slug}",
        "title": _title(slug),
        "status": status,
        "detail": _sayable(detail),
        **(members or {}),
    }


def _sayable(text: str) -> str:
    """Text that is fit for a body: of bounded length, without the lone surrogates that UTF-8 cannot hold."""
    return text[:MAX_DETAIL].encode("utf-8", "replace").decode()


def _meaning(error: type[LedgerError]) -> str:
    first = (error.__doc__ or "").strip().partition("\n")[0]
    return _MEANING.get(error.slug) or first or _title(error.slug)


def _title(slug: str) -> str:
    return slug.replace("-", " ").capitalize()


def _members(error: LedgerError) -> dict[str, Any]:
    if not isinstance(error, VerificationError):
        return {}
    return {
        "step": error.step,
        "what": _sayable(error.what),
        "expected": _sayable(error.expected),
        "found": _sayable(error.found),
    }


def _example_members(error: type[LedgerError]) -> dict[str, Any]:
    if error.status >= 500:
        return {"instance": "urn:uuid:00000000-0000-4000-8000-000000000000"}
    if issubclass(error, VerificationError):
        example = VerificationError("the root of the log", expected="0x6e34…", found="0x96a2…", step=4)
        return _members(example) | {"detail": str(example)}
    return {}


# Fields that are not of their form


def _field_error(error: Mapping[str, Any]) -> dict[str, str]:
    """Where and what, but never the value: it may be a key, a salt or a token."""
    place, *path = error["loc"]
    if place == "body":
        where = {"pointer": _sayable("#" + "".join(f"/{_escaped(part)}" for part in path))}
    else:
        where = {"parameter": _sayable(str(path[0]) if path else str(place))}
    return {"detail": _message(error), **where}


def _escaped(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _message(error: Mapping[str, Any]) -> str:
    message = _sayable(str(error["msg"]))
    repeated = any(len(text) > 3 and text in message for text in _texts(error.get("input")))
    return "The value is not of its form" if repeated else message


def _texts(value: Any) -> Iterator[str]:
    """Every text and number within a JSON value."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple):
            waiting += one
        elif isinstance(one, bytes):
            yield one.decode(errors="replace")
        else:
            yield str(one)


# OpenAPI


def _add_example(
    into: dict[int | str, dict[str, Any]], body: Mapping[str, Any], slug: str, meaning: str, key: str = ""
) -> None:
    response = into.setdefault(
        key or body["status"], {"description": "", "content": {MEDIA_TYPE: _content()}}
    )
    response["description"] = f"{response['description']} {meaning}".strip()
    response["content"][MEDIA_TYPE]["examples"][slug] = {"summary": meaning, "value": body}


def _content() -> dict[str, Any]:
    return {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}


def _document(app: FastAPI) -> None:
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()  # kept by FastAPI, so what is added here is added once
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        if "Problem" not in schemas:
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(problem.pop("$defs"), Problem=problem)
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            for path in document.get("paths", {}).values():
                for operation in path.values():
                    _document_operation(operation)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way of extending the document


def _document_operation(operation: dict[str, Any]) -> None:
    found = operation.setdefault("responses", {})
    if "requestBody" in operation or "parameters" in operation:
        if MEDIA_TYPE not in found.get("422", {}).get("content", {}):
            found.pop("422", None)  # FastAPI's own, which is not what we answer
        errors = {"errors": [{"detail": "Field required", "pointer": "#/signature"}]}
        body = _body(_INVALID, 422, "Field required", errors)
        _add_example(found, body, _INVALID, _MEANING[_INVALID], "422")
    if "default" not in found:
        meaning = _meaning(LedgerError)
        body = _body(LedgerError.slug, LedgerError.status, meaning, _example_members(LedgerError))
        _add_example(found, body, LedgerError.slug, meaning, "default")
