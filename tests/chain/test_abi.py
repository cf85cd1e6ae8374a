"""Calls, results, events and errors, against the compiler's own artifacts."""

from __future__ import annotations

import json
from pathlib import Path

import eth_abi.abi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_service.chain import abi
from ledger_service.chain.abi import Artifact
from ledger_service.chain.client import Log
from ledger_service.chain.contracts import CampaignEscrow, Claim
from ledger_service.errors import BadInput, Corrupt, Unavailable
from ledger_service.signing import keccak256
from ledger_service.terms import Terms, campaign_id

Artifacts = dict[str, Artifact]
TERMS = Terms(
    requester="0x" + "11" * 20,
    operator="0x" + "22" * 20,
    arbiter="0x" + "33" * 20,
    token="0x" + "44" * 20,
    fee_bps=250,
    window=86_400,
    deadline=1_900_000_000,
    bond=7,
    label_price=5,
    part=3,
    brief=bytes(range(32)),
)
TERMS_TYPE = "(address,address,address,address,uint16,uint32,uint40,uint128,uint64,uint32,bytes32)"


def _log(topics: list[bytes], data: bytes) -> Log:
    return Log("0x" + "aa" * 20, tuple(topics), data, 1, bytes(32), bytes(32), 0)


def test_calls_have_the_signature_s_selector_and_the_terms_words(artifacts: Artifacts) -> None:
    escrow = CampaignEscrow(artifacts, "0x" + "aa" * 20)
    call = escrow.settle(TERMS)
    assert call[:4] == keccak256(f"settle({TERMS_TYPE})".encode())[:4]
    assert call[4:] == TERMS.encode()
    many = escrow.claim_many(TERMS, [Claim(3, "0x" + "55" * 20, 9, (bytes(32), bytes(32)))])
    signature = f"claimMany({TERMS_TYPE},(uint256,address,uint256,bytes32[])[])"
    assert many[:4] == keccak256(signature.encode())[:4]
    assert many[4 : 4 + 352] == TERMS.encode()


def test_values_of_other_types_are_refused(artifacts: Artifacts) -> None:
    token = artifacts["LocalToken"]
    for amount in (-1, 1 << 256, "5", None, b"5"):
        with pytest.raises(BadInput, match="not what the contract takes"):
            token.call("mint", "0x" + "11" * 20, amount)
    with pytest.raises(BadInput):
        token.call("mint", "0x11", 5)
    with pytest.raises(BadInput):
        token.call("mint", "0x" + "11" * 20)
    with pytest.raises(BadInput):
        artifacts["ProvenanceLog"].creation()


def test_an_event_with_a_struct_is_decoded(artifacts: Artifacts) -> None:
    campaign = campaign_id(TERMS, 1, "0x" + "aa" * 20)
    topic = keccak256(f"Opened(bytes32,{TERMS_TYPE})".encode())
    event = artifacts["CampaignEscrow"].event(_log([topic, campaign], TERMS.encode()))
    assert event is not None
    assert (event.name, list(event.args)) == ("Opened", ["id", "terms"])
    stored = abi.to_json(event.args)
    assert isinstance(stored, dict)
    assert stored["id"] == "0x" + campaign.hex()
    assert stored["terms"] == [
        *("0x" + digits * 20 for digits in ("11", "22", "33", "44")),
        *("250", "86400", "1900000000", "7", "5", "3"),
        "0x" + bytes(range(32)).hex(),
    ]
    json.dumps(stored)


ADDRESSES = st.binary(min_size=20, max_size=20)


@given(account=ADDRESSES, to=ADDRESSES, amount=st.integers(0, 2**256 - 1))
def test_claims_are_read_back(artifacts: Artifacts, account: bytes, to: bytes, amount: int) -> None:
    topic = keccak256(b"Claimed(bytes32,address,address,uint256)")
    data = eth_abi.abi.encode(["address", "uint256"], ["0x" + to.hex(), amount])
    log = _log([topic, bytes(32), bytes(12) + account], data)
    event = artifacts["CampaignEscrow"].event(log)
    assert event is not None
    assert event.args == {
        "id": bytes(32), "account": "0x" + account.hex(), "to": "0x" + to.hex(), "amount": amount
    }  # fmt: skip


def test_events_of_others_are_none_and_malformed_ones_corrupt(artifacts: Artifacts) -> None:
    escrow = artifacts["CampaignEscrow"]
    assert escrow.event(_log([], b"")) is None
    assert escrow.event(_log([keccak256(b"Other()")], b"")) is None
    topic = keccak256(b"Claimed(bytes32,address,address,uint256)")
    for topics, data in (
        ([topic], bytes(64)),
        ([topic, bytes(32), bytes(32)], bytes(63)),
        ([topic, bytes(32), b"\x01" + bytes(31)], bytes(64)),
        ([topic, bytes(32), bytes(32)], b"\x01" + bytes(63)),
    ):
        with pytest.raises(Corrupt, match="event Claimed"):
            escrow.event(_log(topics, data))


def test_reverts_are_put_in_words(artifacts: Artifacts) -> None:
    error = keccak256(b"Error(string)")[:4] + eth_abi.abi.encode(["string"], ["not yet"])
    panic = keccak256(b"Panic(uint256)")[:4] + (0x11).to_bytes(32, "big")
    custom = keccak256(b"TooEarly(uint256)")[:4] + (99).to_bytes(32, "big")
    assert abi.explain(error) == "not yet"
    assert abi.explain(panic) == "panic 0x11"
    assert abi.explain(custom, artifacts) == "TooEarly(until=99)"
    assert abi.explain(custom) == "reverted with 0x" + custom.hex()
    assert abi.explain(custom[:20], artifacts) == "TooEarly(?)"
    assert abi.explain(error[:40]) == "reverted with a malformed reason"
    assert abi.explain(b"") == "reverted without a reason"


@given(st.binary(max_size=300))
def test_any_bytes_are_explained(artifacts: Artifacts, revert: bytes) -> None:
    assert abi.explain(revert, artifacts)
    assert abi.explain(keccak256(b"Error(string)")[:4] + revert)


def test_a_result_of_another_form_is_corrupt(artifacts: Artifacts) -> None:
    with pytest.raises(Corrupt, match=r"ProvenanceLog\.latest"):
        artifacts["ProvenanceLog"].result("latest", bytes(32))


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"A":{}}', '{"A":{"abi":[],"bytecode":"0xzz"}}', '{"A":1}']
)
def test_a_file_that_holds_no_artifacts_is_corrupt(tmp_path: Path, content: str) -> None:
    file = tmp_path / "contracts.json"
    with pytest.raises(Unavailable, match="no contract artifacts"):
        abi.load_artifacts(file)
    file.write_text(content)
    with pytest.raises(Corrupt):
        abi.load_artifacts(file)
