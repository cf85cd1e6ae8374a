"""The page of documentation comes from this service alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api import docs

REMOTE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)
LOADED = ("src", "href", "action", "data", "poster", "srcset")


class Page(HTMLParser):
    """What a page refers to, its inline scripts and its handlers."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.inline: list[str] = []
        self._script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._script = tag == "script"
        self.references += [value or "" for name, value in attrs if name in LOADED]
        self.inline += [name for name, _ in attrs if name.startswith("on") or name == "style"]

    def handle_data(self, data: str) -> None:
        if self._script and data.strip():
            self.inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._script = False


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = FastAPI(title="a <b>", docs_url=None, redoc_url=None)
    docs.install(app)
    with TestClient(app) as made:
        yield made


def policy(header: str) -> dict[str, set[str]]:
    directives = [part.split() for part in header.split(";")]
    return {name: set(sources) for name, *sources in directives}


def test_the_page_refers_to_this_service_alone_and_all_of_it_is_there(client: TestClient) -> None:
    page = Page(client.get(docs.PATH).text)
    assert set(page.references) == {docs.STYLE, docs.SCRIPT, docs.START, "/openapi.json", "data:,"}
    assert page.inline == []
    for reference in set(page.references) - {"data:,"}:
        assert not REMOTE.match(reference)
        answer = client.get(reference)
        assert answer.status_code == 200, reference
        assert answer.content


def test_the_style_sheet_loads_nothing(client: TestClient) -> None:
    style = client.get(docs.STYLE).text
    assert "@import" not in style
    found = re.findall(r"url\(\s*[\"']?([^)]{0,20})", style)
    assert found
    assert all(one.startswith("data:") for one in found)


def test_the_start_asks_for_our_document_and_no_validator(client: TestClient) -> None:
    start = client.get(docs.START).text
    assert 'url: "/openapi.json"' in start
    assert "validatorUrl: null" in start
    assert "http" not in start


@pytest.mark.parametrize("path", [docs.PATH, docs.START, docs.STYLE, docs.SCRIPT])
def test_the_browser_is_told_to_load_nothing_else(client: TestClient, path: str) -> None:
    answer = client.get(path)
    allowed = policy(answer.headers["content-security-policy"])
    assert allowed["default-src"] == {"'none'"}
    assert allowed["script-src"] == {"'self'"}
    assert set().union(*allowed.values()) <= {"'none'", "'self'", "'unsafe-inline'", "data:"}
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_parts_are_of_the_kind_that_they_say(client: TestClient) -> None:
    kinds = {path: client.get(path).headers["content-type"] for path in (docs.STYLE, docs.SCRIPT, docs.START)}
    assert {path: kind.split(";")[0] for path, kind in kinds.items()} == {
        docs.STYLE: "text/css",
        docs.SCRIPT: "text/javascript",
        docs.START: "text/javascript",
    }


def test_the_page_is_no_operation_and_its_title_is_text(client: TestClient) -> None:
    assert client.get("/openapi.json").json()["paths"] == {}
    assert "<title>a &lt;b&gt; API</title>" in client.get(docs.PATH).text
