"""The local chain, with real nodes: restarts, crashes of either side, strangers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from ledger_service.local import chain as local_chain
from ledger_service.local.chain import LocalChain, Node, identify
from ledger_service.local.processes import lives
from ledger_service.local.state import prepare, read_record

SOMEBODY = "0x" + "ab" * 20


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return prepare(tmp_path / "state")


@pytest.fixture
def new(root: Path) -> Iterator[Callable[[], LocalChain]]:
    """Another view of the chain on `root`, as another start of the service has it; all end with the test."""
    made: list[LocalChain] = []

    def make() -> LocalChain:
        made.append(LocalChain(root))
        return made[-1]

    yield make
    for chain in (*made, LocalChain(root)):
        chain.stop()


def ask(node: Node, method: str, *parameters: object) -> Any:
    return local_chain._ask(node.port, method, *parameters)


def give(node: Node, amount: int) -> None:
    ask(node, "hardhat_setBalance", SOMEBODY, hex(amount))


def balance(node: Node) -> int:
    return int(ask(node, "eth_getBalance", SOMEBODY, "latest"), 16)


def start_in_a_parent_that_is_killed(root: Path) -> Node:
    program = (
        "import json, sys, time, pathlib, dataclasses; from ledger_service.local.chain import LocalChain\n"
        "node = LocalChain(pathlib.Path(sys.argv[1])).start()\n"
        "print(json.dumps(dataclasses.asdict(node)), flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(root)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        node = Node(**json.loads(parent.stdout.readline()))
        os.kill(parent.pid, signal.SIGKILL)
    return node


def test_a_chain_goes_on_where_it_stopped_and_at_the_same_port(new: Callable[[], LocalChain]) -> None:
    first = new()
    node = first.start()
    give(node, 7)
    ask(node, "hardhat_mine", "0x3")
    height = ask(node, "eth_blockNumber")
    first.stop()
    assert identify(node.port) is None
    again = new().start()
    assert (again.port, again.chain_id, again.genesis) == (node.port, node.chain_id, node.genesis)
    assert (balance(again), ask(again, "eth_blockNumber")) == (7, height)


def test_an_orphaned_node_is_adopted_and_ended_at_the_clean_end(
    root: Path, new: Callable[[], LocalChain]
) -> None:
    orphan = start_in_a_parent_that_is_killed(root)
    give(orphan, 5)
    chain = new()
    assert chain.start() == orphan
    assert balance(orphan) == 5
    process = psutil.Process(orphan.pid)
    chain.stop()
    assert not lives(process)


def test_an_orphan_without_a_record_is_ended_and_started_again(
    root: Path, new: Callable[[], LocalChain]
) -> None:
    orphan = start_in_a_parent_that_is_killed(root)
    give(orphan, 5)
    process = psutil.Process(orphan.pid)
    (root / "run" / "chain.json").unlink()
    node = new().start()
    assert not lives(process)
    assert (node.genesis, balance(node)) == (orphan.genesis, 5)


def test_a_killed_node_comes_back_with_what_it_had_answered(new: Callable[[], LocalChain]) -> None:
    chain = new()
    node = chain.start()
    give(node, 9)
    os.kill(node.pid, signal.SIGKILL)
    again = chain.start()
    assert again.pid != node.pid
    assert (again.genesis, balance(again)) == (node.genesis, 9)


def test_a_record_that_names_another_chain_is_not_believed(root: Path, new: Callable[[], LocalChain]) -> None:
    node = new().start()
    record = root / "run" / "chain.json"
    record.write_text(json.dumps({**(read_record(record) or {}), "genesis": "0x" + "00" * 32}))
    again = new().start()
    assert again.pid != node.pid
    assert again.genesis == node.genesis


@pytest.mark.parametrize(
    "damage", ["", "[]", '{"pid": 1}', '{"pid": 1, "port": "x", "chain_id": 1, "genesis": ""}']
)
def test_a_damaged_record_does_not_keep_the_chain_from_starting(
    root: Path, new: Callable[[], LocalChain], damage: str
) -> None:
    (root / "run" / "chain.json").write_text(damage)
    assert new().start().chain_id > 0


def test_a_port_that_somebody_took_meanwhile_is_given_up(new: Callable[[], LocalChain]) -> None:
    chain = new()
    node = chain.start()
    chain.stop()
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", node.port))
        squatter.listen()
        again = chain.start()
    assert again.port != node.port
    assert again.genesis == node.genesis


def test_ctrl_c_in_the_terminal_does_not_reach_the_node(new: Callable[[], LocalChain]) -> None:
    node = new().start()
    assert os.getpgid(node.pid) == node.pid
    assert os.getsid(node.pid) != os.getsid(0)
