"""The local chain comes back exactly as it was, however its process ended."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.hardhat_local.conftest import SCRIPT, Chain, RpcFailure, StartChain, node_binary

ALICE = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
BOB = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
STRANGER = "0x" + "5a" * 20
# PUSH1 42, PUSH0, MSTORE, PUSH1 32, PUSH0, LOG0, STOP behind a constructor that returns these 9 bytes.
LOGGER = "0x68602a5f5260205fa0005f5260096017f3"
REVERTER = "0x635f5ffd005f526004601cf3"  # code that always reverts: PUSH0 PUSH0 REVERT STOP


def send(chain: Chain, **fields: str) -> dict[str, object]:
    """Send a transaction from ALICE and return its receipt."""
    call = {"from": ALICE, "gas": "0x186a0", **fields}
    return receipt(chain, str(chain.rpc("eth_sendTransaction", call)))


def receipt(chain: Chain, transaction: str) -> dict[str, object]:
    found = chain.rpc("eth_getTransactionReceipt", transaction)
    assert isinstance(found, dict)
    return found


def block(chain: Chain, tag: str = "latest") -> dict[str, object]:
    found = chain.rpc("eth_getBlockByNumber", tag, True)
    assert isinstance(found, dict)
    return found


def everything(chain: Chain) -> list[object]:
    """All that can be read of a chain: blocks with their transactions, receipts, logs and balances."""
    height = int(str(chain.rpc("eth_blockNumber")), 16)
    blocks = [block(chain, hex(number)) for number in range(height + 1)]
    hashes = [transaction["hash"] for found in blocks for transaction in found["transactions"]]  # type: ignore[attr-defined]
    logs = chain.rpc("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest"})
    balances = [chain.rpc("eth_getBalance", account, "latest") for account in (ALICE, BOB, STRANGER)]
    return [blocks, [receipt(chain, str(value)) for value in hashes], logs, balances]


def live(chain: Chain) -> None:
    """A life with all that changes a chain, and requests that must not."""
    send(chain, to=BOB, value="0x1")
    logger = str(send(chain, data=LOGGER)["contractAddress"])
    chain.rpc("hardhat_setBalance", STRANGER, "0x1234")
    chain.rpc("evm_increaseTime", 86_400)
    send(chain, to=logger)
    chain.rpc("eth_call", {"to": logger}, "pending")
    chain.rpc("eth_estimateGas", {"from": ALICE, "to": BOB, "value": "0x1"})
    with pytest.raises(RpcFailure):
        chain.rpc("eth_sendTransaction", {"from": ALICE, "to": BOB, "nonce": "0x0"})
    chain.rpc("evm_mine")
    chain.rpc("hardhat_mine", "0x3", "0xa")
    snapshot = chain.rpc("evm_snapshot")
    send(chain, to=BOB, value="0x2")
    chain.rpc("evm_revert", snapshot)
    send(chain, to=logger, value="0x3")


def test_the_chain_says_where_it_is_and_answers(start_chain: StartChain, tmp_path: Path) -> None:
    chain = start_chain(tmp_path / "state")
    assert chain.ready["chainId"] == 31337
    assert chain.rpc("eth_chainId") == hex(31337)
    send(chain, to=BOB, value="0x1")
    history = chain.rpc("eth_feeHistory", "0x1", "latest", [50])
    assert isinstance(history, dict)
    assert len(history["baseFeePerGas"]) == 2
    assert block(chain, "finalized")["hash"] == block(chain)["hash"] == block(chain, "safe")["hash"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_everything_is_there_again_after_the_process_ended(
    start_chain: StartChain, tmp_path: Path, how: signal.Signals
) -> None:
    state = tmp_path / "state"
    before_end, last = [], None
    for _ in range(2):
        chain = start_chain(state)
        if before_end:
            assert everything(chain) == before_end
        live(chain)
        before_end = everything(chain)
        assert before_end[2], "the life has logs, or their return would prove nothing"
        chain.process.send_signal(how)
        chain.end()
        assert chain.process.returncode == (-signal.SIGKILL if how == signal.SIGKILL else 0)
        last = chain
    assert last is not None
    assert everything(start_chain(state)) == before_end


def send_for_ever(chain: Chain, acknowledged: list[str]) -> None:
    """Send one transaction after the other, noting those that were answered."""
    while True:
        call = {"from": ALICE, "to": BOB, "value": "0x1", "gas": "0x5208"}
        acknowledged.append(str(chain.rpc("eth_sendTransaction", call)))


def test_what_was_acknowledged_before_a_kill_is_there_after_it(
    start_chain: StartChain, tmp_path: Path
) -> None:
    chain = start_chain(tmp_path)
    acknowledged: list[str] = []
    killer = threading.Timer(0.7, chain.process.kill)
    killer.start()
    with pytest.raises((OSError, HTTPException)):
        send_for_ever(chain, acknowledged)
    chain.end()
    again = start_chain(tmp_path)
    assert acknowledged
    assert {receipt(again, value)["status"] for value in acknowledged} == {"0x1"}
    # At most the one request that was under way may be there without an answer.
    height = int(str(again.rpc("eth_blockNumber")), 16)
    assert height - len(acknowledged) in (0, 1)


def test_half_a_last_line_was_never_acknowledged_and_is_cut_off(
    start_chain: StartChain, tmp_path: Path
) -> None:
    chain = start_chain(tmp_path)
    send(chain, to=BOB, value="0x1")
    before = everything(chain)
    chain.process.kill()
    chain.end()
    with (tmp_path / "journal.jsonl").open("a") as journal:
        journal.write('{"method":"eth_sendTransaction","par')
    again = start_chain(tmp_path)
    assert everything(again) == before
    send(again, to=BOB, value="0x1")
    lines = (tmp_path / "journal.jsonl").read_text().splitlines()
    assert [json.loads(line).get("method") for line in lines] == [None] + 2 * ["eth_sendTransaction"]


def refused(state: Path) -> str:
    """Start a chain that must not start; what it says."""
    done = subprocess.run(
        [node_binary(), str(SCRIPT), "--port", "0", "--state", str(state)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr


def test_a_journal_that_leads_to_other_blocks_is_refused(start_chain: StartChain, tmp_path: Path) -> None:
    chain = start_chain(tmp_path)
    send(chain, to=BOB, value="0x1")
    chain.process.kill()
    chain.end()
    path = tmp_path / "journal.jsonl"
    original = path.read_text()
    path.write_text(original.replace('"value":"0x1"', '"value":"0x2"'))
    assert "entry 1 of the journal" in refused(tmp_path)
    path.write_text(original.replace('"value":"0x1"', '"value":"0x1'))
    assert "line 2 of journal.jsonl is damaged" in refused(tmp_path)
    path.write_text(original.replace("31337", "1", 1))
    assert "is not a journal of chain 31337" in refused(tmp_path)
    path.write_text(original)
    start_chain(tmp_path)


def test_two_processes_never_share_a_state_folder(start_chain: StartChain, tmp_path: Path) -> None:
    chain = start_chain(tmp_path)
    assert "another process already runs the chain" in refused(tmp_path)
    assert chain.rpc("eth_blockNumber") == "0x0"


def test_the_clock_moves_only_forwards_and_keeps_its_offset(start_chain: StartChain, tmp_path: Path) -> None:
    chain = start_chain(tmp_path)
    start = int(str(block(chain)["timestamp"]), 16)
    chain.rpc("evm_increaseTime", 1_000_000)
    chain.process.kill()
    chain.end()
    chain = start_chain(tmp_path)
    chain.rpc("evm_mine")
    moved = int(str(block(chain)["timestamp"]), 16)
    assert start + 1_000_000 <= moved <= start + 1_000_060
    with pytest.raises(RpcFailure, match="lies before the latest block"):
        chain.rpc("evm_setNextBlockTimestamp", start)
    chain.rpc("evm_setNextBlockTimestamp", moved + 500)
    chain.process.kill()
    chain.end()
    chain = start_chain(tmp_path)
    chain.rpc("evm_mine")
    assert int(str(block(chain)["timestamp"]), 16) == moved + 500
    chain.rpc("evm_mine", moved + 900)
    assert int(str(block(chain)["timestamp"]), 16) == moved + 900


def test_gas_estimates_and_pending_calls_see_the_moved_clock(start_chain: StartChain, tmp_path: Path) -> None:
    chain = start_chain(tmp_path)
    now = int(str(block(chain)["timestamp"]), 16)
    chain.rpc("evm_increaseTime", 5_000)
    pending = chain.rpc("eth_getBlockByNumber", "pending", False)
    assert isinstance(pending, dict)
    assert int(pending["timestamp"], 16) >= now + 5_000


def test_a_transaction_that_reverts_is_mined_and_says_so(start_chain: StartChain, tmp_path: Path) -> None:
    chain = start_chain(tmp_path)
    target = str(send(chain, data=REVERTER)["contractAddress"])
    assert send(chain, to=target)["status"] == "0x0"
    assert send(chain, to=BOB)["status"] == "0x1"
    with pytest.raises(RpcFailure):
        chain.rpc("eth_call", {"from": ALICE, "to": target}, "latest")


@pytest.mark.parametrize("method", ["evm_setIntervalMining", "hardhat_reset", "eth_subscribe", "evm_nothing"])
def test_what_cannot_be_replayed_is_refused(start_chain: StartChain, tmp_path: Path, method: str) -> None:
    chain = start_chain(tmp_path)
    with pytest.raises(RpcFailure, match=f"does not support {method}"):
        chain.rpc(method, 1)


def test_a_batch_is_answered_in_order_and_nonsense_is_refused(
    start_chain: StartChain, tmp_path: Path
) -> None:
    chain = start_chain(tmp_path)
    calls = [{"jsonrpc": "2.0", "id": i, "method": "evm_mine", "params": []} for i in range(3)]
    calls.append({"jsonrpc": "2.0", "id": 3, "method": "eth_blockNumber", "params": []})
    answers = chain.post(calls)
    assert isinstance(answers, list)
    assert [one["id"] for one in answers] == [0, 1, 2, 3]
    assert answers[3]["result"] == "0x3"
    wrong = chain.post({"id": 9, "method": 4})
    assert isinstance(wrong, dict)
    assert wrong["error"]["code"] == -32600


def test_the_chain_ends_when_the_program_that_started_it_is_gone(
    start_chain: StartChain, tmp_path: Path
) -> None:
    chain = start_chain(tmp_path, "--until-stdin-closes")
    send(chain, to=BOB, value="0x1")
    assert chain.process.stdin is not None
    chain.process.stdin.close()
    assert chain.process.wait(timeout=30) == 0
    chain.process.stdin = None
