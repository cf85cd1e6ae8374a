"""Starting a service for real: embedded database, local chain, contracts; and a chain that is not ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_service.config import Options
from ledger_service.errors import BadInput, Conflict, Corrupt
from ledger_service.local import chain as local_chain
from ledger_service.local.chain import LocalChain, Node
from ledger_service.local.processes import find
from ledger_service.local.state import prepare
from scripts.cli import startup

SOMEBODY = "0x" + "ab" * 20


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[Node]:
    """A chain that somebody else runs."""
    chain = LocalChain(prepare(tmp_path / "foreign"))
    yield chain.start()
    chain.stop()


def deploy(state: Path, node: Node) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "scripts.cli",
        "deploy",
        "--rpc",
        node.url,
        "--state",
        str(state),
        "--json",
    ]
    return subprocess.run([*command, "--confirmations", "0"], capture_output=True, text=True, check=False)


def test_a_second_start_finds_the_same_contracts_and_keys(tmp_path: Path) -> None:
    options = Options(tmp_path / "state", port=0)
    with startup.running(options) as first:
        assert first.local
        assert first.deployment.token is not None
        assert first.arbiter != first.deployment.operator == first.keys.wallet().address
        assert first.port > 0
    with startup.running(options) as second:
        assert (second.deployment, second.origin, second.arbiter) == (
            first.deployment,
            first.origin,
            first.arbiter,
        )
        assert second.keys == first.keys
    assert find(str(tmp_path / "state" / "chain")) == []


def test_a_chain_that_was_replaced_is_noticed(tmp_path: Path) -> None:
    options = Options(tmp_path / "state", port=0)
    with startup.running(options):
        pass
    shutil.rmtree(tmp_path / "state" / "chain")
    with pytest.raises(Corrupt, match="this chain has none there"), startup.running(options):
        pass
    assert find(str(tmp_path / "state" / "chain")) == []


def test_a_foreign_chain_needs_an_arbiter_and_contracts_before_anything_is_spent(
    tmp_path: Path, foreign: Node
) -> None:
    options = Options(tmp_path / "state", rpc_url=foreign.url, port=0)
    with pytest.raises(BadInput, match="give --arbiter"), startup.running(options):
        pass
    named = Options(tmp_path / "state", rpc_url=foreign.url, port=0, arbiter=SOMEBODY)
    with pytest.raises(Conflict, match="run crowdledger deploy first"), startup.running(named):
        pass
    assert int(local_chain._ask(foreign.port, "eth_blockNumber"), 16) == 0


def test_deploy_says_who_needs_money_and_then_deploys_once(tmp_path: Path, foreign: Node) -> None:
    poor = deploy(tmp_path / "state", foreign)
    assert (poor.returncode, poor.stdout) == (2, "")
    operator = poor.stderr.split("the operator ")[1].split(" ")[0]
    assert f"has no money on chain {foreign.chain_id}: send it some, run again" in poor.stderr
    local_chain._ask(foreign.port, "hardhat_setBalance", operator, hex(10**18))
    done = deploy(tmp_path / "state", foreign)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["operator"], found["chain_id"], found["token"]) == (operator, foreign.chain_id, None)
    assert len(local_chain._ask(foreign.port, "eth_getCode", found["escrow"], "latest")) > 1000
    spent = local_chain._ask(foreign.port, "eth_getTransactionCount", operator, "latest")
    again = deploy(tmp_path / "state", foreign)
    assert json.loads(again.stdout) == found
    assert local_chain._ask(foreign.port, "eth_getTransactionCount", operator, "latest") == spent
    options = Options(tmp_path / "state", rpc_url=foreign.url, port=0, arbiter=SOMEBODY, confirmations=0)
    with startup.running(options) as settings:
        assert not settings.local
        assert settings.deployment.escrow == found["escrow"]
        assert find(str(tmp_path / "state" / "chain")) == []


def test_a_variable_with_a_typing_error_stops_the_service(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.cli", "serve", "--state", str(tmp_path / "state")],
        env={**os.environ, "CROWDLEDGER_RPCURL": "http://127.0.0.1:1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "nobody knows the variable CROWDLEDGER_RPCURL" in done.stderr
    assert not (tmp_path / "state").exists()
