"""The real service mirrored over its API, and its receipts checked: database, signatures, routes are real."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ledger_service.audit.auditor import Pins, audit
from ledger_service.audit.http import HttpSource
from ledger_service.audit.source import DirSource
from ledger_service.entries import Domain, Label
from ledger_service.errors import Unauthenticated
from ledger_service.log.checkpoint import VerifierKey
from ledger_service.log.follow import Follower
from ledger_service.mirror.mirroring import Mirrored, mirror
from ledger_service.mirror.proving import make_bundle
from ledger_service.receipts.checking import Checker, State, Terms
from ledger_service.receipts.exchange import exchange
from ledger_service.receipts.identity import Pins as ReceiptPins
from ledger_service.receipts.identity import identify
from ledger_service.receipts.reading import SavedReceipt, read_receipts
from ledger_service.signing import Wallet
from ledger_service.verify.verifier import verify_bundle
from scripts.cli import main
from tests.api.test_routes import DOMAIN, Caller
from tests.api.test_routes import client as client
from tests.api.test_routes import judged as judged
from tests.api.test_routes import world as world
from tests.flow.world import CHAIN, ESCROW, LOG, Ask, World, wallet


def source(client: TestClient, who: Wallet | None = None) -> HttpSource:
    return HttpSource(f"https://{DOMAIN}", who, client)


def key_of(world: World) -> VerifierKey:
    return world.store.log_key.verifier


def copy(world: World, client: TestClient, folder: Path, who: Wallet | None = None) -> Mirrored:
    return mirror(source(client, who), folder, key=key_of(world))


def test_the_operators_mirror_of_a_real_service_is_audited_without_it(
    world: World, client: TestClient, judged: Ask, tmp_path: Path
) -> None:
    done = copy(world, client, tmp_path, world.operator)
    assert done.head.size == world.size()
    assert done.state.campaigns == 1
    assert done.state.openings
    assert done.state.bundles == 12 + 2  # 12 labels, and a payout for each of two workers
    assert done.state.state
    assert json.loads((tmp_path / "service.ndjson").read_bytes().splitlines()[0])["kind"] == "service"
    report = audit(DirSource(tmp_path), pins=Pins(str(key_of(world)), LOG, ESCROW))
    assert [step.status.value for step in report.steps] == ["passed"] * 9 + ["not checked"]


def test_a_bundle_made_from_the_mirror_says_what_the_services_own_says(
    world: World, client: TestClient, judged: Ask, tmp_path: Path
) -> None:
    copy(world, client, tmp_path, world.operator)
    saved = DirSource(tmp_path)
    for kind in ("label", "payment"):
        for line in saved.bundles(judged.campaign, kind) or ():
            theirs = verify_bundle(line).facts
            ours = verify_bundle(make_bundle(saved, key_of(world), theirs["index"])).facts
            unopened = {name: ours[name] for name in ("item_content", "payroll_root") if name in ours}
            assert ours == theirs | unopened


def test_a_mirror_grows_with_the_service(
    world: World, client: TestClient, judged: Ask, tmp_path: Path
) -> None:
    copy(world, client, tmp_path)
    ask = world.ask(name="another animal", labels_per_item=1)
    world.open(ask)
    world.match(ask)
    done = copy(world, client, tmp_path)
    assert done.before is not None
    assert done.before.size < done.head.size == world.size()
    assert done.state.campaigns == 2
    follower = Follower(DirSource(tmp_path), key_of(world))
    head, _ = follower.head()
    assert len(list(follower.entries(head, 0, head.size))) == world.size()


@pytest.fixture
def receipts(world: World, client: TestClient, judged: Ask, tmp_path: Path) -> Path:
    """Ada's receipts, each as the API gives it, a line each."""
    ada, path = Caller(client, wallet("ada")), tmp_path / "receipts.ndjson"
    with world.store.begin() as uow:
        leaves = [row.leaf for row in uow.labels.page(judged.campaign, -1, 100)]
    answers = [ada.call("GET", f"/v1/labels/0x{leaf.hex()}/receipt") for leaf in leaves]
    path.write_bytes(b"".join(answer.content + b"\n" for answer in answers if answer.status_code == 200))
    return path


def checker(world: World, log: Any, read: list[SavedReceipt]) -> Checker:
    known = identify(log, ReceiptPins(), read)
    terms = Terms(known.domain, known.operators, world.clock.now(), True)
    return Checker(Follower(log, known.key), known.key, terms)


def test_every_receipt_of_the_real_service_is_kept(
    world: World, client: TestClient, receipts: Path, tmp_path: Path
) -> None:
    read = read_receipts(receipts)
    assert len(read) == 6
    live = checker(world, source(client), read)
    assert {live.check(receipt).state for receipt in read} == {State.KEPT}
    copy(world, client, tmp_path / "copy")
    assert main(["receipt", "check", str(receipts), "--log", str(tmp_path / "copy"), "--json"]) == 0
    pinned = ["--log-key", str(key_of(world)), "--log-address", LOG, "--chain-id", str(CHAIN)]
    pinned += ["--operator", world.operator.address]
    assert main(["receipt", "check", str(receipts), "--log", str(tmp_path / "copy"), *pinned]) == 0


def test_a_receipt_is_exchanged_by_its_worker_alone(world: World, client: TestClient, receipts: Path) -> None:
    (receipt, *_) = read_receipts(receipts)
    assert isinstance(receipt.label, Label)
    given = exchange(receipt, source(client, wallet("ada")), key_of(world), Domain(CHAIN, LOG))
    assert verify_bundle(given).facts["worker"] == wallet("ada").address
    with pytest.raises(Unauthenticated):
        exchange(receipt, source(client), key_of(world), Domain(CHAIN, LOG))
