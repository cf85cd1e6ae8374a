"""Problem details: their shape, what they must not tell, and what the OpenAPI document says of them."""

from __future__ import annotations

import json
import logging
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, HTTPException, Query
from fastapi.testclient import TestClient
from pydantic import BaseModel, ConfigDict, Field, field_validator

from api import problems
from ledger_service.errors import (
    BadInput,
    BadSignature,
    Conflict,
    Corrupt,
    LedgerError,
    NotYours,
    Refused,
    Unauthenticated,
    Unavailable,
    VerificationError,
)

SECRET = "hunter2hunter2"


class Opening(BaseModel):
    model_config = ConfigDict(extra="forbid")

    salt: Annotated[str, Field(max_length=4)]
    count: int = 0

    @field_validator("salt")
    @classmethod
    def no_talk(cls, value: str) -> str:
        if value.startswith("loud"):
            raise ValueError(f"the salt {value} is not quiet")
        if value.startswith("odd"):
            raise ValueError("a salt has an even length")
        return value


class Openings(BaseModel):
    openings: list[Opening]


def application(error: Exception | None = None) -> FastAPI:
    app = FastAPI()
    problems.install(app)

    @app.get("/fail", responses=problems.responses(Conflict, NotYours, BadSignature, VerificationError))
    def fail() -> None:
        if error is not None:
            raise error

    @app.put("/openings", responses=problems.responses(BadSignature))
    def openings(body: Openings, limit: Annotated[int, Query(le=9)] = 1) -> int:
        return len(body.openings) * limit

    return app


def failing(error: Exception) -> Any:
    return TestClient(application(error), raise_server_exceptions=False).get("/fail")


def put(body: Any, query: str = "") -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    client = TestClient(application())
    return client.put("/openings" + query, content=content, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("kind", [Refused, BadInput, Unauthenticated, NotYours, Conflict, BadSignature])
def test_a_refusal_says_what_kind_it_is_and_why(kind: type[LedgerError]) -> None:
    answer = failing(kind("the campaign is closed"))
    assert answer.status_code == kind.status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": f"/problems/{kind.slug}",
        "title": kind.slug.replace("-", " ").capitalize(),
        "status": kind.status,
        "detail": "the campaign is closed",
    }


def test_only_a_missing_session_asks_for_one() -> None:
    assert failing(Unauthenticated("no session")).headers["www-authenticate"] == "Bearer"
    assert "www-authenticate" not in failing(Conflict("no")).headers


def test_a_refusal_without_words_still_has_a_detail() -> None:
    assert failing(NotYours()).json()["detail"].startswith("It does not exist")


def test_a_failed_proof_tells_its_step_and_the_two_values() -> None:
    body = failing(VerificationError("root", expected="0xaa", found="0xbb", step=4)).json()
    assert body["status"] == 422
    assert body["type"] == "/problems/verification-failed"
    assert (body["step"], body["what"], body["expected"], body["found"]) == (4, "root", "0xaa", "0xbb")
    assert body["detail"] == "step 4: root: expected 0xaa, found 0xbb"


@pytest.mark.parametrize(
    ("error", "status", "slug", "level"),
    [
        (RuntimeError(SECRET), 500, "internal", logging.ERROR),
        (LedgerError(SECRET), 500, "internal", logging.ERROR),
        (Corrupt(SECRET), 500, "corrupt", logging.CRITICAL),
        (Unavailable(SECRET), 503, "unavailable", logging.WARNING),
    ],
)
def test_a_fault_of_ours_is_told_to_the_log_and_not_to_the_caller(
    error: Exception, status: int, slug: str, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    answer = failing(error)
    body = answer.json()
    assert (answer.status_code, body["status"], body["type"]) == (status, status, f"/problems/{slug}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert SECRET not in answer.text
    assert ("retry-after" in answer.headers) == (status == 503)
    (record,) = [one for one in caplog.records if one.name == "api.problems"]
    assert record.levelno == level
    assert body["instance"] in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert failing(error).json()["instance"] != body["instance"]


def test_fields_that_are_wrong_are_pointed_at() -> None:
    answer = put({"openings": [{"salt": "ab"}, {"salt": "abcde", "count": "x"}]}, "?limit=10")
    body = answer.json()
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["type"] == "/problems/invalid-request"
    assert body["detail"].startswith("3 ")
    assert {(one.get("pointer"), one.get("parameter")) for one in body["errors"]} == {
        ("#/openings/1/salt", None),
        ("#/openings/1/count", None),
        (None, "limit"),
    }


def test_pointers_are_escaped() -> None:
    (error,) = put({"openings": [{"salt": "ab", "a/b~c": 1}]}).json()["errors"]
    assert error["pointer"] == "#/openings/0/a~1b~0c"


def test_a_value_is_never_echoed() -> None:
    for salt in (SECRET, "loud" + SECRET, "loud"):
        answer = put({"openings": [{"salt": salt}]})
        assert answer.status_code == 422
        assert salt not in answer.text
        assert answer.json()["errors"][0]["pointer"] == "#/openings/0/salt"
    assert SECRET not in put({"openings": SECRET}).text
    assert SECRET not in put(SECRET.encode()).text
    assert SECRET not in put({"openings": []}, f"?limit={SECRET}").text


def test_the_words_of_our_own_checks_are_kept() -> None:
    (error,) = put({"openings": [{"salt": "odd"}]}).json()["errors"]
    assert error["detail"] == "Value error, a salt has an even length"


def test_a_request_wrong_in_a_thousand_places_gets_a_short_answer() -> None:
    answer = put({"openings": [{"x" * 5_000: 1}] * 1_000})
    assert len(answer.json()["errors"]) == problems.MAX_ERRORS
    assert len(answer.content) < 40_000


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[1,"])
def test_a_body_that_is_no_json_is_a_problem_of_the_caller(raw: bytes) -> None:
    answer = put(raw)
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_that_is_cut_off_is_malformed() -> None:
    answer = put(b'{"openings": [')
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/malformed-request")


def test_unknown_paths_and_methods_are_problems_too() -> None:
    client = TestClient(application())
    missing = client.get("/nowhere")
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/not-found")
    wrong = client.post("/fail")
    assert (wrong.status_code, wrong.json()["type"]) == (405, "/problems/method-not-allowed")
    assert wrong.headers["allow"] == "GET"
    assert missing.headers["content-type"] == wrong.headers["content-type"] == "application/problem+json"


def test_an_http_exception_keeps_its_status_headers_and_words() -> None:
    answer = failing(HTTPException(413, "at most 500 items a request", {"X-Limit": "500"}))
    assert answer.status_code == 413
    assert answer.headers["x-limit"] == "500"
    assert answer.json()["detail"] == "at most 500 items a request"


def test_an_answer_that_is_no_error_has_no_body() -> None:
    answer = failing(HTTPException(304))
    assert (answer.status_code, answer.content) == (304, b"")


def test_text_that_utf_8_cannot_hold_is_answered_all_the_same() -> None:
    answer = failing(BadInput("bad \ud800 text " + "x" * 5_000))
    assert answer.status_code == 400
    assert len(answer.json()["detail"]) == problems.MAX_DETAIL


def test_the_openapi_document_gives_every_route_its_problems_with_examples() -> None:
    client = TestClient(application())
    document = client.get("/openapi.json").json()
    assert client.get("/openapi.json").json() == document
    assert "HTTPValidationError" not in json.dumps(document)
    assert {"Problem", "FieldError"} <= set(document["components"]["schemas"])
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if status.startswith("2"):
                    continue
                (media_type,) = response["content"]
                assert media_type == "application/problem+json"
                content = response["content"][media_type]
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
                assert response["description"]
                assert content["examples"]
                for slug, example in content["examples"].items():
                    problem = problems.Problem.model_validate(example["value"])
                    assert problem.type == f"/problems/{slug}"
                    assert status in (str(problem.status), "default")


def test_errors_of_one_status_are_documented_side_by_side() -> None:
    document = application().openapi()
    fail = document["paths"]["/fail"]["get"]["responses"]
    assert set(fail) == {"200", "404", "409", "422", "default"}
    assert set(fail["422"]["content"][problems.MEDIA_TYPE]["examples"]) == {
        "bad-signature",
        "verification-failed",
    }
    body = document["paths"]["/openings"]["put"]["responses"]["422"]
    assert set(body["content"][problems.MEDIA_TYPE]["examples"]) == {"bad-signature", "invalid-request"}
