"""The entries: EIP-712 structs that decode from their own bytes, compared with another implementation."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_service import entries
from ledger_service.entries import Domain, Receipt, Statement, Struct
from ledger_service.errors import BadInput, BadSignature
from ledger_service.signing import Wallet

KINDS = (*entries.ENTRY_TYPES, Receipt, Statement)
DOMAIN = Domain(31337, "0x" + "5f" * 20)
WALLET = Wallet(b"\x07" * 32)


def values_of(solidity: str) -> st.SearchStrategy[Any]:
    if solidity == "bytes32":
        return st.binary(min_size=32, max_size=32)
    if solidity == "address":
        return st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
    if solidity == "bool":
        return st.booleans()
    bits = int(solidity.lstrip("uint"))
    return (
        st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        if solidity[0] == "i"
        else st.integers(0, 2**bits - 1)
    )


@st.composite
def structs(draw: st.DrawFn, kind: type[Struct]) -> Struct:
    return kind(**{name: draw(values_of(solidity)) for name, solidity in entries.layout(kind)})


def typed_data(struct: Struct) -> dict[str, Any]:
    """The struct as a wallet gets it (eth_signTypedData_v4)."""
    kind = type(struct)
    return {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            kind.__name__: [
                {"name": entries.camel(name), "type": solidity} for name, solidity in entries.layout(kind)
            ],
        },
        "primaryType": kind.__name__,
        "domain": {
            "name": "crowdledger",
            "version": "1",
            "chainId": DOMAIN.chain_id,
            "verifyingContract": DOMAIN.verifying_contract,
        },
        "message": {entries.camel(name): getattr(struct, name) for name, _ in entries.layout(kind)},
    }


def test_there_are_nineteen_types_of_entries() -> None:
    assert len(entries.ENTRY_TYPES) == len({entries.type_hash(kind) for kind in KINDS}) - 2 == 19


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_digests_are_those_of_another_implementation(kind: type[Struct], data: st.DataObject) -> None:
    struct = data.draw(structs(kind))
    signable = encode_typed_data(full_message=typed_data(struct))
    theirs = keccak(b"\x19" + signable.version + signable.header + signable.body)
    assert signable.header == DOMAIN.separator()
    assert entries.digest(struct, DOMAIN) == bytes(theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wallets_signature_recovers_to_the_wallet(kind: type[Struct]) -> None:
    struct = kind(**{name: smallest(solidity) for name, solidity in entries.layout(kind)})
    signed = Account.sign_typed_data(WALLET.secret(), full_message=typed_data(struct))
    parity = signed.v - 27
    compact = signed.r.to_bytes(32, "big") + (signed.s | parity << 255).to_bytes(32, "big")
    entries.check_signer(struct, compact, DOMAIN, WALLET.address)
    assert WALLET.sign(entries.digest(struct, DOMAIN)) == compact


def smallest(solidity: str) -> Any:
    return {"bytes32": bytes(32), "address": entries.ZERO_ADDRESS, "bool": False}.get(solidity, 0)


@pytest.mark.parametrize("kind", entries.ENTRY_TYPES)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_entries_round_trip(kind: type[Struct], data: st.DataObject) -> None:
    struct = data.draw(structs(kind))
    signature = data.draw(st.binary(min_size=1, max_size=200)) if kind.signer else b""
    entry = entries.encode(struct, signature)
    assert entries.decode(entry.raw) == entry
    assert (entry.struct, entry.signature) == (struct, signature)
    assert entry.raw == entries.preimage(struct) + signature
    assert entry.leaf == hashlib.sha256(b"\x00" + entry.raw).digest()


@pytest.mark.parametrize("kind", entries.ENTRY_TYPES)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_what_decodes_encodes_to_the_same_bytes(kind: type[Struct], data: st.DataObject) -> None:
    """No two byte strings are the same entry: bits that a type does not have are refused."""
    size = 32 * len(entries.layout(kind)) + (64 if kind.signer else 0)
    raw = entries.type_hash(kind) + data.draw(st.binary(min_size=size, max_size=size))
    try:
        entry = entries.decode(raw)
    except BadInput:
        return
    assert entries.encode(entry.struct, entry.signature).raw == raw


@given(st.binary(max_size=600))
def test_other_bytes_are_no_entry(raw: bytes) -> None:
    with pytest.raises(BadInput):
        entries.decode(raw)


@pytest.mark.parametrize("kind", entries.ENTRY_TYPES)
def test_an_entry_has_a_signature_exactly_when_its_type_is_signed(kind: type[Struct]) -> None:
    struct = kind(**{name: smallest(solidity) for name, solidity in entries.layout(kind)})
    signature = b"" if kind.signer else bytes(64)
    with pytest.raises(BadInput):
        entries.encode(struct, signature)
    with pytest.raises(BadInput):
        entries.decode(entries.preimage(struct) + signature)


@pytest.mark.parametrize("kind", [Receipt, Statement])
def test_receipts_and_statements_are_no_entries(kind: type[Struct]) -> None:
    struct = kind(**{name: smallest(solidity) for name, solidity in entries.layout(kind)})
    with pytest.raises(BadInput, match="unknown entry type"):
        entries.decode(entries.preimage(struct) + bytes(64))


def test_an_entry_has_at_most_65535_bytes() -> None:
    grant = entries.SessionGrant(WALLET.address, WALLET.address, bytes(32), 0, 1)
    room = 65_535 - len(entries.preimage(grant))
    entry = entries.encode(grant, bytes(room))
    assert entries.decode(entry.raw) == entry
    with pytest.raises(BadInput):
        entries.encode(grant, bytes(room + 1))
    with pytest.raises(BadInput):
        entries.decode(entry.raw + b"\x00")


@pytest.mark.parametrize(
    ("solidity", "value"),
    [
        ("bytes32", bytes(31)),
        ("bytes32", "0x" + "00" * 32),
        ("address", "0x" + "AB" * 20),
        ("address", "ab" * 20),
        ("address", "0x" + "ab" * 20 + "\n"),
        ("address", bytes(20)),
        ("bool", 1),
        ("uint8", 256),
        ("uint64", -1),
        ("uint64", True),
        ("uint64", 1.0),
        ("uint64", "1"),
        ("uint256", 2**256),
        ("int256", 2**255),
        ("int256", -(2**255) - 1),
    ],
)
def test_a_value_its_type_does_not_hold_is_refused(solidity: str, value: object) -> None:
    with pytest.raises(BadInput):
        entries.encode_word(solidity, value)


def test_a_signature_of_somebody_else_is_refused() -> None:
    other = Wallet(b"\x08" * 32)
    receipt = Receipt(bytes(32), 0, 1)
    signature = WALLET.sign(entries.digest(receipt, DOMAIN))
    with pytest.raises(BadSignature, match=WALLET.address):
        entries.check_signer(receipt, signature, DOMAIN, other.address)


def test_a_signature_is_of_one_chain_and_one_contract() -> None:
    receipt = Receipt(bytes(32), 0, 1)
    found = {
        entries.digest(receipt, domain)
        for domain in (DOMAIN, Domain(1, DOMAIN.verifying_contract), Domain(31337, "0x" + "5e" * 20))
    }
    assert len(found) == 3
