"""`scripts/bench gas`: our part on a real chain, small; and what it says about the peers' packages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger_service.chain.abi import Artifact
from ledger_service.chain.contracts import LocalToken, ProvenanceLog
from ledger_service.errors import Conflict
from scripts import benches
from scripts.benches import peers
from scripts.benches.evm import BASE_GAS, Evm, local_evm
from scripts.benches.gas import eas, human
from scripts.benches.gas.campaign import CampaignGas, PayrollGas
from scripts.benches.gas.log import Anchor, LogGas, Proof
from scripts.benches.gas.rows import rows
from scripts.benches.gas.whole import Found
from scripts.programs import ROOT


@pytest.fixture(scope="module")
def evm() -> Iterator[Evm]:
    if not (ROOT / "hardhat_local" / "node_modules" / "hardhat").is_dir():
        pytest.skip("the local chain is not installed: run scripts/setup")
    with local_evm() as started:
        yield started


def test_a_small_run_measures_every_operation_of_ours(
    artifacts: dict[str, Artifact], capsys: pytest.CaptureFixture[str]
) -> None:
    assert benches.main(["gas", "--entries", "1234", "--workers", "12", "--no-peers"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["met"] is None  # bars are for the usual sizes
    assert found["conditions"]["workers"] == [12]
    by_name: dict[str, list[dict[str, Any]]] = {}
    for row in found["rows"]:
        assert row["bar"] is None
        assert row["peer"] is None
        by_name.setdefault(row["what"], []).append(row)
    (reached,) = by_name["anchor that reaches the size"]
    assert reached["sizes"]["entries"] == 1234
    assert reached["sizes"]["heads before"] == 99
    assert 40_000 < reached["ours"] < 80_000
    (proved,) = by_name["label proved on chain, latest head"]
    (old,) = by_name["label proved on chain, old head"]
    assert proved["sizes"]["hashes"] == 11
    assert 10_000 < proved["ours"] < old["ours"]
    first, later = by_name["claim, first"][0], by_name["claim, second"][0]
    assert 50_000 < later["ours"] < first["ours"] < 150_000  # the first one fills a slot of the token's
    assert len(by_name["payroll posted and settled, all returning"]) == 2
    assert found["versions"]["solc"] == "0.8.30"


def test_the_gas_is_what_the_sender_has_paid_for(evm: Evm, artifacts: dict[str, Artifact]) -> None:
    sender = evm.accounts[10]
    token = LocalToken(artifacts, evm.create(evm.accounts[0], artifacts["LocalToken"]))
    before = evm.client.balance(sender)
    receipt = evm.send(sender, token.address, token.mint(sender, 5), token.artifact)
    assert (before - evm.client.balance(sender)) == receipt.gas_used * receipt.gas_price
    assert 0 < evm.executed(receipt) < receipt.gas_used - BASE_GAS
    assert evm.read(token.artifact, token.address, "balanceOf", sender) == 5


def test_a_refused_transaction_ends_the_bench_with_its_reason(
    evm: Evm, artifacts: dict[str, Artifact]
) -> None:
    operator, stranger = evm.accounts[:2]
    log = ProvenanceLog(artifacts, evm.create(operator, artifacts["ProvenanceLog"], operator))
    with pytest.raises(Conflict, match=f"NotOperator\\(caller={stranger}"):
        evm.send(stranger, log.address, log.anchor(1, bytes(31) + b"\1", []), log.artifact)


def test_waiting_moves_the_chains_clock(evm: Evm) -> None:
    before = evm.time()
    evm.wait(1000)
    assert 1000 <= evm.time() - before < 1100


def found_with(anchor: int, attested: int) -> Found:
    """Figures that meet every bar but, maybe, the anchor's and the peer's."""
    proof = Proof(20, 0, 39_000, 20_000)
    anchors = [Anchor(1_000_000, 99, 16, anchor), Anchor(1_010_000, 100, 14, anchor)]
    payroll = [PayrollGas(1_000, 1_400_000, 50_000)] * 3
    return Found(
        1_000_000,
        1_000,
        LogGas(anchors, anchors, proof, proof, proof),
        CampaignGas(
            46_000, [100_000, 90_000], {1_000: payroll}, [100_000, 71_000, 71_000], 100, [64_000.0, 3e4, 3e4]
        ),
        human.HumanGas(
            46_000, 2_700_000, 147_000, dict.fromkeys(human.BULK, 3_000_000), dict.fromkeys(human.BULK, 1)
        ),
        eas.EasGas(250_000, {50: attested * 50}, 46_000, {100: 2_500_000}),
    )


@pytest.mark.parametrize(
    ("anchor", "attested", "missed"),
    [
        (65_000, 200_000, 0),
        (65_001, 200_000, 4),  # this anchor, the mean, and both per label
        (60_000, 59_999, 1),
        (60_000, 60_000, 0),
    ],
)
def test_the_bars_are_the_promised_ones(anchor: int, attested: int, missed: int) -> None:
    made = rows(found_with(anchor, attested), usual=True)
    assert sum(row.met is False for row in made) == missed
    assert sum(row.met is not None for row in made) == 14


def test_other_sizes_have_no_bars() -> None:
    assert all(row.bar is None for row in rows(found_with(10**6, 1), usual=False))


def test_payrolls_stand_beside_payouts_of_the_same_workers() -> None:
    made = rows(found_with(60_000, 200_000), usual=True)
    (row,) = (one for one in made if one.what == "payroll posted and settled, first")
    assert row.peer is not None
    assert row.peer.what == "bulkPayOut of 100, 10 times"
    assert row.ratio == 30_000_000 / 1_450_000


def test_the_peers_are_pinned_exactly_and_locked() -> None:
    wanted = json.loads((peers.FOLDER / "package.json").read_text())["dependencies"]
    locked = json.loads((peers.FOLDER / "package-lock.json").read_text())["packages"]
    assert {peers.HUMAN, peers.EAS} < set(wanted)
    for name in (peers.HUMAN, peers.EAS):
        package = locked[f"node_modules/{name}"]
        assert package["version"] == wanted[name]
        assert package["integrity"].startswith("sha512-")
        assert package["resolved"].startswith("https://registry.npmjs.org/")
    assert len(locked) == 5  # ourselves, those two, and nothing in the place of the Hardhat that one asks for


def test_the_compiler_of_a_peer_is_read_from_its_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "node_modules" / "some" / "peer"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"version": "6.0.0"}')
    monkeypatch.setattr(peers, "FOLDER", tmp_path)
    code = b"\x60\x80" + bytes.fromhex("a164736f6c6343000817") + b"\0\x0a"
    assert peers.version("some/peer", Artifact("C", (), code)) == "6.0.0 (solc 0.8.23)"
    assert peers.version("some/peer", Artifact("C", (), b"\x60\x80")) == "6.0.0 (solc unknown)"
