"""The step that reads a chain, over real HTTP: what the chain says, and what a hostile endpoint may say."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ledger_service.errors import BadInput, Unavailable, VerificationError
from ledger_service.log.tree import Tree
from ledger_service.signing import Wallet, keccak256
from ledger_service.verify import anchored
from ledger_service.verify.anchors import NO_PAYROLL_NOTE, PENDING_NOTE
from ledger_service.verify.chain import JsonRpcChain
from ledger_service.verify.endpoint import MAX_ANSWER_BYTES
from ledger_service.verify.verdict import Memory
from ledger_service.verify.verifier import CHAIN_NOTE, KEY_NOTE, POLICY_NOTE, verify_bundle
from tests.test_bounded import answering, dripping
from tests.verify.rpc import Refusal, endpoint
from tests.verify.world import ESCROW, LOG_ADDRESS, World, seeded, show

OTHER = Wallet(seeded("somebody else"))


def word(value: int | bytes | str) -> bytes:
    if isinstance(value, str):
        value = bytes.fromhex(value[2:])
    return value.rjust(32, b"\x00") if isinstance(value, bytes) else value.to_bytes(32, "big")


def selector(signature: str) -> str:
    return "0x" + keccak256(signature.encode())[:4].hex()


NEWEST = 1_000_000
CREATED_IN = 100


class Chain:
    """Answers as the contracts would: ABI by ABI word. Heads by size; each came in block 1,000 + size."""

    def __init__(self, world: World) -> None:
        self.chain_id = "0x7a69"
        self.heads = {world.size: world.tree.root(world.size)}
        self.oldest = 0
        self.most_blocks = 1 << 60
        self.root = bytes.fromhex(world.payment_openings()["payroll"]["root"][2:])
        self.settled = (self.root, 300_000, 3)
        self.pending: tuple[bytes, int, int] | None = None
        self.evidence = world.size
        self.provenance = LOG_ADDRESS
        self.campaign = world.campaign

    def __call__(self, method: str, params: list[Any]) -> Any:
        if method == "eth_chainId":
            return self.chain_id
        if method == "eth_getBlockByNumber":
            assert params == ["finalized", False]
            return {"number": hex(NEWEST), "hash": show(bytes(32))}
        if method == "eth_getLogs":
            return self.logs(params[0])
        assert method == "eth_call"
        call, block = params
        assert block == "finalized"
        name, argument = call["data"][:10], bytes.fromhex(call["data"][10:])
        if (call["to"], name, argument) == (LOG_ADDRESS, selector("latest()"), b""):
            latest = max(self.heads, default=0)
            return show(
                word(latest) + self.heads.get(latest, bytes(32)) + word(1_770_001_000 if latest else 0)
            )
        assert call["to"] == ESCROW
        if name == selector("provenance()"):
            return show(word(self.provenance))
        assert (name, argument) == (selector("campaign(bytes32)"), self.campaign)
        return show(b"".join(map(word, self.struct())))

    def events(self) -> list[dict[str, Any]]:
        """All events of the log, oldest first."""
        created = self.event(CREATED_IN, [anchored.OPERATOR_CHANGED, bytes(32), word(OTHER.address)], b"")
        heads = [
            self.event(1_000 + size, [anchored.ANCHORED, word(size)], root + word(1_770_000_000 + size))
            for size, root in sorted(self.heads.items())
        ]
        return [created, *heads]

    def event(self, block: int, topics: list[bytes], raw: bytes) -> dict[str, Any]:
        place = {"blockNumber": hex(block), "removed": False}
        return place | {
            "address": LOG_ADDRESS,
            "topics": [show(topic) for topic in topics],
            "data": show(raw),
        }

    def logs(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        first, last = int(query["fromBlock"], 16), int(query["toBlock"], 16)
        if last - first >= self.most_blocks:
            raise Refusal({"code": -32005, "message": "too many blocks"})
        assert query["address"] == LOG_ADDRESS
        return [
            event
            for event in self.events()
            if max(first, self.oldest) <= int(event["blockNumber"], 16) <= last
            and all(topic in wanted for topic, wanted in zip(event["topics"], query["topics"], strict=False))
        ]

    def struct(self) -> list[int | bytes]:
        pending = self.pending or (b"", 0, 0)
        return [
            *self.settled, 2, int(self.pending is not None), 0, 0, 0, *pending, 1_770_001_100, self.evidence,
            0, 400_000, 0, 0, 0, 0, 0,
        ]  # fmt: skip


@pytest.fixture
def chain(world: World) -> Chain:
    return Chain(world)


def verdict_notes(raw: bytes, chain: Callable[..., Any]) -> tuple[str, ...]:
    with endpoint(chain) as (url, _):
        return verify_bundle(raw, chain=JsonRpcChain(url)).notes


def refused(raw: bytes, chain: Callable[..., Any], step: int, what: str) -> None:
    with endpoint(chain) as (url, _), pytest.raises(VerificationError) as caught:
        verify_bundle(raw, chain=JsonRpcChain(url))
    assert caught.value.step == step, str(caught.value)
    assert what in caught.value.what, str(caught.value)


def test_a_label_under_an_anchored_head_is_proved(world: World, chain: Chain) -> None:
    assert verdict_notes(world.label_bundle(), chain) == (KEY_NOTE, POLICY_NOTE)


def test_a_payment_that_is_settled_is_proved(world: World, chain: Chain) -> None:
    assert verdict_notes(world.payment_bundle(), chain) == (KEY_NOTE, POLICY_NOTE)


def test_a_payment_that_is_pending_is_proved_and_said_to_be_so(world: World, chain: Chain) -> None:
    chain.settled, chain.pending = (bytes(32), 0, 0), chain.settled
    assert verdict_notes(world.payment_bundle(), chain) == (KEY_NOTE, POLICY_NOTE, PENDING_NOTE)


def test_without_a_payroll_nothing_is_compared_with_the_escrow(world: World, chain: Chain) -> None:
    assert verdict_notes(world.payment_bundle({}), chain) == (KEY_NOTE, POLICY_NOTE, NO_PAYROLL_NOTE)


def test_without_a_chain_the_verdict_says_so(world: World) -> None:
    assert CHAIN_NOTE in verify_bundle(world.label_bundle()).notes


@pytest.mark.parametrize(("kind", "step"), [("label", 14), ("payment", 12)])
def test_another_chain_is_refused(world: World, chain: Chain, kind: str, step: int) -> None:
    chain.chain_id = "0x1"
    refused(getattr(world, f"{kind}_bundle")(), chain, step, "chain id")


@pytest.mark.parametrize("sizes", [(), (-1,), (1,), (-1, 1), (-1, 1, 2)])
def test_a_head_that_is_not_anchored_is_refused(world: World, chain: Chain, sizes: tuple[int, ...]) -> None:
    """None at all, only smaller ones, only larger ones, or both."""
    chain.heads = {world.size + more: seeded("root") for more in sizes}
    refused(world.label_bundle(), chain, 14, "anchored head")


@pytest.mark.parametrize("later", [(), (1,), (1, 2, 50)])
def test_another_root_at_this_size_is_refused(world: World, chain: Chain, later: tuple[int, ...]) -> None:
    chain.heads = {world.size + more: seeded("root") for more in later}
    chain.heads[world.size] = Tree([seeded("leaf")]).root()
    refused(world.label_bundle(), chain, 14, "root of the anchored head")


@pytest.mark.parametrize("most_blocks", [1 << 60, 300_000, 1_000])
def test_a_head_before_the_latest_is_found_by_its_event(world: World, chain: Chain, most_blocks: int) -> None:
    chain.heads |= {world.size + more: seeded("root") for more in (1, 2, 50)}
    chain.most_blocks = most_blocks
    assert verdict_notes(world.label_bundle(), chain) == (KEY_NOTE, POLICY_NOTE)
    with endpoint(chain) as (url, calls):
        head = JsonRpcChain(url).head(LOG_ADDRESS, world.size)
        assert head is not None
        assert (head.root, head.time) == (chain.heads[world.size], 1_770_000_000 + world.size)
    asked = [params[0] for method, params in calls if method == "eth_getLogs"]
    spans = [int(query["toBlock"], 16) - int(query["fromBlock"], 16) + 1 for query in asked]
    assert sum(span <= most_blocks for span in spans) <= NEWEST // (most_blocks // 2) + 1
    assert len(asked) < anchored.MAX_QUESTIONS


def test_a_search_is_not_begun_before_the_block_that_is_named(world: World, chain: Chain) -> None:
    chain.heads[world.size + 1] = seeded("root")
    with endpoint(chain) as (url, calls):
        assert JsonRpcChain(url, from_block=CREATED_IN).head(LOG_ADDRESS, world.size) is not None
    (query,) = [params[0] for method, params in calls if method == "eth_getLogs"]
    assert (query["fromBlock"], query["toBlock"]) == (hex(CREATED_IN), hex(NEWEST))


@pytest.mark.parametrize("from_block", [0, CREATED_IN, CREATED_IN + 1, 2_000, NEWEST + 1])
def test_that_there_is_no_head_is_said_only_by_who_has_all_events(
    world: World, chain: Chain, from_block: int
) -> None:
    chain.heads = {world.size + 1: seeded("root")}
    with endpoint(chain) as (url, _):
        reader = JsonRpcChain(url, from_block=from_block)
        if from_block <= CREATED_IN:
            assert reader.head(LOG_ADDRESS, world.size) is None
        else:
            with pytest.raises(Unavailable, match=r"from its creation on|is at block"):
                reader.head(LOG_ADDRESS, world.size)


def test_a_node_that_has_thrown_old_events_away_is_unavailable(world: World, chain: Chain) -> None:
    """It answers with an empty list, which looks like "never anchored"."""
    chain.heads[world.size + 1] = seeded("root")
    chain.oldest = NEWEST // 2
    with endpoint(chain) as (url, _), pytest.raises(Unavailable, match="from its creation on"):
        verify_bundle(world.label_bundle(), chain=JsonRpcChain(url))


def test_a_node_that_answers_for_single_blocks_only_is_given_up(
    world: World, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anchored, "MAX_QUESTIONS", 60)
    chain.heads[world.size + 1] = seeded("root")
    for most, words in ((1, "60 questions"), (0, "too many blocks")):
        chain.most_blocks = most
        with endpoint(chain) as (url, calls), pytest.raises(Unavailable, match=words):
            verify_bundle(world.label_bundle(), chain=JsonRpcChain(url))
        assert sum(method == "eth_getLogs" for method, _ in calls) <= 60


def with_log(world: World, change: Callable[[list[dict[str, Any]]], Any]) -> Callable[..., Any]:
    """A node whose answers to eth_getLogs are changed on the way."""
    chain = Chain(world)
    chain.heads[world.size + 1] = seeded("root")
    return lambda method, params: (
        change(chain(method, params)) if method == "eth_getLogs" else chain(method, params)
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda events: events + events[-1:],
        lambda events: events[:1] + events,
        lambda events: None,
        lambda events: {"logs": events},
        lambda events: ["0x"],
        lambda events: [events[-1] | {"removed": True}],
        lambda events: [events[-1] | {"address": OTHER.address}],
        lambda events: [events[-1] | {"address": LOG_ADDRESS + "00"}],
        lambda events: [events[-1] | {"address": None}],
        lambda events: [events[-1] | {"blockNumber": hex(NEWEST + 1)}],
        lambda events: [events[-1] | {"blockNumber": 5}],
        lambda events: [{name: value for name, value in events[-1].items() if name != "blockNumber"}],
        lambda events: [events[-1] | {"topics": events[-1]["topics"][:1]}],
        lambda events: [events[-1] | {"topics": events[-1]["topics"][::-1]}],
        lambda events: [events[-1] | {"topics": "0x" + "00" * 64}],
        lambda events: [events[-1] | {"topics": [events[-1]["topics"][0], show(word(7))]}],
        lambda events: [events[-1] | {"topics": [show(seeded("kind")), events[-1]["topics"][1]]}],
        lambda events: [events[-1] | {"data": events[-1]["data"] + "00"}],
        lambda events: [events[-1] | {"data": events[-1]["data"][:-64]}],
        lambda events: [events[-1] | {"data": 7}],
    ],
)
def test_events_that_make_no_sense_are_no_answer(
    world: World, change: Callable[[list[dict[str, Any]]], Any]
) -> None:
    with endpoint(with_log(world, change)) as (url, _), pytest.raises(Unavailable):
        verify_bundle(world.label_bundle(), chain=JsonRpcChain(url))


def test_an_event_of_another_root_is_refused(world: World) -> None:
    other = show(seeded("root") + word(1))
    changed = with_log(world, lambda events: [event | {"data": other} for event in events])
    refused(world.label_bundle(), changed, 14, "root of the anchored head")


def test_refusals_that_come_with_an_error_status_are_refusals(world: World, chain: Chain) -> None:
    """Many public endpoints answer a question for too many blocks with status 400 and a JSON-RPC error."""
    chain.heads[world.size + 1] = seeded("root")
    chain.most_blocks = NEWEST // 3
    with endpoint(chain, refusal_status=400) as (url, _):
        assert verify_bundle(world.label_bundle(), chain=JsonRpcChain(url)).notes == (KEY_NOTE, POLICY_NOTE)
    with endpoint(chain, refusal_status=503) as (url, _), pytest.raises(Unavailable, match="503"):
        verify_bundle(world.label_bundle(), chain=JsonRpcChain(url))


def test_another_payroll_is_refused(world: World, chain: Chain) -> None:
    chain.settled = (seeded("other payroll"), 300_000, 3)
    refused(world.payment_bundle(), chain, 12, "payroll of the escrow")


def test_a_payroll_that_is_no_longer_pending_is_refused(world: World, chain: Chain) -> None:
    """A void payroll's root may still lie in the struct; the stage says that nothing is pending."""
    chain.settled = (bytes(32), 0, 0)
    refused(world.payment_bundle(), chain, 12, "payroll of the escrow")


def test_an_escrow_of_another_log_is_refused(world: World, chain: Chain) -> None:
    chain.provenance = "0x" + "12" * 20
    refused(world.payment_bundle(), chain, 12, "log of the escrow")


def test_other_evidence_of_a_pending_payroll_is_refused(world: World, chain: Chain) -> None:
    chain.settled, chain.pending, chain.evidence = (bytes(32), 0, 0), chain.settled, 7
    refused(world.payment_bundle(), chain, 12, "evidence of the pending payroll")


@pytest.mark.parametrize(("count", "what"), [(5, "depth of the payroll"), (2, "depth"), (1, "depth")])
def test_another_number_of_positions_is_refused(world: World, chain: Chain, count: int, what: str) -> None:
    chain.settled = (chain.root, 300_000, count)
    refused(world.payment_bundle(), chain, 12, what)


def test_what_bundles_share_is_asked_once(world: World, chain: Chain) -> None:
    memory = Memory()
    with endpoint(chain) as (url, calls):
        reader = JsonRpcChain(url)
        for _ in range(3):
            verify_bundle(world.payment_bundle(), chain=reader, memory=memory)
    assert len(calls) == 4


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"not json", b"[]", b"{}", b"null", b'{"result":5}', b'{"result":"0xzz"}', b'{"result":"0x"}',
        b'{"result":"0x0x1"}', b'{"error":{"code":-1}}', b"[" * 100_000, b"\xff\xfe", b"Location",
        b'{"result":"0x' + b"00" * MAX_ANSWER_BYTES + b'"}',
    ],
)  # fmt: skip
def test_an_endpoint_that_makes_no_sense_is_unavailable(world: World, chain: Chain, answer: bytes) -> None:
    chain.heads[world.size + 1] = seeded("root")
    for spoil in ("eth_chainId", "eth_call", "eth_getBlockByNumber", "eth_getLogs"):

        def spoilt(method: str, params: list[Any], spoil: str = spoil) -> Any:
            return answer if method == spoil else chain(method, params)

        with endpoint(spoilt) as (url, _), pytest.raises(Unavailable):
            verify_bundle(world.payment_bundle(), chain=JsonRpcChain(url))


def test_an_endpoint_that_is_not_there_is_unavailable(world: World, chain: Chain) -> None:
    with endpoint(chain) as (url, _):
        pass
    with pytest.raises(Unavailable):
        verify_bundle(world.label_bundle(), chain=JsonRpcChain(url))


def test_an_endpoint_that_drips_is_given_up(world: World) -> None:
    """Each byte comes in time, the answer never does."""

    def spaces() -> Iterator[bytes]:
        while True:
            yield b" "
            time.sleep(0.01)

    with (
        endpoint(lambda method, params: spaces()) as (url, _),
        pytest.raises(Unavailable, match=r"within|timed out"),
    ):
        verify_bundle(world.label_bundle(), chain=JsonRpcChain(url, timeout=0.2))


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 200 OK\r\nX-A: "])
def test_an_endpoint_whose_head_drips_is_given_up(world: World, before: bytes) -> None:
    with answering(dripping(before)) as url:
        started = time.monotonic()
        with pytest.raises(Unavailable, match=r"within|timed out"):
            verify_bundle(world.label_bundle(), chain=JsonRpcChain(url, timeout=0.5))
        assert time.monotonic() - started < 2.5


@pytest.mark.parametrize("url", ["", "file:///etc/hostname", "ftp://example.com", "localhost:8545"])
def test_only_http_is_spoken(url: str) -> None:
    with pytest.raises(BadInput):
        JsonRpcChain(url)
