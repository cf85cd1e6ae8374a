"""The step that reads a chain, over real HTTP: what the chain says, and what a hostile endpoint may say."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ledger_service.errors import BadInput, Unavailable, VerificationError
from ledger_service.log.tree import Tree
from ledger_service.signing import keccak256
from ledger_service.verify.anchors import NO_PAYROLL_NOTE, PENDING_NOTE
from ledger_service.verify.chain import MAX_ANSWER_BYTES, JsonRpcChain
from ledger_service.verify.verdict import Memory
from ledger_service.verify.verifier import CHAIN_NOTE, KEY_NOTE, verify_bundle
from tests.verify.rpc import Refusal, endpoint
from tests.verify.world import ESCROW, LOG_ADDRESS, World, seeded, show


def word(value: int | bytes | str) -> bytes:
    if isinstance(value, str):
        value = bytes.fromhex(value[2:])
    return value.rjust(32, b"\x00") if isinstance(value, bytes) else value.to_bytes(32, "big")


def selector(signature: str) -> str:
    return "0x" + keccak256(signature.encode())[:4].hex()


class Chain:
    """Answers as the contracts would: ABI by ABI word."""

    def __init__(self, world: World) -> None:
        self.chain_id = "0x7a69"
        self.heads = {world.size: world.tree.root(world.size)}
        self.root = bytes.fromhex(world.payment_openings()["payroll"]["root"][2:])
        self.settled = (self.root, 300_000, 3)
        self.pending: tuple[bytes, int, int] | None = None
        self.evidence = world.size
        self.provenance = LOG_ADDRESS
        self.campaign = world.campaign

    def __call__(self, method: str, params: list[Any]) -> Any:
        if method == "eth_chainId":
            return self.chain_id
        assert method == "eth_call"
        call, block = params
        assert block == "finalized"
        name, argument = call["data"][:10], bytes.fromhex(call["data"][10:])
        if (call["to"], name) == (LOG_ADDRESS, selector("head(uint64)")):
            return self.head(int.from_bytes(argument, "big"), argument)
        assert call["to"] == ESCROW
        if name == selector("provenance()"):
            return show(word(self.provenance))
        assert (name, argument) == (selector("campaign(bytes32)"), self.campaign)
        return show(b"".join(map(word, self.struct())))

    def head(self, size: int, argument: bytes) -> str:
        if size not in self.heads:
            data = selector("NotAnchored(uint64)") + argument.hex()
            raise Refusal({"code": 3, "message": "execution reverted", "data": data})
        return show(self.heads[size] + word(1_770_001_000))

    def struct(self) -> list[int | bytes]:
        pending = self.pending or (b"", 0, 0)
        return [
            *self.settled, 2, int(self.pending is not None), 0, *pending, 1_770_001_100,
            400_000, 0, 0, 0, 0, 0, self.evidence,
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
    assert verdict_notes(world.label_bundle(), chain) == (KEY_NOTE,)


def test_a_payment_that_is_settled_is_proved(world: World, chain: Chain) -> None:
    assert verdict_notes(world.payment_bundle(), chain) == (KEY_NOTE,)


def test_a_payment_that_is_pending_is_proved_and_said_to_be_so(world: World, chain: Chain) -> None:
    chain.settled, chain.pending = (bytes(32), 0, 0), chain.settled
    assert verdict_notes(world.payment_bundle(), chain) == (KEY_NOTE, PENDING_NOTE)


def test_without_a_payroll_nothing_is_compared_with_the_escrow(world: World, chain: Chain) -> None:
    assert verdict_notes(world.payment_bundle({}), chain) == (KEY_NOTE, NO_PAYROLL_NOTE)


def test_without_a_chain_the_verdict_says_so(world: World) -> None:
    assert CHAIN_NOTE in verify_bundle(world.label_bundle()).notes


@pytest.mark.parametrize(("kind", "step"), [("label", 14), ("payment", 12)])
def test_another_chain_is_refused(world: World, chain: Chain, kind: str, step: int) -> None:
    chain.chain_id = "0x1"
    refused(getattr(world, f"{kind}_bundle")(), chain, step, "chain id")


def test_a_head_that_is_not_anchored_is_refused(world: World, chain: Chain) -> None:
    chain.heads = {world.size + 1: seeded("root")}
    refused(world.label_bundle(), chain, 14, "anchored head")


def test_another_root_at_this_size_is_refused(world: World, chain: Chain) -> None:
    chain.heads = {world.size: Tree([seeded("leaf")]).root()}
    refused(world.label_bundle(), chain, 14, "root of the anchored head")


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
    for spoil in ("eth_chainId", "eth_call"):

        def spoilt(method: str, params: list[Any], spoil: str = spoil) -> Any:
            return answer if method == spoil else chain(method, params)

        with endpoint(spoilt) as (url, _), pytest.raises(Unavailable):
            verify_bundle(world.payment_bundle(), chain=JsonRpcChain(url))


def test_a_revert_of_another_kind_is_not_taken_for_a_missing_head(world: World) -> None:
    def reverting(method: str, params: list[Any]) -> Any:
        if method == "eth_chainId":
            return "0x7a69"
        raise Refusal({"code": 3, "data": selector("NotAnchored(uint64)") + word(7).hex()})

    with endpoint(reverting) as (url, _), pytest.raises(Unavailable):
        verify_bundle(world.label_bundle(), chain=JsonRpcChain(url))


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

    with endpoint(lambda method, params: spaces()) as (url, _), pytest.raises(Unavailable, match="too long"):
        verify_bundle(world.label_bundle(), chain=JsonRpcChain(url, timeout=0.2))


@pytest.mark.parametrize("url", ["", "file:///etc/hostname", "ftp://example.com", "localhost:8545"])
def test_only_http_is_spoken(url: str) -> None:
    with pytest.raises(BadInput):
        JsonRpcChain(url)
