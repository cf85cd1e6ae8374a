"""The page that verifies bundles, in a real browser; and what is served for it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import uvicorn
from fastapi import FastAPI, Response
from fastapi.testclient import TestClient

from api import problems, verify_page, web_files
from api.app import create_app
from ledger_service.service import Service
from tests.verify.world import World
from tests.web.javascript import PACKAGES, needs_packages
from tests.web.mutations import WITNESSES

CHROMIUM = Path("/usr/bin/chromium")
LEAF = "0x" + "ab" * 32


@pytest.fixture(scope="module")
def world() -> World:
    return World(witnesses=WITNESSES[:2])


@pytest.fixture(scope="module")
def app(world: World) -> FastAPI:
    """The page alone, and one route of the service as it answers a label's worker."""
    needs_packages()
    made = FastAPI(docs_url=None, redoc_url=None)
    problems.install(made)
    verify_page.install(made)

    @made.get("/v1/labels/{leaf}/bundle")
    def bundle(leaf: str) -> Response:
        return Response(world.label_bundle(), media_type="application/json")

    return made


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as made:
        yield made


def test_every_file_that_the_page_names_is_there_and_may_be_kept_for_ever(client: TestClient) -> None:
    page = client.get(verify_page.PATH)
    named = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert len(named) > 35
    for path in named:
        found = client.get(path)
        assert found.status_code == 200, path
        assert "immutable" in found.headers["cache-control"]
        assert found.headers["x-content-type-options"] == "nosniff"
        assert found.headers["content-type"].startswith(("text/javascript", "text/css"))


def test_the_service_serves_the_page() -> None:
    needs_packages()
    with TestClient(create_app(cast(Service, None))) as whole:  # the page asks nothing of the service
        assert whole.get(verify_page.PATH).text == web_files.load().page


def test_the_page_may_load_nothing_of_others_and_run_nothing_inline_but_its_import_map(
    client: TestClient,
) -> None:
    page = client.get(verify_page.PATH)
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self' 'sha256-")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert re.findall(r"<script(?! type=\"importmap\")[^>]*>(?!</script>)", page.text) == []
    assert re.findall(r"\son\w+=|style=|https?:", page.text) == []
    site = web_files.load()
    assert site.map_hash in policy
    assert client.get(verify_page.PATH, headers={"if-none-match": page.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    "path",
    [
        "",
        "verifier/cli.mjs",
        "verify.html",
        "%2e%2e/verify.html",
        "%2e%2e/%2e%2e/app.py",
        "noble/package.json",
    ],
)
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    version = web_files.load().version
    assert client.get(f"{web_files.PREFIX}/{version}/{path}").status_code == 404
    assert client.get(f"{web_files.PREFIX}/{'0' * 32}/verifier/verifier.mjs").status_code == 404


def test_without_the_packages_the_services_log_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(web_files.FOLDERS, "noble", tmp_path)
    bare = FastAPI()
    problems.install(bare)
    verify_page.install(bare)
    with TestClient(bare) as other:
        answer = other.get(verify_page.PATH)
    assert answer.status_code == 503
    assert "run npm ci in hardhat_local" in caplog.text


def test_all_that_the_modules_import_is_found(client: TestClient) -> None:
    """The list of files comes from the imports; a name that is imported and not in it would end the page."""
    files = web_files.load().files
    text = "\n".join(raw.decode() for path, raw in files.items() if path.endswith("js"))
    for specifier in set(re.findall(r"^[^*\n]*from ['\"]@(noble/[^'\"]+)", text, re.MULTILINE)):
        assert specifier in files
    noble = {path: raw for path, raw in files.items() if path.startswith("noble/")}
    assert noble == {path: (PACKAGES.parent / f"@{path}").read_bytes() for path in noble}


@pytest.fixture(scope="module")
def address(app: FastAPI) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}: apt-get install chromium")
    api = pytest.importorskip("playwright.sync_api", reason="no playwright: see requirements-dev.txt")
    with api.sync_playwright() as running:
        made = running.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        try:
            yield made
        finally:
            made.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The page, loaded; at the end nothing was asked of others, nothing refused and nothing thrown."""
    context = browser.new_context()
    made = context.new_page()
    made.set_default_timeout(20_000)
    wrong: list[str] = []
    asked: list[str] = []
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    made.on("request", lambda request: asked.append(request.url))
    made.goto(address + verify_page.PATH)
    try:
        yield made
        assert wrong == []
        assert [url for url in asked if not url.startswith((address, "data:"))] == []
    finally:
        context.close()


def give(page: Any, *files: tuple[str, bytes]) -> str:
    """Choose files, wait for the verdicts; the summary."""
    chosen = [{"name": name, "mimeType": "application/json", "buffer": raw} for name, raw in files]
    page.set_input_files("#files", chosen)
    page.wait_for_selector("#summary:not(:empty)")
    return str(page.inner_text("#summary"))


def test_a_label_and_a_payment_are_proved_in_words_with_the_network_gone(page: Any, world: World) -> None:
    page.context.set_offline(True)
    raw = world.label_bundle() + b"\n" + world.payment_bundle() + b"\n"
    assert give(page, ("both.ndjson", raw)) == "2 hold, 0 refused, 0 unusable."
    label, payment = page.inner_text("article >> nth=0"), page.inner_text("article >> nth=1")
    assert "A label holds" in label
    assert f"The worker {world.worker.address} answered “1”" in label
    assert "It was accepted by the rule “accepted”." in label
    assert "cosigned by witness-a.example" in label
    assert "the log key was taken from the bundle" in label
    assert "A payment of 110000 holds" in payment
    assert "The statement lists 2 labels, which add up to it." in payment
    assert page.locator("article >> nth=0 >> li.done").count() == 13
    assert page.locator("article >> nth=1 >> li.done").count() == 11


def test_a_changed_bundle_is_refused_at_its_step_with_what_differs(page: Any, world: World) -> None:
    document = json.loads(world.label_bundle())
    document["openings"]["answer"]["content"]["label"] = "0"
    raw = json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
    assert give(page, ("changed.json", raw)) == "0 hold, 1 refused, 0 unusable."
    text = page.inner_text("article")
    assert "Refused at step 11" in text
    assert "commitment of the answer" in text
    assert page.locator("li.failed").count() == 1
    assert page.locator("li.done").count() == 10
    assert page.locator("li.skipped").count() == 2
    assert json.loads(world.label_bundle())["openings"]["answer"]["salt"] not in text


def test_what_is_no_bundle_is_said_to_be_none_and_is_not_taken_for_markup(page: Any) -> None:
    given = [("<img src=x onerror=alert(1)>.json", b"<b>hello</b>"), ("empty", b"")]
    assert give(page, *given) == "0 hold, 0 refused, 2 unusable."
    assert page.locator("article").count() == 2
    assert page.locator("article img, article b").count() == 0
    assert "this is no crowdledger bundle" in page.inner_text("article >> nth=0")


def test_a_pinned_key_and_a_policy_decide_and_change_the_verdict_at_once(page: Any, world: World) -> None:
    assert give(page, ("label.json", world.label_bundle())).startswith("1 hold")
    page.click("#trust > summary")
    page.fill("#log-key", str(World(log_address="0x" + "22" * 20).log_key.verifier))
    page.locator("#log-key").blur()
    page.wait_for_selector("article.refused")
    assert "Refused at step 2" in page.inner_text("article")
    page.fill("#log-key", str(world.log_key.verifier))
    page.locator("#log-key").blur()
    page.wait_for_selector("article.holds")
    names = "".join(f"witness {name} {key.verifier}\n" for name, key in zip("abc", WITNESSES, strict=True))
    for quorum, step in (("quorum b", ""), ("quorum c", "Refused at step 3")):
        page.fill("#policy", names + quorum)
        page.locator("#policy").blur()
        page.wait_for_selector("article.refused" if step else "article.holds >> text=in your policy")
        assert step in page.inner_text("article")
    page.fill("#policy", "quorum nobody")
    page.locator("#policy").blur()
    page.wait_for_selector("#trust-error:not(:empty)")
    assert "line 1 of the policy" in page.inner_text("#trust-error")
    assert page.locator("article").count() == 0


def test_a_file_of_hundreds_of_bundles_is_counted_to_the_last(page: Any, world: World) -> None:
    bad = world.payment_bundle().replace(b'"epoch":1', b'"epoch":2')
    lines = [world.label_bundle()] * 250 + [bad] + [world.payment_bundle()] * 20
    summary = give(page, ("many.ndjson", b"\n".join(lines)))
    assert summary == "270 hold, 1 refused, 0 unusable. 70 of them are counted and not shown."
    assert "many.ndjson, line 251" in page.inner_text("article.refused")


def test_a_file_can_be_dropped(page: Any, world: World) -> None:
    text = world.payment_bundle().decode()
    transfer = page.evaluate_handle(
        "text => { const d = new DataTransfer(); d.items.add(new File([text], 'dropped.json')); return d; }",
        text,
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
    page.wait_for_selector("article.holds")
    assert "dropped.json" in page.inner_text("article")


def test_the_address_can_name_a_label_of_this_service(page: Any, address: str, world: World) -> None:
    page.goto(f"{address}{verify_page.PATH}?label={LEAF}")
    assert page.inner_text("#fetch-leaf") == LEAF
    page.fill("#token", "a token")
    with page.expect_request(f"{address}/v1/labels/{LEAF}/bundle") as asked:
        page.click("text=Fetch and verify")
    assert asked.value.headers["authorization"] == "Bearer a token"
    page.wait_for_selector("article.holds")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_field_has_a_name_and_text_stands_out(page: Any, world: World, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    give(page, ("label.json", world.label_bundle()), ("bad.json", world.label_bundle()[:-9] + b"xxxxxxxxx"))
    page.click("#trust > summary")
    unnamed = page.evaluate(
        "[...document.querySelectorAll('input, textarea')].filter(e => !e.labels.length).map(e => e.id)"
    )
    assert unnamed == []
    assert page.evaluate(CONTRASTS) == []


# Text whose contrast with what is behind it is below 4.5 to 1 (WCAG 2.2, 1.4.3).
CONTRASTS = """() => {
  const numbers = (text) => text.match(/[0-9.]+/g).map(Number);
  const light = (text) => {
    const [r, g, b] = numbers(text).map((v) => (v <= 10.3 ? v / 3295 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const found = getComputedStyle(e).backgroundColor;
      if (numbers(found)[3] !== 0) return found;
    }
    return 'rgb(255, 255, 255)';
  };
  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  return [...document.querySelectorAll('body *')]
    .filter((e) => e.checkVisibility())
    .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()))
    .map((e) => [e.outerHTML.slice(0, 80), ratio(light(getComputedStyle(e).color), light(behind(e)))])
    .filter(([, found]) => found < 4.5);
}"""
