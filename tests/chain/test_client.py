"""A node that lies, stalls or floods is Unavailable or Corrupt, and never more than that."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_service.chain import rpc
from ledger_service.chain.client import Call, ChainClient
from ledger_service.chain.rpc import AnswerTooLarge, Reverted, Rpc, RpcRefused
from ledger_service.errors import Corrupt, Unavailable
from tests.test_bounded import answering, dripping

HASH = "0x" + "11" * 32
BLOCK = {
    "number": "0x5",
    "hash": HASH,
    "parentHash": "0x" + "22" * 32,
    "timestamp": "0x64",
    "baseFeePerGas": "0x7",
}
RECEIPT = {
    "transactionHash": HASH,
    "blockNumber": "0x5",
    "blockHash": HASH,
    "status": "0x1",
    "contractAddress": None,
    "gasUsed": "0x5208",
    "effectiveGasPrice": "0x7",
}
LOG = {
    "address": "0x" + "aa" * 20,
    "topics": [HASH],
    "data": "0x",
    "blockNumber": "0x5",
    "blockHash": HASH,
    "transactionHash": HASH,
    "logIndex": "0x0",
    "removed": False,
}


class Node(ThreadingHTTPServer):
    """Answers each method with what the test says: a result, an error, or raw bytes."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.results: dict[str, Any] = {"eth_chainId": "0x7a69", "eth_getBlockByNumber": BLOCK}
        self.errors: dict[str, Any] = {}
        self.raw: Callable[[], Iterator[bytes]] | None = None
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        node = self.server
        assert isinstance(node, Node)
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(node.status)
        self.end_headers()
        try:
            for chunk in node.raw() if node.raw else [self._answer(node, asked)]:
                self.wfile.write(chunk)
                self.wfile.flush()
        except OSError:
            self.close_connection = True  # the client has had enough

    def _answer(self, node: Node, asked: dict[str, Any]) -> bytes:
        method = asked["method"]
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": asked["id"]}
        if method in node.errors:
            return json.dumps(answer | {"error": node.errors[method]}).encode()
        return json.dumps(answer | {"result": node.results.get(method)}).encode()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def node() -> Iterator[Node]:
    with Node() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def client(node: Node) -> Iterator[ChainClient]:
    client = ChainClient.connect(node.url, timeout=5)
    yield client
    client.close()


def test_the_chain_id_is_pinned(node: Node) -> None:
    with pytest.raises(Corrupt, match="serves chain 31337, not 1"):
        ChainClient.connect(node.url, chain_id=1)
    client = ChainClient.connect(node.url, chain_id=31337)
    node.results["eth_chainId"] = "0x1"
    with pytest.raises(Corrupt, match="now serves chain 1"):
        client.check_chain()
    node.results |= {"eth_chainId": "0x7a69", "eth_getBlockByNumber": BLOCK | {"hash": "0x" + "99" * 32}}
    with pytest.raises(Corrupt, match="that began with 9999"):
        client.check_chain()
    client.close()


def test_what_is_well_formed_is_read(node: Node, client: ChainClient) -> None:
    node.results |= {
        "eth_getBlockByNumber": BLOCK,
        "eth_getTransactionReceipt": RECEIPT,
        "eth_getLogs": [LOG],
    }
    assert client.head().number == 5
    receipt = client.receipt(bytes.fromhex("11" * 32))
    assert receipt is not None
    assert receipt.succeeded
    assert [log.index for log in client.logs(["0x" + "aa" * 20], 0, 9)] == [0]


@pytest.mark.parametrize("field", list(BLOCK))
@pytest.mark.parametrize("value", [None, 5, "5", "0x", "0x00", "0x" + "f" * 70, ["0x1"], {}, "0xzz", "0x1\n"])
def test_a_malformed_header_is_corrupt(node: Node, client: ChainClient, field: str, value: object) -> None:
    node.results["eth_getBlockByNumber"] = BLOCK | {field: value}
    with pytest.raises(Corrupt):
        client.head()


@pytest.mark.parametrize(
    "change",
    [
        {"transactionHash": "0x" + "33" * 32},
        {"status": "0x2"},
        {"status": None},
        {"blockNumber": None},
        {"contractAddress": "0x1234"},
        {"gasUsed": -1},
    ],
)
def test_a_malformed_receipt_is_corrupt(node: Node, client: ChainClient, change: dict[str, object]) -> None:
    node.results["eth_getTransactionReceipt"] = RECEIPT | change
    with pytest.raises(Corrupt):
        client.receipt(bytes.fromhex("11" * 32))


@pytest.mark.parametrize(
    "logs",
    [
        {},
        [None],
        [LOG, LOG],
        [LOG | {"removed": True}],
        [LOG | {"address": "0x" + "bb" * 20}],
        [LOG | {"blockNumber": "0x64"}],
        [LOG | {"logIndex": "0x1"}, LOG],
        [LOG | {"topics": [HASH] * 5}],
        [LOG | {"topics": "0x"}],
        [LOG | {"data": "0x1"}],
    ],
)
def test_events_that_were_not_asked_for_are_corrupt(node: Node, client: ChainClient, logs: object) -> None:
    node.results["eth_getLogs"] = logs
    with pytest.raises(Corrupt):
        client.logs(["0x" + "aa" * 20], 0, 9)


def test_another_block_than_asked_is_corrupt(node: Node, client: ChainClient) -> None:
    node.results["eth_getBlockByNumber"] = BLOCK
    assert client.block(5) is not None
    with pytest.raises(Corrupt, match="asked for block 6, got block 5"):
        client.block(6)


def test_a_transaction_by_another_name_is_corrupt(node: Node, client: ChainClient) -> None:
    node.results |= {"eth_sendRawTransaction": HASH, "eth_getTransactionByHash": {"hash": HASH}}
    with pytest.raises(Corrupt, match="the node calls it"):
        client.send_raw(b"\x02")
    assert client.knows(bytes.fromhex("11" * 32))
    with pytest.raises(Corrupt):
        client.knows(bytes(32))


def test_a_refusal_keeps_its_code_and_is_cut_short(node: Node, client: ChainClient) -> None:
    node.errors["eth_sendRawTransaction"] = {"code": -32000, "message": "nonce too low " + "x" * 10_000}
    with pytest.raises(RpcRefused, match="nonce too low") as caught:
        client.send_raw(b"\x02")
    assert caught.value.code == -32000
    assert len(caught.value.message) == 500


@pytest.mark.parametrize(
    "error",
    [
        {"code": 3, "message": "execution reverted", "data": "0x1234"},
        {"code": -32603, "message": "VM Exception: reverted", "data": {"data": "0x1234", "message": "x"}},
        {"code": -32000, "message": "execution reverted", "data": "0x1234"},
        {"code": -32015, "message": "VM execution error.", "data": "Reverted 0x1234"},
    ],
)
def test_a_revert_is_told_from_a_refusal(node: Node, client: ChainClient, error: dict[str, Any]) -> None:
    node.errors["eth_call"] = error
    with pytest.raises(Reverted) as caught:
        client.call(Call("0x" + "aa" * 20, "0x" + "bb" * 20, b""))
    assert caught.value.data == b"\x12\x34"


@pytest.mark.parametrize("error", ["no", 7, [], {"code": "x"}, {"code": 1, "message": {"a": "b"}, "data": 7}])
def test_a_malformed_error_is_a_refusal(node: Node, client: ChainClient, error: object) -> None:
    node.errors["eth_gasPrice"] = error
    with pytest.raises(RpcRefused):
        client._rpc.ask("eth_gasPrice")


@pytest.mark.parametrize("body", [b"", b"no", b"\xff", b"[" * 100_000, b'{"result"'])
def test_what_is_not_json_is_unavailable(node: Node, client: ChainClient, body: bytes) -> None:
    node.raw = lambda: iter([body])
    with pytest.raises(Unavailable):
        client.head()


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"{}", b'{"id":1}'])
def test_what_is_no_response_is_corrupt(node: Node, client: ChainClient, body: bytes) -> None:
    node.raw = lambda: iter([body])
    with pytest.raises(Corrupt):
        client.head()


def test_an_answer_is_read_up_to_its_bound(node: Node) -> None:
    node.raw = lambda: (b"x" * 65_536 for _ in range(1_000))
    flooded = Rpc(node.url, 5, max_bytes=1 << 20)
    with pytest.raises(AnswerTooLarge):
        flooded.ask("eth_getLogs")
    flooded.close()


def test_an_answer_that_trickles_is_cut_off(node: Node) -> None:
    def trickle() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 65_536
            time.sleep(0.05)

    node.raw = trickle
    slow = Rpc(node.url, 0.3)
    before = time.monotonic()
    with pytest.raises(Unavailable, match=r"within 0\.3 s|timed out"):
        slow.ask("eth_blockNumber")
    assert time.monotonic() - before < 3
    slow.close()


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 200 OK\r\nX-A: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_whatever_a_node_drips_is_given_up_at_the_deadline(before: bytes) -> None:
    with answering(dripping(before)) as url:
        slow, started = Rpc(url, 0.5), time.monotonic()
        with pytest.raises(Unavailable, match=r"within 0\.5 s|timed out"):
            slow.ask("eth_blockNumber")
        assert time.monotonic() - started < 2.5
        slow.close()


def test_a_failing_server_is_unavailable(node: Node, client: ChainClient) -> None:
    node.status = 503
    with pytest.raises(Unavailable, match="503"):
        client.head()


def test_no_server_is_unavailable(node: Node) -> None:
    with Node() as other:
        url = other.url
    with pytest.raises(Unavailable, match="does not answer"):
        ChainClient.connect(url, timeout=2)


def test_a_node_without_a_final_block_is_unavailable(node: Node, client: ChainClient) -> None:
    node.results["eth_getBlockByNumber"] = None
    with pytest.raises(Unavailable, match="no finalized block"):
        client.finalized()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(JSON)
def test_any_json_is_checked_and_not_believed(value: object) -> None:
    for check in (rpc.quantity, rpc.data, rpc.address, rpc.fields):
        with suppress(Corrupt):  # any other error fails the test
            check(value, "value")


@given(st.integers(1, 2**256 - 1))
def test_quantities_are_read_back_if_they_fit(number: int) -> None:
    assert rpc.quantity(hex(number), "number") == number
    assert rpc.quantity(hex(number), "number", bits=number.bit_length()) == number
    with pytest.raises(Corrupt, match="does not fit"):
        rpc.quantity(hex(number), "number", bits=number.bit_length() - 1)


@pytest.mark.parametrize("module", ["web3", "eth_account", "ledger_service.chain.signer"])
def test_importing_a_library_leaves_the_recursion_limit_as_it_is(module: str) -> None:
    program = f"import sys, {module}, ledger_service.chain.client; print(sys.getrecursionlimit())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1000"
