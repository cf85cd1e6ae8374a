"""The escrow's terms, and the campaign id that follows from them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_abi import encode as abi_encode
from eth_utils import keccak
from hypothesis import given
from hypothesis import strategies as st

from ledger_service.errors import BadInput
from ledger_service.terms import Terms, campaign_id

addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
terms_values = st.builds(
    Terms,
    requester=addresses,
    operator=addresses,
    arbiter=addresses,
    token=addresses,
    fee_bps=st.integers(0, 2**16 - 1),
    window=st.integers(0, 2**32 - 1),
    deadline=st.integers(0, 2**40 - 1),
    bond=st.integers(0, 2**128 - 1),
    label_price=st.integers(0, 2**64 - 1),
    part=st.integers(0, 2**32 - 1),
    brief=st.binary(min_size=32, max_size=32),
)
TERMS = Terms(
    requester="0x" + "01" * 20,
    operator="0x" + "02" * 20,
    arbiter="0x" + "03" * 20,
    token="0x" + "04" * 20,
    fee_bps=500,
    window=86_400,
    deadline=10**9,
    bond=10**24,
    label_price=50_000,
    part=2,
    brief=bytes(32),
)
SOLIDITY = ["address"] * 4 + ["uint16", "uint32", "uint40", "uint128", "uint64", "uint32", "bytes32"]


@given(terms_values)
def test_terms_round_trip_through_json(terms: Terms) -> None:
    assert Terms.from_json(terms.to_json()) == terms


@given(terms_values, st.integers(0, 2**256 - 1), addresses)
def test_the_campaign_id_is_the_contracts(terms: Terms, chain_id: int, escrow: str) -> None:
    values = [getattr(terms, name) for name in Terms.__slots__]
    words = abi_encode(["uint256", "address", f"({','.join(SOLIDITY)})"], [chain_id, escrow, tuple(values)])
    assert len(words) == 13 * 32
    assert campaign_id(terms, chain_id, escrow) == bytes(keccak(words))


def test_json_has_soliditys_names() -> None:
    value = TERMS.to_json()
    assert value["feeBps"] == 500
    assert value["bond"] == "1000000000000000000000000"
    assert (value["labelPrice"], value["part"]) == ("50000", 2)
    assert value["brief"] == "0x" + "00" * 32


@pytest.mark.parametrize(
    "change",
    [
        {"more": 1},
        {"requester": "0x" + "AB" * 20},
        {"requester": None},
        {"feeBps": 65_536},
        {"feeBps": -1},
        {"feeBps": "500"},
        {"feeBps": True},
        {"feeBps": 500.0},
        {"window": 2**32},
        {"deadline": 2**40},
        {"bond": 5},
        {"bond": "05"},
        {"bond": "-5"},
        {"bond": "٥"},
        {"bond": str(2**128)},
        {"bond": "9" * 5000},
        {"labelPrice": 50_000},
        {"labelPrice": str(2**64)},
        {"labelPrice": "9" * 21},
        {"part": "2"},
        {"part": 2**32},
        {"part": True},
        {"brief": "00" * 32},
        {"brief": "0x" + "AA" * 32},
        {"brief": "0x00"},
    ],
)
def test_other_json_is_no_terms(change: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        Terms.from_json(TERMS.to_json() | change)


def test_missing_values_are_noticed() -> None:
    value = TERMS.to_json()
    del value["arbiter"]
    for other in (value, [], None):
        with pytest.raises(BadInput):
            Terms.from_json(other)


def test_values_their_type_does_not_hold_have_no_id() -> None:
    for terms in (replace(TERMS, fee_bps=2**16), replace(TERMS, brief=b""), replace(TERMS, token="0x12")):
        with pytest.raises(BadInput):
            campaign_id(terms, 1, TERMS.token)
    with pytest.raises(BadInput):
        campaign_id(TERMS, -1, TERMS.token)
